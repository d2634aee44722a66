/* base58, base64, bounded JSON, keys and their texts. */
#include "tests/unit/vcx_vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "connections/vcx/vcx_json.h"

/* ---- base58 ---- */

static void test_b58(void **state)
{
    static const struct {
        const char *hex, *text;
    } rows[] = {{"", ""},
                {"00", "1"},
                {"0000", "11"},
                {"39", "z"},
                {"3a", "21"},
                {"ff", "5Q"},
                {"0000ff", "115Q"},
                {"48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
                {"000000287fb4cd", "111233QC4"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pb_buf bytes = vcx_hex(rows[i].hex), text = {0}, back = {0};

        pb_buf_add(&text, "#", 1);
        assert_true(vcx_b58_encode(&text, bytes.p, bytes.n));
        assert_int_equal(text.n, 1 + strlen(rows[i].text));
        assert_memory_equal(text.p + 1, rows[i].text, text.n - 1);
        pb_buf_add(&back, "#", 1);
        assert_true(vcx_b58_decode(&back, pbay_str(rows[i].text)));
        assert_int_equal(back.n, 1 + bytes.n);
        assert_memory_equal(back.p + 1, bytes.p, bytes.n);
        pb_buf_fini(&bytes);
        pb_buf_fini(&text);
        pb_buf_fini(&back);
    }
}

static void test_b58_refused(void **state)
{
    static const char *const rows[] = {"0", "O", "I", "l", " ", "a b", "a+", "a\n", "\xc3\xbc", "1-"};
    struct pb_buf out = {0};

    (void)state;
    pb_buf_add(&out, "x", 1);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(vcx_b58_decode(&out, pbay_str(rows[i])));
    assert_false(vcx_b58_decode(&out, (struct pbay_str){"a\0a", 3}));
    assert_int_equal(out.n, 1);
    pb_buf_fini(&out);
}

/* The longest text, and one character more. */
static void test_b58_bounds(void **state)
{
    struct pb_buf bytes = {0}, text = {0}, back = {0};
    char *most = pb_alloc(VCX_MAX_B58 + 1);

    (void)state;
    memset(most, 'z', VCX_MAX_B58 + 1);
    assert_true(vcx_b58_decode(&bytes, (struct pbay_str){most, VCX_MAX_B58}));
    assert_true(vcx_b58_encode(&text, bytes.p, bytes.n));
    assert_int_equal(text.n, VCX_MAX_B58);
    assert_memory_equal(text.p, most, VCX_MAX_B58);
    assert_false(vcx_b58_decode(&back, (struct pbay_str){most, VCX_MAX_B58 + 1}));
    pb_buf_add(&bytes, "", 1);
    assert_false(vcx_b58_encode(&back, bytes.p, bytes.n));
    memset(bytes.p, 0, bytes.n);
    assert_true(vcx_b58_encode(&back, bytes.p, bytes.n)); /* a 1 for each */
    assert_int_equal(back.n, bytes.n);
    free(most);
    pb_buf_fini(&bytes);
    pb_buf_fini(&text);
    pb_buf_fini(&back);
}

/* ---- base64 ---- */

static void test_b64(void **state)
{
    static const struct {
        const char *text;
        bool url, any;
        const char *hex;
    } rows[] = {{"", true, true, ""},           {"AA", true, true, "00"},         {"AA==", true, true, "00"},
                {"AAA", true, true, "0000"},    {"AAA=", true, true, "0000"},     {"AAAA", true, true, "000000"},
                {"-_-_", true, true, "fbffbf"}, {"-_8=", true, true, "fbff"},     {"+/+/", false, true, "fbffbf"},
                {"+/8=", false, true, "fbff"},  {"+/8", false, true, "fbff"},     {"-/8", false, false, ""},
                {"+_8=", false, false, ""},     {"A", false, false, ""},          {"AA=", false, false, ""},
                {"AAA==", false, false, ""},    {"AAAA=", false, false, ""},      {"AB", false, false, ""},
                {"AAB", false, false, ""},      {"AA==AA", false, false, ""},     {"=", false, false, ""},
                {"AA AA", false, false, ""},    {"AAAA\n", false, false, ""},     {"AA.A", false, false, ""},
                {"AA=A", false, false, ""},     {"\xc1\xa5t5", false, false, ""}, {"\x8c\xa5t5", false, false, ""},
                {"AAAA====", false, false, ""}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pb_buf out = {0}, expected = vcx_hex(rows[i].hex);

        if (vcx_b64_decode(&out, pbay_str(rows[i].text), VCX_B64_URL) != rows[i].url ||
            (rows[i].url && out.n != expected.n))
            fail_msg("'%s' as base64url", rows[i].text);
        if (rows[i].url)
            assert_memory_equal(out.p ? out.p : expected.p, expected.p, expected.n);
        out.n = 0;
        if (vcx_b64_decode(&out, pbay_str(rows[i].text), VCX_B64_ANY) != rows[i].any ||
            (rows[i].any && out.n != expected.n))
            fail_msg("'%s' as base64", rows[i].text);
        assert_int_equal(rows[i].any ? 0 : out.n, 0);
        pb_buf_fini(&out);
        pb_buf_fini(&expected);
    }
}

static void test_b64_encode(void **state)
{
    struct pb_buf out = {0};
    uint8_t two[2];

    (void)state;
    vcx_b64_encode(&out, "\xfb\xff", 2, true);
    vcx_b64_encode(&out, "\xfb\xff", 2, false);
    vcx_b64_encode(&out, NULL, 0, true);
    assert_int_equal(out.n, 7);
    assert_memory_equal(out.p, "-_8=-_8", 7);
    pb_buf_fini(&out);
    assert_true(vcx_b64_exactly(pbay_str("-_8="), two, 2));
    assert_memory_equal(two, "\xfb\xff", 2);
    assert_true(vcx_b64_exactly(pbay_str("-_8"), two, 2));
    assert_false(vcx_b64_exactly(pbay_str("-_"), two, 2));
    assert_false(vcx_b64_exactly(pbay_str("-w"), two, 2));
    assert_false(vcx_b64_exactly(pbay_str("-_-_"), two, 2));
    assert_false(vcx_b64_exactly(pbay_str(""), two, 2));
    assert_false(vcx_b64_exactly(pbay_str("\x8c\xa5t"), two, 2));
}

/* ---- JSON ---- */

static void refuse_json(struct pbay_str text, const char *words)
{
    char why[VCX_WHY] = "";
    json_t *json = vcx_json_read(text, "it", why);

    vcx_expect(words, !json, why, words);
    assert_int_equal(strncmp(why, "it: ", 4), 0);
}

static void test_json_refused(void **state)
{
    static const char *const rows[][2] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"{} {}", "not JSON"},
        {"{}x", "not JSON"},
        {"[1]", "expected an object"},
        {"1", "expected an object"},
        {"null", "expected an object"},
        {"{\"a\":1,\"a\":1}", "a key is there twice"},
        {"{\"a\":{\"b\":1,\"b\":2}}", "a key is there twice"},
        {"{\"a\":1,\"\\u0061\":1}", "a key is there twice"},
        {"{\"a\":\"\xff\"}", "not UTF-8"},
        {"{\"a\":\"\\u0000\"}", "a NUL"},
        {"{\"a\\u0000\":1}", "a NUL"},
        {"{\"a\":123456789012345678901}", "out of range"},
        {"{\"a\":\"evil\nline\"}", "not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        refuse_json(pbay_str(rows[i][0]), rows[i][1]);
}

/* A text with n times `piece` between begin and end; the caller frees. */
static struct pb_buf repeat(const char *begin, const char *piece, size_t n, const char *end)
{
    struct pb_buf b = {0};

    pb_buf_add(&b, begin, strlen(begin));
    for (size_t i = 0; i < n; i++)
        pb_buf_add(&b, piece, strlen(piece));
    pb_buf_add(&b, end, strlen(end));
    return b;
}

static void check_bound(struct pb_buf fits, struct pb_buf more, const char *words)
{
    char why[VCX_WHY];
    json_t *json = vcx_json_read(vcx_view(&fits), "it", why);

    assert_non_null(json);
    json_decref(json);
    refuse_json(vcx_view(&more), words);
    pb_buf_fini(&fits);
    pb_buf_fini(&more);
}

static void test_json_bounds(void **state)
{
    struct pb_buf deep = repeat("{\"a\":", "[", VCX_MAX_DEPTH - 1, ""),
                  deeper = repeat("{\"a\":", "[", VCX_MAX_DEPTH, "");

    (void)state;
    for (size_t i = 0; i < VCX_MAX_DEPTH - 1; i++)
        pb_buf_add(&deep, "]", 1);
    pb_buf_add(&deep, "}", 1);
    check_bound(deep, deeper, "deeper than 32"); /* without being parsed */
    check_bound(repeat("{\"a\":[1", ",1", VCX_MAX_VALUES - 3, "]}"),
                repeat("{\"a\":[1", ",1", VCX_MAX_VALUES - 2, "]}"), "more than 16384 values");
    check_bound(repeat("{\"a\":\"", "[", VCX_MAX_JSON - 8, "\"}"), repeat("{\"a\":\"", "[", VCX_MAX_JSON - 7, "\"}"),
                "more than 1048576 bytes");
    check_bound(repeat("{\"a\":\"", "\\\"[", VCX_MAX_VALUES + 1, "\"}"), repeat("{", "[", 40, ""),
                "deeper"); /* in a string */
}

static void test_json_members(void **state)
{
    char why[VCX_WHY];
    json_t *json = vcx_json_read(pbay_str("{\"s\":\"abc\",\"e\":\"\",\"n\":null,\"i\":1}"), "it", why);

    (void)state;
    assert_non_null(json);
    assert_true(pbay_str_eq(vcx_json_str(json, "s", 3, why), pbay_str("abc")));
    assert_null(vcx_json_str(json, "s", 2, why).p);
    assert_string_equal(why, "s: expected 1 to 2 bytes, found 3");
    assert_null(vcx_json_str(json, "e", 3, why).p);
    assert_string_equal(why, "e: expected 1 to 3 bytes, found 0");
    assert_null(vcx_json_str(json, "n", 3, why).p);
    assert_string_equal(why, "n is missing");
    assert_null(vcx_json_str(json, "x", 3, why).p);
    assert_string_equal(why, "x is missing");
    assert_null(vcx_json_str(json, "i", 3, why).p);
    assert_string_equal(why, "i is not a string");
    assert_null(vcx_json_str(NULL, "i", 3, why).p);
    assert_true(vcx_json_has(json, "i"));
    assert_false(vcx_json_has(json, "n"));
    json_decref(json);
}

static void test_types(void **state)
{
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {"https://didcomm.org/routing/1.0/forward", true},
        {"https://didcomm.org/routing/1.17/forward", true},
        {"did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/routing/1.0/forward", true},
        {"https://didcomm.org/routing/2.0/forward", false},
        {"https://didcomm.org/routing/11.0/forward", false},
        {"https://didcomm.org/routing/1./forward", false},
        {"https://didcomm.org/routing/1/forward", false},
        {"https://didcomm.org/routing/1.0/forwards", false},
        {"https://didcomm.org/routing/1.0/forward/", false},
        {"https://didcomm.org/routing/1.0", false},
        {"https://didcomm.org/routings/1.0/forward", false},
        {"http://didcomm.org/routing/1.0/forward", false},
        {"did:sov:AzCbsNYhMrjHiqZDTUASHg;spec/routing/1.0/forward", false},
        {"", false},
    };
    json_t *type;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        type = json_string(rows[i].type);
        if (vcx_json_is_type(type, "routing", 1, "forward") != rows[i].good)
            fail_msg("%s", rows[i].type);
        json_decref(type);
    }
    assert_false(vcx_json_is_type(NULL, "routing", 1, "forward"));
    assert_false(vcx_json_is_type(json_true(), "routing", 1, "forward"));
    type = json_string("https://didcomm.org/routing/1.0");
    assert_true(vcx_json_is_type(type, "routing", 1, NULL));
    json_decref(type);
    type = json_string("https://didcomm.org/routing/1.0/");
    assert_false(vcx_json_is_type(type, "routing", 1, NULL));
    json_decref(type);
}

/* ---- keys ---- */

static void check_key(const json_t *row)
{
    struct pb_buf pk = vcx_hex(vcx_text(row, "ed25519_pk_hex")), x = vcx_hex(vcx_text(row, "x25519_pk_hex"));
    char verkey[VCX_MAX_VERKEY], sov[VCX_MAX_SOV], did_key[VCX_MAX_DID_KEY];
    uint8_t key[VCX_KEY], point[VCX_KEY];

    vcx_verkey_text(pk.p, verkey);
    assert_string_equal(verkey, vcx_text(row, "verkey"));
    vcx_sov_text(pk.p, sov);
    assert_string_equal(sov, vcx_text(row, "did_sov"));
    assert_true(vcx_is_sov(pbay_str(sov)));
    vcx_did_key_text(VCX_ED25519, pk.p, did_key);
    assert_string_equal(did_key, vcx_text(row, "did_key"));
    assert_true(vcx_key_parse(pbay_str(verkey), key));
    assert_memory_equal(key, pk.p, VCX_KEY);
    assert_true(vcx_key_parse(pbay_str(did_key), key));
    assert_memory_equal(key, pk.p, VCX_KEY);
    assert_int_equal(crypto_sign_ed25519_pk_to_curve25519(point, pk.p), 0);
    assert_memory_equal(point, x.p, VCX_KEY);
    pb_buf_fini(&pk);
    pb_buf_fini(&x);
}

static void test_keys(void **state)
{
    json_t *keys = (json_t *)vcx_of(*state, "keys"), *row;
    const char *name;

    json_object_foreach(keys, name, row)
    {
        check_key(row);
    }
    vcx_ran("keys", json_object_size(keys));
}

#define ALICE "did:key:z6Mkut4ydh4ndqcnBYdxRa2tzkzCDTujUxvwB2pCmWpTrEx2"
#define BOB   "z6MkoT4dknR1ECbdiQZj8PsY32q9Z2xXv4rdPzVtqaPb1Fn4"

static void test_key_texts(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {ALICE, true},
        {ALICE "#z6Mkut4ydh4ndqcnBYdxRa2tzkzCDTujUxvwB2pCmWpTrEx2", true},
        {ALICE "#" BOB, false}, /* another key than the DID's */
        {ALICE "#", false},
        {ALICE "1", false},
        {"did:key:" BOB, true},
        {BOB, false}, /* a multikey is no key of a message */
        {"did:key:", false},
        {"did:key:6MkoT4dknR1ECbdiQZj8PsY32q9Z2xXv4rdPzVtqaPb1Fn4", false},
        {"did:key:#", false},
        {"did:kez:" BOB, false},
        {"DID:KEY:" BOB, false},
        {"9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg", true},
        {"9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62", false},
        {"19zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg", false},
        {"9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg ", false},
        {"HWNto2ZDob83JgtVs2FfUE", false},
        {"", false},
    };
    struct vcx_person alice = vcx_person(*state, "alice");
    char text[VCX_MAX_DID_KEY];
    enum vcx_curve curve;
    uint8_t key[VCX_KEY];

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (vcx_key_parse(pbay_str(rows[i].text), key) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
    }
    vcx_did_key_text(VCX_X25519, alice.key, text);
    assert_int_equal(strncmp(text, "did:key:z6LS", 12), 0);
    assert_false(vcx_key_parse(pbay_str(text), key)); /* not one to sign with */
    assert_true(vcx_did_key_parse(pbay_str(text), &curve, key));
    assert_int_equal(curve, VCX_X25519);
    assert_memory_equal(key, alice.key, VCX_KEY);
    assert_false(vcx_is_sov(pbay_str("9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg")));
    assert_false(vcx_multikey_parse(pbay_str("z6MkoT4dknR1ECbdiQZj8PsY32q9Z2xXv4rdPzVtqaPb1Fn"), &curve, key));
    assert_false(vcx_multikey_parse(pbay_str("zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"), &curve, key));
}

static void test_uuid(void **state)
{
    struct vcx_known known;
    char text[VCX_UUID], other[VCX_UUID];

    (void)state;
    vcx_known_init(&known, "00112233445566778899aabbccddeeff");
    vcx_uuid(&known.random, text);
    assert_string_equal(text, "00112233-4455-4677-8899-aabbccddeeff");
    vcx_known_fini(&known);
    vcx_known_init(&known, "ffffffffffffffffffffffffffffffff");
    vcx_uuid(&known.random, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    vcx_known_fini(&known);
    vcx_uuid(NULL, text);
    vcx_uuid(NULL, other);
    assert_string_not_equal(text, other);
}

/* ---- libvcx's own texts ---- */

static void check_signature(const char *verkey, const char *signed_text, const char *signature)
{
    struct pb_buf bytes = {0};
    uint8_t key[VCX_KEY];

    assert_true(vcx_verkey_parse(pbay_str(verkey), key));
    assert_true(vcx_b64_decode(&bytes, pbay_str(signature), VCX_B64_ANY));
    assert_int_equal(bytes.n, crypto_sign_BYTES);
    assert_int_equal(crypto_sign_verify_detached(bytes.p, (const uint8_t *)signed_text, strlen(signed_text), key), 0);
    pb_buf_fini(&bytes);
}

static void test_libvcx(void **state)
{
    const json_t *checks = vcx_of(*state, "seed_002_checks"),
                 *list = vcx_of(checks, "did_is_base58_of_first_16_bytes_of_verkey"), *row,
                 *id = vcx_of(checks, "connReqId"), *plain = vcx_of(vcx_of(*state, "verify"), "ed25519");
    struct pb_buf bytes = {0};
    size_t i, n = 2;

    json_array_foreach(list, i, row)
    {
        uint8_t key[VCX_KEY];
        char did[VCX_MAX_SOV];

        assert_true(vcx_verkey_parse(pbay_str(json_string_value(json_array_get(row, 1))), key));
        vcx_sov_text(key, did);
        assert_string_equal(did, json_string_value(json_array_get(row, 0)));
        n++;
    }
    json_array_foreach(vcx_of(checks, "agentKeyDlgProof"), i, row)
    {
        check_signature(vcx_text(row, "verkey"), vcx_text(row, "signed_text"), vcx_text(row, "signature_std_base64"));
        n++;
    }
    check_signature(vcx_text(vcx_of(vcx_of(*state, "keys"), vcx_text(plain, "signer")), "verkey"),
                    vcx_text(plain, "msg_utf8"), vcx_text(plain, "signature_b64"));
    assert_true(vcx_b64_decode(&bytes, vcx_str(id, "value"), VCX_B64_ANY));
    assert_true(pbay_str_eq(vcx_view(&bytes), pbay_str("c72a4")));
    pb_buf_fini(&bytes);
    vcx_ran("DIDs, proofs and ids of libvcx", n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b58),         cmocka_unit_test(test_b58_refused),  cmocka_unit_test(test_b58_bounds),
        cmocka_unit_test(test_b64),         cmocka_unit_test(test_b64_encode),   cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_json_bounds), cmocka_unit_test(test_json_members), cmocka_unit_test(test_types),
        cmocka_unit_test(test_keys),        cmocka_unit_test(test_key_texts),    cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_libvcx),
    };

    return cmocka_run_group_tests_name("vcx_base", tests, vcx_vectors_setup, vcx_vectors_teardown);
}
