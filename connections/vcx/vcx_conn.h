/* One VCX connection: what has to be known of it, and its form on the disk. Everything that a crash must not lose is in
 * vcx_conn_save; private keys are the wallet's and never here.
 *
 * States, and who brings them about (libvcx's numbers; "aries" transitions):
 *
 *     inviter   create 1 - connect 2 - a request came, the response is sent 3 - the peer has answered 4
 *     invitee   create_with_invite 2 - connect, the request is sent 3 - the response is good 4
 *     both      refused by either side 0; out of time in 2 or 3: 5 or 6, as connect said; revoke 7
 */
#ifndef VCX_CONN_H
#define VCX_CONN_H

#include "connections/vcx/vcx_did.h"
#include "connections/vcx/vcx_invite.h"

#include <uthash.h>

#define VCX_MAX_SOURCE 255 /* bytes of a source_id */
#define VCX_MAX_SEEN   128 /* @ids remembered of a connection */
#define VCX_SEEN       16  /* bytes of the hash of one */

enum vcx_role { VCX_INVITER, VCX_INVITEE };

/* As a wish: AUTO = an inviter offers both, an invitee takes did exchange where it is offered. */
enum vcx_protocol { VCX_AUTO, VCX_CONNECTIONS, VCX_DIDEXCHANGE };

enum vcx_state {
    VCX_NONE = 0,
    VCX_INITIALIZED = 1,
    VCX_OFFERED = 2,
    VCX_REQUESTED = 3,
    VCX_ACCEPTED = 4,
    VCX_UNFULFILLED = 5,
    VCX_EXPIRED = 6,
    VCX_REVOKED = 7
};

/* Whose messages cause answers: strangers who know the invitation must not use up what is for the peer. */
enum vcx_who { VCX_PEER, VCX_STRANGER, VCX_WHO };

#define VCX_MAX_BURST 10 /* answers */

struct vcx_conn {
    char id[VCX_UUID];
    char source_id[VCX_MAX_SOURCE + 1]; /* the caller's name for it */
    enum vcx_role role;
    enum vcx_protocol wish, handshake; /* handshake: AUTO = not begun */
    enum vcx_state state;
    bool ephemeral, multi_use, queued;   /* as struct vcx_create has them */
    uint8_t own[VCX_KEY];                /* of the invitation, and of everything after it: one invitation, one use */
    char own_did[VCX_MAX_SHORT];         /* unqualified; with did exchange the short did:peer:4 */
    char their_did[VCX_MAX_DID + 1];     /* empty until known, and so are the next */
    char their_label[VCX_MAX_LABEL + 1]; /* what they call themselves: proves nothing */
    struct vcx_service theirs;           /* an invitee's is the invitation's until the response. No recipients = none */
    uint8_t inviter[VCX_KEY];            /* the invitation's, which signs the response: an inviter's is `own`, but in
                                            one that came of an invitation of many uses that invitation's */
    char invitation_id[VCX_MAX_ID + 1];
    char request_id[VCX_MAX_ID + 1];
    json_t *invitation; /* owned; NULL = none yet */
    json_t *last;       /* our last message of the handshake, as long as it may have to be said again. Owned */
    int64_t expires_at; /* milliseconds since 1970; 0 = never */
    enum vcx_state on_expiry;
    int64_t resend_at; /* 0 = not again */
    unsigned resends;
    size_t seen_n; /* the ring's first ones that are filled */
    size_t seen_at;
    uint8_t seen[VCX_MAX_SEEN][VCX_SEEN];

    /* not on the disk */
    bool dirty;                    /* changed since vcx_conn_save was last written */
    int64_t allowance_at[VCX_WHO]; /* when their answers are all allowed again */
    UT_hash_handle by_id, by_key;
};

void vcx_conn_fini(struct vcx_conn *conn);

/* One of the keys with which the peer must have packed what it says? */
bool vcx_conn_knows(const struct vcx_conn *conn, const uint8_t key[VCX_KEY]);

/* The peer's @ids: was this one there, among the last VCX_MAX_SEEN? Remember it. */
bool vcx_conn_has_seen(const struct vcx_conn *conn, struct pbay_str id);
void vcx_conn_see(struct vcx_conn *conn, struct pbay_str id);

/* May one more answer be given to them? A burst of VCX_MAX_BURST, then one a second. */
bool vcx_conn_allows(struct vcx_conn *conn, enum vcx_who who, int64_t now);

/* The form on the disk. The caller ends it with json_decref; NULL = out of memory. */
json_t *vcx_conn_save(const struct vcx_conn *conn);

/* Read it again. On failure too, `conn` is to be ended with vcx_conn_fini. false = why. */
bool vcx_conn_load(struct vcx_conn *conn, const json_t *json, char why[VCX_WHY]);

#endif
