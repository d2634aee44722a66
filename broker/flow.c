/* Credit (SPEC 6.6). Granted and not used, plus held by receivers or parked here, never exceeds the pool: every byte is
 * counted in pool_used from the moment it is granted until its envelope is settled or ended. */
#include <assert.h>

#include "broker/core_int.h"

static uint64_t room(const struct pb_core *c)
{
    return c->pool_used < c->pool ? c->pool - c->pool_used : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void set_needy(struct pb_core *c, struct pb_stream *s, bool needy)
{
    if (s->needy == needy)
        return;
    s->needy = needy;
    if (needy)
        DL_APPEND2(c->needy, s, prev_need, next_need);
    else
        DL_DELETE2(c->needy, s, prev_need, next_need);
}

/* A NEED that counts: a full destination blocks its own streams and nothing else, so a stream that has its window
 * unsettled waits for its receiver, not in the queue. One envelope larger than the window goes alone. */
static bool has_window(const struct pb_core *c, const struct pb_stream *s)
{
    return s->held_b == 0 || s->held_b + (s->need_b - s->used_b) <= c->window;
}

static bool may_grow(const struct pb_stream *s)
{
    return s->state == PB_OPEN_ && s->told && pb_sender_linked(s);
}

/* Whose turn it is. One that cannot grow any more has lost its place: after its next OPENED its sender asks again. One
 * with an END pending, or with its window full, keeps it. */
static struct pb_stream *first_needy(struct pb_core *c)
{
    struct pb_stream *s, *tmp;

    DL_FOREACH_SAFE2(c->needy, s, tmp, next_need)
    {
        if (!may_grow(s))
            set_needy(c, s, false);
        else if (!s->n_ending && has_window(c, s))
            return s;
    }
    return NULL;
}

void pb_flow_reset(struct pb_core *c, struct pb_stream *s)
{
    assert(s->used_b <= s->credit_b);
    c->pool_used -= s->credit_b - s->used_b;
    s->credit_n = s->used_n = 0;
    s->credit_b = s->used_b = s->need_b = 0;
    set_needy(c, s, false);
}

void pb_flow_start(struct pb_core *c, struct pb_stream *s)
{
    uint64_t first = s->held_b < c->window ? c->window - s->held_b : 0;

    pb_flow_reset(c, s);
    first = least(first, least(PB_CREDIT_FIRST, room(c)));
    if (first_needy(c) || s->n_ending)
        first = 0; /* while a NEED waits nothing else grows */
    s->credit_b = first;
    s->credit_n = PB_CREDIT_COUNT;
    c->pool_used += first;
}

bool pb_flow_use(struct pb_stream *s, size_t n)
{
    if (s->used_n >= s->credit_n || s->credit_b - s->used_b < n)
        return false;
    s->used_n++;
    s->used_b += n;
    return true;
}

/* What pb_flow_use took from the credit is held from now on: the sum in pool_used stays. What comes to be held without
 * credit (a receiver's answer after our crash) has size 0. */
void pb_flow_hold(struct pb_stream *s, size_t n)
{
    s->held_n++;
    s->held_b += n;
}

void pb_flow_free(struct pb_core *c, struct pb_stream *s, size_t n)
{
    assert(s->held_n > 0 && s->held_b >= n);
    s->held_n--;
    s->held_b -= n;
    if (PB_MUT(LEAK_CREDIT))
        return;
    assert(c->pool_used >= n);
    c->pool_used -= n;
}

static void say(struct pb_core *c, const struct pb_stream *s)
{
    if (pb_sender_linked(s))
        pb_link_send(c, s->sender->link,
                     &(struct pb_frame){.verb = PB_CREDIT,
                                        .stream = s->no,
                                        .round = s->sround,
                                        .credit_n = s->credit_n,
                                        .credit_b = s->credit_b});
}

/* The stream with the most unused credit, except s and those whose NEED has just been served: they are about to use it.
 */
static struct pb_stream *richest(struct pb_core *c, const struct pb_stream *s)
{
    struct pb_stream *x, *tmp, *best = NULL;

    HASH_ITER (by_sid, c->by_sid, x, tmp) {
        bool fresh = x->served && c->now - x->served < (int64_t)c->conf->heartbeat_ms;

        if (x == s || fresh || !may_grow(x) || x->credit_b == x->used_b)
            continue;
        if (!best || x->credit_b - x->used_b > best->credit_b - best->used_b)
            best = x;
    }
    return best;
}

/* A new round without credit: what was granted and not used returns to the pool. */
static void revoke(struct pb_core *c, struct pb_stream *x)
{
    pb_flow_reset(c, x);
    x->sround = ++c->next_round;
    x->sprev = 0;
    x->credit_n = PB_CREDIT_COUNT;
    pb_link_send(c, x->sender->link,
                 &(struct pb_frame){.verb = PB_OPENED,
                                    .stream = x->no,
                                    .round = x->sround,
                                    .expect = x->admitted + 1,
                                    .credit_n = x->credit_n,
                                    .incarnation = {(const char *)x->to_incarnation, PBAY_ID_SIZE},
                                    .replay = x->target->cconf ? x->target->cconf->replay : PBAY_REPLAY_SAFE});
}

/* A NEED that the pool cannot serve takes the credit that others have and do not use. */
static void revoke_others(struct pb_core *c, const struct pb_stream *s, uint64_t more)
{
    struct pb_stream *x;

    while (room(c) < more && (x = richest(c, s)))
        revoke(c, x);
}

/* How many more bytes the stream should have now; 0 = too few to speak of. Without a NEED only what was used is granted
 * anew. */
static uint64_t more_wanted(const struct pb_core *c, const struct pb_stream *s)
{
    uint64_t want = s->used_b + (s->held_b < c->window ? c->window - s->held_b : 0), more;

    if (s->needy && s->need_b > want)
        want = s->need_b;
    more = want > s->credit_b ? want - s->credit_b : 0;
    if (s->needy)
        return more > room(c) ? s->need_b - s->credit_b : more;
    more = least(more, room(c));
    return s->used_b == 0 || more < PB_CREDIT_FIRST / 2 ? 0 : more;
}

static uint32_t count_wanted(const struct pb_stream *s)
{
    uint32_t want = s->used_n + (s->held_n < PB_CREDIT_COUNT ? PB_CREDIT_COUNT - s->held_n : 0);

    return want > s->credit_n ? want - s->credit_n : 0;
}

void pb_flow_grant(struct pb_core *c, struct pb_stream *s)
{
    uint64_t more = more_wanted(c, s);
    uint32_t count = count_wanted(s);
    const struct pb_stream *first = first_needy(c);

    if (!may_grow(s) || s->n_ending || c->draining)
        return;
    if ((first && first != s) || (s->needy && !has_window(c, s)))
        more = 0;
    if (more > room(c))
        revoke_others(c, s, more);
    if (more > room(c))
        more = 0; /* a NEED goes on waiting */
    if (more == 0 && count < PB_CREDIT_COUNT / 2)
        return;
    s->credit_b += more;
    s->credit_n += count;
    c->pool_used += more;
    if (more && s->needy) {
        s->served = c->now;
        set_needy(c, s, false);
    }
    say(c, s);
}

void pb_flow_need(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s;

    HASH_FIND(by_no, node->from, &f->stream, sizeof f->stream, s);
    if (!s || s->state != PB_OPEN_ || f->round != s->sround || c->draining)
        return;
    if (f->used_b > s->used_b + c->conf->max_envelope + PB_PART_EXTRA) { /* no credit would ever be enough */
        pb_link_gap(c, node->link, PBAY_TOO_BIG, "NEED for more than an envelope may have");
        return;
    }
    s->need_b = least(f->used_b, s->used_b + c->pool);
    if (s->need_b > s->credit_b)
        set_needy(c, s, true);
    pb_flow_grant(c, s);
}

void pb_flow_kick(struct pb_core *c)
{
    struct pb_stream *first;

    while ((first = first_needy(c))) {
        pb_flow_grant(c, first);
        if (first->needy)
            return; /* it waits for more room, and everybody behind it */
    }
}
