/* libzmq's engine: one ROUTER socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "broker/engine.h"
#include "broker/guard.h"
#include "broker/zap.h"
#include "schema/buf.h"

#define MOVE_MIN      4096   /* smaller messages are copied by the core; these may go on as they came */
#define HWM           8192   /* messages; credit keeps far below it */
#define MAX_MESSAGE   65536  /* beside the largest envelope: a batch, metadata, headers */
#define HANDSHAKE_MS  2000   /* a peer that does not finish its ZMTP greeting */
#define LINGER_MS     1000   /* for the last BYE */
#define KEEPALIVE_S   30     /* without a word from a TCP peer until its kernel is asked */
#define SOCKET_BUFFER 262144 /* bytes in the kernel per peer and direction: the default hides megabytes */
#define MAX_LOST      64     /* peers that cannot be reached and are not told of yet */

struct router {
    struct pb_engine engine;
    void *socket;
    int fd;
    bool has_keys; /* of peers that come by tcp */
    struct {
        uint8_t rid[PB_MAX_RID];
        size_t n;
    } lost[MAX_LOST];
    size_t n_lost;
};

struct message {
    struct pb_message head;
    zmq_msg_t m;
};

/* ---- opening ---- */

static void set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);

    if (rc) {
        fprintf(stderr, "patchbay-broker: zmq_setsockopt %d: %s\n", option, zmq_strerror(errno));
        abort();
    }
}

void pb_io_zmq_limits(void *socket, const struct pbay_agent_conf *conf)
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
enum pbay_err pb_io_zmq_bind(void *socket, const char *endpoint, struct pbay_conf_error *error)
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

/* ---- receiving ---- */

static bool has_more(zmq_msg_t *m)
{
    return zmq_msg_more(m) != 0;
}

/* The rest of a message that has more frames than the protocol knows. */
static void skip_rest(struct router *r, zmq_msg_t *m)
{
    while (has_more(m)) {
        if (zmq_msg_recv(m, r->socket, ZMQ_DONTWAIT) < 0)
            return;
    }
}

static void release(struct pb_message *message)
{
    struct message *m = (struct message *)message;

    zmq_msg_close(&m->m);
    free(m);
}

/* A large message gets a home of its own, so that the core may move it on. */
static struct message *own(zmq_msg_t *m)
{
    struct message *kept;

    if (zmq_msg_size(m) < MOVE_MIN)
        return NULL;
    kept = pb_alloc(sizeof *kept);
    kept->head.release = release;
    zmq_msg_init(&kept->m);
    zmq_msg_move(&kept->m, m);
    return kept;
}

static void take_message(struct router *r, const struct pb_engine_user *user, zmq_msg_t *rid, zmq_msg_t *body)
{
    static uint8_t malformed[] = {0xc1};
    struct pb_event ev = {.rid = {zmq_msg_data(rid), zmq_msg_size(rid)}};
    bool whole = !has_more(body);
    struct message *kept;
    zmq_msg_t *source;

    pb_guard_taken(zmq_msg_get(body, ZMQ_SRCFD));
    kept = whole ? own(body) : NULL;
    source = kept ? &kept->m : body;
    if (r->has_keys)
        ev.key = pbay_str(zmq_msg_gets(source, "User-Id"));
    ev.p = whole ? zmq_msg_data(source) : malformed;
    ev.n = whole ? zmq_msg_size(source) : sizeof malformed;
    ev.msg = kept;
    user->take(user->arg, &ev);
    if (ev.msg)
        release(ev.msg);
    skip_rest(r, body);
}

/* false = nothing more to read */
static bool receive_one(struct router *r, const struct pb_engine_user *user)
{
    zmq_msg_t rid, body;
    bool got;

    zmq_msg_init(&rid);
    zmq_msg_init(&body);
    got = zmq_msg_recv(&rid, r->socket, ZMQ_DONTWAIT) >= 0;
    if (got && has_more(&rid) && zmq_msg_recv(&body, r->socket, ZMQ_DONTWAIT) >= 0)
        take_message(r, user, &rid, &body);
    zmq_msg_close(&rid);
    zmq_msg_close(&body);
    return got;
}

static void tell_lost(struct router *r, const struct pb_engine_user *user)
{
    for (size_t i = 0; i < r->n_lost; i++)
        user->gone(user->arg, (struct pbay_str){(const char *)r->lost[i].rid, r->lost[i].n});
    r->n_lost = 0;
}

/* Who is lost is told of when the socket is read empty: what they said last was taken, now their links are down.
 * Before, a SETTLE and a BYE would be answered with WHO. */
static bool zmq_receive(struct pb_engine *engine, unsigned most, const struct pb_engine_user *user)
{
    struct router *r = (struct router *)engine;

    for (unsigned i = 0; i < most; i++) {
        if (receive_one(r, user))
            continue;
        tell_lost(r, user);
        return false;
    }
    return true;
}

/* ---- sending ---- */

static int events_of(struct router *r)
{
    int events = 0;
    size_t n = sizeof events;

    zmq_getsockopt(r->socket, ZMQ_EVENTS, &events, &n);
    return events;
}

/* ROUTER answers EAGAIN for healthy peers when it has not looked at their commands: reading the events makes it look.
 */
static int send_rid(struct router *r, struct pbay_str rid)
{
    int rc = zmq_send(r->socket, rid.p, rid.n, ZMQ_SNDMORE | ZMQ_DONTWAIT);

    if (rc >= 0 || errno != EAGAIN)
        return rc;
    events_of(r);
    return zmq_send(r->socket, rid.p, rid.n, ZMQ_SNDMORE | ZMQ_DONTWAIT);
}

/* Ours are moved, another engine's are copied. */
static void make_body(zmq_msg_t *body, const struct pb_out *out)
{
    struct pb_message *message = out->msg;

    if (message && message->release == release) {
        zmq_msg_init(body);
        zmq_msg_move(body, &((struct message *)message)->m);
        return;
    }
    if (zmq_msg_init_size(body, out->n))
        abort();
    memcpy(zmq_msg_data(body), out->p, out->n);
}

static bool send_one(struct router *r, const struct pb_out *out)
{
    zmq_msg_t body;

    if (send_rid(r, out->rid) < 0)
        return false;
    make_body(&body, out);
    if (zmq_msg_send(&body, r->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&body);
    return false;
}

static void lose(struct router *r, const struct pb_engine_user *user, struct pbay_str rid)
{
    if (r->n_lost == MAX_LOST)
        tell_lost(r, user);
    memcpy(r->lost[r->n_lost].rid, rid.p, rid.n);
    r->lost[r->n_lost++].n = rid.n;
}

/* What cannot be sent makes the link go down. */
static void zmq_send_batch(struct pb_engine *engine, const struct pb_engine_user *user)
{
    struct router *r = (struct router *)engine;
    struct pb_out out;

    while (user->next(user->arg, &out)) {
        struct pb_message *message = out.msg;
        bool sent = send_one(r, &out);

        if (message)
            message->release(message);
        if (!sent)
            lose(r, user, out.rid);
    }
}

/* ---- life ---- */

/* ZMQ_FD tells of what comes after the events were read. */
static int zmq_fd_of(struct pb_engine *engine, bool *now)
{
    struct router *r = (struct router *)engine;

    *now = r->n_lost || events_of(r) & ZMQ_POLLIN;
    return r->fd;
}

static void zmq_close_router(struct pb_engine *engine)
{
    struct router *r = (struct router *)engine;

    zmq_close(r->socket);
    free(r);
}

/* libzmq's listeners keep the options of their moment: ipc first, then what tcp has besides. */
static enum pbay_err bind_some(void *socket, const struct pbay_agent_conf *conf, bool ipc,
                               struct pbay_conf_error *error)
{
    enum pbay_err err = PBAY_OK;

    for (size_t i = 0; i < conf->n_endpoints && !err; i++) {
        if ((strncmp(conf->endpoints[i], "ipc://", 6) == 0) != ipc)
            continue;
        err = pb_io_zmq_bind(socket, conf->endpoints[i], error);
        if (!err && !conf->key && !is_local(conf->endpoints[i]))
            fprintf(stderr, "patchbay-broker: WARNING: %s is open to everybody who can reach it (insecure: true)\n",
                    conf->endpoints[i]);
    }
    return err;
}

static enum pbay_err bind_all(void *socket, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    enum pbay_err err = bind_some(socket, conf, true, error);

    if (!err && conf->key && !pb_zap_guard(socket, conf, error))
        err = PBAY_CONFIG;
    return err ? err : bind_some(socket, conf, false, error);
}

struct pb_engine *pb_io_zmq_open(void *context, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    struct router *r = pb_alloc(sizeof *r);
    size_t n = sizeof r->fd;

    r->engine = (struct pb_engine){zmq_receive, zmq_send_batch, zmq_fd_of, zmq_close_router};
    r->socket = zmq_socket(context, ZMQ_ROUTER);
    pb_io_zmq_limits(r->socket, conf);
    set_int(r->socket, ZMQ_ROUTER_MANDATORY, 1);
    set_int(r->socket, ZMQ_ROUTER_HANDOVER, 1);
    zmq_getsockopt(r->socket, ZMQ_FD, &r->fd, &n);
    r->has_keys = conf->key != NULL;
    if (!bind_all(r->socket, conf, error))
        return &r->engine;
    zmq_close_router(&r->engine);
    return NULL;
}
