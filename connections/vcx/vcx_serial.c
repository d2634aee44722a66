#include "connections/vcx/vcx_serial.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "connections/vcx/vcx_details.h"
#include "connections/vcx/vcx_key.h"

#define MAX_TEXT  4096
#define MAX_STATE 7

/* Members of `data`: libvcx's, in its order. */
static const struct member {
    const char *name;
    enum { TEXT, TEXT_OR_NULL, STATE, DETAILS } kind;
} members[] = {
    {"source_id", TEXT},
    {"pw_did", TEXT},
    {"pw_verkey", TEXT},
    {"state", STATE},
    {"uuid", TEXT},
    {"endpoint", TEXT},
    {"invite_detail", DETAILS},
    {"invite_url", TEXT_OR_NULL},
    {"agent_did", TEXT},
    {"agent_vk", TEXT},
    {"their_pw_did", TEXT},
    {"their_pw_verkey", TEXT},
    {"public_did", TEXT_OR_NULL},
    {"their_public_did", TEXT_OR_NULL},
};

#define COUNT (sizeof members / sizeof *members)

static enum vcx_error refuse(enum vcx_error code, char why[VCX_WHY], const char *what, const char *expected)
{
    vcx_why(why, "%s: expected %s", what, expected);
    return code;
}

static enum vcx_error check_member(const json_t *data, const struct member *m, char why[VCX_WHY])
{
    const json_t *value = json_object_get(data, m->name);
    bool null = json_is_null(value);

    switch (m->kind) {
    case TEXT:
        return json_is_string(value) && json_string_length(value) <= MAX_TEXT
                   ? VCX_OK
                   : refuse(VCX_E_SERIALIZE, why, m->name, "a string");
    case TEXT_OR_NULL:
        return null || (json_is_string(value) && json_string_length(value) <= MAX_TEXT)
                   ? VCX_OK
                   : refuse(VCX_E_SERIALIZE, why, m->name, "a string or null");
    case DETAILS:
        return null || json_is_object(value) ? VCX_OK : refuse(VCX_E_SERIALIZE, why, m->name, "an object or null");
    case STATE:
        return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= MAX_STATE
                   ? VCX_OK
                   : refuse(VCX_E_STATE, why, m->name, "0 to 7");
    }
    return VCX_E_UNKNOWN;
}

static struct pbay_str text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return pbay_str(text);
}

/* Both empty, or the DID is the beginning of the verkey. */
static enum vcx_error check_pair(const json_t *object, const char *did_name, const char *key_name, bool may_be_empty,
                                 char why[VCX_WHY])
{
    struct pbay_str did = text_of(object, did_name), verkey = text_of(object, key_name);
    char expected[VCX_MAX_SOV];
    uint8_t key[VCX_KEY];

    if (may_be_empty && !did.n && !verkey.n)
        return VCX_OK;
    if (!vcx_verkey_parse(verkey, key))
        return refuse(VCX_E_VERKEY, why, key_name, "base58 of 32 bytes");
    vcx_sov_text(key, expected);
    return pbay_str_eq(did, pbay_str(expected)) ? VCX_OK
                                                : refuse(VCX_E_DID, why, did_name, "the DID of the verkey beside it");
}

/* Plain base64 of agentDID and agentDelegatedKey, one behind the other, signed with the sender's verkey. */
static bool is_delegated(const json_t *proof, const uint8_t signer[VCX_KEY])
{
    struct pbay_str did = text_of(proof, "agentDID"), key = text_of(proof, "agentDelegatedKey");
    struct pb_buf signature = {0}, text = {0};
    bool good;

    pb_buf_add(&text, did.p, did.n);
    pb_buf_add(&text, key.p, key.n);
    good = vcx_b64_decode(&signature, text_of(proof, "signature"), VCX_B64_ANY) && signature.n == crypto_sign_BYTES &&
           crypto_sign_verify_detached(signature.p, text.p, text.n, signer) == 0;
    pb_buf_fini(&signature);
    pb_buf_fini(&text);
    return good;
}

static enum vcx_error check_details(const json_t *details, char why[VCX_WHY])
{
    json_t *full = vcx_details_expand(details);
    const json_t *sender = json_object_get(full, "senderDetail"), *agency = json_object_get(full, "senderAgencyDetail");
    const json_t *proof = json_object_get(sender, "agentKeyDlgProof");
    enum vcx_error err = VCX_OK;
    uint8_t key[VCX_KEY];

    if (!json_is_object(sender) || !json_is_object(agency))
        err = refuse(VCX_E_SERIALIZE, why, "invite_detail", "senderDetail and senderAgencyDetail");
    if (!err)
        err = check_pair(sender, "DID", "verKey", false, why);
    if (!err)
        err = check_pair(agency, "DID", "verKey", false, why);
    if (!err && vcx_json_has(sender, "agentKeyDlgProof"))
        err = check_pair(proof, "agentDID", "agentDelegatedKey", false, why);
    if (!err && vcx_json_has(sender, "agentKeyDlgProof") &&
        !(vcx_verkey_parse(text_of(sender, "verKey"), key) && is_delegated(proof, key)))
        err = refuse(VCX_E_SERIALIZE, why, "agentKeyDlgProof", "a signature by the sender's verkey");
    json_decref(full);
    return err;
}

static enum vcx_error check(const json_t *root, char why[VCX_WHY])
{
    const json_t *data = json_object_get(root, "data"), *details;
    enum vcx_error err = VCX_OK;

    if (!pbay_str_eq(text_of(root, "version"), pbay_str("1.0")) || !json_is_object(data))
        return refuse(VCX_E_SERIALIZE, why, "version, data", "\"1.0\" and an object");
    for (size_t i = 0; i < COUNT && !err; i++)
        err = check_member(data, &members[i], why);
    if (!err)
        err = check_pair(data, "pw_did", "pw_verkey", false, why);
    if (!err)
        err = check_pair(data, "agent_did", "agent_vk", true, why);
    if (!err)
        err = check_pair(data, "their_pw_did", "their_pw_verkey", true, why);
    details = json_object_get(data, "invite_detail");
    if (!err && json_is_object(details))
        err = check_details(details, why);
    return err;
}

json_t *vcx_serial_read(struct pbay_str text, enum vcx_error *code, char why[VCX_WHY])
{
    json_t *root = vcx_json_read(text, "the connection", why);

    *code = root ? check(root, why) : VCX_E_JSON;
    if (*code) {
        json_decref(root);
        return NULL;
    }
    return root;
}

bool vcx_serial_write(struct pb_buf *out, const json_t *connection)
{
    const json_t *data = json_object_get(connection, "data");
    json_t *ordered = json_object(), *value, *root;
    const char *name;
    bool good;

    for (size_t i = 0; i < COUNT; i++)
        json_object_set(ordered, members[i].name, json_object_get(data, members[i].name));
    json_object_foreach((json_t *)(uintptr_t)data, name, value) json_object_set(ordered, name, value);
    root = json_pack("{s:O, s:o}", "version", json_object_get(connection, "version"), "data", ordered);
    good = root && vcx_json_write(out, root);
    json_decref(root);
    return good;
}
