/* Attachments signed with a JWS. */
#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_sig.h"

#define MAX_PROTECTED 4096 /* characters of the protected header */
#define MAX_KID       128  /* bytes: a did:key with its fragment */
#define MAX_SIGNATURE 96   /* characters */

/* What the signature is over: the protected header as it came, a point, and the content in base64url unpadded. */
static void add_input(struct pb_buf *out, struct pbay_str header, const uint8_t *content, size_t n)
{
    pb_buf_add(out, header.p, header.n);
    pb_buf_add(out, ".", 1);
    vcx_b64_encode(out, content, n, false);
}

/* ---- writing ---- */

/* The protected header, in base64url. A `kid` outside of `jwk` would be refused by peers that take one key only. */
static void add_protected(struct pb_buf *out, const uint8_t key[VCX_KEY], const char *kid)
{
    static const char begin[] = "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"",
                      middle[] = "\",\"kid\":\"", end[] = "\"}}";
    struct pb_buf json = {0};

    pb_buf_add(&json, begin, sizeof begin - 1);
    vcx_b64_encode(&json, key, VCX_KEY, false);
    pb_buf_add(&json, middle, sizeof middle - 1);
    pb_buf_add(&json, kid, strlen(kid));
    pb_buf_add(&json, end, sizeof end - 1);
    vcx_b64_encode(out, json.p, json.n, false);
    pb_buf_fini(&json);
}

json_t *vcx_attach_make(const char *id, const char *mime, struct pbay_str content, const uint8_t *secret)
{
    struct pb_buf header = {0}, input = {0}, text = {0};
    uint8_t signature[crypto_sign_BYTES];
    char kid[VCX_MAX_DID_KEY];
    const char *payload;
    json_t *json;

    vcx_did_key_text(VCX_ED25519, secret + VCX_KEY, kid);
    add_protected(&header, secret + VCX_KEY, kid);
    add_input(&input, (struct pbay_str){(char *)header.p, header.n}, (const uint8_t *)content.p, content.n);
    crypto_sign_detached(signature, NULL, input.p, input.n, secret);
    vcx_b64_encode(&text, signature, sizeof signature, false);
    payload = (const char *)input.p + header.n + 1;
    json = json_pack("{s:s, s:s, s:{s:s%, s:{s:s%, s:s%, s:{s:s}}}}", "@id", id, "mime-type", mime, "data", "base64",
                     payload, input.n - header.n - 1, "jws", "protected", (char *)header.p, header.n, "signature",
                     (char *)text.p, text.n, "header", "kid", kid);
    pb_buf_fini(&header);
    pb_buf_fini(&input);
    pb_buf_fini(&text);
    return json;
}

/* ---- reading ---- */

/* Does what a header names as a did:key, if it names one, stand for the signer? */
static bool check_kid(const json_t *header, const uint8_t signer[VCX_KEY], unsigned *named, char *why)
{
    struct pbay_str kid;
    enum vcx_curve curve;
    uint8_t key[VCX_KEY];

    if (!vcx_json_has(header, "kid"))
        return true;
    kid = vcx_json_str(header, "kid", MAX_KID, why);
    if (!kid.p)
        return false;
    if (!vcx_did_key_parse(kid, &curve, key) || curve != VCX_ED25519)
        return vcx_why(why, "jws: kid is not a did:key of Ed25519");
    ++*named;
    return memcmp(key, signer, VCX_KEY) == 0 || vcx_why(why, "jws: kid is another key than the expected one");
}

static bool is_word(const json_t *object, const char *name, const char *word)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found && strcmp(found, word) == 0;
}

static bool check_jwk(const json_t *jwk, const uint8_t signer[VCX_KEY], unsigned *named, char *why)
{
    struct pbay_str x;
    uint8_t key[VCX_KEY];

    if (!jwk)
        return true;
    if (!is_word(jwk, "kty", "OKP") || !is_word(jwk, "crv", "Ed25519"))
        return vcx_why(why, "jws: jwk is not of Ed25519");
    x = vcx_json_str(jwk, "x", VCX_MAX_VERKEY, why);
    if (!x.p)
        return false;
    if (!vcx_b64_exactly(x, key, sizeof key))
        return vcx_why(why, "jws: jwk.x: expected base64url of %d bytes", VCX_KEY);
    ++*named;
    return (memcmp(key, signer, VCX_KEY) == 0 || vcx_why(why, "jws: jwk is another key than the expected one")) &&
           check_kid(jwk, signer, named, why);
}

/* All that names a key, in both headers. */
static bool check_headers(const json_t *header, const json_t *open, const uint8_t signer[VCX_KEY], char *why)
{
    unsigned named = 0;

    if (!is_word(header, "alg", "EdDSA"))
        return vcx_why(why, "jws: alg is not EdDSA");
    if (json_object_get(header, "crit") || json_object_get(header, "b64"))
        return vcx_why(why, "jws: an extension that is not known here");
    return check_jwk(json_object_get(header, "jwk"), signer, &named, why) && check_kid(header, signer, &named, why) &&
           check_kid(open, signer, &named, why) && (named > 0 || vcx_why(why, "jws: no key is named"));
}

static json_t *read_protected(struct pbay_str text, char *why)
{
    struct pb_buf bytes = {0};
    json_t *header = NULL;

    if (vcx_b64_decode(&bytes, text, VCX_B64_URL))
        header = vcx_json_read((struct pbay_str){(char *)bytes.p, bytes.n}, "jws: protected", why);
    else
        vcx_why(why, "jws: protected is not base64url");
    pb_buf_fini(&bytes);
    return header;
}

static bool check_jws(const json_t *jws, const uint8_t *content, size_t n, const uint8_t signer[VCX_KEY], char *why)
{
    struct pbay_str text = vcx_json_str(jws, "protected", MAX_PROTECTED, why), signed_by;
    json_t *header = text.p ? read_protected(text, why) : NULL;
    uint8_t signature[crypto_sign_BYTES];
    struct pb_buf input = {0};
    bool good = false;

    if (!header || !check_headers(header, json_object_get(jws, "header"), signer, why))
        goto out;
    signed_by = vcx_json_str(jws, "signature", MAX_SIGNATURE, why);
    if (!signed_by.p)
        goto out;
    add_input(&input, text, content, n);
    if (!vcx_b64_exactly(signed_by, signature, sizeof signature))
        vcx_why(why, "jws: signature: expected base64url of %d bytes", crypto_sign_BYTES);
    else if (crypto_sign_verify_detached(signature, input.p, input.n, signer) != 0)
        vcx_why(why, "jws: the signature is not the signer's");
    else
        good = true;
out:
    pb_buf_fini(&input);
    json_decref(header);
    return good;
}

bool vcx_attach_read(struct pb_buf *out, const json_t *attachment, const uint8_t signer[VCX_KEY], char why[VCX_WHY])
{
    const json_t *data = json_object_get(attachment, "data"), *jws = json_object_get(data, "jws");
    struct pbay_str text = vcx_json_str(data, "base64", VCX_MAX_JSON, why);
    size_t before = out->n;

    if (!text.p)
        return false;
    if (!json_is_object(jws))
        return vcx_why(why, "jws is missing");
    if (!vcx_b64_decode(out, text, VCX_B64_ANY))
        return vcx_why(why, "the attachment is not base64");
    if (check_jws(jws, out->p + before, out->n - before, signer, why))
        return true;
    out->n = before;
    return false;
}
