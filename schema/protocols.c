/* The set of protocols. Those that are shipped are tables that `patchbay generate protocol` wrote, from the
 * specifications beside them. */
#include <assert.h>
#include <stdlib.h>

#include "schema/message.h"
#include "schema/protocol_load.h"
#include "schema/protocols/default.h"
#include "schema/protocols/http.h"
#include "schema/protocols/ledger_api.h"
#include "schema/protocols/prometheus.h"
#include "schema/protocols/signing.h"
#include "schema/protocols/state_update.h"
#include "schema/protocols/vcx_connection.h"
#include "schema/visibility.h"

static const struct pbay_protocol *const shipped[] = {
    &pbay_default_protocol, &pbay_http_protocol,         &pbay_ledger_api_protocol,     &pbay_prometheus_protocol,
    &pbay_signing_protocol, &pbay_state_update_protocol, &pbay_vcx_connection_protocol, NULL,
};

bool pb_protocol_is_shipped(const struct pbay_pubid *wish)
{
    for (size_t i = 0; shipped[i]; i++) {
        struct pbay_pubid id;

        if (pbay_pubid_parse(pbay_str(shipped[i]->id), &id) && pb_conf_accepts(wish, &id))
            return true;
    }
    return false;
}

PBAY_API struct pbay_protocols *pbay_protocols_new(void)
{
    struct pbay_protocols *p = pb_alloc(sizeof *p);

    pb_shapes_common(p);
    for (size_t i = 0; shipped[i]; i++) {
        enum pbay_err err = pbay_protocols_add(p, shipped[i]);

        assert(!err);
    }
    return p;
}

PBAY_API void pbay_protocols_destroy(struct pbay_protocols **protocols)
{
    struct pbay_protocols *p = *protocols;

    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        pb_arena_fini(&p->known[i]->arena);
        free(p->known[i]);
    }
    pb_arena_fini(&p->arena);
    free(p);
    *protocols = NULL;
}

enum pbay_err pb_protocols_take(struct pbay_protocols *p, const struct pbay_protocol *protocol, struct pb_arena *arena)
{
    struct pb_known *known;
    bool good;

    if (p->n == PBAY_MAX_PROTOCOLS)
        return PBAY_LIMIT;
    known = pb_alloc(sizeof *known);
    known->arena = *arena;
    *arena = (struct pb_arena){0};
    known->protocol = protocol;
    good = pbay_pubid_parse(pbay_str(protocol->id), &known->id);
    assert(good);
    pb_shapes_of(known);
    p->known[p->n++] = known;
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_protocols_add(struct pbay_protocols *protocols, const struct pbay_protocol *protocol)
{
    struct pb_arena none = {0};

    return pb_protocols_take(protocols, protocol, &none);
}

const struct pb_known *pb_protocols_find(const struct pbay_protocols *p, struct pbay_str id)
{
    struct pbay_pubid wanted;

    if (!pbay_pubid_parse(id, &wanted))
        return NULL;
    for (size_t i = p->n; i > 0; i--) {
        if (pbay_pubid_eq(&p->known[i - 1]->id, &wanted))
            return p->known[i - 1];
    }
    return NULL;
}

PBAY_API const struct pbay_protocol *pbay_protocols_find(const struct pbay_protocols *protocols, struct pbay_str id)
{
    const struct pb_known *known = pb_protocols_find(protocols, id);

    return known ? known->protocol : NULL;
}

PBAY_API const struct pbay_protocol *pbay_protocols_at(const struct pbay_protocols *protocols, size_t i)
{
    return i < protocols->n ? protocols->known[i]->protocol : NULL;
}
