/* Between the files of the core. */
#ifndef VCX_CORE_INT_H
#define VCX_CORE_INT_H

#include "connections/vcx/vcx_core.h"
#include "connections/vcx/vcx_message.h"

struct vcx_core {
    struct vcx_core_conf conf;
    struct vcx_conn *by_id, *by_key; /* the same ones in two tables */
    size_t action_n, action_at;      /* a ring */
    struct vcx_action actions[VCX_MAX_ACTIONS];
};

/* ---- vcx_core.c ---- */

/* Room for the actions of a turn? */
bool core_has_room(const struct vcx_core *core);

struct vcx_conn *core_find(const struct vcx_core *core, const char *id);

/* A connection of its own after `draft`, which is copied, its pointers with it; with a new key. VCX_E_ACCESS. */
enum vcx_error core_make(struct vcx_core *core, const struct vcx_conn *draft, struct vcx_conn **made,
                         char why[VCX_WHY]);

/* Put a connection in; it is the core's from now on, and ended when it cannot be. */
enum vcx_error core_add(struct vcx_core *core, struct vcx_conn **conn, char why[VCX_WHY]);
void core_remove(struct vcx_core *core, struct vcx_conn *conn);

/* One that is in no table. */
void core_free(struct vcx_conn *conn);

/* The only way from a state to another one. `reason` is ours. */
void core_move(struct vcx_core *core, struct vcx_conn *conn, enum vcx_state to, const char *reason);

/* An event about a message, which stays the caller's. */
void core_tell(struct vcx_core *core, const struct vcx_conn *conn, enum vcx_action_kind kind, json_t *message);

/* Pack a message, which is given away (NULL = it could not be made), with the connection's key for a service. false =
 * why, and nothing was queued. */
bool core_send_to(struct vcx_core *core, const struct vcx_conn *conn, const struct vcx_service *service,
                  json_t *message, char why[VCX_WHY]);
bool core_send(struct vcx_core *core, const struct vcx_conn *conn, json_t *message, char why[VCX_WHY]);

/* The same, remembered as what has to be said again: `conn->last`. */
bool core_say(struct vcx_core *core, struct vcx_conn *conn, json_t *message, char why[VCX_WHY]);

/* How others reach us with this connection's key. */
struct vcx_address core_address(const struct vcx_core *core, const struct vcx_conn *conn);

/* From now on `last` waits for an answer. */
void core_wait(struct vcx_conn *conn, int64_t now);

/* Its time is over? Then it is moved. */
void core_expire(struct vcx_core *core, struct vcx_conn *conn, int64_t now);

/* Is it there, and this text? */
bool core_is(struct pbay_str text, const char *expected);

/* ---- a message on its way ---- */

struct core_incoming {
    struct vcx_core *core;
    struct vcx_conn *conn;
    const uint8_t *sender;
    json_t *message;
    struct pbay_str id, thid, pthid; /* p is NULL = it has none */
    int64_t now;
    char *why;
};

/* vcx_core_handshake.c: each looks at the sender itself. */
bool core_on_request(struct core_incoming *in, enum vcx_protocol protocol);
bool core_on_response(struct core_incoming *in, enum vcx_protocol protocol);

/* vcx_core_talk.c: everything else. */
bool core_on_talk(struct core_incoming *in);

#endif
