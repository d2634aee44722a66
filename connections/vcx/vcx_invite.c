#include "connections/vcx/vcx_invite.h"

#include <string.h>

#include "connections/vcx/vcx_details.h"
#include "connections/vcx/vcx_did.h"

#define CONNECTIONS "https://didcomm.org/connections/1.0"
#define OUT_OF_BAND "https://didcomm.org/out-of-band/1.1/invitation"
#define DIDEXCHANGE "https://didcomm.org/didexchange/1.1"
#define MAX_LIST    16 /* entries of a list that are looked at */

/* ---- reading ---- */

static bool copy_text(char *to, size_t size, struct pbay_str text, const char *what, char why[VCX_WHY])
{
    if (text.n >= size)
        return vcx_why(why, "%s: expected at most %zu bytes", what, size - 1);
    memcpy(to, text.p, text.n);
    to[text.n] = 0;
    return true;
}

/* Absent or null = empty. */
static bool read_label(struct vcx_invite *v, const json_t *object, const char *key, char why[VCX_WHY])
{
    const json_t *label = json_object_get(object, key);

    if (!vcx_json_has(object, key))
        return true;
    if (!json_is_string(label))
        return vcx_why(why, "%s: expected a string", key);
    return copy_text(v->label, sizeof v->label, pbay_str(json_string_value(label)), key, why);
}

static bool read_id(struct vcx_invite *v, const char *key, char why[VCX_WHY])
{
    struct pbay_str id = vcx_json_str(v->json, key, VCX_MAX_ID, why);

    return id.p && copy_text(v->id, sizeof v->id, id, key, why);
}

static bool read_connections(struct vcx_invite *v, char why[VCX_WHY])
{
    v->kind = VCX_INVITE_CONNECTIONS;
    v->connections = true;
    if (vcx_json_has(v->json, "did"))
        return vcx_why(why, "an invitation with a public DID cannot be resolved here");
    return read_id(v, "@id", why) && read_label(v, v->json, "label", why) &&
           vcx_service_read(&v->service, v->json, why);
}

static bool read_handshakes(struct vcx_invite *v, char why[VCX_WHY])
{
    const json_t *list = json_object_get(v->json, "handshake_protocols"), *one;

    for (size_t i = 0; i < MAX_LIST && (one = json_array_get(list, i)); i++) {
        v->connections |= vcx_json_is_type(one, "connections", 1, NULL);
        v->didexchange |= vcx_json_is_type(one, "didexchange", 1, NULL);
    }
    return v->connections || v->didexchange || vcx_why(why, "handshake_protocols: none that is known here");
}

/* Does the inviter take our envelopes? One that says nothing does. */
static bool check_accept(const struct vcx_invite *v, char why[VCX_WHY])
{
    const json_t *list = json_object_get(v->json, "accept"), *one;
    size_t i;

    for (i = 0; i < MAX_LIST && (one = json_array_get(list, i)); i++) {
        struct pbay_str text = pbay_str(json_string_value(one));

        if (pbay_str_eq(text, pbay_str("didcomm/aip1")) || pbay_str_eq(text, pbay_str("didcomm/aip2;env=rfc19")))
            return true;
    }
    return i == 0 || vcx_why(why, "accept: none that is known here");
}

static bool read_did(struct vcx_service *service, const json_t *text, char why[VCX_WHY])
{
    struct vcx_doc doc;

    if (!vcx_did_resolve(&doc, pbay_str(json_string_value(text)), NULL, why))
        return false;
    if (doc.service_n == 0)
        return vcx_why(why, "services: a DID without a service for us");
    *service = doc.services[0];
    return true;
}

/* The first that can be read; if none can, why not the last. */
static bool read_services(struct vcx_invite *v, char why[VCX_WHY])
{
    const json_t *list = json_object_get(v->json, "services"), *one;

    vcx_why(why, "services: there is none");
    for (size_t i = 0; i < MAX_LIST && (one = json_array_get(list, i)); i++) {
        if (json_is_string(one) ? read_did(&v->service, one, why) : vcx_service_read(&v->service, one, why))
            return true;
    }
    return false;
}

static bool read_oob(struct vcx_invite *v, char why[VCX_WHY])
{
    v->kind = VCX_INVITE_OOB;
    return read_id(v, "@id", why) && read_label(v, v->json, "label", why) && read_handshakes(v, why) &&
           check_accept(v, why) && read_services(v, why);
}

static bool check_key(const json_t *object, const char *key, bool is_did, char why[VCX_WHY])
{
    struct pbay_str text = vcx_json_str(object, key, VCX_MAX_VERKEY, why);
    uint8_t bytes[VCX_KEY];

    if (!text.p)
        return false;
    return (is_did ? vcx_is_sov(text) : vcx_verkey_parse(text, bytes)) ||
           vcx_why(why, "%s: expected base58 of %d bytes", key, is_did ? VCX_DID : VCX_KEY);
}

static bool read_details(struct vcx_invite *v, char why[VCX_WHY])
{
    const json_t *sender, *agency;
    json_t *full = vcx_details_expand(v->json);

    json_decref(v->json);
    v->json = full;
    v->kind = VCX_INVITE_DETAILS;
    sender = json_object_get(full, "senderDetail");
    agency = json_object_get(full, "senderAgencyDetail");
    if (!json_is_object(sender) || !json_is_object(agency))
        return vcx_why(why, "expected the objects senderDetail and senderAgencyDetail");
    return read_id(v, "connReqId", why) && read_label(v, sender, "name", why) && check_key(sender, "DID", true, why) &&
           check_key(sender, "verKey", false, why) && check_key(agency, "DID", true, why) &&
           check_key(agency, "verKey", false, why) && vcx_json_str(agency, "endpoint", VCX_MAX_URL, why).p;
}

static bool read_kind(struct vcx_invite *v, char why[VCX_WHY])
{
    const json_t *type = json_object_get(v->json, "@type");

    if (vcx_json_is_type(type, "connections", 1, "invitation"))
        return read_connections(v, why);
    if (vcx_json_is_type(type, "out-of-band", 1, "invitation"))
        return read_oob(v, why);
    if (!type && (vcx_details_is_short(v->json) || vcx_json_has(v->json, "senderDetail")))
        return read_details(v, why);
    return vcx_why(why, "it is neither an invitation of connections 1.0 or out-of-band 1.x, nor invite details");
}

static enum vcx_error read_json(struct vcx_invite *v, struct pbay_str text, char why[VCX_WHY])
{
    v->json = vcx_json_read(text, "the invitation", why);
    if (!v->json)
        return VCX_E_JSON;
    return read_kind(v, why) ? VCX_OK : VCX_E_INVITE;
}

/* The value of a parameter of the query; p is NULL = there is none. */
static struct pbay_str parameter(struct pbay_str url, const char *name)
{
    const char *end = url.p + url.n, *p = memchr(url.p, '?', url.n);
    size_t n = strlen(name);

    for (; p && p < end; p = memchr(p, '&', (size_t)(end - p))) {
        const char *value = ++p + n + 1, *stop;

        if (value > end || memcmp(p, name, n) != 0 || p[n] != '=')
            continue;
        for (stop = value; stop < end && *stop != '&' && *stop != '#'; stop++)
            ;
        return (struct pbay_str){value, (size_t)(stop - value)};
    }
    return (struct pbay_str){NULL, 0};
}

static enum vcx_error read_url(struct vcx_invite *v, struct pbay_str url, char why[VCX_WHY])
{
    struct pbay_str coded = parameter(url, "oob");
    struct pb_buf json = {0};
    enum vcx_error err;

    if (!coded.p)
        coded = parameter(url, "c_i");
    if (!coded.p) {
        vcx_why(why, "the URL has no invitation in it: expected c_i= or oob=");
        return VCX_E_OPTION;
    }
    if (!vcx_b64_decode(&json, coded, VCX_B64_ANY)) {
        vcx_why(why, "the invitation in the URL is not base64");
        err = VCX_E_INVITE;
    } else {
        err = read_json(v, (struct pbay_str){(const char *)json.p, json.n}, why);
    }
    pb_buf_fini(&json);
    return err;
}

enum vcx_error vcx_invite_read(struct vcx_invite *invite, struct pbay_str text, char why[VCX_WHY])
{
    *invite = (struct vcx_invite){.json = NULL};
    while (text.n && strchr(" \t\r\n", text.p[0])) {
        text.p++;
        text.n--;
    }
    if (text.n > VCX_MAX_INVITE) {
        vcx_why(why, "an invitation of more than %d bytes", VCX_MAX_INVITE);
        return VCX_E_INVITE;
    }
    if (text.n && text.p[0] == '{')
        return read_json(invite, text, why);
    if (memmem(text.p, text.n, "://", 3))
        return read_url(invite, text, why);
    vcx_why(why, "it is neither JSON nor a URL");
    return VCX_E_JSON;
}

void vcx_invite_fini(struct vcx_invite *invite)
{
    json_decref(invite->json);
    invite->json = NULL;
}

/* ---- writing ---- */

json_t *vcx_invite_connections(const char *id, const char *label, const struct vcx_address *a)
{
    char verkey[VCX_MAX_VERKEY], routing[VCX_MAX_VERKEY];
    json_t *keys = json_array();

    vcx_verkey_text(a->key, verkey);
    for (size_t i = 0; i < a->routing_n; i++) {
        vcx_verkey_text(a->routing[i], routing);
        json_array_append_new(keys, json_string(routing));
    }
    return json_pack("{s:s, s:s, s:s, s:[s], s:s, s:o}", "@type", CONNECTIONS "/invitation", "@id", id, "label", label,
                     "recipientKeys", verkey, "serviceEndpoint", a->endpoint, "routingKeys", keys);
}

json_t *vcx_invite_oob(const char *id, const char *label, const struct vcx_address *a)
{
    char did[VCX_MAX_DID_KEY], routing[VCX_MAX_DID_KEY];
    json_t *keys = json_array();

    vcx_did_key_text(VCX_ED25519, a->key, did);
    for (size_t i = 0; i < a->routing_n; i++) {
        vcx_did_key_text(VCX_ED25519, a->routing[i], routing);
        json_array_append_new(keys, json_string(routing));
    }
    return json_pack("{s:s, s:s, s:s, s:[s, s], s:[s, s], s:[{s:s, s:s, s:[s], s:o, s:s}]}", "@type", OUT_OF_BAND,
                     "@id", id, "label", label, "accept", "didcomm/aip1", "didcomm/aip2;env=rfc19",
                     "handshake_protocols", DIDEXCHANGE, CONNECTIONS, "services", "id", "#inline", "type",
                     "did-communication", "recipientKeys", did, "routingKeys", keys, "serviceEndpoint", a->endpoint);
}

bool vcx_invite_url(struct pb_buf *out, const char *base, const json_t *invite)
{
    const json_t *type = json_object_get(invite, "@type");
    bool oob = vcx_json_is_type(type, "out-of-band", 1, "invitation");
    const char *sign = strchr(base, '?') ? "&" : "?", *name = oob ? "oob=" : "c_i=";
    struct pb_buf json = {0};
    bool good = (oob || vcx_json_is_type(type, "connections", 1, "invitation")) && vcx_json_write(&json, invite);

    if (good) {
        pb_buf_add(out, base, strlen(base));
        pb_buf_add(out, sign, 1);
        pb_buf_add(out, name, strlen(name));
        vcx_b64_encode(out, json.p, json.n, false);
    }
    pb_buf_fini(&json);
    return good;
}
