/* Which of a connection's processes a stream goes to (SPEC sections 3.7 and 6.7.4), and when to give up waiting for
 * one. */
#include <string.h>

#include "broker/core_int.h"

static bool is_ready(const struct pb_node *node)
{
    return node->link && !node->draining && node->state == PB_ST_CONNECTED;
}

/* SPEC 6.7.5: an agent's process that only sends takes the replies to that. */
static bool takes_replies(const struct pb_node *node)
{
    return is_ready(node) ||
           (node->link && !node->draining && node->role == PB_AGENT && node->state == PB_ST_DISCONNECTING);
}

/* SPEC 3.7: the receiver that says it was serving this stream. */
static struct pb_node *claimant(struct pb_core *c, const struct pb_stream *s)
{
    uint8_t key[PBAY_ID_SIZE + 4];
    struct pb_claim *claim;

    memcpy(key, s->sender->incarnation, PBAY_ID_SIZE);
    memcpy(key + PBAY_ID_SIZE, &s->no, sizeof s->no);
    HASH_FIND(hh, c->claims, key, sizeof key, claim);
    return claim && claim->node->group == s->target && is_ready(claim->node) ? claim->node : NULL;
}

static bool all_attached(const struct pb_core *c)
{
    const struct pb_group *g;

    for (g = c->groups; g; g = g->hh.next) {
        const struct pb_node *node;
        unsigned ready = 0;

        if (!g->aconf || g->failed)
            continue;
        DL_FOREACH (g->nodes, node)
            ready += is_ready(node);
        if (ready < (g->cconf ? g->cconf->instances : 1U))
            return false;
    }
    return true;
}

/* SPEC 3.7: it may end early, but not before the leases that our predecessor gave have run out: a receiver that has not
 * noticed yet may go on with what it holds until then. */
static bool in_grace(const struct pb_core *c)
{
    return c->now <= c->started + c->conf->timeout_ms || (c->now < c->started + c->conf->grace_ms && !all_attached(c));
}

/* The instance with the fewest streams; the first of equals. */
static struct pb_node *least_loaded(const struct pb_stream *s)
{
    struct pb_node *node, *best = NULL;

    DL_FOREACH (s->target->nodes, node) {
        if (!is_ready(node) || (s->instance.n && !pbay_str_eq(pbay_str(node->instance), s->instance)))
            continue;
        if (!best || node->n_to < best->n_to)
            best = node;
    }
    return best;
}

/* The process of a reply handle, or NULL; *gone: it will never be there again. */
static struct pb_node *pick_origin(const struct pb_stream *s, bool *gone)
{
    struct pb_node *node;

    DL_FOREACH (s->target->nodes, node) {
        if (!pbay_str_eq(pbay_str(node->instance), s->instance))
            continue;
        *gone = node->known && (node->dead || memcmp(node->incarnation, s->origin.p, PBAY_ID_SIZE) != 0);
        return *gone || !takes_replies(node) ? NULL : node;
    }
    return NULL;
}

struct pb_node *pb_pick(struct pb_core *c, const struct pb_stream *s, bool *gone)
{
    struct pb_node *node;

    *gone = false;
    if (s->origin.n)
        return pick_origin(s, gone);
    if (s->resumed && (node = claimant(c, s)))
        return node;
    if (s->resumed && in_grace(c))
        return NULL;
    return least_loaded(s);
}

/* The connection was given up, by its own report or by its supervisor. */
bool pb_pick_failed(const struct pb_group *g)
{
    const struct pb_node *node;
    bool any = false;

    if (g->failed)
        return true;
    DL_FOREACH (g->nodes, node) {
        if (node->state != PB_ST_FAILED)
            return false;
        any = true;
    }
    return any;
}

bool pb_pick_over(const struct pb_core *c, const struct pb_stream *s)
{
    int64_t from = s->since;

    if (from < c->started + c->conf->grace_ms && in_grace(c))
        return false;
    return c->now - from > (int64_t)c->conf->hold_ms;
}
