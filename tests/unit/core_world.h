/* One broker core without sockets: a test says frames up as any node, and reads what the core says down. */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core.h"

#define WORLD_FRAMES    16384
#define WORLD_MESSAGES  4096
#define WORLD_HEARTBEAT 100
#define WORLD_TIMEOUT   500
#define WORLD_GONE      1100
#define WORLD_HOLD      900
#define WORLD_GRACE     600
#define WORLD_ENVELOPE  1000
#define WORLD_ATTEMPTS  2

/* Routing ids that tests use; any other number will do as well. */
enum { AGENT = 1, CONN = 2, CONN_2 = 3, OTHER = 4 };

struct core_heard {
    uint32_t rid;
    unsigned message; /* number of the message in which it came */
    struct pb_frame f;
};

struct core_world {
    struct pb_core *core;
    int64_t now, wall;
    struct pbay_str keys[256]; /* of who speaks from that routing id (below 256); empty = a process of this machine */
    struct pbay_conn_conf conns[2]; /* c0 with two instances, c1 */
    struct pbay_default_route routes[1];
    struct pbay_agent_conf agent; /* "a": default c0; t/p7 goes to c1 */
    const struct pbay_agent_conf *list[1];
    struct pb_buf messages[WORLD_MESSAGES];
    void *moved[WORLD_MESSAGES]; /* the message of an event that became this one */
    unsigned n_messages;
    struct core_heard heard[WORLD_FRAMES]; /* since the last core_forget */
    unsigned n_heard;
    struct pb_note notes[64];
    unsigned n_notes;
    struct pb_node_view node; /* of core_node */
};

/* A core at time 10,000, long after grace unless the test says otherwise. */
struct core_world *core_world_new(uint64_t budget);
void core_world_free(struct core_world *w);

void core_forget(struct core_world *w);
void core_event(struct core_world *w, struct pb_event *ev);

/* A message of these bytes, copied; a frame in a message of its own; time passes. */
void core_bytes(struct core_world *w, uint32_t rid, const void *p, size_t n);
void core_say(struct core_world *w, uint32_t rid, const struct pb_frame *f);
void core_tick(struct core_world *w, int64_t ms);

/* The first frame of that verb to that routing id; NULL = none. How many there are; how many frames of any verb. */
const struct pb_frame *core_heard(const struct core_world *w, uint32_t rid, enum pb_verb verb);
unsigned core_count(const struct core_world *w, uint32_t rid, enum pb_verb verb);
unsigned core_total(const struct core_world *w, uint32_t rid);
unsigned core_noted(const struct core_world *w, enum pb_note_kind kind);

/* 16 bytes that begin so. */
struct pbay_str core_id(uint8_t first);

/* HELLO of agent "a" or of a connection; the whole handshake, up to STATE connected. */
struct pb_frame core_hello(const char *conn, const char *instance, uint8_t incarnation, uint64_t link);
void core_attach(struct core_world *w, uint32_t rid, const char *conn, const char *instance, uint8_t incarnation);
void core_expect_gap(struct core_world *w, uint32_t rid, enum pbay_err code);

/* A stream from AGENT, with the broker's number and the rounds at both sides. */
struct core_stream {
    uint32_t no, sid, sround, rround;
};

/* OPEN frame of stream no to `to` with protocol t/p0. */
struct pb_frame core_open(uint32_t no, const char *to, uint64_t base, uint64_t next, uint64_t sent_high);

/* OPEN up, and ANSWER by `receiver` without anything held. */
struct core_stream core_opened(struct core_world *w, uint32_t receiver, uint32_t no, const char *to, uint64_t next);
/* Answer what it is asked about that stream. */
void core_answer(struct core_world *w, uint32_t receiver, struct core_stream *s);
void core_pub(struct core_world *w, const struct core_stream *s, uint64_t seq, uint64_t prev, size_t n);
void core_settle(struct core_world *w, uint32_t receiver, const struct core_stream *s, uint64_t wm);

/* The bytes of such a PUB, for messages that the test makes itself. */
void core_put_pub(struct pb_buf *b, const struct core_stream *s, uint64_t seq, uint64_t prev, size_t n);

/* The one stream's view, or that of the one to `to`. */
struct pb_stream_view core_view(struct core_world *w, const char *to);

/* The last node of that name; its agent is "nobody" if there is none. Valid until the next call. */
const struct pb_node_view *core_node(struct core_world *w, const char *name);

#endif
