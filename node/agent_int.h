/* Between the files of the agent library: agent.c (handles, put, get, close), agent_in.c (leases, outcomes, error
 * envelopes). */
#ifndef PB_AGENT_INT_H
#define PB_AGENT_INT_H

#include <uthash.h>

#include "node/link.h"
#include "node/pbay.h"
#include "schema/pbay_message.h"

#define AGENT_ENVELOPES 1024
#define AGENT_BYTES     (16U << 20)

/* An `error` envelope that we made ourselves; one allocation with its strings behind it. */
struct agent_local {
    struct pbay_envelope e;
    struct agent_local *prev, *next;
    char bytes[];
};

/* An envelope that was got and is neither acked nor nacked; one of held and local is set. */
struct agent_lease {
    uint64_t id;
    struct pb_held *held;
    struct agent_local *local;
    UT_hash_handle hh;
};

/* What an error envelope needs to know of the envelope that failed; kept only when they are wanted. */
struct agent_sent {
    uint64_t tag;
    struct pbay_str to, sender, protocol;
    UT_hash_handle hh;
    char bytes[];
};

struct agent {
    struct pb_link io;
    char *endpoint, *name, *instance;
    size_t max_envelopes;
    bool error_envelopes;
    struct pbay_protocols *protocols; /* to write them; NULL = they are not wanted */
    int fd;                           /* an eventfd: readable while there is something to get */

    /* under io.mutex */
    bool closed, fd_set;
    uint64_t next_lease, auto_lease; /* auto_lease: of the get without a lease; 0 = none */
    struct agent_lease *leases;
    struct agent_local *locals;
    size_t n_seen; /* of the session's outcomes, those that error envelopes were made of */
    struct agent_sent *sent;
    size_t n_locals;
};

/* Without the mutex: finish a lease; or let the next pbay_get do that. Codes as pbay_ack. */
enum pbay_err agent_finish(pbay_t agent, uint64_t lease, enum pbay_err err, const char *text);
enum pbay_err agent_ack_later(pbay_t agent, uint64_t lease);

/* All of these: io.mutex is held. */

/* Make error envelopes of new outcomes, and forget the oldest if nobody asks for them. */
void agent_take_ends(struct agent *a);

/* Make fd readable or not, as it should be now. */
void agent_set_fd(struct agent *a);

/* Remember what an envelope said, for the error envelope that may come of it. */
void agent_note_sent(struct agent *a, const struct pbay_envelope *e, uint64_t tag);

/* Lease the next envelope; NULL = there is none. */
struct agent_lease *agent_lease_next(struct agent *a, int64_t now);
const struct pbay_envelope *agent_lease_envelope(const struct agent_lease *lease);

/* Finish a lease. false = there is none of that number. */
bool agent_lease_finish(struct agent *a, uint64_t id, enum pbay_err err, const char *text);

/* The oldest end into *o; false = none. */
bool agent_next_end(struct agent *a, struct pbay_outcome *o);

/* After the link was closed: free all of the above. */
void agent_in_fini(struct agent *a);

#endif
