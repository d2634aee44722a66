/* The agent's side: an InBox and an OutBox over one link to the broker.
 *
 *     pbay_t agent;
 *     struct pbay_envelope e;
 *     pbay_open(&agent, NULL);
 *     while (pbay_get(agent, &e, NULL, -1) == PBAY_OK)
 *         pbay_reply(agent, &e, e.message, 1000, NULL);
 *     pbay_close(agent, 5000, NULL);
 *
 * Every function is thread-safe unless it says otherwise. A handle used after close gives PBAY_CLOSED, never a crash.
 */
#ifndef PBAY_H
#define PBAY_H

#include "pbay_envelope.h"
#include "pbay_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pbay {
    uint32_t id;
} pbay_t;

struct pbay_options {
    const char *endpoint;    /* NULL: PATCHBAY_ENDPOINT. Over tcp with PATCHBAY_KEY and PATCHBAY_BROKER_KEY, if set */
    const char *agent;       /* agent name as in agent.yaml; NULL: PATCHBAY_AGENT */
    const char *instance;    /* NULL: PATCHBAY_INSTANCE, else "0" */
    size_t outbox_envelopes; /* bound of the OutBox; 0: 1,024 */
    size_t outbox_bytes;     /* bound of the OutBox; 0: 16 MiB */
    /* Every end other than settled also as an envelope in the InBox, as if the addressee had answered:
     * fetchai/default:1.0.0, message = the performative `error` in AEA's protobuf (pbay_message.h), error_code 0
     * (unsupported protocol) for REFUSED and 4 (invalid dialogue) for the rest, error_data {code, cause, tag, to,
     * protocol}. At most outbox_envelopes wait; the oldest gives way. */
    bool error_envelopes;
    /* The InBox has only replies to what this very process has sent: other envelopes for this agent go to its other
     * processes. */
    bool send_only;
};

/* How an envelope that was put has ended. */
struct pbay_outcome {
    uint64_t tag;
    enum pbay_err err;   /* PBAY_OK = settled by its receiver */
    enum pbay_err cause; /* with OUTCOME_UNKNOWN: why; otherwise equal to err */
    char text[200];      /* the broker's sentence, NUL-ended, e.g. the rule's file and line; may be empty */
};

/* Open the agent's link and start its thread; attaches in the background and re-attaches for ever. options may be
 * NULL.
 *   PBAY_OK       *agent is valid
 *   PBAY_INVALID  an option or environment variable is missing or malformed; message on standard error
 *   PBAY_LIMIT    64 are open in this process
 *   PBAY_NOMEM, PBAY_IO */
enum pbay_err pbay_open(pbay_t *agent, const struct pbay_options *options);

/* Stop intake, wait up to timeout_ms (-1 = for ever) until all that was put has ended, say BYE, free everything. Other
 * threads' calls return PBAY_CLOSED. What was got and not acked is not settled: it will be given again. *left, if not
 * NULL, is the number of envelopes put whose end is not known. After PBAY_FENCED nothing can end any more and close
 * does not wait.
 *   PBAY_OK; PBAY_TIMEOUT = closed too, but *left > 0; PBAY_CLOSED */
enum pbay_err pbay_close(pbay_t agent, int timeout_ms, size_t *left);

/* Queue an envelope; its bytes are copied before return. *tag (may be NULL) names it in its outcome.
 *   PBAY_OK       it will end exactly once: settled or with a code
 *   PBAY_AGAIN    the OutBox stayed full until the deadline (0 = do not wait, -1 = for ever)
 *   PBAY_INVALID  a field breaks the envelope's rules (SPEC section 5)
 *   PBAY_TOO_BIG  larger than the broker's limit
 *   PBAY_FENCED   another process has taken this agent's name: exit with 76
 *   PBAY_CLOSED */
enum pbay_err pbay_put(pbay_t agent, const struct pbay_envelope *envelope, int timeout_ms, uint64_t *tag);

/* Put an answer to a received envelope: to and sender swapped, protocol kept, and routed to the very process that sent
 * it. */
enum pbay_err pbay_reply(pbay_t agent, const struct pbay_envelope *received, struct pbay_str message, int timeout_ms,
                         uint64_t *tag);

/* Lease the next envelope of the InBox. With lease == NULL it is acked by the next pbay_get on this handle, and never
 * if the process dies or closes first. With lease != NULL it stays leased until pbay_ack or pbay_nack. The views live
 * until then. Without leases, use from one thread at a time.
 *   PBAY_OK; PBAY_TIMEOUT (0 = do not wait, -1 = for ever); PBAY_FENCED; PBAY_CLOSED */
enum pbay_err pbay_get(pbay_t agent, struct pbay_envelope *envelope, uint64_t *lease, int timeout_ms);

struct pbay_message;
struct pbay_protocols;

/* pbay_get, with the message decoded (schema/pbay_message.h; zeroed before its first use). One whose protocol is not
 * known or that is malformed stops nothing: its sender is answered as AEA's error skill does (fetchai/default:1.0.0,
 * error, UNSUPPORTED_PROTOCOL or DECODING_ERROR with the envelope in error_data) and told MALFORMED with the reason,
 * and the next one is taken. Codes as pbay_get. */
enum pbay_err pbay_get_message(pbay_t agent, const struct pbay_protocols *protocols, struct pbay_envelope *envelope,
                               struct pbay_message *message, uint64_t *lease, int timeout_ms);

/* Finish a lease: the envelope is settled. PBAY_OK; PBAY_INVALID = no such lease; PBAY_CLOSED. */
enum pbay_err pbay_ack(pbay_t agent, uint64_t lease);

/* Finish a lease with failure: its sender's envelope ends with FAILED and text (may be NULL). Codes as pbay_ack. */
enum pbay_err pbay_nack(pbay_t agent, uint64_t lease, const char *text);

/* The next end of an envelope that was put, in the order of their ends. Kept, as many as twice the OutBox holds, until
 * asked for; the oldest settled one is dropped first when nobody asks.
 *   PBAY_OK; PBAY_TIMEOUT; PBAY_FENCED; PBAY_CLOSED */
enum pbay_err pbay_get_outcome(pbay_t agent, struct pbay_outcome *outcome, int timeout_ms);

/* The same for all that there are, up to `room`, at least one: *n says how many. For those who put many. */
enum pbay_err pbay_get_outcomes(pbay_t agent, struct pbay_outcome *outcomes, size_t room, size_t *n, int timeout_ms);

/* A descriptor that is readable while the InBox has an envelope or an outcome waits, and after PBAY_FENCED; never read
 * or close it. -1 = closed. */
int pbay_fd(pbay_t agent);

/* Is the link to the broker up? */
bool pbay_is_connected(pbay_t agent);

#ifdef __cplusplus
}
#endif
#endif
