/* The ZeroMQ brokers we compare with: `proxy FRONT BACK` is zmq_proxy between a ROUTER and a DEALER; `rr FRONT` the
 * least loop that routes by name: one ROUTER, [from][to][payload] becomes [to][payload]. FRONT and BACK may be several
 * endpoints with commas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tests/bench/common.h"

#define DRAIN 256

static void *bound(void *context, int type, char *endpoints)
{
    void *socket = zmq_socket(context, type);
    int none = 0, on = 1;
    char *rest = endpoints;

    zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    if (type == ZMQ_ROUTER) /* the next process of that name may come before the last one's end was seen */
        zmq_setsockopt(socket, ZMQ_ROUTER_HANDOVER, &on, sizeof on);
    for (char *one; (one = strsep(&rest, ","));) {
        if (zmq_bind(socket, one) != 0)
            bench_die("%s: %s", one, zmq_strerror(zmq_errno()));
    }
    return socket;
}

/* false = nothing there */
static bool forward(void *socket)
{
    zmq_msg_t from, to, payload;
    bool got;

    zmq_msg_init(&from);
    zmq_msg_init(&to);
    zmq_msg_init(&payload);
    got = zmq_msg_recv(&from, socket, ZMQ_DONTWAIT) >= 0;
    if (got && zmq_msg_recv(&to, socket, 0) >= 0 && zmq_msg_more(&to) && zmq_msg_recv(&payload, socket, 0) >= 0) {
        zmq_msg_send(&to, socket, ZMQ_SNDMORE);
        zmq_msg_send(&payload, socket, 0);
    }
    zmq_msg_close(&from);
    zmq_msg_close(&to);
    zmq_msg_close(&payload);
    return got;
}

static void route(void *socket)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

    while (zmq_poll(&item, 1, -1) >= 0) {
        for (int i = 0; i < DRAIN && forward(socket); i++)
            continue;
    }
}

int main(int argc, char **argv)
{
    void *context = zmq_ctx_new();

    if (argc == 4 && strcmp(argv[1], "proxy") == 0) {
        void *front = bound(context, ZMQ_ROUTER, argv[2]), *back = bound(context, ZMQ_DEALER, argv[3]);

        puts("ready");
        fflush(stdout);
        zmq_proxy(front, back, NULL);
    } else if (argc == 3 && strcmp(argv[1], "rr") == 0) {
        void *socket = bound(context, ZMQ_ROUTER, argv[2]);

        puts("ready");
        fflush(stdout);
        route(socket);
    } else {
        fprintf(stderr, "usage: zmq_broker proxy FRONT BACK | rr FRONT\n");
        return 2;
    }
    return 1;
}
