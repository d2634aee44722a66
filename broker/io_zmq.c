#include "broker/io_zmq.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/capture.h"
#include "schema/buf.h"

#define DRAIN_MESSAGES 256    /* received in one turn before what was decided is sent */
#define MOVE_MIN       4096   /* smaller messages are copied by the core; these may go on as they came */
#define HWM            8192   /* messages; credit keeps far below it */
#define MAX_MESSAGE    65536  /* beside the largest envelope: a batch, metadata, headers */
#define HANDSHAKE_MS   2000   /* a peer that does not finish its ZMTP greeting */
#define DRAIN_MS       5000   /* how long a drain may take */
#define LINGER_MS      1000   /* for the last BYE */
#define KEEPALIVE_S    30     /* without a word from a TCP peer until its kernel is asked */
#define SOCKET_BUFFER  262144 /* bytes in the kernel per peer and direction: the default hides megabytes */
#define MAX_LOST       64     /* peers that cannot be reached and are not told of yet */

struct pb_io {
    void *context, *router, *events;
    struct pb_capture *capture;
    int signals;
    int64_t now;
    bool stop; /* SIGTERM has come */
    struct {
        uint8_t rid[PB_MAX_RID];
        size_t n;
    } lost[MAX_LOST];
    size_t n_lost;
};

int64_t pb_io_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t pb_io_random(void)
{
    uint64_t r;

    if (getrandom(&r, sizeof r, 0) != sizeof r)
        abort();
    return r;
}

/* ---- opening ---- */

static void set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);

    if (rc) {
        fprintf(stderr, "patchbay-broker: zmq_setsockopt %d: %s\n", option, zmq_strerror(errno));
        abort();
    }
}

static void set_limits(void *socket, const struct pbay_agent_conf *conf)
{
    int64_t most = (int64_t)conf->max_envelope + MAX_MESSAGE;

    set_int(socket, ZMQ_LINGER, LINGER_MS);
    set_int(socket, ZMQ_SNDHWM, HWM);
    set_int(socket, ZMQ_RCVHWM, HWM);
    set_int(socket, ZMQ_SNDBUF, SOCKET_BUFFER);
    set_int(socket, ZMQ_RCVBUF, SOCKET_BUFFER);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    /* ZMTP's own heartbeats are left out: libzmq looks for a peer's timer among those of all peers, and ours say the
     * same (SPEC 3.5). What never comes back is the kernel's to find. */
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S);
    set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_S / 3);
    set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
    set_int(socket, ZMQ_BACKLOG, 1024);
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most))
        abort();
}

/* ipc sockets are for this user only: the run directory is private, and so is the socket itself. */
static enum pbay_err bind_to(void *socket, const char *endpoint, struct pbay_conf_error *error)
{
    mode_t before = umask(0177);
    int rc = zmq_bind(socket, endpoint);

    umask(before);
    if (rc == 0)
        return PBAY_OK;
    snprintf(error->text, sizeof error->text, "cannot bind %s: %s", endpoint, zmq_strerror(errno));
    return PBAY_IO;
}

static bool is_local(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "tcp://127.", 10) == 0 ||
           strncmp(endpoint, "tcp://[::1]:", 12) == 0 || strncmp(endpoint, "tcp://localhost:", 16) == 0;
}

static enum pbay_err bind_all(struct pb_io *io, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    char events[200];
    enum pbay_err err = PBAY_OK;

    for (size_t i = 0; i < conf->n_endpoints && !err; i++) {
        err = bind_to(io->router, conf->endpoints[i], error);
        if (!err && !is_local(conf->endpoints[i]))
            fprintf(stderr, "patchbay-broker: WARNING: %s is open to everybody who can reach it (insecure: true)\n",
                    conf->endpoints[i]);
    }
    snprintf(events, sizeof events, "ipc://%s/events.ipc", conf->run_dir);
    return err ? err : bind_to(io->events, events, error);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum pbay_err pb_io_open(const struct pbay_agent_conf *conf, struct pb_io **out, struct pbay_conf_error *error)
{
    struct pb_io *io = pb_alloc(sizeof *io);
    enum pbay_err err;

    *out = io;
    /* libzmq draws routing ids of peers without one from it: they must not be guessed */
    srandom((unsigned)pb_io_random());
    io->context = zmq_ctx_new();
    io->router = zmq_socket(io->context, ZMQ_ROUTER);
    io->events = zmq_socket(io->context, ZMQ_PUB);
    io->signals = open_signals();
    io->capture = pb_capture_open();
    set_limits(io->router, conf);
    set_limits(io->events, conf);
    set_int(io->router, ZMQ_ROUTER_MANDATORY, 1);
    set_int(io->router, ZMQ_ROUTER_HANDOVER, 1);
    err = bind_all(io, conf, error);
    if (err)
        pb_io_close(out);
    return err;
}

void pb_io_close(struct pb_io **pio)
{
    struct pb_io *io = *pio;

    if (!io)
        return;
    zmq_close(io->router);
    zmq_close(io->events);
    zmq_ctx_term(io->context);
    close(io->signals);
    pb_capture_close(&io->capture);
    free(io);
    *pio = NULL;
}

/* ---- receiving ---- */

static bool has_more(zmq_msg_t *m)
{
    return zmq_msg_more(m) != 0;
}

/* The rest of a message that has more frames than the protocol knows. */
static void skip_rest(struct pb_io *io, zmq_msg_t *m)
{
    while (has_more(m)) {
        if (zmq_msg_recv(m, io->router, ZMQ_DONTWAIT) < 0)
            return;
    }
}

/* A large message gets a home of its own, so that the core may move it on. */
static void *own(zmq_msg_t *m)
{
    zmq_msg_t *kept;

    if (zmq_msg_size(m) < MOVE_MIN)
        return NULL;
    kept = pb_alloc(sizeof *kept);
    zmq_msg_init(kept);
    zmq_msg_move(kept, m);
    return kept;
}

static void free_message(zmq_msg_t *m)
{
    if (!m)
        return;
    zmq_msg_close(m);
    free(m);
}

static void take_message(struct pb_io *io, struct pb_core *core, zmq_msg_t *rid, zmq_msg_t *body)
{
    static uint8_t malformed[] = {0xc1};
    struct pb_event ev = {.kind = PB_EV_FRAME, .now = io->now, .rid = {zmq_msg_data(rid), zmq_msg_size(rid)}};
    bool whole = !has_more(body);
    zmq_msg_t *kept = whole ? own(body) : NULL, *source = kept ? kept : body;

    ev.p = whole ? zmq_msg_data(source) : malformed;
    ev.n = whole ? zmq_msg_size(source) : sizeof malformed;
    ev.msg = kept;
    pb_capture_add(io->capture, 'u', ev.rid, ev.p, ev.n);
    pb_core_step(core, &ev);
    free_message(ev.msg);
    skip_rest(io, body);
}

/* false = nothing more to read */
static bool receive_one(struct pb_io *io, struct pb_core *core)
{
    zmq_msg_t rid, body;
    bool got;

    zmq_msg_init(&rid);
    zmq_msg_init(&body);
    got = zmq_msg_recv(&rid, io->router, ZMQ_DONTWAIT) >= 0;
    if (got && has_more(&rid) && zmq_msg_recv(&body, io->router, ZMQ_DONTWAIT) >= 0)
        take_message(io, core, &rid, &body);
    zmq_msg_close(&rid);
    zmq_msg_close(&body);
    return got;
}

/* ---- sending ---- */

static int send_rid(struct pb_io *io, struct pbay_str rid)
{
    int events, rc = zmq_send(io->router, rid.p, rid.n, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    size_t n = sizeof events;

    if (rc >= 0 || errno != EAGAIN)
        return rc;
    /* ROUTER answers EAGAIN for healthy peers when it has not looked at their commands: reading the events makes it
     * look */
    zmq_getsockopt(io->router, ZMQ_EVENTS, &events, &n);
    return zmq_send(io->router, rid.p, rid.n, ZMQ_SNDMORE | ZMQ_DONTWAIT);
}

static bool send_out(struct pb_io *io, const struct pb_out *out)
{
    zmq_msg_t body;

    pb_capture_add(io->capture, 'd', out->rid, out->msg ? zmq_msg_data(out->msg) : out->p,
                   out->msg ? zmq_msg_size(out->msg) : out->n);
    if (send_rid(io, out->rid) < 0)
        return false;
    if (out->msg) {
        zmq_msg_init(&body);
        zmq_msg_move(&body, out->msg);
    } else {
        if (zmq_msg_init_size(&body, out->n))
            abort();
        memcpy(zmq_msg_data(&body), out->p, out->n);
    }
    if (zmq_msg_send(&body, io->router, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&body);
        return false;
    }
    return true;
}

static void gone(const struct pb_io *io, struct pb_core *core, const void *rid, size_t n)
{
    struct pb_event ev = {.kind = PB_EV_GONE, .now = io->now, .rid = {rid, n}};

    pb_core_step(core, &ev);
}

/* The socket is read empty: what they said last was taken, now their links are down. Before, a SETTLE and a BYE would
 * be answered with WHO. */
static void tell_lost(struct pb_io *io, struct pb_core *core)
{
    for (size_t i = 0; i < io->n_lost; i++)
        gone(io, core, io->lost[i].rid, io->lost[i].n);
    io->n_lost = 0;
}

static void lose(struct pb_io *io, struct pb_core *core, struct pbay_str rid)
{
    if (io->n_lost == MAX_LOST)
        tell_lost(io, core);
    memcpy(io->lost[io->n_lost].rid, rid.p, rid.n);
    io->lost[io->n_lost++].n = rid.n;
}

/* What cannot be sent makes the link go down. */
static void send_all(struct pb_io *io, struct pb_core *core)
{
    struct pb_out out;

    while (pb_core_next(core, &out)) {
        bool sent = send_out(io, &out);

        free_message(out.msg);
        if (!sent)
            lose(io, core, out.rid);
    }
}

static void publish_notes(struct pb_io *io, struct pb_core *core, struct pb_admin *admin)
{
    struct pb_note note;
    char topic[64], *text;

    while (pb_core_note(core, &note)) {
        text = pb_admin_note(admin, &note, topic, sizeof topic);
        if (zmq_send(io->events, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
            zmq_send(io->events, text, strlen(text), ZMQ_DONTWAIT);
        free(text);
    }
}

/* ---- the loop ---- */

static int wait_ms(const struct pb_io *io, int64_t due, const struct pb_admin *admin)
{
    int64_t ms = due - io->now, admin_ms = pb_admin_timeout(admin);

    if (admin_ms >= 0 && admin_ms < ms)
        ms = admin_ms;
    return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

static void take_signals(struct pb_io *io, struct pb_core *core, const struct pb_io_hooks *hooks)
{
    struct signalfd_siginfo info;
    struct pb_event config = {.kind = PB_EV_CONFIG, .now = io->now}, drain = {.kind = PB_EV_DRAIN, .now = io->now};

    while (read(io->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            if (hooks->reload(hooks->arg, &config.agents, &config.n_agents))
                pb_core_step(core, &config);
            continue;
        }
        if (!io->stop)
            pb_core_step(core, &drain);
        io->stop = true;
    }
}

/* One turn: wait, take everything, decide, then write. Returns when the core wants to be called again. */
static int64_t turn(struct pb_io *io, struct pb_core *core, struct pb_admin *admin, const struct pb_io_hooks *hooks,
                    int64_t due)
{
    struct pb_event tick = {.kind = PB_EV_TICK};
    bool more = true;
    zmq_pollitem_t items[] = {
        {io->router, 0, ZMQ_POLLIN, 0}, {NULL, io->signals, ZMQ_POLLIN, 0}, {NULL, pb_admin_fd(admin), ZMQ_POLLIN, 0}};

    zmq_poll(items, 3, io->n_lost ? 0 : wait_ms(io, due, admin));
    io->now = pb_io_now();
    for (int i = 0; i < DRAIN_MESSAGES && more; i++)
        more = receive_one(io, core);
    if (!more)
        tell_lost(io, core);
    if (items[1].revents)
        take_signals(io, core, hooks);
    if (io->now >= due) {
        tick.now = io->now;
        due = pb_core_step(core, &tick);
    }
    pb_core_flush(core);
    send_all(io, core);
    pb_admin_run(admin, core, io->now);
    pb_core_flush(core);
    send_all(io, core);
    publish_notes(io, core, admin);
    pb_capture_flush(io->capture);
    return due;
}

static void count_left(void *sum, const struct pb_stream_view *v)
{
    *(uint32_t *)sum += v->given + v->parked;
}

uint32_t pb_io_run(struct pb_io *io, struct pb_core *core, struct pb_admin *admin, const struct pb_io_hooks *hooks)
{
    struct pb_event bye = {.kind = PB_EV_BYE};
    int64_t due = 0, until = INT64_MAX;
    uint32_t left = 0;

    io->now = pb_io_now();
    while (!io->stop || (!pb_core_idle(core) && io->now < until)) {
        due = turn(io, core, admin, hooks, due);
        if (io->stop && until == INT64_MAX)
            until = io->now + DRAIN_MS;
    }
    pb_core_each_stream(core, count_left, &left);
    bye.now = io->now;
    pb_core_step(core, &bye);
    send_all(io, core);
    return left;
}
