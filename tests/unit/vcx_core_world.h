/* Two cores that talk to each other through real envelopes, over a network whose every envelope the test holds in its
 * hands. What a core stores survives its restart; its keys do, as a wallet's would. */
#ifndef VCX_CORE_WORLD_H
#define VCX_CORE_WORLD_H

#include "tests/unit/vcx_vectors.h"

#include "connections/vcx/vcx_core.h"

#define MAX_SIDE_KEYS 64
#define MAX_MAIL      512
#define MAX_TRACE     2048
#define START         INT64_C(1700000000000)

enum { ALICE, BOB, SIDES };

struct core_world;

struct core_side {
    struct core_world *world;
    struct vcx_core *core;
    struct vcx_core_conf conf;
    uint8_t secrets[MAX_SIDE_KEYS][VCX_SECRET];
    size_t key_n;
    json_t *disk;          /* id -> what was stored */
    char trace[MAX_TRACE]; /* "0>1 1>2 pinged ": the events of all connections */
    char reason[VCX_WHY];  /* of the last change of state */
    json_t *message;       /* of the last event with one */
    size_t lost;           /* envelopes for nobody here */
};

struct core_mail {
    int to;
    struct pb_buf envelope;
};

struct core_world {
    struct core_side sides[SIDES];
    struct vcx_random random;
    uint64_t seed;
    int64_t now;
    struct vcx_person mediator; /* forwards to BOB, who is behind it */
    size_t mail_n;
    struct core_mail mail[MAX_MAIL];
};

void world_open(struct core_world *w, uint64_t seed);
void world_close(struct core_world *w);

/* A number below n. */
unsigned world_dice(struct core_world *w, unsigned n);

/* What a caller does after each step: store, then send and tell. A crash may come between the two. */
void world_turn(struct core_world *w, int side);
void world_store(struct core_world *w, int side);

/* Give a letter away: to its receiver; `keep` leaves it in the mail, to come again. */
bool world_deliver(struct core_world *w, size_t at, bool keep, char why[VCX_WHY]);
void world_drop(struct core_world *w, size_t at);

/* Deliver everything, in order, until nothing is left. */
void world_settle(struct core_world *w);

/* Both ticks, at w->now. Returns when the next one is due. */
int64_t world_tick(struct core_world *w);

/* The process dies and begins again with what it has stored. */
void world_restart(struct core_world *w, int side);

/* A connection from an inviter to the other side, up to both connects. */
struct core_pair {
    int inviter, invitee;
    char inviter_id[VCX_UUID], invitee_id[VCX_UUID];
};
void world_offer(struct core_world *w, struct core_pair *pair, enum vcx_protocol inviter_wish);
void world_follow(struct core_world *w, struct core_pair *pair, enum vcx_protocol invitee_wish);

/* Both, and everything delivered: accepted. */
void world_connect(struct core_world *w, struct core_pair *pair, enum vcx_protocol handshake);

enum vcx_state world_state(const struct core_world *w, int side, const char *id);
void world_expect(const struct core_world *w, const struct core_pair *pair, enum vcx_state inviter,
                  enum vcx_state invitee);

/* What a letter says: opened with its receiver's keys; the caller ends it with json_decref. */
json_t *world_read(const struct core_world *w, size_t at);

/* A message from `from` to `to`, below the envelope. */
bool world_say(struct core_world *w, int side, const uint8_t *from, const uint8_t *to, const json_t *message,
               char why[VCX_WHY]);

/* ---- attacks ---- */

/* Somebody who is neither of the two. */
struct vcx_person world_stranger(void);

void world_set(json_t *object, const char *key, const char *text);

/* `message` from `from` (NULL = anoncrypt) to the connection's own key is refused for `words`, and the connection is in
 * `state` afterwards. */
void world_refused(struct core_world *w, int side, const char *id, const uint8_t *from, const json_t *message,
                   const char *words, enum vcx_state state);

/* Open a world with an offer by Alice and Bob's request for it in the mail: what it says, and Bob's key. world_end ends
 * both. */
json_t *world_request(struct core_world *w, struct core_pair *pair, enum vcx_protocol handshake, uint8_t bob[VCX_KEY]);
void world_end(struct core_world *w, json_t *message);

#endif
