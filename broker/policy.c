/* Who may be what (SPEC 2.8.2): by the key that libzmq has proved, never by what is said. A leaf, like route.c and
 * restrict.c; what it answers has an effect in attach.c and here. */
#include <string.h>

#include "broker/core_int.h"

static const struct pbay_principal *principal_of(const struct pb_core *c, const char *key)
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
    const struct pbay_principal *p;

    if (!link->key[0])
        return true;
    p = principal_of(c, link->key);
    return p && (!p->expires || c->wall < p->expires) && pbay_str_eq(agent, pbay_str(p->agent)) &&
           (role == PB_AGENT ? p->is_agent : has_connection(p, name));
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
