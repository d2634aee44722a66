/* patchbay up: set-up and the loop. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "node/link.h"
#include "node/up_int.h"

#define MAX_SAY      1024
#define MAX_WAIT     60000 /* ms in one poll */
#define FLUSH_MS     1000  /* at the end */
#define WATCH_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ATTRIB)

enum { POLL_SIGNALS, POLL_WATCH, POLL_HTTP, POLL_LOG, POLL_CONTROL, POLL_CLIENT, POLL_CHILDREN };

void up_say(struct up *up, const char *format, ...)
{
    char text[MAX_SAY];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0)
        up_log_line(&up->log, "up", text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* ---- signals ---- */

static void on_stop(struct up *up, int64_t now)
{
    up_stop(up, now);
}

static void on_hangup(struct up *up, int64_t now)
{
    char answer[UP_MAX_ANSWER], *line = answer, *end;

    if (!up_reload(up, now, answer))
        up_say(up, "not loaded again");
    for (; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        up_say(up, "%s", line);
    }
    if (*line)
        up_say(up, "%s", line);
}

static const struct {
    int number;
    void (*handle)(struct up *up, int64_t now);
} signals[] = {{SIGCHLD, up_reap}, {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};

/* An ignored signal, as a shell leaves them to what it runs in the background, would never be read. */
static bool open_signals(struct up *up)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaddset(&set, signals[i].number);
        sigaction(signals[i].number, &usual, NULL);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    up->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return up->signal_fd >= 0;
}

static void read_signals(struct up *up, int64_t now)
{
    struct signalfd_siginfo info;

    while (read(up->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
            if (signals[i].number == (int)info.ssi_signo)
                signals[i].handle(up, now);
        }
    }
}

/* ---- the run directory ---- */

static bool open_watch(struct up *up)
{
    up->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return up->watch_fd >= 0 && inotify_add_watch(up->watch_fd, up->agents[0]->run_dir, WATCH_EVENTS) >= 0;
}

/* The broker's socket may have appeared. Our own files appear there too. */
static void read_watch(struct up *up, int64_t now)
{
    char events[4096] __attribute__((aligned(8)));
    ssize_t n;

    while ((n = read(up->watch_fd, events, sizeof events)) > 0) {
        for (char *p = events; p < events + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)p;

            if (e->len && strcmp(e->name, UP_ADMIN_SOCKET) == 0 && !up->answers)
                up->ask_at = now;
            p += sizeof *e + e->len;
        }
    }
}

/* ---- the loop ---- */

static int64_t fill(struct up *up, struct pollfd *p)
{
    int64_t http_due = http_call_interest(up->http, &p[POLL_HTTP].fd, &p[POLL_HTTP].events);

    p[POLL_SIGNALS] = (struct pollfd){.fd = up->signal_fd, .events = POLLIN};
    p[POLL_WATCH] = (struct pollfd){.fd = up->watch_fd, .events = POLLIN};
    p[POLL_CONTROL] = (struct pollfd){.fd = up->control_fd, .events = POLLIN};
    p[POLL_CLIENT] = (struct pollfd){.fd = up->client_fd, .events = POLLIN};
    p[POLL_LOG] = (struct pollfd){.fd = up_log_waits(&up->log) ? up->log.fd : -1, .events = POLLOUT};
    for (size_t i = 0; i < up->n_children; i++)
        p[POLL_CHILDREN + i] = (struct pollfd){.fd = up->children[i].out, .events = POLLIN};
    return http_due;
}

static void turn(struct up *up, struct pollfd **polled)
{
    int64_t now = pb_now(), due = up_advance(up, now);
    int64_t http_due, wait;
    struct pollfd *p;

    up_sweep(up);
    *polled = p = pb_realloc(*polled, (POLL_CHILDREN + up->n_children) * sizeof *p);
    if (up->dirty)
        up_save(up);
    if (up->phase == UP_DONE)
        return;
    http_due = fill(up, p);
    wait = (due < http_due ? due : http_due) - now;
    wait = wait < 0 ? 0 : wait < MAX_WAIT ? wait : MAX_WAIT;
    if (poll(p, POLL_CHILDREN + up->n_children, (int)wait) < 0)
        return; /* EINTR; signals come by signal_fd */
    now = pb_now();
    if (p[POLL_LOG].revents)
        up_log_write(&up->log);
    for (size_t i = 0; i < up->n_children; i++) {
        if (p[POLL_CHILDREN + i].revents)
            up_child_read(up, &up->children[i]);
    }
    if (http_call_turn(up->http, now, p[POLL_HTTP].revents))
        up_answered(up, now);
    if (p[POLL_WATCH].revents)
        read_watch(up, now);
    if (p[POLL_SIGNALS].revents)
        read_signals(up, now);
    if (p[POLL_CONTROL].revents || p[POLL_CLIENT].revents)
        up_control_turn(up, now);
}

static int run(struct up *up)
{
    struct pollfd *p = NULL;
    char path[PATH_MAX];

    up_say(up, "%s: %zu processes, run directory %s", up->agents[0]->agent_name, up->n_children,
           up->agents[0]->run_dir);
    while (up->phase != UP_DONE)
        turn(up, &p);
    if (up->killed)
        up_say(up, "stopped; killed: %u", up->killed);
    else
        up_say(up, "stopped");
    if (cmd_join(path, up->agents[0]->run_dir, UP_STATE_FILE))
        unlink(path);
    up_log_flush(&up->log, FLUSH_MS);
    free(p);
    return up->status;
}

/* ---- set-up ---- */

static int complain(const char *what, const char *which)
{
    fprintf(stderr, "patchbay up: %s%s%s: %s\n", what, *which ? " " : "", which, strerror(errno));
    return CMD_FAILED;
}

static int take_dirs(struct up *up)
{
    const char *run_dir = up->agents[0]->run_dir;

    for (size_t i = 0; i < up->n_agents; i++) {
        if (!up_make_dir(up->agents[i]->data_dir))
            return complain("the directory", up->agents[i]->data_dir);
    }
    if (!up_make_dir(run_dir))
        return complain("the directory", run_dir);
    up->lock_fd = up_lock(run_dir);
    if (up->lock_fd >= 0)
        return CMD_OK;
    if (errno != EAGAIN)
        return complain("a lock in", run_dir);
    fprintf(stderr, "patchbay up: another supervisor is running in %s\n", run_dir);
    return CMD_FAILED;
}

static int label_width(const struct up *up)
{
    size_t width = 0;

    for (size_t i = 0; i < up->n_children; i++) {
        size_t n = strlen(up->children[i].label);

        width = n > width ? n : width;
    }
    return width < UP_MAX_LABEL ? (int)width : UP_MAX_LABEL;
}

static int open_all(struct up *up)
{
    int status = take_dirs(up);

    if (status)
        return status;
    if (!cmd_bin_dir(up->bin_dir) || !cmd_join(up->admin_socket, up->agents[0]->run_dir, UP_ADMIN_SOCKET))
        return complain("the path of this program", "");
    if (!open_signals(up))
        return complain("signals", "");
    if (!open_watch(up))
        return complain("a watch on", up->agents[0]->run_dir);
    if (!up_control_open(up))
        return complain("a socket in", up->agents[0]->run_dir);
    up->http = http_call_new();
    if (!up->http)
        return complain("libcurl", "");
    if (!up_plan(up))
        return CMD_USAGE;
    up_log_init(&up->log, STDOUT_FILENO, label_width(up));
    return CMD_OK;
}

static void close_all(struct up *up)
{
    http_call_destroy(&up->http);
    up_control_close(up);
    up_log_fini(&up->log);
    up_plan_fini(up);
    if (up->watch_fd >= 0)
        close(up->watch_fd);
    if (up->signal_fd >= 0)
        close(up->signal_fd);
    if (up->lock_fd >= 0)
        close(up->lock_fd);
    free(up->package_path);
    for (size_t i = 0; i < up->n_agents; i++)
        pbay_agent_conf_destroy(&up->agents[i]);
}

/* ---- arguments ---- */

struct arguments {
    const char *package_path, *only, *without, *env;
};

static const struct {
    const char *name;
    size_t offset;
} options[] = {{"--package-path", offsetof(struct arguments, package_path)},
               {"--connections", offsetof(struct arguments, only)},
               {"--exclude-connections", offsetof(struct arguments, without)},
               {"--env", offsetof(struct arguments, env)}};

static bool set_option(struct arguments *a, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        memcpy((char *)a + options[i].offset, &value, sizeof value);
        return true;
    }
    return false;
}

static int read_arguments(struct up *up, struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && set_option(a, argv[i], argv[i + 1]))
            i++;
        else if (argv[i][0] != '-' && up->n_agents < UP_MAX_AGENTS)
            up->files[up->n_agents++] = argv[i];
        else
            return cmd_misused("up", "%s: not understood", argv[i]);
    }
    if (a->only && a->without)
        return cmd_misused("up", "expected either --connections or --exclude-connections");
    up->only = a->only;
    up->without = a->without;
    return CMD_OK;
}

/* For us and for all that we start: each of them loads the files itself. */
static int set_env_file(const char *file)
{
    char *path = realpath(file, NULL);

    if (!path)
        return cmd_misused("up", "--env: %s: %s", file, strerror(errno));
    setenv("PATCHBAY_ENV_FILE", path, 1);
    free(path);
    return CMD_OK;
}

static int load_all(struct up *up)
{
    static char usual[] = "agent.yaml";
    size_t n = up->n_agents ? up->n_agents : 1;

    if (!up->n_agents)
        up->files[0] = usual;
    for (up->n_agents = 0; up->n_agents < n; up->n_agents++) {
        if (cmd_load(up->files[up->n_agents], up->package_path, &up->agents[up->n_agents]))
            return CMD_USAGE;
        for (size_t i = 0; i < up->n_agents; i++) {
            if (strcmp(up->agents[i]->agent_name, up->agents[up->n_agents]->agent_name) == 0) {
                up->n_agents++;
                return cmd_misused("up", "%s: agent_name: an earlier file has the same", up->files[up->n_agents - 1]);
            }
        }
    }
    return CMD_OK;
}

int cmd_up(int argc, char **argv)
{
    struct up up = {.lock_fd = -1, .signal_fd = -1, .watch_fd = -1, .control_fd = -1, .client_fd = -1};
    struct arguments a = {NULL};
    int status = read_arguments(&up, &a, argc, argv);

    if (!status && a.env)
        status = set_env_file(a.env);
    if (status)
        return status;
    up.package_path = cmd_package_path(a.package_path);
    status = load_all(&up);
    if (!status)
        status = open_all(&up);
    if (!status)
        status = run(&up);
    close_all(&up);
    return status;
}
