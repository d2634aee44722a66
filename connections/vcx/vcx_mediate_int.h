/* Between the files of the mediator's client. */
#ifndef VCX_MEDIATE_INT_H
#define VCX_MEDIATE_INT_H

#include "connections/vcx/vcx_mediate.h"

enum mediate_ask {
    MEDIATE_IDLE,
    MEDIATE_REQUEST,
    MEDIATE_UPDATE,
    MEDIATE_DELIVERY,
    MEDIATE_RECEIVED,
    MEDIATE_BATCH,
    MEDIATE_QUERY,
    MEDIATE_INVALIDATE,
    MEDIATE_SHORTEN
};

/* A request under way, or a time before which there is none. */
struct mediate_slot {
    enum mediate_ask ask;
    char id[VCX_MAX_ID + 1];
    int64_t sent_at, until, wait;
    int64_t not_before;
    unsigned failures; /* or empty answers, in a row */
};

struct mediate_key {
    uint8_t key[VCX_KEY];
    bool wanted;
    enum { MEDIATE_UNKNOWN, MEDIATE_ABSENT, MEDIATE_PRESENT } known; /* as the mediator said */
    bool asked, asked_add;                                           /* in the request under way, and what for */
    bool refused, given_up;
    int64_t again_at; /* not before */
    UT_hash_handle hh;
};

struct mediate_item {
    struct pb_buf envelope;
    char id[VCX_MAX_ID + 1]; /* what to call it when it is stored; "" = the mediator has forgotten it */
};

/* The first three come one after the other, and so do the others. */
enum mediate_link_state { LINK_WANTED, LINK_ASKED, LINK_COME, LINK_DEAD, LINK_TOLD, LINK_GONE };

struct mediate_link {
    enum mediate_link_state state;
    struct vcx_mediate_link link;
    char *invite;  /* WANTED, ASKED: the invitation's URL; owned */
    int64_t until; /* WANTED, ASKED */
    struct mediate_link *prev, *next;
};

struct vcx_mediate {
    struct vcx_core *core;
    char connection[VCX_UUID];
    struct vcx_mediate_conf conf;
    bool granted, denied, asked_once;
    struct vcx_mediate_grant grant;
    struct mediate_slot talk, pickup, tidy, shorten;
    struct mediate_key *keys;
    unsigned unknown; /* problem reports about keys, in a row */

    bool old_pickup, settled; /* the mediator has answered the new one */
    bool urgent;              /* the next request is not to be held */
    uint64_t rounds;
    size_t item_n, taken_n, item_bytes;
    struct mediate_item items[VCX_MEDIATE_ITEMS];
    json_t *stored; /* @ids to tell; the first sent_n of them are in the request under way */
    size_t sent_n;

    bool answered, offered; /* the mediator has said whether it makes short links; it does */
    size_t link_n;
    struct mediate_link *links; /* the oldest first */
};

/* ---- vcx_mediate.c ---- */

/* Send it in a slot that is idle; `message` is given away. false = not sent. */
bool mediate_send(struct vcx_mediate *m, struct mediate_slot *slot, enum mediate_ask ask, json_t *message, int64_t now);

/* The slot is free at once; or later and later, between the two times. */
void mediate_free(struct mediate_slot *slot, int64_t now);
void mediate_back_off(struct vcx_mediate *m, struct mediate_slot *slot, int64_t now, int64_t first, int64_t last);

/* Does a member of its ~thread name this request? */
bool mediate_is_thread(const struct mediate_slot *slot, const json_t *message, const char *member);

/* Is the message an answer to this request? Without a ~thread it may be. */
bool mediate_answers(const struct mediate_slot *slot, enum mediate_ask ask, const json_t *message);

/* ---- vcx_mediate_keys.c ---- */

void mediate_keys_fini(struct vcx_mediate *m);

/* When there is something to tell; INT64_MAX = nothing. */
int64_t mediate_keys_next(const struct vcx_mediate *m);
void mediate_keys_send(struct vcx_mediate *m, int64_t now);

/* The request under way had no answer; or this one. true = every key in it was answered. */
void mediate_keys_forget(struct vcx_mediate *m);
bool mediate_keys_answer(struct vcx_mediate *m, const json_t *message, int64_t now);

/* ---- vcx_mediate_pickup.c ---- */

void mediate_pickup_fini(struct vcx_mediate *m);
int64_t mediate_pickup_next(const struct vcx_mediate *m);
void mediate_pickup_send(struct vcx_mediate *m, int64_t now);
void mediate_on_delivery(struct vcx_mediate *m, const json_t *message, int64_t now);
void mediate_on_batch(struct vcx_mediate *m, const json_t *message, int64_t now);
void mediate_on_status(struct vcx_mediate *m, const json_t *message, int64_t now);
void mediate_pickup_problem(struct vcx_mediate *m, int64_t now);

/* ---- vcx_mediate_link.c: `tidy` has the query, and what is invalidated; `shorten` has what somebody waits for ---- */

void mediate_links_fini(struct vcx_mediate *m);
int64_t mediate_tidy_next(const struct vcx_mediate *m);
void mediate_tidy_send(struct vcx_mediate *m, int64_t now);
int64_t mediate_shorten_next(const struct vcx_mediate *m);
void mediate_shorten_send(struct vcx_mediate *m, int64_t now);

/* What has waited long enough is over. */
void mediate_links_expire(struct vcx_mediate *m, int64_t now);

/* An answer? false = it has nothing to do with links. */
bool mediate_links_receive(struct vcx_mediate *m, const json_t *message, int64_t now);

/* A problem report about the request under way; or there was no answer. */
void mediate_tidy_problem(struct vcx_mediate *m, int64_t now);
void mediate_tidy_lost(struct vcx_mediate *m, int64_t now);
void mediate_shorten_lost(struct vcx_mediate *m, int64_t now);

#endif
