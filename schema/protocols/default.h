/* fetchai/default:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from default.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_DEFAULT_PROTOCOL_H
#define PBAY_DEFAULT_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_DEFAULT_ID "fetchai/default:1.0.0"

/* performatives */
#define PBAY_DEFAULT_PERFORMATIVE_BYTES "bytes"
#define PBAY_DEFAULT_PERFORMATIVE_END "end"
#define PBAY_DEFAULT_PERFORMATIVE_ERROR "error"

/* contents */
#define PBAY_DEFAULT_CONTENT_CONTENT "content"
#define PBAY_DEFAULT_CONTENT_ERROR_CODE "error_code"
#define PBAY_DEFAULT_CONTENT_ERROR_MSG "error_msg"
#define PBAY_DEFAULT_CONTENT_ERROR_DATA "error_data"

/* roles in a dialogue */
#define PBAY_DEFAULT_ROLE_AGENT "agent"

/* how a dialogue can end */
#define PBAY_DEFAULT_END_STATE_SUCCESSFUL "successful"
#define PBAY_DEFAULT_END_STATE_FAILED "failed"

/* ct:ErrorCode */
enum {
    PBAY_DEFAULT_ENUM_ERRORCODE_UNSUPPORTED_PROTOCOL = 0,
    PBAY_DEFAULT_ENUM_ERRORCODE_DECODING_ERROR = 1,
    PBAY_DEFAULT_ENUM_ERRORCODE_INVALID_MESSAGE = 2,
    PBAY_DEFAULT_ENUM_ERRORCODE_UNSUPPORTED_SKILL = 3,
    PBAY_DEFAULT_ENUM_ERRORCODE_INVALID_DIALOGUE = 4,
};

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_default_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_default_bytes_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str content)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/default:1.0.0"), "bytes");

    if (!err)
        err = pbay_message_set_bytes(m, "content", content);
    return err;
}

static inline enum pbay_err pbay_default_end_init(struct pbay_message *m, const struct pbay_protocols *protocols)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/default:1.0.0"), "end");

    return err;
}

static inline enum pbay_err pbay_default_error_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    int32_t error_code,
    struct pbay_str error_msg)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/default:1.0.0"), "error");

    if (!err)
        err = pbay_message_set_int(m, "error_code", error_code);
    if (!err)
        err = pbay_message_set_str(m, "error_msg", error_msg);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
