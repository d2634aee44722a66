/* Keys, signatures and what is signed: the primitives against published vectors, dates and the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "node/cert_key.h"
#include "node/keccak.h"

#define KEY_ONE "0000000000000000000000000000000000000000000000000000000000000001"

/* ---- Keccak ---- */

static void assert_hex(const uint8_t *bytes, size_t n, const char *expected)
{
    char text[160];

    assert_true(2 * n < sizeof text);
    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, expected);
}

static void test_keccak(void **state)
{
    /* The last lie around the 136 bytes that go in at once: so many letters a. */
    static const struct {
        const char *text;
        size_t n;
        const char *digest;
    } rows[] = {
        {"", 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", 3, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {NULL, 135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"},
        {NULL, 136, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"},
        {NULL, 137, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39"},
        {NULL, 300, "5b7e0e47a96f32a88b4f14ca177982790807c40e1a105742ba0fc1babe1ef826"},
    };
    uint8_t digest[PB_KECCAK_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char data[512];

        memset(data, 'a', sizeof data);
        if (rows[i].text)
            memcpy(data, rows[i].text, rows[i].n);
        pb_keccak256(data, rows[i].n, digest);
        assert_hex(digest, sizeof digest, rows[i].digest);
    }
}

/* ---- signatures ---- */

static const struct vector {
    enum pb_scheme scheme;
    const char *secret, *public_key, *message, *signature;
} vectors[] = {
    /* web3.js, web3.eth.accounts.sign */
    {PB_SCHEME_ETHEREUM, "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318\n",
     "0x4e3b81af9c2234cad09d679ce6035ed1392347ce64ce405f5dcd36228a25de6e47fd35c4215d1edf53e6f83de344615ce719bdb0fd878f6"
     "ed76f06dd277956de",
     "Some data",
     "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18"
     "a"
     "5f5d4300f8e1a0291c"},
    /* Well-known vectors of RFC 6979 on secp256k1 with SHA-256 */
    {PB_SCHEME_COSMOS, KEY_ONE, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
     "Satoshi Nakamoto", "k0seoQpLPBdX4rDAF9C2FDzjyafmpKSYYNemqyEO49gkQs6dK5FgZBCAFHg+kj7Da0l0Pi/6HESW8BpRKq/Z5Q=="},
    {PB_SCHEME_COSMOS, KEY_ONE, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
     "All those moments will be lost in time, like tears in rain. Time to die...",
     "hgDb1B40j+XJRlq5LSPj24uYuHO+7Nkwc2SIaWQ4y2tUf+ZEJ0ltszv2YBnay/ADnAQZmrsBIpGGAds4pyz8IQ=="},
    /* RFC 8032, 7.1, tests 1 and 2 */
    {PB_SCHEME_ED25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2"
     "4"
     "655141438e7a100b"},
    {PB_SCHEME_ED25519, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\r\n",
     "0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r",
     "0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302ae"
     "e"
     "b00d291612bb0c00"},
};

#define N_VECTORS (sizeof vectors / sizeof *vectors)

static void test_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        const struct vector *v = &vectors[i];
        char signature[PB_MAX_SIGNATURE_TEXT];
        struct pb_key key;

        assert_true(pb_key_parse(&key, v->scheme, pbay_str(v->secret)));
        assert_string_equal(key.public_key, v->public_key);
        assert_true(pb_key_sign(&key, pbay_str(v->message), signature));
        assert_string_equal(signature, v->signature);
        pb_key_fini(&key);
        assert_memory_equal(key.secret, (uint8_t[PB_SECRET_SIZE]){0}, PB_SECRET_SIZE);
    }
}

static void test_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        const struct vector *v = &vectors[i];
        char changed[PB_MAX_SIGNATURE_TEXT];

        assert_true(pb_key_verify(v->scheme, v->public_key, pbay_str(v->message), v->signature));
        assert_true(pb_key_is_signature(v->scheme, v->signature));
        assert_false(pb_key_verify(v->scheme, v->public_key, pbay_str("another"), v->signature));
        strcpy(changed, v->signature);
        changed[10] = changed[10] == '1' ? '2' : '1';
        assert_false(pb_key_verify(v->scheme, v->public_key, pbay_str(v->message), changed));
        for (size_t j = 0; j < N_VECTORS; j++) {
            if (strcmp(vectors[j].public_key, v->public_key) != 0)
                assert_false(pb_key_verify(v->scheme, vectors[j].public_key, pbay_str(v->message), v->signature));
        }
    }
}

/* Texts that are no keys and no signatures. */
static void test_malformed(void **state)
{
    static const char *const keys[] = {
        "",
        "0x",
        "1",
        KEY_ONE "0",
        "g000000000000000000000000000000000000000000000000000000000000001",
        "  " KEY_ONE,
        KEY_ONE " " KEY_ONE,
        /* not on the curve of secp256k1: 0, and its order */
        "0000000000000000000000000000000000000000000000000000000000000000",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    };
    static const char *const signatures[] = {"", "0x", "0x00", "AAAA", "=", "not a signature"};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct pb_key key;

        assert_false(pb_key_parse(&key, PB_SCHEME_ETHEREUM, pbay_str(keys[i])));
        assert_false(pb_key_parse(&key, PB_SCHEME_COSMOS, pbay_str(keys[i])));
    }
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        for (enum pb_scheme s = 0; s < PB_SCHEME_COUNT; s++) {
            assert_false(pb_key_is_signature(s, signatures[i]));
            assert_false(pb_key_verify(s, vectors[0].public_key, pbay_str("Some data"), signatures[i]));
        }
    }
    /* v of Ethereum is 27 or 28, and a key has its length */
    assert_false(pb_key_verify(PB_SCHEME_ETHEREUM, "0x12", pbay_str("Some data"), vectors[0].signature));
    for (int v = 0; v < 256; v++) {
        char text[PB_MAX_SIGNATURE_TEXT];

        snprintf(text, sizeof text, "%.130s%02x", vectors[0].signature, (unsigned)v);
        assert_int_equal(pb_key_is_signature(PB_SCHEME_ETHEREUM, text), v == 27 || v == 28);
        assert_int_equal(pb_key_verify(PB_SCHEME_ETHEREUM, vectors[0].public_key, pbay_str("Some data"), text),
                         v == 28);
    }
}

/* ---- dates, formats, messages ---- */

static void test_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {
        {"1970-01-01", 0},
        {"2024-01-01", 1704067200},
        {"2024-02-29", 1709164800},
        {"2000-03-01", 951868800},
        {"1969-12-31T23:59:59", -1},
        {"0001-01-01", -62135596800},
        {"9999-12-31", 253402214400},
        {"2024-01-01T00:00", 1704067200},
        {"2024-01-01 12:34:56", 1704112496},
        {"2024-01-01T12:34:56Z", 1704112496},
        {"2024-01-01T12:34:56+01:30", 1704107096},
        {"2024-01-01T12:34-05:00", 1704130440},
    };
    static const char *const bad[] = {
        "",
        "2024",
        "2024-1-1",
        "2024-13-01",
        "2024-00-01",
        "2024-01-32",
        "2024-01-00",
        "2023-02-29",
        "1900-02-29",
        "0000-01-01",
        "2024-01-01T",
        "2024-01-01T24:00",
        "2024-01-01T12",
        "2024-01-01T12:60",
        "2024-01-01T12:00:60",
        "2024-01-01T12:00:00.000",
        "2024-01-01T12:00+1",
        "2024-01-01T12:00Zx",
        "2024-01-01x",
        " 2024-01-01",
        "2024-01-01T12:00:00+01:00:00",
        "01.01.2024",
    };
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!pb_cert_date(good[i].text, &seconds) || seconds != good[i].seconds)
            fail_msg("%s gave %lld", good[i].text, (long long)seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (pb_cert_date(bad[i], &seconds))
            fail_msg("%s was taken as a date", bad[i]);
    }
}

static void test_messages(void **state)
{
    /* NULL = refused */
    static const struct {
        const char *format, *message;
    } rows[] = {
        {"{public_key}", "0xAB12"},
        {"", ""},
        {"fixed", "fixed"},
        {"{identifier}.{not_before}.{not_after}.{public_key}.{identifier}", "acn.2024-01-01.2025-01-01.0xAB12.acn"},
        {"{{public_key}}", "{public_key}"},
        {"{{{public_key}}}", "{0xAB12}"},
        {"a{{b}}c\n", "a{b}c\n"},
        {"{}", NULL},
        {"{0}", NULL},
        {"{", NULL},
        {"}", NULL},
        {"{public_key", NULL},
        {"public_key}", NULL},
        {"{ledger_id}", NULL},
        {"{Public_key}", NULL},
        {"{public_key!r}", NULL},
        {"{public_key:>80}", NULL},
        {"{ public_key}", NULL},
        {"{{public_key}", NULL},
        {"{public_key}}", NULL},
        {"caf\xC3\xA9 {public_key}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_cert_request request = {.identifier = "acn", .not_before = "2024-01-01", .not_after = "2025-01-01"};
        struct pb_buf message = {0};

        if (pb_cert_format_ok(rows[i].format) != (rows[i].message != NULL))
            fail_msg("%s", rows[i].format);
        if (!rows[i].message)
            continue;
        request.message_format = rows[i].format;
        pb_cert_message(&request, "0xAB12", &message);
        assert_int_equal(message.n, strlen(rows[i].message));
        if (message.n)
            assert_memory_equal(message.p, rows[i].message, message.n);
        pb_buf_fini(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keccak),    cmocka_unit_test(test_sign),  cmocka_unit_test(test_verify),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_dates), cmocka_unit_test(test_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
