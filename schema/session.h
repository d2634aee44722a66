/* The node's end of the link protocol as a pure state machine: no socket, no clock, no thread. Agent library,
 * connection runtime and simulator drive the same code. Times are milliseconds of any monotonic clock, passed in.
 *
 *   in:  pb_session_up/down (a socket was opened/closed), pb_session_frame (a message came), pb_session_tick (time
 * passed), pb_session_put (an envelope to send), pb_session_next/finish/give_back (work on received envelopes) out:
 * pb_session_pack (the next message to send), pb_session_outcome (how a put envelope ended), wants_close, fatal
 *
 * Files: session.c (link), session_put.c and session_send.c (streams as their sender: what was put; what goes out and
 * how it ends), session_recv.c and session_held.c (streams as their receiver: opening and forgetting; envelopes).
 */
#ifndef PB_SESSION_H
#define PB_SESSION_H

#include <uthash.h>

#include "schema/frame.h"
#include "schema/outcomes.h"
#include "schema/pool.h"
#include "schema/window.h"

struct pb_session_conf {
    enum pb_role role;
    struct pbay_str agent, name, instance, public_id; /* borrowed for ever */
    uint8_t incarnation[PBAY_ID_SIZE];
    size_t max_envelopes, max_bytes; /* bound of what is retained until its end */
    bool send_only;                  /* takes nothing: its state says so from the first CONFIRM on */
};

/* What a sender retains of an envelope until it has ended. */
struct pb_retained {
    uint64_t tag;
    int64_t deadline;              /* 0 = none */
    uint8_t stamped[PBAY_ID_SIZE]; /* receiver at the first PUB, of one that may not be repeated */
    bool is_stamped, has_id;
    enum pbay_replay replay;
    uint32_t ttl_at; /* offset in the part of the time to live, 0 = none */
    uint32_t n;      /* bytes of the part */
    uint8_t part[];  /* the whole PUB array; header patched at each sending */
};

struct pb_sender {
    uint32_t no;
    enum { PB_IDLE, PB_OPENING, PB_OPEN_STREAM } state;
    char *key; /* to, sender, connection, instance, handle and split protocol, each behind its length */
    size_t key_n;
    struct pbay_str to, sender, connection, instance, origin, split; /* views into key */
    char *protocols[PB_MAX_PROTOCOLS];
    uint32_t n_protocols, n_opened; /* known; told to the broker */
    uint32_t round, credit_n, used_n;
    uint64_t credit_b, used_b, pos, prev, sent_high;
    bool need_sent;
    uint8_t receiver[PBAY_ID_SIZE];
    struct pb_window w;      /* p = struct pb_retained */
    enum pbay_replay replay; /* the receiver's class, from OPENED */
    bool in_turn;            /* on the list of streams that have something to send */
    UT_hash_handle by_no, by_key;
    struct pb_sender *prev_use, *next_use;   /* least recently used first */
    struct pb_sender *prev_turn, *next_turn; /* in the order of their turns */
};

/* Strings of a received stream, shared by its envelopes, which may outlive it. */
struct pb_names {
    uint32_t refs, n_protocols;
    struct pbay_str name, instance, to, sender, protocols[PB_MAX_PROTOCOLS];
    char bytes[];
};

/* A received envelope, held until it is finished. */
struct pb_held {
    struct pb_receiver *stream; /* NULL: its stream was closed meanwhile */
    struct pb_names *names;
    uint64_t seq;
    int64_t deadline;       /* until then it may be started; 0 = for ever */
    struct pbay_envelope e; /* views into part and names */
    struct pb_held *prev, *next;
    size_t n; /* bytes of part */
    uint8_t part[];
};

struct pb_receiver {
    uint8_t key[PBAY_ID_SIZE + 4]; /* sender's incarnation and its stream number */
    uint32_t no;                   /* the broker's number on this link; 0 = not opened on it */
    uint32_t round;
    uint64_t prev, hi, base, next;
    bool dirty, releasing, blocked;
    bool serving;     /* opened on our last link and not released: what we claim */
    uint64_t barrier; /* nothing behind it is started until its END, EXPIRED, is answered; 0 = none */
    struct pb_receiver *next_dirty;
    struct pb_names *names;
    uint32_t held;      /* given to us and neither settled nor ended */
    uint32_t above;     /* settled above the watermark */
    struct pb_window w; /* lo - 1 is the watermark; p = struct pb_held, or the text of a refusal */
    UT_hash_handle by_key, by_no;
};

struct pb_session {
    struct pb_session_conf conf;
    enum { PB_NO_SOCKET, PB_HELLO_SENT, PB_LINKED } state;
    bool wants_close;  /* the socket is to be closed: pb_session_down, then a new one */
    enum pbay_err why; /* the reason for that, or the last REJECT */
    char text[PB_MAX_TEXT + 1];
    bool fatal;    /* FENCED: this process is to end */
    bool draining; /* we said DRAIN */
    bool broker_draining;
    bool said_bye; /* nothing follows BYE on a link */
    bool ping_due; /* PING goes with the next message */
    uint64_t link, sent, received;
    uint8_t boot[PBAY_ID_SIZE];
    bool has_boot;
    int64_t lease, last_received, next_ping;
    uint32_t heartbeat_ms, timeout_ms, max_envelope;
    char **routed; /* protocols with a default route of their own: each gets its own stream */
    uint32_t n_routed;
    struct pb_frame report; /* our STATE, repeated on every new link; strings in report_text */
    char report_text[PB_MAX_TEXT + 1];
    bool reported;
    struct pb_buf ctl; /* control frames of the next message */

    struct pb_sender *senders, *senders_by_key, *use;
    struct pb_sender *turns; /* streams that have something to send */
    struct pb_sender *last;  /* of the envelope put last; NULL = none, or it is to be looked up */
    uint32_t next_no, n_senders;
    size_t n_retained, b_retained;
    uint64_t next_tag;
    int64_t next_deadline; /* earliest time to live, INT64_MAX = none */

    struct pb_receiver *receivers, *receivers_by_no;
    struct pb_receiver *recent; /* looked up last; or NULL */
    struct pb_held *ready;      /* held, not started, in order of arrival */
    uint32_t n_started, n_receivers;
    struct pb_receiver *dirty; /* streams that owe a SETTLE */

    struct pb_outcomes outcomes;
    struct pb_pool pool; /* of retained and held envelopes */
};

void pb_session_init(struct pb_session *s, const struct pb_session_conf *conf);
/* What the application has started and not finished stays its own: pb_session_finish frees it, also afterwards. */
void pb_session_fini(struct pb_session *s);

/* A new socket is connected or connecting: HELLO is the first message of pb_session_pack. */
void pb_session_up(struct pb_session *s, int64_t now);

/* The socket is closed. Unstarted envelopes are forgotten; what was put is retained. */
void pb_session_down(struct pb_session *s);

/* A message came. Sets wants_close when the link must end (SPEC 3.4); borrowed for the call. */
void pb_session_frame(struct pb_session *s, int64_t now, const uint8_t *p, size_t n);

/* Time passed: PING, silence, time to live. Returns when it wants to be called again at the latest. */
int64_t pb_session_tick(struct pb_session *s, int64_t now);

/* Append the next message to b; false = nothing to send now. The caller sends each message exactly once, in order. */
bool pb_session_pack(struct pb_session *s, int64_t now, struct pb_buf *b);

/* Retain and send an envelope; copied.
 *   PBAY_OK; PBAY_AGAIN = bound reached, try after an outcome; PBAY_INVALID, PBAY_TOO_BIG */
enum pbay_err pb_session_put(struct pb_session *s, int64_t now, const struct pbay_envelope *e, uint64_t *tag);

/* The next end of a put envelope into *o, whose text is the caller's to free; false = none. */
bool pb_session_outcome(struct pb_session *s, struct pb_outcome *o);

/* Start the next received envelope: it is shown to the application now. NULL = none may be started. It lives until
 * finish. */
struct pb_held *pb_session_next(struct pb_session *s, int64_t now);

/* Is there one that waits for nothing but that? */
bool pb_session_ready(const struct pb_session *s);

/* The application has finished with it: err PBAY_OK settles; otherwise the sender is told END err, text. h is freed. */
void pb_session_finish(struct pb_session *s, struct pb_held *h, enum pbay_err err, const char *text);

/* Not now: its stream waits until pb_session_unblock; it is then the first to be started again. */
void pb_session_give_back(struct pb_session *s, struct pb_held *h);
void pb_session_unblock(struct pb_session *s);

/* Tell the broker our state; repeated after each new link. */
void pb_session_report(struct pb_session *s, enum pb_node_state state, enum pbay_err code, const char *text,
                       uint32_t retry_ms);

/* Stop taking: DRAIN is sent; what is started finishes. pb_session_drained: nothing started and nothing retained. */
void pb_session_drain(struct pb_session *s);
bool pb_session_drained(const struct pb_session *s);

/* Say BYE in the next message, behind what is settled: a clean end; nothing follows it on this link. */
void pb_session_bye(struct pb_session *s);

#endif
