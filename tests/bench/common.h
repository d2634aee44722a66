/* What all drivers of the bench have in common: options, clock, the stamp at the head of each message, the receiver's
 * tally, and what is said to bench.py.
 *
 * Every driver says "ready" on standard output when it could begin. A source or ping then waits for a line on standard
 * input before its measured phase, and says one line of JSON at its end; a sink does so when all its sources have
 * ended.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_MAX_SOURCES  64
#define BENCH_MAX_SIZE     (1 << 20)
#define BENCH_MAX_WINDOW   65536
#define BENCH_PATIENCE     30000 /* ms without anything where something must come: the run is broken */
#define BENCH_CLOCK_EVERY  64    /* messages between two looks at the clock */
#define BENCH_TICK_NS      100000
#define BENCH_SUB_BUCKETS  32 /* per power of two: percentiles are exact to 3 % */
#define BENCH_POWERS       40
#define BENCH_BUCKETS      (BENCH_SUB_BUCKETS * BENCH_POWERS)
#define BENCH_NAME_SIZE    16
#define BENCH_WARM_PORTION 4 /* the warm-up lasts this part of the measured phase */

struct bench_opts {
    const char *role;    /* source, sink, ping */
    const char *kind;    /* which of the shapes that one peer's driver knows */
    const char *address; /* where to connect, or to bind */
    unsigned index;      /* of this source, from 0 */
    unsigned sources;    /* how many a sink serves */
    size_t size;         /* bytes of a message, at least those of a stamp */
    unsigned window;     /* messages that may be unacknowledged */
    uint64_t rate;       /* per second; 0 = as fast as the window lets it */
    unsigned ms;         /* measured phase */
    unsigned count;      /* idle: how many connections; raw: how many pairs */
};

/* Options as `--name value`. false = a message was printed. */
bool bench_parse(struct bench_opts *o, int argc, char **argv);

enum bench_flag {
    BENCH_WARM = 1,  /* not measured */
    BENCH_ECHO = 2,  /* to be sent back at once */
    BENCH_FLUSH = 4, /* the sink acknowledges all it has */
    BENCH_FIN = 8,   /* with FLUSH: this source's last message */
    BENCH_ACK = 16   /* to the product's sink without settlement: acknowledge */
};

/* At the head of each message; an acknowledgement is a stamp whose seq is the number of messages taken. */
struct bench_stamp {
    uint64_t seq; /* from 1 */
    uint64_t at;  /* when it was due, ns of CLOCK_MONOTONIC: one host, so both ends read the same clock */
    uint32_t source, flags;
};

uint64_t bench_now(void);            /* ns of CLOCK_MONOTONIC */
void bench_sleep_until(uint64_t at); /* absolute */
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
bool bench_ready(const struct bench_opts *o); /* says "ready"; a source or ping waits for its line; false = the end */

/* A histogram with buckets that widen with the value. */
struct bench_hist {
    uint64_t n, max;
    uint32_t bucket[BENCH_BUCKETS];
};

void bench_hist_add(struct bench_hist *h, uint64_t ns);
double bench_hist_us(const struct bench_hist *h, double part); /* part 0.99 = p99 */
void bench_hist_json(const struct bench_hist *h, FILE *f);     /* "p50": ..., "curve": [[part, us], ...] */

/* What a sink has seen. */
struct bench_tally {
    uint64_t got[BENCH_MAX_SOURCES], acked[BENCH_MAX_SOURCES];
    uint64_t disordered, measured;
    unsigned fins;
    struct bench_hist hist;
};

/* Take a message into the tally; *s is its stamp. Dies on one that is none. */
void bench_take(struct bench_tally *t, const void *p, size_t n, struct bench_stamp *s);
void bench_tally_json(const struct bench_tally *t, FILE *f);

/* The clock of a source: when the next message is due, and when it is over. */
struct bench_pace {
    uint64_t begin, end, rate, sent, due;
};

void bench_pace_start(struct bench_pace *p, uint64_t rate, uint64_t ns);
/* May another message be made now? true: stamp it with p->due. false and *wait = 0: the phase is over; otherwise
 * nothing is due before *wait. */
bool bench_pace_next(struct bench_pace *p, uint64_t *wait);

#endif
