/* Connections as libvcx serializes them. Its members say what they can of a connection that is not libvcx's own; what
 * the core needs besides is what it stores too, in a member "patchbay" of `data`. */
#include <string.h>

#include "connections/vcx/vcx_core_int.h"
#include "connections/vcx/vcx_serial.h"

#define OURS "patchbay"

static enum vcx_error no(enum vcx_error code, char *why, const char *text)
{
    (void)vcx_why(why, "%s", text);
    return code;
}

/* Verkey and the unqualified DID of it; both empty for NULL. */
static bool set_pair(json_t *data, const char *did_name, const char *key_name, const uint8_t *key)
{
    char did[VCX_MAX_SOV] = "", verkey[VCX_MAX_VERKEY] = "";

    if (key) {
        vcx_sov_text(key, did);
        vcx_verkey_text(key, verkey);
    }
    return json_object_set_new(data, did_name, json_string(did)) == 0 &&
           json_object_set_new(data, key_name, json_string(verkey)) == 0;
}

/* null before connect. */
static json_t *url_of(const struct vcx_conn *c, const char *base)
{
    struct pb_buf url = {0};
    json_t *text =
        c->invitation && vcx_invite_url(&url, base, c->invitation) ? json_stringn((char *)url.p, url.n) : json_null();

    pb_buf_fini(&url);
    return text;
}

static json_t *data_of(const struct vcx_conn *c, const char *base)
{
    const uint8_t *peer = c->theirs.recipient_n && c->their_did[0] ? c->theirs.recipients[0] : NULL;
    json_t *data =
        json_pack("{s:s, s:i, s:s, s:s, s:n, s:o, s:s, s:s, s:n, s:n, s:o}", "source_id", c->source_id, "state",
                  (int)c->state, "uuid", c->id, "endpoint", "", "invite_detail", "invite_url", url_of(c, base),
                  "agent_did", "", "agent_vk", "", "public_did", "their_public_did", OURS, vcx_conn_save(c));

    if (data && set_pair(data, "pw_did", "pw_verkey", c->own) &&
        set_pair(data, "their_pw_did", "their_pw_verkey", peer))
        return data;
    json_decref(data);
    return NULL;
}

enum vcx_error vcx_core_serialize(const struct vcx_core *core, const char *id, const char *base, const char *link,
                                  struct pb_buf *out, char why[VCX_WHY])
{
    const struct vcx_conn *c = core_find(core, id);
    json_t *data, *whole;
    bool good;

    if (!c)
        return no(VCX_E_HANDLE, why, "there is no connection with this id");
    data = data_of(c, base);
    if (data && link)
        json_object_set_new(data, "invite_url", json_string(link));
    whole = json_pack("{s:s, s:o}", "version", "1.0", "data", data);
    good = whole && vcx_serial_write(out, whole);
    json_decref(whole);
    return good ? VCX_OK : no(VCX_E_SERIALIZE, why, "out of memory");
}

/* What libvcx's members say must be what ours say: somebody may look at those only. */
static bool agrees(const struct vcx_conn *c, const json_t *data)
{
    json_t *expected = data_of(c, "");
    const char *name;
    json_t *value;
    bool good = expected != NULL;

    json_object_foreach(expected, name, value)
    {
        if (strcmp(name, OURS) != 0 && strcmp(name, "invite_url") != 0)
            good &= json_equal(value, json_object_get(data, name)) == 1;
    }
    json_decref(expected);
    return good;
}

static enum vcx_error load(struct vcx_core *core, const json_t *data, char id[VCX_UUID], char *why)
{
    struct vcx_conn *conn = pb_alloc(sizeof *conn);
    bool read = vcx_conn_load(conn, json_object_get(data, OURS), why);

    if (read && !agrees(conn, data))
        read = vcx_why(why, "what only we know does not belong to the rest");
    if (!read) {
        core_free(conn);
        return VCX_E_SERIALIZE;
    }
    memcpy(id, conn->id, VCX_UUID);
    conn->dirty = true;
    return core_add(core, &conn, why);
}

/* Of libvcx's own protocol: whose key is not here is told that first, as libvcx did. */
static enum vcx_error refuse_foreign(const struct vcx_core *core, const json_t *data, char *why)
{
    const char *verkey = json_string_value(json_object_get(data, "pw_verkey"));
    uint8_t key[VCX_KEY];

    if (!verkey || !vcx_verkey_parse(pbay_str(verkey), key) || !core->conf.keys.secret(core->conf.keys.self, key))
        return no(VCX_E_WALLET, why, "the connection's private key is not in the wallet");
    return no(VCX_E_ACTION, why, "a connection of libvcx's own protocol needs its agency");
}

enum vcx_error vcx_core_deserialize(struct vcx_core *core, struct pbay_str text, char id[VCX_UUID], char why[VCX_WHY])
{
    enum vcx_error code;
    json_t *whole = vcx_serial_read(text, &code, why);
    const json_t *data = json_object_get(whole, "data");

    if (!whole)
        return code;
    code = json_is_object(json_object_get(data, OURS)) ? load(core, data, id, why) : refuse_foreign(core, data, why);
    json_decref(whole);
    return code;
}
