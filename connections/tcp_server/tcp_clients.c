#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "connections/tcp_server/tcp_int.h"
#include "schema/buf.h"

#define MAX_STEPS 256 /* looks at clients in one search for a frame */

/* ---- lists ---- */

static void set_ready(struct tcp_server *s, struct tcp_client *c)
{
    if (!c->is_ready)
        DL_APPEND2(s->ready, c, prev_ready, next_ready);
    c->is_ready = true;
}

static void set_unready(struct tcp_server *s, struct tcp_client *c)
{
    if (c->is_ready)
        DL_DELETE2(s->ready, c, prev_ready, next_ready);
    c->is_ready = false;
}

static void set_starved(struct tcp_server *s, struct tcp_client *c, bool starved)
{
    s->n_starved += starved;
    s->n_starved -= c->starved;
    c->starved = starved;
}

/* Something was given back to the pool. */
static void feed_starved(struct tcp_server *s)
{
    struct tcp_client *c;

    if (s->n_starved == 0)
        return;
    DL_FOREACH (s->clients, c) {
        if (!c->starved)
            continue;
        set_starved(s, c, false);
        set_ready(s, c);
    }
    pbay_link_wake(s->link);
}

/* ---- deadlines ---- */

static void set_in_due(struct tcp_server *s, struct tcp_client *c, int64_t when)
{
    c->in_due = when;
    tcp_at(s, when);
}

static void set_idle(struct tcp_server *s, struct tcp_client *c)
{
    uint32_t idle = s->config.idle_timeout;

    set_in_due(s, c, idle ? s->now + (int64_t)idle * 1000 : TCP_NEVER);
}

/* Nothing more has come for now. */
static void set_waiting(struct tcp_server *s, struct tcp_client *c)
{
    if (c->state == TCP_UNKNOWN)
        return; /* its time runs from its coming */
    if (tcp_peer_partial(&c->peer) == 0) {
        c->since = 0;
        set_idle(s, c);
        return;
    }
    if (c->since == 0)
        c->since = s->now;
    set_in_due(s, c, c->since + (int64_t)s->config.frame_timeout * 1000);
}

void tcp_client_blocked(struct tcp_server *s, struct tcp_client *c)
{
    c->out_due = s->now + (int64_t)s->config.send_timeout * 1000;
    tcp_at(s, c->out_due);
}

void tcp_client_moved(struct tcp_server *s, struct tcp_client *c)
{
    c->out_due = TCP_NEVER;
    if (c->since == 0 && c->state == TCP_KNOWN)
        set_idle(s, c);
}

/* ---- beginning and end ---- */

void tcp_client_add(struct tcp_server *s, int fd, const char *from)
{
    struct tcp_client *c = pb_alloc(sizeof *c);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

    tcp_set_options(fd, s->config.peer_timeout);
    tcp_peer_init(&c->peer, fd, &s->pool, PBAY_MAX_ADDRESS);
    snprintf(c->from, sizeof c->from, "%s", from);
    c->out_due = TCP_NEVER;
    DL_APPEND(s->clients, c);
    s->n_clients++;
    set_in_due(s, c, s->now + (int64_t)s->config.hello_timeout * 1000);
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        set_in_due(s, c, s->now); /* no memory for it in the kernel: it will never be heard of */
}

void tcp_client_leave(struct tcp_server *s, struct tcp_client *c)
{
    if (c->state == TCP_LEFT)
        return;
    if (c->name)
        tcp_name_release(s, c);
    c->state = TCP_LEFT;
    c->out_due = TCP_NEVER;
    tcp_frame_drop(&c->peer.out);
    shutdown(c->peer.fd, SHUT_RDWR); /* what the kernel has of it can still be read */
    set_starved(s, c, false);
    set_ready(s, c);
    pbay_link_wake(s->link);
}

/* why NULL = it is nothing that anybody wants to know. */
static void end_client(struct tcp_server *s, struct tcp_client *c, const char *why)
{
    if (why)
        pbay_link_log(s->link, "the client %s: %s", c->from, why);
    if (c->name)
        tcp_name_release(s, c);
    set_unready(s, c);
    set_starved(s, c, false);
    DL_DELETE(s->clients, c);
    s->n_clients--;
    s->said_full = false;
    tcp_peer_fini(&c->peer);
    free(c);
    feed_starved(s);
}

void tcp_clients_clear(struct tcp_server *s)
{
    struct tcp_client *c, *next;

    DL_FOREACH_SAFE (s->clients, c, next) {
        tcp_peer_fini(&c->peer);
        free(c);
    }
    s->clients = s->ready = NULL;
    s->n_clients = s->n_starved = 0;
    assert(s->pool.held == 0);
}

/* ---- reading ---- */

/* Its first frame is its address. */
static void greet(struct tcp_server *s, struct tcp_client *c, struct pbay_str text)
{
    if (!tcp_is_address(text)) {
        end_client(s, c, "its first frame is not an address");
        return;
    }
    c->state = TCP_KNOWN;
    c->peer.max_frame = s->config.max_frame;
    tcp_name_claim(s, text, c);
    set_waiting(s, c);
    set_ready(s, c);        /* more may have come behind it */
    if (c->peer.out.memory) /* what its predecessor has not had */
        tcp_client_event(s, c, EPOLLOUT);
}

/* No frame can be had from it now. */
static void no_frame(struct tcp_server *s, struct tcp_client *c, enum pbay_err err)
{
    const char *reason = err == PBAY_IO ? strerror(errno) : "its end";
    bool partial = tcp_peer_partial(&c->peer) > 0;
    char why[PBAY_MAX_WHY] = "";

    set_unready(s, c);
    if (err == PBAY_AGAIN || err == PBAY_LIMIT) {
        set_starved(s, c, err == PBAY_LIMIT);
        set_waiting(s, c);
        return;
    }
    if (err == PBAY_TOO_BIG && c->state == TCP_UNKNOWN)
        snprintf(why, sizeof why, "its first frame is not an address");
    else if (err == PBAY_TOO_BIG)
        snprintf(why, sizeof why, "a frame is longer than max_frame (%u)", s->config.max_frame);
    else if (partial)
        snprintf(why, sizeof why, "%s in the middle of a frame", reason);
    end_client(s, c, c->state == TCP_LEFT || !why[0] ? NULL : why);
}

/* The next frame of this one, which is not its first; false = none now, and it may be freed. */
static bool next_of(struct tcp_server *s, struct tcp_client *c, struct pbay_str *frame)
{
    size_t held = s->pool.held;
    enum pbay_err err = tcp_peer_next(&c->peer, frame);

    if (s->pool.held < held)
        feed_starved(s);
    if (err)
        no_frame(s, c, err);
    else if (c->state == TCP_UNKNOWN)
        greet(s, c, *frame);
    else
        return true;
    return false;
}

struct tcp_client *tcp_clients_next(struct tcp_server *s, struct pbay_str *frame)
{
    for (unsigned i = 0; s->ready; i++) {
        struct tcp_client *c = s->ready;

        if (i == MAX_STEPS) {
            pbay_link_wake(s->link);
            return NULL;
        }
        if (!next_of(s, c, frame))
            continue;
        c->since = 0;
        set_unready(s, c); /* the others first */
        set_ready(s, c);
        return c;
    }
    return NULL;
}

/* ---- writing ---- */

static void flush(struct tcp_server *s, struct tcp_client *c)
{
    bool busy = c->peer.blocked || c->peer.out.memory;
    uint64_t tag = c->peer.out.tag;
    size_t at = c->peer.out.at;
    enum pbay_err err;

    if (!busy)
        return;
    err = tcp_peer_flush(&c->peer);
    if (err == PBAY_IO) {
        tcp_client_leave(s, c);
        return;
    }
    if (err == PBAY_AGAIN) {
        if (c->peer.out.at > at || c->out_due == TCP_NEVER)
            tcp_client_blocked(s, c); /* its time begins anew */
        return;
    }
    if (tag)
        pbay_link_settle(s->link, tag, PBAY_OK);
    tcp_client_moved(s, c);
    pbay_link_wake(s->link); /* what waits for it to take more */
}

void tcp_client_tell(struct tcp_server *s, struct tcp_client *c, struct tcp_frame *frame)
{
    enum pbay_err err = PBAY_AGAIN;

    if (!s->draining && !c->peer.blocked && !c->peer.out.memory)
        err = tcp_peer_write(&c->peer, frame);
    if (err == PBAY_IO)
        tcp_client_leave(s, c);
    else if (err == PBAY_OK)
        tcp_client_moved(s, c);
    else if (!s->draining && c->out_due == TCP_NEVER)
        tcp_client_blocked(s, c);
    tcp_frame_drop(frame);
}

void tcp_client_event(struct tcp_server *s, struct tcp_client *c, uint32_t events)
{
    struct pbay_str frame;

    if (c->state == TCP_KNOWN && events & EPOLLOUT)
        flush(s, c);
    if (!(events & (uint32_t)~EPOLLOUT))
        return;
    if (!c->starved)
        set_ready(s, c);
    if (c->state == TCP_UNKNOWN)
        (void)next_of(s, c, &frame); /* who has an address can be written to, whether or not anything is received */
}

/* ---- many ---- */

static void sweep_one(struct tcp_server *s, struct tcp_client *c)
{
    if (c->out_due <= s->now) {
        end_client(s, c, "it has not taken anything for send_timeout");
    } else if (c->in_due > s->now) {
        tcp_at(s, c->in_due < c->out_due ? c->in_due : c->out_due);
    } else if (c->is_ready && c->state != TCP_UNKNOWN) {
        set_in_due(s, c, s->now + (int64_t)s->config.frame_timeout * 1000); /* it is we who have not read */
        tcp_at(s, c->out_due);
    } else {
        end_client(s, c,
                   c->state == TCP_UNKNOWN ? "it has not said who it is within hello_timeout"
                   : c->since              ? "the rest of a frame has not come within frame_timeout"
                                           : "it was silent for idle_timeout");
    }
}

void tcp_clients_sweep(struct tcp_server *s)
{
    struct tcp_client *c, *next;

    DL_FOREACH_SAFE (s->clients, c, next)
        sweep_one(s, c);
}

bool tcp_clients_drain(struct tcp_server *s)
{
    struct tcp_client *c;
    bool quiet = true;

    DL_FOREACH (s->clients, c) {
        quiet = quiet && !c->peer.out.memory;
        if (!c->peer.out.memory)
            shutdown(c->peer.fd, SHUT_WR); /* it sees the end, and may end as well */
    }
    return quiet;
}
