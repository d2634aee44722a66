/* What travels, in one line per part: the text of the golden traces. */
#include <stdio.h>

#include "world.h"

static void put_span(struct pb_span s, const char *name)
{
    struct pb_rd r = pb_span_reader(s);
    uint64_t lo, hi;

    if (s.n == 0)
        return;
    printf(" %s", name);
    while (pb_span_range(&r, &lo, &hi))
        printf(lo == hi ? " %llu" : " %llu-%llu", (unsigned long long)lo, (unsigned long long)hi);
}

static void put_str(struct pbay_str s, const char *name)
{
    if (s.n)
        printf(" %s=%.*s", name, (int)s.n, s.p);
}

static void put_num(uint64_t v, const char *name)
{
    if (v)
        printf(" %s=%llu", name, (unsigned long long)v);
}

static void put_frame(const struct pb_frame *f)
{
    printf("%s", pb_verb_name(f->verb));
    put_num(f->stream, "s");
    put_num(f->round, "r");
    put_num(f->seq, "seq");
    put_num(f->prev, "prev");
    put_num(f->base, "base");
    put_num(f->next, "next");
    put_num(f->sent_high, "high");
    put_num(f->wm, "wm");
    put_num(f->expect, "expect");
    put_num(f->credit_b, "credit");
    put_num(f->used_b, "used");
    put_num(f->count, "count");
    put_num(f->link, "link");
    put_num(f->attach, "attach");
    put_num(f->flags, "flags");
    if (f->code)
        printf(" %s", pbay_err_name((int)f->code));
    if (f->cause && f->cause != f->code)
        printf(" cause %s", pbay_err_name((int)f->cause));
    put_str(f->to, "to");
    put_str(f->text, "text");
    put_span(f->settled, "settled");
    put_span(f->held, "held");
}

void trace_message(struct world *w, enum pb_dir dir, int node, const uint8_t *p, size_t n)
{
    struct pb_rd r = {p, p + n};
    struct pb_frame f;

    for (size_t i = 0; i < n; i++)
        w->trace_hash = (w->trace_hash ^ p[i]) * 1099511628211ULL;
    w->trace_hash ^= (uint64_t)w->now << 8 ^ (uint64_t)node;
    if (!w->verbose)
        return;
    while (r.p < r.end && pb_frame_read(&r, dir, &f)) {
        printf("%6lld %s n%d ", (long long)w->now, dir == PB_UP ? "->" : "<-", node);
        put_frame(&f);
        putchar('\n');
    }
}
