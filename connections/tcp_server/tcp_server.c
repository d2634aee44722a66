#include "connections/tcp_server/tcp_server.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "connections/tcp_server/tcp_int.h"

#define BIG_BLOCK 65536 /* bytes; frames from here on are given back to the system as soon as they are done with */
#define SHOWN     64    /* bytes of an address in a reason */
#define MAX_BAD   64    /* frames that are no envelopes, in one call of receive */

/* Calls of receive: as long as there is something to read, others come in and are written to as well. */
#define TURN_EVERY 64

void tcp_at(struct tcp_server *s, int64_t when)
{
    if (when >= s->timer_at)
        return;
    s->timer_at = when;
    pbay_link_timer(s->link, when > s->now ? (int)(when - s->now) : 0);
}

/* ---- connect and disconnect ---- */

static void server_disconnect(void *self)
{
    struct tcp_server *s = self;

    tcp_clients_clear(s);
    tcp_names_clear(s);
    tcp_given_clear(&s->given);
    if (s->up) {
        tcp_listen_stop(s);
        if (s->epoll_fd >= 0)
            close(s->epoll_fd);
    }
    s->up = false;
    free(s->memory);
    s->memory = NULL;
    pbay_protocols_destroy(&s->protocols);
}

static enum pbay_err server_connect(void *self, struct pbay_link *link)
{
    struct tcp_server *s = self;
    enum pbay_err err;

    server_disconnect(s);
    s->link = link;
    s->draining = s->said_full = false;
    s->timer_at = TCP_NEVER;
    s->now = s->started = tcp_now();
    err = tcp_config_load(&s->config, link);
    if (err)
        return err;
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
    s->pool.most = s->config.max_input_total;
    s->protocols = pbay_protocols_new();
    err = tcp_listen_start(s);
    if (err)
        server_disconnect(s);
    return err;
}

/* ---- frames become envelopes ---- */

/* Nothing can be done with the frame, but where the next one begins is known. */
static void say_unread(struct tcp_server *s, struct tcp_client *c, const char *why)
{
    struct tcp_frame frame;

    if (!c->said_bad)
        pbay_link_log(s->link, "the client %s: a frame is dropped, and so are more like it: %s", c->from, why);
    c->said_bad = true;
    if (!s->config.error_envelopes || c->state != TCP_KNOWN)
        return;
    frame = tcp_error_unread(s->protocols, c->name->text, pbay_str(pbay_link_agent(s->link)), why);
    tcp_client_tell(s, c, &frame);
}

static bool read_envelope(struct tcp_server *s, struct pbay_envelope *e, uint64_t *tag)
{
    const struct pbay_str nobody = pbay_str("");
    char why[PBAY_MAX_WHY];
    struct pbay_str frame;
    struct tcp_client *c;

    for (unsigned i = 0; i < MAX_BAD; i++) {
        c = tcp_clients_next(s, &frame);
        if (!c)
            return false;
        if (tcp_frame_read(s->protocols, frame, e, &s->memory, why)) {
            say_unread(s, c, why);
            continue;
        }
        *tag = ++s->last_tag;
        if (s->config.error_envelopes)
            tcp_given_add(&s->given, s->protocols, *tag, e, c->name ? c->name->text : nobody);
        return true;
    }
    pbay_link_wake(s->link);
    return false;
}

static enum pbay_err server_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct tcp_server *s = self;

    s->now = tcp_now();
    free(s->memory);
    s->memory = NULL;
    if (!s->ready || ++s->since_turn >= TURN_EVERY) {
        s->since_turn = 0;
        tcp_turn(s);
    }
    return read_envelope(s, e, tag) ? PBAY_OK : PBAY_AGAIN;
}

/* Who sent it is told, if he is there and takes it. */
static void server_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct tcp_server *s = self;
    struct tcp_given *given = tcp_given_take(&s->given, tag);
    struct tcp_name *name = given && err ? tcp_name_find(s, given->from) : NULL;
    struct tcp_frame frame;

    s->now = tcp_now();
    if (name && name->client) {
        frame = tcp_error_of(s->protocols, given, err);
        tcp_client_tell(s, name->client, &frame);
    }
    free(given);
}

/* ---- envelopes become frames ---- */

static enum pbay_err put(struct tcp_server *s, struct tcp_client *c, struct tcp_frame *frame, uint64_t tag)
{
    enum pbay_err err;

    frame->tag = tag;
    err = tcp_peer_write(&c->peer, frame);
    if (err == PBAY_IO) {
        tcp_client_leave(s, c);
        err = PBAY_AGAIN; /* to whoever has the address next */
    } else if (err == PBAY_OK) {
        tcp_client_moved(s, c);
    } else {
        tcp_client_blocked(s, c);
    }
    tcp_frame_drop(frame);
    return err;
}

static enum pbay_err nobody(struct tcp_server *s, const struct tcp_name *name, struct pbay_str to)
{
    if (tcp_name_expected(s, name))
        return PBAY_AGAIN;
    return pbay_link_fail(s->link, PBAY_FAILED, "no client with the address '%.*s' is connected",
                          (int)(to.n < SHOWN ? to.n : SHOWN), to.p);
}

static enum pbay_err server_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct tcp_server *s = self;
    struct tcp_name *name = tcp_name_find(s, e->to);
    struct tcp_client *c = name ? name->client : NULL;
    char why[PBAY_MAX_WHY];
    struct tcp_frame frame;

    s->now = tcp_now();
    if (s->draining || (c && (c->peer.blocked || c->peer.out.memory)))
        return PBAY_AGAIN;
    if (tcp_check_parties(e, why))
        return pbay_link_fail(s->link, PBAY_FAILED, "no envelope for TCP: %s", why);
    if (!c)
        return nobody(s, name, e->to);
    if (tcp_frame_make(s->protocols, e, s->config.max_frame, &frame, why))
        return pbay_link_fail(s->link, PBAY_FAILED, "no envelope for TCP: %s", why);
    return put(s, c, &frame, tag);
}

/* ---- the rest of the loop ---- */

static int server_fd(void *self)
{
    const struct tcp_server *s = self;

    return s->up ? s->epoll_fd : -1;
}

static void server_serve(void *self)
{
    struct tcp_server *s = self;
    bool none = !s->ready;

    s->now = tcp_now();
    tcp_turn(s);
    if (none && s->ready)
        pbay_link_wake(s->link); /* for receive; when the OutBox is full, it comes by itself */
}

static void server_timer(void *self)
{
    struct tcp_server *s = self;

    s->timer_at = TCP_NEVER;
    server_serve(s);
    tcp_clients_sweep(s);
    tcp_names_sweep(s);
}

/* Nobody is let in, and nothing new is written. Who is told so, and ends as well, has lost nothing: what he sent until
 * then is received. */
static bool server_drain(void *self)
{
    struct tcp_server *s = self;

    server_serve(s); /* whoever was on his way is in */
    if (!s->draining)
        s->drain_at = s->now + (int64_t)s->config.drain_timeout * 1000;
    s->draining = true;
    tcp_listen_stop(s);
    return tcp_clients_drain(s) && (s->n_clients == 0 || s->now >= s->drain_at);
}

const struct pbay_conn_ops tcp_server_ops = {
    .class_name = "TCPServerConnection",
    .state_size = sizeof(struct tcp_server),
    .answers = true,
    .connect = server_connect,
    .disconnect = server_disconnect,
    .send = server_send,
    .receive = server_receive,
    .outcome = server_outcome,
    .fd = server_fd,
    .timer = server_timer,
    .serve = server_serve,
    .drain = server_drain,
};
