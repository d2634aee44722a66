/* Streams as their sender: open, send within credit, forget when ended (SPEC section 6). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "schema/mutation.h"
#include "schema/pbay_pubid.h"
#include "schema/replay.h"
#include "schema/session_int.h"

/* ---- outcomes ---- */

static void tell(struct pb_session *s, uint64_t tag, enum pbay_err err, enum pbay_err cause, struct pbay_str text)
{
    struct pb_outcome o = {.tag = tag, .err = err, .cause = cause};

    if (text.n)
        o.text = pb_strndup((struct pbay_str){text.p, text.n < PB_MAX_TEXT ? text.n : PB_MAX_TEXT});
    pb_outcomes_push(&s->outcomes, &o);
}

static void free_retained(struct pb_session *s, struct pb_retained *e)
{
    if (e)
        pb_pool_give(&s->pool, e, sizeof *e + e->n);
}

static void end_slot(struct pb_session *s, struct pb_slot *slot, enum pbay_err err, enum pbay_err cause,
                     struct pbay_str text)
{
    struct pb_retained *e = slot->p;

    tell(s, e->tag, err, cause, text);
    s->n_retained--;
    s->b_retained -= e->n;
    free_retained(s, e);
    slot->p = NULL;
    slot->state = SLOT_ENDED;
}

static void trim(struct pb_sender *st)
{
    struct pb_slot *first;

    while ((first = pb_window_at(&st->w, st->w.lo)) && first->state == SLOT_ENDED)
        pb_window_shift(&st->w);
    if (st->pos < st->w.lo)
        st->pos = st->w.lo;
}

static void settle_range(struct pb_session *s, struct pb_sender *st, uint64_t lo, uint64_t hi)
{
    uint64_t last = pb_window_end(&st->w);

    if (lo < st->w.lo)
        lo = st->w.lo;
    for (uint64_t q = lo; q <= hi && q < last; q++) {
        struct pb_slot *slot = pb_window_at(&st->w, q);

        if (slot->state == SLOT_RETAINED)
            end_slot(s, slot, PBAY_OK, PBAY_OK, (struct pbay_str){0});
    }
}

/* ---- turns: streams that have something to send ---- */

static bool must_open(const struct pb_sender *st)
{
    return st->w.n && (st->state == PB_IDLE || (st->state == PB_OPEN_STREAM && st->n_opened < st->n_protocols));
}

void pb_send_take_turn(struct pb_session *s, struct pb_sender *st)
{
    bool more = st->state == PB_OPEN_STREAM && st->pos < pb_window_end(&st->w);

    if (st->in_turn || !(more || must_open(st)))
        return;
    st->in_turn = true;
    DL_APPEND2(s->turns, st, prev_turn, next_turn);
}

static void leave_turn(struct pb_session *s, struct pb_sender *st)
{
    if (!st->in_turn)
        return;
    st->in_turn = false;
    DL_DELETE2(s->turns, st, prev_turn, next_turn);
}

/* ---- opening ---- */

/* SPEC 6.2: OPEN only while something is retained. */
static void open_stream(struct pb_session *s, struct pb_sender *st)
{
    struct pb_buf list = {0};
    struct pb_frame f = {.verb = PB_OPEN,
                         .stream = st->no,
                         .to = st->to,
                         .sender = st->sender,
                         .connection = st->connection,
                         .conn_instance = st->instance,
                         .origin = st->origin,
                         .base = st->w.lo,
                         .next = pb_window_end(&st->w),
                         .sent_high = st->sent_high};

    if (st->w.n == 0)
        return;
    leave_turn(s, st);
    for (uint32_t i = 0; i < st->n_protocols; i++)
        pb_put_str(&list, pbay_str(st->protocols[i]));
    f.protocols = (struct pb_span){st->n_protocols, {(const char *)list.p, list.n}};
    st->n_opened = st->n_protocols;
    st->state = PB_OPENING;
    pb_ctl(s, &f);
    pb_buf_fini(&list);
}

void pb_send_linked(struct pb_session *s)
{
    struct pb_sender *st, *tmp;

    HASH_ITER (by_no, s->senders, st, tmp)
        open_stream(s, st);
}

void pb_send_down(struct pb_session *s)
{
    struct pb_sender *st, *tmp;

    HASH_ITER (by_no, s->senders, st, tmp) {
        st->state = PB_IDLE;
        leave_turn(s, st);
    }
}

static size_t message_size(const struct pb_retained *e)
{
    struct pb_rd r = {e->part, e->part + e->n};
    struct pb_frame f;

    return pb_frame_read(&r, PB_UP, &f) ? f.payload.n : 0;
}

/* SPEC 5.2.1: a broker with a smaller limit than the one at the put. */
void pb_send_fit(struct pb_session *s)
{
    struct pb_sender *st, *tmp;

    HASH_ITER (by_no, s->senders, st, tmp) {
        for (uint64_t q = st->w.lo; q < pb_window_end(&st->w); q++) {
            struct pb_slot *slot = pb_window_at(&st->w, q);
            const struct pb_retained *e = slot->p;

            if (slot->state == SLOT_RETAINED && e->n > s->max_envelope && message_size(e) > s->max_envelope)
                end_slot(s, slot, slot->flags & SLOT_SENT ? PBAY_OUTCOME_UNKNOWN : PBAY_TOO_BIG, PBAY_TOO_BIG,
                         pbay_str("larger than the broker's max_envelope"));
        }
        trim(st);
    }
}

static void free_sender(struct pb_session *s, struct pb_sender *st)
{
    leave_turn(s, st);
    if (s->last == st)
        s->last = NULL;
    HASH_DELETE(by_no, s->senders, st);
    HASH_DELETE(by_key, s->senders_by_key, st);
    DL_DELETE2(s->use, st, prev_use, next_use);
    s->n_senders--;
    for (uint64_t q = st->w.lo; q < pb_window_end(&st->w); q++)
        free_retained(s, pb_window_at(&st->w, q)->p);
    for (uint32_t i = 0; i < st->n_protocols; i++)
        free(st->protocols[i]);
    pb_window_fini(&st->w);
    free(st->key);
    free(st);
}

void pb_send_fini(struct pb_session *s)
{
    struct pb_sender *st, *tmp;

    HASH_ITER (by_no, s->senders, st, tmp)
        free_sender(s, st);
}

/* SPEC 6.8: at the bound, the stream that was used longest ago and has nothing unsettled is closed; its number is never
 * reused. */
bool pb_send_make_room(struct pb_session *s)
{
    struct pb_sender *st;

    if (s->n_senders < PB_MAX_STREAMS)
        return true;
    if (s->state != PB_LINKED)
        return false;
    DL_FOREACH2(s->use, st, next_use)
    {
        if (st->w.n == 0) {
            pb_ctl(s, &(struct pb_frame){.verb = PB_CLOSE, .stream = st->no});
            free_sender(s, st);
            return true;
        }
    }
    return false;
}

/* ---- what the broker says ---- */

static struct pb_sender *sender_of(struct pb_session *s, uint32_t no)
{
    struct pb_sender *st;

    HASH_FIND(by_no, s->senders, &no, sizeof no, st);
    return st;
}

/* SPEC 8.3: what may not be repeated and was sent to another process ends here, whoever lost its memory. */
static void end_stamped(struct pb_session *s, struct pb_sender *st)
{
    for (uint64_t q = st->w.lo; q < pb_window_end(&st->w); q++) {
        struct pb_slot *slot = pb_window_at(&st->w, q);
        struct pb_retained *e = slot->p;

        if (slot->state == SLOT_RETAINED && e->is_stamped && memcmp(e->stamped, st->receiver, PBAY_ID_SIZE) != 0 &&
            !PB_MUT(NO_STAMP))
            end_slot(s, slot, PBAY_OUTCOME_UNKNOWN, PBAY_INSTANCE_GONE, pbay_str("its receiver is gone"));
    }
}

void pb_send_opened(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_sender *st = sender_of(s, f->stream);

    if (!st)
        return;
    if (f->expect == 0 || f->expect > pb_window_end(&st->w)) {
        pb_session_close_link(s, PBAY_BAD_FRAME, pbay_str("OPENED expects what was never put"));
        return;
    }
    st->state = PB_OPEN_STREAM;
    st->round = f->round;
    st->credit_n = f->credit_n;
    st->credit_b = f->credit_b;
    st->used_n = 0;
    st->used_b = st->prev = 0;
    st->need_sent = false;
    st->replay = f->replay;
    memcpy(st->receiver, f->incarnation.p, PBAY_ID_SIZE);
    st->pos = f->expect;
    end_stamped(s, st);
    trim(st);
    pb_send_take_turn(s, st);
}

void pb_send_credit(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_sender *st = sender_of(s, f->stream);

    if (!st || st->state != PB_OPEN_STREAM || f->round != st->round)
        return;
    if (f->credit_b > st->credit_b || f->credit_n > st->credit_n)
        st->need_sent = false;
    if (f->credit_b > st->credit_b)
        st->credit_b = f->credit_b;
    if (f->credit_n > st->credit_n)
        st->credit_n = f->credit_n;
    pb_send_take_turn(s, st);
}

void pb_send_settle(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_sender *st = sender_of(s, f->stream);
    struct pb_rd r = pb_span_reader(f->settled);
    uint64_t lo, hi;

    if (!st)
        return;
    settle_range(s, st, 1, f->wm);
    while (pb_span_range(&r, &lo, &hi))
        settle_range(s, st, lo, hi);
    trim(st);
}

/* SPEC 7.3: all that is retained ends; of what was sent, nobody knows. */
static void end_all(struct pb_session *s, struct pb_sender *st, const struct pb_frame *f)
{
    for (uint64_t q = st->w.lo; q < pb_window_end(&st->w); q++) {
        struct pb_slot *slot = pb_window_at(&st->w, q);
        bool sent = slot->flags & SLOT_SENT;

        if (slot->state == SLOT_RETAINED)
            end_slot(s, slot, sent ? PBAY_OUTCOME_UNKNOWN : (enum pbay_err)f->code, (enum pbay_err)f->code, f->text);
    }
    leave_turn(s, st);
    st->state = PB_IDLE;
}

void pb_send_end(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_sender *st = sender_of(s, f->stream);
    struct pb_slot *slot = st ? pb_window_at(&st->w, f->seq) : NULL;

    if (st && f->seq == 0)
        end_all(s, st, f);
    else if (slot && slot->state == SLOT_RETAINED)
        end_slot(s, slot, (enum pbay_err)f->code, (enum pbay_err)f->cause, f->text);
    if (st)
        trim(st);
    if (f->seq)
        pb_ctl(s, &(struct pb_frame){.verb = PB_ENDED, .stream = f->stream, .seq = f->seq});
}

/* ---- sending ---- */

/* SPEC 5.4: an envelope that was never sent ends EXPIRED at its deadline; one that was sent is the broker's to judge.
 */
int64_t pb_send_expire(struct pb_session *s, int64_t now)
{
    struct pb_sender *st, *tmp;
    int64_t next = INT64_MAX;

    if (now < s->next_deadline)
        return s->next_deadline;
    HASH_ITER (by_no, s->senders, st, tmp) {
        for (uint64_t q = st->w.lo; q < pb_window_end(&st->w); q++) {
            struct pb_slot *slot = pb_window_at(&st->w, q);
            struct pb_retained *e = slot->p;

            if (slot->state != SLOT_RETAINED || e->deadline == 0 || slot->flags & SLOT_SENT)
                continue;
            if (e->deadline <= now)
                end_slot(s, slot, PBAY_EXPIRED, PBAY_EXPIRED, pbay_str("never sent"));
            else if (e->deadline < next)
                next = e->deadline;
        }
        trim(st);
    }
    s->next_deadline = next;
    return next;
}

/* The credit for one more envelope of n bytes; asked for once when the head does not fit (SPEC 6.6). */
static bool in_credit(struct pb_session *s, struct pb_sender *st, uint32_t n)
{
    if (PB_UNSETTLED || (st->used_n < st->credit_n && st->used_b + n <= st->credit_b))
        return true;
    if (!st->need_sent)
        pb_ctl(s, &(struct pb_frame){.verb = PB_NEED, .stream = st->no, .round = st->round, .used_b = st->used_b + n});
    st->need_sent = true;
    return false;
}

static void publish(struct pb_sender *st, uint64_t seq, struct pb_slot *slot, int64_t now, struct pb_buf *b)
{
    struct pb_retained *e = slot->p;

    if (!(slot->flags & SLOT_SENT) && pb_never_again(st->replay, e->replay, e->has_id)) {
        memcpy(e->stamped, st->receiver, PBAY_ID_SIZE);
        e->is_stamped = true;
    }
    if (e->ttl_at)
        pb_put_be32(e->part + e->ttl_at, e->deadline > now ? (uint32_t)(e->deadline - now) : 1);
    pb_pub_patch(e->part, st->no, st->round, st->prev, 0);
    pb_buf_add(b, e->part, e->n);
    slot->flags |= SLOT_SENT;
    st->prev = seq;
    if (seq > st->sent_high)
        st->sent_high = seq;
    st->used_n++;
    st->used_b += e->n;
}

static void drop_sent(struct pb_session *s, struct pb_slot *slot)
{
    struct pb_retained *e = slot->p;

    s->n_retained--;
    s->b_retained -= e->n;
    free_retained(s, e);
    slot->p = NULL;
    slot->state = SLOT_ENDED;
}

/* Send from one stream, which may have to be opened first, until its credit, its envelopes or the message is at an end;
 * true = it has more for another message. */
static bool pack_stream(struct pb_session *s, struct pb_sender *st, int64_t now, struct pb_buf *b)
{
    if (must_open(st)) {
        open_stream(s, st);
        return false;
    }
    for (; st->pos < pb_window_end(&st->w); st->pos++) {
        struct pb_slot *slot = pb_window_at(&st->w, st->pos);

        if (slot->state != SLOT_RETAINED)
            continue;
        if (b->n && b->n + slot->size > PB_BATCH)
            return true;
        if (!in_credit(s, st, slot->size))
            return false;
        publish(st, st->pos, slot, now, b);
        if (PB_UNSETTLED)
            drop_sent(s, slot);
    }
    if (PB_UNSETTLED)
        trim(st);
    return false;
}

bool pb_send_pack(struct pb_session *s, int64_t now, struct pb_buf *b)
{
    size_t before = b->n;
    struct pb_sender *st;

    while ((st = s->turns) && b->n + s->ctl.n < PB_BATCH) {
        leave_turn(s, st);
        if (pack_stream(s, st, now, b)) {
            pb_send_take_turn(s, st); /* behind the others */
            break;
        }
    }
    pb_buf_add(b, s->ctl.p, s->ctl.n); /* OPENs and NEEDs that came up */
    s->ctl.n = 0;
    return b->n > before;
}
