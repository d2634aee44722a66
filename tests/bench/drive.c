/* The common driver of all peers: a source with a window, a sink that checks and acknowledges, a ping.
 *
 * The window is the lossless one that the product has by itself: a source stops at `window` messages without an
 * acknowledgement; the sink gives one after each quarter of the window. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"

struct drive {
    struct bench_opts o;
    struct peer *peer;
    char self[BENCH_NAME_SIZE];
    char *message;
    uint64_t sent, acked;
    struct bench_hist hist;
    struct bench_tally tally;
};

/* ---- source ---- */

static bool take_ack(struct drive *d, int timeout)
{
    struct drive_view v;
    struct bench_stamp s;

    if (!peer_get(d->peer, &v, timeout))
        return false;
    if (v.n != sizeof s)
        bench_die("an acknowledgement of %zu bytes", v.n);
    memcpy(&s, v.p, sizeof s);
    if (s.seq > d->acked)
        d->acked = s.seq;
    return true;
}

static void wait_acked(struct drive *d, uint64_t unacked)
{
    if (d->sent - d->acked <= unacked)
        return;
    peer_flush(d->peer);
    while (d->sent - d->acked > unacked) {
        if (!take_ack(d, BENCH_PATIENCE))
            bench_die("%s: nothing acknowledged for %d ms", d->self, BENCH_PATIENCE);
    }
}

static void put(struct drive *d, uint32_t flags, uint64_t at)
{
    struct bench_stamp s = {.seq = ++d->sent, .at = at, .source = d->o.index, .flags = flags};

    memcpy(d->message, &s, sizeof s);
    peer_put(d->peer, DRIVE_SINK, d->message, d->o.size);
}

/* One phase; ends when all of it is acknowledged. Returns how many messages, without the one that asks for that. */
static uint64_t phase(struct drive *d, uint32_t flags, unsigned ms, uint32_t last)
{
    struct bench_pace pace;
    uint64_t wait;

    bench_pace_start(&pace, d->o.rate, (uint64_t)ms * 1000000);
    for (;;) {
        if (bench_pace_next(&pace, &wait)) {
            wait_acked(d, d->o.window - 1);
            put(d, flags, pace.due);
            continue;
        }
        if (wait == 0)
            break;
        peer_flush(d->peer);
        while (take_ack(d, 0))
            continue;
        bench_sleep_until(wait);
    }
    put(d, flags | BENCH_FLUSH | last, bench_now());
    wait_acked(d, 0);
    return pace.sent;
}

static void run_source(struct drive *d)
{
    uint64_t begin, count;

    phase(d, BENCH_WARM, d->o.ms / BENCH_WARM_PORTION, 0);
    if (!bench_ready(&d->o))
        return;
    begin = bench_now();
    count = phase(d, 0, d->o.ms, BENCH_FIN);
    printf("{\"count\": %llu, \"begin\": %llu, \"end\": %llu}\n", (unsigned long long)count, (unsigned long long)begin,
           (unsigned long long)bench_now());
}

/* ---- ping ---- */

static void ping(struct drive *d, uint64_t seconds_end, bool measured)
{
    struct drive_view v;

    for (uint64_t now = bench_now(), begin; now < seconds_end;) {
        begin = now;
        put(d, BENCH_ECHO, begin);
        peer_flush(d->peer);
        if (!peer_get(d->peer, &v, BENCH_PATIENCE) || v.n != d->o.size || memcmp(v.p, d->message, v.n) != 0)
            bench_die("%s: a ping was not answered, or with something else", d->self);
        now = bench_now();
        if (measured)
            bench_hist_add(&d->hist, now - begin);
    }
}

static void run_ping(struct drive *d)
{
    uint64_t ns = (uint64_t)d->o.ms * 1000000, begin;

    ping(d, bench_now() + ns / BENCH_WARM_PORTION, false);
    if (!bench_ready(&d->o))
        return;
    begin = bench_now();
    ping(d, begin + ns, true);
    printf("{\"count\": %llu, \"begin\": %llu, \"end\": %llu, ", (unsigned long long)d->hist.n,
           (unsigned long long)begin, (unsigned long long)bench_now());
    bench_hist_json(&d->hist, stdout);
    puts("}");
}

/* ---- sink ---- */

static void acknowledge(struct drive *d, const struct bench_stamp *s)
{
    struct bench_stamp ack = {.seq = s->seq, .source = s->source};
    char to[BENCH_NAME_SIZE];

    d->tally.acked[s->source] = s->seq;
    snprintf(to, sizeof to, "s%u", s->source);
    peer_put(d->peer, to, &ack, sizeof ack);
    peer_flush(d->peer);
}

static void serve(struct drive *d, struct drive_view v)
{
    struct bench_stamp s;
    char to[BENCH_NAME_SIZE];

    bench_take(&d->tally, v.p, v.n, &s);
    if (s.flags & BENCH_ECHO) {
        snprintf(to, sizeof to, "s%u", s.source);
        peer_put(d->peer, to, v.p, v.n);
        peer_flush(d->peer);
    } else if ((s.flags & BENCH_FLUSH) || s.seq - d->tally.acked[s.source] >= d->o.window / 4) {
        acknowledge(d, &s);
    }
}

/* A sink of pings is ended by a signal. */
static void run_sink(struct drive *d)
{
    struct drive_view v;

    if (!bench_ready(&d->o))
        return;
    while (d->tally.fins < d->o.sources) {
        if (peer_get(d->peer, &v, BENCH_PATIENCE))
            serve(d, v);
        else if (d->tally.measured)
            bench_die("sink: nothing for %d ms", BENCH_PATIENCE);
    }
    bench_tally_json(&d->tally, stdout);
}

int main(int argc, char **argv)
{
    static struct drive d;
    static const struct {
        const char *name;
        void (*run)(struct drive *d);
    } roles[] = {{"source", run_source}, {"ping", run_ping}, {"sink", run_sink}};

    if (!bench_parse(&d.o, argc, argv))
        return 2;
    if (strcmp(d.o.role, "sink") == 0)
        snprintf(d.self, sizeof d.self, "%s", DRIVE_SINK);
    else
        snprintf(d.self, sizeof d.self, "s%u", d.o.index);
    d.message = calloc(1, d.o.size);
    if (!d.message)
        return 1;
    d.peer = peer_open(&d.o, d.self);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(d.o.role, roles[i].name) == 0)
            roles[i].run(&d);
    }
    fflush(stdout);
    peer_close(d.peer);
    free(d.message);
    return 0;
}
