/* One session without a broker: a test says frames down, and reads what the session says up. */
#ifndef SESSION_WORLD_H
#define SESSION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/session.h"

#define WORLD_FRAMES    8192
#define WORLD_HEARTBEAT 100
#define WORLD_TIMEOUT   500
#define WORLD_ENVELOPE  1000

struct world {
    struct pb_session s;
    int64_t now;
    struct pb_buf messages[64]; /* of the last `world_hear` */
    unsigned n_messages;
    struct pb_frame heard[WORLD_FRAMES]; /* their frames, PING left out */
    unsigned n_heard;
};

/* A session with room for so many envelopes; not linked, now = 1000. */
struct world *world_new(size_t max_envelopes, size_t max_bytes);
void world_free(struct world *w);

/* Socket, HELLO, WELCOME, and what the session says then. */
void world_link(struct world *w);

/* One frame down, in a message of its own. */
void world_say(struct world *w, const struct pb_frame *f);

/* All that the session has to send now, into w->heard. */
void world_hear(struct world *w);

/* The first frame of that verb in w->heard; NULL = none. How many there are. */
const struct pb_frame *world_heard(const struct world *w, enum pb_verb verb);
unsigned world_count(const struct world *w, enum pb_verb verb);

/* The session ends the link with GAP and this code. */
void world_expect_gap(struct world *w, enum pbay_err code);

/* An envelope from "me" to `to`, a protocol of t/p0, as many bytes. */
struct pbay_envelope world_envelope(const char *to, size_t n);
uint64_t world_put(struct world *w, const struct pbay_envelope *e);

/* OPENED of a stream in this round, expecting `expect`, with so much credit; receiver is the first byte of its
 * incarnation. */
void world_opened(struct world *w, uint32_t stream, uint32_t round, uint64_t expect, uint32_t n, uint64_t b,
                  uint8_t receiver);

/* The next outcome must be of this tag and have this code. */
void world_expect_end(struct world *w, uint64_t tag, enum pbay_err err, enum pbay_err cause);
void world_expect_no_end(struct world *w);

/* OPEN down: stream no of the sender `origin`, in this round; PUB down on it, with its number as payload. */
void world_open(struct world *w, uint32_t no, uint8_t origin, uint32_t round, uint64_t base, uint64_t next);
void world_pub(struct world *w, uint32_t no, uint32_t round, uint64_t seq, uint64_t prev);

/* The next envelope must be this sequence. */
struct pb_held *world_start(struct world *w, uint64_t seq);

/* The list of a frame as text, "2-3 7 ". */
const char *world_ranges(struct pb_span span);

#endif
