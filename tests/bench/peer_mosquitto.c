/* mosquitto through libmosquitto. --kind q0 or q1: the quality of service. */
#include <mosquitto.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "tests/bench/drive.h"

#define KEEPALIVE_S 60

struct message {
    struct message *prev, *next;
    size_t n;
    char bytes[];
};

struct peer {
    struct mosquitto *m;
    int qos;
    bool subscribed;
    uint64_t put, done; /* published, and sent or acknowledged as its quality of service says */
    struct message *inbox, *last;
};

static void must(int code, const char *what)
{
    if (code != MOSQ_ERR_SUCCESS)
        bench_die("%s: %s", what, mosquitto_strerror(code));
}

static void on_message(struct mosquitto *m, void *self, const struct mosquitto_message *message)
{
    struct peer *p = self;
    struct message *copy = malloc(sizeof *copy + (size_t)message->payloadlen);

    (void)m;
    if (!copy)
        bench_die("no memory");
    copy->n = (size_t)message->payloadlen;
    memcpy(copy->bytes, message->payload, copy->n);
    DL_APPEND(p->inbox, copy);
}

static void on_publish(struct mosquitto *m, void *self, int id)
{
    (void)m;
    (void)id;
    ((struct peer *)self)->done++;
}

static void on_subscribe(struct mosquitto *m, void *self, int id, int n, const int *granted)
{
    (void)m;
    (void)id;
    (void)n;
    (void)granted;
    ((struct peer *)self)->subscribed = true;
}

/* One turn of the client's own loop. false = nothing happened in time. */
static bool turn(struct peer *p, int timeout_ms)
{
    struct pollfd f = {.fd = mosquitto_socket(p->m), .events = POLLIN};

    if (mosquitto_want_write(p->m))
        f.events |= POLLOUT;
    if (poll(&f, 1, timeout_ms) <= 0)
        return false;
    if (f.revents & POLLOUT)
        must(mosquitto_loop_write(p->m, 1), "mosquitto_loop_write");
    if (f.revents & (POLLIN | POLLERR | POLLHUP))
        must(mosquitto_loop_read(p->m, 1), "mosquitto_loop_read");
    return true;
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);
    const char *colon = strrchr(o->address, ':');

    mosquitto_lib_init();
    if (!p || !(p->m = mosquitto_new(self, true, p)) || !colon)
        bench_die("mosquitto_new");
    p->qos = strcmp(o->kind, "q1") == 0;
    mosquitto_message_callback_set(p->m, on_message);
    mosquitto_publish_callback_set(p->m, on_publish);
    mosquitto_subscribe_callback_set(p->m, on_subscribe);
    must(mosquitto_max_inflight_messages_set(p->m, BENCH_MAX_WINDOW - 1), "mosquitto_max_inflight_messages_set");
    must(mosquitto_int_option(p->m, MOSQ_OPT_TCP_NODELAY, 1), "MOSQ_OPT_TCP_NODELAY");
    must(mosquitto_connect(p->m, "127.0.0.1", atoi(colon + 1), KEEPALIVE_S), "mosquitto_connect");
    must(mosquitto_subscribe(p->m, NULL, self, p->qos), "mosquitto_subscribe");
    while (!p->subscribed) {
        if (!turn(p, BENCH_PATIENCE))
            bench_die("mosquitto: not subscribed");
    }
    return p;
}

void peer_close(struct peer *p)
{
    /* A socket that is closed with something unread takes along what the broker has not read yet. */
    while (p->done < p->put && turn(p, BENCH_PATIENCE))
        continue;
    mosquitto_disconnect(p->m);
    mosquitto_destroy(p->m);
    mosquitto_lib_cleanup();
    free(p->last);
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    p->put++;
    must(mosquitto_publish(p->m, NULL, to, (int)n, bytes, p->qos, false), "mosquitto_publish");
}

/* The client has written what the socket took; the rest goes with peer_get. */
void peer_flush(struct peer *p)
{
    (void)p;
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    free(p->last);
    p->last = NULL;
    while (!p->inbox) {
        if (!turn(p, timeout_ms))
            return false;
    }
    p->last = p->inbox;
    DL_DELETE(p->inbox, p->last);
    *v = (struct drive_view){p->last->bytes, p->last->n};
    return true;
}
