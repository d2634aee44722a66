/* The core of VCX connections: every decision, and no socket, no clock, no file. Commands, envelopes and the time come
 * in; actions and changed connections come out. The caller's turn is always
 *
 *     a command, vcx_core_receive or vcx_core_tick
 *     vcx_core_dirty until NULL: store vcx_conn_save of each, then vcx_core_stored
 *     vcx_core_take until false: send, and tell
 *
 * in this order: what is sent must not be forgotten by a crash. What a crash keeps from being sent is said again by
 * vcx_core_tick, and so is what the network lost; the peer's repetitions are known by their @id and do nothing twice.
 *
 * Who may say what: everything is authcrypt, and after the handshake packed with a key that the handshake brought. The
 * response must be signed with the invitation's key. A bad request leaves the invitation open for a good one; a bad
 * response from the inviter ends the connection, one from anybody else does nothing.
 *
 * No protocol makes two sides sure of each other over a network that stays away: an invitee may be accepted while its
 * inviter, who has not heard that, is out of time.
 *
 * Times are milliseconds since 1970. Functions that return bool or vcx_error fill `why` when they fail. Not for several
 * threads at once.
 */
#ifndef VCX_CORE_H
#define VCX_CORE_H

#include "connections/vcx/vcx_conn.h"

#define VCX_MAX_CONNECTIONS 4096
#define VCX_MAX_ACTIONS     64                     /* not yet taken */
#define VCX_MAX_TURN        4                      /* actions of one command or one envelope */
#define VCX_RESEND_MS       10000                  /* at first; then twice as long each time */
#define VCX_MAX_RESEND_MS   3600000                /* at most */
#define VCX_EXPIRES_IN      (INT64_C(7) * 86400)   /* seconds, when connect says nothing */
#define VCX_MAX_EXPIRES_IN  (INT64_C(366) * 86400) /* seconds */

/* Everything lives as long as the core. */
struct vcx_core_conf {
    const char *label, *endpoint; /* as peers see us; the endpoint and the next also by vcx_core_set_address */
    const uint8_t (*routing)[VCX_KEY];
    size_t routing_n;
    const struct vcx_random *random;
    struct vcx_keys keys;
    const char *const *protocols; /* that the caller has beside the core's: peers who ask are told of both */
    size_t protocol_n;

    /* A new key of ours, which `keys` has from now on; unless it is ephemeral, after a crash too. */
    bool (*new_key)(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY]);
    void *self;
};

struct vcx_core; /* opaque */

struct vcx_core *vcx_core_new(const struct vcx_core_conf *conf);
void vcx_core_destroy(struct vcx_core **core);

/* How peers reach us from now on. What they have been told already stays as it was told. Both live as long as the core,
 * or until the next call. */
void vcx_core_set_address(struct vcx_core *core, const char *endpoint, const uint8_t (*routing)[VCX_KEY],
                          size_t routing_n);

/* ---- what came out ---- */

enum vcx_action_kind {
    VCX_SEND,      /* POST envelope, which is message_id, to endpoint, whose address the caller checks */
    VCX_STATE,     /* from, to, reason */
    VCX_MESSAGE,   /* message: any that is not for the core itself */
    VCX_PINGED,    /* message: the peer's ping */
    VCX_PONGED,    /* message: the answer to one of ours */
    VCX_FEATURES,  /* message: the peer's disclose */
    VCX_PROBLEM_IN /* message: the peer's problem report */
};

struct vcx_action {
    enum vcx_action_kind kind;
    char id[VCX_UUID]; /* the connection's */
    char endpoint[VCX_MAX_URL + 1], message_id[VCX_MAX_ID + 1];
    struct pb_buf envelope;
    enum vcx_state from, to;
    char reason[VCX_WHY];
    json_t *message;
};

/* The oldest action; the caller ends it with vcx_action_fini. false = there is none, and nothing to end. */
bool vcx_core_take(struct vcx_core *core, struct vcx_action *action);
void vcx_action_fini(struct vcx_action *action);

/* A connection that is to be stored (if it is not ephemeral); NULL = none. The same one until vcx_core_stored. */
const struct vcx_conn *vcx_core_dirty(struct vcx_core *core);
void vcx_core_stored(struct vcx_core *core, const char *id);

/* Put a stored connection in. VCX_E_SERIALIZE; VCX_E_WALLET = its private key is not ours. */
enum vcx_error vcx_core_load(struct vcx_core *core, const json_t *json, char why[VCX_WHY]);

/* ---- what comes in ---- */

/* An envelope. false = it was refused and did nothing, or ended a connection: why. */
bool vcx_core_receive(struct vcx_core *core, struct pbay_str envelope, int64_t now, char why[VCX_WHY]);

/* The same, opened already. */
bool vcx_core_receive_opened(struct vcx_core *core, const struct vcx_opened *opened, int64_t now, char why[VCX_WHY]);

/* What is due: expiry, saying again. Returns when it has to be called next; INT64_MAX = not before something happens.
 * It may be in the past: then actions are to be taken first. */
int64_t vcx_core_tick(struct vcx_core *core, int64_t now);

/* ---- commands ----
 * All: VCX_E_HANDLE = there is no such connection; VCX_E_NOT_READY = it is in another state than the command needs, or
 * actions are to be taken first. */

/* NULL = there is none. It lives until the next command. */
const struct vcx_conn *vcx_core_find(const struct vcx_core *core, const char *id);

/* All of them, one after the other: NULL = the first, and behind the last one. Only as long as nothing else is called.
 */
const struct vcx_conn *vcx_core_next(const struct vcx_core *core, const struct vcx_conn *conn);

struct vcx_create {
    struct pbay_str source_id; /* the caller's name for it */
    enum vcx_protocol wish;
    bool ephemeral; /* it is never stored, nor is its key */
    bool multi_use; /* an inviter's: each request makes a connection of its own, which begins with VCX_STATE 0 to 3 */
    bool queued;    /* an invitee's: the peer cannot reach us, but answers in its replies to what we post */
};

/* A connection that invites, in state 1. VCX_E_ACCESS = there is no key for it. */
enum vcx_error vcx_core_create(struct vcx_core *core, const struct vcx_create *how, char id[VCX_UUID],
                               char why[VCX_WHY]);

/* One that follows an invitation, in state 2. The errors of vcx_invite_read too; VCX_E_ACTION = it invites to something
 * that cannot be done here. */
enum vcx_error vcx_core_create_with_invite(struct vcx_core *core, const struct vcx_create *how, struct pbay_str text,
                                           char id[VCX_UUID], char why[VCX_WHY]);

struct vcx_connect {
    int64_t expires_in;        /* seconds; 0 = VCX_EXPIRES_IN; never for an invitation of many uses */
    enum vcx_state on_expiry;  /* VCX_UNFULFILLED, VCX_EXPIRED; 0 = the former */
    bool use_public_did;       /* VCX_E_ACTION: there is none here */
    const char *invitation_id; /* an inviter's: the @id of its invitation, a UUID; NULL = a new one */
};

/* An inviter's: 1 to 2, the invitation is there. An invitee's: 2 to 3, the request is sent. Else VCX_E_CONNECT. */
enum vcx_error vcx_core_connect(struct vcx_core *core, const char *id, const struct vcx_connect *options, int64_t now,
                                char why[VCX_WHY]);

/* The invitation that an inviter's connect would make with these options, which have an invitation_id; nothing is
 * changed: for who has to tell it to somebody first. The errors of connect; the caller ends it with json_decref. */
enum vcx_error vcx_core_draft(const struct vcx_core *core, const char *id, const struct vcx_connect *options,
                              json_t **invitation, char why[VCX_WHY]);

/* The invitation; the caller ends it with json_decref. */
enum vcx_error vcx_core_invite(const struct vcx_core *core, const char *id, json_t **invitation, char why[VCX_WHY]);

/* A JSON object with an @type goes as it is (with an @id, if it has none); any other text as a basic message, in the
 * thread of thid, if it is not NULL. `uid` gets the @id; NULL = nobody asks. */
enum vcx_error vcx_core_send(struct vcx_core *core, const char *id, struct pbay_str text, const char *thid, int64_t now,
                             char uid[VCX_MAX_ID + 1], char why[VCX_WHY]);
enum vcx_error vcx_core_ping(struct vcx_core *core, const char *id, const char *comment, char uid[VCX_MAX_ID + 1],
                             char why[VCX_WHY]);
enum vcx_error vcx_core_query(struct vcx_core *core, const char *id, const char *query, const char *comment,
                              char uid[VCX_MAX_ID + 1], char why[VCX_WHY]);

#define VCX_SIGNATURE 64
enum vcx_error vcx_core_sign(const struct vcx_core *core, const char *id, struct pbay_str data,
                             uint8_t signature[VCX_SIGNATURE], char why[VCX_WHY]);

/* By the peer? */
enum vcx_error vcx_core_verify(const struct vcx_core *core, const char *id, struct pbay_str data,
                               const uint8_t signature[VCX_SIGNATURE], bool *good, char why[VCX_WHY]);

/* {"my": {...}, "their": {...}} as libvcx has it; the caller ends it with json_decref. */
enum vcx_error vcx_core_info(const struct vcx_core *core, const char *id, json_t **info, char why[VCX_WHY]);

/* State 7: the peer is not listened to any more. VCX_E_STATE = it had ended already. */
enum vcx_error vcx_core_revoke(struct vcx_core *core, const char *id, char why[VCX_WHY]);

/* It is gone from here; the caller forgets what it has stored, and the key. */
enum vcx_error vcx_core_delete(struct vcx_core *core, const char *id, char why[VCX_WHY]);

/* It is gone from here, and nobody is told: the caller forgets what it has stored, but keeps the key. What was
 * serialized can come back. */
enum vcx_error vcx_core_release(struct vcx_core *core, const char *id, char why[VCX_WHY]);

/* ---- elsewhere: vcx_core_serial.c ---- */

/* Append the connection as libvcx serializes it, "version": "1.0", with what only we know in a member of its own,
 * "patchbay". Private keys are not in it. `base` is what an invitation's URL begins with, unless the invitation has the
 * short link `link` (NULL = none). */
enum vcx_error vcx_core_serialize(const struct vcx_core *core, const char *id, const char *base, const char *link,
                                  struct pb_buf *out, char why[VCX_WHY]);

/* Put it in again. The errors of vcx_serial_read, and vcx_core_load's; VCX_E_ACTION = it is one of libvcx's own
 * protocol, which needs its agency. */
enum vcx_error vcx_core_deserialize(struct vcx_core *core, struct pbay_str text, char id[VCX_UUID], char why[VCX_WHY]);

#endif
