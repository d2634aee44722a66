/* The messages that a connection says. Each is a JSON object that the caller ends with json_decref; NULL = a text is
 * not UTF-8, or out of memory. */
#ifndef VCX_MESSAGE_H
#define VCX_MESSAGE_H

#include "connections/vcx/vcx_conn.h"

/* @id and ~thread; what is NULL is left out. */
struct vcx_head {
    const char *id, *thid, *pthid;
};

/* Of the handshakes; `protocol` is CONNECTIONS or DIDEXCHANGE. `did` gets the DID that others know us by afterwards. */
json_t *vcx_message_request(enum vcx_protocol protocol, const struct vcx_head *head, const char *label,
                            const struct vcx_address *address, char did[VCX_MAX_SHORT]);

/* `secret` is the invitation key's; `attachment` the @id of what has to be signed apart. */
struct vcx_signing {
    const uint8_t *secret;
    int64_t seconds;
    const char *attachment;
};
json_t *vcx_message_response(enum vcx_protocol protocol, const struct vcx_head *head, const struct vcx_address *address,
                             const struct vcx_signing *signing, char did[VCX_MAX_SHORT]);

json_t *vcx_message_complete(const struct vcx_head *head);
json_t *vcx_message_ack(const struct vcx_head *head);

/* `protocol`: AUTO = of no handshake. `code` as in RFC 0160: "request_not_accepted". */
json_t *vcx_message_problem(enum vcx_protocol protocol, const struct vcx_head *head, const char *code,
                            const char *explain);

json_t *vcx_message_ping(const struct vcx_head *head, const char *comment); /* wants an answer; comment may be NULL */
json_t *vcx_message_pong(const struct vcx_head *head);
json_t *vcx_message_text(const struct vcx_head *head, struct pbay_str content, int64_t now);
json_t *vcx_message_query(const struct vcx_head *head, const char *query, const char *comment);

/* What of our protocols, and of `more`, the query (RFC 0031: an identifier, or its beginning and '*') is about. */
json_t *vcx_message_disclose(const struct vcx_head *head, struct pbay_str query, const char *const *more,
                             size_t more_n);

/* All of our protocols. */
json_t *vcx_message_protocols(void);

#endif
