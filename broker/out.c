/* What is sent to whom: parts are gathered into messages and written out at the end of the turn. A message of which all
 * parts go one way is not copied but moved on (SPEC 4.0.7). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

static void list_out(struct pb_core *c, struct pb_link *link)
{
    if (link->listed)
        return;
    link->listed = true;
    link->next_out = NULL;
    if (c->outs_tail)
        c->outs_tail->next_out = link;
    else
        c->outs = link;
    c->outs_tail = link;
}

/* Items come back with their buffers when they are sent. */
static struct pb_item *new_item(struct pb_core *c)
{
    struct pb_item *item = c->spare;

    if (!item)
        return pb_alloc(sizeof *item);
    LL_DELETE(c->spare, item);
    c->n_spare--;
    return item;
}

static void free_item(struct pb_core *c, struct pb_item *item)
{
    if (c->n_spare == PB_MAX_SPARE || item->buf.cap > PB_MOVE_MIN) {
        pb_buf_fini(&item->buf);
        free(item);
        return;
    }
    item->buf.n = 0;
    item->msg = NULL;
    c->n_spare++;
    LL_PREPEND(c->spare, item);
}

static void close_message(struct pb_link *link)
{
    if (!link->out)
        return;
    link->queued++;
    DL_APPEND(link->items, link->out);
    link->out = NULL;
}

/* Where the next n bytes for link go; it has no more than one message open, and none while nothing is sent to it. */
static struct pb_buf *open_message(struct pb_core *c, struct pb_link *link, size_t n)
{
    if (link->out && link->out->buf.n + n > PB_BATCH)
        close_message(link);
    if (!link->out)
        link->out = new_item(c);
    list_out(c, link);
    return &link->out->buf;
}

/* What was going on together towards this link and has not been copied yet must keep its place. */
static void flush_run(struct pb_core *c)
{
    struct pb_span_run *run = &c->run;
    struct pb_link *link = run->link;

    run->link = NULL;
    for (unsigned i = 0; i < run->count; i++)
        pb_link_append(c, link, run->start[i], run->n[i]);
    run->broken |= run->count > 0;
    run->count = 0;
}

void pb_link_append(struct pb_core *c, struct pb_link *link, const uint8_t *p, size_t n)
{
    assert(link);
    if (c->run.link == link)
        flush_run(c);
    pb_buf_add(open_message(c, link, n), p, n);
}

void pb_link_send(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    if (c->run.link == link)
        flush_run(c);
    pb_frame_write(open_message(c, link, 0), PB_DOWN, f);
}

/* A part of the message at hand goes on to link. Parts are only noted: if all of them go one way, the message moves
 * whole. */
void pb_link_span(struct pb_core *c, struct pb_link *link, uint8_t *p, size_t n)
{
    struct pb_span_run *run = &c->run;

    if (run->link && run->link != link)
        flush_run(c);
    run->link = link;
    if (run->count && run->start[run->count - 1] + run->n[run->count - 1] == p) {
        run->n[run->count - 1] += n;
        return;
    }
    if (run->count == PB_MAX_SPANS) {
        flush_run(c);
        run->link = link;
    }
    run->start[run->count] = p;
    run->n[run->count++] = n;
}

/* SPEC 4.0.7: parts that were for the broker become NOP. */
static void fill_gaps(const struct pb_span_run *run, uint8_t *p, size_t n)
{
    uint8_t *at = p;

    for (unsigned i = 0; i < run->count; i++) {
        if (run->start[i] > at)
            pb_nop_fill(at, (size_t)(run->start[i] - at));
        at = run->start[i] + run->n[i];
    }
    if (at < p + n)
        pb_nop_fill(at, (size_t)(p + n - at));
}

/* The end of a message that came: what was noted of it is moved or copied. */
void pb_out_end(struct pb_core *c, struct pb_event *ev)
{
    struct pb_span_run *run = &c->run;
    struct pb_link *link = run->link;
    struct pb_item *item;
    size_t sum = 0;

    for (unsigned i = 0; i < run->count; i++)
        sum += run->n[i];
    if (!link || run->broken || !ev->msg || sum < PB_MOVE_MIN || sum < ev->n / 2) {
        if (link)
            flush_run(c);
        return;
    }
    fill_gaps(run, ev->p, ev->n);
    run->link = NULL;
    close_message(link);
    item = new_item(c);
    item->msg = ev->msg;
    item->p = ev->p;
    item->n = ev->n;
    ev->msg = NULL;
    link->queued++;
    DL_APPEND(link->items, item);
    list_out(c, link);
}

bool pb_core_next(struct pb_core *c, struct pb_out *out)
{
    struct pb_link *link;
    struct pb_item *item;

    if (c->sent)
        free_item(c, c->sent);
    c->sent = NULL;
    while ((link = c->outs)) {
        if (!link->items)
            close_message(link);
        if ((item = link->items))
            break;
        c->outs = link->next_out;
        if (!c->outs)
            c->outs_tail = NULL;
        link->listed = false;
    }
    if (!link)
        return false;
    DL_DELETE(link->items, item);
    c->sent = item;
    *out = (struct pb_out){.rid = {(const char *)link->rid, link->rid_n},
                           .p = item->msg ? item->p : item->buf.p,
                           .n = item->msg ? item->n : item->buf.n,
                           .msg = item->msg};
    return true;
}

void pb_out_begin(struct pb_core *c)
{
    c->run.link = NULL;
    c->run.count = 0;
    c->run.broken = false;
}

/* PONG tells the number of the message that it travels in. */
void pb_out_pong(struct pb_core *c, struct pb_link *link, uint64_t clock)
{
    if (c->run.link == link)
        flush_run(c);
    open_message(c, link, 0);
    pb_link_send(c, link, &(struct pb_frame){.verb = PB_PONG, .count = link->queued + 1, .clock = clock});
}

void pb_out_free_spare(struct pb_core *c)
{
    if (c->sent)
        free_item(c, c->sent);
    c->sent = NULL;
    while (c->spare) {
        struct pb_item *item = new_item(c);

        pb_buf_fini(&item->buf);
        free(item);
    }
}

void pb_out_fini(struct pb_link *link)
{
    struct pb_item *item, *tmp;

    DL_FOREACH_SAFE (link->items, item, tmp) {
        pb_buf_fini(&item->buf);
        free(item);
    }
    if (link->out)
        pb_buf_fini(&link->out->buf);
    free(link->out);
}
