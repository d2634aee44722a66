/* Between the files of the agency. */
#ifndef AGENCY_INT_H
#define AGENCY_INT_H

#include "connections/agency/agency.h"

/* A request whose answer is held until something is queued. A client has at most one. */
struct agency_wait {
    void *tag;
    char client[VCX_UUID], thid[VCX_MAX_ID + 1];
    bool deliver; /* delivery-request; else status-request */
    bool has_key;
    uint8_t key[VCX_KEY];
    int64_t limit;
    int64_t deadline;
    struct agency_wait *prev, *next;
};

struct agency {
    struct agency_conf conf;
    struct vcx_core *core;
    uint8_t key[VCX_KEY];
    char inviters[AGENCY_INVITATIONS][VCX_UUID]; /* connections */
    struct agency_out *outs;
    struct agency_wait *waits;
    struct pb_buf dropped; /* keys of connections that are gone when the turn is committed */
    int64_t sweep_at, note_at;
    char failure[VCX_WHY]; /* "" = none */
};

/* A message of a client on its way. A handler sets `answer`, or `wait`; NULL = nothing is to be said. */
struct agency_talk {
    struct agency *a;
    const struct agency_client *client;
    const uint8_t *sender;
    const json_t *message;
    const char *thid; /* of the answer */
    void *tag;
    bool routed; /* the answer goes back with the HTTP reply */
    bool silent; /* it goes nowhere */
    int64_t now;
    json_t *answer;
    struct agency_wait *wait;
};

/* ---- agency.c ---- */

/* What the core wants done. It is not for the reply to anything. */
void agency_perform(struct agency *a, int64_t now);

/* Store what has changed; a->failure says when that was not possible. */
void agency_commit(struct agency *a);

/* Is it the connection of an invitation? */
bool agency_is_inviter(const struct agency *a, const char *id);

/* A line for the log; not more than one a second. */
void agency_note(struct agency *a, int64_t now, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- agency_talk.c ---- */

/* Find who handles a message, and let him. */
void agency_talk(struct agency_talk *t);

/* Answer with a problem report (RFC 0035). */
void agency_problem(struct agency_talk *t, const char *code, const char *explain);

/* A message of a type (without "https://didcomm.org/") in a thread, with these members, which are given away. */
json_t *agency_message(struct agency *a, const char *type, const char *thid, json_t *members);

/* A time as messages have it. */
json_t *agency_time(int64_t ms);

/* A key as peers write it, in a member that may be absent. false = it is there and no key. */
bool agency_read_key(const json_t *message, const char *member, uint8_t key[VCX_KEY], bool *has);

/* ---- the handlers ---- */

void agency_on_mediate(struct agency_talk *t);
void agency_on_keylist_update(struct agency_talk *t);
void agency_on_keylist_query(struct agency_talk *t);

void agency_on_status(struct agency_talk *t);
void agency_on_delivery(struct agency_talk *t);
void agency_on_received(struct agency_talk *t);
void agency_on_live(struct agency_talk *t);
void agency_on_old_status(struct agency_talk *t);
void agency_on_batch(struct agency_talk *t);
void agency_on_noop(struct agency_talk *t);

void agency_on_shorten(struct agency_talk *t);
void agency_on_invalidate(struct agency_talk *t);

/* What a held request gets now. */
json_t *agency_wait_answer(struct agency *a, const struct agency_wait *w, int64_t now);

#endif
