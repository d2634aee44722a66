#include "connections/vcx/vcx_did.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PEER4 "did:peer:4"
#define PEER2 "did:peer:2"
#define PEER1 "did:peer:1z"
#define SOV   "did:sov:"
#define HASH  (2 + crypto_hash_sha256_BYTES) /* multihash: 12 20 and the SHA-256 */

static const uint8_t json_codec[] = {0x80, 0x04}; /* multicodec 0x0200 */

static bool begins(struct pbay_str text, const char *prefix)
{
    return text.n >= strlen(prefix) && memcmp(text.p, prefix, strlen(prefix)) == 0;
}

static struct pbay_str behind(struct pbay_str text, size_t n)
{
    return (struct pbay_str){text.p + n, text.n - n};
}

/* Cut off what is before the mark; *text is what is behind it, or nothing. */
static struct pbay_str cut(struct pbay_str *text, char mark)
{
    const char *at = text->n ? memchr(text->p, mark, text->n) : NULL;
    struct pbay_str head = {text->p, at ? (size_t)(at - text->p) : text->n};

    *text = behind(*text, head.n + (at ? 1 : 0));
    return head;
}

/* Append "z" and the base58 of the multihash. */
static bool add_hash(struct pb_buf *out, const void *bytes, size_t n)
{
    uint8_t hash[HASH] = {0x12, crypto_hash_sha256_BYTES};

    crypto_hash_sha256(hash + 2, bytes, n);
    pb_buf_add(out, "z", 1);
    return vcx_b58_encode(out, hash, sizeof hash);
}

static bool is_hash_of(struct pbay_str text, const void *bytes, size_t n)
{
    struct pb_buf hash = {0};
    bool same = add_hash(&hash, bytes, n) && pbay_str_eq(text, (struct pbay_str){(char *)hash.p, hash.n});

    pb_buf_fini(&hash);
    return same;
}

/* ---- did:peer:4 ---- */

/* Its encoded document, with the hash checked; not empty. */
static bool split_peer4(struct pbay_str did, struct pbay_str *hash, struct pbay_str *encoded, char *why)
{
    bool good = false;

    *encoded = begins(did, PEER4) ? behind(did, sizeof PEER4 - 1) : (struct pbay_str){"", 0};
    *hash = cut(encoded, ':');
    if (!begins(did, PEER4))
        vcx_why(why, "not a did:peer:4");
    else if (!encoded->n)
        vcx_why(why, "did:peer:4: the long form is needed");
    else if (!is_hash_of(*hash, encoded->p, encoded->n))
        vcx_why(why, "did:peer:4: the hash is not that of the document");
    else
        good = true;
    return good;
}

static bool resolve_peer4(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char *why)
{
    struct pb_buf bytes = {0};
    struct pbay_str hash, encoded;
    json_t *json = NULL;
    bool good = false;

    (void)attached;
    if (!split_peer4(did, &hash, &encoded, why))
        return false;
    if (encoded.p[0] != 'z' || !vcx_b58_decode(&bytes, behind(encoded, 1)) || bytes.n < sizeof json_codec ||
        memcmp(bytes.p, json_codec, sizeof json_codec) != 0) {
        vcx_why(why, "did:peer:4: the document is not JSON in base58");
        goto out;
    }
    json = vcx_json_read((struct pbay_str){(char *)bytes.p + sizeof json_codec, bytes.n - sizeof json_codec},
                         "did:peer:4", why);
    if (json && json_object_get(json, "id"))
        vcx_why(why, "did:peer:4: the document has an id");
    else
        good = json && vcx_doc_read(doc, json, did, why);
out:
    json_decref(json);
    pb_buf_fini(&bytes);
    return good;
}

bool vcx_peer4_short(struct pbay_str did, char brief[VCX_MAX_SHORT], char why[VCX_WHY])
{
    struct pbay_str hash, encoded;

    if (did.n > VCX_MAX_DID)
        return vcx_why(why, "a DID of more than %d bytes", VCX_MAX_DID);
    if (!split_peer4(did, &hash, &encoded, why))
        return false;
    (void)snprintf(brief, VCX_MAX_SHORT, PEER4 "%.*s", (int)hash.n, hash.p);
    return true;
}

/* Ours has two keys, the second for peers that look for key agreement. A mediator's key is a reference into the
 * document of its did:key, with the fragment: credo-ts looks no further than for that. */
static json_t *peer4_document(const struct vcx_address *a)
{
    char verkey[VCX_MAX_VERKEY], agreement[VCX_MAX_VERKEY], routing[VCX_MAX_MULTIKEY];
    json_t *keys;
    uint8_t x[VCX_KEY];

    if (crypto_sign_ed25519_pk_to_curve25519(x, a->key) != 0)
        return NULL;
    vcx_verkey_text(a->key, verkey);
    vcx_verkey_text(x, agreement);
    keys = json_array();
    for (size_t i = 0; i < a->routing_n; i++) {
        vcx_multikey_text(VCX_ED25519, a->routing[i], routing);
        json_array_append_new(keys, json_sprintf("did:key:%s#%s", routing, routing));
    }
    return json_pack("{s:[s], s:[{s:s, s:s, s:s, s:i, s:[s], s:o}], s:[{s:s, s:s, s:s}], s:[{s:s, s:s, s:s}]}",
                     "@context", "https://www.w3.org/ns/did/v1", "service", "id", "#inline-0", "serviceEndpoint",
                     a->endpoint, "type", "did-communication", "priority", 0, "recipientKeys", "#key-1", "routingKeys",
                     keys, "authentication", "id", "#key-1", "type", "Ed25519VerificationKey2018", "publicKeyBase58",
                     verkey, "keyAgreement", "id", "#key-2", "type", "X25519KeyAgreementKey2019", "publicKeyBase58",
                     agreement);
}

static bool make_peer4(struct pb_buf *out, const json_t *document)
{
    struct pb_buf bytes = {0}, encoded = {0};
    bool good;

    pb_buf_add(&bytes, json_codec, sizeof json_codec);
    pb_buf_add(&encoded, "z", 1);
    good = vcx_json_write(&bytes, document) && vcx_b58_encode(&encoded, bytes.p, bytes.n);
    if (good) {
        pb_buf_add(out, PEER4, sizeof PEER4 - 1);
        good = add_hash(out, encoded.p, encoded.n);
        pb_buf_add(out, ":", 1);
        pb_buf_add(out, encoded.p, encoded.n);
    }
    pb_buf_fini(&bytes);
    pb_buf_fini(&encoded);
    return good;
}

bool vcx_peer4_make(struct pb_buf *out, char brief[VCX_MAX_SHORT], const struct vcx_address *a)
{
    json_t *document = peer4_document(a);
    size_t before = out->n;
    char why[VCX_WHY];
    bool good = document && make_peer4(out, document) &&
                vcx_peer4_short((struct pbay_str){(char *)out->p + before, out->n - before}, brief, why);

    json_decref(document);
    if (!good)
        out->n = before;
    return good;
}

/* ---- did:peer:2 ---- */

/* Services are abbreviated. */
static const char *const long_words[][2] = {
    {"t", "type"}, {"s", "serviceEndpoint"}, {"r", "routingKeys"}, {"a", "accept"}};

/* The member as it is called in full. */
static void expand(json_t *service, const char *brief, const char *word)
{
    json_t *value = json_object_get(service, brief);

    if (!value || json_object_get(service, word))
        return;
    json_object_set(service, word, value);
    json_object_del(service, brief);
}

static bool add_services(json_t *services, struct pbay_str encoded, char *why)
{
    struct pb_buf bytes = {0}, wrapped = {0};
    json_t *json = NULL, *given, *one;
    size_t i;
    bool good = false;

    if (!vcx_b64_decode(&bytes, encoded, VCX_B64_URL)) {
        vcx_why(why, "did:peer:2: a service is not base64url");
        goto out;
    }
    pb_buf_add(&wrapped, "{\"s\":", 5); /* one service or a list of them */
    pb_buf_add(&wrapped, bytes.p, bytes.n);
    pb_buf_add(&wrapped, "}", 1);
    json = vcx_json_read((struct pbay_str){(char *)wrapped.p, wrapped.n}, "did:peer:2: a service", why);
    if (!json)
        goto out;
    if (json_object_size(json) != 1) {
        vcx_why(why, "did:peer:2: a service is not JSON");
        goto out;
    }
    given = json_object_get(json, "s");
    if (json_is_array(given))
        json_array_extend(services, given);
    else
        json_array_append(services, given);
    json_array_foreach(services, i, one)
    {
        for (size_t w = 0; w < sizeof long_words / sizeof *long_words; w++)
            expand(one, long_words[w][0], long_words[w][1]);
    }
    good = true;
out:
    json_decref(json);
    pb_buf_fini(&bytes);
    pb_buf_fini(&wrapped);
    return good;
}

static bool add_key(json_t *methods, struct pbay_str multikey, char *why)
{
    uint8_t key[VCX_KEY];
    enum vcx_curve curve;
    char id[24];

    if (!vcx_multikey_parse(multikey, &curve, key))
        return vcx_why(why, "did:peer:2: a key is neither Ed25519 nor X25519");
    (void)snprintf(id, sizeof id, "#key-%zu", json_array_size(methods) + 1);
    json_array_append_new(methods, json_pack("{s:s, s:s, s:s%}", "id", id, "type", "Multikey", "publicKeyMultibase",
                                             multikey.p, multikey.n));
    return true;
}

/* Elements, each with a point in front: a letter for what it is for, and a key or services. */
static bool read_elements(struct pbay_str rest, json_t *methods, json_t *services, char *why)
{
    if (cut(&rest, '.').n || !rest.n)
        return vcx_why(why, "did:peer:2: expected elements, each behind a point");
    while (rest.n) {
        struct pbay_str one = cut(&rest, '.');

        if (!one.n || !strchr("AEVIDS", one.p[0]))
            return vcx_why(why, "did:peer:2: an element of unknown purpose");
        if (json_array_size(methods) == VCX_MAX_METHODS)
            return vcx_why(why, "did:peer:2: more than %d keys", VCX_MAX_METHODS);
        if (one.p[0] == 'S' ? !add_services(services, behind(one, 1), why) : !add_key(methods, behind(one, 1), why))
            return false;
    }
    return true;
}

static bool resolve_peer2(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char *why)
{
    json_t *methods = json_array(), *services = json_array();
    json_t *json = json_pack("{s:O, s:O}", "verificationMethod", methods, "service", services);
    bool good;

    (void)attached;
    good = read_elements(behind(did, sizeof PEER2 - 1), methods, services, why) && vcx_doc_read(doc, json, did, why);
    json_decref(json);
    json_decref(methods);
    json_decref(services);
    return good;
}

/* ---- documents that come with the message ---- */

static bool check_id(const json_t *attached, struct pbay_str did, char *why)
{
    struct pbay_str id;

    if (!json_is_object(attached))
        return vcx_why(why, "the DID's document is missing");
    id = vcx_json_str(attached, "id", VCX_MAX_DID, why);
    if (!id.p)
        return false;
    return pbay_str_eq(id, did) || (begins(id, SOV) && pbay_str_eq(behind(id, sizeof SOV - 1), did)) ||
           vcx_why(why, "the document is of another DID");
}

/* The hash is over the document without its id, with its keys in the order in which they came. */
static bool resolve_peer1(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char *why)
{
    struct pb_buf text = {0};
    json_t *bare;
    bool good;

    if (!check_id(attached, did, why))
        return false;
    bare = json_copy((json_t *)attached);
    json_object_del(bare, "id");
    good = vcx_json_write(&text, bare) && is_hash_of(behind(did, sizeof PEER1 - 2), text.p, text.n);
    json_decref(bare);
    pb_buf_fini(&text);
    return good ? vcx_doc_read(doc, attached, did, why)
                : vcx_why(why, "did:peer:1: the hash is not that of the document");
}

static bool resolve_unqualified(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char *why)
{
    struct pbay_str bare = begins(did, SOV) ? behind(did, sizeof SOV - 1) : did;
    char text[VCX_MAX_SOV];

    if (!vcx_is_sov(bare))
        return vcx_why(why, "a DID of a method that is not known here");
    if (!check_id(attached, bare, why) || !vcx_doc_read(doc, attached, bare, why))
        return false;
    for (size_t i = 0; i < doc->key_n; i++) {
        vcx_sov_text(doc->keys[i], text);
        if (pbay_str_eq(bare, pbay_str(text)))
            return true;
    }
    return vcx_why(why, "the DID is the beginning of none of its document's keys");
}

bool vcx_did_resolve(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char why[VCX_WHY])
{
    static const struct {
        const char *prefix;
        bool (*resolve)(struct vcx_doc *, struct pbay_str, const json_t *, char *);
    } methods[] = {{PEER4, resolve_peer4}, {PEER2, resolve_peer2}, {PEER1, resolve_peer1}, {"", resolve_unqualified}};
    size_t i = 0;

    if (did.n == 0 || did.n > VCX_MAX_DID)
        return vcx_why(why, "a DID of 1 to %d bytes expected, found %zu", VCX_MAX_DID, did.n);
    while (!begins(did, methods[i].prefix))
        i++;
    return methods[i].resolve(doc, did, attached, why);
}
