/* Between the files of the connection runtime: conn.c (life of the process), conn_ops.c (envelopes in both directions),
 * conn_config.c (environment and configuration), conn_cert.c (certificates), conn_api.c and conn_value.c (what a
 * package calls), conn_sync.c (blocking packages). */
#ifndef PB_CONN_INT_H
#define PB_CONN_INT_H

#include <uthash.h>

#include "node/exits.h"
#include "node/link.h"
#include "node/pbay_conn.h"
#include "node/pbay_sync.h"
#include "schema/pbay_conf.h"

struct pb_cert;

#define CONN_MAX_ENVELOPES 1024 /* read from the outside world and not ended */
#define CONN_MAX_BYTES     (16U << 20)
#define CONN_BATCH         256 /* sends, receives or outcomes before the next kind has its turn */
#define CONN_WHY           256 /* bytes of a reason, NUL included */

/* An envelope whose send answered PENDING. */
struct conn_pending {
    uint64_t tag;
    struct pb_held *held;
    UT_hash_handle hh;
};

/* An envelope from receive that has not ended: the session's tag and the package's. */
struct conn_source {
    uint64_t tag, source;
    UT_hash_handle hh;
};

/* An envelope from receive that found the OutBox full: one allocation with its bytes behind it. */
struct conn_kept {
    struct pbay_envelope e;
    uint64_t source;
    char bytes[];
};

/* The slot that a thread of the package runs now; NULL = none. One for the ops thread, one for each worker. Written
 * without the mutex, since every envelope comes here twice; read by the driver's watch. */
struct conn_call {
    _Atomic(const char *) op;
    _Atomic int64_t since, stuck_at;
    atomic_bool stuck;
    struct conn_call *next;
};

struct conn_report {
    enum pb_node_state state;
    enum pbay_err code;
    uint32_t retry_ms;
    char text[CONN_WHY];
};

struct pbay_link {
    const struct pbay_conn_ops *ops;
    const struct pbay_sync_ops *sync; /* behind ops; NULL = ops are the package's own */
    void *self;
    struct pb_link io;

    /* settled before the link is opened, then never changed */
    struct pbay_conn_conf *own;         /* the package's connection.yaml alone; NULL = the agent has its folder */
    struct pbay_agent_conf *agent_conf; /* NULL without PATCHBAY_AGENT_FILE */
    const struct pbay_conn_conf *conf;  /* one of the two: with overrides if there are any */
    const char *endpoint, *agent, *instance, *data_dir;
    int64_t drain_ms;

    /* written by the ops thread before connect; read by any slot */
    struct pb_cert *certs; /* beside conf->cert_requests, all good; NULL = none */

    /* the ops thread only */
    bool connected, want_receive, again;
    bool stopping; /* SIGTERM has come */
    bool draining; /* nothing is received any more */
    bool leaving;  /* and the package is quiet: the broker was told DRAIN */
    bool serve;    /* the package's descriptor is readable, but nothing can be received */
    int64_t connect_at, connected_at, again_at, timer_at, drain_at, cert_at;
    unsigned failures;
    char why[CONN_WHY];
    struct conn_kept *kept;
    uint64_t next_tag;

    /* under io.mutex */
    struct conn_pending *pending;
    struct conn_source *sources;
    struct {
        uint64_t tag; /* of the send that runs now; 0 = none */
        bool settled; /* settled before it returned */
        enum pbay_err err;
        char text[CONN_WHY];
    } sending;
    struct conn_report report; /* what was last said */
    int verdict;               /* exit status that a failed send asks for; 0 = none */
    char verdict_why[CONN_WHY];
    struct conn_call call;   /* the ops thread's */
    struct conn_call *calls; /* all that are watched */
    int64_t stop_at;

    atomic_bool woken; /* by pbay_link_wake */
};

/* conn_config.c: fill in the configuration; a message on standard error and false if it is not good. fini frees it. */
bool conn_config_load(struct pbay_link *link);
void conn_config_fini(struct pbay_link *link);

/* conn_cert.c: are all certificates there and good? Otherwise the state is `failed` with the reason, and connect_at is
 * when to ask again. */
bool conn_certs_ready(struct pbay_link *link);

/* conn_cert.c: while connected: one that has expired ends the connection. */
void conn_certs_watch(struct pbay_link *link, int64_t now);
void conn_certs_fini(struct pbay_link *link);

/* conn.c: pbay_conn_main, for ops that stand for sync ones. */
int conn_main(int argc, char **argv, const struct pbay_conn_ops *ops, const struct pbay_sync_ops *sync);

/* conn.c: a slot begins and ends on the ops thread; the watch for stuck slots lies between. */
void conn_op_begin(struct pbay_link *link, const char *op);
void conn_op_end(struct pbay_link *link);

/* The same on any thread; the call was added to link->calls. now = pb_now(). */
void conn_call_begin(struct conn_call *call, const char *op, int64_t now);
void conn_call_end(struct pbay_link *link, struct conn_call *call);

/* conn.c: tell the broker, any thread. */
void conn_report(struct pbay_link *link, enum pb_node_state state, enum pbay_err code, const char *text, int64_t retry);

/* conn.c: disconnect, and connect again after a while; the reason is link->why or err's sentence. */
void conn_reconnect(struct pbay_link *link, enum pbay_err err);

/* conn_ops.c: one batch of each kind; true = there may be more. */
bool conn_send(struct pbay_link *link);
bool conn_receive(struct pbay_link *link);
bool conn_outcomes(struct pbay_link *link);

/* conn_ops.c: put an envelope, any thread; source comes back in the slot outcome. The mutex is held. */
enum pbay_err conn_put(struct pbay_link *link, const struct pbay_envelope *e, uint64_t source);

/* conn_api.c: settle a pending envelope with a sentence of one's own. */
enum pbay_err conn_settle(struct pbay_link *link, uint64_t tag, enum pbay_err err, const char *text);

/* conn_sync.c: where pbay_link_fail writes on the thread that calls; NULL = that is no worker. */
char *conn_sync_why(const struct pbay_link *link);

/* conn_ops.c: let the streams go on that answered AGAIN. */
void conn_unblock(struct pbay_link *link);

/* conn_ops.c: what is still pending ends OUTCOME_UNKNOWN: its package has disconnected and will not settle it. */
void conn_end_pending(struct pbay_link *link);

/* conn_ops.c: after the link was closed. */
void conn_ops_fini(struct pbay_link *link);

/* conn_ops.c: the caller holds io.mutex. A send has failed: exception_policy. */
void conn_failed(struct pbay_link *link, const char *text);

/* conn_ops.c: the caller holds io.mutex. Finish h: a reason that is no END code becomes FAILED. */
void conn_finish(struct pbay_link *link, struct pb_held *h, enum pbay_err err, const char *text);

#endif
