/* Who may be what (SPEC 2.8.2): by the key that libzmq has proved, never by what is said. A leaf, like route.c and
 * restrict.c; what it answers has an effect in attach.c and here. */
#include <string.h>

#include "broker/core_int.h"

const struct pbay_principal *pb_policy_principal(const struct pb_core *c, const char *key)
{
    for (size_t i = 0; i < c->conf->n_principals; i++) {
        const struct pbay_principal *p = &c->conf->principals[i];

        for (size_t j = 0; j < p->n_keys; j++) {
            if (strcmp(p->keys[j], key) == 0)
                return p;
        }
    }
    return NULL;
}

static bool has_connection(const struct pbay_principal *p, struct pbay_str name)
{
    for (size_t i = 0; i < p->n_connections; i++) {
        if (pbay_str_eq(name, pbay_str(p->connections[i])))
            return true;
    }
    return false;
}

bool pb_policy_allows(const struct pb_core *c, const struct pb_link *link, enum pb_role role, struct pbay_str agent,
                      struct pbay_str name)
{
    const struct pbay_principal *p = link->principal;

    if (!link->key[0])
        return true;
    return p && (!p->expires || c->wall < p->expires) && pbay_str_eq(agent, pbay_str(p->agent)) &&
           (role == PB_AGENT ? p->is_agent : has_connection(p, name));
}

/* ---- what they may send ---- */

static const struct pbay_principal *of(const struct pb_node *node)
{
    return node && node->link ? node->link->principal : NULL;
}

static bool refuse(const struct pbay_principal *p, const char *what, char *text, size_t n)
{
    const char *const parts[] = {"the policy of ", p->name, what};
    size_t at = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (const char *s = parts[i]; *s && at + 1 < n; s++)
            text[at++] = *s;
    }
    text[at] = 0;
    return false;
}

bool pb_policy_may_write(const struct pb_stream *s, char *text, size_t n)
{
    const struct pbay_principal *p = of(s->sender);

    if (!p || !p->n_to)
        return true;
    for (size_t i = 0; i < p->n_to; i++) {
        if (pbay_str_eq(s->to, pbay_str(p->to[i])))
            return true;
    }
    return refuse(p, " does not name that address", text, n);
}

static bool names(const struct pbay_principal *p, const struct pb_protocol *protocol)
{
    for (size_t i = 0; p && i < p->n_protocols; i++) {
        if (pbay_pubid_eq(&p->protocols[i], &protocol->id))
            return true;
    }
    return !p || !p->n_protocols;
}

bool pb_policy_may_say(const struct pb_stream *s, const struct pb_protocol *protocol, char *text, size_t n)
{
    const struct pbay_principal *from = of(s->sender), *to = of(s->to_node);

    if (!names(from, protocol))
        return refuse(from, " does not name that protocol", text, n);
    return names(to, protocol) || refuse(to, ", who would receive it, does not name that protocol", text, n);
}

uint32_t pb_policy_max_envelope(const struct pb_core *c, const struct pb_stream *s)
{
    const struct pbay_principal *p = of(s->sender);

    return p && p->max_envelope && p->max_envelope < c->conf->max_envelope ? p->max_envelope : c->conf->max_envelope;
}

/* ---- who is there ---- */

bool pb_policy_full(const struct pb_core *c, const struct pb_link *link, const struct pb_node *node)
{
    const struct pbay_principal *p = link->principal;
    unsigned n = 0;

    if (!p || !p->instances)
        return false;
    for (const struct pb_link *other = c->links; other; other = other->hh.next)
        n += other->principal == p && other->state == PB_LINK_SESSION && other->node != node;
    return n >= p->instances;
}

void pb_policy_find(struct pb_core *c)
{
    for (struct pb_link *link = c->links; link; link = link->hh.next)
        link->principal = link->key[0] ? pb_policy_principal(c, link->key) : NULL;
}

void pb_policy_apply(struct pb_core *c)
{
    struct pb_link *link, *tmp;

    if (!c->keys)
        return;
    HASH_ITER (hh, c->links, link, tmp) {
        const struct pb_node *node = link->node;

        if (!link->key[0] || !node || (link->state != PB_LINK_SESSION && link->state != PB_LINK_PENDING))
            continue;
        if (!pb_policy_allows(c, link, node->role, node->group->agent, node->group->name))
            pb_link_gap(c, link, PBAY_DENIED, "the policy does not allow this key any more");
    }
}
