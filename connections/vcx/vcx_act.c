#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "connections/vcx/vcx_proc.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static enum vcx_error no(enum vcx_error code, char *why, const char *text)
{
    (void)vcx_why(why, "%s", text);
    return code;
}

/* ---- what a command says ---- */

void vcx_act_id(const struct vcx_proc *s, const struct vcx_command *c, char id[VCX_UUID])
{
    struct pbay_str text = pbay_message_str(&c->asked, "connection_id");

    memset(id, 0, VCX_UUID);
    if (text.n == VCX_UUID - 1)
        memcpy(id, text.p, text.n);
    if (vcx_relay_is(s, id))
        id[0] = 0;
}

/* An optional text, or one that must be there; the caller frees it. NULL = it is not there. */
static char *text_of(const struct vcx_command *c, const char *name)
{
    return pbay_message_has(&c->asked, name) ? pb_strndup(pbay_message_str(&c->asked, name)) : NULL;
}

static bool flag_of(const struct vcx_command *c, const char *name)
{
    struct pbay_value value = {.i = 0};

    return pbay_message_value(&c->asked, name, &value) && value.i;
}

/* The connection; NULL = there is none, or not any more. */
static const struct vcx_conn *find(const struct vcx_proc *s, const struct vcx_command *c, char id[VCX_UUID])
{
    vcx_act_id(s, c, id);
    return vcx_core_find(s->core, id);
}

enum vcx_error vcx_act_create_options(const struct vcx_command *c, struct vcx_create *how, char *why)
{
    static const struct {
        const char *text;
        enum vcx_protocol wish;
    } rows[] = {{"auto", VCX_AUTO}, {"connections", VCX_CONNECTIONS}, {"didexchange", VCX_DIDEXCHANGE}};
    struct pbay_str text = pbay_message_str(&c->asked, "handshake");

    *how = (struct vcx_create){.source_id = pbay_message_str(&c->asked, "source_id"),
                               .ephemeral = flag_of(c, "ephemeral")};
    for (size_t i = 0; text.n && i < COUNT(rows); i++) {
        if (pbay_str_eq(text, pbay_str(rows[i].text))) {
            how->wish = rows[i].wish;
            return VCX_OK;
        }
    }
    return text.n ? no(VCX_E_OPTION, why, "handshake: expected auto, connections or didexchange") : VCX_OK;
}

/* ---- replies; whatever is in them is UTF-8 ---- */

static enum vcx_error say_state(struct vcx_proc *s, const char *id, enum vcx_state state, struct pbay_message *reply)
{
    (void)pbay_vcx_connection_state_init(reply, s->protocols, pbay_str(id), (int32_t)state);
    return VCX_OK;
}

enum vcx_error vcx_act_created(struct vcx_proc *s, const char *id, struct pbay_message *reply)
{
    const struct vcx_conn *conn = vcx_core_find(s->core, id);
    char did[VCX_MAX_SOV], verkey[VCX_MAX_VERKEY];

    vcx_sov_text(conn->own, did);
    vcx_verkey_text(conn->own, verkey);
    (void)pbay_vcx_connection_created_init(reply, s->protocols, pbay_str(id), (int32_t)conn->state, pbay_str(did),
                                           pbay_str(verkey));
    return VCX_OK;
}

static enum vcx_error say_sent(struct vcx_proc *s, const char *id, const char *uid, struct pbay_message *reply)
{
    (void)pbay_vcx_connection_sent_init(reply, s->protocols, pbay_str(id), pbay_str(uid));
    return VCX_OK;
}

/* `json` is given away. */
static enum vcx_error say_details(struct vcx_proc *s, json_t *json, struct pbay_message *reply, char *why)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    if (!text)
        return no(VCX_E_UNKNOWN, why, "out of memory");
    (void)pbay_vcx_connection_details_init(reply, s->protocols, pbay_str(text));
    free(text);
    return VCX_OK;
}

/* ---- making one ---- */

static enum vcx_error create(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    struct vcx_create how;
    enum vcx_error code = vcx_act_create_options(c, &how, why);

    if (!code)
        code = vcx_core_create(s->core, &how, id, why);
    return code ? code : vcx_act_created(s, id, reply);
}

static enum vcx_error deserialize(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    enum vcx_error code = vcx_core_deserialize(s->core, pbay_message_str(&c->asked, "json"), id, why);

    return code ? code : vcx_act_created(s, id, reply);
}

/* ---- looking ---- */

static enum vcx_error get_state(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    const struct vcx_conn *conn = find(s, c, id);

    return conn ? say_state(s, id, conn->state, reply) : no(VCX_E_HANDLE, why, "there is no connection with this id");
}

/* When the mediator has been asked for what it has. */
static enum vcx_error update_state(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];

    if (find(s, c, id) && !c->until && vcx_relay_poll(s, &c->rounds)) {
        c->until = vcx_relay_deadline();
        c->waits = VCX_WAITS_POLL;
        return VCX_OK;
    }
    if (c->until && !vcx_relay_has_polled(s, c->rounds))
        return no(VCX_E_POST, why, "the mediator does not answer");
    return get_state(s, c, reply, why);
}

/* libvcx's map of short names is not one for these invitations: abbreviated or not, they are the same. */
static enum vcx_error invite_details(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    json_t *json = NULL;
    enum vcx_error code;

    vcx_act_id(s, c, id);
    code = vcx_core_invite(s->core, id, &json, why);
    return code ? code : say_details(s, json, reply, why);
}

static enum vcx_error info(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    json_t *json = NULL;
    enum vcx_error code;

    vcx_act_id(s, c, id);
    code = vcx_core_info(s->core, id, &json, why);
    return code ? code : say_details(s, json, reply, why);
}

static json_t *row_of(const struct vcx_conn *c)
{
    static const char *const handshakes[] = {
        [VCX_AUTO] = "", [VCX_CONNECTIONS] = "connections", [VCX_DIDEXCHANGE] = "didexchange"};

    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "connection_id", c->id, "source_id", c->source_id, "state",
                     (int)c->state, "role", c->role == VCX_INVITER ? "inviter" : "invitee", "their_label",
                     c->their_label, "their_did", c->their_did, "handshake", handshakes[c->handshake]);
}

static enum vcx_error list_connections(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    const struct vcx_conn *conn = NULL;
    json_t *list = json_array();

    (void)c;
    while ((conn = vcx_core_next(s->core, conn))) {
        if (!vcx_relay_is(s, conn->id))
            json_array_append_new(list, row_of(conn));
    }
    return say_details(s, list, reply, why);
}

static enum vcx_error serialize(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    struct pb_buf text = {0}, link = {0};
    char id[VCX_UUID];
    const struct vcx_conn *conn = find(s, c, id);
    bool has_link = conn && conn->state == VCX_OFFERED && vcx_link_find(s, id, conn->invitation_id, &link);
    enum vcx_error code;

    pb_buf_add(&link, "", 1);
    code = vcx_core_serialize(s->core, id, s->endpoint, has_link ? (char *)link.p : NULL, &text, why);
    if (!code)
        (void)pbay_vcx_connection_serialized_init(reply, s->protocols, (struct pbay_str){(char *)text.p, text.n});
    pb_buf_fini(&text);
    pb_buf_fini(&link);
    return code;
}

/* ---- signatures ---- */

static enum vcx_error sign(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    uint8_t signature[VCX_SIGNATURE];
    char id[VCX_UUID];
    enum vcx_error code;

    vcx_act_id(s, c, id);
    code = vcx_core_sign(s->core, id, pbay_message_str(&c->asked, "data"), signature, why);
    if (!code)
        (void)pbay_vcx_connection_signed_init(reply, s->protocols,
                                              (struct pbay_str){(const char *)signature, sizeof signature});
    return code;
}

static enum vcx_error verify(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    struct pbay_str signature = pbay_message_str(&c->asked, "signature");
    char id[VCX_UUID];
    enum vcx_error code;
    bool good = false;

    vcx_act_id(s, c, id);
    if (signature.n != VCX_SIGNATURE)
        return no(VCX_E_OPTION, why, "signature: expected 64 bytes");
    code = vcx_core_verify(s->core, id, pbay_message_str(&c->asked, "data"), (const uint8_t *)signature.p, &good, why);
    if (!code)
        (void)pbay_vcx_connection_verified_init(reply, s->protocols, good);
    return code;
}

/* ---- talking ---- */

static enum vcx_error begin_talk(struct vcx_proc *s, const struct vcx_command *c, char id[VCX_UUID], char *why)
{
    vcx_act_id(s, c, id);
    return vcx_send_has_room(s, id) ? VCX_OK : no(VCX_E_NOT_READY, why, "too many messages wait for the peer");
}

static enum vcx_error send_message(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID], uid[VCX_MAX_ID + 1], *thid = text_of(c, "ref_msg_id");
    enum vcx_error code = begin_talk(s, c, id, why);

    if (!code && thid && strlen(thid) > VCX_MAX_ID)
        code = no(VCX_E_OPTION, why, "ref_msg_id is too long");
    if (!code)
        code = vcx_core_send(s->core, id, pbay_message_str(&c->asked, "content"), thid, vcx_wall(), uid, why);
    free(thid);
    return code ? code : say_sent(s, id, uid, reply);
}

static enum vcx_error send_ping(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID], uid[VCX_MAX_ID + 1], *comment = text_of(c, "comment");
    enum vcx_error code = begin_talk(s, c, id, why);

    if (!code)
        code = vcx_core_ping(s->core, id, comment, uid, why);
    free(comment);
    return code ? code : say_sent(s, id, uid, reply);
}

static enum vcx_error send_query(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID], uid[VCX_MAX_ID + 1], *query = text_of(c, "query"), *comment = text_of(c, "comment");
    enum vcx_error code = begin_talk(s, c, id, why);

    if (!code)
        code = vcx_core_query(s->core, id, query, comment, uid, why);
    free(query);
    free(comment);
    return code ? code : say_sent(s, id, uid, reply);
}

/* ---- ending ---- */

static enum vcx_error act_revoke(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    enum vcx_error code;

    vcx_act_id(s, c, id);
    code = vcx_core_revoke(s->core, id, why);
    return code ? code : say_state(s, id, VCX_REVOKED, reply);
}

/* What an ephemeral connection leaves behind is nobody's. */
static void forget(struct vcx_proc *s, const char *id, bool ephemeral, bool also_sent)
{
    vcx_store_forget(s->db, id);
    if (ephemeral || also_sent)
        vcx_send_forget(s, id);
    if (ephemeral)
        vcx_event_forget(s, id);
    if (ephemeral || also_sent)
        vcx_link_orphan(s, id);
}

/* What is on its way to the peer still goes, and the key stays for deserialize; but an ephemeral one is gone. */
static enum vcx_error release(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    char id[VCX_UUID];
    const struct vcx_conn *conn = find(s, c, id);
    enum vcx_state state = conn ? conn->state : VCX_NONE;
    bool ephemeral = conn && conn->ephemeral;
    enum vcx_error code;

    if (ephemeral)
        vcx_drop_later(s, conn->own);
    else if (conn)
        vcx_relay_forget(s, conn->own);
    code = vcx_core_release(s->core, id, why);
    if (code)
        return code;
    forget(s, id, ephemeral, false);
    return say_state(s, id, state, reply);
}

static enum vcx_error delete (struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why) {
    char id[VCX_UUID]; const struct vcx_conn *conn = find(s, c, id); bool ephemeral = conn && conn->ephemeral;
    enum vcx_error code;
    uint8_t own[VCX_KEY] = {0};

    if (conn) memcpy(own, conn->own, sizeof own);
    code = vcx_core_delete(s->core, id, why);
    if (code) return code;
    forget(s, id, ephemeral, true);
    vcx_drop_later(s, own);
    return say_state(s, id, VCX_NONE, reply);
}

/* ---- the table ---- */

static const struct vcx_act_row rows[] = {
    {"create", create, true},
    {"create_with_invite", vcx_create_with_invite, true},
    {"connect", vcx_connect, true},
    {"update_state", update_state, false},
    {"get_state", get_state, false},
    {"invite_details", invite_details, false},
    {"info", info, false},
    {"list_connections", list_connections, false},
    {"serialize", serialize, false},
    {"deserialize", deserialize, true},
    {"send_message", send_message, true},
    {"send_ping", send_ping, true},
    {"send_discovery_features", send_query, true},
    {"sign", sign, false},
    {"verify", verify, false},
    {"revoke", act_revoke, true},
    {"release", release, true},
    {"delete", delete, true},
};

const struct vcx_act_row *vcx_act_find(const char *performative)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].performative, performative) == 0)
            return &rows[i];
    }
    return NULL;
}
