/* Dialogues: which messages belong together, and which may come next. A message names its dialogue by a reference of
 * two halves, the starter's and the responder's; it has an id, and the id of the message that it answers, its target.
 * The rules are the protocol's (pbay_protocol.h) and those of AEA:
 *
 *   - the starter's messages are 1, 2, 3, ..., the responder's -1, -2, -3, ...;
 *   - the first has target 0 and a performative that may begin a dialogue; every later one answers a message of this
 *     dialogue, its own side's or the other's, with a performative that may answer that one's;
 *   - behind a performative of termination nothing follows;
 *   - the responder's half is empty until the responder's first message brings it.
 *
 *     struct pbay_dialogues *ds = pbay_dialogues_new(&(struct pbay_dialogues_opt){.protocols = p, .protocol_id = id,
 *                                                                                 .self = me, .seed = random}, why);
 *     if (pbay_dialogue_take(ds, now, e.sender, &m, &d) == PBAY_DIALOGUE_OK)
 *         ... pbay_http_response_init(&answer, ...), pbay_dialogue_reply(ds, now, d, 0, &answer) ...
 *
 * Nothing here has a clock, a thread or a random number: times are milliseconds that never go back. Not thread-safe. */
#ifndef PBAY_DIALOGUE_H
#define PBAY_DIALOGUE_H

#include "pbay_message.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_MAX_DIALOGUES         65536 /* at once */
#define PBAY_MAX_DIALOGUE_MESSAGES 4096  /* of one side of one dialogue */
#define PBAY_MAX_REFERENCE         128   /* bytes of one half of a reference */

/* Why a message does not fit. To add one: append a row, and reach it in tests/unit/dialogue.c.
 * X(name, number, what it means to a human) */
#define PBAY_DIALOGUE_ERRORS(X)                                                        \
    X(OK, 0, "ok")                                                                     \
    X(PROTOCOL, 1, "the message is not one of this protocol")                          \
    X(OPPONENT, 2, "the other side is no address, or is this side itself")             \
    X(REFERENCE, 3, "the message has no starter's reference, or one that is too long") \
    X(UNKNOWN, 4, "there is no such dialogue: it never was, or it was forgotten")      \
    X(DUPLICATE, 5, "the other side has begun a dialogue with this reference already") \
    X(MESSAGE_ID, 6, "the message id is not the next one of its side")                 \
    X(TARGET, 7, "the target is no message of this dialogue")                          \
    X(INITIATION, 8, "this performative may not begin a dialogue")                     \
    X(REPLY, 9, "this performative may not answer that of its target")                 \
    X(OVER, 10, "the dialogue is over")                                                \
    X(TOO_LONG, 11, "the dialogue has as many messages as are allowed")                \
    X(NOT_OVER, 12, "the dialogue is not over, and has no end state yet")              \
    X(END_STATE, 13, "the protocol has no such end state, or the dialogue has one already")

enum pbay_dialogue_err {
#define PBAY_DIALOGUE_ENUM(name, number, text) PBAY_DIALOGUE_##name = number,
    PBAY_DIALOGUE_ERRORS(PBAY_DIALOGUE_ENUM)
#undef PBAY_DIALOGUE_ENUM
        PBAY_DIALOGUE_ERR_COUNT
};

/* One sentence for a human; a static string. Thread-safe. */
const char *pbay_dialogue_text(enum pbay_dialogue_err err);

struct pbay_dialogues_opt {
    const struct pbay_protocols *protocols; /* borrowed for as long as the dialogues live */
    struct pbay_str protocol_id;
    struct pbay_str self;       /* our address, or our public id; copied */
    uint64_t seed;              /* random: it makes our halves of references different from those of another process */
    size_t max;                 /* 1..PBAY_MAX_DIALOGUES at once; 0 = 1024 */
    uint64_t max_age_ms;        /* since its last message; 0 = for ever */
    const char *starter_role;   /* of the protocol's roles; NULL = the first */
    const char *responder_role; /* NULL = the last */
};

/* Dialogues of one address in one protocol. */
struct pbay_dialogues;

/* NULL = an option is wrong, or the protocol has no rules for dialogues: why. Destroyed by the caller. */
struct pbay_dialogues *pbay_dialogues_new(const struct pbay_dialogues_opt *opt, char why[PBAY_MAX_WHY]);
void pbay_dialogues_destroy(struct pbay_dialogues **dialogues);

/* Dialogues are known by numbers that are never used again; 0 is none. When there are as many as allowed, a new one
 * takes the place of the one that has been over the longest, else of the one that was silent the longest.
 *
 * Of all three: PBAY_DIALOGUE_OK, or why not, and then nothing has changed, m included, and *id is 0. */

/* Begin a dialogue with m, which has its performative: its reference, id and target are set. */
enum pbay_dialogue_err pbay_dialogue_open(struct pbay_dialogues *ds, uint64_t now, struct pbay_str opponent,
                                          struct pbay_message *m, uint64_t *id);

/* Make m the next message of ours in the dialogue: reference, id, target and encoding are set. target 0 is the last
 * message of the other side, or, before it has sent one, our own last. */
enum pbay_dialogue_err pbay_dialogue_reply(struct pbay_dialogues *ds, uint64_t now, uint64_t id, int32_t target,
                                           struct pbay_message *m);

/* A message that has come in: *id is its dialogue, which may be a new one. */
enum pbay_dialogue_err pbay_dialogue_take(struct pbay_dialogues *ds, uint64_t now, struct pbay_str sender,
                                          const struct pbay_message *m, uint64_t *id);

/* AEA's label of a dialogue. */
struct pbay_dialogue_label {
    struct pbay_str starter_reference;
    struct pbay_str responder_reference; /* empty = not known yet */
    struct pbay_str opponent, starter;   /* addresses */
};

struct pbay_dialogue_info {
    struct pbay_dialogue_label label;
    bool self_initiated;
    bool over;
    const char *role;                     /* ours */
    const char *end_state;                /* NULL = none was told */
    int32_t last_incoming, last_outgoing; /* message ids; 0 = none */
};

/* false = there is no such dialogue. The views live until the next call that is not one of these two. */
bool pbay_dialogue_look(const struct pbay_dialogues *ds, uint64_t id, struct pbay_dialogue_info *info);

/* Performative of one of its messages; NULL = no such dialogue or message. */
const char *pbay_dialogue_performative(const struct pbay_dialogues *ds, uint64_t id, int32_t message_id);

/* Say how a dialogue that is over has ended; it is counted, once. PBAY_DIALOGUE_OK, UNKNOWN, NOT_OVER, END_STATE. Where
 * the protocol does not keep dialogues that are over, they stay until then, or until they are in the way. */
enum pbay_dialogue_err pbay_dialogue_end(struct pbay_dialogues *ds, uint64_t id, const char *end_state);

/* Forget those that are too old; open, reply and take do it themselves. Returns how many. */
size_t pbay_dialogues_expire(struct pbay_dialogues *ds, uint64_t now);

struct pbay_dialogues_count {
    size_t open, over;
    uint64_t expired, displaced; /* forgotten for their age; forgotten for a new one */
};

void pbay_dialogues_count(const struct pbay_dialogues *ds, struct pbay_dialogues_count *count);

/* How many ended so, of those that this side began or the other. An end state that the protocol does not have: 0. */
uint64_t pbay_dialogues_ended(const struct pbay_dialogues *ds, const char *end_state, bool self_initiated);

#ifdef __cplusplus
}
#endif
#endif
