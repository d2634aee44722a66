/* open_aea/signing:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from signing.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_SIGNING_PROTOCOL_H
#define PBAY_SIGNING_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_SIGNING_ID "open_aea/signing:1.0.0"

/* performatives */
#define PBAY_SIGNING_PERFORMATIVE_ERROR "error"
#define PBAY_SIGNING_PERFORMATIVE_SIGN_MESSAGE "sign_message"
#define PBAY_SIGNING_PERFORMATIVE_SIGN_TRANSACTION "sign_transaction"
#define PBAY_SIGNING_PERFORMATIVE_SIGNED_MESSAGE "signed_message"
#define PBAY_SIGNING_PERFORMATIVE_SIGNED_TRANSACTION "signed_transaction"

/* contents */
#define PBAY_SIGNING_CONTENT_ERROR_CODE "error_code"
#define PBAY_SIGNING_CONTENT_TERMS "terms"
#define PBAY_SIGNING_CONTENT_RAW_MESSAGE "raw_message"
#define PBAY_SIGNING_CONTENT_RAW_TRANSACTION "raw_transaction"
#define PBAY_SIGNING_CONTENT_SIGNED_MESSAGE "signed_message"
#define PBAY_SIGNING_CONTENT_SIGNED_TRANSACTION "signed_transaction"

/* roles in a dialogue */
#define PBAY_SIGNING_ROLE_DECISION_MAKER "decision_maker"
#define PBAY_SIGNING_ROLE_SKILL "skill"

/* how a dialogue can end */
#define PBAY_SIGNING_END_STATE_SUCCESSFUL "successful"
#define PBAY_SIGNING_END_STATE_FAILED "failed"

/* ct:ErrorCode */
enum {
    PBAY_SIGNING_ENUM_ERRORCODE_UNSUCCESSFUL_MESSAGE_SIGNING = 0,
    PBAY_SIGNING_ENUM_ERRORCODE_UNSUCCESSFUL_TRANSACTION_SIGNING = 1,
};

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_signing_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_signing_error_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    int32_t error_code)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("open_aea/signing:1.0.0"), "error");

    if (!err)
        err = pbay_message_set_int(m, "error_code", error_code);
    return err;
}

static inline enum pbay_err pbay_signing_sign_message_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str terms,
    struct pbay_str raw_message)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("open_aea/signing:1.0.0"), "sign_message");

    if (!err)
        err = pbay_message_set_bytes(m, "terms", terms);
    if (!err)
        err = pbay_message_set_bytes(m, "raw_message", raw_message);
    return err;
}

static inline enum pbay_err pbay_signing_sign_transaction_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str terms,
    struct pbay_str raw_transaction)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("open_aea/signing:1.0.0"), "sign_transaction");

    if (!err)
        err = pbay_message_set_bytes(m, "terms", terms);
    if (!err)
        err = pbay_message_set_bytes(m, "raw_transaction", raw_transaction);
    return err;
}

static inline enum pbay_err pbay_signing_signed_message_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str signed_message)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("open_aea/signing:1.0.0"), "signed_message");

    if (!err)
        err = pbay_message_set_bytes(m, "signed_message", signed_message);
    return err;
}

static inline enum pbay_err pbay_signing_signed_transaction_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str signed_transaction)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("open_aea/signing:1.0.0"), "signed_transaction");

    if (!err)
        err = pbay_message_set_bytes(m, "signed_transaction", signed_transaction);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
