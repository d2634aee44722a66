/* What travels, in one line per part: the text of the golden traces. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static void put_span(FILE *out, struct pb_span s, const char *name)
{
    struct pb_rd r = pb_span_reader(s);
    uint64_t lo, hi;

    if (s.n == 0)
        return;
    fprintf(out, " %s", name);
    while (pb_span_range(&r, &lo, &hi))
        fprintf(out, lo == hi ? " %llu" : " %llu-%llu", (unsigned long long)lo, (unsigned long long)hi);
}

static void put_str(FILE *out, struct pbay_str s, const char *name)
{
    if (s.n)
        fprintf(out, " %s=%.*s", name, (int)s.n, s.p);
}

static void put_num(FILE *out, uint64_t v, const char *name)
{
    if (v)
        fprintf(out, " %s=%llu", name, (unsigned long long)v);
}

static void put_frame(FILE *out, const struct pb_frame *f)
{
    fprintf(out, "%s", pb_verb_name(f->verb));
    put_num(out, f->stream, "s");
    put_num(out, f->round, "r");
    put_num(out, f->seq, "seq");
    put_num(out, f->prev, "prev");
    put_num(out, f->base, "base");
    put_num(out, f->next, "next");
    put_num(out, f->sent_high, "high");
    put_num(out, f->wm, "wm");
    put_num(out, f->expect, "expect");
    put_num(out, f->credit_b, "credit");
    put_num(out, f->used_b, "used");
    put_num(out, f->count, "count");
    put_num(out, f->link, "link");
    put_num(out, f->attach, "attach");
    put_num(out, f->flags, "flags");
    if (f->code)
        fprintf(out, " %s", pbay_err_name((enum pbay_err)f->code));
    if (f->cause && f->cause != f->code)
        fprintf(out, " cause %s", pbay_err_name((enum pbay_err)f->cause));
    put_str(out, f->to, "to");
    put_str(out, f->text, "text");
    put_span(out, f->settled, "settled");
    put_span(out, f->held, "held");
}

/* Eight bytes at a time: every byte that travels goes through here. */
static uint64_t hash(uint64_t h, const uint8_t *p, size_t n)
{
    uint64_t word;

    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        h = (h ^ word) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    for (; n; p++, n--)
        h = (h ^ *p) * 1099511628211ULL;
    return h;
}

void trace_message(struct world *w, enum pb_dir dir, const struct proc *proc, const uint8_t *p, size_t n)
{
    struct pb_rd r = {p, p + n};
    struct pb_frame f;

    w->trace_hash = hash(w->trace_hash, p, n);
    w->trace_hash ^= (uint64_t)w->now << 8 ^ (uint64_t)proc->node;
    while (w->out && r.p < r.end && pb_frame_read(&r, dir, &f)) {
        if (w->scripted && !w->pings && (f.verb == PB_PING || f.verb == PB_PONG))
            continue;
        fprintf(w->out, "%6lld p%d %s %s ", (long long)w->now, proc->id, node_name(proc->node),
                dir == PB_UP ? "->" : "<-");
        put_frame(w->out, &f);
        fputc('\n', w->out);
    }
}
