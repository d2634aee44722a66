/* libvcx's calls: each is the message of a dialogue. */
#include "node/vcx_client.h"

#include "schema/protocols/vcx_connection.h"
#include "schema/visibility.h"

/* The message of a call about a connection, which has its id; an error is told by vcx_call_begin, through encode. */
static uint32_t begin(struct pbay_vcx *vcx, const char *performative, uint32_t handle)
{
    const struct vcx_alias *alias = vcx_alias_of(vcx, handle);

    if (!alias)
        return PBAY_VCX_E_HANDLE;
    (void)pbay_message_init(&vcx->out, vcx->protocols, pbay_str(PBAY_VCX_CONNECTION_ID), performative);
    (void)pbay_message_set_str(&vcx->out, "connection_id", pbay_str(alias->id));
    return PBAY_VCX_OK;
}

static void set(struct pbay_vcx *vcx, const char *name, const char *text)
{
    (void)pbay_message_set_str(&vcx->out, name, pbay_str(text));
}

static void set_optional(struct pbay_vcx *vcx, const char *name, const char *text)
{
    if (text)
        set(vcx, name, text);
}

static uint32_t end(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return vcx_call_begin(vcx, &(struct vcx_open_call){.call = call, .handle = handle});
}

/* A call that says nothing but which connection it is about. */
static uint32_t simple(struct pbay_vcx *vcx, const struct vcx_open_call *how, const char *performative)
{
    uint32_t err = begin(vcx, performative, how->handle);

    return err ? err : vcx_call_begin(vcx, how);
}

/* ---- making one ---- */

static uint32_t create(struct pbay_vcx *vcx, struct pbay_vcx_call call, const struct pbay_vcx_create_options *options)
{
    if (options && options->handshake)
        set(vcx, "handshake", options->handshake);
    if (options && options->ephemeral)
        (void)pbay_message_set_bool(&vcx->out, "ephemeral", true);
    return end(vcx, call, 0);
}

PBAY_API uint32_t pbay_vcx_create(struct pbay_vcx *vcx, struct pbay_vcx_call call, const char *source_id,
                                  const struct pbay_vcx_create_options *options)
{
    (void)pbay_vcx_connection_create_init(&vcx->out, vcx->protocols, pbay_str(source_id));
    return create(vcx, call, options);
}

PBAY_API uint32_t pbay_vcx_create_with_invite(struct pbay_vcx *vcx, struct pbay_vcx_call call, const char *source_id,
                                              const char *invite, const struct pbay_vcx_create_options *options)
{
    (void)pbay_vcx_connection_create_with_invite_init(&vcx->out, vcx->protocols, pbay_str(source_id), pbay_str(invite));
    return create(vcx, call, options);
}

PBAY_API uint32_t pbay_vcx_deserialize(struct pbay_vcx *vcx, struct pbay_vcx_call call, struct pbay_str json)
{
    (void)pbay_vcx_connection_deserialize_init(&vcx->out, vcx->protocols, json);
    return end(vcx, call, 0);
}

PBAY_API uint32_t pbay_vcx_connect(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                   const char *options)
{
    uint32_t err = begin(vcx, "connect", handle);

    if (err)
        return err;
    set_optional(vcx, "options", options);
    return end(vcx, call, handle);
}

/* ---- looking ---- */

PBAY_API uint32_t pbay_vcx_update_state(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle}, "update_state");
}

PBAY_API uint32_t pbay_vcx_get_state(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle}, "get_state");
}

PBAY_API uint32_t pbay_vcx_invite_details(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                          bool abbreviated)
{
    uint32_t err = begin(vcx, "invite_details", handle);

    if (err)
        return err;
    (void)pbay_message_set_bool(&vcx->out, "abbreviated", abbreviated);
    return end(vcx, call, handle);
}

PBAY_API uint32_t pbay_vcx_info(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle}, "info");
}

PBAY_API uint32_t pbay_vcx_get_pw_did(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle, .wants_did = true}, "serialize");
}

PBAY_API uint32_t pbay_vcx_list(struct pbay_vcx *vcx, struct pbay_vcx_call call)
{
    (void)pbay_vcx_connection_list_connections_init(&vcx->out, vcx->protocols);
    return end(vcx, call, 0);
}

PBAY_API uint32_t pbay_vcx_serialize(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle}, "serialize");
}

/* ---- talking ---- */

PBAY_API uint32_t pbay_vcx_send_message(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                        struct pbay_str message, const char *ref_msg_id)
{
    uint32_t err = begin(vcx, "send_message", handle);

    if (err)
        return err;
    (void)pbay_message_set_str(&vcx->out, "content", message);
    set_optional(vcx, "ref_msg_id", ref_msg_id);
    return end(vcx, call, handle);
}

PBAY_API uint32_t pbay_vcx_send_ping(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                     const char *comment)
{
    uint32_t err = begin(vcx, "send_ping", handle);

    if (err)
        return err;
    set_optional(vcx, "comment", comment);
    return end(vcx, call, handle);
}

PBAY_API uint32_t pbay_vcx_send_discovery_features(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                                   const char *query, const char *comment)
{
    uint32_t err = begin(vcx, "send_discovery_features", handle);

    if (err)
        return err;
    set(vcx, "query", query);
    set_optional(vcx, "comment", comment);
    return end(vcx, call, handle);
}

PBAY_API uint32_t pbay_vcx_sign_data(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                     struct pbay_str data)
{
    uint32_t err = begin(vcx, "sign", handle);

    if (err)
        return err;
    (void)pbay_message_set_bytes(&vcx->out, "data", data);
    return end(vcx, call, handle);
}

PBAY_API uint32_t pbay_vcx_verify_signature(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                            struct pbay_str data, struct pbay_str signature)
{
    uint32_t err = begin(vcx, "verify", handle);

    if (err)
        return err;
    (void)pbay_message_set_bytes(&vcx->out, "data", data);
    (void)pbay_message_set_bytes(&vcx->out, "signature", signature);
    return end(vcx, call, handle);
}

/* ---- ending ---- */

PBAY_API uint32_t pbay_vcx_revoke(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle}, "revoke");
}

PBAY_API uint32_t pbay_vcx_release(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle, .ends = true}, "release");
}

PBAY_API uint32_t pbay_vcx_delete(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle)
{
    return simple(vcx, &(struct vcx_open_call){.call = call, .handle = handle, .ends = true}, "delete");
}
