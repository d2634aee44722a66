/* DIDs and their documents: those of the vectors and transcripts, our own, and what is refused. */
#include "tests/unit/vcx_vectors.h"

#include <string.h>

#include "connections/vcx/vcx_did.h"
#include "connections/vcx/vcx_sig.h"

static struct vcx_doc resolve(struct pbay_str did, const json_t *attached)
{
    struct vcx_doc doc;
    char why[VCX_WHY];

    if (!vcx_did_resolve(&doc, did, attached, why))
        fail_msg("%.*s: %s", (int)did.n, did.p, why);
    return doc;
}

/* ---- did:peer:4 ---- */

/* The document of a row says the same as what was read. */
static void check_peer4(const json_t *row)
{
    struct vcx_doc doc = resolve(vcx_str(row, "long"), NULL);
    const json_t *document = vcx_of(row, "document"), *service = json_array_get(vcx_of(document, "service"), 0);
    char brief[VCX_MAX_SHORT], why[VCX_WHY], verkey[VCX_MAX_VERKEY];

    assert_int_equal(doc.key_n, 1);
    vcx_verkey_text(doc.keys[0], verkey);
    assert_string_equal(verkey, vcx_text(json_array_get(vcx_of(document, "authentication"), 0), "publicKeyBase58"));
    assert_int_equal(doc.service_n, 1);
    assert_string_equal(doc.services[0].endpoint, vcx_text(service, "serviceEndpoint"));
    assert_int_equal(doc.services[0].recipient_n, 1);
    assert_memory_equal(doc.services[0].recipients[0], doc.keys[0], VCX_KEY);
    assert_int_equal(doc.services[0].routing_n, 0);
    assert_true(vcx_peer4_short(vcx_str(row, "long"), brief, why));
    assert_string_equal(brief, vcx_text(row, "short"));
    assert_false(vcx_peer4_short(vcx_str(row, "short"), brief, why));
}

static void test_peer4(void **state)
{
    const json_t *rows = vcx_of(*state, "did_peer"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        check_peer4(row);
    }
    vcx_ran("did:peer:4", json_array_size(rows));
}

/* What credo 0.6 makes of the same key and endpoint, byte for byte. */
static void test_peer4_make(void **state)
{
    const json_t *row = json_array_get(vcx_of(*state, "did_peer"), 0);
    struct vcx_doc doc = resolve(vcx_str(row, "long"), NULL);
    struct pb_buf out = {0};
    char brief[VCX_MAX_SHORT];

    pb_buf_add(&out, "#", 1);
    assert_true(vcx_peer4_make(&out, brief, &(struct vcx_address){doc.keys[0], doc.services[0].endpoint, NULL, 0}));
    assert_int_equal(out.n, 1 + vcx_str(row, "long").n);
    assert_memory_equal(out.p + 1, vcx_text(row, "long"), out.n - 1);
    assert_string_equal(brief, vcx_text(row, "short"));
    pb_buf_fini(&out);
}

/* As credo-ts needs it: a reference with a fragment. */
static void check_routing_text(const struct pb_buf *did, const uint8_t key[VCX_KEY])
{
    const char *encoded = memchr((char *)did->p + sizeof "did:peer:4", ':', did->n - sizeof "did:peer:4");
    char multikey[VCX_MAX_MULTIKEY], expected[2 * VCX_MAX_MULTIKEY + 32];
    struct pb_buf text = {0};

    vcx_multikey_text(VCX_ED25519, key, multikey);
    (void)snprintf(expected, sizeof expected, "\"routingKeys\":[\"did:key:%s#%s\"]", multikey, multikey);
    assert_non_null(encoded);
    assert_true(vcx_b58_decode(&text, (struct pbay_str){encoded + 2, did->n - (size_t)(encoded + 2 - (char *)did->p)}));
    pb_buf_add(&text, "", 1);
    assert_non_null(strstr((char *)text.p + 2, expected)); /* behind the multicodec */
    pb_buf_fini(&text);
}

static void test_peer4_routing(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice"), mediator = vcx_person(*state, "mediator");
    struct vcx_address a = {alice.key, "https://example.org/m", (const uint8_t(*)[VCX_KEY])mediator.key, 1};
    char brief[VCX_MAX_SHORT], *url = pb_alloc(VCX_MAX_DID + 1);
    struct pb_buf out = {0};
    struct vcx_doc doc;

    assert_true(vcx_peer4_make(&out, brief, &a));
    doc = resolve(vcx_view(&out), NULL);
    assert_memory_equal(doc.services[0].recipients[0], alice.key, VCX_KEY);
    assert_int_equal(doc.services[0].routing_n, 1);
    assert_memory_equal(doc.services[0].routing[0], mediator.key, VCX_KEY);
    check_routing_text(&out, mediator.key);
    out.n = 0;
    a.endpoint = "http://\xff";
    assert_false(vcx_peer4_make(&out, brief, &a));
    memset(url, 'a', VCX_MAX_DID);
    a.endpoint = url;
    assert_false(vcx_peer4_make(&out, brief, &a));
    assert_int_equal(out.n, 0);
    free(url);
    pb_buf_fini(&out);
}

/* ---- did:peer:2 ---- */

static void check_people(const json_t *root, const json_t *names, size_t n, const uint8_t (*keys)[VCX_KEY])
{
    const json_t *name;
    size_t i;

    assert_int_equal(n, json_array_size(names));
    json_array_foreach(names, i, name)
    {
        struct vcx_person person = vcx_person(root, json_string_value(name));

        assert_memory_equal(keys[i], person.key, VCX_KEY);
    }
}

static void check_peer2(const json_t *root, const json_t *row)
{
    struct vcx_doc doc = resolve(vcx_str(row, "did"), NULL);
    const json_t *services = vcx_of(row, "services"), *service;
    size_t i;

    check_people(root, vcx_of(row, "keys"), doc.key_n, (const uint8_t(*)[VCX_KEY])doc.keys);
    assert_int_equal(doc.service_n, json_array_size(services));
    json_array_foreach(services, i, service)
    {
        const struct vcx_service *s = &doc.services[i];

        assert_string_equal(s->endpoint, vcx_text(service, "endpoint"));
        check_people(root, vcx_of(service, "recipients"), s->recipient_n, (const uint8_t(*)[VCX_KEY])s->recipients);
        check_people(root, vcx_of(service, "routing"), s->routing_n, (const uint8_t(*)[VCX_KEY])s->routing);
    }
}

static void test_peer2(void **state)
{
    const json_t *rows = vcx_of(*state, "did_peer_2"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        check_peer2(*state, row);
    }
    vcx_ran("did:peer:2", json_array_size(rows));
}

/* ---- refused ---- */

static void test_refused(void **state)
{
    const json_t *rows = vcx_of(*state, "did_refused"), *row;
    char *longest = pb_alloc(VCX_MAX_DID + 1), why[VCX_WHY];
    struct vcx_doc doc;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *attached = vcx_of(row, "attached");
        bool good = vcx_did_resolve(&doc, vcx_str(row, "did"), json_is_null(attached) ? NULL : attached, why);

        vcx_expect(vcx_text(row, "name"), !good, why, vcx_text(row, "error"));
    }
    memset(longest, 'z', VCX_MAX_DID + 1);
    assert_false(vcx_did_resolve(&doc, (struct pbay_str){longest, VCX_MAX_DID + 1}, NULL, why));
    assert_string_equal(why, "a DID of 1 to 4096 bytes expected, found 4097");
    assert_false(vcx_peer4_short((struct pbay_str){longest, VCX_MAX_DID + 1}, why, why));
    free(longest);
    vcx_ran("DIDs that are refused", json_array_size(rows));
}

/* ---- documents of transcripts ---- */

struct seen {
    size_t plain, signed_ones, attached;
};

static void check_doc(struct pbay_str did, const json_t *document)
{
    struct vcx_doc doc = resolve(did, document);

    assert_int_equal(doc.service_n, 1);
    assert_true(doc.key_n >= 1);
    assert_memory_equal(doc.services[0].recipients[0], doc.keys[0], VCX_KEY);
    assert_true(strncmp(doc.services[0].endpoint, "http:", 5) == 0 ||
                strcmp(doc.services[0].endpoint, "didcomm:transport/queue") == 0);
}

static void check_signed(const json_t *decorator)
{
    uint8_t signer[VCX_KEY];
    char why[VCX_WHY];
    int64_t seconds;
    json_t *value;

    assert_true(vcx_key_parse(vcx_str(decorator, "signer"), signer));
    value = vcx_sig_read(decorator, signer, &seconds, why);
    assert_non_null(value);
    check_doc(vcx_str(value, "DID"), vcx_of(value, "DIDDoc"));
    json_decref(value);
}

static void check_attached(const json_t *message, const json_t *attachment)
{
    const json_t *header = vcx_of(vcx_of(vcx_of(attachment, "data"), "jws"), "header");
    struct pb_buf text = {0};
    uint8_t signer[VCX_KEY];
    char why[VCX_WHY];
    json_t *document;

    assert_true(vcx_key_parse(vcx_str(header, "kid"), signer));
    assert_true(vcx_attach_read(&text, attachment, signer, why));
    document = vcx_json_read(vcx_view(&text), "document", why);
    check_doc(vcx_str(message, "did"), document);
    json_decref(document);
    pb_buf_fini(&text);
}

static void visit(const json_t *message, void *arg)
{
    const json_t *connection = json_object_get(message, "connection"),
                 *decorator = json_object_get(message, "connection~sig"),
                 *attachment = json_object_get(message, "did_doc~attach");
    struct seen *seen = arg;

    if (connection && ++seen->plain)
        check_doc(vcx_str(connection, "DID"), vcx_of(connection, "DIDDoc"));
    if (decorator && ++seen->signed_ones)
        check_signed(decorator);
    if (attachment && ++seen->attached)
        check_attached(message, attachment);
}

static void test_transcripts(void **state)
{
    struct seen seen = {0};

    vcx_each_message(*state, visit, &seen);
    vcx_ran("documents of connections/1.0 requests", seen.plain);
    vcx_ran("documents in connection~sig", seen.signed_ones);
    vcx_ran("did:peer:1 with did_doc~attach and JWS", seen.attached);
}

/* ---- documents ---- */

static void test_doc_make(void **state)
{
    static const char expected[] =
        "{\"@context\":\"https://w3id.org/did/v1\",\"id\":\"VJkTdbQZTRnJneZAR245n6\",\"publicKey\":[{\"id\":"
        "\"VJkTdbQZTRnJneZAR245n6#1\",\"type\":\"Ed25519VerificationKey2018\",\"controller\":"
        "\"VJkTdbQZTRnJneZAR245n6\","
        "\"publicKeyBase58\":\"GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae\"}],\"authentication\":[{\"type\":"
        "\"Ed25519SignatureAuthentication2018\",\"publicKey\":\"VJkTdbQZTRnJneZAR245n6#1\"}],\"service\":[{\"id\":"
        "\"VJkTdbQZTRnJneZAR245n6;indy\",\"type\":\"IndyAgent\",\"priority\":0,\"recipientKeys\":["
        "\"GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae\"],\"routingKeys\":["
        "\"9wmDVddBVagxaegQg6ojKbaXSq19AWVBzLVjuKeGS59n\"],\"serviceEndpoint\":\"http://example.org\"}]}";
    struct vcx_person alice = vcx_person(*state, "alice"), mediator = vcx_person(*state, "mediator");
    struct vcx_address a = {alice.key, "http://example.org", (const uint8_t(*)[VCX_KEY])mediator.key, 1};
    json_t *document = vcx_doc_make(&a);
    struct pb_buf text = {0};
    struct vcx_doc doc;

    assert_true(vcx_json_write(&text, document));
    assert_true(pbay_str_eq(vcx_view(&text), pbay_str(expected)));
    doc = resolve(pbay_str("VJkTdbQZTRnJneZAR245n6"), document);
    assert_memory_equal(doc.services[0].recipients[0], alice.key, VCX_KEY);
    assert_memory_equal(doc.services[0].routing[0], mediator.key, VCX_KEY);
    a.endpoint = "\xff";
    assert_null(vcx_doc_make(&a));
    json_decref(document);
    pb_buf_fini(&text);
}

/* ACA-Py's didexchange/1.0: the DID without a method, the document with did:sov. */
static void test_did_sov(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice");
    json_t *document = vcx_doc_make(&(struct vcx_address){alice.key, "http://example.org", NULL, 0});
    struct vcx_doc doc;

    json_object_set_new(document, "id", json_string("did:sov:VJkTdbQZTRnJneZAR245n6"));
    json_object_set_new(json_array_get(json_object_get(document, "publicKey"), 0), "id",
                        json_string("did:sov:VJkTdbQZTRnJneZAR245n6#1"));
    json_array_set_new(json_object_get(json_array_get(json_object_get(document, "service"), 0), "recipientKeys"), 0,
                       json_string("#1"));
    doc = resolve(pbay_str("VJkTdbQZTRnJneZAR245n6"), document);
    assert_memory_equal(doc.keys[0], alice.key, VCX_KEY);
    (void)resolve(pbay_str("did:sov:VJkTdbQZTRnJneZAR245n6"), document);
    json_decref(document);
}

#define CORE(method, recipient)                                                                             \
    "{\"@context\":[\"https://w3id.org/security/v2\",\"https://www.w3.org/ns/did/v1\"],\"id\":\"did:x:1\"," \
    "\"verificationMethod\":[{\"id\":\"did:x:1#k\"," method                                                 \
    "},{\"id\":\"#bls\",\"type\":\"Bls12381G2Key2020\"}],\"authentication\":[\"did:x:1#k\"],\"service\":["  \
    "{\"type\":\"LinkedDomains\",\"serviceEndpoint\":{}},"                                                  \
    "{\"type\":\"did-communication\",\"recipientKeys\":[\"" recipient "\"],\"serviceEndpoint\":\"http://x\"}]}"
#define MULTIBASE "\"publicKeyMultibase\":\"z6Mkut4ydh4ndqcnBYdxRa2tzkzCDTujUxvwB2pCmWpTrEx2\""
#define JWK(curve, x) \
    "\"type\":\"JsonWebKey2020\",\"publicKeyJwk\":{\"kty\":\"OKP\",\"crv\":\"" curve "\",\"x\":\"" x "\"}"

/* Keys in every shape, named in every way. */
static void test_shapes(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {CORE("\"type\":\"Multikey\"," MULTIBASE, "#k"), true},
        {CORE("\"type\":\"Multikey\"," MULTIBASE, "did:x:1#k"), true},
        {CORE("\"type\":\"Multikey\"," MULTIBASE, "did:x:2#k"), false},
        {CORE("\"type\":\"Multikey\"," MULTIBASE, "k"), false},
        {CORE("\"type\":\"Ed25519VerificationKey2020\"," MULTIBASE, "#k"), true},
        {CORE("\"type\":\"X25519KeyAgreementKey2020\"," MULTIBASE, "#k"), false},
        {CORE("\"type\":\"Multikey\",\"publicKeyBase58\":\"GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae\"", "#k"),
         false},
        {CORE("\"type\":\"Multikey\"", "#k"), false},
        {CORE(JWK("Ed25519", "5TpPKVs6VdjB5BAslrlsj3-_v8LcRG4M5ays01wc1e0x"), "#k"), false}, /* 33 bytes */
        {CORE(JWK("P-256", "5TpPKVs6VdjB5BAslrlsj3-_v8LcRG4M5ays01wdXtM"), "#k"), false},
        {CORE(JWK("X25519", "5TpPKVs6VdjB5BAslrlsj3-_v8LcRG4M5ays01wdXtM"), "#k"), false},
        {"{\"publicKey\":[{\"id\":\"did:x:1k\",\"type\":\"Multikey\"," MULTIBASE
         "}],\"service\":[{\"type\":\"IndyAgent\","
         "\"recipientKeys\":[\"k\"],\"serviceEndpoint\":\"http://x\"}]}",
         false},
        {CORE("\"type\":\"Unknown\"," MULTIBASE, "#k"), false},
        {CORE("\"type\":\"Unknown\"," MULTIBASE, "GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae"), true},
    };
    struct vcx_person alice = vcx_person(*state, "alice");

    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[VCX_WHY] = "";
        json_t *json = vcx_json_read(pbay_str(rows[i].text), "document", why);
        struct vcx_doc doc;

        assert_non_null(json);
        if (vcx_doc_read(&doc, json, pbay_str("did:x:1"), why) != rows[i].good)
            fail_msg("row %zu: %s", i, why);
        if (rows[i].good)
            assert_memory_equal(doc.services[0].recipients[0], alice.key, VCX_KEY);
        json_decref(json);
    }
}

static void test_jwk(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice");
    struct pb_buf x = {0};
    struct vcx_doc doc;
    char why[VCX_WHY];
    json_t *json;

    vcx_b64_encode(&x, alice.key, VCX_KEY, false);
    json = json_pack("{s:[{s:s, s:s, s:{s:s, s:s, s:s%}}]}", "authentication", "id", "#k", "type", "JsonWebKey2020",
                     "publicKeyJwk", "kty", "OKP", "crv", "Ed25519", "x", (char *)x.p, x.n);
    assert_true(vcx_doc_read(&doc, json, pbay_str("did:x:1"), why));
    assert_int_equal(doc.key_n, 1);
    assert_memory_equal(doc.keys[0], alice.key, VCX_KEY);
    json_object_set(json, "assertionMethod", json_object_get(json, "authentication")); /* the same once more */
    assert_true(vcx_doc_read(&doc, json, pbay_str("did:x:1"), why));
    assert_int_equal(doc.key_n, 1);
    json_decref(json);
    pb_buf_fini(&x);
}

/* As in an invitation: no document that keys could be found in. */
static void test_service(void **state)
{
    static const struct {
        const char *text, *words; /* NULL = good */
    } rows[] = {
        {"{\"recipientKeys\":[\"GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae\"],\"serviceEndpoint\":\"http://x\","
         "\"routingKeys\":[\"9wmDVddBVagxaegQg6ojKbaXSq19AWVBzLVjuKeGS59n\"]}",
         NULL},
        {"{\"recipientKeys\":[\"did:key:z6Mkut4ydh4ndqcnBYdxRa2tzkzCDTujUxvwB2pCmWpTrEx2\"],\"serviceEndpoint\":"
         "\"http://x\",\"routingKeys\":[\"did:key:z6MkoQ2G5sscq8BRh9X7MfmaAh8XGQGzaPjYgMQfjbcHMHwA\"]}",
         NULL},
        {"{\"recipientKeys\":[\"#key-1\"],\"serviceEndpoint\":\"http://x\"}", "recipientKeys: key 0"},
        {"{\"recipientKeys\":[7],\"serviceEndpoint\":\"http://x\"}", "recipientKeys: key 0"},
        {"{\"recipientKeys\":null,\"serviceEndpoint\":\"http://x\"}", "recipientKeys: there is none"},
        {"{\"serviceEndpoint\":\"http://x\"}", "recipientKeys: there is none"},
        {"{}", "serviceEndpoint is missing"},
    };
    struct vcx_person alice = vcx_person(*state, "alice"), mediator = vcx_person(*state, "mediator");

    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[VCX_WHY] = "";
        json_t *json = vcx_json_read(pbay_str(rows[i].text), "service", why);
        struct vcx_service s;
        bool good = vcx_service_read(&s, json, why);

        if (rows[i].words) {
            vcx_expect(rows[i].text, !good, why, rows[i].words);
        } else {
            assert_true(good);
            assert_string_equal(s.endpoint, "http://x");
            assert_memory_equal(s.recipients[0], alice.key, VCX_KEY);
            assert_memory_equal(s.routing[0], mediator.key, VCX_KEY);
        }
        json_decref(json);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer4),    cmocka_unit_test(test_peer4_make), cmocka_unit_test(test_peer4_routing),
        cmocka_unit_test(test_peer2),    cmocka_unit_test(test_refused),    cmocka_unit_test(test_transcripts),
        cmocka_unit_test(test_doc_make), cmocka_unit_test(test_did_sov),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_jwk),      cmocka_unit_test(test_service),
    };

    return cmocka_run_group_tests_name("vcx_did", tests, vcx_vectors_setup, vcx_vectors_teardown);
}
