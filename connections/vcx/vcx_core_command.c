/* What the agent asks of its connections. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "connections/vcx/vcx_core_int.h"
#include "schema/utf8.h"

_Static_assert(VCX_SIGNATURE == crypto_sign_BYTES, "signatures are Ed25519's");

static enum vcx_error no(enum vcx_error code, char *why, const char *text)
{
    (void)vcx_why(why, "%s", text);
    return code;
}

/* The connection of a command that acts, and room for what comes of it. */
static enum vcx_error begin(struct vcx_core *core, const char *id, struct vcx_conn **conn, char *why)
{
    *conn = core_find(core, id);
    if (!*conn)
        return no(VCX_E_HANDLE, why, "there is no connection with this id");
    return core_has_room(core) ? VCX_OK : no(VCX_E_NOT_READY, why, "actions are to be taken first");
}

static enum vcx_error look(const struct vcx_core *core, const char *id, const struct vcx_conn **conn, char *why)
{
    *conn = core_find(core, id);
    return *conn ? VCX_OK : no(VCX_E_HANDLE, why, "there is no connection with this id");
}

static enum vcx_error begin_accepted(struct vcx_core *core, const char *id, struct vcx_conn **conn, char *why)
{
    enum vcx_error code = begin(core, id, conn, why);

    if (code || (*conn)->state == VCX_ACCEPTED)
        return code;
    return no(VCX_E_NOT_READY, why, "the connection is not accepted, or not any more");
}

/* ---- making one ---- */

static enum vcx_error check_create(const struct vcx_core *core, struct pbay_str source_id, char *why)
{
    if (source_id.n > VCX_MAX_SOURCE || !pb_is_utf8(source_id) || (source_id.n && memchr(source_id.p, 0, source_id.n)))
        return no(VCX_E_OPTION, why, "source_id is too long, or not UTF-8");
    return core_has_room(core) ? VCX_OK : no(VCX_E_NOT_READY, why, "actions are to be taken first");
}

static enum vcx_error make(struct vcx_core *core, const struct vcx_create *how, struct vcx_conn *draft,
                           enum vcx_state state, char id[VCX_UUID], char *why)
{
    struct vcx_conn *conn;
    enum vcx_error code;

    draft->wish = how->wish;
    draft->ephemeral = how->ephemeral;
    if (how->source_id.n)
        memcpy(draft->source_id, how->source_id.p, how->source_id.n);
    code = core_make(core, draft, &conn, why);
    if (code)
        return code;
    if (conn->role == VCX_INVITER)
        memcpy(conn->inviter, conn->own, VCX_KEY);
    memcpy(id, conn->id, VCX_UUID);
    core_move(core, conn, state, "created");
    return VCX_OK;
}

enum vcx_error vcx_core_create(struct vcx_core *core, const struct vcx_create *how, char id[VCX_UUID],
                               char why[VCX_WHY])
{
    struct vcx_conn draft = {.role = VCX_INVITER, .multi_use = how->multi_use};
    enum vcx_error code = check_create(core, how->source_id, why);

    assert(!how->queued);
    return code ? code : make(core, how, &draft, VCX_INITIALIZED, id, why);
}

static enum vcx_error read_inviter(const struct vcx_invite *invite, enum vcx_protocol wish, struct vcx_conn *draft,
                                   char *why)
{
    if (invite->kind == VCX_INVITE_DETAILS)
        return no(VCX_E_ACTION, why, "invite details of libvcx's own protocol need its agency");
    if (wish == VCX_CONNECTIONS ? !invite->connections : wish == VCX_DIDEXCHANGE && !invite->didexchange)
        return no(VCX_E_ACTION, why, "the invitation does not offer this handshake");
    draft->theirs = invite->service;
    memcpy(draft->inviter, draft->theirs.recipients[0], VCX_KEY);
    draft->handshake = wish != VCX_AUTO ? wish : invite->didexchange ? VCX_DIDEXCHANGE : VCX_CONNECTIONS;
    memcpy(draft->invitation_id, invite->id, sizeof draft->invitation_id);
    memcpy(draft->their_label, invite->label, sizeof draft->their_label);
    return VCX_OK;
}

enum vcx_error vcx_core_create_with_invite(struct vcx_core *core, const struct vcx_create *how, struct pbay_str text,
                                           char id[VCX_UUID], char why[VCX_WHY])
{
    struct vcx_invite invite = {.json = NULL};
    struct vcx_conn draft = {.role = VCX_INVITEE, .queued = how->queued};
    enum vcx_error code = check_create(core, how->source_id, why);

    assert(!how->multi_use);
    if (!code)
        code = vcx_invite_read(&invite, text, why);
    if (!code)
        code = read_inviter(&invite, how->wish, &draft, why);
    if (!code) {
        draft.invitation = json_incref(invite.json);
        code = make(core, how, &draft, VCX_OFFERED, id, why);
    }
    vcx_invite_fini(&invite);
    return code;
}

/* ---- connecting ---- */

static enum vcx_error check_connect(const struct vcx_conn *c, const struct vcx_connect *o, char *why)
{
    if (c->state != (c->role == VCX_INVITER ? VCX_INITIALIZED : VCX_OFFERED))
        return no(VCX_E_CONNECT, why, "the connection has been connected already, or has ended");
    if (o->use_public_did)
        return no(VCX_E_ACTION, why, "there is no public DID");
    if (o->expires_in < 0 || o->expires_in > VCX_MAX_EXPIRES_IN)
        return no(VCX_E_OPTION, why, "expires_in is out of range");
    if (o->on_expiry != VCX_NONE && o->on_expiry != VCX_UNFULFILLED && o->on_expiry != VCX_EXPIRED)
        return no(VCX_E_OPTION, why, "on_expiry is neither unfulfilled nor expired");
    return VCX_OK;
}

static json_t *make_invitation(const struct vcx_core *core, const struct vcx_conn *c, const char *id)
{
    struct vcx_address address = core_address(core, c);
    json_t *invitation = c->wish == VCX_CONNECTIONS ? vcx_invite_connections(id, core->conf.label, &address)
                                                    : vcx_invite_oob(id, core->conf.label, &address);

    if (invitation && c->wish == VCX_DIDEXCHANGE) /* the second one is connections 1.0 */
        json_array_remove(json_object_get(invitation, "handshake_protocols"), 1);
    return invitation;
}

static enum vcx_error invite_peer(struct vcx_core *core, struct vcx_conn *c, const char *id, char *why)
{
    if (id)
        memcpy(c->invitation_id, id, VCX_UUID);
    else
        vcx_uuid(core->conf.random, c->invitation_id);
    c->invitation = make_invitation(core, c, c->invitation_id);
    if (!c->invitation)
        return no(VCX_E_UNKNOWN, why, "the invitation cannot be written: a text is not UTF-8");
    core_move(core, c, VCX_OFFERED, "the invitation is made");
    return VCX_OK;
}

enum vcx_error vcx_core_draft(const struct vcx_core *core, const char *id, const struct vcx_connect *options,
                              json_t **invitation, char why[VCX_WHY])
{
    const struct vcx_conn *c;
    enum vcx_error code = look(core, id, &c, why);

    if (!code)
        code = check_connect(c, options, why);
    if (!code && c->role != VCX_INVITER)
        code = no(VCX_E_CONNECT, why, "the connection does not invite");
    if (code)
        return code;
    *invitation = make_invitation(core, c, options->invitation_id);
    return *invitation ? VCX_OK : no(VCX_E_UNKNOWN, why, "the invitation cannot be written: a text is not UTF-8");
}

static enum vcx_error request(struct vcx_core *core, struct vcx_conn *c, int64_t now, char *why)
{
    struct vcx_address address = core_address(core, c);
    struct vcx_head head = {.id = c->request_id, .thid = c->request_id, .pthid = c->invitation_id};

    vcx_uuid(core->conf.random, c->request_id);
    if (!core_say(core, c, vcx_message_request(c->handshake, &head, core->conf.label, &address, c->own_did), why))
        return VCX_E_INVITE;
    core_wait(c, now);
    core_move(core, c, VCX_REQUESTED, "the request is sent");
    return VCX_OK;
}

static int64_t expires_at(const struct vcx_conn *c, const struct vcx_connect *options, int64_t now)
{
    if (!options->expires_in && c->multi_use)
        return 0;
    return now + 1000 * (options->expires_in ? options->expires_in : VCX_EXPIRES_IN);
}

enum vcx_error vcx_core_connect(struct vcx_core *core, const char *id, const struct vcx_connect *options, int64_t now,
                                char why[VCX_WHY])
{
    struct vcx_conn *c;
    enum vcx_error code = begin(core, id, &c, why);

    if (!code)
        code = check_connect(c, options, why);
    if (!code)
        code = c->role == VCX_INVITER ? invite_peer(core, c, options->invitation_id, why) : request(core, c, now, why);
    if (!code) {
        c->expires_at = expires_at(c, options, now);
        c->on_expiry = options->on_expiry ? options->on_expiry : VCX_UNFULFILLED;
    }
    return code;
}

/* ---- talking ---- */

/* What is said as it is; NULL = it is not JSON with an @type. */
static json_t *read_message(struct pbay_str text, const char *id)
{
    char why[VCX_WHY];
    json_t *json = text.n ? vcx_json_read(text, "the message", why) : NULL;

    if (json && json_is_string(json_object_get(json, "@type"))) {
        if (!vcx_json_has(json, "@id"))
            json_object_set_new(json, "@id", json_string(id));
        return json;
    }
    json_decref(json);
    return NULL;
}

/* `message` is given away. */
static enum vcx_error say(struct vcx_core *core, struct vcx_conn *c, json_t *message, char *uid, char *why)
{
    enum vcx_error code;

    json_incref(message);
    code = core_send(core, c, message, why) ? VCX_OK : VCX_E_OPTION;
    if (!code && uid)
        snprintf(uid, VCX_MAX_ID + 1, "%s", json_string_value(json_object_get(message, "@id")));
    json_decref(message);
    return code;
}

enum vcx_error vcx_core_send(struct vcx_core *core, const char *id, struct pbay_str text, const char *thid, int64_t now,
                             char uid[VCX_MAX_ID + 1], char why[VCX_WHY])
{
    char message_id[VCX_UUID];
    const struct vcx_head head = {.id = message_id, .thid = thid};
    struct vcx_conn *c;
    enum vcx_error code = begin_accepted(core, id, &c, why);
    json_t *message;

    if (code)
        return code;
    vcx_uuid(core->conf.random, message_id);
    message = read_message(text, message_id);
    if (!message)
        message = vcx_message_text(&head, text, now);
    return say(core, c, message, uid, why);
}

enum vcx_error vcx_core_ping(struct vcx_core *core, const char *id, const char *comment, char uid[VCX_MAX_ID + 1],
                             char why[VCX_WHY])
{
    char message_id[VCX_UUID];
    const struct vcx_head head = {.id = message_id};
    struct vcx_conn *c;
    enum vcx_error code = begin_accepted(core, id, &c, why);

    if (code)
        return code;
    vcx_uuid(core->conf.random, message_id);
    return say(core, c, vcx_message_ping(&head, comment), uid, why);
}

enum vcx_error vcx_core_query(struct vcx_core *core, const char *id, const char *query, const char *comment,
                              char uid[VCX_MAX_ID + 1], char why[VCX_WHY])
{
    char message_id[VCX_UUID];
    const struct vcx_head head = {.id = message_id};
    struct vcx_conn *c;
    enum vcx_error code = begin_accepted(core, id, &c, why);

    if (code)
        return code;
    vcx_uuid(core->conf.random, message_id);
    return say(core, c, vcx_message_query(&head, query, comment), uid, why);
}

/* ---- looking ---- */

enum vcx_error vcx_core_invite(const struct vcx_core *core, const char *id, json_t **invitation, char why[VCX_WHY])
{
    const struct vcx_conn *c;
    enum vcx_error code = look(core, id, &c, why);

    if (!code && !c->invitation)
        code = no(VCX_E_NOT_READY, why, "there is no invitation before connect");
    if (!code)
        *invitation = json_incref(c->invitation);
    return code;
}

enum vcx_error vcx_core_sign(const struct vcx_core *core, const char *id, struct pbay_str data,
                             uint8_t signature[VCX_SIGNATURE], char why[VCX_WHY])
{
    const struct vcx_conn *c;
    const uint8_t *secret;
    enum vcx_error code = look(core, id, &c, why);

    if (code)
        return code;
    secret = core->conf.keys.secret(core->conf.keys.self, c->own);
    if (!secret)
        return no(VCX_E_WALLET, why, "the connection's private key is not in the wallet");
    crypto_sign_detached(signature, NULL, (const uint8_t *)data.p, data.n, secret);
    return VCX_OK;
}

enum vcx_error vcx_core_verify(const struct vcx_core *core, const char *id, struct pbay_str data,
                               const uint8_t signature[VCX_SIGNATURE], bool *good, char why[VCX_WHY])
{
    const struct vcx_conn *c;
    enum vcx_error code = look(core, id, &c, why);

    if (code)
        return code;
    if (c->state != VCX_ACCEPTED)
        return no(VCX_E_NOT_READY, why, "the connection is not accepted, or not any more");
    *good = crypto_sign_verify_detached(signature, (const uint8_t *)data.p, data.n, c->theirs.recipients[0]) == 0;
    return VCX_OK;
}

static json_t *verkeys(const uint8_t (*keys)[VCX_KEY], size_t n)
{
    json_t *list = json_array();
    char text[VCX_MAX_VERKEY];

    for (size_t i = 0; i < n; i++) {
        vcx_verkey_text(keys[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

enum vcx_error vcx_core_info(const struct vcx_core *core, const char *id, json_t **info, char why[VCX_WHY])
{
    const struct vcx_conn *c;
    enum vcx_error code = look(core, id, &c, why);
    struct vcx_address my;

    if (code)
        return code;
    my = core_address(core, c);
    *info = json_pack("{s:{s:s, s:o, s:o, s:s, s:o}}", "my", "did", c->own_did, "recipientKeys", verkeys(&c->own, 1),
                      "routingKeys", verkeys(my.routing, my.routing_n), "serviceEndpoint", my.endpoint, "protocols",
                      vcx_message_protocols());
    if (*info && c->theirs.recipient_n)
        json_object_set_new(*info, "their",
                            json_pack("{s:s, s:s, s:o, s:o, s:s}", "did", c->their_did, "label", c->their_label,
                                      "recipientKeys", verkeys(c->theirs.recipients, c->theirs.recipient_n),
                                      "routingKeys", verkeys(c->theirs.routing, c->theirs.routing_n), "serviceEndpoint",
                                      c->theirs.endpoint));
    return *info ? VCX_OK : no(VCX_E_UNKNOWN, why, "out of memory");
}

/* ---- ending ---- */

enum vcx_error vcx_core_revoke(struct vcx_core *core, const char *id, char why[VCX_WHY])
{
    struct vcx_conn *c;
    enum vcx_error code = begin(core, id, &c, why);

    if (!code && (c->state == VCX_NONE || c->state > VCX_ACCEPTED))
        code = no(VCX_E_STATE, why, "the connection has ended already");
    if (!code)
        core_move(core, c, VCX_REVOKED, "revoked");
    return code;
}

enum vcx_error vcx_core_delete(struct vcx_core *core, const char *id, char why[VCX_WHY])
{
    struct vcx_conn *c;
    enum vcx_error code = begin(core, id, &c, why);

    if (!code) {
        core_move(core, c, VCX_NONE, "deleted");
        core_remove(core, c);
    }
    return code;
}

enum vcx_error vcx_core_release(struct vcx_core *core, const char *id, char why[VCX_WHY])
{
    struct vcx_conn *c = core_find(core, id);

    if (!c)
        return no(VCX_E_HANDLE, why, "there is no connection with this id");
    core_remove(core, c);
    return VCX_OK;
}
