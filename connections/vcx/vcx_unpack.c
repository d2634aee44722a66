/* Opening envelopes. Everything in one is a stranger's until its content has been authenticated. */
#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_pack.h"

#define AEAD(what) crypto_aead_chacha20poly1305_ietf_##what
#define MAX_HEADER (1 << 16) /* bytes of `protected`: room for VCX_MAX_RECIPIENTS */
#define BOXED_KEY  (crypto_box_MACBYTES + AEAD(KEYBYTES))
#define SEALED_KEY (crypto_box_SEALBYTES + AEAD(KEYBYTES))
#define MIN_SENDER 32 /* characters of a verkey */
#define MAX_SENDER (VCX_MAX_VERKEY - 1)
#define SEALED(n)  (crypto_box_SEALBYTES + (n))
#define MAX_KID    256 /* bytes: other libraries may have other names for keys that are not ours */
#define MAX_B64(n) (((size_t)(n) + 2) / 3 * 4)

_Static_assert(VCX_MAX_RECIPIENTS * 512 < MAX_HEADER, "what we pack we can open");

/* One opening. */
struct opening {
    const struct vcx_keys *keys;
    struct vcx_opened *opened;
    char *why;
    struct pbay_str aad;         /* `protected` as it came */
    const json_t *recipient;     /* of `recipients`, for one of our keys */
    const uint8_t *own;          /* that key's secret */
    uint8_t secret[VCX_KEY];     /* the same for X25519; wiped */
    uint8_t point[VCX_KEY];      /* and its public key */
    uint8_t key[AEAD(KEYBYTES)]; /* the content's; wiped */
};

/* A member that must be base64url of exactly n bytes. */
static bool get_bytes(struct opening *o, const json_t *object, const char *name, uint8_t *bytes, size_t n)
{
    struct pbay_str text = vcx_json_str(object, name, MAX_B64(n), o->why);

    return text.p &&
           (vcx_b64_exactly(text, bytes, n) || vcx_why(o->why, "%s: expected base64url of %zu bytes", name, n));
}

/* ---- the header ---- */

static bool check_word(struct opening *o, const json_t *header, const char *name, const char *const *words)
{
    struct pbay_str found = vcx_json_str(header, name, 64, o->why);

    if (!found.p)
        return false;
    for (; *words; words++) {
        if (pbay_str_eq(found, pbay_str(*words)))
            return true;
    }
    return vcx_why(o->why, "%s is not one that is known here", name);
}

static json_t *read_header(struct opening *o)
{
    static const char *const types[] = {"JWM/1.0", NULL};
    static const char *const ciphers[] = {"xchacha20poly1305_ietf", "chacha20poly1305_ietf", NULL};
    static const char *const algorithms[] = {"Authcrypt", "Anoncrypt", NULL};
    struct pb_buf text = {0};
    json_t *header = NULL;

    if (!vcx_b64_decode(&text, o->aad, VCX_B64_URL))
        vcx_why(o->why, "protected is not base64url");
    else
        header = vcx_json_read((struct pbay_str){(char *)text.p, text.n}, "protected", o->why);
    pb_buf_fini(&text);
    if (header && check_word(o, header, "typ", types) && check_word(o, header, "enc", ciphers) &&
        check_word(o, header, "alg", algorithms))
        return header;
    json_decref(header);
    return NULL;
}

/* The first recipient that is one of ours. Of the others only what is needed to see that they are not. */
static bool find_recipient(struct opening *o, const json_t *header)
{
    const json_t *all = json_object_get(header, "recipients"), *one;
    size_t n = json_array_size(all), i;

    if (n == 0 || n > VCX_MAX_RECIPIENTS) {
        vcx_why(o->why, "recipients: expected a list of 1 to %d", VCX_MAX_RECIPIENTS);
        return false;
    }
    json_array_foreach(all, i, one)
    {
        struct pbay_str kid = vcx_json_str(json_object_get(one, "header"), "kid", MAX_KID, o->why);

        if (!kid.p)
            return false;
        o->own =
            vcx_verkey_parse(kid, o->opened->recipient) ? o->keys->secret(o->keys->self, o->opened->recipient) : NULL;
        o->recipient = one;
        if (o->own)
            return true;
    }
    vcx_why(o->why, "none of its %zu recipients is a key of ours", n);
    return false;
}

/* ---- the content's key ---- */

static bool own_keys(struct opening *o)
{
    if (crypto_sign_ed25519_sk_to_curve25519(o->secret, o->own) != 0)
        return vcx_why(o->why, "our own key cannot be used");
    crypto_scalarmult_base(o->point, o->secret);
    return true;
}

static bool open_anonymous(struct opening *o)
{
    const json_t *header = json_object_get(o->recipient, "header");
    uint8_t sealed[SEALED_KEY];

    if (vcx_json_has(header, "sender") || vcx_json_has(header, "iv"))
        return vcx_why(o->why, "Anoncrypt with a sender");
    return get_bytes(o, o->recipient, "encrypted_key", sealed, sizeof sealed) &&
           (crypto_box_seal_open(o->key, sealed, sizeof sealed, o->point, o->secret) == 0 ||
            vcx_why(o->why, "encrypted_key cannot be opened"));
}

/* Who says to have packed it. */
static bool read_sender(struct opening *o, const json_t *header)
{
    struct pbay_str text = vcx_json_str(header, "sender", MAX_B64(SEALED(MAX_SENDER)), o->why);
    struct pb_buf sealed = {0};
    char sender[MAX_SENDER];
    bool good = false;

    if (!text.p)
        return false;
    if (!vcx_b64_decode(&sealed, text, VCX_B64_URL) || sealed.n < SEALED(MIN_SENDER) || sealed.n > SEALED(MAX_SENDER))
        vcx_why(o->why, "sender: expected base64url of a sealed verkey");
    else if (crypto_box_seal_open((uint8_t *)sender, sealed.p, sealed.n, o->point, o->secret) != 0)
        vcx_why(o->why, "sender cannot be opened");
    else if (!vcx_verkey_parse((struct pbay_str){sender, sealed.n - SEALED(0)}, o->opened->sender))
        vcx_why(o->why, "sender is not a verkey");
    else
        good = true;
    pb_buf_fini(&sealed);
    return good;
}

static bool open_authenticated(struct opening *o)
{
    const json_t *header = json_object_get(o->recipient, "header");
    uint8_t boxed[BOXED_KEY], nonce[crypto_box_NONCEBYTES], from[VCX_KEY];

    if (!vcx_json_has(header, "sender"))
        return vcx_why(o->why, "Authcrypt without a sender");
    if (!get_bytes(o, o->recipient, "encrypted_key", boxed, sizeof boxed) ||
        !get_bytes(o, header, "iv", nonce, sizeof nonce) || !read_sender(o, header))
        return false;
    if (crypto_sign_ed25519_pk_to_curve25519(from, o->opened->sender) != 0)
        return vcx_why(o->why, "the sender's key is no point of the curve that can be used");
    o->opened->has_sender = true;
    return crypto_box_open_easy(o->key, boxed, sizeof boxed, nonce, from, o->secret) == 0 ||
           vcx_why(o->why, "encrypted_key is not from the sender that is named");
}

/* ---- the content ---- */

static bool decrypt(struct opening *o, const json_t *envelope)
{
    const json_t *text = json_object_get(envelope, "ciphertext");
    uint8_t iv[AEAD(NPUBBYTES)], tag[AEAD(ABYTES)];
    struct pb_buf *m = &o->opened->message;

    if (!get_bytes(o, envelope, "iv", iv, sizeof iv) || !get_bytes(o, envelope, "tag", tag, sizeof tag))
        return false;
    if (!json_is_string(text))
        return vcx_why(o->why, "ciphertext is missing or not a string");
    pb_buf_grow(m, 1); /* not NULL, even for nothing */
    m->n = 0;
    if (!vcx_b64_decode(m, (struct pbay_str){json_string_value(text), json_string_length(text)}, VCX_B64_URL))
        return vcx_why(o->why, "ciphertext is not base64url");
    return AEAD(decrypt_detached)(m->p, NULL, m->p, m->n, tag, (const uint8_t *)o->aad.p, o->aad.n, iv, o->key) == 0 ||
           vcx_why(o->why, "the content is not what was packed");
}

static bool open_envelope(struct opening *o, const json_t *envelope)
{
    json_t *header = NULL;
    const char *algorithm;
    bool good = false;

    o->aad = vcx_json_str(envelope, "protected", MAX_HEADER, o->why);
    if (!o->aad.p)
        return false;
    header = read_header(o);
    if (!header || !find_recipient(o, header) || !own_keys(o))
        goto out;
    algorithm = json_string_value(json_object_get(header, "alg"));
    good = (strcmp(algorithm, "Authcrypt") == 0 ? open_authenticated(o) : open_anonymous(o)) && decrypt(o, envelope);
out:
    json_decref(header);
    return good;
}

bool vcx_unpack(struct pbay_str text, const struct vcx_keys *keys, struct vcx_opened *opened, char why[VCX_WHY])
{
    struct opening o = {.keys = keys, .opened = opened, .why = why};
    json_t *envelope;
    bool good;

    *opened = (struct vcx_opened){0};
    envelope = vcx_json_read(text, "envelope", why);
    good = envelope && open_envelope(&o, envelope);
    json_decref(envelope);
    sodium_memzero(&o, sizeof o);
    if (!good)
        vcx_opened_fini(opened);
    return good;
}

void vcx_opened_fini(struct vcx_opened *opened)
{
    if (opened->message.p)
        sodium_memzero(opened->message.p, opened->message.cap);
    pb_buf_fini(&opened->message);
    *opened = (struct vcx_opened){0};
}
