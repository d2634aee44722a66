#include "connections/vcx/vcx_options.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static enum vcx_error no(enum vcx_error code, char *why, const char *text)
{
    (void)vcx_why(why, "%s", text);
    return code;
}

static struct pbay_str text_of(const json_t *json, const char *name)
{
    const json_t *text = json_object_get(json, name);

    return (struct pbay_str){json_string_value(text), json_string_length(text)};
}

static enum vcx_error read_way(const json_t *json, struct vcx_options *o, char *why)
{
    static const char *const names[] = {
        [VCX_BY_LINK] = "LINK", [VCX_BY_QR] = "QR", [VCX_BY_SMS] = "SMS", [VCX_BY_AGENT] = "AGENT"};
    struct pbay_str text = text_of(json, "connection_type");

    o->phone = text_of(json, "phone");
    o->agent = text_of(json, "agent");
    if (!vcx_json_has(json, "connection_type")) {
        o->way = o->phone.p ? VCX_BY_SMS : VCX_BY_LINK; /* as libvcx, which looks at nothing else */
        return VCX_OK;
    }
    for (size_t i = 0; text.p && i < COUNT(names); i++) {
        if (pbay_str_eq(text, pbay_str(names[i]))) {
            o->way = (enum vcx_way)i;
            return VCX_OK;
        }
    }
    return no(VCX_E_OPTION, why, "connection_type: expected QR, SMS, LINK or AGENT");
}

static enum vcx_error read_expiry(const json_t *json, int64_t expires_in, struct vcx_options *o, char *why)
{
    const json_t *in = json_object_get(json, "expires_in");
    struct pbay_str on = text_of(json, "on_expiry");

    o->how.expires_in = expires_in;
    o->how.on_expiry = VCX_UNFULFILLED;
    if (vcx_json_has(json, "expires_in")) {
        if (!json_is_integer(in) || json_integer_value(in) < 1)
            return no(VCX_E_OPTION, why, "expires_in: expected a number of seconds");
        o->how.expires_in = json_integer_value(in);
    }
    if (!vcx_json_has(json, "on_expiry"))
        return VCX_OK;
    if (on.p && pbay_str_eq(on, pbay_str("expired")))
        o->how.on_expiry = VCX_EXPIRED;
    else if (!on.p || !pbay_str_eq(on, pbay_str("unfulfilled")))
        return no(VCX_E_OPTION, why, "on_expiry: expected unfulfilled or expired");
    return VCX_OK;
}

enum vcx_error vcx_options_read(struct vcx_options *o, const json_t *json, int64_t expires_in, char why[VCX_WHY])
{
    const json_t *public_did = json_object_get(json, "use_public_did");
    enum vcx_error code;

    *o = (struct vcx_options){.way = VCX_BY_LINK};
    if (vcx_json_has(json, "use_public_did") && !json_is_boolean(public_did))
        return no(VCX_E_OPTION, why, "use_public_did: expected true or false");
    o->how.use_public_did = json_is_true(public_did);
    code = read_way(json, o, why);
    return code ? code : read_expiry(json, expires_in, o, why);
}
