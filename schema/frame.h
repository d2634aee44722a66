/* Frames of the link protocol: one table says, for each verb and direction, which fields follow in which order. Reader,
 * writer, the tracer and the check of SPEC.md all use that table.
 *
 * To add a field: append it to struct pb_frame and to its row in frame.c, raise PB_VERSION if an older peer cannot do
 * without it, and add it to SPEC.md section 4 and to a vector. To add a verb: a row in PB_VERBS and in frame.c's table
 * besides.
 */
#ifndef PB_FRAME_H
#define PB_FRAME_H

#include "schema/wire.h"

#define PB_VERSION       1
#define PB_MAX_PROTOCOLS 32   /* protocols of one stream */
#define PB_MAX_RANGES    64   /* ranges in one SETTLE or ANSWER */
#define PB_MAX_CLAIMS    256  /* claims in one HELLO or RESUME */
#define PB_MAX_ROUTED    256  /* protocols with a default route of their own */
#define PB_MAX_FIELDS    16   /* fields of one verb */
#define PB_MAX_STREAMS   4096 /* streams that one node may have open as their sender */
#define PB_MAX_PARTS     4096 /* arrays in one message */
#ifndef PB_BATCH
#define PB_BATCH 131072 /* a sender stops filling a message here; another number is for the benchmark alone */
#endif
#define PB_MAX_TEXT 200 /* bytes in a sentence for a human */
#define PB_PUB_HEAD 34  /* bytes of a PUB before its metadata, in our writer's widths */

/* clang-format off */
#define PB_VERBS(X)                                                                                                  \
    X(HELLO, 1) X(WELCOME, 2) X(CONFIRM, 3) X(REJECT, 4) X(WHO, 5) X(OPEN, 6) X(ANSWER, 7) X(OPENED, 8) X(PUB, 9)    \
    X(SETTLE, 10) X(CREDIT, 11) X(NEED, 12) X(END, 13) X(ENDED, 14) X(RELEASE, 15) X(RELEASED, 16) X(CLOSE, 17)      \
    X(RESUME, 18) X(PING, 19) X(PONG, 20) X(GAP, 21) X(DRAIN, 22) X(BYE, 23) X(NOP, 24) X(STATE, 25)

enum pb_verb {
#define PB_VERB_ENUM(name, number) PB_##name = number,
    PB_VERBS(PB_VERB_ENUM)
#undef PB_VERB_ENUM
    PB_VERB_COUNT
};
/* clang-format on */

enum pb_dir { PB_UP, PB_DOWN }; /* node to broker, broker to node */

enum pb_role { PB_AGENT = 1, PB_CONNECTION = 2 };

enum pb_node_state { PB_ST_DISCONNECTED, PB_ST_CONNECTING, PB_ST_CONNECTED, PB_ST_DISCONNECTING, PB_ST_FAILED };

#define PB_FLAG_REDELIVERED 1U /* PUB down: an earlier receiver may have had it */

/* `n` msgpack values one after the other, already checked. */
struct pb_span {
    uint32_t n;
    struct pbay_str raw;
};

/* Every field of every verb; views into the message. A verb fills its own; what the others hold then is not said. */
struct pb_frame {
    enum pb_verb verb;
    uint32_t version_min, version_max, role, stream, round, proto, flags, code, cause, state, retry_ms, replay;
    uint32_t heartbeat_ms, timeout_ms, max_envelope, credit_n;
    uint64_t seq, prev, base, next, sent_high, wm, expect, credit_b, used_b, count, clock, link, attach;
    struct pbay_str name, instance, agent, public_id, to, sender, connection, conn_instance, text;
    struct pbay_str incarnation, boot, origin; /* 16 bytes; `origin` may be empty */
    uint32_t origin_stream;
    struct pb_span protocols, settled, held, claims, routed;
    struct pbay_str meta; /* the raw map; empty = nil */
    struct pbay_str payload;
    struct pbay_str raw; /* the whole array */
    bool fixed;          /* PUB: header in the widths of section 4.9, so that it can be rewritten in place */
};

/* Metadata of one envelope (SPEC 5.3). */
struct pb_meta {
    struct pbay_str id, operation, traceparent, uri;
    uint32_t ttl_ms;
    enum pbay_replay replay;
};

/* Read the next array of a message into *f. true = a whole, well-formed frame that may travel in direction dir. On
 * false the message is to be dropped whole and the link ended with BAD_FRAME (SPEC 3.4). */
bool pb_frame_read(struct pb_rd *r, enum pb_dir dir, struct pb_frame *f);

/* Append a frame; integers in headers have fixed widths. The verb must exist in that direction. Returns bytes written.
 */
size_t pb_frame_write(struct pb_buf *b, enum pb_dir dir, const struct pb_frame *f);

/* Append one value of a list: a string, a range, a claim. */
void pb_put_str(struct pb_buf *b, struct pbay_str s);
void pb_put_range(struct pb_buf *b, uint64_t lo, uint64_t hi);
void pb_put_claim(struct pb_buf *b, const uint8_t *incarnation, uint32_t stream);

/* Read the next element of a span that pb_frame_read has checked. */
bool pb_span_str(struct pb_rd *r, struct pbay_str *s);
bool pb_span_range(struct pb_rd *r, uint64_t *lo, uint64_t *hi);
bool pb_span_claim(struct pb_rd *r, struct pbay_str *incarnation, uint32_t *stream);
static inline struct pb_rd pb_span_reader(struct pb_span s)
{
    return pb_rd_of(s.raw.p, s.raw.n);
}

/* Read a metadata map; unknown keys are passed over. false = malformed, or a known key with a value out of bounds. */
bool pb_meta_read(struct pbay_str raw, struct pb_meta *m);

/* Has the envelope any metadata? */
bool pb_has_meta(const struct pbay_envelope *e);

/* Append the metadata of an envelope as a map, or nil if it has none. Returns the offset in b of the four bytes of the
 * time to live, so that a sender can write what is left of it (pb_put_be32), or 0 without one. */
size_t pb_meta_write(struct pb_buf *b, const struct pbay_envelope *e);
void pb_put_be32(uint8_t *p, uint32_t v);

/* A PUB as pb_frame_write makes it, but into pb_pub_size bytes at p; its stream, round, prev and flags are zero until
 * pb_pub_patch. meta as pb_meta_write wrote it; empty = nil. */
size_t pb_pub_size(struct pbay_str meta, struct pbay_str payload);
void pb_pub_write(uint8_t *p, uint64_t seq, uint32_t proto, struct pbay_str meta, struct pbay_str payload);

/* Rewrite the header of a PUB with fixed widths in place. p is its first byte. */
void pb_pub_patch(uint8_t *p, uint32_t stream, uint32_t round, uint64_t prev, uint32_t flags);

/* Make n >= 2 bytes one NOP. */
void pb_nop_fill(uint8_t *p, size_t n);

/* May an envelope end with this code (SPEC section 9)? */
bool pb_is_end(uint32_t code);

/* Name of a verb; "?" if there is none. */
const char *pb_verb_name(unsigned verb);

/* The table's row for checks of SPEC.md and of the vectors: how many fields follow the verb, -1 = not in that
 * direction. */
struct pb_field_info {
    const char *name, *type; /* type as in SPEC 4.0: "u8", "id?", "[range]" */
    uint32_t bound;          /* greatest value, bytes or elements; 0 = none */
    uint16_t at;             /* offset in struct pb_frame */
};
int pb_frame_fields(enum pb_verb verb, enum pb_dir dir, struct pb_field_info info[PB_MAX_FIELDS]);

#endif
