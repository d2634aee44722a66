/* Received envelopes: hold, show once, finish (SPEC 6.4, 6.5). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "schema/mutation.h"
#include "schema/session_int.h"

static struct pbay_str moved(struct pbay_str v, const char *from, const char *to)
{
    return v.n ? (struct pbay_str){to + (v.p - from), v.n} : (struct pbay_str){"", 0};
}

static void fill_meta(struct pbay_envelope *e, const struct pb_meta *m, const char *from, const char *to)
{
    e->has_id = m->id.n == PBAY_ID_SIZE;
    if (e->has_id)
        memcpy(e->id, m->id.p, PBAY_ID_SIZE);
    e->operation = moved(m->operation, from, to);
    e->traceparent = moved(m->traceparent, from, to);
    e->uri = moved(m->uri, from, to);
    e->ttl_ms = m->ttl_ms;
    e->replay = m->replay;
}

static struct pb_held *hold(struct pb_session *s, struct pb_receiver *rs, const struct pb_frame *f,
                            const struct pb_meta *m)
{
    struct pb_held *h = pb_pool_take(&s->pool, sizeof *h + f->raw.n);
    const char *from = f->raw.p;

    *h = (struct pb_held){.stream = rs, .names = rs->names, .seq = f->seq, .n = f->raw.n};
    h->names->refs++;
    memcpy(h->part, f->raw.p, f->raw.n);
    h->e = (struct pbay_envelope){.to = rs->names->to,
                                  .sender = rs->names->sender,
                                  .protocol_id = rs->names->protocols[f->proto],
                                  .message = moved(f->payload, from, (char *)h->part),
                                  .connection_id = {"", 0},
                                  .instance = {"", 0},
                                  .redelivered = f->flags & PB_FLAG_REDELIVERED};
    h->e.origin.name = rs->names->name;
    h->e.origin.instance = rs->names->instance;
    memcpy(h->e.origin.incarnation, rs->key, PBAY_ID_SIZE);
    fill_meta(&h->e, m, from, (char *)h->part);
    return h;
}

static void take(struct pb_session *s, struct pb_receiver *rs, const struct pb_frame *f, const struct pb_meta *m)
{
    struct pb_slot *slot = pb_window_at(&rs->w, f->seq);
    struct pb_held *h = hold(s, rs, f, m);

    if (m->ttl_ms && !h->e.redelivered) /* of another one nobody can say that it was not had in time */
        h->deadline = s->last_received + m->ttl_ms;

    slot->p = h;
    slot->state = SLOT_HELD;
    rs->held++;
    DL_APPEND(s->ready, h);
    if (PB_MUT(SETTLE_EARLY)) {
        h->stream = NULL;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): utlist's first element */
        DL_DELETE(s->ready, h);
        DL_APPEND(s->ready, h);
        slot->state = SLOT_SETTLED;
        slot->p = NULL;
        rs->held--;
        rs->above++;
        pb_recv_advance(rs);
        pb_recv_owe_settle(s, rs);
    }
}

/* SPEC 6.4 */
void pb_recv_pub(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs = pb_recv_find(s, f->stream);
    struct pb_slot *slot;
    struct pb_meta m;

    if (!rs || f->round != rs->round || rs->releasing)
        return;
    if (f->prev != rs->prev && !PB_MUT(NO_PREV)) {
        pb_session_close_link(s, PBAY_GAP, pbay_str("PUB's prev differs"));
        return;
    }
    if (f->proto >= rs->names->n_protocols || f->seq <= f->prev || !pb_meta_read(f->meta, &m)) {
        pb_session_close_link(s, PBAY_BAD_FRAME, pbay_str("PUB with a bad field"));
        return;
    }
    rs->prev = f->seq;
    slot = pb_window_at(&rs->w, f->seq);
    if (f->seq < rs->w.lo || (slot && slot->state == SLOT_SETTLED)) {
        pb_recv_owe_settle(s, rs);
        return;
    }
    if (rs->w.n == 0 && f->seq > rs->w.lo)
        rs->w.lo = f->seq; /* all of it holes, however many */
    if (!pb_window_extend(&rs->w, f->seq)) {
        pb_session_close_link(s, PBAY_BAD_FRAME, pbay_str("PUB beyond the window"));
        return;
    }
    if (f->seq > rs->hi)
        rs->hi = f->seq;
    if (!pb_recv_is_held(slot)) /* never shown again */
        take(s, rs, f, &m);
}

/* ---- the application's side ---- */

/* SPEC 3.6: only while a PONG echoes a PING of less than one timeout ago; the broker declares us dead later than that.
 */
static bool may_start(const struct pb_session *s, int64_t now)
{
    if (PB_MUT(NO_LEASE))
        return !s->draining;
    return s->state == PB_LINKED && !s->wants_close && !s->draining && now - s->lease < s->timeout_ms;
}

/* What has expired here could still come back, and be shown, if we died before its END was heard: what is behind it
 * waits for that, or the order would be another (I3). */
static bool is_barred(const struct pb_receiver *rs)
{
    const struct pb_slot *slot = rs->barrier ? pb_window_at(&rs->w, rs->barrier) : NULL;

    return slot && slot->state == SLOT_REFUSED;
}

static struct pb_held *first_startable(const struct pb_session *s)
{
    struct pb_held *h;

    DL_FOREACH (s->ready, h) {
        if (!h->stream || !(h->stream->blocked || is_barred(h->stream)))
            return h;
    }
    return NULL;
}

bool pb_session_ready(const struct pb_session *s)
{
    return first_startable(s) != NULL;
}

static struct pb_held *start_next(struct pb_session *s)
{
    struct pb_held *h = first_startable(s);

    if (!h)
        return NULL;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): utlist's first element */
    DL_DELETE(s->ready, h);
    if (h->stream)
        pb_window_at(&h->stream->w, h->seq)->state = SLOT_STARTED;
    s->n_started++;
    return h;
}

/* SPEC 5.4.2: what has waited here for too long is not started. */
struct pb_held *pb_session_next(struct pb_session *s, int64_t now)
{
    struct pb_held *h;

    if (!may_start(s, now))
        return NULL;
    while ((h = start_next(s)) && h->deadline && now >= h->deadline) {
        if (h->stream)
            h->stream->barrier = h->seq;
        pb_session_finish(s, h, PBAY_EXPIRED, "its time to live passed before it was started");
    }
    return h;
}

static void refuse(struct pb_session *s, struct pb_receiver *rs, struct pb_slot *slot, uint64_t seq, enum pbay_err err,
                   const char *text)
{
    struct pbay_str t = pbay_str(text);

    if (t.n > PB_MAX_TEXT)
        t.n = PB_MAX_TEXT;
    slot->state = SLOT_REFUSED;
    slot->tries = (uint16_t)err;
    slot->p = pb_strndup(t);
    if (rs->no && s->state == PB_LINKED && !s->wants_close)
        pb_recv_say_refused(s, rs, seq);
}

void pb_session_finish(struct pb_session *s, struct pb_held *h, enum pbay_err err, const char *text)
{
    struct pb_receiver *rs = h->stream;
    struct pb_slot *slot = rs ? pb_window_at(&rs->w, h->seq) : NULL;
    uint64_t seq = h->seq;

    s->n_started--;
    pb_recv_free_held(s, h);
    if (!slot)
        return;
    slot->p = NULL;
    if (err) {
        refuse(s, rs, slot, seq, err, text);
        return;
    }
    slot->state = SLOT_SETTLED;
    rs->held--;
    rs->above++;
    pb_recv_advance(rs);
    pb_recv_owe_settle(s, rs);
    pb_recv_say_released(s, rs);
}

void pb_session_give_back(struct pb_session *s, struct pb_held *h)
{
    struct pb_receiver *rs = h->stream;

    s->n_started--;
    if (!rs) {
        pb_recv_free_held(s, h);
        return;
    }
    pb_window_at(&rs->w, h->seq)->state = SLOT_HELD;
    rs->blocked = true;
    DL_PREPEND(s->ready, h);
}

void pb_session_unblock(struct pb_session *s)
{
    struct pb_receiver *rs, *tmp;

    HASH_ITER (by_key, s->receivers, rs, tmp)
        rs->blocked = false;
}
