/* The connection runtime: what a connection package implements, and what it may call.
 *
 * A package is an executable with one line of main: `return pbay_conn_main(argc, argv, &ops);`. The runtime owns the
 * link to the broker (a thread of its own), reads connection.yaml, retries `connect`, settles what `send` has finished
 * and keeps what `receive` gave until it is settled. Every slot runs on one thread, the ops thread, never two at a
 * time; a slot may block (the state then says "stuck", and on_stuck of connection.yaml what happens next), but nothing
 * else of this connection runs meanwhile.
 */
#ifndef PBAY_CONN_H
#define PBAY_CONN_H

#include <stddef.h>

#include "pbay_envelope.h"
#include "pbay_err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pbay_link;

struct pbay_conn_ops {
    const char *class_name; /* must equal class_name in connection.yaml */
    size_t state_size;      /* the runtime allocates so many zeroed bytes and passes them as self */

    /* Set up what the outside world needs. Called until it returns PBAY_OK, with back-off; leaves self fit for
     * disconnect even on failure. Other codes: pbay_link_fail() said why. NULL = nothing to set up. */
    enum pbay_err (*connect)(void *self, struct pbay_link *link);

    /* Undo connect; idempotent; also called after a failed connect and at the end. No thread of the package may use an
     * envelope after it: what is still PENDING then ends with OUTCOME_UNKNOWN, or stays unsettled at the end of the
     * process. NULL = nothing to undo. */
    void (*disconnect)(void *self);

    /* An envelope for the outside world; e and its views are borrowed until the slot returns (with PENDING: until
     * settled).
     *   PBAY_OK       done: it is settled
     *   PBAY_PENDING  pbay_link_settle(link, tag, err) comes later; more envelopes may be given meanwhile
     *   PBAY_AGAIN    not now: given again after pbay_link_wake or 10 ms, nothing later on its stream before it
     *   MALFORMED     its message cannot be decoded: it ends with that and pbay_link_fail's text, and that is all
     *   other         the envelope ends with FAILED and pbay_link_fail's text: its sender is told, and exception_policy
     *                 of connection.yaml says whether the connection goes on
     * NULL = this connection sends nothing: every envelope ends with REFUSED. */
    enum pbay_err (*send)(void *self, const struct pbay_envelope *e, uint64_t tag);

    /* The next envelope from the outside world into *e; its views live until the next call of any slot (the runtime
     * copies). PBAY_OK; PBAY_AGAIN = none now; other = the connection is disconnected and connected again. Set *tag to
     * whatever should come back in outcome. NULL = nothing ever comes in. */
    enum pbay_err (*receive)(void *self, struct pbay_envelope *e, uint64_t *tag);

    /* How an envelope that receive gave has ended: PBAY_OK = settled by the agent; otherwise the END code. Called
     * exactly once for each in the order of their ends, between disconnect and connect as well; after it the source
     * may forget. NULL = not interested. */
    void (*outcome)(void *self, uint64_t tag, enum pbay_err err);

    /* A descriptor that is readable when receive has something; asked again after each connect. -1 = none: then receive
     * is called after pbay_link_wake and when a timer fires. NULL = none. */
    int (*fd)(void *self);

    /* The timer set by pbay_link_timer fired. NULL = only receive is called. */
    void (*timer)(void *self);

    /* fd is readable while nothing can be received, because the OutBox is full or the connection drains: serve the
     * outside world all the same, until fd is not readable any more. NULL = the outside world waits. */
    void (*serve)(void *self);

    /* What receive gives answers what was sent: it is called until drain has returned true, not only until SIGTERM. */
    bool answers;

    /* SIGTERM: take nothing new; receive is not called any more, unless it gives answers. Called when it comes and
     * again at least every 250 ms, until it returns true: nothing is under way that an envelope could still answer.
     * Until then envelopes are given to send as before; from then on none is started. The process does not end before,
     * up to its deadline. NULL = true. */
    bool (*drain)(void *self);
};

/* Run the connection until SIGTERM (drain, exit 0), FENCED (exit 76), what on_stuck and exception_policy ask for (77 to
 * 79, see `--help`) or a fatal error (exit 1; 2 for bad configuration). `--help` lists the environment variables it
 * reads. It catches SIGTERM and SIGINT (a second one ends the process at once) and SIGUSR2 (print the frames of the
 * link), and ignores SIGPIPE; signals come to the ops thread only. */
int pbay_conn_main(int argc, char **argv, const struct pbay_conn_ops *ops);

/* Settle an envelope whose send returned PBAY_PENDING, or is about to: PBAY_OK, or the reason its sender is told (a
 * code that no envelope can end with becomes FAILED). A tag that is not pending gives PBAY_INVALID and changes nothing.
 * Thread-safe. */
enum pbay_err pbay_link_settle(struct pbay_link *link, uint64_t tag, enum pbay_err err);

/* The same for one that has failed, with a sentence for its sender (255 bytes) instead of err's own. */
enum pbay_err pbay_link_settle_why(struct pbay_link *link, uint64_t tag, enum pbay_err err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Call the timer slot (and receive) once in ms milliseconds; a later call replaces it; negative = cancel. Ops thread
 * only. */
void pbay_link_timer(struct pbay_link *link, int ms);

/* Make the ops thread call receive, and send again what answered AGAIN. Thread-safe, never blocks, not signal-safe. */
void pbay_link_wake(struct pbay_link *link);

/* Say why: kept (255 bytes) and shown as the state's reason after a slot returned an error; also logged. Returns code,
 * so that a slot can `return pbay_link_fail(link, PBAY_IO, "open %s: %s", path, strerror(errno))`. Ops thread only. */
enum pbay_err pbay_link_fail(struct pbay_link *link, enum pbay_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line to standard error with the connection's name. Thread-safe. */
void pbay_link_log(struct pbay_link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Values of `config` in connection.yaml with agent.yaml's override laid over it. name is a key, nested keys with dots.
 * The text lives as long as the link. Absent: fallback. A value of another type is a configuration error at start,
 * reported with its file and line, when the key is declared so in the package's own connection.yaml. Ops thread only.
 */
const char *pbay_link_config(struct pbay_link *link, const char *name, const char *fallback);
int64_t pbay_link_config_int(struct pbay_link *link, const char *name, int64_t fallback);
bool pbay_link_config_bool(struct pbay_link *link, const char *name, bool fallback);

/* A number of `config` with its bounds, and where it goes: a uint32_t at offset. */
struct pbay_config_number {
    const char *key;
    size_t offset;
    uint32_t fallback, min, max;
};

/* Read n of them into *base. PBAY_OK; PBAY_CONFIG = one is no whole number within its bounds, and pbay_link_fail was
 * told so: connect returns it. Ops thread only. */
enum pbay_err pbay_link_config_numbers(struct pbay_link *link, const struct pbay_config_number *numbers, size_t n,
                                       void *base);

/* pbay_link_fail for a value of `config`: "config.KEY: expected WHAT, found FOUND". found: NULL = nothing. Returns
 * PBAY_CONFIG. Ops thread only. */
enum pbay_err pbay_link_expected(struct pbay_link *link, const char *key, const char *what, const char *found);

/* The path that a value of `config` means: value itself when it is absolute, else relative to pbay_link_data_dir. The
 * caller frees it. NULL = it is empty or too long, and pbay_link_expected was told. Ops thread only. */
char *pbay_link_path(struct pbay_link *link, const char *key, const char *value);

/* Directory for the connection's files: relative paths in its config are relative to it. Lives as long as the link. */
const char *pbay_link_data_dir(struct pbay_link *link);

/* Public id of this connection, address of the agent it belongs to, its instance. Live as long as the link. */
const char *pbay_link_public_id(struct pbay_link *link);
const char *pbay_link_agent(struct pbay_link *link);
const char *pbay_link_instance(struct pbay_link *link);

/* A certificate that connection.yaml asks for in `cert_requests`: the agent's signature of a message that names a key,
 * to be shown to those who have to believe that whoever has the key acts for the agent. All texts are those of the
 * configuration and of AEA's ledgers. */
struct pbay_certificate {
    const char *identifier, *ledger_id;
    const char *public_key;             /* which it is about */
    const char *signer;                 /* the agent's public key */
    const char *not_before, *not_after; /* as they were signed */
    const char *signature;              /* as AEA's get_signature returns it */
    struct pbay_str message;            /* what was signed */
};

/* The nth certificate of that identifier, from 0. All have been verified when `connect` is called: a connection whose
 * certificates are missing, not valid now, or for another key or identifier is not connected at all, and ends when one
 * expires. The texts live until disconnect has returned. PBAY_OK; PBAY_INVALID = there is no such request; PBAY_EXPIRED
 * = not valid any more. From connect to disconnect, in any slot. */
enum pbay_err pbay_link_certificate(struct pbay_link *link, const char *identifier, size_t nth,
                                    struct pbay_certificate *cert);

#ifdef __cplusplus
}
#endif
#endif
