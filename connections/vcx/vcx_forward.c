#include <string.h>

#include "connections/vcx/vcx_pack.h"

static void add(struct pb_buf *out, const char *text)
{
    pb_buf_add(out, text, strlen(text));
}

/* One layer: take `envelope` for `to` to the mediator that has the key `by`. */
static bool wrap(struct pb_buf *envelope, const uint8_t to[VCX_KEY], const uint8_t by[VCX_KEY],
                 const struct vcx_random *random, char why[VCX_WHY])
{
    struct pb_buf message = {0}, packed = {0};
    char id[VCX_UUID], name[VCX_MAX_VERKEY];
    struct vcx_packing p = {.recipients = (const uint8_t(*)[VCX_KEY])by, .recipient_n = 1, .random = random};
    bool good;

    vcx_uuid(random, id);
    vcx_verkey_text(to, name);
    add(&message, "{\"@type\":\"https://didcomm.org/routing/1.0/forward\",\"@id\":\"");
    add(&message, id);
    add(&message, "\",\"to\":\"");
    add(&message, name);
    add(&message, "\",\"msg\":");
    pb_buf_add(&message, envelope->p, envelope->n);
    add(&message, "}");
    p.message = (struct pbay_str){(char *)message.p, message.n};
    good = vcx_pack(&packed, &p, why);
    if (good) {
        pb_buf_fini(envelope);
        *envelope = packed;
    }
    pb_buf_fini(&message);
    return good;
}

bool vcx_forward_wrap(struct pb_buf *envelope, const uint8_t recipient[VCX_KEY], const uint8_t (*routing)[VCX_KEY],
                      size_t routing_n, const struct vcx_random *random, char why[VCX_WHY])
{
    struct pb_buf layers = {0};

    if (routing_n > VCX_MAX_ROUTING)
        return vcx_why(why, "expected at most %d routing keys, found %zu", VCX_MAX_ROUTING, routing_n);
    pb_buf_add(&layers, envelope->p, envelope->n);
    for (size_t i = 0; i < routing_n; i++) {
        if (!wrap(&layers, i ? routing[i - 1] : recipient, routing[i], random, why)) {
            pb_buf_fini(&layers);
            return false;
        }
    }
    pb_buf_fini(envelope);
    *envelope = layers;
    return true;
}

bool vcx_is_forward(const json_t *message)
{
    return vcx_json_is_type(json_object_get(message, "@type"), "routing", 1, "forward");
}

bool vcx_forward_read(struct vcx_forward *forward, const json_t *message, char why[VCX_WHY])
{
    const json_t *inner = json_object_get(message, "msg");
    struct pbay_str to;

    *forward = (struct vcx_forward){0};
    if (!vcx_is_forward(message))
        return vcx_why(why, "@type is not that of a forward message");
    to = vcx_json_str(message, "to", VCX_MAX_ID, why);
    if (!to.p)
        return false;
    if (!vcx_key_parse(to, forward->to))
        return vcx_why(why, "to is neither a verkey nor a did:key of Ed25519");
    if (!json_is_object(inner))
        return vcx_why(why, "msg is not an envelope");
    return vcx_json_write(&forward->envelope, inner) || vcx_why(why, "out of memory");
}

void vcx_forward_fini(struct vcx_forward *forward)
{
    pb_buf_fini(&forward->envelope);
}
