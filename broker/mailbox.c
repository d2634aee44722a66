/* One envelope's way: admitted, parked or dispatched, settled or ended (SPEC sections 6.4, 6.5, 7). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"
#include "schema/replay.h"

/* ---- slots ---- */

bool pb_mail_is_final(const struct pb_slot *slot)
{
    return slot->state == PB_SLOT_SETTLED || slot->state == PB_SLOT_ENDED;
}

/* What is final from the bottom up is forgotten; the watermark says so to the sender. */
void pb_mail_trim(struct pb_stream *s)
{
    struct pb_slot *first;

    while ((first = pb_window_at(&s->w, s->w.lo)) && pb_mail_is_final(first))
        pb_window_shift(&s->w);
    if (s->watermark < s->w.lo - 1)
        s->watermark = s->w.lo - 1;
}

/* Out of the broker's hands, whatever the reason: counts and credit follow. The slot's state becomes NONE. */
void pb_mail_drop(struct pb_core *c, struct pb_stream *s, struct pb_slot *slot)
{
    if (slot->state == PB_SLOT_PARKED) {
        free(slot->p);
        s->n_parked--;
        pb_flow_free(c, s, slot->size);
    } else if (slot->state == PB_SLOT_GIVEN) {
        s->n_given--;
        if (s->to_node)
            s->to_node->n_given--;
        pb_flow_free(c, s, slot->size);
    } else if (slot->state == PB_SLOT_ENDING) {
        free(slot->p);
        s->n_ending--;
        slot->tries = 0;
    }
    slot->p = NULL;
    slot->state = PB_SLOT_NONE;
}

/* A new round asks the sender for them again. */
void pb_mail_drop_parked(struct pb_core *c, struct pb_stream *s)
{
    for (uint64_t q = s->first_parked > s->w.lo ? s->first_parked : s->w.lo; s->n_parked; q++) {
        struct pb_slot *slot = pb_window_at(&s->w, q);

        assert(slot);
        if (slot->state == PB_SLOT_PARKED)
            pb_mail_drop(c, s, slot);
    }
}

/* The receiver's refusal has reached the sender's code (SPEC 7.2). */
void pb_mail_tell_ended(struct pb_core *c, const struct pb_stream *s, const struct pb_slot *slot, uint64_t seq)
{
    if (slot->state == PB_SLOT_ENDING && slot->flags & PB_SLOT_UP && pb_linked(s->to_node, s->to_incarnation))
        pb_link_send(c, s->to_node->link, &(struct pb_frame){.verb = PB_ENDED, .stream = s->sid, .seq = seq});
}

/* The sender has finished with everything below base: it has settled or ended there, and its ENDED may have been lost.
 */
void pb_mail_raise_base(struct pb_core *c, struct pb_stream *s, uint64_t base)
{
    while (s->w.lo < base) {
        struct pb_slot *slot = pb_window_at(&s->w, s->w.lo);

        if (!slot) {
            s->w.lo = base;
            break;
        }
        pb_mail_tell_ended(c, s, slot, s->w.lo);
        pb_mail_drop(c, s, slot);
        pb_window_shift(&s->w);
    }
    pb_mail_trim(s);
}

/* ---- dispatch (SPEC 6.4) ---- */

/* SPEC 8.2: while a suspect is given its process is given nothing else, and it waits until the process holds nothing.
 */
static bool lone_rule(const struct pb_stream *s)
{
    const struct pb_node *node = s->to_node;
    const struct pb_stream *x;

    if (s->lone && s->n_given)
        return false;
    if (node->n_lone == 0 || PB_MUT(LONE_PER_STREAM))
        return true;
    if (s->lone && node->n_given)
        return false;
    DL_FOREACH2(node->to, x, next_to)
    {
        if (x != s && x->lone && (x->n_given || (!s->lone && x->state == PB_OPEN_ && x->n_parked && !x->n_ending)))
            return false;
    }
    return true;
}

void pb_mail_set_lone(struct pb_stream *s, bool lone)
{
    if (s->lone == lone)
        return;
    s->lone = lone;
    if (s->to_node)
        s->to_node->n_lone += lone ? 1U : -1U;
}

static bool may_dispatch(struct pb_core *c, struct pb_stream *s, uint64_t seq)
{
    if (s->state != PB_OPEN_ || (s->n_ending && !PB_MUT(NO_BARRIER)))
        return false;
    if (s->generation != c->generation && !pb_stream_recheck(c, s))
        return false;
    if (!pb_linked(s->to_node, s->to_incarnation) || s->to_node->draining)
        return false;
    if (s->lone && seq > s->extent && !s->n_given) {
        pb_mail_set_lone(s, false);
        pb_mail_due(c, s->to_node);
    }
    return lone_rule(s);
}

static const struct pbay_conn_conf *restricting(const struct pb_stream *s)
{
    return s->sender->role == PB_CONNECTION ? s->sender->group->cconf : s->target->cconf;
}

/* I4: false = forbidden, and *text says by which rule. */
static bool allowed(struct pb_stream *s, const struct pb_frame *f, char *text, size_t n)
{
    struct pb_protocol *p = &s->protocols[f->proto];
    const struct pbay_conn_conf *conn = restricting(s);
    const struct pbay_rule *rule = NULL;
    struct pb_meta m;

    if (!pb_policy_may_say(s, p, text, n))
        return false;
    if (!conn || PB_MUT(NO_RECHECK))
        return true;
    if (p->verdict == PB_UNDECIDED)
        pb_restrict_decide(conn, p);
    if (p->verdict == PB_ALLOWED)
        return true;
    rule = p->rule;
    if (p->verdict == PB_BY_OPERATION && pb_meta_read(f->meta, &m) &&
        pb_restrict_operation(conn, p, m.operation, &rule))
        return true;
    pb_restrict_text(conn, rule, text, n);
    return false;
}

/* Another language's widths: written anew. */
static void send_anew(struct pb_core *c, const struct pb_stream *s, const struct pb_frame *f, uint32_t flags)
{
    struct pb_frame anew = *f;

    anew.stream = s->sid;
    anew.round = s->rround;
    anew.prev = s->rprev;
    anew.flags = flags;
    pb_link_send(c, s->to_node->link, &anew);
}

static void send_part(struct pb_core *c, const struct pb_stream *s, const struct pb_frame *f, uint32_t flags,
                      bool in_message)
{
    uint8_t *part = (uint8_t *)(uintptr_t)f->raw.p;

    if (!f->fixed) {
        send_anew(c, s, f, flags);
        return;
    }
    pb_pub_patch(part, s->sid, s->rround, s->rprev, flags);
    if (in_message)
        pb_link_span(c, s->to_node->link, part, f->raw.n);
    else
        pb_link_append(c, s->to_node->link, part, f->raw.n);
}

/* Hand it to the receiver. */
static void forward(struct pb_core *c, struct pb_stream *s, struct pb_slot *slot, const struct pb_frame *f)
{
    struct pb_parked *parked = slot->state == PB_SLOT_PARKED ? slot->p : NULL;
    bool again = slot->flags & PB_SLOT_EVER || f->seq <= s->sent_high;

    send_part(c, s, f, again ? PB_FLAG_REDELIVERED : 0, !parked);
    if (parked)
        s->n_parked--;
    free(parked);
    slot->p = NULL;
    slot->state = PB_SLOT_GIVEN;
    slot->flags |= PB_SLOT_EVER;
    s->rprev = f->seq;
    s->n_given++;
    s->to_node->n_given++;
    s->to_node->out++;
    if (s->sender->role == PB_CONNECTION && s->learned != c->generation) {
        pb_route_learn(c, s->target, s->from, s->sender->group);
        s->learned = c->generation;
    }
}

/* Give it, or end it: the last look at its deadline and at the restrictions. */
static void dispatch(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f, bool expired)
{
    char text[PB_MAX_TEXT + 1];

    if (expired)
        pb_mail_end_unless_given(c, s, f->seq, PBAY_EXPIRED, pbay_str("in the broker"));
    else if (!allowed(s, f, text, sizeof text))
        pb_mail_end_unless_given(c, s, f->seq, PBAY_REFUSED, pbay_str(text));
    else
        forward(c, s, pb_window_at(&s->w, f->seq), f);
}

static void unpark(struct pb_core *c, struct pb_stream *s, const struct pb_parked *parked)
{
    struct pb_rd r = {parked->part, parked->part + parked->n};
    struct pb_frame f;
    bool ok = pb_frame_read(&r, PB_UP, &f);

    assert(ok); /* it was read when it came */
    (void)ok;
    s->first_parked = f.seq + 1;
    dispatch(c, s, &f, parked->deadline && parked->deadline <= c->now);
}

void pb_mail_pump(struct pb_core *c, struct pb_stream *s)
{
    while (s->n_parked) {
        struct pb_slot *slot = pb_window_at(&s->w, s->first_parked);

        assert(s->first_parked < pb_window_end(&s->w));
        if (!slot || slot->state != PB_SLOT_PARKED) {
            s->first_parked++;
            continue;
        }
        if (!may_dispatch(c, s, s->first_parked))
            return;
        unpark(c, s, slot->p);
    }
}

/* Something was finished there: at the end of the turn look again at what waits for a suspect, or at a suspect that
 * waits. */
void pb_mail_due(struct pb_core *c, struct pb_node *node)
{
    if (node->n_lone == 0 && !node->pump)
        return;
    if (!node->pump) {
        node->pump = true;
        node->next_pump = c->pumps;
        c->pumps = node;
    }
}

void pb_mail_flush(struct pb_core *c)
{
    while (c->pumps) {
        struct pb_node *node = c->pumps;
        struct pb_stream *s, *tmp;

        c->pumps = node->next_pump;
        node->pump = false;
        DL_FOREACH_SAFE2(node->to, s, tmp, next_to)
        {
            if (s->n_parked)
                pb_mail_pump(c, s);
        }
    }
}

/* ---- admission ---- */

static void park(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f, const struct pb_meta *m)
{
    struct pb_slot *slot = pb_window_at(&s->w, f->seq);
    struct pb_parked *parked = pb_realloc(NULL, sizeof *parked + f->raw.n);

    parked->n = f->raw.n;
    parked->deadline = m->ttl_ms ? c->now + m->ttl_ms : 0;
    memcpy(parked->part, f->raw.p, f->raw.n);
    slot->p = parked;
    slot->state = PB_SLOT_PARKED;
    if (s->n_parked++ == 0)
        s->first_parked = f->seq;
}

/* SPEC 6.4: between prev and seq nothing is retained: those sequences never come. */
static bool make_room(struct pb_stream *s, uint64_t seq)
{
    if (s->w.n == 0 && seq > s->w.lo)
        s->w.lo = seq; /* all of it holes, however many */
    if (!pb_window_extend(&s->w, seq))
        return false;
    for (uint64_t q = s->admitted + 1 > s->w.lo ? s->admitted + 1 : s->w.lo; q < seq; q++) {
        struct pb_slot *slot = pb_window_at(&s->w, q);

        if (slot->state == PB_SLOT_NONE)
            slot->state = PB_SLOT_ENDED;
    }
    return true;
}

static bool is_never(const struct pb_stream *s, const struct pb_meta *m)
{
    enum pbay_replay class = s->target && s->target->cconf ? s->target->cconf->replay : PBAY_REPLAY_SAFE;

    return pb_never_again(class, m->replay, m->id.n > 0);
}

/* Admitted or refused whole: the reason why the link must end, or NULL. A wrong prev is checked apart: it is a loss. */
static const char *check_pub(const struct pb_stream *s, const struct pb_frame *f, struct pb_meta *m)
{
    if (f->seq <= f->prev || f->seq <= s->admitted || f->seq > PB_MAX_SEQ || f->proto >= s->n_protocols)
        return "PUB with a bad field";
    if (!pb_meta_read(f->meta, m))
        return "PUB with bad metadata";
    return NULL;
}

static void admit(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f, const struct pb_meta *m,
                  struct pb_slot *slot)
{
    slot->size = (uint32_t)f->raw.n;
    slot->flags = (slot->flags & PB_SLOT_EVER) | (is_never(s, m) ? PB_SLOT_NEVER : 0);
    pb_flow_hold(s, f->raw.n);
    s->sender->in++;
    if (f->payload.n > pb_policy_max_envelope(c, s)) {
        const char *why = f->payload.n > c->conf->max_envelope ? "larger than the broker's max_envelope"
                                                               : "larger than the policy's max_envelope";

        pb_flow_free(c, s, f->raw.n);
        pb_mail_end_one(c, s, f->seq, PBAY_TOO_BIG, PBAY_TOO_BIG, pbay_str(why));
        return;
    }
    if (s->n_parked || !may_dispatch(c, s, f->seq)) {
        if (s->state != PB_OPEN_) { /* its route has just changed: the next round asks for it again */
            pb_flow_free(c, s, f->raw.n);
            return;
        }
        c->run.broken = true;
        park(c, s, f, m);
        return;
    }
    dispatch(c, s, f, false);
    if (slot->state == PB_SLOT_ENDING)
        pb_flow_free(c, s, f->raw.n); /* ended from NONE: pb_mail_drop had nothing to give back */
}

/* What is left of it without settlement and credit. */
static void pass_on(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f)
{
    char text[PB_MAX_TEXT + 1];

    s->sprev = s->admitted = f->seq;
    s->w.lo = s->next = f->seq + 1;
    if (s->state != PB_OPEN_ || !pb_linked(s->to_node, s->to_incarnation) || !allowed(s, f, text, sizeof text)) {
        c->run.broken = true;
        return;
    }
    send_part(c, s, f, 0, true);
    s->rprev = f->seq;
}

/* Most parts of a message are of one stream. */
static struct pb_stream *stream_of(struct pb_node *node, uint32_t no)
{
    if (!node->recent || node->recent->no != no)
        HASH_FIND(by_no, node->from, &no, sizeof no, node->recent);
    return node->recent;
}

void pb_mail_pub(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = stream_of(node, f->stream);
    struct pb_slot *slot;
    struct pb_meta m;
    const char *bad;

    if (!s || s->state != PB_OPEN_ || !s->told || (f->round != s->sround && !PB_MUT(NO_ROUND)) || c->draining) {
        c->run.broken = true;
        return;
    }
    if (f->seq <= s->admitted && (PB_MUT(NO_PREV) || PB_MUT(NO_ROUND)))
        return;
    if (f->prev != s->sprev && !PB_MUT(NO_PREV)) {
        pb_link_gap(c, node->link, PBAY_GAP, "PUB's prev differs");
        return;
    }
    if ((bad = check_pub(s, f, &m))) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, bad);
        return;
    }
    if (PB_UNSETTLED) {
        pass_on(c, s, f);
        return;
    }
    if (!make_room(s, f->seq) || !pb_flow_use(s, f->raw.n)) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, "PUB beyond its window or credit");
        return;
    }
    s->sprev = s->admitted = f->seq;
    if (f->seq >= s->next)
        s->next = f->seq + 1;
    slot = pb_window_at(&s->w, f->seq);
    if (!slot || slot->state != PB_SLOT_NONE) { /* settled or ended meanwhile: its bytes are nobody's */
        pb_flow_hold(s, f->raw.n);
        pb_flow_free(c, s, f->raw.n);
        c->run.broken = true;
        return;
    }
    admit(c, s, f, &m, slot);
}
