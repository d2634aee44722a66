#include "connections/tcp_client/tcp_client.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections/tcp_client/tcp_dial.h"
#include "connections/tcp_server/tcp_message.h"
#include "schema/buf.h"

#define BIG_BLOCK 65536 /* bytes; frames from here on are given back to the system as soon as they are done with */
#define MAX_BAD   64    /* frames that are no envelopes, in one call of receive */

/* One thread: the ops thread. The socket is in an epoll descriptor, edge-triggered: what it has to read is remembered
 * in is_ready, so that unread input, which waits while the OutBox is full, does not make the loop spin. */
struct tcp_client {
    struct pbay_link *link;
    struct tcp_config config;
    struct pbay_protocols *protocols;
    struct tcp_pool pool;
    struct tcp_peer peer;
    bool up; /* epoll_fd means something */
    int epoll_fd;
    bool is_ready;    /* there may be something to read */
    bool said_bad;    /* a frame was dropped, and the log says so */
    bool draining;    /* nothing new is written */
    bool ended;       /* the server has ended, and so does what it sent */
    bool dead;        /* nothing can be written any more */
    const char *over; /* why this connection is given up; NULL = it is not */
    int64_t now, since, in_due, out_due, timer_at, drain_at;
    struct tcp_given *given;
    char *memory; /* of the envelope that receive gave last */
    uint64_t last_tag;
};

/* ---- deadlines ---- */

static void set_timer(struct tcp_client *s)
{
    int64_t when = s->in_due < s->out_due ? s->in_due : s->out_due;

    if (when >= s->timer_at)
        return;
    s->timer_at = when;
    pbay_link_timer(s->link, when > s->now ? (int)(when - s->now) : 0);
}

/* Nothing more has come for now. */
static void set_waiting(struct tcp_client *s)
{
    uint32_t idle = s->config.idle_timeout;

    if (tcp_peer_partial(&s->peer) == 0) {
        s->since = 0;
        s->in_due = idle ? s->now + (int64_t)idle * 1000 : TCP_NEVER;
    } else {
        if (s->since == 0)
            s->since = s->now;
        s->in_due = s->since + (int64_t)s->config.frame_timeout * 1000;
    }
    set_timer(s);
}

static void set_blocked(struct tcp_client *s)
{
    s->out_due = s->now + (int64_t)s->config.send_timeout * 1000;
    set_timer(s);
}

static void set_moved(struct tcp_client *s)
{
    s->out_due = TCP_NEVER;
    if (s->since == 0)
        set_waiting(s);
}

/* receive will say why, and the runtime connects again. */
static void give_up(struct tcp_client *s, const char *why)
{
    if (!s->over)
        s->over = why;
    s->in_due = s->out_due = TCP_NEVER;
    pbay_link_wake(s->link);
}

/* ---- connect and disconnect ---- */

/* What is not written to its end is not settled here: at the end of the process the next one sends it. */
static void client_disconnect(void *self)
{
    struct tcp_client *s = self;

    tcp_peer_fini(&s->peer);
    tcp_given_clear(&s->given);
    if (s->up && s->epoll_fd >= 0)
        close(s->epoll_fd);
    s->up = false;
    free(s->memory);
    s->memory = NULL;
    pbay_protocols_destroy(&s->protocols);
}

/* Our address is the first frame; the kernel's buffer is empty and takes it whole. */
static enum pbay_err say_hello(struct tcp_client *s)
{
    char *text = pb_strndup(s->config.own);
    struct tcp_frame hello = tcp_frame_of(&text, s->config.own.n, 0);
    enum pbay_err err = tcp_peer_write(&s->peer, &hello);

    tcp_frame_drop(&hello);
    if (err && err != PBAY_PENDING)
        return pbay_link_fail(s->link, PBAY_IO, "write %s:%u: %s", s->config.address, s->config.port, strerror(errno));
    return PBAY_OK;
}

static enum pbay_err start(struct tcp_client *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    int fd = tcp_dial(&s->config, s->link);

    if (fd < 0)
        return PBAY_IO;
    tcp_set_options(fd, s->config.peer_timeout);
    s->pool.most = TCP_HEAD + (size_t)s->config.max_frame;
    tcp_peer_init(&s->peer, fd, &s->pool, s->config.max_frame);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->up = true;
    if (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        return pbay_link_fail(s->link, PBAY_IO, "epoll: %s", strerror(errno));
    return say_hello(s);
}

static enum pbay_err client_connect(void *self, struct pbay_link *link)
{
    struct tcp_client *s = self;
    enum pbay_err err;

    client_disconnect(s);
    s->link = link;
    s->is_ready = s->said_bad = s->draining = s->ended = s->dead = false;
    s->over = NULL;
    s->since = 0;
    s->in_due = s->out_due = s->timer_at = TCP_NEVER;
    err = tcp_config_load(&s->config, link);
    if (err)
        return err;
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
    s->protocols = pbay_protocols_new();
    err = start(s);
    s->now = tcp_now();
    if (err)
        client_disconnect(s);
    else
        set_waiting(s);
    return err;
}

/* ---- the socket ---- */

/* A frame of which the server has not had all is one that it has not had; who sent it is told. Envelopes that come now
 * wait for the next connection. */
static void end_writing(struct tcp_client *s)
{
    uint64_t tag = s->peer.out.tag;

    s->dead = true;
    s->out_due = TCP_NEVER;
    tcp_frame_drop(&s->peer.out);
    if (tag)
        pbay_link_settle_why(s->link, tag, PBAY_FAILED, "the connection has ended in the middle of the frame");
    pbay_link_wake(s->link);
}

static void flush(struct tcp_client *s)
{
    bool busy = s->peer.blocked || s->peer.out.memory;
    uint64_t tag = s->peer.out.tag;
    size_t at = s->peer.out.at;
    enum pbay_err err;

    if (!busy || s->dead)
        return;
    err = tcp_peer_flush(&s->peer);
    if (err == PBAY_IO) {
        end_writing(s);
    } else if (err == PBAY_AGAIN) {
        if (s->peer.out.at > at || s->out_due == TCP_NEVER)
            set_blocked(s); /* its time begins anew */
    } else {
        if (tag)
            pbay_link_settle(s->link, tag, PBAY_OK);
        set_moved(s);
        pbay_link_wake(s->link); /* what waits for the server to take more */
    }
}

static void turn(struct tcp_client *s)
{
    struct epoll_event event;

    if (epoll_wait(s->epoll_fd, &event, 1, 0) != 1)
        return;
    if (event.events & (uint32_t)~EPOLLOUT)
        s->is_ready = true;
    if (event.events & EPOLLOUT)
        flush(s);
}

static void tell(struct tcp_client *s, struct tcp_frame *frame)
{
    enum pbay_err err = PBAY_AGAIN;

    if (!s->draining && !s->dead && !s->peer.blocked && !s->peer.out.memory)
        err = tcp_peer_write(&s->peer, frame);
    if (err == PBAY_IO)
        end_writing(s);
    else if (err == PBAY_OK)
        set_moved(s);
    else if (err == PBAY_PENDING || s->peer.blocked)
        set_blocked(s);
    tcp_frame_drop(frame);
}

/* ---- frames become envelopes ---- */

static void say_unread(struct tcp_client *s, const char *why)
{
    if (!s->said_bad)
        pbay_link_log(s->link, "a frame is dropped, and so are more like it: %s", why);
    s->said_bad = true;
}

/* PBAY_AGAIN = none now; else why there will be no more, and pbay_link_fail has said it. */
static enum pbay_err no_frame(struct tcp_client *s, enum pbay_err err)
{
    const char *within = tcp_peer_partial(&s->peer) ? " in the middle of a frame" : "";

    s->is_ready = false;
    if (err == PBAY_AGAIN) {
        set_waiting(s);
        return PBAY_AGAIN;
    }
    s->ended = true;
    if (s->peer.out.memory)
        end_writing(s);
    if (s->draining)
        return PBAY_AGAIN; /* that was what drain waited for */
    if (err == PBAY_TOO_BIG)
        return pbay_link_fail(s->link, PBAY_IO, "the server's frame is longer than max_frame (%u)",
                              s->config.max_frame);
    if (err == PBAY_CLOSED)
        return pbay_link_fail(s->link, PBAY_IO, "the server %s:%u has ended the connection%s", s->config.address,
                              s->config.port, within);
    return pbay_link_fail(s->link, PBAY_IO, "the server %s:%u has gone%s: %s", s->config.address, s->config.port,
                          within, strerror(errno));
}

static enum pbay_err read_envelope(struct tcp_client *s, struct pbay_envelope *e, uint64_t *tag)
{
    char why[PBAY_MAX_WHY];
    struct pbay_str frame;

    for (unsigned i = 0; i < MAX_BAD && s->is_ready; i++) {
        enum pbay_err err = tcp_peer_next(&s->peer, &frame);

        if (err)
            return no_frame(s, err);
        s->since = 0;
        if (tcp_frame_read(s->protocols, frame, e, &s->memory, why)) {
            say_unread(s, why);
            continue;
        }
        *tag = ++s->last_tag;
        if (s->config.error_envelopes)
            tcp_given_add(&s->given, s->protocols, *tag, e, pbay_str(""));
        return PBAY_OK;
    }
    if (s->is_ready)
        pbay_link_wake(s->link);
    return PBAY_AGAIN;
}

static enum pbay_err end_over(struct tcp_client *s)
{
    if (s->peer.out.memory)
        end_writing(s);
    if (s->draining)
        return PBAY_AGAIN;
    return pbay_link_fail(s->link, PBAY_IO, "the server %s:%u: %s", s->config.address, s->config.port, s->over);
}

static enum pbay_err client_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct tcp_client *s = self;

    s->now = tcp_now();
    free(s->memory);
    s->memory = NULL;
    if (!s->ended && (!s->is_ready || s->peer.blocked || s->peer.out.memory))
        turn(s);
    if (s->over)
        return end_over(s);
    return read_envelope(s, e, tag);
}

static void client_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct tcp_client *s = self;
    struct tcp_given *given = tcp_given_take(&s->given, tag);
    struct tcp_frame frame;

    s->now = tcp_now();
    if (given && err) {
        frame = tcp_error_of(s->protocols, given, err);
        tell(s, &frame);
    }
    free(given);
}

/* ---- envelopes become frames ---- */

static enum pbay_err client_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct tcp_client *s = self;
    char why[PBAY_MAX_WHY];
    struct tcp_frame frame;
    enum pbay_err err;

    s->now = tcp_now();
    if (s->draining || s->dead || s->over || s->peer.blocked || s->peer.out.memory)
        return PBAY_AGAIN;
    if (tcp_frame_make(s->protocols, e, s->config.max_frame, &frame, why))
        return pbay_link_fail(s->link, PBAY_FAILED, "no envelope for TCP: %s", why);
    frame.tag = tag;
    err = tcp_peer_write(&s->peer, &frame);
    if (err == PBAY_IO) {
        end_writing(s);
        s->is_ready = true; /* receive finds the end */
        err = PBAY_AGAIN;
    } else if (err == PBAY_OK) {
        set_moved(s);
    } else {
        set_blocked(s);
    }
    tcp_frame_drop(&frame);
    return err;
}

/* ---- the rest of the loop ---- */

static int client_fd(void *self)
{
    const struct tcp_client *s = self;

    return s->up ? s->epoll_fd : -1;
}

static void client_serve(void *self)
{
    struct tcp_client *s = self;
    bool ready = s->is_ready;

    s->now = tcp_now();
    turn(s);
    if (!ready && s->is_ready)
        pbay_link_wake(s->link); /* for receive; when the OutBox is full, it comes by itself */
}

static void client_timer(void *self)
{
    struct tcp_client *s = self;

    s->timer_at = TCP_NEVER;
    client_serve(s);
    if (s->out_due <= s->now)
        give_up(s, "it has not taken anything for send_timeout");
    else if (s->in_due <= s->now && !s->is_ready)
        give_up(s,
                s->since ? "the rest of a frame has not come within frame_timeout" : "it was silent for idle_timeout");
    else if (s->in_due <= s->now)
        s->in_due = s->now + (int64_t)s->config.frame_timeout * 1000; /* it is we who have not read */
    set_timer(s);
}

/* Nothing new is written. A server that is told so, and ends as well, has lost nothing: what it sent until then is
 * received. */
static bool client_drain(void *self)
{
    struct tcp_client *s = self;

    client_serve(s);
    if (!s->draining)
        s->drain_at = s->now + (int64_t)s->config.drain_timeout * 1000;
    s->draining = true;
    if (s->peer.out.memory && !s->over)
        return false;
    shutdown(s->peer.fd, SHUT_WR);
    return s->ended || s->over || s->now >= s->drain_at;
}

const struct pbay_conn_ops tcp_client_ops = {
    .class_name = "TCPClientConnection",
    .state_size = sizeof(struct tcp_client),
    .answers = true,
    .connect = client_connect,
    .disconnect = client_disconnect,
    .send = client_send,
    .receive = client_receive,
    .outcome = client_outcome,
    .fd = client_fd,
    .timer = client_timer,
    .serve = client_serve,
    .drain = client_drain,
};
