/* One child process: its start, its output, its end.
 *
 * It is the leader of a process group of its own. A terminal's SIGINT so comes to the supervisor alone, which stops all
 * in order; and what the child has started itself, and left behind, is killed with the group once it has ended. The
 * kernel kills the child when the supervisor dies. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/up_int.h"

#define READ_SIZE  8192
#define MAX_READS  8      /* of one child in one turn, so that none keeps the others waiting */
#define LAST_READS 64     /* once it has ended; more than a pipe holds */
#define MAX_CLOSED 65536  /* descriptors, where the kernel cannot close them all at once */
#define CANNOT_RUN 127    /* exit status, as a shell's */
#define DRAIN_MS   "8000" /* less than is waited for its end, so that a connection can say what it leaves */
#define END_MS     10000

/* ---- in the child ---- */

static void set_environment(const struct up *up, const struct up_child *child)
{
    const struct pbay_agent_conf *broker = up->agents[0], *conf = child->agent ? child->agent : broker;
    const struct {
        const char *name, *value; /* NULL = must not be set */
    } variables[] = {
        {"PATCHBAY_ENDPOINT", cmd_endpoint(broker)},
        {"PATCHBAY_CONNECTION_DIR", child->conn ? child->conn->conf->dir : NULL},
        {"PATCHBAY_INSTANCE", child->instance},
        {"PATCHBAY_AGENT", conf->agent_name},
        {"PATCHBAY_AGENT_FILE", conf->file},
        {"PATCHBAY_PACKAGE_PATH", up->package_path},
        {"PATCHBAY_DATA_DIR", conf->data_dir},
        {"PATCHBAY_RUN_DIR", broker->run_dir},
    };

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (variables[i].value)
            setenv(variables[i].name, variables[i].value, 1);
        else
            unsetenv(variables[i].name);
    }
    setenv("PATCHBAY_DRAIN_MS", DRAIN_MS, 0);
    for (const struct pbay_variable *v = conf->variables; v && child->role == UP_AGENT; v = v->next)
        setenv(v->name, v->value, 0);
}

static void close_rest(void)
{
    if (close_range(3, ~0U, 0) == 0)
        return;
    for (int fd = 3; fd < MAX_CLOSED; fd++)
        close(fd);
}

static void reset_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct up *up, const struct up_child *child, int out, pid_t parent)
{
    int nothing;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); /* it died before the call above */
    nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(1);
    close_rest();
    set_environment(up, child);
    reset_signals();
    execvp(child->argv[0], child->argv);
    dprintf(2, "%s cannot be run: %s\n", child->argv[0], strerror(errno));
    _exit(CANNOT_RUN);
}

/* ---- start ---- */

/* false = errno says why there is no process. */
static bool spawn(struct up *up, struct up_child *child)
{
    pid_t parent = getpid();
    int ends[2], keep;

    if (pipe2(ends, O_CLOEXEC))
        return false;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        child->pid = fork();
    else
        child->pid = -1;
    if (child->pid == 0)
        become(up, child, ends[1], parent);
    keep = errno;
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        child->pid = 0;
        errno = keep;
        return false;
    }
    setpgid(child->pid, child->pid); /* both sides: whoever comes first */
    child->out = ends[0];
    return true;
}

void up_child_start(struct up *up, struct up_child *child, int64_t now)
{
    assert(child->pid == 0 && child->out < 0);
    sv_started(&child->sv, now);
    up->dirty = true;
    child->lines.n = 0;
    child->lines.cut = false;
    child->lines.last[0] = 0;
    if (spawn(up, child)) {
        up_say(up, "%s: started, process %d", child->label, (int)child->pid);
        return;
    }
    snprintf(child->reason, sizeof child->reason, "no process: %s", strerror(errno));
    sv_exited(&child->sv, now, SV_UNCLEAN);
    up_child_ended(up, child, now, SV_UNCLEAN);
}

/* ---- asked to end ---- */

void up_child_end(struct up *up, struct up_child *child, int64_t now)
{
    if (!child->pid || child->kill_at != INT64_MAX)
        return;
    up_say(up, "%s: asked to end", child->label);
    kill(child->pid, SIGTERM);
    child->kill_at = now + END_MS;
}

int64_t up_child_kill_due(struct up *up, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (child->pid && child->kill_at <= now) {
            up_say(up, "%s: has not ended; killed", child->label);
            kill(-child->pid, SIGKILL);
            child->kill_at = INT64_MAX - 1; /* once; this signal cannot be put off */
        }
        if (child->kill_at < next)
            next = child->kill_at;
    }
    return next;
}

/* ---- output ---- */

static void read_output(struct up *up, struct up_child *child, int times)
{
    char bytes[READ_SIZE];
    ssize_t n = 1;

    for (int i = 0; i < times && n > 0; i++) {
        n = read(child->out, bytes, sizeof bytes);
        if (n > 0)
            up_log_take(&up->log, child->label, &child->lines, bytes, (size_t)n);
    }
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    close(child->out);
    child->out = -1;
}

void up_child_read(struct up *up, struct up_child *child)
{
    if (child->out >= 0)
        read_output(up, child, MAX_READS);
}

static void finish_output(struct up *up, struct up_child *child)
{
    if (child->out >= 0)
        read_output(up, child, LAST_READS);
    if (child->out >= 0)
        close(child->out);
    child->out = -1;
    up_log_end(&up->log, child->label, &child->lines);
}

/* ---- end ---- */

/* The last line is the reason, unless there was nothing to complain about. */
static void describe(struct up_child *child, const siginfo_t *info)
{
    bool exited = info->si_code == CLD_EXITED, clean = exited && info->si_status == 0;
    const char *last = clean ? "" : child->lines.last, *colon = *last ? ": " : "";

    if (exited)
        snprintf(child->reason, sizeof child->reason, "exit status %d%s%s", info->si_status, colon, last);
    else
        snprintf(child->reason, sizeof child->reason, "signal %d (%s)%s%s", info->si_status, strsignal(info->si_status),
                 colon, last);
    up_make_plain(child->reason);
}

/* While it is not waited for, its number cannot be another's, so that the group is surely its own. */
static void bury(struct up *up, struct up_child *child, const siginfo_t *info, int64_t now)
{
    int status = info->si_code == CLD_EXITED ? info->si_status : SV_UNCLEAN;

    kill(-child->pid, SIGKILL);
    finish_output(up, child);
    waitpid(child->pid, NULL, 0);
    child->pid = 0;
    describe(child, info);
    sv_exited(&child->sv, now, status);
    up->dirty = true;
    up_child_ended(up, child, now, status);
}

void up_reap(struct up *up, int64_t now)
{
    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];
        siginfo_t info = {.si_pid = 0};

        if (child->pid && waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
            bury(up, child, &info, now);
    }
}
