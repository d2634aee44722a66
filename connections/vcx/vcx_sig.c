#include "connections/vcx/vcx_sig.h"

#include <sodium.h>
#include <string.h>

#define TYPE          "https://didcomm.org/signature/1.0/ed25519Sha512_single"
#define STAMP         8                   /* bytes of the time */
#define FIRST_TIME    INT64_C(946684800)  /* 2000 */
#define LAST_TIME     INT64_C(7258118400) /* 2200; so many milliseconds are long before FIRST_TIME */
#define MAX_SIGNATURE 96                  /* characters */
#define MAX_DATA      (VCX_MAX_JSON / 2)  /* characters of sig_data */

_Static_assert(FIRST_TIME * 1000 > LAST_TIME, "seconds and milliseconds can be told apart");

/* ---- the time ---- */

static void put_time(struct pb_buf *out, int64_t seconds)
{
    uint8_t bytes[STAMP];

    for (int i = 0; i < STAMP; i++)
        bytes[i] = (uint8_t)((uint64_t)seconds >> (8 * (STAMP - 1 - i)));
    pb_buf_add(out, bytes, sizeof bytes);
}

static bool get_time(const uint8_t bytes[STAMP], int64_t *seconds)
{
    uint64_t found = 0;

    for (int i = 0; i < STAMP; i++)
        found = found << 8 | bytes[i];
    if (found > (uint64_t)LAST_TIME)
        found /= 1000;
    *seconds = (int64_t)found;
    return found >= (uint64_t)FIRST_TIME && found <= (uint64_t)LAST_TIME;
}

/* ---- writing ---- */

/* NUL-ended. */
static void add_b64(struct pb_buf *out, const void *bytes, size_t n)
{
    vcx_b64_encode(out, bytes, n, true);
    pb_buf_add(out, "", 1);
}

json_t *vcx_sig_make(const json_t *value, int64_t seconds, const uint8_t *secret)
{
    struct pb_buf bytes = {0}, data = {0}, text = {0};
    uint8_t signature[crypto_sign_BYTES];
    char signer[VCX_MAX_VERKEY];
    json_t *decorator = NULL;

    put_time(&bytes, seconds);
    if (value && vcx_json_write(&bytes, value)) {
        crypto_sign_detached(signature, NULL, bytes.p, bytes.n, secret);
        vcx_verkey_text(secret + VCX_KEY, signer);
        add_b64(&data, bytes.p, bytes.n);
        add_b64(&text, signature, sizeof signature);
        decorator = json_pack("{s:s, s:s, s:s, s:s}", "@type", TYPE, "signer", signer, "sig_data", (char *)data.p,
                              "signature", (char *)text.p);
    }
    pb_buf_fini(&bytes);
    pb_buf_fini(&data);
    pb_buf_fini(&text);
    return decorator;
}

/* ---- reading ---- */

static bool check_signer(const json_t *decorator, const uint8_t signer[VCX_KEY], char *why)
{
    struct pbay_str named;
    uint8_t key[VCX_KEY];

    if (!vcx_json_is_type(json_object_get(decorator, "@type"), "signature", 1, "ed25519Sha512_single"))
        return vcx_why(why, "signature: a type that is not known here");
    named = vcx_json_str(decorator, "signer", VCX_MAX_VERKEY + VCX_MAX_DID_KEY * 2, why);
    if (!named.p)
        return false;
    if (!vcx_key_parse(named, key))
        return vcx_why(why, "signer is not an Ed25519 key");
    return memcmp(key, signer, VCX_KEY) == 0 || vcx_why(why, "signer is another key than the expected one");
}

static bool check_signature(const json_t *decorator, const uint8_t signer[VCX_KEY], const struct pb_buf *data,
                            char *why)
{
    struct pbay_str text = vcx_json_str(decorator, "signature", MAX_SIGNATURE, why);
    uint8_t signature[crypto_sign_BYTES];

    if (!text.p)
        return false;
    if (!vcx_b64_exactly(text, signature, sizeof signature))
        return vcx_why(why, "signature: expected base64url of %d bytes", crypto_sign_BYTES);
    return crypto_sign_verify_detached(signature, data->p, data->n, signer) == 0 ||
           vcx_why(why, "the signature is not the signer's");
}

json_t *vcx_sig_read(const json_t *decorator, const uint8_t signer[VCX_KEY], int64_t *seconds, char why[VCX_WHY])
{
    struct pb_buf data = {0};
    struct pbay_str text;
    json_t *value = NULL;

    if (!check_signer(decorator, signer, why))
        goto out;
    text = vcx_json_str(decorator, "sig_data", MAX_DATA, why);
    if (!text.p)
        goto out;
    if (!vcx_b64_decode(&data, text, VCX_B64_URL) || data.n < STAMP)
        vcx_why(why, "sig_data: expected base64url of a time and JSON");
    else if (check_signature(decorator, signer, &data, why)) {
        if (!get_time(data.p, seconds))
            vcx_why(why, "sig_data: a time far away, in seconds and in milliseconds");
        else
            value = vcx_json_read((struct pbay_str){(char *)data.p + STAMP, data.n - STAMP}, "sig_data", why);
    }
out:
    pb_buf_fini(&data);
    return value;
}
