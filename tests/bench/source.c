/* The product's source: an agent that puts envelopes to a connection and reads how each has ended. --kind: the name of
 * that connection. Every end must be "settled" and come in order, and a forbidden envelope must be refused: otherwise
 * nothing is reported. */
#include <stdlib.h>
#include <string.h>

#include "node/pbay.h"
#include "tests/bench/common.h"

#define OUTBOX_SLACK (16U << 20)
#define CLOSE_MS     10000
#define BENCH_ENDS   256 /* asked for at once */

#ifdef PB_BENCH_UNSETTLED
#define UNSETTLED 1
#else
#define UNSETTLED 0
#endif

struct source {
    struct bench_opts o;
    pbay_t agent;
    char instance[BENCH_NAME_SIZE], connection[64], *message;
    uint64_t put, ended, latest;
};

static void take(struct source *s, const struct pbay_outcome *end)
{
    if (end->err)
        bench_die("envelope %llu ended %s: %s", (unsigned long long)end->tag, pbay_err_name(end->err), end->text);
    if (end->tag <= s->latest)
        bench_die("envelope %llu ended after %llu", (unsigned long long)end->tag, (unsigned long long)s->latest);
    s->latest = end->tag;
    s->ended++;
}

/* The product's build without settlement: the sink sends back what bears BENCH_ACK, as the sinks of the peers do. */
static void take_acks(struct source *s, int timeout)
{
    struct pbay_envelope e;
    struct bench_stamp stamp;

    for (; pbay_get(s->agent, &e, NULL, timeout) == PBAY_OK; timeout = 0) {
        memcpy(&stamp, e.message.p, sizeof stamp);
        s->ended = stamp.seq;
    }
}

/* One end within that time, and what is there besides. */
static void take_ends(struct source *s, int timeout)
{
    static struct pbay_outcome ends[BENCH_ENDS];
    size_t n;

    if (UNSETTLED) {
        take_acks(s, timeout);
        return;
    }
    for (; pbay_get_outcomes(s->agent, ends, BENCH_ENDS, &n, timeout) == PBAY_OK; timeout = 0) {
        for (size_t i = 0; i < n; i++)
            take(s, &ends[i]);
    }
}

static void wait_end(struct source *s)
{
    uint64_t before = s->ended;

    take_ends(s, BENCH_PATIENCE);
    if (s->ended == before)
        bench_die("nothing has ended for %d ms", BENCH_PATIENCE);
}

static struct pbay_envelope envelope(struct source *s, const char *protocol)
{
    return (struct pbay_envelope){.to = pbay_str("peer"),
                                  .sender = pbay_str("bench"),
                                  .protocol_id = pbay_str(protocol),
                                  .connection_id = pbay_str(s->connection),
                                  .message = {s->message, s->o.size}};
}

/* Ends that nobody asks for are kept for as many envelopes as the OutBox holds: so many may be without an end that was
 * taken, and no more. */
static void put(struct source *s, const struct pbay_envelope *e, uint32_t flags, uint64_t at)
{
    struct bench_stamp stamp = {.seq = s->put + 1, .at = at, .source = s->o.index, .flags = flags};
    enum pbay_err err;

    while (s->put - s->ended >= s->o.window)
        wait_end(s);
    if (UNSETTLED && stamp.seq % (s->o.window / 4) == 0)
        stamp.flags |= BENCH_ACK;
    memcpy(s->message, &stamp, sizeof stamp);
    while ((err = pbay_put(s->agent, e, 0, NULL)) == PBAY_AGAIN)
        wait_end(s);
    if (err)
        bench_die("pbay_put: %s", pbay_err_text(err));
    s->put++;
}

static uint64_t phase(struct source *s, uint32_t flags, unsigned ms)
{
    struct pbay_envelope e = envelope(s, "fetchai/default:1.0.0");
    struct bench_pace pace;
    uint64_t wait;

    bench_pace_start(&pace, s->o.rate, (uint64_t)ms * 1000000);
    for (;;) {
        if (bench_pace_next(&pace, &wait)) {
            put(s, &e, flags, pace.due);
            continue;
        }
        if (wait == 0)
            break;
        take_ends(s, 0);
        bench_sleep_until(wait);
    }
    if (UNSETTLED)
        put(s, &e, BENCH_FLUSH | BENCH_ACK, pace.due);
    while (s->ended < s->put)
        wait_end(s);
    return pace.sent;
}

/* The product was doing its work: what the restrictions exclude ends so. */
static void check_refusal(struct source *s)
{
    struct pbay_envelope e = envelope(s, "bench/forbidden:1.0.0");
    struct pbay_outcome end;

    if (pbay_put(s->agent, &e, BENCH_PATIENCE, NULL) || pbay_get_outcome(s->agent, &end, BENCH_PATIENCE))
        bench_die("the forbidden envelope has not ended");
    if (end.err != PBAY_REFUSED)
        bench_die("the forbidden envelope ended %s", pbay_err_name(end.err));
}

static void run(struct source *s)
{
    uint64_t begin, end, count;

    phase(s, BENCH_WARM, s->o.ms / BENCH_WARM_PORTION);
    if (!bench_ready(&s->o))
        return;
    begin = bench_now();
    count = phase(s, 0, s->o.ms);
    end = bench_now();
    printf("{\"count\": %llu, \"begin\": %llu, \"end\": %llu}\n", (unsigned long long)count, (unsigned long long)begin,
           (unsigned long long)end);
    fflush(stdout);
    if (!UNSETTLED)
        check_refusal(s);
    puts("{\"refused\": true}");
}

int main(int argc, char **argv)
{
    static struct source s;
    struct pbay_options options = {.send_only = !UNSETTLED, .instance = s.instance};

    if (!bench_parse(&s.o, argc, argv))
        return 2;
    snprintf(s.instance, sizeof s.instance, "%u", s.o.index);
    snprintf(s.connection, sizeof s.connection, "bench/%s:0.1.0", *s.o.kind ? s.o.kind : "sink");
    options.outbox_envelopes = s.o.window;
    options.outbox_bytes = 2 * s.o.size * s.o.window + OUTBOX_SLACK;
    s.message = calloc(1, s.o.size);
    if (!s.message || pbay_open(&s.agent, &options) != PBAY_OK)
        return 1;
    run(&s);
    free(s.message);
    return pbay_close(s.agent, CLOSE_MS, NULL) != PBAY_OK;
}
