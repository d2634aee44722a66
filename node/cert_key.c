#include "node/cert_key.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/keccak.h"

#define DIGEST_SIZE   32
#define MAX_SIGNATURE 65
#define ETHEREUM_PREFIX \
    "\x19"              \
    "Ethereum Signed Message:\n"
#define FIRST_V 27 /* Ethereum's number for recovery id 0 */

_Static_assert(DIGEST_SIZE == PB_KECCAK_SIZE && DIGEST_SIZE == crypto_hash_sha256_BYTES, "one size for all");
_Static_assert(PB_SECRET_SIZE == crypto_sign_SEEDBYTES, "one size for all");

/* ---- texts ---- */

static bool put_hex(char *text, size_t size, const char *prefix, const uint8_t *bytes, size_t n)
{
    size_t before = strlen(prefix);

    if (before + 2 * n >= size)
        return false;
    memcpy(text, prefix, before); /* NOLINT(bugprone-not-null-terminated-result): what follows is */
    return sodium_bin2hex(text + before, size - before, bytes, n) != NULL;
}

/* Exactly n bytes, with or without 0x. */
static bool get_hex(struct pbay_str text, uint8_t *bytes, size_t n)
{
    size_t found = 0;

    if (text.n >= 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'X'))
        text = (struct pbay_str){text.p + 2, text.n - 2};
    return text.n == 2 * n && sodium_hex2bin(bytes, n, text.p, text.n, NULL, &found, NULL) == 0 && found == n;
}

/* ---- secp256k1 ---- */

/* A context without precomputed tables is cheap; the random numbers protect the secret from being measured and change
 * no signature. */
static secp256k1_context *new_context(void)
{
    /* NOLINTNEXTLINE(misc-redundant-expression): the flags are its business */
    secp256k1_context *c = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    uint8_t seed[32];

    if (!c)
        return NULL;
    randombytes_buf(seed, sizeof seed);
    if (!secp256k1_context_randomize(c, seed)) {
        secp256k1_context_destroy(c);
        c = NULL;
    }
    sodium_memzero(seed, sizeof seed);
    return c;
}

static size_t public_point(const uint8_t *secret, unsigned flags, uint8_t out[65])
{
    secp256k1_context *c = new_context();
    secp256k1_pubkey point;
    size_t n = 65;
    bool good =
        c && secp256k1_ec_pubkey_create(c, &point, secret) && secp256k1_ec_pubkey_serialize(c, out, &n, &point, flags);

    if (c)
        secp256k1_context_destroy(c);
    return good ? n : 0;
}

/* ---- ethereum ---- */

static void ethereum_digest(struct pbay_str message, uint8_t digest[DIGEST_SIZE])
{
    struct pb_buf b = {0};
    char length[24];

    snprintf(length, sizeof length, "%zu", message.n);
    pb_buf_add(&b, ETHEREUM_PREFIX, sizeof ETHEREUM_PREFIX - 1);
    pb_buf_add(&b, length, strlen(length));
    pb_buf_add(&b, message.p, message.n);
    pb_keccak256(b.p, b.n, digest);
    pb_buf_fini(&b);
}

static bool ethereum_public(const uint8_t *secret, char *text)
{
    uint8_t point[65]; /* 04, x, y */

    return public_point(secret, SECP256K1_EC_UNCOMPRESSED, point) == sizeof point &&
           put_hex(text, PB_MAX_KEY_TEXT, "0x", point + 1, sizeof point - 1);
}

static bool ethereum_sign(const uint8_t *secret, struct pbay_str message, char *text)
{
    secp256k1_context *c = new_context();
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t digest[DIGEST_SIZE], bytes[65];
    int id = 0;
    bool good;

    ethereum_digest(message, digest);
    good = c && secp256k1_ecdsa_sign_recoverable(c, &signature, digest, secret, NULL, NULL) &&
           secp256k1_ecdsa_recoverable_signature_serialize_compact(c, bytes, &id, &signature);
    if (c)
        secp256k1_context_destroy(c);
    bytes[64] = (uint8_t)(id + FIRST_V);
    return good && put_hex(text, PB_MAX_SIGNATURE_TEXT, "0x", bytes, sizeof bytes);
}

static bool ethereum_decode(const char *text, uint8_t bytes[MAX_SIGNATURE])
{
    return get_hex(pbay_str(text), bytes, 65) && (bytes[64] == FIRST_V || bytes[64] == FIRST_V + 1);
}

/* By recovery, as those will do to whom the certificate is shown: they do not have the key. */
static bool ethereum_verify(const char *public_key, struct pbay_str message, const uint8_t *bytes)
{
    secp256k1_context *c = new_context();
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey point;
    uint8_t digest[DIGEST_SIZE], expected[64], found[65];
    size_t n = sizeof found;
    bool good;

    ethereum_digest(message, digest);
    good = c && get_hex(pbay_str(public_key), expected, sizeof expected) &&
           secp256k1_ecdsa_recoverable_signature_parse_compact(c, &signature, bytes, bytes[64] - FIRST_V) &&
           secp256k1_ecdsa_recover(c, &point, &signature, digest) &&
           secp256k1_ec_pubkey_serialize(c, found, &n, &point, SECP256K1_EC_UNCOMPRESSED) &&
           memcmp(found + 1, expected, sizeof expected) == 0;
    if (c)
        secp256k1_context_destroy(c);
    return good;
}

/* ---- cosmos ---- */

static bool cosmos_public(const uint8_t *secret, char *text)
{
    uint8_t point[65];
    size_t n = public_point(secret, SECP256K1_EC_COMPRESSED, point);

    return n == 33 && put_hex(text, PB_MAX_KEY_TEXT, "", point, n);
}

static void cosmos_digest(struct pbay_str message, uint8_t digest[DIGEST_SIZE])
{
    crypto_hash_sha256(digest, (const uint8_t *)message.p, message.n);
}

static bool cosmos_sign(const uint8_t *secret, struct pbay_str message, char *text)
{
    secp256k1_context *c = new_context();
    secp256k1_ecdsa_signature signature;
    uint8_t digest[DIGEST_SIZE], bytes[64];
    bool good;

    cosmos_digest(message, digest);
    good = c && secp256k1_ecdsa_sign(c, &signature, digest, secret, NULL, NULL) &&
           secp256k1_ecdsa_signature_serialize_compact(c, bytes, &signature);
    if (c)
        secp256k1_context_destroy(c);
    return good &&
           sodium_bin2base64(text, PB_MAX_SIGNATURE_TEXT, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL) != NULL;
}

static bool cosmos_decode(const char *text, uint8_t bytes[MAX_SIGNATURE])
{
    size_t n = 0;

    return sodium_base642bin(bytes, MAX_SIGNATURE, text, strlen(text), NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == 64;
}

static bool cosmos_verify(const char *public_key, struct pbay_str message, const uint8_t *bytes)
{
    secp256k1_context *c = new_context();
    secp256k1_ecdsa_signature signature;
    secp256k1_pubkey point;
    uint8_t digest[DIGEST_SIZE], key[33];
    bool good;

    cosmos_digest(message, digest);
    good = c && get_hex(pbay_str(public_key), key, sizeof key) &&
           secp256k1_ec_pubkey_parse(c, &point, key, sizeof key) &&
           secp256k1_ecdsa_signature_parse_compact(c, &signature, bytes) &&
           secp256k1_ecdsa_verify(c, &signature, digest, &point);
    if (c)
        secp256k1_context_destroy(c);
    return good;
}

/* ---- ed25519 ---- */

static bool ed25519_public(const uint8_t *secret, char *text)
{
    uint8_t point[crypto_sign_PUBLICKEYBYTES], expanded[crypto_sign_SECRETKEYBYTES];
    bool good = crypto_sign_seed_keypair(point, expanded, secret) == 0;

    sodium_memzero(expanded, sizeof expanded);
    return good && put_hex(text, PB_MAX_KEY_TEXT, "0x", point, sizeof point);
}

static bool ed25519_sign(const uint8_t *secret, struct pbay_str message, char *text)
{
    uint8_t point[crypto_sign_PUBLICKEYBYTES], expanded[crypto_sign_SECRETKEYBYTES], bytes[crypto_sign_BYTES];
    bool good = crypto_sign_seed_keypair(point, expanded, secret) == 0 &&
                crypto_sign_detached(bytes, NULL, (const uint8_t *)message.p, message.n, expanded) == 0;

    sodium_memzero(expanded, sizeof expanded);
    return good && put_hex(text, PB_MAX_SIGNATURE_TEXT, "0x", bytes, sizeof bytes);
}

static bool ed25519_decode(const char *text, uint8_t bytes[MAX_SIGNATURE])
{
    return get_hex(pbay_str(text), bytes, crypto_sign_BYTES);
}

static bool ed25519_verify(const char *public_key, struct pbay_str message, const uint8_t *bytes)
{
    uint8_t point[crypto_sign_PUBLICKEYBYTES];

    return get_hex(pbay_str(public_key), point, sizeof point) &&
           crypto_sign_verify_detached(bytes, (const uint8_t *)message.p, message.n, point) == 0;
}

/* ---- all of them ---- */

static const struct scheme {
    bool (*public_of)(const uint8_t *secret, char *text); /* also says whether the secret is one */
    bool (*sign)(const uint8_t *secret, struct pbay_str message, char *text);
    bool (*decode)(const char *text, uint8_t bytes[MAX_SIGNATURE]);
    bool (*verify)(const char *public_key, struct pbay_str message, const uint8_t *bytes);
} schemes[PB_SCHEME_COUNT] = {
    [PB_SCHEME_ETHEREUM] = {ethereum_public, ethereum_sign, ethereum_decode, ethereum_verify},
    [PB_SCHEME_COSMOS] = {cosmos_public, cosmos_sign, cosmos_decode, cosmos_verify},
    [PB_SCHEME_ED25519] = {ed25519_public, ed25519_sign, ed25519_decode, ed25519_verify},
};

static bool is_ready(void)
{
    return sodium_init() >= 0;
}

bool pb_key_parse(struct pb_key *key, enum pb_scheme scheme, struct pbay_str text)
{
    while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
        text.n--;
    *key = (struct pb_key){.scheme = scheme};
    if (is_ready() && get_hex(text, key->secret, sizeof key->secret) &&
        schemes[scheme].public_of(key->secret, key->public_key))
        return true;
    pb_key_fini(key);
    return false;
}

void pb_key_fini(struct pb_key *key)
{
    sodium_memzero(key, sizeof *key);
}

bool pb_key_sign(const struct pb_key *key, struct pbay_str message, char signature[PB_MAX_SIGNATURE_TEXT])
{
    return is_ready() && schemes[key->scheme].sign(key->secret, message, signature);
}

bool pb_key_verify(enum pb_scheme scheme, const char *public_key, struct pbay_str message, const char *signature)
{
    uint8_t bytes[MAX_SIGNATURE];

    return is_ready() && schemes[scheme].decode(signature, bytes) && schemes[scheme].verify(public_key, message, bytes);
}

bool pb_key_is_signature(enum pb_scheme scheme, const char *text)
{
    uint8_t bytes[MAX_SIGNATURE];

    return is_ready() && schemes[scheme].decode(text, bytes);
}
