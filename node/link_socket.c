/* The socket of a link: options, monitor, back-off, and messages in and out. Only the driver comes here. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/link.h"

#define RECEIVES      256    /* messages in one turn */
#define LAST_RECEIVES 4096   /* messages read from a socket that was lost */
#define LAST_SENDS    256    /* messages sent before BYE */
#define LINGER        100    /* ms for the last words of a lost link */
#define BYE_LINGER    1000   /* ms for BYE */
#define HIGH_WATER    1000   /* messages in either direction; credit keeps it from being reached */
#define HANDSHAKE     2000   /* ms */
#define SOCKET_BUFFER 262144 /* bytes in the kernel in each direction, as the broker has it */
#define MAX_MESSAGE   ((64LL << 20) + (64 << 10))
#define KEPT_BUFFER   32768 /* a larger message gives its bytes to the socket instead of a copy */
#define FIRST_RETRY   20    /* ms at most after a link that had been up */
#define MIN_RETRY     50    /* ms, doubled with each failure */
#define MAX_RETRY     1000
#define MAX_DOUBLINGS 5
#define REFUSED_MIN   1000 /* ms after a REJECT */
#define REFUSED_MAX   5000
#define LOST_EVENTS                                                                                                 \
    (ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

static int64_t at_most(int64_t bound)
{
    uint32_t r = 0;

    (void)pb_random(&r, sizeof r);
    return r % (bound + 1);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- tracing ---- */

static void trace(const struct pb_link *l, enum pb_dir dir, const void *p, size_t n)
{
    struct pb_rd r = {p, (const uint8_t *)p + n};
    char line[512];
    size_t at = 0;
    struct pb_frame f;

    while (r.p < r.end && at < sizeof line - 16 && pb_frame_read(&r, dir, &f))
        at += (size_t)snprintf(line + at, sizeof line - at, " %s", pb_verb_name(f.verb));
    line[at] = 0;
    fprintf(stderr, "%.*s: %s %zu bytes:%s%s\n", (int)l->conf.session.name.n, l->conf.session.name.p,
            dir == PB_UP ? "->" : "<-", n, line, r.p < r.end ? " ..." : "");
}

/* ---- sockets ---- */

static void set_int(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

static int get_int(void *socket, int option)
{
    int value = -1;
    size_t n = sizeof value;

    zmq_getsockopt(socket, option, &value, &n);
    return value;
}

/* Reconnecting is ours to do: libzmq would do it silently and lose what was on the way. */
static void set_options(void *socket)
{
    const int64_t most = MAX_MESSAGE;
    uint8_t id[16] = {0};

    (void)pb_random(id, sizeof id);
    id[0] |= 1; /* libzmq keeps ids that begin with zero to itself */
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, sizeof id);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    set_int(socket, ZMQ_RECONNECT_IVL, -1);
    set_int(socket, ZMQ_LINGER, LINGER);
    set_int(socket, ZMQ_SNDHWM, HIGH_WATER);
    set_int(socket, ZMQ_RCVHWM, HIGH_WATER);
    set_int(socket, ZMQ_IMMEDIATE, 1);
    set_int(socket, ZMQ_SNDBUF, SOCKET_BUFFER);
    set_int(socket, ZMQ_RCVBUF, SOCKET_BUFFER);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE);
}

static bool open_monitor(struct pb_link *l)
{
    char name[64];

    snprintf(name, sizeof name, "inproc://monitor-%u", l->sockets);
    if (zmq_socket_monitor(l->socket, name, LOST_EVENTS))
        return false;
    l->monitor = zmq_socket(l->context, ZMQ_PAIR);
    if (!l->monitor)
        return false;
    set_int(l->monitor, ZMQ_LINGER, 0);
    return zmq_connect(l->monitor, name) == 0;
}

void pb_link_close_socket(struct pb_link *l)
{
    if (l->has_unsent)
        zmq_msg_close(&l->unsent);
    l->has_unsent = false;
    if (l->socket) {
        zmq_socket_monitor(l->socket, NULL, 0);
        zmq_close(l->socket);
    }
    if (l->monitor)
        zmq_close(l->monitor);
    l->socket = l->monitor = NULL;
}

/* A link that had been up comes back at once, but not all nodes of a broker in the same millisecond. */
int64_t pb_link_back_off(struct pb_link *l, bool refused, bool had_been_up)
{
    unsigned doublings;

    if (refused)
        return REFUSED_MIN + at_most(REFUSED_MAX - REFUSED_MIN);
    if (had_been_up)
        l->failures = 0;
    if (l->failures++ == 0)
        return at_most(FIRST_RETRY);
    doublings = l->failures - 2 < MAX_DOUBLINGS ? l->failures - 2 : MAX_DOUBLINGS;
    return at_most(earlier((int64_t)MIN_RETRY << doublings, MAX_RETRY));
}

void pb_link_say_once(struct pb_link *l, const char *text)
{
    if (strcmp(l->told, text) == 0)
        return;
    snprintf(l->told, sizeof l->told, "%s", text);
    fprintf(stderr, "%.*s: %s: %s\n", (int)l->conf.session.name.n, l->conf.session.name.p, l->conf.endpoint, text);
}

void pb_link_open_socket(struct pb_link *l, int64_t now)
{
    l->sockets++;
    l->lost = false;
    l->unsure = l->monitor_signals = true;
    l->opened_at = now;
    l->socket = zmq_socket(l->context, ZMQ_DEALER);
    if (!l->socket)
        goto failed;
    set_options(l->socket);
    if (!pb_link_use_keys(l) || !open_monitor(l) || zmq_connect(l->socket, l->conf.endpoint))
        goto failed;
    l->socket_fd = get_int(l->socket, ZMQ_FD);
    l->monitor_fd = get_int(l->monitor, ZMQ_FD);
    pb_link_lock(l);
    pb_session_up(&l->session, now);
    pb_link_unlock(l, false);
    return;
failed:
    pb_link_say_once(l, zmq_strerror(errno));
    pb_link_close_socket(l);
    l->retry_at = now + pb_link_back_off(l, false, false);
}

/* ---- sending ---- */

static void free_bytes(void *p, void *hint)
{
    (void)hint;
    free(p);
}

static void make_message(struct pb_link *l)
{
    struct pb_buf *b = &l->packed;

    if (atomic_load_explicit(&l->trace, memory_order_relaxed))
        trace(l, PB_UP, b->p, b->n);
    if (b->n > KEPT_BUFFER) {
        int err = zmq_msg_init_data(&l->unsent, b->p, b->n, free_bytes, NULL);

        assert(err == 0); /* out of memory ends the process, as everywhere */
        (void)err;
        *b = (struct pb_buf){.p = pb_realloc(NULL, b->n), .cap = b->n}; /* the next one is likely to be as large */
    } else {
        int err = zmq_msg_init_size(&l->unsent, b->n);

        assert(err == 0);
        (void)err;
        memcpy(zmq_msg_data(&l->unsent), b->p, b->n);
        b->n = 0;
    }
    l->has_unsent = true;
}

/* Each packed message is sent exactly once and in order: one that the socket does not take waits before all others. */
static bool send_unsent(struct pb_link *l)
{
    if (!l->has_unsent)
        return true;
    l->unsure = true;
    if (zmq_msg_send(&l->unsent, l->socket, ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            l->lost = true;
        return false;
    }
    l->has_unsent = false;
    return true;
}

/* The mutex is held. */
static bool pack(struct pb_link *l)
{
    return l->socket && pb_session_pack(&l->session, pb_now(), &l->packed);
}

/* Send until nothing is left or the socket is full; returns when to wake up, no later than due. */
int64_t pb_link_send(struct pb_link *l, int64_t due)
{
    while (l->socket && send_unsent(l)) {
        pb_link_lock(l);
        if (!pack(l)) {
            l->asleep = !l->stopping; /* in the same breath: a put after this kicks */
            due = earlier(due, l->session.next_deadline);
            pb_link_unlock(l, false);
            return due;
        }
        pb_link_unlock(l, false);
        make_message(l);
    }
    if (!l->socket) {
        pb_link_lock(l);
        l->asleep = !l->stopping;
        due = earlier(due, l->session.next_deadline);
        pb_link_unlock(l, false);
    }
    return l->socket && l->lost ? 0 : due;
}

bool pb_link_has_news(struct pb_link *l)
{
    int wanted = l->has_unsent ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;

    l->unsure = false;
    return l->socket && get_int(l->socket, ZMQ_EVENTS) & wanted;
}

bool pb_link_send_now(struct pb_link *l)
{
    if (!l->socket || l->has_unsent || !pack(l))
        return false;
    make_message(l);
    return send_unsent(l) && !l->session.turns && !l->session.ctl.n && !pb_link_has_news(l);
}

/* SPEC 3.4: the last word, GAP, so that the broker need not wait for our silence. */
void pb_link_send_last_word(struct pb_link *l)
{
    bool packed;

    if (!send_unsent(l))
        return;
    pb_link_lock(l);
    packed = pack(l);
    pb_link_unlock(l, false);
    if (!packed)
        return;
    make_message(l);
    send_unsent(l);
}

void pb_link_say_bye(struct pb_link *l)
{
    bool linked;

    for (int i = 0; i < LAST_SENDS && l->socket; i++) {
        pb_link_lock(l);
        linked = l->session.state == PB_LINKED && !l->session.wants_close;
        pb_link_unlock(l, false);
        if (!linked || !send_unsent(l))
            return;
        pb_link_lock(l);
        linked = pack(l);
        pb_link_unlock(l, false);
        if (!linked)
            break;
        make_message(l);
    }
    if (!l->socket)
        return;
    pb_link_lock(l);
    pb_session_bye(&l->session);
    pb_link_unlock(l, false);
    set_int(l->socket, ZMQ_LINGER, BYE_LINGER);
    pb_link_send_last_word(l);
}

/* ---- receiving ---- */

void pb_link_read_monitor(struct pb_link *l)
{
    zmq_msg_t m;

    l->monitor_signals = false;
    if (!l->monitor)
        return;
    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, l->monitor, ZMQ_DONTWAIT) >= 0)
        l->lost = true; /* only events that mean so are asked for */
    zmq_msg_close(&m);
}

/* true = there may be more. */
bool pb_link_receive(struct pb_link *l)
{
    int most = l->lost ? LAST_RECEIVES : RECEIVES, n = 0;
    struct pb_clock clock = {0};
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (l->socket && n < most && zmq_msg_recv(&m, l->socket, ZMQ_DONTWAIT) >= 0) {
        if (atomic_load_explicit(&l->trace, memory_order_relaxed))
            trace(l, PB_DOWN, zmq_msg_data(&m), zmq_msg_size(&m));
        pb_link_lock(l);
        pb_session_frame(&l->session, pb_clock_now(&clock), zmq_msg_data(&m), zmq_msg_size(&m));
        l->changed = true;
        pb_link_unlock(l, false);
        n++;
    }
    zmq_msg_close(&m);
    return n == most;
}
