/* The broker's decisions, all of them, as a pure state machine: events in, messages and notes out. It knows no socket,
 * no clock and no file; loop.c performs what it decides, and the simulator drives the same code under a virtual clock.
 *
 *     pb_core_step(core, &event) ...      any number of times
 *     pb_core_flush(core)                 settlement and credit of the whole turn, one of each per stream
 *     while (pb_core_next(core, &out))    send what was decided
 *
 * Not thread-safe: one thread owns a core.
 */
#ifndef PB_CORE_H
#define PB_CORE_H

#include "schema/frame.h"
#include "schema/pbay_conf.h"

#define PB_MAX_RID       32    /* bytes of a routing id that we accept */
#define PB_MAX_LINKS     16384 /* routing ids we remember */
#define PB_MAX_INSTANCES 64    /* nodes behind one InBox or one connection */

struct pb_core;

enum pb_event_kind {
    PB_EV_FRAME,  /* a message came */
    PB_EV_GONE,   /* a routing id cannot be reached any more, or does not take what we send */
    PB_EV_TICK,   /* only time has passed */
    PB_EV_CONFIG, /* a new configuration */
    PB_EV_FAILED, /* the supervisor gave a node up, or took that back */
    PB_EV_DRAIN,  /* stop intake */
    PB_EV_BYE     /* say BYE to everybody */
};

struct pb_event {
    enum pb_event_kind kind;
    int64_t now;         /* milliseconds, monotonic */
    struct pbay_str rid; /* FRAME, GONE */
    struct pbay_str key; /* FRAME: the key that it was proved to come from, in Z85; empty = a process of this machine */
    int64_t wall;        /* TICK, CONFIG: seconds since 1970, for keys that expire */
    uint8_t *p;          /* FRAME: the message; the core may rewrite its headers */
    size_t n;
    void *msg; /* FRAME: what owns p. If the core moves the message on, it sets msg to NULL and gives it back in a
                  pb_out */
    const struct pbay_agent_conf *const *agents; /* CONFIG: borrowed until the next CONFIG */
    size_t n_agents;
    struct pbay_str agent, name, text; /* FAILED: which connection, and why; empty text = not failed any more */
};

/* A message to send, exactly once, in order. */
struct pb_out {
    struct pbay_str rid; /* valid until the next call of any function of the core */
    const uint8_t *p;    /* likewise */
    size_t n;
    void *msg; /* not NULL: the moved message of an event, now the caller's; p and n are its bytes */
};

enum pb_note_kind {
    PB_NOTE_ATTACHED,
    PB_NOTE_LINK_DOWN,
    PB_NOTE_DEAD,
    PB_NOTE_FENCED,
    PB_NOTE_STATE,
    PB_NOTE_REJECTED,
    PB_NOTE_END,
    PB_NOTE_VERSION /* an envelope's connection exists in another version only, and goes there */
};

/* Something that an operator may want to know; strings as in pb_out. */
struct pb_note {
    enum pb_note_kind kind;
    int64_t at;
    struct pbay_str agent, name, instance; /* the node; for END the sender */
    char to[PBAY_MAX_ADDRESS + 1];         /* END: of the envelope; VERSION: the public id that was named */
    enum pb_node_state state;              /* STATE */
    enum pbay_err code, cause;
    uint64_t seq;
    char text[PB_MAX_TEXT + 1];
};

/* seed decides ids and nothing else. Times and budget come from agents[0]. Ends with pb_core_destroy, which nulls. */
struct pb_core *pb_core_new(int64_t now, uint64_t seed, const struct pbay_agent_conf *const *agents, size_t n_agents);
void pb_core_destroy(struct pb_core **core);

/* Take an event; returns when it wants a TICK at the latest. */
int64_t pb_core_step(struct pb_core *core, struct pb_event *event);
void pb_core_flush(struct pb_core *core);
bool pb_core_next(struct pb_core *core, struct pb_out *out);
bool pb_core_note(struct pb_core *core, struct pb_note *note);

/* Nothing is given and unsettled, nothing waits to be given. */
bool pb_core_idle(const struct pb_core *core);

/* ---- what the admin side shows; strings as in pb_out ---- */

struct pb_node_view {
    struct pbay_str agent, name, instance, public_id;
    enum pb_role role;
    enum pb_node_state state;
    bool linked, dead, draining, stuck;
    enum pbay_err code; /* why it is not connected */
    struct pbay_str text;
    uint32_t retry_ms;
    uint64_t attached;                        /* how often */
    uint64_t in, out, settled, ended;         /* envelopes: from it, to it, settled by it, ended of its own */
    uint32_t streams_from, streams_to, given; /* now */
};

struct pb_stream_view {
    struct pbay_str agent, from, instance, to_name, to_instance, to, sender;
    const char *state;
    uint64_t base, next, watermark, credit, used, held; /* bytes: granted and used in this round, unsettled */
    uint32_t parked, given, ending, protocols;
    bool lone;
};

struct pb_core_view {
    uint64_t pool, pool_used;
    uint32_t nodes, streams, links, waiting;
    bool draining, in_grace;
};

void pb_core_view(const struct pb_core *core, struct pb_core_view *view);
void pb_core_each_node(const struct pb_core *core, void (*each)(void *, const struct pb_node_view *), void *arg);
void pb_core_each_stream(const struct pb_core *core, void (*each)(void *, const struct pb_stream_view *), void *arg);

#endif
