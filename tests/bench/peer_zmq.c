/* Bare ZeroMQ clients. --kind proxy: DEALER to a zmq_proxy, the sink sees who sent and answers that one; rr: DEALER to
 * the router loop of rr.c, every message names its destination; direct: two DEALERs and no broker, the sink binds. */
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tests/bench/drive.h"

#define LINGER_MS 2000

struct peer {
    void *context, *socket;
    bool names_to, sees_from;
    zmq_msg_t last;
};

/* The router knows us when what we send to ourselves is back; before, it drops what others send to us. */
static void greet(struct peer *p, const char *self)
{
    struct drive_view v;

    peer_put(p, self, "", 0);
    if (!peer_get(p, &v, BENCH_PATIENCE))
        bench_die("the router does not know %s", self);
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);
    bool sink = strcmp(o->role, "sink") == 0, direct = strcmp(o->kind, "direct") == 0;
    int none = 0, linger = LINGER_MS;

    if (!p)
        bench_die("no memory");
    p->sees_from = sink && strcmp(o->kind, "proxy") == 0;
    p->names_to = p->sees_from || strcmp(o->kind, "rr") == 0;
    p->context = zmq_ctx_new();
    p->socket = zmq_socket(p->context, ZMQ_DEALER);
    zmq_setsockopt(p->socket, ZMQ_ROUTING_ID, self, strlen(self));
    zmq_setsockopt(p->socket, ZMQ_SNDHWM, &none, sizeof none); /* the window is the bound */
    zmq_setsockopt(p->socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_msg_init(&p->last);
    if ((sink && direct ? zmq_bind : zmq_connect)(p->socket, o->address) != 0)
        bench_die("%s: %s", o->address, zmq_strerror(zmq_errno()));
    if (strcmp(o->kind, "rr") == 0)
        greet(p, self);
    return p;
}

void peer_close(struct peer *p)
{
    zmq_msg_close(&p->last);
    zmq_close(p->socket);
    zmq_ctx_term(p->context);
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    if ((p->names_to && zmq_send(p->socket, to, strlen(to), ZMQ_SNDMORE) < 0) || zmq_send(p->socket, bytes, n, 0) < 0)
        bench_die("zmq_send: %s", zmq_strerror(zmq_errno()));
}

void peer_flush(struct peer *p)
{
    (void)p;
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    while (zmq_msg_recv(&p->last, p->socket, ZMQ_DONTWAIT) < 0) {
        zmq_pollitem_t item = {.socket = p->socket, .events = ZMQ_POLLIN};

        if (timeout_ms == 0 || zmq_poll(&item, 1, timeout_ms) <= 0)
            return false;
    }
    if (p->sees_from && zmq_msg_recv(&p->last, p->socket, 0) < 0)
        bench_die("a message of one part");
    *v = (struct drive_view){zmq_msg_data(&p->last), zmq_msg_size(&p->last)};
    return true;
}
