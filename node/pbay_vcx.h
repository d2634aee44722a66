/* Connections to other agents, for an agent's code: libvcx's calls, done by a connection that speaks
 * patchbay/vcx_connection:1.0.0 (patchbay/vcx).
 *
 *     static void created(void *user, uint32_t command, uint32_t err, const struct pbay_vcx_result *r) ...
 *
 *     pbay_vcx_open(&vcx, agent, NULL);
 *     pbay_vcx_create(vcx, (struct pbay_vcx_call){1, created, NULL}, "faber", NULL);
 *     for (;;) {
 *         if (pbay_get(agent, &e, NULL, pbay_vcx_tick(vcx)) == PBAY_OK && !pbay_vcx_feed(vcx, &e))
 *             ... another protocol's ...
 *     }
 *
 * As in libvcx, a call returns at once, 0 or an error; after 0 its callback is called exactly once, in pbay_vcx_feed,
 * pbay_vcx_outcome, pbay_vcx_tick or pbay_vcx_wait, unless the client is closed before. Connections have handles from 1
 * on, which are names that this process gives to connection ids: another process of the agent, or the next one, has
 * others, and gets its own by pbay_vcx_handle. A handle that is none is error 1003.
 *
 * Errors are libvcx's numbers (pbay_vcx_error.h); a call that does not reach the connection, or has no answer in time,
 * ends with 1010, and the text says which. Not for several threads at once. From within a callback everything may be
 * called but close, feed and wait.
 */
#ifndef PBAY_VCX_H
#define PBAY_VCX_H

#include "pbay.h"
#include "pbay_vcx_error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_VCX_CONNECTION "patchbay/vcx:0.1.0"
#define PBAY_VCX_MAX_CALLS  512 /* without an answer; one more is 1005 */
#define PBAY_VCX_MAX_ID     64  /* bytes of a connection id */

/* X(name, number, word) */
#define PBAY_VCX_STATES(X)              \
    X(NONE, 0, "none")                  \
    X(INITIALIZED, 1, "initialized")    \
    X(OFFERED, 2, "offer sent")         \
    X(REQUESTED, 3, "request received") \
    X(ACCEPTED, 4, "accepted")          \
    X(UNFULFILLED, 5, "unfulfilled")    \
    X(EXPIRED, 6, "expired")            \
    X(REVOKED, 7, "revoked")

enum pbay_vcx_state {
#define PBAY_VCX_STATE_ENUM(name, number, word) PBAY_VCX_##name = number,
    PBAY_VCX_STATES(PBAY_VCX_STATE_ENUM)
#undef PBAY_VCX_STATE_ENUM
};

/* A static string; "unknown" for any other number. Thread-safe, as is the next. */
const char *pbay_vcx_state_text(int state);
const char *pbay_vcx_error_text(uint32_t err);

/* How a call has ended. Everything lives as long as the callback runs. */
struct pbay_vcx_result {
    const char *text;      /* of an error: a sentence; else "" */
    uint32_t handle;       /* of the connection; 0 = of none */
    int state;             /* create, connect, deserialize, the states, revoke, release and delete */
    struct pbay_str value; /* what the call is for: JSON, a message's id, a DID, a signature; else empty */
    struct pbay_str invite_url, qr_png, qr_text; /* connect; value has the invite details */
    bool valid;                                  /* verify_signature */
};

typedef void pbay_vcx_cb(void *user, uint32_t command, uint32_t err, const struct pbay_vcx_result *result);

/* To whom a call is answered; `command` is the caller's. */
struct pbay_vcx_call {
    uint32_t command;
    pbay_vcx_cb *cb;
    void *user;
};

enum pbay_vcx_event_kind { PBAY_VCX_STATE_CHANGED, PBAY_VCX_MESSAGE_RECEIVED, PBAY_VCX_UNDELIVERED };

/* What happens by itself, told to one of the agent's processes. Everything lives as long as the callback runs. */
struct pbay_vcx_event {
    enum pbay_vcx_event_kind kind;
    uint32_t handle;
    struct pbay_str connection_id, source_id;
    int from, to;                           /* state_changed */
    struct pbay_str reason;                 /* state_changed, undelivered */
    struct pbay_str msg_uid;                /* message_received, undelivered */
    struct pbay_str msg_type, message_json; /* message_received */
};

struct pbay_vcx_options {
    const char *agent;      /* our name as in agent.yaml; NULL: PATCHBAY_AGENT */
    const char *connection; /* public id; NULL: PBAY_VCX_CONNECTION */
    int timeout_ms;         /* for a call's answer; 0: 30000 */
    void (*on_event)(void *user, const struct pbay_vcx_event *event); /* NULL = nobody asks */
    void *user;
};

struct pbay_vcx;

/* A client that puts its envelopes with the agent's handle, which it does not close. options may be NULL.
 *   PBAY_OK; PBAY_INVALID = an option is wrong, or there is no name */
enum pbay_err pbay_vcx_open(struct pbay_vcx **vcx, pbay_t agent, const struct pbay_vcx_options *options);

/* Calls that have no answer end without their callback. NULL and a second call are fine. */
void pbay_vcx_close(struct pbay_vcx **vcx);

/* ---- the agent's loop ---- */

/* An envelope that was got. true = it was the client's, and can be acked; false = it is another's, or malformed. */
bool pbay_vcx_feed(struct pbay_vcx *vcx, const struct pbay_envelope *envelope);

/* An outcome that was got. true = it was that of a call without an answer. Who never asks for outcomes learns of a call
 * that did not reach the connection when its time is over. */
bool pbay_vcx_outcome(struct pbay_vcx *vcx, const struct pbay_outcome *outcome);

/* End what is out of time. Returns milliseconds until it has to be called again; -1 = nothing waits. */
int pbay_vcx_tick(struct pbay_vcx *vcx);

/* For programs without a loop: get and feed until a call has ended. Envelopes for others are refused (FAILED).
 *   PBAY_OK       a call has ended, or none is waiting
 *   PBAY_TIMEOUT  -1 = for ever; PBAY_FENCED; PBAY_CLOSED */
enum pbay_err pbay_vcx_wait(struct pbay_vcx *vcx, int timeout_ms);

/* ---- handles ---- */

/* Of a connection that this process has not made; the same id has the same handle. 0 = this is no id. */
uint32_t pbay_vcx_handle(struct pbay_vcx *vcx, struct pbay_str connection_id);

/* Empty = 1003. It lives until the handle ends, by release or delete. */
struct pbay_str pbay_vcx_connection_id(const struct pbay_vcx *vcx, uint32_t handle);

/* ---- calls ----
 * Texts are UTF-8 and copied. */

struct pbay_vcx_create_options {
    const char *handshake; /* "auto", "connections", "didexchange"; NULL: auto */
    bool ephemeral;        /* it does not outlive the connection's process */
};

uint32_t pbay_vcx_create(struct pbay_vcx *vcx, struct pbay_vcx_call call, const char *source_id,
                         const struct pbay_vcx_create_options *options);
uint32_t pbay_vcx_create_with_invite(struct pbay_vcx *vcx, struct pbay_vcx_call call, const char *source_id,
                                     const char *invite, const struct pbay_vcx_create_options *options);

/* options: JSON such as {"connection_type": "QR"}; NULL = none. */
uint32_t pbay_vcx_connect(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle, const char *options);
uint32_t pbay_vcx_update_state(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_get_state(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_invite_details(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle, bool abbreviated);
uint32_t pbay_vcx_info(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_get_pw_did(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_list(struct pbay_vcx *vcx, struct pbay_vcx_call call); /* libvcx has none: a JSON array */

uint32_t pbay_vcx_serialize(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_deserialize(struct pbay_vcx *vcx, struct pbay_vcx_call call, struct pbay_str json);

/* ref_msg_id: the message that this one answers; NULL = none. */
uint32_t pbay_vcx_send_message(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                               struct pbay_str message, const char *ref_msg_id);
uint32_t pbay_vcx_send_ping(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle, const char *comment);
uint32_t pbay_vcx_send_discovery_features(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                          const char *query, const char *comment);
uint32_t pbay_vcx_sign_data(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle, struct pbay_str data);
uint32_t pbay_vcx_verify_signature(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle,
                                   struct pbay_str data, struct pbay_str signature);

uint32_t pbay_vcx_revoke(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);

/* After success of these two the handle is none any more. */
uint32_t pbay_vcx_release(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);
uint32_t pbay_vcx_delete(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle);

#ifdef __cplusplus
}
#endif
#endif
