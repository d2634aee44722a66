/* What the agency must not forget beside its connections: clients and whether they are granted, whose a key is, what
 * waits for whom, short links. Tables of the database in which vcx_store has the connections; everything is called
 * within a transaction, which says whether all went well (vcx_db.h).
 *
 *     agency_meta     name -> value
 *     agency_client   a connection; what waits for it is counted by triggers
 *     agency_route    recipient key -> client
 *     agency_queue    envelopes, each with the key that it is for
 *     agency_link     short links */
#ifndef AGENCY_STORE_H
#define AGENCY_STORE_H

#include "connections/vcx/vcx_db.h"
#include "connections/vcx/vcx_key.h"
#include "schema/buf.h"

#define AGENCY_UID 33 /* bytes of a short link's id, NUL included: 128 bits in hexadecimal */

/* Open the database, with vcx_store's table too: who is deleted there is deleted here. NULL = why. */
struct vcx_db *store_open(const char *path, char why[VCX_WHY]);

/* Append a value; false = there is none. */
bool store_meta(struct vcx_db *db, const char *name, struct pb_buf *value);
void store_set_meta(struct vcx_db *db, const char *name, const void *value, size_t n);

/* ---- clients ---- */

struct agency_client {
    char id[VCX_UUID];
    bool granted;
    int64_t seen_at;
    int64_t messages, bytes, keys, links; /* queued; registered; links that may still be opened */
};

/* false = there is no such client. */
bool store_client(struct vcx_db *db, const char *id, struct agency_client *client);
void store_add_client(struct vcx_db *db, const char *id, int64_t now);
void store_grant(struct vcx_db *db, const char *id);
void store_see(struct vcx_db *db, const char *id, int64_t now);

/* One that was not seen since: a granted one, or one that is not. */
bool store_idle(struct vcx_db *db, bool granted, int64_t since, char id[VCX_UUID]);

struct agency_totals {
    int64_t clients, messages, bytes;
};
void store_totals(struct vcx_db *db, struct agency_totals *totals);

/* ---- keys ---- */

/* Whose is it? false = nobody's. */
bool store_route(struct vcx_db *db, const uint8_t key[VCX_KEY], char client[VCX_UUID]);
void store_add_route(struct vcx_db *db, const uint8_t key[VCX_KEY], const char *client);
void store_drop_route(struct vcx_db *db, const uint8_t key[VCX_KEY]);

/* A client's keys, `n` of them from `at` on, in the order in which they came. Returns how many there were. */
size_t store_routes(struct vcx_db *db, const char *client, int64_t at, uint8_t (*keys)[VCX_KEY], size_t n);

/* ---- queue ---- */

void store_queue(struct vcx_db *db, const char *client, const uint8_t key[VCX_KEY], struct pbay_str envelope,
                 int64_t now);

/* What waits for a client; with a key only what is for it. NULL = any. */
struct agency_waiting {
    int64_t messages, bytes;
    int64_t oldest, newest; /* when they came; 0 = there are none */
};
void store_waiting(struct vcx_db *db, const char *client, const uint8_t *key, struct agency_waiting *w);

struct agency_queued {
    int64_t number;
    int64_t at;
    struct pbay_str envelope;
};

/* The oldest first, until `each` answers false. It may not read the queue itself. */
void store_each(struct vcx_db *db, const char *client, const uint8_t *key,
                bool (*each)(void *self, const struct agency_queued *queued), void *self);

/* One of this client's; another's, or none, is left alone. */
void store_remove(struct vcx_db *db, const char *client, int64_t number);

/* What came before is too old. */
void store_expire_queue(struct vcx_db *db, int64_t before);

/* ---- short links ---- */

struct agency_link {
    char client[VCX_UUID];
    bool used;
    int64_t expires_at;
    struct pb_buf url; /* owned by whoever asked */
};

bool store_link(struct vcx_db *db, const char *uid, struct agency_link *link);
void store_add_link(struct vcx_db *db, const char *uid, const char *client, struct pbay_str url, int64_t expires_at);
void store_use_link(struct vcx_db *db, const char *uid);

/* Used ones of a client but the newest `keep`. */
void store_trim_links(struct vcx_db *db, const char *client, int64_t keep);
void store_expire_links(struct vcx_db *db, int64_t before);

#endif
