/* patchbay/vcx_connection:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from vcx_connection.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_VCX_CONNECTION_PROTOCOL_H
#define PBAY_VCX_CONNECTION_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_VCX_CONNECTION_ID "patchbay/vcx_connection:1.0.0"

/* performatives */
#define PBAY_VCX_CONNECTION_PERFORMATIVE_CONNECT "connect"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_CONNECTED "connected"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_CREATE "create"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_CREATE_WITH_INVITE "create_with_invite"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_CREATED "created"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_DELETE "delete"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_DESERIALIZE "deserialize"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_DETAILS "details"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_ERROR "error"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_GET_STATE "get_state"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_INFO "info"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_INVITE_DETAILS "invite_details"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_LIST_CONNECTIONS "list_connections"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_MESSAGE_RECEIVED "message_received"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_RELEASE "release"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_REVOKE "revoke"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SEND_DISCOVERY_FEATURES "send_discovery_features"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SEND_MESSAGE "send_message"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SEND_PING "send_ping"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SENT "sent"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SERIALIZE "serialize"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SERIALIZED "serialized"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SIGN "sign"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_SIGNED "signed"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_STATE "state"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_STATE_CHANGED "state_changed"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_UNDELIVERED "undelivered"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_UPDATE_STATE "update_state"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_VERIFIED "verified"
#define PBAY_VCX_CONNECTION_PERFORMATIVE_VERIFY "verify"

/* contents */
#define PBAY_VCX_CONNECTION_CONTENT_CONNECTION_ID "connection_id"
#define PBAY_VCX_CONNECTION_CONTENT_OPTIONS "options"
#define PBAY_VCX_CONNECTION_CONTENT_STATE "state"
#define PBAY_VCX_CONNECTION_CONTENT_INVITE_DETAILS "invite_details"
#define PBAY_VCX_CONNECTION_CONTENT_INVITE_URL "invite_url"
#define PBAY_VCX_CONNECTION_CONTENT_QR_PNG "qr_png"
#define PBAY_VCX_CONNECTION_CONTENT_QR_TEXT "qr_text"
#define PBAY_VCX_CONNECTION_CONTENT_SOURCE_ID "source_id"
#define PBAY_VCX_CONNECTION_CONTENT_HANDSHAKE "handshake"
#define PBAY_VCX_CONNECTION_CONTENT_EPHEMERAL "ephemeral"
#define PBAY_VCX_CONNECTION_CONTENT_INVITE "invite"
#define PBAY_VCX_CONNECTION_CONTENT_PW_DID "pw_did"
#define PBAY_VCX_CONNECTION_CONTENT_PW_VERKEY "pw_verkey"
#define PBAY_VCX_CONNECTION_CONTENT_JSON "json"
#define PBAY_VCX_CONNECTION_CONTENT_CODE "code"
#define PBAY_VCX_CONNECTION_CONTENT_DESCRIPTION "description"
#define PBAY_VCX_CONNECTION_CONTENT_ABBREVIATED "abbreviated"
#define PBAY_VCX_CONNECTION_CONTENT_MSG_UID "msg_uid"
#define PBAY_VCX_CONNECTION_CONTENT_MSG_TYPE "msg_type"
#define PBAY_VCX_CONNECTION_CONTENT_QUERY "query"
#define PBAY_VCX_CONNECTION_CONTENT_COMMENT "comment"
#define PBAY_VCX_CONNECTION_CONTENT_CONTENT "content"
#define PBAY_VCX_CONNECTION_CONTENT_REF_MSG_ID "ref_msg_id"
#define PBAY_VCX_CONNECTION_CONTENT_DATA "data"
#define PBAY_VCX_CONNECTION_CONTENT_SIGNATURE "signature"
#define PBAY_VCX_CONNECTION_CONTENT_FROM_STATE "from_state"
#define PBAY_VCX_CONNECTION_CONTENT_TO_STATE "to_state"
#define PBAY_VCX_CONNECTION_CONTENT_REASON "reason"
#define PBAY_VCX_CONNECTION_CONTENT_VALID "valid"

/* roles in a dialogue */
#define PBAY_VCX_CONNECTION_ROLE_AGENT "agent"
#define PBAY_VCX_CONNECTION_ROLE_CONNECTION "connection"

/* how a dialogue can end */
#define PBAY_VCX_CONNECTION_END_STATE_SUCCESSFUL "successful"
#define PBAY_VCX_CONNECTION_END_STATE_FAILED "failed"

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_vcx_connection_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_vcx_connection_connect_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "connect");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_connected_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    int32_t state,
    struct pbay_str invite_details,
    struct pbay_str invite_url,
    struct pbay_str qr_png,
    struct pbay_str qr_text)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "connected");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_int(m, "state", state);
    if (!err)
        err = pbay_message_set_str(m, "invite_details", invite_details);
    if (!err)
        err = pbay_message_set_str(m, "invite_url", invite_url);
    if (!err)
        err = pbay_message_set_bytes(m, "qr_png", qr_png);
    if (!err)
        err = pbay_message_set_str(m, "qr_text", qr_text);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_create_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str source_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "create");

    if (!err)
        err = pbay_message_set_str(m, "source_id", source_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_create_with_invite_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str source_id,
    struct pbay_str invite)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "create_with_invite");

    if (!err)
        err = pbay_message_set_str(m, "source_id", source_id);
    if (!err)
        err = pbay_message_set_str(m, "invite", invite);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_created_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    int32_t state,
    struct pbay_str pw_did,
    struct pbay_str pw_verkey)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "created");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_int(m, "state", state);
    if (!err)
        err = pbay_message_set_str(m, "pw_did", pw_did);
    if (!err)
        err = pbay_message_set_str(m, "pw_verkey", pw_verkey);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_delete_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "delete");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_deserialize_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str json)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "deserialize");

    if (!err)
        err = pbay_message_set_str(m, "json", json);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_details_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str json)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "details");

    if (!err)
        err = pbay_message_set_str(m, "json", json);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_error_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    int32_t code,
    struct pbay_str description)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "error");

    if (!err)
        err = pbay_message_set_int(m, "code", code);
    if (!err)
        err = pbay_message_set_str(m, "description", description);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_get_state_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "get_state");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_info_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "info");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_invite_details_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    bool abbreviated)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "invite_details");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_bool(m, "abbreviated", abbreviated);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_list_connections_init(struct pbay_message *m, const struct pbay_protocols *protocols)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "list_connections");

    return err;
}

static inline enum pbay_err pbay_vcx_connection_message_received_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str source_id,
    struct pbay_str msg_uid,
    struct pbay_str msg_type,
    struct pbay_str json)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "message_received");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "source_id", source_id);
    if (!err)
        err = pbay_message_set_str(m, "msg_uid", msg_uid);
    if (!err)
        err = pbay_message_set_str(m, "msg_type", msg_type);
    if (!err)
        err = pbay_message_set_str(m, "json", json);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_release_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "release");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_revoke_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "revoke");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_send_discovery_features_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str query)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "send_discovery_features");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "query", query);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_send_message_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str content)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "send_message");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "content", content);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_send_ping_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "send_ping");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_sent_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str msg_uid)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "sent");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "msg_uid", msg_uid);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_serialize_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "serialize");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_serialized_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str json)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "serialized");

    if (!err)
        err = pbay_message_set_str(m, "json", json);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_sign_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str data)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "sign");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_bytes(m, "data", data);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_signed_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str signature)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "signed");

    if (!err)
        err = pbay_message_set_bytes(m, "signature", signature);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_state_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    int32_t state)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "state");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_int(m, "state", state);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_state_changed_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str source_id,
    int32_t from_state,
    int32_t to_state,
    struct pbay_str reason)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "state_changed");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "source_id", source_id);
    if (!err)
        err = pbay_message_set_int(m, "from_state", from_state);
    if (!err)
        err = pbay_message_set_int(m, "to_state", to_state);
    if (!err)
        err = pbay_message_set_str(m, "reason", reason);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_undelivered_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str source_id,
    struct pbay_str msg_uid,
    struct pbay_str reason)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "undelivered");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_str(m, "source_id", source_id);
    if (!err)
        err = pbay_message_set_str(m, "msg_uid", msg_uid);
    if (!err)
        err = pbay_message_set_str(m, "reason", reason);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_update_state_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "update_state");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_verified_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    bool valid)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "verified");

    if (!err)
        err = pbay_message_set_bool(m, "valid", valid);
    return err;
}

static inline enum pbay_err pbay_vcx_connection_verify_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str connection_id,
    struct pbay_str data,
    struct pbay_str signature)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("patchbay/vcx_connection:1.0.0"), "verify");

    if (!err)
        err = pbay_message_set_str(m, "connection_id", connection_id);
    if (!err)
        err = pbay_message_set_bytes(m, "data", data);
    if (!err)
        err = pbay_message_set_bytes(m, "signature", signature);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
