/* connection~sig and signed attachments: those of the vectors, our own, and what is refused. */
#include "tests/unit/vcx_vectors.h"

#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_sig.h"

#define NOW INT64_C(1795237013)

/* ---- connection~sig ---- */

static void check_vector(const json_t *root, const json_t *row)
{
    struct vcx_person signer = vcx_person(root, vcx_text(row, "signer"));
    struct pb_buf bytes = vcx_hex(vcx_text(row, "signed_bytes_hex")), text = {0};
    char why[VCX_WHY];
    int64_t seconds;
    json_t *value = vcx_sig_read(vcx_of(row, "decorator"), signer.key, &seconds, why);

    assert_non_null(value);
    assert_int_equal(seconds, json_integer_value(vcx_of(row, "timestamp_be64")) / 1000);
    assert_true(vcx_json_write(&text, value));
    assert_int_equal(text.n, bytes.n - 8);
    assert_memory_equal(text.p, bytes.p + 8, text.n);
    json_decref(value);
    pb_buf_fini(&bytes);
    pb_buf_fini(&text);
}

static void test_vectors(void **state)
{
    const json_t *rows = vcx_of(*state, "connection_sig"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        check_vector(*state, row);
    }
    vcx_ran("connection~sig", json_array_size(rows));
}

static json_t *sign_something(const json_t *root, int64_t seconds)
{
    struct vcx_person alice = vcx_person(root, "alice");
    json_t *value = json_pack("{s:s}", "DID", "gr\xc3\xbc\xc3\x9f"),
           *decorator = vcx_sig_make(value, seconds, alice.secret);

    assert_non_null(decorator);
    json_decref(value);
    return decorator;
}

static void test_time(void **state)
{
    static const struct {
        int64_t signed_at, seconds; /* -1 = refused */
    } rows[] = {
        {NOW, NOW},
        {NOW * 1000 + 189, NOW},
        {946684800, 946684800},
        {946684799, -1},
        {7258118400, 7258118400},
        {7258118401, -1},
        {946684800000, 946684800},
        {946684799999, -1},
        {7258118400999, 7258118400},
        {7258118401000, -1},
        {0, -1},
        {-1, -1},
        {INT64_MAX, -1},
    };
    struct vcx_person alice = vcx_person(*state, "alice");

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *decorator = sign_something(*state, rows[i].signed_at), *value;
        char why[VCX_WHY] = "";
        int64_t seconds;

        value = vcx_sig_read(decorator, alice.key, &seconds, why);
        if (!value != (rows[i].seconds < 0) || (value && seconds != rows[i].seconds))
            fail_msg("row %zu: %s", i, why);
        if (!value)
            assert_non_null(strstr(why, "a time far away"));
        json_decref(value);
        json_decref(decorator);
    }
}

static void test_sig_make(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice");
    json_t *decorator = sign_something(*state, NOW), *value;
    char why[VCX_WHY];
    int64_t seconds;

    assert_string_equal(vcx_text(decorator, "@type"), "https://didcomm.org/signature/1.0/ed25519Sha512_single");
    assert_string_equal(vcx_text(decorator, "signer"), "GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae");
    assert_int_equal(strncmp(vcx_text(decorator, "sig_data"), "AAAAAGsBJJV7IkRJRCI6Imdyw7zDnyJ9", 32), 0);
    assert_int_equal(strlen(vcx_text(decorator, "signature")), 88);
    value = vcx_sig_read(decorator, alice.key, &seconds, why);
    assert_string_equal(vcx_text(value, "DID"), "gr\xc3\xbc\xc3\x9f");
    json_decref(value);
    json_object_set_new(decorator, "@type",
                        json_string("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/signature/1.0/ed25519Sha512_single"));
    json_object_set_new(decorator, "signer", json_string(vcx_text(vcx_of(vcx_of(*state, "keys"), "alice"), "did_key")));
    value = vcx_sig_read(decorator, alice.key, &seconds, why);
    assert_non_null(value);
    json_decref(value);
    json_decref(decorator);
    assert_null(vcx_sig_make(NULL, NOW, alice.secret));
}

/* One member is another one, or is not there (NULL). */
static void test_sig_refused(void **state)
{
    static const struct {
        const char *member, *text, *words;
    } rows[] = {
        {"@type", NULL, "a type that is not known"},
        {"@type", "https://didcomm.org/signature/1.0/other", "a type that is not known"},
        {"signer", NULL, "signer is missing"},
        {"signer", "x", "signer is not an Ed25519 key"},
        {"signer", "9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg", "signer is another key"},
        {"sig_data", NULL, "sig_data is missing"},
        {"sig_data", "*", "sig_data: expected base64url"},
        {"sig_data", "AAAAAGsBNg", "sig_data: expected base64url of a time"},
        {"sig_data", "AAAAAGsBNpV7fQ", "the signature is not the signer's"},
        {"signature", NULL, "signature is missing"},
        {"signature", "AAAA", "signature: expected base64url of 64 bytes"},
        {"signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "the signature is not the signer's"},
    };
    struct vcx_person alice = vcx_person(*state, "alice");
    int64_t seconds;

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *decorator = sign_something(*state, NOW);
        char why[VCX_WHY] = "";

        if (rows[i].text)
            json_object_set_new(decorator, rows[i].member, json_string(rows[i].text));
        else
            json_object_del(decorator, rows[i].member);
        vcx_expect(rows[i].words, !vcx_sig_read(decorator, alice.key, &seconds, why), why, rows[i].words);
        json_decref(decorator);
    }
}

/* Another key than the expected one has signed, and says so, or says that it was the expected one. */
static void test_sig_of_another(void **state)
{
    struct vcx_person bob = vcx_person(*state, "bob");
    json_t *decorator = sign_something(*state, NOW);
    char why[VCX_WHY] = "";
    int64_t seconds;

    vcx_expect("honest", !vcx_sig_read(decorator, bob.key, &seconds, why), why, "signer is another key");
    json_object_set_new(decorator, "signer", json_string("9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg"));
    vcx_expect("lying", !vcx_sig_read(decorator, bob.key, &seconds, why), why, "the signature is not the signer's");
    json_decref(decorator);
}

/* What was signed rightly may still be no JSON. */
static void test_sig_of_nonsense(void **state)
{
    static const uint8_t bytes[] = {0,   0,   0,   0,   0x6b, 1,   0x36, 0x95, '{', '"', 'a',
                                    '"', ':', '1', ',', '"',  'a', '"',  ':',  '1', '}'};
    struct vcx_person alice = vcx_person(*state, "alice");
    json_t *decorator = sign_something(*state, NOW);
    struct pb_buf data = {0}, text = {0};
    uint8_t signature[crypto_sign_BYTES];
    char why[VCX_WHY] = "";
    int64_t seconds;

    crypto_sign_detached(signature, NULL, bytes, sizeof bytes, alice.secret);
    vcx_b64_encode(&data, bytes, sizeof bytes, false);
    vcx_b64_encode(&text, signature, sizeof signature, false);
    json_object_set_new(decorator, "sig_data", json_stringn((char *)data.p, data.n));
    json_object_set_new(decorator, "signature", json_stringn((char *)text.p, text.n));
    vcx_expect("nonsense", !vcx_sig_read(decorator, alice.key, &seconds, why), why, "sig_data: a key is there twice");
    pb_buf_fini(&data);
    pb_buf_fini(&text);
    json_decref(decorator);
}

/* ---- attachments ---- */

#define CONTENT "did:peer:4zQm:z\xff" /* 16 bytes, base64 with a '/' or '_' in it */

static json_t *attach_something(const json_t *root)
{
    struct vcx_person alice = vcx_person(root, "alice");
    json_t *attachment = vcx_attach_make("1", "text/string", pbay_str(CONTENT), alice.secret);

    assert_non_null(attachment);
    return attachment;
}

static json_t *jws_of(const json_t *attachment)
{
    return json_object_get(json_object_get(attachment, "data"), "jws");
}

/* What the protected header says; the caller ends it. */
static json_t *header_of(const json_t *attachment)
{
    struct pb_buf text = {0};
    char why[VCX_WHY];
    json_t *header;

    assert_true(vcx_b64_decode(&text, vcx_str(jws_of(attachment), "protected"), VCX_B64_URL));
    header = vcx_json_read(vcx_view(&text), "header", why);
    assert_non_null(header);
    pb_buf_fini(&text);
    return header;
}

static void test_attach_make(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice"), bob = vcx_person(*state, "bob");
    json_t *attachment = attach_something(*state), *header = header_of(attachment);
    const char *did_key = vcx_text(vcx_of(vcx_of(*state, "keys"), "alice"), "did_key");
    struct pb_buf out = {0};
    char why[VCX_WHY];

    assert_string_equal(vcx_text(attachment, "mime-type"), "text/string");
    assert_string_equal(vcx_text(vcx_of(header, "jwk"), "kid"), did_key);
    assert_string_equal(vcx_text(vcx_of(jws_of(attachment), "header"), "kid"), did_key);
    assert_null(json_object_get(header, "kid")); /* peers take one of jwk and kid */
    assert_null(strchr(vcx_text(vcx_of(attachment, "data"), "base64"), '='));
    pb_buf_add(&out, "#", 1);
    assert_false(vcx_attach_read(&out, attachment, bob.key, why));
    assert_int_equal(out.n, 1);
    assert_true(vcx_attach_read(&out, attachment, alice.key, why));
    assert_true(pbay_str_eq(vcx_view(&out), pbay_str("#" CONTENT)));
    json_decref(header);
    json_decref(attachment);
    pb_buf_fini(&out);
}

/* The same bytes in every base64 that peers write. */
static void test_attach_base64(void **state)
{
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
                                   sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    struct vcx_person alice = vcx_person(*state, "alice");
    json_t *attachment = attach_something(*state);

    for (size_t i = 0; i < COUNT(variants); i++) {
        char text[64], why[VCX_WHY];
        struct pb_buf out = {0};

        sodium_bin2base64(text, sizeof text, (const uint8_t *)CONTENT, strlen(CONTENT), variants[i]);
        json_object_set_new(json_object_get(attachment, "data"), "base64", json_string(text));
        assert_true(vcx_attach_read(&out, attachment, alice.key, why));
        pb_buf_fini(&out);
    }
    json_decref(attachment);
}

static void refuse_attachment(const json_t *root, const json_t *attachment, const char *words)
{
    struct vcx_person alice = vcx_person(root, "alice");
    struct pb_buf out = {0};
    char why[VCX_WHY] = "";
    bool good = vcx_attach_read(&out, attachment, alice.key, why);

    vcx_expect(words, !good, why, words);
    assert_int_equal(out.n, 0);
    pb_buf_fini(&out);
}

/* Sign anew with another protected header, so that only the header is wrong. */
static void sign_header(const json_t *root, json_t *attachment, const char *header)
{
    struct vcx_person alice = vcx_person(root, "alice");
    struct pbay_str content = vcx_str(vcx_of(attachment, "data"), "base64");
    uint8_t signature[crypto_sign_BYTES];
    struct pb_buf input = {0}, text = {0};

    vcx_b64_encode(&input, header, strlen(header), false);
    json_object_set_new(jws_of(attachment), "protected", json_stringn((char *)input.p, input.n));
    pb_buf_add(&input, ".", 1);
    pb_buf_add(&input, content.p, content.n);
    crypto_sign_detached(signature, NULL, input.p, input.n, alice.secret);
    vcx_b64_encode(&text, signature, sizeof signature, false);
    json_object_set_new(jws_of(attachment), "signature", json_stringn((char *)text.p, text.n));
    pb_buf_fini(&input);
    pb_buf_fini(&text);
}

#define ALICE_KID           "did:key:z6Mkut4ydh4ndqcnBYdxRa2tzkzCDTujUxvwB2pCmWpTrEx2"
#define BOB_KID             "did:key:z6MkoT4dknR1ECbdiQZj8PsY32q9Z2xXv4rdPzVtqaPb1Fn4"
#define JWK(kty, crv, more) "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"" kty "\",\"crv\":\"" crv "\"" more "}}"
#define X_OF_BOB            ",\"x\":\"haxHqThJH1LuFa30msnVg0MCiSTBaNDKePOtO-Jr9N0\""

/* The protected header with each thing that it may and may not say; `open` = the kid in the other one, or NULL. */
static void test_headers(void **state)
{
    static const struct {
        const char *header, *open, *words; /* NULL = good */
    } rows[] = {
        {"{\"alg\":\"EdDSA\"}", ALICE_KID, NULL},
        {"{\"alg\":\"EdDSA\",\"kid\":\"" ALICE_KID "\"}", NULL, NULL},
        {"{\"alg\":\"EdDSA\",\"kid\":\"" ALICE_KID "\"}", ALICE_KID, NULL},
        {"{\"alg\":\"EdDSA\"}", NULL, "jws: no key is named"},
        {"{\"alg\":\"EdDSA\"}", BOB_KID, "jws: kid is another key"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"" BOB_KID "\"}", ALICE_KID, "jws: kid is another key"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"" ALICE_KID "\"}", BOB_KID, "jws: kid is another key"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"GRow3SpMJJ8K53oFk1549fSCPtdt55gaV1uGwErSw2Ae\"}", NULL, "kid is not a did:key"},
        {"{\"alg\":\"none\"}", ALICE_KID, "jws: alg is not EdDSA"},
        {"{\"alg\":\"HS256\"}", ALICE_KID, "jws: alg is not EdDSA"},
        {"{}", ALICE_KID, "jws: alg is not EdDSA"},
        {"{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"b64\":false}", ALICE_KID, "jws: an extension"},
        {"{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}", ALICE_KID, "jws: an extension"},
        {"{\"alg\":\"EdDSA\",\"b64\":false}", ALICE_KID, "jws: an extension"},
        {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}", ALICE_KID, "jws: protected: a key is there twice"},
        {JWK("OKP", "Ed25519", X_OF_BOB), ALICE_KID, "jws: jwk is another key"},
        {JWK("OKP", "Ed25519", ",\"x\":\"5TpPKVs6VdjB5BAslrlsj3-_v8LcRG4M5aytNcHV7TM\""), NULL, NULL},
        {JWK("OKP", "Ed25519", ",\"x\":\"5TpPKVs6VdjB5BAslrlsj3-_v8LcRG4M5aytNcHV7TM\",\"kid\":\"" BOB_KID "\""), NULL,
         "jws: kid is another key"},
        {JWK("EC", "Ed25519", ""), ALICE_KID, "jws: jwk is not of Ed25519"},
        {JWK("OKP", "X25519", ""), ALICE_KID, "jws: jwk is not of Ed25519"},
        {JWK("OKP", "Ed25519", ""), ALICE_KID, "x is missing"},
        {JWK("OKP", "Ed25519", ",\"x\":\"AAAA\""), ALICE_KID, "jws: jwk.x: expected base64url of 32 bytes"},
        {"{\"alg\":\"EdDSA\",\"jwk\":\"x\"}", ALICE_KID, "jws: jwk is not of Ed25519"},
    };
    struct vcx_person alice = vcx_person(*state, "alice");

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *attachment = attach_something(*state);
        struct pb_buf out = {0};
        char why[VCX_WHY] = "";

        sign_header(*state, attachment, rows[i].header);
        json_object_del(jws_of(attachment), "header");
        if (rows[i].open)
            json_object_set_new(jws_of(attachment), "header", json_pack("{s:s}", "kid", rows[i].open));
        if (rows[i].words)
            refuse_attachment(*state, attachment, rows[i].words);
        else if (!vcx_attach_read(&out, attachment, alice.key, why))
            fail_msg("row %zu: %s", i, why);
        pb_buf_fini(&out);
        json_decref(attachment);
    }
}

static void test_attach_refused(void **state)
{
    static const struct {
        const char *member, *text, *words;
    } rows[] = {
        {"protected", NULL, "protected is missing"},
        {"protected", "*", "jws: protected is not base64url"},
        {"protected", "e30", "jws: alg is not EdDSA"},
        {"signature", NULL, "signature is missing"},
        {"signature", "AAAA", "jws: signature: expected base64url of 64 bytes"},
        {"signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "jws: the signature is not the signer's"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *attachment = attach_something(*state);

        if (rows[i].text)
            json_object_set_new(jws_of(attachment), rows[i].member, json_string(rows[i].text));
        else
            json_object_del(jws_of(attachment), rows[i].member);
        refuse_attachment(*state, attachment, rows[i].words);
        json_decref(attachment);
    }
}

static void test_attach_content(void **state)
{
    json_t *attachment = attach_something(*state), *data = json_object_get(attachment, "data");

    json_object_set_new(data, "base64", json_string("AAAA"));
    refuse_attachment(*state, attachment, "jws: the signature is not the signer's");
    json_object_set_new(data, "base64", json_string("AAAA="));
    refuse_attachment(*state, attachment, "the attachment is not base64");
    json_object_del(data, "jws");
    refuse_attachment(*state, attachment, "jws is missing");
    json_object_del(data, "base64");
    refuse_attachment(*state, attachment, "base64 is missing");
    json_object_del(attachment, "data");
    refuse_attachment(*state, attachment, "base64 is missing");
    json_decref(attachment);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_time),
        cmocka_unit_test(test_sig_make),       cmocka_unit_test(test_sig_refused),
        cmocka_unit_test(test_sig_of_another), cmocka_unit_test(test_sig_of_nonsense),
        cmocka_unit_test(test_attach_make),    cmocka_unit_test(test_attach_base64),
        cmocka_unit_test(test_headers),        cmocka_unit_test(test_attach_refused),
        cmocka_unit_test(test_attach_content),
    };

    return cmocka_run_group_tests_name("vcx_sig", tests, vcx_vectors_setup, vcx_vectors_teardown);
}
