#include "tests/bench/common.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_S  1000000000U
#define NS_PER_MS 1000000U

/* ---- options ---- */

enum { OPT_ROLE, OPT_KIND, OPT_ADDRESS, OPT_INDEX, OPT_SOURCES, OPT_SIZE, OPT_WINDOW, OPT_RATE, OPT_MS, OPT_COUNT };

static const struct option options[] = {{"role", required_argument, NULL, OPT_ROLE},
                                        {"kind", required_argument, NULL, OPT_KIND},
                                        {"address", required_argument, NULL, OPT_ADDRESS},
                                        {"index", required_argument, NULL, OPT_INDEX},
                                        {"sources", required_argument, NULL, OPT_SOURCES},
                                        {"size", required_argument, NULL, OPT_SIZE},
                                        {"window", required_argument, NULL, OPT_WINDOW},
                                        {"rate", required_argument, NULL, OPT_RATE},
                                        {"ms", required_argument, NULL, OPT_MS},
                                        {"count", required_argument, NULL, OPT_COUNT},
                                        {NULL, 0, NULL, 0}};

static void set(struct bench_opts *o, int option, const char *text)
{
    unsigned long long value = strtoull(text, NULL, 10);
    const char **texts[] = {[OPT_ROLE] = &o->role, [OPT_KIND] = &o->kind, [OPT_ADDRESS] = &o->address};
    unsigned *numbers[] = {[OPT_INDEX] = &o->index,
                           [OPT_SOURCES] = &o->sources,
                           [OPT_WINDOW] = &o->window,
                           [OPT_MS] = &o->ms,
                           [OPT_COUNT] = &o->count};

    if (option <= OPT_ADDRESS)
        *texts[option] = text;
    else if (option == OPT_SIZE)
        o->size = (size_t)value;
    else if (option == OPT_RATE)
        o->rate = value;
    else
        *numbers[option] = (unsigned)value;
}

bool bench_parse(struct bench_opts *o, int argc, char **argv)
{
    int c;

    *o = (struct bench_opts){
        .role = "source", .kind = "", .address = "", .sources = 1, .size = 64, .window = 1024, .ms = 1000};
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?')
            return false;
        set(o, c, optarg);
    }
    if (o->size >= sizeof(struct bench_stamp) && o->size <= BENCH_MAX_SIZE && o->index < BENCH_MAX_SOURCES &&
        o->sources >= 1 && o->sources <= BENCH_MAX_SOURCES && o->window >= 4 && o->window <= BENCH_MAX_WINDOW)
        return true;
    fprintf(stderr, "%s: an option is out of bounds\n", argv[0]);
    return false;
}

/* ---- clock, standard input and output ---- */

uint64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void bench_sleep_until(uint64_t at)
{
    struct timespec t = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void bench_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(3);
}

bool bench_ready(const struct bench_opts *o)
{
    char line[16];

    prctl(PR_SET_TIMERSLACK, 1UL); /* a paced source asks for ticks of BENCH_TICK_NS, and should get them */
    puts("ready");
    fflush(stdout);
    return strcmp(o->role, "sink") == 0 || fgets(line, sizeof line, stdin) != NULL;
}

/* ---- histogram ---- */

static unsigned bucket_of(uint64_t ns)
{
    unsigned power = 0, at;

    while (ns >> power >= 2 * BENCH_SUB_BUCKETS)
        power++;
    at = power * BENCH_SUB_BUCKETS + (unsigned)(ns >> power);
    return at < BENCH_BUCKETS ? at : BENCH_BUCKETS - 1;
}

/* The middle of a bucket. */
static double value_of(unsigned bucket)
{
    unsigned power = bucket / BENCH_SUB_BUCKETS;

    if (power == 0)
        return bucket;
    return ((double)(bucket - (power - 1) * BENCH_SUB_BUCKETS) + 0.5) * (double)(1ULL << (power - 1));
}

void bench_hist_add(struct bench_hist *h, uint64_t ns)
{
    h->bucket[bucket_of(ns)]++;
    h->n++;
    if (ns > h->max)
        h->max = ns;
}

double bench_hist_us(const struct bench_hist *h, double part)
{
    double target = part * (double)h->n, seen = 0;

    for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= target && h->bucket[i])
            return value_of(i) / 1000;
    }
    return (double)h->max / 1000;
}

void bench_hist_json(const struct bench_hist *h, FILE *f)
{
    static const struct {
        const char *name;
        double part;
    } named[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    static const double curve[] = {0.01, 0.05, 0.1,  0.2,  0.3,  0.4,  0.5,  0.6,   0.7,   0.8,
                                   0.85, 0.9,  0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999};

    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        fprintf(f, "\"%s\": %.2f, ", named[i].name, bench_hist_us(h, named[i].part));
    fprintf(f, "\"max\": %.2f, \"curve\": [", (double)h->max / 1000);
    for (size_t i = 0; i < sizeof curve / sizeof *curve; i++)
        fprintf(f, "%s[%g, %.2f]", i ? ", " : "", curve[i], bench_hist_us(h, curve[i]));
    fputs("]", f);
}

/* ---- tally ---- */

void bench_take(struct bench_tally *t, const void *p, size_t n, struct bench_stamp *s)
{
    if (n < sizeof *s)
        bench_die("a message of %zu bytes", n);
    memcpy(s, p, sizeof *s);
    if (s->source >= BENCH_MAX_SOURCES)
        bench_die("a message of source %u", s->source);
    t->disordered += s->seq != t->got[s->source] + 1;
    t->got[s->source] = s->seq;
    t->fins += (s->flags & BENCH_FIN) != 0;
    if (s->flags & (BENCH_WARM | BENCH_FLUSH | BENCH_ECHO))
        return;
    t->measured++;
    bench_hist_add(&t->hist, bench_now() - s->at);
}

void bench_tally_json(const struct bench_tally *t, FILE *f)
{
    fprintf(f, "{\"received\": %llu, \"disordered\": %llu, ", (unsigned long long)t->measured,
            (unsigned long long)t->disordered);
    bench_hist_json(&t->hist, f);
    fputs("}\n", f);
    fflush(f);
}

/* ---- pace ---- */

void bench_pace_start(struct bench_pace *p, uint64_t rate, uint64_t ns)
{
    *p = (struct bench_pace){.begin = bench_now(), .rate = rate};
    p->end = p->begin + ns;
    p->due = p->begin;
}

/* Open loop: what is due at a tick bears the time of that tick, however late it is made. */
static bool paced_next(struct bench_pace *p, uint64_t *wait)
{
    uint64_t ticks = (p->due - p->begin) / BENCH_TICK_NS + 1;

    if (p->sent * NS_PER_S >= ticks * BENCH_TICK_NS * p->rate) {
        p->due += BENCH_TICK_NS;
        *wait = p->due < p->end ? p->due : 0;
        return false;
    }
    p->sent++;
    return true;
}

bool bench_pace_next(struct bench_pace *p, uint64_t *wait)
{
    *wait = 0;
    if (p->rate)
        return paced_next(p, wait);
    if (p->sent % BENCH_CLOCK_EVERY == 0)
        p->due = bench_now();
    if (p->due >= p->end)
        return false;
    p->sent++;
    return true;
}
