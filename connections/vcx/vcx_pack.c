/* Packing. All values of an envelope are base64 or base58, so that its JSON is put together by hand, always the same.
 */
#include "connections/vcx/vcx_pack.h"

#include <sodium.h>
#include <string.h>

#define AEAD(what) crypto_aead_chacha20poly1305_ietf_##what

struct content {
    uint8_t key[AEAD(KEYBYTES)]; /* wiped */
    uint8_t iv[AEAD(NPUBBYTES)];
    uint8_t tag[AEAD(ABYTES)];
    struct pb_buf sealed;
};

static void add(struct pb_buf *out, const char *text)
{
    pb_buf_add(out, text, strlen(text));
}

static void add_b64(struct pb_buf *out, const char *before, const void *bytes, size_t n)
{
    add(out, before);
    vcx_b64_encode(out, bytes, n, true);
}

/* ---- recipients ---- */

/* crypto_box_seal with random numbers of our choice. */
static bool seal(uint8_t *out, const void *bytes, size_t n, const uint8_t to[VCX_KEY], const struct vcx_random *random)
{
    uint8_t secret[crypto_box_SECRETKEYBYTES], nonce[crypto_box_NONCEBYTES];
    crypto_generichash_state hash;
    bool good;

    vcx_random_fill(random, secret, sizeof secret);
    crypto_scalarmult_base(out, secret);
    crypto_generichash_init(&hash, NULL, 0, sizeof nonce);
    crypto_generichash_update(&hash, out, crypto_box_PUBLICKEYBYTES);
    crypto_generichash_update(&hash, to, crypto_box_PUBLICKEYBYTES);
    crypto_generichash_final(&hash, nonce, sizeof nonce);
    good = crypto_box_easy(out + crypto_box_PUBLICKEYBYTES, bytes, n, nonce, to, secret) == 0;
    sodium_memzero(secret, sizeof secret);
    return good;
}

static bool add_anonymous(struct pb_buf *out, const struct vcx_packing *p, const uint8_t to[VCX_KEY],
                          const uint8_t *content_key)
{
    uint8_t sealed[crypto_box_SEALBYTES + AEAD(KEYBYTES)];

    if (!seal(sealed, content_key, AEAD(KEYBYTES), to, p->random))
        return false;
    add_b64(out, "{\"encrypted_key\":\"", sealed, sizeof sealed);
    return true;
}

/* The content's key in a box from the sender, and who that is in a seal. */
static bool add_authenticated(struct pb_buf *out, const struct vcx_packing *p, const uint8_t to[VCX_KEY],
                              const uint8_t *content_key, const char *kid)
{
    uint8_t nonce[crypto_box_NONCEBYTES], boxed[crypto_box_MACBYTES + AEAD(KEYBYTES)], secret[VCX_KEY];
    uint8_t sealed[crypto_box_SEALBYTES + VCX_MAX_VERKEY];
    char sender[VCX_MAX_VERKEY];
    bool good;

    vcx_verkey_text(p->sender + VCX_KEY, sender);
    vcx_random_fill(p->random, nonce, sizeof nonce);
    good = crypto_sign_ed25519_sk_to_curve25519(secret, p->sender) == 0 &&
           crypto_box_easy(boxed, content_key, AEAD(KEYBYTES), nonce, to, secret) == 0 &&
           seal(sealed, sender, strlen(sender), to, p->random);
    sodium_memzero(secret, sizeof secret);
    if (!good)
        return false;
    add_b64(out, "{\"encrypted_key\":\"", boxed, sizeof boxed);
    add(out, "\",\"header\":{\"kid\":\"");
    add(out, kid);
    add_b64(out, "\",\"iv\":\"", nonce, sizeof nonce);
    add_b64(out, "\",\"sender\":\"", sealed, crypto_box_SEALBYTES + strlen(sender));
    add(out, "\"}}");
    return true;
}

static bool add_recipient(struct pb_buf *out, const struct vcx_packing *p, const uint8_t key[VCX_KEY],
                          const uint8_t *content_key)
{
    char kid[VCX_MAX_VERKEY];
    uint8_t to[VCX_KEY];

    vcx_verkey_text(key, kid);
    if (crypto_sign_ed25519_pk_to_curve25519(to, key) != 0)
        return false;
    if (p->sender)
        return add_authenticated(out, p, to, content_key, kid);
    if (!add_anonymous(out, p, to, content_key))
        return false;
    add(out, "\",\"header\":{\"kid\":\"");
    add(out, kid);
    add(out, "\"}}");
    return true;
}

/* ---- the envelope ---- */

/* `protected`, in base64url. */
static bool add_header(struct pb_buf *out, const struct vcx_packing *p, const uint8_t *content_key, char why[VCX_WHY])
{
    struct pb_buf header = {0};
    bool good = true;

    add(&header, "{\"enc\":\"xchacha20poly1305_ietf\",\"typ\":\"JWM/1.0\",\"alg\":\"");
    add(&header, p->sender ? "Authcrypt" : "Anoncrypt");
    add(&header, "\",\"recipients\":[");
    for (size_t i = 0; good && i < p->recipient_n; i++) {
        if (i)
            add(&header, ",");
        good = add_recipient(&header, p, p->recipients[i], content_key);
        if (!good)
            vcx_why(why, "recipient %zu: its key is no point of the curve that can be encrypted to", i);
    }
    add(&header, "]}");
    vcx_b64_encode(out, header.p, header.n, true);
    pb_buf_fini(&header);
    return good;
}

static void encrypt(struct content *c, struct pbay_str message, const struct pb_buf *header)
{
    pb_buf_grow(&c->sealed, message.n + 1); /* not NULL, even for nothing */
    c->sealed.n = message.n;
    AEAD(encrypt_detached)
    (c->sealed.p, c->tag, NULL, (const uint8_t *)message.p, message.n, header->p, header->n, NULL, c->iv, c->key);
}

static void add_envelope(struct pb_buf *out, const struct pb_buf *header, const struct content *c)
{
    add(out, "{\"protected\":\"");
    pb_buf_add(out, header->p, header->n);
    add_b64(out, "\",\"iv\":\"", c->iv, sizeof c->iv);
    add_b64(out, "\",\"ciphertext\":\"", c->sealed.p, c->sealed.n);
    add_b64(out, "\",\"tag\":\"", c->tag, sizeof c->tag);
    add(out, "\"}");
}

bool vcx_pack(struct pb_buf *out, const struct vcx_packing *p, char why[VCX_WHY])
{
    struct pb_buf header = {0};
    size_t before = out->n;
    struct content c = {0};
    bool good = false;

    if (p->recipient_n == 0 || p->recipient_n > VCX_MAX_RECIPIENTS) {
        vcx_why(why, "expected 1 to %d recipients, found %zu", VCX_MAX_RECIPIENTS, p->recipient_n);
        goto out;
    }
    if (p->message.n > VCX_MAX_ENVELOPE) {
        vcx_why(why, "the message has more than %d bytes", VCX_MAX_ENVELOPE);
        goto out;
    }
    vcx_random_fill(p->random, c.key, sizeof c.key);
    if (!add_header(&header, p, c.key, why))
        goto out;
    vcx_random_fill(p->random, c.iv, sizeof c.iv);
    encrypt(&c, p->message, &header);
    add_envelope(out, &header, &c);
    good = out->n - before <= VCX_MAX_ENVELOPE || vcx_why(why, "the envelope has more than %d bytes", VCX_MAX_ENVELOPE);
    out->n = good ? out->n : before;
out:
    pb_buf_fini(&header);
    pb_buf_fini(&c.sealed);
    sodium_memzero(&c, sizeof c);
    return good;
}
