/* patchbay interact: a conversation with the agent over the files of its stub connection. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/cmd.h"
#include "node/link.h"
#include "node/stub_file.h"
#include "schema/buf.h"
#include "schema/protocols/default.h"
#include "schema/utf8.h"

#define COMMAND       "interact"
#define CLASS         "StubConnection"
#define MAX_LINE      65536
#define MAX_TIMEOUT   86400000
#define MAX_READ      (16 << 20) /* bytes of the output that are looked at in one go */
#define LOCK_RETRY_MS 5          /* as the stub does: the kernel tells nobody when a lock is free */

struct interact {
    const char *config;
    long timeout_ms; /* how long to wait for answers after the end of standard input */
    bool terminal;
    struct pbay_agent_conf *conf;
    struct pbay_protocols *protocols;
    char input[PATH_MAX], output[PATH_MAX], folder[PATH_MAX]; /* folder: of the output */
    char self[PBAY_MAX_ADDRESS + 1];
    ino_t inode; /* of the output as it was read, up to offset */
    off_t offset;
    int watch, signals;
    bool input_ended, over;
    char line[MAX_LINE]; /* what was typed of a line so far */
    size_t n;
    unsigned sent, got;
    int64_t deadline; /* once the input has ended */
};

static int failed(const char *path)
{
    fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", path, strerror(errno));
    return CMD_FAILED;
}

static void prompt(const struct interact *t)
{
    if (t->terminal && !t->input_ended)
        fputs("> ", stdout);
    fflush(stdout);
}

/* ---- where the files are ---- */

static const char *file_of(const struct interact *t, const struct pbay_conn_conf *conn, const char *key,
                           char path[PATH_MAX])
{
    const struct pbay_conf_value *value = pbay_conn_conf_find(conn, key);
    const char *text = value && value->text ? value->text : key;

    if (text[0] == '/')
        return snprintf(path, PATH_MAX, "%s", text) < PATH_MAX ? path : NULL;
    return cmd_join(path, t->conf->data_dir, text) ? path : NULL;
}

static int find_files(struct interact *t)
{
    const struct pbay_conn_conf *stub = NULL;

    for (size_t i = 0; i < t->conf->n_connections && !stub; i++) {
        if (strcmp(t->conf->connections[i].class_name, CLASS) == 0)
            stub = &t->conf->connections[i];
    }
    if (!stub) {
        fprintf(stderr,
                "patchbay " COMMAND ": %s has no stub connection, which this command speaks through; `patchbay send` "
                "works without\n",
                t->conf->agent_name);
        return CMD_USAGE;
    }
    if (!file_of(t, stub, "input_file", t->input) || !file_of(t, stub, "output_file", t->output)) {
        errno = ENAMETOOLONG;
        return failed(stub->name);
    }
    snprintf(t->folder, sizeof t->folder, "%s", t->output);
    *strrchr(t->folder, '/') = 0;
    snprintf(t->self, sizeof t->self, "%.*s_interact", PBAY_MAX_ADDRESS - 16, t->conf->agent_name);
    return CMD_OK;
}

/* The lock of the stub and of whoever else reads and writes its files; false = we shall end, or cannot. */
static bool lock(struct interact *t, int fd, int operation)
{
    struct pollfd signals = {.fd = t->signals, .events = POLLIN};

    while (flock(fd, operation | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (poll(&signals, 1, LOCK_RETRY_MS) > 0) {
            t->over = true;
            return false;
        }
    }
    return true;
}

/* ---- to the agent ---- */

/* The line whole or not at all. */
static bool append(struct interact *t, const char *path, const struct pb_buf *b)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    struct stat st;
    bool good = fd >= 0 && lock(t, fd, LOCK_EX) && fstat(fd, &st) == 0;
    ssize_t n = good ? write(fd, b->p, b->n) : -1;

    if (n >= 0 && (size_t)n < b->n) {
        good = false;
        if (ftruncate(fd, st.st_size) == 0)
            errno = ENOSPC;
    }
    if (fd >= 0)
        close(fd); /* and with it the lock */
    return good && n >= 0;
}

static int send_line(struct interact *t, struct pbay_str text)
{
    struct pbay_message m = {0};
    struct pb_buf b = {0};
    char starter[24], *head = NULL;
    struct pbay_str bytes;
    int status = CMD_FAILED, n = -1;

    snprintf(starter, sizeof starter, "%ld-%u", (long)getpid(), ++t->sent);
    if (pbay_default_bytes_init(&m, t->protocols, text))
        goto out;
    m.starter = pbay_str(starter);
    if (pbay_message_encode(&m, &bytes))
        goto out;
    n = asprintf(&head, "%s,%s," PBAY_DEFAULT_ID ",", t->conf->agent_name, t->self);
    if (n < 0)
        goto out;
    pb_buf_add(&b, head, (size_t)n);
    pb_buf_add(&b, bytes.p, bytes.n);
    pb_buf_add(&b, ",", 1);
    status = append(t, t->input, &b) || t->over ? CMD_OK : failed(t->input);
out:
    if (status && n < 0)
        fprintf(stderr, "patchbay " COMMAND ": %s\n", m.why);
    pbay_message_fini(&m);
    pb_buf_fini(&b);
    free(head);
    return status;
}

/* ---- from the agent ---- */

/* Whatever was sent does nothing to the terminal: control characters are shown, and so are bytes that are no text. */
static void print_safe(struct pbay_str s)
{
    bool utf8 = pb_is_utf8(s);

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7F;

        if (utf8 && c == 0xC2 && (unsigned char)s.p[i + 1] < 0xA0) /* C1: the same in two bytes */
            printf("\\x%02x", (unsigned char)s.p[++i]);
        else if (control || (c >= 0x80 && !utf8))
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static void print_default(const struct pbay_message *m)
{
    struct pbay_value code;

    if (pbay_message_is(m, PBAY_DEFAULT_PERFORMATIVE_BYTES)) {
        print_safe(pbay_message_str(m, PBAY_DEFAULT_CONTENT_CONTENT));
    } else if (pbay_message_is(m, PBAY_DEFAULT_PERFORMATIVE_ERROR) &&
               pbay_message_value(m, PBAY_DEFAULT_CONTENT_ERROR_CODE, &code)) {
        printf("error %lld: ", (long long)code.i);
        print_safe(pbay_message_str(m, PBAY_DEFAULT_CONTENT_ERROR_MSG));
    } else {
        fputs(m->performative, stdout);
    }
}

static void print_envelope(struct interact *t, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};

    t->got++;
    if (t->terminal)
        putchar('\r');
    print_safe(e->sender);
    if (!pbay_str_eq(e->to, pbay_str(t->self))) {
        fputs(" to ", stdout);
        print_safe(e->to);
    }
    fputs(": ", stdout);
    if (pbay_str_eq(e->protocol_id, pbay_str(PBAY_DEFAULT_ID)) &&
        !pbay_message_decode(&m, t->protocols, e->protocol_id, e->message)) {
        print_default(&m);
    } else {
        print_safe(e->protocol_id);
        printf(", %zu bytes", e->message.n);
    }
    putchar('\n');
    pbay_message_fini(&m);
}

/* What was appended since the last time; a file that is new or shorter is read from its start. */
static bool read_new(struct interact *t, int fd, struct pb_buf *b)
{
    struct stat st;
    ssize_t n;

    if (!lock(t, fd, LOCK_SH) || fstat(fd, &st) != 0)
        return false;
    if (st.st_ino != t->inode || st.st_size < t->offset)
        t->offset = 0;
    t->inode = st.st_ino;
    if (st.st_size - t->offset > MAX_READ) {
        fprintf(stderr, "patchbay " COMMAND ": %s: more than %d bytes at once are not shown\n", t->output, MAX_READ);
        t->offset = st.st_size;
    }
    n = pread(fd, pb_buf_grow(b, (size_t)(st.st_size - t->offset)), (size_t)(st.st_size - t->offset), t->offset);
    b->n = n > 0 ? (size_t)n : 0;
    t->offset += (off_t)b->n;
    return n >= 0;
}

static int look(struct interact *t)
{
    int fd = open(t->output, O_RDONLY | O_CLOEXEC), status = CMD_OK;
    struct pb_buf b = {0};
    struct pbay_envelope e;
    struct pbay_str left;

    if (fd < 0)
        return errno == ENOENT ? CMD_OK : failed(t->output); /* the stub makes it when it connects */
    if (!read_new(t, fd, &b) && !t->over)
        status = failed(t->output);
    left = (struct pbay_str){(const char *)b.p, b.n};
    while (left.n) {
        if (stub_file_next(&left, &e))
            print_envelope(t, &e);
    }
    close(fd);
    pb_buf_fini(&b);
    return status;
}

/* ---- the conversation ---- */

static int take_line(struct interact *t)
{
    unsigned before = t->got;
    int status;

    if (t->n)
        return send_line(t, (struct pbay_str){t->line, t->n});
    status = look(t);
    if (!status && t->got == before)
        puts("nothing new");
    fflush(stdout); /* the next line may wait for the lock */
    return status;
}

static int take_typed(struct interact *t)
{
    char typed[4096];
    ssize_t n = read(STDIN_FILENO, typed, sizeof typed);
    int status = CMD_OK;

    if (n < 0 && errno != EINTR)
        return failed("standard input");
    for (ssize_t i = 0; i < n && !status; i++) {
        if (typed[i] != '\n') {
            if (t->n == sizeof t->line)
                return cmd_misused(COMMAND, "expected lines of at most %d bytes", MAX_LINE);
            t->line[t->n++] = typed[i];
            continue;
        }
        status = take_line(t);
        t->n = 0;
    }
    if (n == 0) {
        t->input_ended = true;
        t->deadline = pb_now() + t->timeout_ms;
        status = t->n ? take_line(t) : CMD_OK;
    }
    prompt(t);
    return status;
}

/* The folder is watched: the file may not be there yet, or be made anew. */
static int take_changes(struct interact *t)
{
    char events[4096];
    unsigned before = t->got;
    int status;

    if (read(t->watch, events, sizeof events) < 0 && errno != EAGAIN)
        return failed(t->folder);
    status = look(t);
    if (t->got != before)
        prompt(t);
    return status;
}

static bool is_over(const struct interact *t)
{
    return t->over || (t->input_ended && (t->got >= t->sent || pb_now() >= t->deadline));
}

static int talk(struct interact *t)
{
    int status = CMD_OK;

    prompt(t);
    while (!status && !is_over(t)) {
        struct pollfd fds[] = {{.fd = t->signals, .events = POLLIN},
                               {.fd = t->watch, .events = POLLIN},
                               {.fd = t->input_ended ? -1 : STDIN_FILENO, .events = POLLIN}};
        int64_t left = t->deadline - pb_now();

        if (poll(fds, 3, !t->input_ended ? -1 : left > 0 ? (int)left : 0) < 0 && errno != EINTR)
            return failed("poll");
        if (fds[0].revents)
            t->over = true;
        if (!t->over && fds[1].revents)
            status = take_changes(t);
        if (!t->over && !status && fds[2].revents)
            status = take_typed(t);
    }
    if (t->terminal)
        putchar('\n');
    return status;
}

static int begin(struct interact *t)
{
    struct stat st;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (t->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
        return failed("signals");
    t->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (t->watch < 0 || inotify_add_watch(t->watch, t->folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return failed(t->folder);
    if (stat(t->output, &st) == 0) { /* what was said before is not ours */
        t->inode = st.st_ino;
        t->offset = st.st_size;
    }
    t->terminal = isatty(STDIN_FILENO);
    t->protocols = pbay_protocols_new();
    return CMD_OK;
}

static int read_arguments(struct interact *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            t->config = argv[++i];
        else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc &&
                 cmd_number(argv[i + 1], 0, MAX_TIMEOUT, &t->timeout_ms))
            i++;
        else
            return cmd_misused(COMMAND, "%s: not understood", argv[i]);
    }
    return CMD_OK;
}

static int run(struct interact *t)
{
    char *package_path = cmd_package_path(NULL);
    int status = cmd_load(t->config, package_path, &t->conf) ? CMD_USAGE : CMD_OK;

    free(package_path);
    if (!status)
        status = find_files(t);
    if (!status)
        status = begin(t);
    return status ? status : talk(t);
}

int cmd_interact(int argc, char **argv)
{
    struct interact *t = pb_alloc(sizeof *t);
    int status;

    t->config = "agent.yaml";
    t->watch = t->signals = -1;
    status = read_arguments(t, argc, argv);
    if (!status)
        status = run(t);
    if (t->watch >= 0)
        close(t->watch);
    if (t->signals >= 0)
        close(t->signals);
    pbay_protocols_destroy(&t->protocols);
    pbay_agent_conf_destroy(&t->conf);
    free(t);
    return status;
}
