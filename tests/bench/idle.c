/* Connections that only attach and keep their heartbeat: --count of them, behind the names idle00, idle01 ... with 64
 * instances each. Says "ready" when the broker has taken all; ends with its standard input. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "schema/frame.h"
#include "tests/bench/common.h"

#define PER_NAME 64
#define MAX_IDLE 8192
#define AT_ONCE  64 /* under way at a time: a listening socket has a short queue */
#define RID_SIZE 16
#define LOOK_MS  10
#define SHARES   16 /* their heartbeats are spread over a second */
#define TICK_MS  (1000 / SHARES)

struct idle {
    void *socket;
    uint64_t sent;
    bool linked;
    uint8_t incarnation[PBAY_ID_SIZE];
};

struct world {
    struct bench_opts o;
    void *context;
    struct idle *all;
    unsigned linked, started;
};

static void say(struct idle *i, const struct pb_buf *b)
{
    if (zmq_send(i->socket, b->p, b->n, ZMQ_DONTWAIT) < 0)
        bench_die("idle: zmq_send: %s", zmq_strerror(zmq_errno()));
    i->sent++;
}

static void say_frame(struct idle *i, const struct pb_frame *f)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_UP, f);
    say(i, &b);
    pb_buf_fini(&b);
}

static void hello(struct idle *i, unsigned n)
{
    char name[32], instance[16], id[64];

    snprintf(name, sizeof name, "idle%02u", n / PER_NAME);
    snprintf(instance, sizeof instance, "%u", n % PER_NAME);
    snprintf(id, sizeof id, "bench/%s:0.1.0", name);
    say_frame(i, &(struct pb_frame){.verb = PB_HELLO,
                                    .version_min = PB_VERSION,
                                    .version_max = PB_VERSION,
                                    .role = PB_CONNECTION,
                                    .agent = pbay_str("bench"),
                                    .name = pbay_str(name),
                                    .instance = pbay_str(instance),
                                    .public_id = pbay_str(id),
                                    .incarnation = {(const char *)i->incarnation, PBAY_ID_SIZE},
                                    .link = 1,
                                    .clock = bench_now() / 1000000});
}

static void start(struct world *w)
{
    struct idle *i = &w->all[w->started];
    uint8_t rid[RID_SIZE];
    int linger = 0;

    i->socket = zmq_socket(w->context, ZMQ_DEALER);
    if (getrandom(rid, sizeof rid, 0) != sizeof rid || getrandom(i->incarnation, PBAY_ID_SIZE, 0) != PBAY_ID_SIZE ||
        !i->socket)
        bench_die("idle: no socket number %u: %s", w->started, zmq_strerror(zmq_errno()));
    rid[0] = 1;
    zmq_setsockopt(i->socket, ZMQ_ROUTING_ID, rid, sizeof rid);
    zmq_setsockopt(i->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_connect(i->socket, w->o.address) != 0)
        bench_die("idle: %s: %s", w->o.address, zmq_strerror(zmq_errno()));
    hello(i, w->started++);
}

static void ping(struct idle *i)
{
    say_frame(i, &(struct pb_frame){.verb = PB_PING, .count = i->sent + 1, .clock = bench_now() / 1000000});
}

static void welcomed(struct world *w, struct idle *i, uint64_t attach)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_UP, &(struct pb_frame){.verb = PB_CONFIRM, .attach = attach});
    pb_frame_write(&b, PB_UP, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTED});
    say(i, &b);
    pb_buf_fini(&b);
    w->linked += !i->linked;
    i->linked = true;
    ping(i);
}

static void take(struct world *w, struct idle *i)
{
    zmq_msg_t m;

    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, i->socket, ZMQ_DONTWAIT) >= 0) {
        struct pb_rd r = pb_rd_of(zmq_msg_data(&m), zmq_msg_size(&m));
        struct pb_frame f;

        while (r.p < r.end && pb_frame_read(&r, PB_DOWN, &f)) {
            if (f.verb == PB_WELCOME)
                welcomed(w, i, f.attach);
            else if (f.verb != PB_PONG && f.verb != PB_NOP)
                bench_die("idle: the broker says %s: %.*s", pb_verb_name(f.verb), (int)f.text.n, f.text.p);
        }
    }
    zmq_msg_close(&m);
}

static void take_all(struct world *w, unsigned from)
{
    for (unsigned i = from; i < w->started; i++)
        take(w, &w->all[i]);
}

/* Groups follow each other, so that what was linked is only looked at once a second. */
static void start_all(struct world *w)
{
    uint64_t patience = bench_now() + BENCH_PATIENCE * 1000000ULL;

    for (unsigned from = 0; from < w->o.count; from = w->started) {
        while (w->started < w->o.count && w->started < from + AT_ONCE)
            start(w);
        while (w->linked < w->started) {
            zmq_pollitem_t item = {.socket = w->all[from].socket, .events = ZMQ_POLLIN};

            zmq_poll(&item, 1, w->all[from].linked ? 1 : LOOK_MS);
            take_all(w, from);
            if (bench_now() > patience)
                bench_die("idle: %u of %u attached", w->linked, w->o.count);
        }
        if (from % (AT_ONCE * 8) == 0)
            for (unsigned i = 0; i < from; i++)
                ping(&w->all[i]);
    }
}

/* Until standard input ends. */
static void heartbeat(struct world *w)
{
    zmq_pollitem_t input = {.fd = 0, .events = ZMQ_POLLIN};

    for (unsigned share = 0; zmq_poll(&input, 1, TICK_MS) == 0; share = (share + 1) % SHARES) {
        for (unsigned i = share; i < w->started; i += SHARES) {
            take(w, &w->all[i]);
            ping(&w->all[i]);
        }
    }
}

int main(int argc, char **argv)
{
    static struct world w;

    if (!bench_parse(&w.o, argc, argv) || w.o.count == 0 || w.o.count > MAX_IDLE)
        return 2;
    w.context = zmq_ctx_new();
    zmq_ctx_set(w.context, ZMQ_MAX_SOCKETS, MAX_IDLE + 1);
    w.all = calloc(w.o.count, sizeof *w.all);
    if (!w.all)
        return 1;
    start_all(&w);
    puts("ready");
    fflush(stdout);
    heartbeat(&w);
    for (unsigned i = 0; i < w.started; i++)
        zmq_close(w.all[i].socket);
    zmq_ctx_term(w.context);
    free(w.all);
    return 0;
}
