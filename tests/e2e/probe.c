/* Test agent: ping-pong with `loop` while envelopes go to another connection.
 *
 * usage: probe RESULT ROUNDS CONNECTION COUNT BAD SIZE
 * ROUNDS ping-pongs with loop; COUNT envelopes of SIZE bytes to CONNECTION ("none" = nobody), number BAD begins with
 * "bad" (0 = none). RESULT gets one line of JSON: the round trips' percentiles in microseconds, how many ends of each
 * code, the number of the first envelope that did not settle, whether the ends came in order, the most memory this
 * process had. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "node/pbay.h"

#define MAX_ROUNDS 100000
#define MAX_TAGS   200000

struct probe {
    pbay_t agent;
    unsigned rounds, count, bad, put, ended, by_code[PBAY_ERR_COUNT], first_not_ok;
    uint64_t latest_tag;
    unsigned number_of_tag[MAX_TAGS]; /* of what went to the connection; 0 = a ping */
    const char *connection;
    size_t size;
    char *message;
    bool disordered;
    uint64_t *us, ping_tags;
};

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "probe: %s\n", what);
    exit(3);
}

static void take_outcomes(struct probe *p, int timeout)
{
    struct pbay_outcome o;

    for (; pbay_get_outcome(p->agent, &o, timeout) == PBAY_OK; timeout = 0) {
        unsigned number = p->number_of_tag[o.tag % MAX_TAGS];

        if (number == 0)
            continue;
        p->disordered |= o.tag < p->latest_tag;
        p->latest_tag = o.tag;
        p->by_code[o.err]++;
        p->ended++;
        if (o.err && p->first_not_ok == 0)
            p->first_not_ok = number;
        if (o.err && p->by_code[o.err] == 1)
            fprintf(stderr, "probe: envelope %u ended %s: %s\n", number, pbay_err_name((enum pbay_err)o.err), o.text);
    }
}

/* Put as many as the OutBox takes. */
static void put_some(struct probe *p)
{
    struct pbay_envelope e = {.to = pbay_str("other"),
                              .sender = pbay_str("probe"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .connection_id = pbay_str(p->connection),
                              .message = {p->message, p->size}};

    while (p->put < p->count) {
        uint64_t tag;

        memset(p->message, '.', p->size);
        memcpy(p->message, p->put + 1 == p->bad ? "bad" : "ok ", 3);
        if (pbay_put(p->agent, &e, 0, &tag) != PBAY_OK)
            return;
        p->number_of_tag[tag % MAX_TAGS] = ++p->put;
    }
}

static void ping(struct probe *p, unsigned round)
{
    struct pbay_envelope e = {.to = pbay_str("peer"),
                              .sender = pbay_str("probe"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .connection_id = pbay_str("patchbay/loop:0.1.0")},
                         back;
    uint64_t start = now_us();
    char text[16];

    e.message = (struct pbay_str){text, (size_t)snprintf(text, sizeof text, "%u", round)};
    if (pbay_put(p->agent, &e, 20000, NULL) != PBAY_OK)
        fail("no room for a ping in 20 s");
    if (pbay_get(p->agent, &back, NULL, 20000) != PBAY_OK || back.message.n != e.message.n ||
        memcmp(back.message.p, text, back.message.n) != 0)
        fail("a ping was not answered in 20 s, or out of order");
    p->us[round] = now_us() - start;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static uint64_t percentile(struct probe *p, unsigned of_1000)
{
    return p->rounds ? p->us[(uint64_t)(p->rounds - 1) * of_1000 / 1000] : 0;
}

static void report(struct probe *p, const char *path)
{
    FILE *f = fopen(path, "w");
    struct rusage usage;

    if (!f)
        fail(path);
    getrusage(RUSAGE_SELF, &usage);
    qsort(p->us, p->rounds, sizeof *p->us, by_size);
    fprintf(f,
            "{\"rounds\": %u, \"p50_us\": %" PRIu64 ", \"p99_us\": %" PRIu64
            ", \"first_not_ok\": %u, \"in_order\": %s, \"rss_kib\": %ld, "
            "\"ends\": {",
            p->rounds, percentile(p, 500), percentile(p, 990), p->first_not_ok, p->disordered ? "false" : "true",
            usage.ru_maxrss);
    for (int i = 0, n = 0; i < PBAY_ERR_COUNT; i++) {
        if (p->by_code[i])
            fprintf(f, "%s\"%s\": %u", n++ ? ", " : "", pbay_err_name((enum pbay_err)i), p->by_code[i]);
    }
    fputs("}}\n", f);
    fclose(f);
}

int main(int argc, char **argv)
{
    static struct probe p;

    if (argc != 7) {
        fprintf(stderr, "usage: probe RESULT ROUNDS CONNECTION COUNT BAD SIZE\n");
        return 2;
    }
    p.rounds = (unsigned)atoi(argv[2]);
    p.connection = argv[3];
    p.count = strcmp(argv[3], "none") == 0 ? 0 : (unsigned)atoi(argv[4]);
    p.bad = (unsigned)atoi(argv[5]);
    p.size = (size_t)atoi(argv[6]);
    if (p.rounds > MAX_ROUNDS || p.size < 3)
        return 2;
    p.message = malloc(p.size);
    p.us = calloc(p.rounds + 1, sizeof *p.us);
    if (pbay_open(&p.agent, NULL) != PBAY_OK)
        return 1;
    put_some(&p);
    for (unsigned i = 0; i < p.rounds; i++) {
        ping(&p, i);
        take_outcomes(&p, 0);
    }
    while (p.ended < p.count) {
        put_some(&p);
        take_outcomes(&p, 100);
    }
    pbay_get(p.agent, &(struct pbay_envelope){0}, NULL, 0);
    report(&p, argv[1]);
    return pbay_close(p.agent, 10000, NULL) != PBAY_OK;
}
