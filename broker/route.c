/* Where a stream goes (SPEC section 6.7): the first rule that matches decides. */
#include "broker/core_int.h"

#include <stdlib.h>
#include <string.h>

static struct pb_group *conn_group(struct pb_core *c, const struct pbay_agent_conf *a, size_t index)
{
    return pb_group_find(c, pbay_str(a->agent_name), pbay_str(a->connections[index].name));
}

/* The connection of a public id: exact, else the same author and name. */
static struct pb_group *by_public_id(struct pb_core *c, const struct pbay_agent_conf *a, struct pbay_str text)
{
    struct pbay_pubid id;
    size_t same = SIZE_MAX;

    if (!pbay_pubid_parse(text, &id))
        return NULL;
    for (size_t i = 0; i < a->n_connections; i++) {
        if (pbay_pubid_eq(&a->connections[i].public_id, &id))
            return conn_group(c, a, i);
        if (same == SIZE_MAX && pbay_pubid_same_prefix(&a->connections[i].public_id, &id))
            same = i;
    }
    return same == SIZE_MAX ? NULL : conn_group(c, a, same);
}

static bool is_address_of(const struct pbay_agent_conf *a, struct pbay_str address)
{
    if (pbay_str_eq(pbay_str(a->agent_name), address))
        return true;
    for (size_t i = 0; i < a->n_addresses; i++) {
        if (pbay_str_eq(pbay_str(a->addresses[i]), address))
            return true;
    }
    return false;
}

static struct pb_group *agent_of_address(struct pb_core *c, struct pbay_str address)
{
    for (size_t i = 0; i < c->n_agents; i++) {
        if (is_address_of(c->agents[i], address))
            return pb_group_find(c, pbay_str(c->agents[i]->agent_name), pbay_str(""));
    }
    return NULL;
}

/* Inbound: what a connection sends goes to the InBox of its own agent, or nowhere (I5). */
static struct pb_group *inbound(struct pb_core *c, const struct pb_stream *s, enum pbay_err *code, const char **text)
{
    const struct pb_group *from = s->sender->group;
    struct pb_group *other = agent_of_address(c, s->to);
    struct pbay_pubid id;

    if ((other && pbay_str_eq(other->agent, from->agent)) || pbay_pubid_parse(s->to, &id))
        return pb_group_find(c, from->agent, pbay_str(""));
    *code = other ? PBAY_DENIED : PBAY_NO_ROUTE;
    *text = other ? "a connection writes to its own agent only" : "no agent of this connection has that address";
    return NULL;
}

/* Another agent's process only where one of the two writes to agents of this broker: so it has written to us. */
static bool may_answer(const struct pb_group *from, const struct pb_group *to)
{
    return pbay_str_eq(from->agent, to->agent) || from->aconf->local_delivery || to->aconf->local_delivery;
}

static struct pb_group *by_handle(struct pb_core *c, const struct pb_stream *s, enum pbay_err *code, const char **text)
{
    const struct pb_group *from = s->sender->group;
    struct pb_group *g = pb_group_find(c, from->agent, s->connection);

    if (!g)
        g = pb_group_find(c, s->connection, pbay_str(""));
    if (!g || !g->aconf || !may_answer(from, g)) {
        *code = PBAY_INSTANCE_GONE;
        *text = "the process that the reply was for is not configured any more";
        return NULL;
    }
    return g;
}

static struct pb_group *by_default(struct pb_core *c, const struct pbay_agent_conf *a, const struct pb_protocol *p)
{
    for (size_t i = 0; i < a->n_default_routing; i++) {
        if (pbay_pubid_eq(&a->default_routing[i].protocol, &p->id))
            return conn_group(c, a, a->default_routing[i].connection);
    }
    return a->default_connection >= 0 ? conn_group(c, a, (size_t)a->default_connection) : NULL;
}

/* Rules 5 and 6 look at the protocol: a stream's protocols must agree, since it has one receiver. */
static struct pb_group *by_protocol(struct pb_core *c, const struct pb_stream *s, const struct pbay_agent_conf *a,
                                    enum pbay_err *code, const char **text)
{
    struct pb_group *g = by_default(c, a, &s->protocols[0]);

    *code = PBAY_NO_ROUTE;
    *text = "no rule of routing matches and there is no default connection";
    for (uint32_t i = 1; g && i < s->n_protocols; i++) {
        if (by_default(c, a, &s->protocols[i]) != g) {
            *text = "the protocols of this stream are routed differently: one stream for each";
            return NULL;
        }
    }
    return g;
}

static struct pb_group *by_helper(const struct pb_stream *s)
{
    struct pb_helped *h;

    HASH_FIND(hh, s->sender->group->helped, s->to.p, s->to.n, h);
    return h && h->via->aconf ? h->via : NULL;
}

static struct pb_group *named(struct pb_core *c, const struct pbay_agent_conf *a, struct pbay_str id,
                              enum pbay_err *code, const char **text)
{
    struct pb_group *g = by_public_id(c, a, id);

    *code = PBAY_NO_ROUTE;
    *text = "the agent has no such connection";
    return g;
}

struct pb_group *pb_route(struct pb_core *c, const struct pb_stream *s, enum pbay_err *code, const char **text)
{
    const struct pbay_agent_conf *a = s->sender->group->aconf;
    struct pb_group *g;
    struct pbay_pubid id;

    *code = PBAY_NO_ROUTE;
    *text = "the sender is not configured any more";
    if (!a)
        return NULL;
    if (s->sender->role == PB_CONNECTION)
        return inbound(c, s, code, text);
    if (s->origin.n) /* 0: the reply handle */
        return by_handle(c, s, code, text);
    if (pbay_pubid_parse(s->to, &id) && pbay_pubid_parse(s->from, &id)) /* 1: component to component */
        return named(c, a, s->to, code, text);
    if (s->connection.n) { /* 2: the context */
        g = named(c, a, s->connection, code, text);
        return g && g->cconf && g->cconf->local_delivery && agent_of_address(c, s->to) ? agent_of_address(c, s->to) : g;
    }
    if (a->local_delivery && (g = agent_of_address(c, s->to))) /* 3: an agent of this broker */
        return g;
    if ((g = by_helper(s))) /* 4: over which `to` last wrote to us */
        return g;
    return by_protocol(c, s, a, code, text); /* 5 and 6 */
}

static void forget(struct pb_group *inbox, struct pb_helped *h)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash's last element */
    HASH_DEL(inbox->helped, h);
    free(h->address);
    free(h);
}

/* Rule 4 learns from what was let through, from the connection that is attached as such; bounded, the oldest goes. */
void pb_route_learn(struct pb_core *c, struct pb_group *inbox, struct pbay_str address, struct pb_group *via)
{
    struct pb_helped *h;
    struct pbay_pubid id;

    HASH_FIND(hh, inbox->helped, address.p, address.n, h);
    if (h && h->via == via)
        return;
    if (pbay_pubid_parse(address, &id))
        return;
    if (!h && HASH_COUNT(inbox->helped) >= PB_MAX_HELPED)
        forget(inbox, inbox->helped);
    if (!h) {
        h = pb_alloc(sizeof *h);
        h->address = pb_strndup(address);
        HASH_ADD_KEYPTR(hh, inbox->helped, h->address, address.n, h);
    }
    h->via = via;
    c->generation++;
}

void pb_route_fini(struct pb_group *g)
{
    struct pb_helped *h, *tmp;

    HASH_ITER (hh, g->helped, h, tmp)
        forget(g, h);
}
