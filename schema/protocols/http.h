/* valory/http:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from http.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_HTTP_PROTOCOL_H
#define PBAY_HTTP_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_HTTP_ID "valory/http:1.0.0"

/* performatives */
#define PBAY_HTTP_PERFORMATIVE_REQUEST "request"
#define PBAY_HTTP_PERFORMATIVE_RESPONSE "response"

/* contents */
#define PBAY_HTTP_CONTENT_METHOD "method"
#define PBAY_HTTP_CONTENT_URL "url"
#define PBAY_HTTP_CONTENT_VERSION "version"
#define PBAY_HTTP_CONTENT_HEADERS "headers"
#define PBAY_HTTP_CONTENT_BODY "body"
#define PBAY_HTTP_CONTENT_STATUS_CODE "status_code"
#define PBAY_HTTP_CONTENT_STATUS_TEXT "status_text"

/* roles in a dialogue */
#define PBAY_HTTP_ROLE_CLIENT "client"
#define PBAY_HTTP_ROLE_SERVER "server"

/* how a dialogue can end */
#define PBAY_HTTP_END_STATE_SUCCESSFUL "successful"

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_http_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_http_request_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str method,
    struct pbay_str url,
    struct pbay_str version,
    struct pbay_str headers,
    struct pbay_str body)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/http:1.0.0"), "request");

    if (!err)
        err = pbay_message_set_str(m, "method", method);
    if (!err)
        err = pbay_message_set_str(m, "url", url);
    if (!err)
        err = pbay_message_set_str(m, "version", version);
    if (!err)
        err = pbay_message_set_str(m, "headers", headers);
    if (!err)
        err = pbay_message_set_bytes(m, "body", body);
    return err;
}

static inline enum pbay_err pbay_http_response_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str version,
    int32_t status_code,
    struct pbay_str status_text,
    struct pbay_str headers,
    struct pbay_str body)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/http:1.0.0"), "response");

    if (!err)
        err = pbay_message_set_str(m, "version", version);
    if (!err)
        err = pbay_message_set_int(m, "status_code", status_code);
    if (!err)
        err = pbay_message_set_str(m, "status_text", status_text);
    if (!err)
        err = pbay_message_set_str(m, "headers", headers);
    if (!err)
        err = pbay_message_set_bytes(m, "body", body);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
