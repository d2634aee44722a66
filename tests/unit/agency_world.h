/* An agency with its database in a file, and clients that are real cores: what they post goes in, what comes back is
 * theirs. */
#ifndef AGENCY_WORLD_H
#define AGENCY_WORLD_H

#include "tests/unit/vcx_vectors.h"

#include "connections/agency/agency.h"

#define WORLD_CLIENTS 4
#define WORLD_KEYS    128
#define WORLD_START   INT64_C(1700000000000)
#define WORLD_URL     "https://agency.example"

struct agency_world;

/* Private keys of one process. */
struct world_ring {
    struct agency_world *world;
    uint8_t secrets[WORLD_KEYS][VCX_SECRET];
    size_t n;
};

struct world_client {
    struct agency_world *world;
    struct world_ring ring;
    struct vcx_core *core;
    char id[VCX_UUID];
    uint8_t key[VCX_KEY]; /* one that is not the connection's, for others */
    unsigned status;      /* of the last reply; 0 = there is none yet */
    size_t posted;        /* envelopes that were posted to its endpoint */
    json_t *message;      /* the last one that was told */
};

struct agency_world {
    struct agency_conf conf;
    struct world_ring ring;
    struct agency *agency;
    struct world_client clients[WORLD_CLIENTS];
    struct vcx_random random;
    uint64_t seed;
    int64_t now;
    bool crashes; /* the agency dies and comes back before each envelope */
    unsigned status;
    char path[64], log[VCX_WHY]; /* log: its last line */
};

/* The limits may be changed in between. */
void agency_world_open(struct agency_world *w);
void agency_world_start(struct agency_world *w);
void agency_world_restart(struct agency_world *w);
void agency_world_close(struct agency_world *w);

/* A client that follows an invitation, up to where it is accepted or refused; it cannot be reached, or has an endpoint.
 */
struct world_client *world_join(struct agency_world *w, size_t which, enum agency_invitation invitation,
                                enum vcx_protocol handshake, bool reachable);

/* The same, granted, and with its key registered. */
struct world_client *world_mediated(struct agency_world *w, size_t which);

/* Say a message: FAMILY/VERSION/NAME and its members, which are given away. The answer is the client's last message; it
 * lives until the next. NULL = there is none. */
const json_t *world_ask(struct world_client *c, const char *type, json_t *members);
const char *world_problem(const json_t *answer); /* its code */
bool world_is(const json_t *answer, const char *type);

/* Everything that has come out of the agency is given to whom it is for. */
void world_deliver(struct agency_world *w);

/* keylist-update with one key: the result. */
const char *world_update(struct world_client *c, const char *action, const char *key);

/* Somebody forwards an envelope whose ciphertext is `text`, for a key. Returns the status. */
unsigned world_forward(struct agency_world *w, const uint8_t to[VCX_KEY], const char *text);
unsigned world_forward_json(struct agency_world *w, const uint8_t to[VCX_KEY], json_t *envelope);

/* Any message in an envelope, from `sender` (NULL = nobody) to `key`. */
unsigned world_post(struct agency_world *w, const uint8_t *sender, const uint8_t key[VCX_KEY], const json_t *message);

/* How many wait for it, as it is told. */
int64_t world_count(struct world_client *c);

/* The ciphertext of a delivery's envelope; the caller frees it. And its id. */
char *world_delivered(const json_t *delivery, size_t at);
const char *world_id(const json_t *delivery, size_t at);

/* What is this one's secret? */
const uint8_t *world_secret(const struct world_ring *ring, const uint8_t key[VCX_KEY]);

#endif
