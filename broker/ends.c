/* How envelopes end: END with its barrier (SPEC 7.1, 7.2), and settlement (SPEC 6.5). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

/* ---- ends (SPEC 7.1, 7.2) ---- */

static void say_end(struct pb_core *c, const struct pb_stream *s, uint64_t seq)
{
    const struct pb_slot *slot = pb_window_at(&s->w, seq);
    const struct pb_ending *e = slot->p;

    if (pb_sender_linked(s))
        pb_link_send(c, s->sender->link,
                     &(struct pb_frame){.verb = PB_END,
                                        .stream = s->no,
                                        .seq = seq,
                                        .code = e->code,
                                        .cause = e->cause,
                                        .text = pbay_str(e->text)});
}

/* SPEC 7.2: what the node's last link may have lost is said again, once for each link and whatever the stream's state:
 * a receiver that is to release a stream waits for it too. */
void pb_mail_say_ends(struct pb_core *c, struct pb_node *node)
{
    for (const struct pb_stream *s = node->from; s; s = s->by_no.next) {
        for (uint64_t q = s->w.lo; s->n_ending && q < pb_window_end(&s->w); q++) {
            if (pb_window_at(&s->w, q)->state == PB_SLOT_ENDING)
                say_end(c, s, q);
        }
    }
}

static void note_end(struct pb_core *c, struct pb_stream *s, uint64_t seq, const struct pb_ending *e)
{
    struct pb_note *note = pb_note_node(c, PB_NOTE_END, s->sender, e->code, pbay_str(e->text));

    s->sender->ended++;
    note->cause = e->cause;
    note->seq = seq;
    pb_note_to(note, s->to);
}

void pb_mail_end_one(struct pb_core *c, struct pb_stream *s, uint64_t seq, enum pbay_err code, enum pbay_err cause,
                     struct pbay_str text)
{
    struct pb_slot *slot = pb_window_at(&s->w, seq);
    struct pb_ending *e;

    if (slot->state == PB_SLOT_ENDING || pb_mail_is_final(slot))
        return;
    pb_mail_drop(c, s, slot);
    e = pb_alloc(sizeof *e);
    e->code = code;
    e->cause = cause;
    memcpy(e->text, text.p, text.n < PB_MAX_TEXT ? text.n : PB_MAX_TEXT);
    slot->p = e;
    slot->state = PB_SLOT_ENDING;
    s->n_ending++;
    note_end(c, s, seq, e);
    say_end(c, s, seq);
}

/* SPEC 7.1: of an envelope that a receiver may have been given, the outcome is not known. */
void pb_mail_end_unless_given(struct pb_core *c, struct pb_stream *s, uint64_t seq, enum pbay_err code,
                              struct pbay_str text)
{
    const struct pb_slot *slot = pb_window_at(&s->w, seq);
    bool maybe = slot->flags & PB_SLOT_EVER || seq <= s->sent_high;

    pb_mail_end_one(c, s, seq, maybe ? PBAY_OUTCOME_UNKNOWN : code, code, text);
}

/* The receiver's refusal goes to the sender's code; the receiver hears ENDED when that has happened (SPEC 7.2). */
void pb_mail_end(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = pb_stream_by_sid(c, f->stream);
    struct pb_slot *slot;

    if (!s || s->to_node != node || !pb_linked(node, s->to_incarnation))
        return;
    if (f->seq >= s->next || !pb_is_end(f->code) || !pb_is_end(f->cause)) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME,
                    "END of a sequence that was never given, or with a code that ends nothing");
        return;
    }
    pb_window_extend(&s->w, f->seq); /* given before our crash */
    slot = pb_window_at(&s->w, f->seq);
    if (!slot || pb_mail_is_final(slot)) {
        pb_link_send(c, node->link, &(struct pb_frame){.verb = PB_ENDED, .stream = s->sid, .seq = f->seq});
        return;
    }
    pb_mail_end_one(c, s, f->seq, (enum pbay_err)f->code, (enum pbay_err)f->cause, f->text);
    slot->flags |= PB_SLOT_UP;
}

/* SPEC 7.2: the barrier opens. */
void pb_mail_ended(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_slot *slot;
    struct pb_stream *s;

    HASH_FIND(by_no, node->from, &f->stream, sizeof f->stream, s);
    slot = s ? pb_window_at(&s->w, f->seq) : NULL;
    if (!slot || slot->state != PB_SLOT_ENDING)
        return;
    pb_mail_tell_ended(c, s, slot, f->seq);
    pb_mail_drop(c, s, slot);
    slot->state = PB_SLOT_ENDED;
    s->said += f->seq == s->said + 1; /* this much the sender knows itself */
    pb_mail_trim(s);
    pb_flow_grant(c, s);
    pb_mail_pump(c, s);
    if (s->to_node)
        pb_mail_due(c, s->to_node);
}

/* ---- settlement (SPEC 6.5) ---- */

static void settle_one(struct pb_core *c, struct pb_stream *s, uint64_t seq)
{
    struct pb_slot *slot = pb_window_at(&s->w, seq);

    if (!slot || slot->state == PB_SLOT_ENDING || pb_mail_is_final(slot))
        return;
    if (slot->state == PB_SLOT_GIVEN && s->to_node)
        s->to_node->settled++;
    pb_mail_drop(c, s, slot);
    slot->state = PB_SLOT_SETTLED;
}

static void settle_range(struct pb_core *c, struct pb_stream *s, uint64_t lo, uint64_t hi)
{
    if (hi >= s->w.lo)
        pb_window_extend(&s->w, hi); /* after our crash we have not seen them */
    for (uint64_t q = lo > s->w.lo ? lo : s->w.lo; q <= hi; q++)
        settle_one(c, s, q);
}

/* Does a receiver speak of sequences that its stream does not have yet? A protocol error, before anything is believed.
 */
bool pb_mail_beyond(const struct pb_stream *s, const struct pb_frame *f)
{
    struct pb_rd r = pb_span_reader(f->settled), held = pb_span_reader(f->held);
    uint64_t lo, hi;

    if (f->wm >= s->next)
        return true;
    while (pb_span_range(&r, &lo, &hi) || pb_span_range(&held, &lo, &hi)) {
        if (hi >= s->next)
            return true;
    }
    return false;
}

/* Merge a watermark and ranges, from SETTLE, ANSWER or RELEASED. */
void pb_mail_settled(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f)
{
    struct pb_rd r = pb_span_reader(f->settled);
    uint64_t lo, hi;

    if (f->wm > s->watermark)
        s->watermark = f->wm;
    settle_range(c, s, s->w.lo, f->wm);
    while (pb_span_range(&r, &lo, &hi))
        settle_range(c, s, lo, hi);
    pb_mail_trim(s);
    pb_mail_settle_due(c, s);
}

/* At the end of the turn its sender is told what is settled, and credit is looked at. */
void pb_mail_settle_due(struct pb_core *c, struct pb_stream *s)
{
    if (s->due)
        return;
    s->due = true;
    s->next_due = c->due;
    c->due = s;
}

/* What the sender may forget: the receiver's watermark and what is settled above it; nothing if it knows. */
void pb_mail_say_settled(struct pb_core *c, struct pb_stream *s)
{
    struct pb_frame f = {.verb = PB_SETTLE, .stream = s->no, .wm = s->watermark};
    struct pb_buf list = {0};

    for (uint64_t q = s->w.lo; q < pb_window_end(&s->w) && f.settled.n < PB_MAX_RANGES; q++) {
        uint64_t lo = q;
        struct pb_slot *slot = pb_window_at(&s->w, q);

        if (q <= s->watermark || slot->state != PB_SLOT_SETTLED)
            continue;
        while ((slot = pb_window_at(&s->w, q + 1)) && slot->state == PB_SLOT_SETTLED)
            q++;
        pb_put_range(&list, lo, q);
        f.settled.n++;
    }
    f.settled.raw = (struct pbay_str){(const char *)list.p, list.n};
    if (pb_sender_linked(s) && (f.wm > s->said || f.settled.n)) {
        pb_link_send(c, s->sender->link, &f);
        s->said = f.wm;
    }
    pb_buf_fini(&list);
}

void pb_mail_settle(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = pb_stream_by_sid(c, f->stream);

    if (!s || s->to_node != node || !pb_linked(node, s->to_incarnation))
        return;
    if (pb_mail_beyond(s, f)) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, "SETTLE above what was given");
        return;
    }
    pb_mail_settled(c, s, f);
    pb_mail_pump(c, s);
    pb_mail_due(c, node);
}
