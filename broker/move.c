/* A stream leaves its receiver: released by a living one (SPEC 6.3.9), or taken back from a dead one (SPEC section 8).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

/* A suspect is what a process held when it died uncleanly (SPEC 8.2); alone, it counts as an attempt. */
static void suspect(struct pb_core *c, struct pb_stream *s, uint64_t only, uint64_t highest)
{
    struct pb_slot *slot = pb_window_at(&s->w, only);

    if (highest > s->extent)
        s->extent = highest;
    if (only && s->lone && slot && ++slot->tries >= c->conf->max_attempts)
        pb_mail_end_one(c, s, only, PBAY_POISON, PBAY_POISON, pbay_str("its receiver died on it each time"));
    pb_mail_set_lone(s, true);
}

/* All that was given comes back; what may not be given twice ends. The only one that was given, or 0. */
static uint64_t take_back(struct pb_core *c, struct pb_stream *s, bool unclean, uint64_t *highest)
{
    uint64_t only = s->n_given == 1 ? UINT64_MAX : 0;

    *highest = 0;
    for (uint64_t q = s->w.lo; q < pb_window_end(&s->w); q++) {
        struct pb_slot *slot = pb_window_at(&s->w, q);

        slot->flags &= (uint8_t)~PB_SLOT_UP;
        if (slot->state != PB_SLOT_GIVEN)
            continue;
        *highest = q;
        if (only)
            only = q;
        pb_mail_drop(c, s, slot);
        if (unclean && slot->flags & PB_SLOT_NEVER)
            pb_mail_end_one(c, s, q, PBAY_OUTCOME_UNKNOWN, PBAY_INSTANCE_GONE, pbay_str("its receiver died with it"));
    }
    return only == UINT64_MAX ? 0 : only;
}

static void leave(struct pb_core *c, struct pb_stream *s, bool unclean)
{
    uint64_t highest, only;

    pb_mail_drop_parked(c, s);
    only = take_back(c, s, unclean, &highest);
    if (unclean && highest)
        suspect(c, s, only, highest);
    pb_stream_unbind(s);
    pb_stream_wait(c, s);
}

void pb_stream_release(struct pb_core *c, struct pb_stream *s)
{
    if (PB_MUT(NO_RELEASE)) {
        leave(c, s, false);
        return;
    }
    pb_mail_drop_parked(c, s);
    pb_stream_untell(c, s);
    s->state = PB_RELEASING;
    if (pb_linked(s->to_node, s->to_incarnation))
        pb_link_send(
            c, s->to_node->link,
            &(struct pb_frame){
                .verb = PB_RELEASE, .stream = s->sid, .origin = pb_incarnation(s->sender), .origin_stream = s->no});
}

void pb_stream_released(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = pb_stream_by_sid(c, f->stream);

    if (!s || s->state != PB_RELEASING || s->to_node != node)
        return;
    if (pb_mail_beyond(s, f)) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, "RELEASED above what was given");
        return;
    }
    pb_mail_settled(c, s, f);
    leave(c, s, false);
}

/* SPEC 6.7: decisions are looked at again when configuration, helper or attachment have changed. false = it moves. */
bool pb_stream_recheck(struct pb_core *c, struct pb_stream *s)
{
    enum pbay_err code;
    const char *text;
    struct pb_group *target = pb_route(c, s, &code, &text);

    s->generation = c->generation;
    for (uint32_t i = 0; i < s->n_protocols; i++)
        s->protocols[i].verdict = PB_UNDECIDED;
    if (target == s->target)
        return true;
    pb_stream_release(c, s);
    return false;
}

void pb_stream_node_death(struct pb_core *c, struct pb_node *node, bool unclean)
{
    struct pb_stream *s, *tmp;

    DL_FOREACH_SAFE2(node->to, s, tmp, next_to)
    leave(c, s, unclean);
    c->route_due = true;
}

/* The same process on a new link: it is asked what it still has. */
void pb_stream_node_back(struct pb_core *c, struct pb_node *node)
{
    struct pb_stream *s, *tmp;

    DL_FOREACH_SAFE2(node->to, s, tmp, next_to)
    {
        if (s->state == PB_RELEASING)
            pb_stream_release(c, s);
        else
            pb_stream_ask(c, s);
    }
}
