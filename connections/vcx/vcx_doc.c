#include "connections/vcx/vcx_doc.h"

#include <string.h>

/* A key of the document, while it is read. */
struct method {
    struct pbay_str id; /* without the DID in front: "#key-1" */
    enum vcx_curve curve;
    uint8_t key[VCX_KEY];
};

struct reading {
    struct vcx_doc *doc;
    struct pbay_str did, id; /* both may stand in front of a key's name */
    char *why;
    size_t method_n;
    struct method methods[VCX_MAX_METHODS];
};

static struct pbay_str text_of(const json_t *string)
{
    return (struct pbay_str){json_string_value(string), json_string_length(string)};
}

/* ---- keys ---- */

enum form { ANY_CURVE = -1 };

/* Kinds of keys; others are passed over. A curve is what the kind allows; base58 says none itself. */
static const struct kind {
    const char *type;
    int curve;
} kinds[] = {
    {"Ed25519VerificationKey2018", VCX_ED25519},
    {"Ed25519VerificationKey2020", VCX_ED25519},
    {"X25519KeyAgreementKey2019", VCX_X25519},
    {"X25519KeyAgreementKey2020", VCX_X25519},
    {"Multikey", ANY_CURVE},
    {"JsonWebKey2020", ANY_CURVE},
};

static const struct kind *kind_of(const json_t *method)
{
    struct pbay_str type = text_of(json_object_get(method, "type"));

    for (size_t i = 0; type.p && i < sizeof kinds / sizeof *kinds; i++) {
        if (pbay_str_eq(type, pbay_str(kinds[i].type)))
            return &kinds[i];
    }
    return NULL;
}

static bool read_base58(const struct kind *kind, struct pbay_str text, struct method *m)
{
    m->curve = kind->curve == VCX_X25519 ? VCX_X25519 : VCX_ED25519;
    return kind->curve != ANY_CURVE && vcx_verkey_parse(text, m->key);
}

static bool read_multibase(const struct kind *kind, struct pbay_str text, struct method *m)
{
    return vcx_multikey_parse(text, &m->curve, m->key) && (kind->curve == ANY_CURVE || kind->curve == (int)m->curve);
}

static bool read_jwk(const struct kind *kind, const json_t *jwk, struct method *m)
{
    struct pbay_str type = text_of(json_object_get(jwk, "kty")), curve = text_of(json_object_get(jwk, "crv")),
                    x = text_of(json_object_get(jwk, "x"));
    bool ed = curve.p && pbay_str_eq(curve, pbay_str("Ed25519"));

    m->curve = ed ? VCX_ED25519 : VCX_X25519;
    return type.p && pbay_str_eq(type, pbay_str("OKP")) &&
           (ed || (curve.p && pbay_str_eq(curve, pbay_str("X25519")))) &&
           (kind->curve == ANY_CURVE || kind->curve == (int)m->curve) && x.p && vcx_b64_exactly(x, m->key, VCX_KEY);
}

static bool read_key(const struct kind *kind, const json_t *json, struct method *m)
{
    const json_t *base58 = json_object_get(json, "publicKeyBase58"),
                 *multibase = json_object_get(json, "publicKeyMultibase"), *jwk = json_object_get(json, "publicKeyJwk");

    if (json_is_string(base58))
        return read_base58(kind, text_of(base58), m);
    if (json_is_string(multibase))
        return read_multibase(kind, text_of(multibase), m);
    return read_jwk(kind, jwk, m);
}

/* A key's name without the DID that may be in front of it. */
static struct pbay_str relative(const struct reading *r, struct pbay_str id)
{
    const struct pbay_str *fronts[] = {&r->did, &r->id};

    for (size_t i = 0; i < 2; i++) {
        size_t n = fronts[i]->n;

        if (n && id.n > n && id.p[n] == '#' && memcmp(id.p, fronts[i]->p, n) == 0)
            return (struct pbay_str){id.p + n, id.n - n};
    }
    return id;
}

static bool has_key(const struct vcx_doc *doc, const uint8_t key[VCX_KEY])
{
    for (size_t i = 0; i < doc->key_n; i++) {
        if (memcmp(doc->keys[i], key, VCX_KEY) == 0)
            return true;
    }
    return false;
}

static const struct method *find_method(const struct reading *r, struct pbay_str id)
{
    for (size_t i = 0; i < r->method_n; i++) {
        if (pbay_str_eq(r->methods[i].id, id))
            return &r->methods[i];
    }
    return NULL;
}

static bool add_method(struct reading *r, const json_t *json)
{
    const struct kind *kind = kind_of(json);
    const struct method *same;
    struct method m = {0};

    if (!kind || !json_object_get(json, "id")) /* RFC 0160: authentication has objects that only refer */
        return true;
    m.id = vcx_json_str(json, "id", VCX_MAX_KEY_ID, r->why);
    if (!m.id.p)
        return false;
    m.id = relative(r, m.id);
    if (!read_key(kind, json, &m))
        return vcx_why(r->why, "a key of type %s cannot be read", kind->type);
    same = find_method(r, m.id);
    if (same)
        return (same->curve == m.curve && memcmp(same->key, m.key, VCX_KEY) == 0) ||
               vcx_why(r->why, "two keys have the same id");
    if (r->method_n == VCX_MAX_METHODS)
        return vcx_why(r->why, "more than %d keys", VCX_MAX_METHODS);
    r->methods[r->method_n++] = m;
    if (m.curve == VCX_ED25519 && !has_key(r->doc, m.key))
        memcpy(r->doc->keys[r->doc->key_n++], m.key, VCX_KEY);
    return true;
}

/* Keys may stand in any of these; what are strings are references. */
static bool read_methods(struct reading *r, const json_t *json)
{
    static const char *const lists[] = {"publicKey",           "verificationMethod", "authentication",
                                        "keyAgreement",        "assertionMethod",    "capabilityInvocation",
                                        "capabilityDelegation"};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(json, lists[i]), *one;
        size_t at;

        if (list && !json_is_array(list))
            return vcx_why(r->why, "%s is not a list", lists[i]);
        json_array_foreach(list, at, one)
        {
            if (json_is_object(one) && !add_method(r, one))
                return false;
        }
    }
    return true;
}

/* ---- services ---- */

/* A key of the document, by its id or by what it is ("#z6Mk.." and "#6Mk.." of did:peer:2). */
static const struct method *referred(const struct reading *r, struct pbay_str id)
{
    const struct method *m = find_method(r, id);

    for (size_t i = 0; !m && i < r->method_n; i++) {
        char text[1 + VCX_MAX_MULTIKEY] = "#";

        vcx_multikey_text(r->methods[i].curve, r->methods[i].key, text + 1);
        if (pbay_str_eq(id, pbay_str(text)) ||
            (id.n > 1 && id.p[0] == '#' && strlen(text + 2) == id.n - 1 && memcmp(text + 2, id.p + 1, id.n - 1) == 0))
            m = &r->methods[i];
    }
    return m;
}

/* r = NULL: there is no document that it could refer to. */
static bool read_service_key(const struct reading *r, const json_t *json, uint8_t key[VCX_KEY])
{
    struct pbay_str text = text_of(json);
    const struct method *m;

    if (!text.p || text.n > VCX_MAX_KEY_ID)
        return false;
    m = r ? referred(r, relative(r, text)) : NULL;
    if (m)
        memcpy(key, m->key, VCX_KEY);
    return m ? m->curve == VCX_ED25519 : vcx_key_parse(text, key);
}

static bool read_keys(const struct reading *r, const json_t *service, const char *name, uint8_t (*keys)[VCX_KEY],
                      size_t max, size_t *n, char *why)
{
    const json_t *list = json_object_get(service, name), *one;
    size_t i;

    *n = 0;
    if (!vcx_json_has(service, name))
        return true;
    if (!json_is_array(list) || json_array_size(list) > max)
        return vcx_why(why, "%s: expected a list of at most %zu", name, max);
    json_array_foreach(list, i, one)
    {
        if (!read_service_key(r, one, keys[i]))
            return vcx_why(why, "%s: key %zu is not an Ed25519 key that can be found", name, i);
    }
    *n = json_array_size(list);
    return true;
}

static bool read_service(const struct reading *r, struct vcx_service *s, const json_t *json, char *why)
{
    struct pbay_str endpoint = vcx_json_str(json, "serviceEndpoint", VCX_MAX_URL, why);

    *s = (struct vcx_service){.priority = json_integer_value(json_object_get(json, "priority"))};
    if (!endpoint.p)
        return false;
    memcpy(s->endpoint, endpoint.p, endpoint.n);
    if (!read_keys(r, json, "recipientKeys", s->recipients, VCX_MAX_SERVICE_KEYS, &s->recipient_n, why) ||
        !read_keys(r, json, "routingKeys", s->routing, VCX_MAX_ROUTING, &s->routing_n, why))
        return false;
    return s->recipient_n > 0 || vcx_why(why, "recipientKeys: there is none");
}

bool vcx_service_read(struct vcx_service *s, const json_t *json, char why[VCX_WHY])
{
    return read_service(NULL, s, json, why);
}

static bool is_for_us(const json_t *service)
{
    struct pbay_str type = text_of(json_object_get(service, "type"));

    return type.p && (pbay_str_eq(type, pbay_str("did-communication")) || pbay_str_eq(type, pbay_str("IndyAgent")));
}

/* Before the first of a higher priority. */
static bool add_service(struct reading *r, const json_t *json)
{
    struct vcx_doc *doc = r->doc;
    struct vcx_service s;
    size_t at = doc->service_n;

    if (!read_service(r, &s, json, r->why))
        return false;
    if (doc->service_n == VCX_MAX_SERVICES)
        return vcx_why(r->why, "more than %d services", VCX_MAX_SERVICES);
    for (; at && doc->services[at - 1].priority > s.priority; at--)
        doc->services[at] = doc->services[at - 1];
    doc->services[at] = s;
    doc->service_n++;
    return true;
}

static bool read_services(struct reading *r, const json_t *json)
{
    const json_t *list = json_object_get(json, "service"), *one;
    size_t i;

    if (list && !json_is_array(list))
        return vcx_why(r->why, "service is not a list");
    json_array_foreach(list, i, one)
    {
        if (is_for_us(one) && !add_service(r, one))
            return false;
    }
    return true;
}

/* ---- the document ---- */

/* One of the two, alone or among others; peers that leave it out are no worse for it. */
static bool check_context(const json_t *json, char *why)
{
    static const char *const known[] = {"https://w3id.org/did/v1", "https://www.w3.org/ns/did/v1"};
    const json_t *context = json_object_get(json, "@context");
    size_t n = json_is_array(context) ? json_array_size(context) : 1;

    if (!context)
        return true;
    for (size_t i = 0; i < n; i++) {
        struct pbay_str one = text_of(json_is_array(context) ? json_array_get(context, i) : context);

        if (one.p && (pbay_str_eq(one, pbay_str(known[0])) || pbay_str_eq(one, pbay_str(known[1]))))
            return true;
    }
    return vcx_why(why, "@context is not that of a DID document");
}

bool vcx_doc_read(struct vcx_doc *doc, const json_t *json, struct pbay_str did, char why[VCX_WHY])
{
    struct reading r = {.doc = doc, .did = did, .id = text_of(json_object_get(json, "id")), .why = why};

    *doc = (struct vcx_doc){0};
    return check_context(json, why) && read_methods(&r, json) && read_services(&r, json);
}

/* ---- writing ---- */

json_t *vcx_doc_make(const struct vcx_address *a)
{
    char did[VCX_MAX_SOV], verkey[VCX_MAX_VERKEY], routing[VCX_MAX_VERKEY];
    json_t *keys = json_array();

    vcx_sov_text(a->key, did);
    vcx_verkey_text(a->key, verkey);
    for (size_t i = 0; i < a->routing_n; i++) {
        vcx_verkey_text(a->routing[i], routing);
        json_array_append_new(keys, json_string(routing));
    }
    return json_pack("{s:s, s:s, s:[{s:s+, s:s, s:s, s:s}], s:[{s:s, s:s+}], s:[{s:s+, s:s, s:i, s:[s], s:o, s:s}]}",
                     "@context", "https://w3id.org/did/v1", "id", did, "publicKey", "id", did, "#1", "type",
                     "Ed25519VerificationKey2018", "controller", did, "publicKeyBase58", verkey, "authentication",
                     "type", "Ed25519SignatureAuthentication2018", "publicKey", did, "#1", "service", "id", did,
                     ";indy", "type", "IndyAgent", "priority", 0, "recipientKeys", verkey, "routingKeys", keys,
                     "serviceEndpoint", a->endpoint);
}
