#include "connections/vcx/vcx_key.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DID_KEY "did:key:"
#define CODEC   2 /* bytes of a multicodec prefix */

_Static_assert(VCX_KEY == crypto_sign_PUBLICKEYBYTES, "size of a verkey");
_Static_assert(VCX_KEY == crypto_box_PUBLICKEYBYTES, "size of an X25519 key");
_Static_assert(VCX_KEY == crypto_sign_SEEDBYTES, "size of a seed");
_Static_assert(VCX_SECRET == crypto_sign_SECRETKEYBYTES, "size of a secret");

static const uint8_t codecs[][CODEC] = {[VCX_ED25519] = {0xed, 0x01}, [VCX_X25519] = {0xec, 0x01}};

bool vcx_init(void)
{
    return sodium_init() >= 0;
}

/* ---- random numbers ---- */

void vcx_random_fill(const struct vcx_random *random, void *bytes, size_t n)
{
    if (random)
        random->fill(random->self, bytes, n);
    else
        randombytes_buf(bytes, n);
}

void vcx_uuid(const struct vcx_random *random, char text[VCX_UUID])
{
    static const size_t groups[] = {4, 2, 2, 2, 6}; /* bytes */
    uint8_t bytes[16], *from = bytes;
    char *to = text;

    vcx_random_fill(random, bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        sodium_bin2hex(to, 2 * groups[i] + 1, from, groups[i]);
        from += groups[i];
        to += 2 * groups[i];
        *to++ = '-';
    }
    to[-1] = 0;
}

/* ---- base58 of a few bytes ---- */

static void put(const void *bytes, size_t n, char *text, size_t size)
{
    struct pb_buf b = {0};
    bool fits = vcx_b58_encode(&b, bytes, n) && b.n < size;

    assert(fits);
    memcpy(text, b.p, b.n);
    text[b.n] = 0;
    pb_buf_fini(&b);
}

static bool get(struct pbay_str text, void *bytes, size_t n)
{
    struct pb_buf b = {0};
    bool good = text.n <= VCX_MAX_MULTIKEY && vcx_b58_decode(&b, text) && b.n == n;

    if (good)
        memcpy(bytes, b.p, n);
    pb_buf_fini(&b);
    return good;
}

static bool take(struct pbay_str *text, const char *prefix)
{
    size_t n = strlen(prefix);

    if (text->n < n || memcmp(text->p, prefix, n) != 0)
        return false;
    *text = (struct pbay_str){text->p + n, text->n - n};
    return true;
}

/* ---- texts ---- */

void vcx_verkey_text(const uint8_t key[VCX_KEY], char text[VCX_MAX_VERKEY])
{
    put(key, VCX_KEY, text, VCX_MAX_VERKEY);
}

bool vcx_verkey_parse(struct pbay_str text, uint8_t key[VCX_KEY])
{
    return get(text, key, VCX_KEY);
}

void vcx_sov_text(const uint8_t key[VCX_KEY], char text[VCX_MAX_SOV])
{
    put(key, VCX_DID, text, VCX_MAX_SOV);
}

bool vcx_is_sov(struct pbay_str text)
{
    uint8_t did[VCX_DID];

    return get(text, did, sizeof did);
}

void vcx_multikey_text(enum vcx_curve curve, const uint8_t key[VCX_KEY], char text[VCX_MAX_MULTIKEY])
{
    uint8_t bytes[CODEC + VCX_KEY];

    memcpy(bytes, codecs[curve], CODEC);
    memcpy(bytes + CODEC, key, VCX_KEY);
    text[0] = 'z';
    put(bytes, sizeof bytes, text + 1, VCX_MAX_MULTIKEY - 1);
}

bool vcx_multikey_parse(struct pbay_str text, enum vcx_curve *curve, uint8_t key[VCX_KEY])
{
    uint8_t bytes[CODEC + VCX_KEY];

    if (!take(&text, "z") || !get(text, bytes, sizeof bytes))
        return false;
    *curve = memcmp(bytes, codecs[VCX_X25519], CODEC) == 0 ? VCX_X25519 : VCX_ED25519;
    memcpy(key, bytes + CODEC, VCX_KEY);
    return memcmp(bytes, codecs[*curve], CODEC) == 0;
}

void vcx_did_key_text(enum vcx_curve curve, const uint8_t key[VCX_KEY], char text[VCX_MAX_DID_KEY])
{
    memcpy(text, DID_KEY, sizeof DID_KEY);
    vcx_multikey_text(curve, key, text + sizeof DID_KEY - 1);
}

bool vcx_did_key_parse(struct pbay_str text, enum vcx_curve *curve, uint8_t key[VCX_KEY])
{
    struct pbay_str fragment = {0};
    const char *mark;

    if (!take(&text, DID_KEY) || !text.n)
        return false;
    mark = memchr(text.p, '#', text.n);
    if (mark) {
        fragment = (struct pbay_str){mark + 1, text.n - (size_t)(mark + 1 - text.p)};
        text.n = (size_t)(mark - text.p);
    }
    return (!mark || pbay_str_eq(text, fragment)) && vcx_multikey_parse(text, curve, key);
}

bool vcx_key_parse(struct pbay_str text, uint8_t key[VCX_KEY])
{
    enum vcx_curve curve;

    return vcx_verkey_parse(text, key) || (vcx_did_key_parse(text, &curve, key) && curve == VCX_ED25519);
}
