/* The runtime's side of a package's slots, played by the suite: what a package may call, and what it said. */
#ifndef CONFORMANCE_FAKE_LINK_H
#define CONFORMANCE_FAKE_LINK_H

#include "node/pbay_conn.h"
#include "schema/pbay_conf.h"

#define FAKE_WHY     256
#define FAKE_LOG     512
#define FAKE_PENDING 4096 /* envelopes that a package may have answered PENDING at a time */

/* A value of config that the test gives; text NULL = null. A table of them ends with a NULL name. */
struct fake_option {
    const char *name, *text;
};

/* An envelope given to `send`: every string is a block of its own, so that a sanitizer sees who reads beside it. */
struct fake_sent {
    struct pbay_envelope e;
    uint64_t tag;
    bool settled;
    enum pbay_err err;
};

struct pbay_link {
    struct pbay_conn_conf *conf; /* the package's connection.yaml */
    const struct fake_option *options;
    const struct fake_option *spoilt; /* one more, before those; NULL = none */
    char dir[64];
    char why[FAKE_WHY]; /* of the last pbay_link_fail */
    char log[FAKE_LOG]; /* the last line of pbay_link_log */
    unsigned logged;
    int64_t timer_at; /* INT64_MAX = not set */
    bool woken;
    struct fake_sent *sending;               /* the slot runs with it now */
    struct fake_sent *pending[FAKE_PENDING]; /* in the order of sending */
    size_t n_pending;
    unsigned settled; /* how many were, in all */
};

/* A link with an empty data folder, and the end of both. */
void fake_link_init(struct pbay_link *link, const char *package_dir, const struct fake_option *options);
void fake_link_fini(struct pbay_link *link);

/* A copy of the envelope with the next tag, and its end. */
struct fake_sent *fake_sent_new(const struct pbay_envelope *e, uint64_t tag);
void fake_sent_destroy(struct fake_sent **sent);

/* Free what is pending: the package has disconnected and will not settle it. */
void fake_link_drop(struct pbay_link *link);

/* Milliseconds of the monotonic clock. */
int64_t fake_now(void);

/* The ops that the package's main hands to the runtime. */
const struct pbay_conn_ops *fake_package_ops(void);

#endif
