/* Connections with blocking code: the second interface of a connection package, on the same runtime as pbay_conn.h.
 *
 * on_send runs in a pool of worker threads and may block; main runs in a thread of its own from connect to disconnect
 * and puts what comes in. Everything else (link, retries, settlement, configuration) is the runtime's, and the
 * functions of pbay_conn.h work in every slot, except pbay_link_settle, pbay_link_timer and pbay_link_wake.
 */
#ifndef PBAY_SYNC_H
#define PBAY_SYNC_H

#include "pbay_conn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_MAX_WORKERS     64
#define PBAY_DEFAULT_WORKERS 5

struct pbay_sync_ops {
    const char *class_name; /* must equal class_name in connection.yaml */
    size_t state_size;      /* so many zeroed bytes are passed as self; the slots share them, locking is yours */

    /* As connect and disconnect of pbay_conn_ops. While they run no other slot does: disconnect comes when main and all
     * on_send have returned. */
    enum pbay_err (*on_connect)(void *self, struct pbay_link *link);
    void (*on_disconnect)(void *self);

    /* An envelope for the outside world, in a worker; borrowed until return. PBAY_OK: it is settled. PBAY_MALFORMED:
     * its message cannot be decoded, and it ends with that. Otherwise it ends with FAILED and pbay_link_fail's text,
     * its sender is told, and the connection's state shows the reason until an on_send succeeds. `max_thread_workers`
     * in config (1 to 64, default 5) run at once; with 1, the order of each stream is kept; with more, only the order
     * of their beginnings. NULL = every envelope ends with REFUSED. */
    enum pbay_err (*on_send)(void *self, const struct pbay_envelope *e);

    /* The source of envelopes. It has a thread of its own beside the workers and must return soon after
     * pbay_link_wait or pbay_put_envelope have said that it is over. PBAY_OK: it has done its work, the connection
     * stays. Otherwise the connection is disconnected, shows pbay_link_fail's text, and is connected again after a
     * while, main with it. NULL = nothing ever comes in. */
    enum pbay_err (*main)(void *self);

    /* How an envelope of pbay_put_envelope has ended, with its tag: as `outcome` of pbay_conn_ops; must not block.
     * NULL = not interested. */
    void (*on_outcome)(void *self, uint64_t tag, enum pbay_err err);
};

/* As pbay_conn_main. */
int pbay_sync_main(int argc, char **argv, const struct pbay_sync_ops *ops);

/* Give the agent an envelope from the outside world; its bytes are copied. tag comes back in on_outcome. From main or
 * any other slot; blocks while the OutBox is full. PBAY_OK       it will end exactly once PBAY_AGAIN    still full
 * after timeout_ms (-1 = wait for ever, 0 = not at all) PBAY_INVALID, PBAY_TOO_BIG  it breaks the rules of an envelope
 * (SPEC section 5) PBAY_CLOSED   the connection disconnects or drains: it was not taken */
enum pbay_err pbay_put_envelope(struct pbay_link *link, const struct pbay_envelope *e, uint64_t tag, int timeout_ms);

/* Wait ms milliseconds, or until the connection disconnects or drains: then false at once, and main returns. From main
 * or on_send only. */
bool pbay_link_wait(struct pbay_link *link, int ms);

#ifdef __cplusplus
}
#endif
#endif
