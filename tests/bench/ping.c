/* The product's ping: an agent and the echo of sink.c, one envelope at a time. The time is that until the answer is
 * here and the ping's own settlement too. */
#include <stdlib.h>
#include <string.h>

#include "node/pbay.h"
#include "tests/bench/common.h"

#define CLOSE_MS 10000

struct ping {
    struct bench_opts o;
    pbay_t agent;
    char *message;
    uint64_t seq;
    struct bench_hist hist;
};

static void once(struct ping *p)
{
    struct pbay_envelope e = {.to = pbay_str("peer"),
                              .sender = pbay_str("bench"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .connection_id = pbay_str("bench/sink:0.1.0"),
                              .message = {p->message, p->o.size}},
                         back;
    struct pbay_outcome end;
    uint64_t lease;

    memcpy(p->message, &(struct bench_stamp){.seq = ++p->seq, .flags = BENCH_ECHO}, sizeof(struct bench_stamp));
    if (pbay_put(p->agent, &e, BENCH_PATIENCE, NULL) || pbay_get(p->agent, &back, &lease, BENCH_PATIENCE))
        bench_die("a ping was not answered");
    if (back.message.n != p->o.size || memcmp(back.message.p, p->message, p->o.size) != 0)
        bench_die("a ping was answered with something else");
    if (pbay_ack(p->agent, lease) || pbay_get_outcome(p->agent, &end, BENCH_PATIENCE) || end.err)
        bench_die("a ping was not settled");
}

static void phase(struct ping *p, uint64_t end, bool measured)
{
    for (uint64_t now = bench_now(), begin; now < end;) {
        begin = now;
        once(p);
        now = bench_now();
        if (measured)
            bench_hist_add(&p->hist, now - begin);
    }
}

static void run(struct ping *p)
{
    uint64_t ns = (uint64_t)p->o.ms * 1000000, begin;

    phase(p, bench_now() + ns / BENCH_WARM_PORTION, false);
    if (!bench_ready(&p->o))
        return;
    begin = bench_now();
    phase(p, begin + ns, true);
    printf("{\"count\": %llu, \"begin\": %llu, \"end\": %llu, ", (unsigned long long)p->hist.n,
           (unsigned long long)begin, (unsigned long long)bench_now());
    bench_hist_json(&p->hist, stdout);
    puts("}");
}

int main(int argc, char **argv)
{
    static struct ping p;

    if (!bench_parse(&p.o, argc, argv))
        return 2;
    p.message = calloc(1, p.o.size);
    if (!p.message || pbay_open(&p.agent, NULL) != PBAY_OK)
        return 1;
    run(&p);
    fflush(stdout);
    free(p.message);
    return pbay_close(p.agent, CLOSE_MS, NULL) != PBAY_OK;
}
