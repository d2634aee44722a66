/* The life of a connection process: connect and retry, give each kind of work its turn, watch for stuck slots, drain.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "node/conn_int.h"
#include "schema/harden.h"
#include "schema/visibility.h"

#define MIN_RETRY     100 /* ms until connect is tried again, doubled each time */
#define MAX_RETRY     30000
#define MAX_DOUBLINGS 9
#define GOOD_WHILE    5000 /* ms connected after which the next failure counts as the first */
#define STUCK_AFTER   1000 /* ms in one slot */
#define STUCK_AGAIN   5000 /* ms between two reports of it */
#define WATCH_MS      250  /* between two looks at a slot that runs */
#define IDLE_MS       1000 /* between two looks when none runs */
#define STUCK_GRACE   1000 /* ms after the drain's deadline in which a slot may still return */
#define RELINK_MS     2000 /* ms that a drain waits for a lost link, to say what it has settled */

static const char usage[] =
    "Runs one connection of an agent; `patchbay up` starts it. Its environment:\n"
    "  PATCHBAY_ENDPOINT        the broker, ipc://PATH or tcp://HOST:PORT\n"
    "  PATCHBAY_KEY             for tcp: its own certificate with the secret key; optional\n"
    "  PATCHBAY_BROKER_KEY      for tcp: the broker's certificate, or its public key; optional\n"
    "  PATCHBAY_CONNECTION_DIR  folder of connection.yaml\n"
    "  PATCHBAY_AGENT           name of the agent it belongs to\n"
    "  PATCHBAY_AGENT_FILE      agent.yaml, whose overrides apply and which gives what is not set here; optional\n"
    "  PATCHBAY_PACKAGE_PATH    folders of packages for agent.yaml, separated by colons; optional\n"
    "  PATCHBAY_INSTANCE        instance; default 0\n"
    "  PATCHBAY_DATA_DIR        folder that relative paths are relative to; default: agent.yaml's, else the working "
    "folder\n"
    "  PATCHBAY_DRAIN_MS        time to finish after SIGTERM; default 10000\n"
    "  PATCHBAY_PARENT          process id: exit when that parent dies; optional\n"
    "  PATCHBAY_TRACE           set: print the frames of the link; SIGUSR2 toggles it\n"
    "Exit status: 0 after SIGTERM, 2 for bad configuration, 76 when a newer process has taken its name, 77 when it "
    "was\n"
    "stuck and on_stuck is fail, 78 and 79 when a send has failed and exception_policy is propagate or stop_and_exit,\n"
    "else 1.\n";

/* ---- signals ---- */

/* The only state of the process: what a handler may touch. Atomic, because the stand-in looks at it as well. */
static atomic_int stop_signal, trace_signal, signal_fd = -1;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler may not wait for a lock");

static void on_signal(int number)
{
    const uint64_t one = 1;
    int keep = errno;

    if (number == SIGUSR2)
        trace_signal = 1;
    else if (stop_signal == number)
        _exit(1); /* asked for a second time; a terminal's SIGINT and a supervisor's SIGTERM are one request */
    else
        stop_signal = number;
    if (write(signal_fd, &one, sizeof one) < 0)
        errno = keep; /* it is full: then it is readable as well */
    errno = keep;
}

static void catch_signals(int fd)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    signal_fd = fd;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* A supervisor that is killed leaves no process behind. */
static bool follow_parent(void)
{
    const char *parent = getenv("PATCHBAY_PARENT");

    if (!parent || !*parent)
        return true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == (pid_t)strtol(parent, NULL, 10); /* it may have died before the call */
}

/* ---- states and slots ---- */

/* The mutex is held. */
static void say_report(struct pbay_link *link)
{
    const struct conn_report *r = &link->report;

    pb_session_report(&link->io.session, r->state, r->code, r->text, r->retry_ms);
}

void conn_report(struct pbay_link *link, enum pb_node_state state, enum pbay_err code, const char *text, int64_t retry)
{
    pb_link_lock(&link->io);
    link->report.state = state;
    link->report.code = code;
    link->report.retry_ms = (uint32_t)retry;
    snprintf(link->report.text, sizeof link->report.text, "%s", text);
    say_report(link);
    pb_link_unlock(&link->io, true);
}

void conn_call_begin(struct conn_call *call, const char *op, int64_t now)
{
    atomic_store_explicit(&call->since, now, memory_order_relaxed);
    atomic_store_explicit(&call->stuck_at, now + STUCK_AFTER, memory_order_relaxed);
    atomic_store_explicit(&call->op, op, memory_order_release);
}

/* It was said to be stuck and is not; the mutex is held. */
static void say_unstuck(struct pbay_link *link, struct conn_call *call)
{
    if (atomic_exchange(&call->stuck, false))
        say_report(link);
}

void conn_call_end(struct pbay_link *link, struct conn_call *call)
{
    atomic_store(&call->op, NULL);
    if (!atomic_load(&call->stuck))
        return;
    pb_link_lock(&link->io);
    say_unstuck(link, call);
    pb_link_unlock(&link->io, true);
}

void conn_op_begin(struct pbay_link *link, const char *op)
{
    conn_call_begin(&link->call, op, pb_now());
}

void conn_op_end(struct pbay_link *link)
{
    conn_call_end(link, &link->call);
}

/* ---- the link's share; the mutex is held ---- */

static void say_stuck(struct pbay_link *link, struct conn_call *call, const char *op, int64_t now)
{
    char text[CONN_WHY];

    snprintf(text, sizeof text, "stuck: %s for %lld s", op, (long long)(now - call->since) / 1000);
    pb_session_report(&link->io.session, link->report.state, PBAY_TIMEOUT, text, 0);
    call->stuck_at = now + STUCK_AGAIN;
    atomic_store(&call->stuck, true);
    if (!atomic_load(&call->op))
        say_unstuck(link, call); /* it ended in the meantime, perhaps before it could see that */
}

/* No other thread can make it return: with it the process ends. */
static void enforce_watch(const struct pbay_link *link, const char *op, int64_t stuck_for)
{
    static const char *const words[] = {[PBAY_STUCK_RESTART] = "restart", [PBAY_STUCK_FAIL] = "fail"};
    enum pbay_stuck action = link->conf->on_stuck;

    if (action == PBAY_STUCK_WAIT || stuck_for < link->conf->stuck_timeout_ms)
        return;
    fprintf(stderr, "%s: stuck: %s for %lld s; on_stuck: %s\n", link->conf->name, op, (long long)stuck_for / 1000,
            words[action]);
    _exit(action == PBAY_STUCK_FAIL ? PB_EXIT_STUCK : 1);
}

/* true = some slot runs. */
static bool watch_calls(struct pbay_link *link, int64_t now)
{
    bool any = false;

    for (struct conn_call *call = link->calls; call; call = call->next) {
        const char *op = atomic_load(&call->op);

        if (!op)
            continue;
        any = true;
        if (now >= call->stuck_at)
            say_stuck(link, call, op, now);
        enforce_watch(link, op, now - call->since);
    }
    return any;
}

/* A stuck slot cannot hold up the end of the process for ever. */
static void enforce_stop(struct pbay_link *link, int64_t now)
{
    const char *op;

    if (link->stop_at == 0)
        link->stop_at = now;
    if (link->call.stuck && !link->io.session.draining)
        pb_session_drain(&link->io.session); /* the ops thread will not */
    if (now - link->stop_at <= link->drain_ms + STUCK_GRACE)
        return;
    op = atomic_load(&link->call.op);
    fprintf(stderr, "%s: stuck in %s; left: %zu envelopes\n", link->conf->name, op ? op : "no slot",
            link->io.session.n_retained + link->io.session.n_started);
    _exit(1);
}

static int64_t on_turn(void *self, int64_t now)
{
    struct pbay_link *link = self;

    if (!watch_calls(link, now))
        return now + IDLE_MS;
    if (stop_signal && link->call.op)
        enforce_stop(link, now);
    return now + WATCH_MS;
}

/* ---- connect and disconnect ---- */

static int64_t retry_delay(struct pbay_link *link, int64_t now)
{
    unsigned doublings = link->failures < MAX_DOUBLINGS ? link->failures : MAX_DOUBLINGS;
    int64_t bound = (int64_t)MIN_RETRY << doublings;
    uint32_t r = 0;

    if (link->connected_at && now - link->connected_at > GOOD_WHILE)
        bound = MIN_RETRY;
    link->failures = bound == MIN_RETRY ? 1 : link->failures + 1;
    link->connected_at = 0;
    if (bound > MAX_RETRY)
        bound = MAX_RETRY;
    (void)pb_random(&r, sizeof r);
    return bound / 2 + r % (bound / 2 + 1);
}

static void disconnect(struct pbay_link *link)
{
    link->connected = false;
    link->timer_at = INT64_MAX;
    if (!link->ops->disconnect)
        return;
    conn_op_begin(link, "disconnect");
    link->ops->disconnect(link->self);
    conn_op_end(link);
}

void conn_reconnect(struct pbay_link *link, enum pbay_err err)
{
    int64_t now = pb_now(), delay = retry_delay(link, now);
    char why[CONN_WHY];

    snprintf(why, sizeof why, "%s", link->why[0] ? link->why : pbay_err_text(err));
    disconnect(link);
    conn_end_pending(link);
    link->connect_at = now + delay;
    conn_report(link, PB_ST_CONNECTING, err, why, delay);
}

static void try_connect(struct pbay_link *link)
{
    enum pbay_err err = PBAY_OK;

    if (!conn_certs_ready(link))
        return;
    if (link->failures == 0)
        conn_report(link, PB_ST_CONNECTING, PBAY_OK, "", 0); /* otherwise the reason for the retry stands */
    link->why[0] = 0;
    if (link->ops->connect) {
        conn_op_begin(link, "connect");
        err = link->ops->connect(link->self, link);
        conn_op_end(link);
    }
    if (err) {
        conn_reconnect(link, err);
        return;
    }
    link->connected = link->want_receive = true;
    link->connected_at = pb_now();
    conn_unblock(link);
    conn_report(link, PB_ST_CONNECTED, PBAY_OK, "", 0);
}

/* ---- the loop of the ops thread ---- */

static void fire_timer(struct pbay_link *link)
{
    link->timer_at = INT64_MAX;
    link->want_receive = true;
    if (!link->ops->timer)
        return;
    conn_op_begin(link, "timer");
    link->ops->timer(link->self);
    conn_op_end(link);
}

static void serve(struct pbay_link *link)
{
    link->serve = false;
    conn_op_begin(link, "serve");
    link->ops->serve(link->self);
    conn_op_end(link);
}

static bool is_fatal(struct pbay_link *link, int *verdict)
{
    bool fatal;

    pb_link_lock(&link->io);
    fatal = link->io.session.fatal;
    *verdict = link->verdict;
    pb_link_unlock(&link->io, false);
    return fatal;
}

/* Nothing is under way between the package and its outside world. */
static bool is_quiet(struct pbay_link *link)
{
    bool quiet;

    if (!link->connected || !link->ops->drain)
        return true;
    conn_op_begin(link, "drain");
    quiet = link->ops->drain(link->self);
    conn_op_end(link);
    return quiet;
}

/* DRAIN, SPEC 3.8.1: nothing more is started. Not before the package is quiet: the answers that it waits for are given
 * to it until then. */
static void leave(struct pbay_link *link)
{
    link->leaving = link->draining = true;
    pb_link_lock(&link->io);
    pb_session_drain(&link->io.session);
    pb_link_unlock(&link->io, true);
    conn_report(link, PB_ST_DISCONNECTING, PBAY_SHUTDOWN, "", 0);
}

static bool is_drained(struct pbay_link *link, int64_t now)
{
    const struct pb_session *s = &link->io.session;
    bool quiet = is_quiet(link), drained; /* also the package's turn to serve those who still wait */

    if (!link->leaving && (quiet || now >= link->drain_at))
        leave(link);
    pb_link_lock(&link->io);
    drained = quiet && link->leaving && !link->kept && s->n_started == 0 && s->n_retained == 0 && !s->outcomes.n;
    if (s->state != PB_LINKED && s->n_receivers && now < link->drain_at - link->drain_ms + RELINK_MS)
        drained = false;
    pb_link_unlock(&link->io, false);
    return drained || now >= link->drain_at;
}

static void begin_drain(struct pbay_link *link, int64_t now)
{
    link->stopping = true;
    link->draining = !link->ops->answers;
    link->drain_at = now + link->drain_ms;
}

static void look_at_ends(struct pbay_link *link, int64_t now, int verdict)
{
    if ((stop_signal || verdict) && !link->stopping)
        begin_drain(link, now);
    if (trace_signal) {
        trace_signal = 0;
        atomic_store(&link->io.trace, !atomic_load(&link->io.trace));
    }
}

/* A batch of each kind; true = there may be more at once. */
static bool work(struct pbay_link *link, int64_t now)
{
    bool more = false;

    if (atomic_exchange(&link->woken, false)) {
        link->want_receive = true;
        conn_unblock(link);
    }
    if (link->again && now >= link->again_at)
        conn_unblock(link);
    if (!link->connected && !link->stopping && now >= link->connect_at)
        try_connect(link);
    if (link->connected)
        conn_certs_watch(link, now);
    if (link->connected && now >= link->timer_at)
        fire_timer(link);
    if (link->connected && link->serve)
        serve(link);
    more |= conn_send(link);
    more |= conn_receive(link);
    more |= conn_outcomes(link);
    return more || (link->kept == NULL && link->want_receive && link->connected && !link->draining);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_due(const struct pbay_link *link, int64_t now)
{
    int64_t due = INT64_MAX;

    if (!link->connected && !link->stopping)
        due = link->connect_at;
    if (link->connected)
        due = earlier(due, earlier(link->timer_at, link->cert_at));
    if (link->again)
        due = earlier(due, link->again_at);
    if (link->kept)
        due = earlier(due, now + IDLE_MS);
    if (link->stopping)
        due = earlier(due, earlier(link->drain_at, now + WATCH_MS));
    return due;
}

static void wait_for_work(struct pbay_link *link, int64_t due)
{
    bool may_receive = link->ops->receive && !link->draining && !link->kept;
    bool look = link->connected && link->ops->fd && (may_receive || link->ops->serve);
    bool readable = pb_link_drive(&link->io, due, look ? link->ops->fd(link->self) : -1);

    if (readable && may_receive)
        link->want_receive = true;
    else if (readable)
        link->serve = true;
}

static int run(struct pbay_link *link)
{
    for (;;) {
        int64_t now = pb_now();
        int verdict;
        bool more;

        if (is_fatal(link, &verdict)) {
            fprintf(stderr, "%s: %s\n", link->conf->name, pbay_err_text(PBAY_FENCED));
            return PB_EXIT_FENCED;
        }
        look_at_ends(link, now, verdict);
        more = work(link, now);
        if (link->stopping && is_drained(link, now))
            return verdict;
        wait_for_work(link, more ? now : next_due(link, now));
    }
}

/* ---- beginning and end ---- */

static void say_left(struct pbay_link *link)
{
    size_t left;

    pb_link_lock(&link->io);
    left = link->io.session.n_retained + link->io.session.n_started;
    pb_link_unlock(&link->io, false);
    left += link->kept != NULL;
    if (left)
        fprintf(stderr, "%s: left: %zu envelopes\n", link->conf->name, left);
}

static enum pbay_err open_link(struct pbay_link *link)
{
    struct pb_link_conf conf = {.endpoint = link->endpoint,
                                .self = link,
                                .turn = on_turn,
                                .driven = true,
                                .session = {.role = PB_CONNECTION,
                                            .agent = pbay_str(link->agent),
                                            .name = pbay_str(link->conf->name),
                                            .instance = pbay_str(link->instance),
                                            .public_id = pbay_str(link->conf->public_id_text),
                                            .max_envelopes = CONN_MAX_ENVELOPES,
                                            .max_bytes = CONN_MAX_BYTES}};
    enum pbay_err err = pb_link_open(&link->io, &conf);

    if (err == PBAY_INVALID)
        fprintf(stderr, "PATCHBAY_ENDPOINT: expected ipc://PATH or tcp://HOST:PORT, found '%s'\n", link->endpoint);
    else if (err && err != PBAY_CONFIG)
        fprintf(stderr, "%s: %s: %s\n", link->conf->name, pbay_err_text(err), strerror(errno));
    return err;
}

static int live(struct pbay_link *link)
{
    enum pbay_err err = open_link(link);
    int status = err == PBAY_INVALID || err == PBAY_CONFIG ? 2 : 1;

    if (!err) {
        catch_signals(link->io.wake_fd);
        status = run(link);
        disconnect(link);
        conn_report(link, PB_ST_DISCONNECTED, PBAY_OK, "", 0);
        say_left(link);
        if (link->verdict)
            fprintf(stderr, "%s: a send has failed: %s\n", link->conf->name, link->verdict_why);
    }
    pb_link_close(&link->io, status == 0 || link->verdict);
    conn_ops_fini(link);
    return status;
}

int conn_main(int argc, char **argv, const struct pbay_conn_ops *ops, const struct pbay_sync_ops *sync)
{
    struct pbay_link link = {.ops = ops, .sync = sync, .timer_at = INT64_MAX};
    int status = 2;

    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;

        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    assert(ops->class_name);
    link.calls = &link.call;
    if (!follow_parent())
        return 1;
    if (conn_config_load(&link)) {
        if (link.conf->sandbox)
            pb_harden_enter(&(struct pb_sandbox){.who = link.conf->name});
        link.self = pb_alloc(ops->state_size ? ops->state_size : 1);
        status = live(&link);
        free(link.self);
    }
    conn_certs_fini(&link);
    conn_config_fini(&link);
    return status;
}

PBAY_API int pbay_conn_main(int argc, char **argv, const struct pbay_conn_ops *ops)
{
    return conn_main(argc, argv, ops, NULL);
}
