/* AEA's own envelope in protobuf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/protobuf.h"
#include "schema/utf8.h"
#include "schema/visibility.h"

enum { TO, SENDER, PROTOCOL_ID, MESSAGE, URI, FIELDS }; /* slots */

static bool wrong(char why[PBAY_MAX_WHY], const char *text)
{
    snprintf(why, PBAY_MAX_WHY, "envelope: %s", text);
    return false;
}

/* AEA's rules, and our limits (SPEC 14.5.2). */
static bool check(const struct pbay_envelope *e, char why[PBAY_MAX_WHY])
{
    struct pbay_pubid id;
    bool component = pbay_pubid_parse(e->to, &id);

    if (!pb_is_utf8(e->to) || !pb_is_utf8(e->sender) || !pb_is_utf8(e->uri))
        return wrong(why, "a str is not UTF-8");
    if (e->to.n > PBAY_MAX_ADDRESS || e->sender.n > PBAY_MAX_ADDRESS || e->uri.n > PBAY_MAX_META)
        return wrong(why, "a field is longer than its limit");
    if (!pbay_pubid_parse(e->protocol_id, &id))
        return wrong(why, "protocol_id: expected a public id");
    if (component != pbay_pubid_parse(e->sender, &id))
        return wrong(why, "to and sender: expected two public ids or two addresses");
    if (component && e->uri.n)
        return wrong(why, "uri: expected none between components");
    return true;
}

static struct pbay_str keep(char **to, const union pb_slot *slot)
{
    struct pbay_str s = pb_slot_view(slot), kept = {*to, s.n};

    if (s.n)
        memcpy(*to, s.p, s.n);
    *to += s.n;
    return kept;
}

static char *copy(const struct pb_flat *f, struct pbay_envelope *e)
{
    size_t n = 0;
    char *memory, *to;

    for (size_t i = 0; i < FIELDS; i++)
        n += f->slot[i].bytes.len;
    memory = to = pb_alloc(n);
    *e = (struct pbay_envelope){.to = keep(&to, &f->slot[TO]),
                                .sender = keep(&to, &f->slot[SENDER]),
                                .protocol_id = keep(&to, &f->slot[PROTOCOL_ID]),
                                .message = keep(&to, &f->slot[MESSAGE]),
                                .uri = keep(&to, &f->slot[URI])};
    return memory;
}

PBAY_API enum pbay_err pbay_envelope_decode(const struct pbay_protocols *protocols, struct pbay_str bytes,
                                            struct pbay_envelope *e, char **memory, char why[PBAY_MAX_WHY])
{
    struct pb_budget budget;
    struct pb_flat *f;
    bool good = false;

    *e = (struct pbay_envelope){0};
    *memory = NULL;
    pb_budget_init(&budget, bytes.n);
    f = pb_unpack(&budget, protocols->common[PB_SHAPE_ENVELOPE], bytes);
    if (f) {
        *memory = copy(f, e);
        good = check(e, why);
    } else {
        wrong(why, budget.over ? "too many fields" : "malformed protobuf, or a field of another type");
    }
    pb_flat_drop(&budget, &f);
    if (good)
        return PBAY_OK;
    free(*memory);
    *memory = NULL;
    *e = (struct pbay_envelope){0};
    return PBAY_FAILED;
}

PBAY_API enum pbay_err pbay_envelope_encode(const struct pbay_protocols *protocols, const struct pbay_envelope *e,
                                            struct pbay_str *bytes, char **memory, char why[PBAY_MAX_WHY])
{
    struct pb_buf b = {0};
    struct pb_flat f;

    *bytes = pbay_str("");
    *memory = NULL;
    if (!check(e, why))
        return PBAY_INVALID;
    pb_flat_init(&f, protocols->common[PB_SHAPE_ENVELOPE]);
    pb_flat_bytes(&f, TO, e->to);
    pb_flat_bytes(&f, SENDER, e->sender);
    pb_flat_bytes(&f, PROTOCOL_ID, e->protocol_id);
    pb_flat_bytes(&f, MESSAGE, e->message);
    pb_flat_bytes(&f, URI, e->uri);
    pb_pack(&b, &f);
    *bytes = (struct pbay_str){(const char *)b.p, b.n};
    *memory = (char *)b.p;
    return PBAY_OK;
}
