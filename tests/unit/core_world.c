#include "core_world.h"

#include <stdlib.h>
#include <string.h>

#include "schema/pbay_pubid.h"

#define START 10000

static void set_conn(struct pbay_conn_conf *c, const char *name, const char *id, uint32_t instances)
{
    *c =
        (struct pbay_conn_conf){.name = name, .public_id_text = id, .instances = instances, .replay = PBAY_REPLAY_SAFE};
    assert_true(pbay_pubid_parse(pbay_str(id), &c->public_id));
}

struct core_world *core_world_new(uint64_t budget)
{
    struct core_world *w = pb_alloc(sizeof *w);

    set_conn(&w->conns[0], "c0", "t/c0:1.0.0", 2);
    set_conn(&w->conns[1], "c1", "t/c1:1.0.0", 1);
    w->routes[0] = (struct pbay_default_route){.protocol_text = "t/p7:1.0.0", .connection = 1};
    assert_true(pbay_pubid_parse(pbay_str("t/p7:1.0.0"), &w->routes[0].protocol));
    w->agent = (struct pbay_agent_conf){.agent_name = "a",
                                        .connections = w->conns,
                                        .n_connections = 2,
                                        .default_connection = 0,
                                        .default_routing = w->routes,
                                        .n_default_routing = 1,
                                        .memory_budget = budget,
                                        .max_envelope = WORLD_ENVELOPE,
                                        .heartbeat_ms = WORLD_HEARTBEAT,
                                        .timeout_ms = WORLD_TIMEOUT,
                                        .gone_ms = WORLD_GONE,
                                        .hold_ms = WORLD_HOLD,
                                        .grace_ms = WORLD_GRACE,
                                        .max_attempts = WORLD_ATTEMPTS};
    w->list[0] = &w->agent;
    w->core = pb_core_new(START - WORLD_GRACE - 1, 1, w->list, 1);
    w->now = START;
    core_tick(w, 0);
    return w;
}

void core_forget(struct core_world *w)
{
    while (w->n_messages)
        pb_buf_fini(&w->messages[--w->n_messages]);
    w->n_heard = w->n_notes = 0;
}

void core_world_free(struct core_world *w)
{
    core_forget(w);
    pb_core_destroy(&w->core);
    free(w);
}

static void hear(struct core_world *w, const struct pb_out *out)
{
    struct pb_buf *b = &w->messages[w->n_messages];
    struct pb_rd r;
    uint32_t rid;

    assert_true(w->n_messages < WORLD_MESSAGES);
    memcpy(&rid, out->rid.p, sizeof rid);
    pb_buf_add(b, out->p, out->n);
    w->moved[w->n_messages] = out->msg;
    for (r = (struct pb_rd){b->p, b->p + b->n}; r.p < r.end;) {
        struct core_heard *h = &w->heard[w->n_heard];

        assert_true(w->n_heard < WORLD_FRAMES);
        assert_true(pb_frame_read(&r, PB_DOWN, &h->f));
        h->rid = rid;
        h->message = w->n_messages;
        w->n_heard += h->f.verb != PB_NOP;
    }
    w->n_messages++;
    free(out->msg);
}

void core_event(struct core_world *w, struct pb_event *ev)
{
    struct pb_out out;
    struct pb_note note;

    ev->now = w->now;
    pb_core_step(w->core, ev);
    pb_core_flush(w->core);
    free(ev->msg);
    while (pb_core_next(w->core, &out))
        hear(w, &out);
    while (pb_core_note(w->core, &note)) {
        if (w->n_notes < sizeof w->notes / sizeof *w->notes)
            w->notes[w->n_notes++] = note;
    }
}

void core_bytes(struct core_world *w, uint32_t rid, const void *p, size_t n)
{
    uint8_t *copy = pb_alloc(n);
    struct pb_event ev = {.kind = PB_EV_FRAME,
                          .rid = {(const char *)&rid, sizeof rid},
                          .p = copy,
                          .n = n,
                          .msg = copy,
                          .key = w->keys[rid & 255]};

    memcpy(copy, p, n);
    core_event(w, &ev);
}

void core_say(struct core_world *w, uint32_t rid, const struct pb_frame *f)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_UP, f);
    core_bytes(w, rid, b.p, b.n);
    pb_buf_fini(&b);
}

void core_tick(struct core_world *w, int64_t ms)
{
    struct pb_event ev = {.kind = PB_EV_TICK, .wall = w->wall};

    w->now += ms;
    core_event(w, &ev);
}

const struct pb_frame *core_heard(const struct core_world *w, uint32_t rid, enum pb_verb verb)
{
    for (unsigned i = 0; i < w->n_heard; i++) {
        if (w->heard[i].rid == rid && w->heard[i].f.verb == verb)
            return &w->heard[i].f;
    }
    return NULL;
}

unsigned core_count(const struct core_world *w, uint32_t rid, enum pb_verb verb)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_heard; i++)
        n += w->heard[i].rid == rid && w->heard[i].f.verb == verb;
    return n;
}

unsigned core_total(const struct core_world *w, uint32_t rid)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_heard; i++)
        n += w->heard[i].rid == rid;
    return n;
}

unsigned core_noted(const struct core_world *w, enum pb_note_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_notes; i++)
        n += w->notes[i].kind == kind;
    return n;
}

struct pbay_str core_id(uint8_t first)
{
    static uint8_t ids[256][PBAY_ID_SIZE];

    ids[first][0] = first;
    ids[first][PBAY_ID_SIZE - 1] = 0xee;
    return (struct pbay_str){(const char *)ids[first], PBAY_ID_SIZE};
}

struct pb_frame core_hello(const char *conn, const char *instance, uint8_t incarnation, uint64_t link)
{
    return (struct pb_frame){.verb = PB_HELLO,
                             .version_min = PB_VERSION,
                             .version_max = PB_VERSION,
                             .role = conn ? PB_CONNECTION : PB_AGENT,
                             .agent = pbay_str("a"),
                             .name = pbay_str(conn ? conn : "a"),
                             .instance = pbay_str(instance),
                             .public_id = pbay_str(conn ? (conn[1] == '0' ? "t/c0:1.0.0" : "t/c1:1.0.0") : ""),
                             .incarnation = core_id(incarnation),
                             .link = link,
                             .clock = 5};
}

void core_attach(struct core_world *w, uint32_t rid, const char *conn, const char *instance, uint8_t incarnation)
{
    static uint64_t link;
    struct pb_frame hello = core_hello(conn, instance, incarnation, ++link);

    core_forget(w);
    core_say(w, rid, &hello);
    core_say(w, rid, &(struct pb_frame){.verb = PB_CONFIRM, .attach = core_heard(w, rid, PB_WELCOME)->attach});
    if (conn)
        core_say(w, rid, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTED});
}

void core_expect_gap(struct core_world *w, uint32_t rid, enum pbay_err code)
{
    const struct pb_frame *gap = core_heard(w, rid, PB_GAP);

    assert_non_null(gap);
    assert_int_equal(gap->code, code);
    assert_int_equal(core_count(w, rid, PB_GAP), 1);
}

struct pb_frame core_open(uint32_t no, const char *to, uint64_t base, uint64_t next, uint64_t sent_high)
{
    static const uint8_t protocol[] = "\xaat/p0:1.0.0";

    return (struct pb_frame){.verb = PB_OPEN,
                             .stream = no,
                             .to = pbay_str(to),
                             .sender = pbay_str("me"),
                             .protocols = {1, {(const char *)protocol, sizeof protocol - 1}},
                             .base = base,
                             .next = next,
                             .sent_high = sent_high};
}

void core_answer(struct core_world *w, uint32_t receiver, struct core_stream *s)
{
    const struct pb_frame *asked = core_heard(w, receiver, PB_OPEN), *opened;

    assert_non_null(asked);
    s->sid = asked->stream;
    s->rround = asked->round;
    core_forget(w);
    core_say(w, receiver, &(struct pb_frame){.verb = PB_ANSWER, .stream = s->sid, .round = s->rround});
    if ((opened = core_heard(w, AGENT, PB_OPENED)))
        s->sround = opened->round;
}

struct core_stream core_opened(struct core_world *w, uint32_t receiver, uint32_t no, const char *to, uint64_t next)
{
    struct pb_frame open = core_open(no, to, 1, next, 0);
    struct core_stream s = {.no = no};

    core_forget(w);
    core_say(w, AGENT, &open);
    core_answer(w, receiver, &s);
    assert_int_not_equal(s.sround, 0);
    core_forget(w);
    return s;
}

void core_put_pub(struct pb_buf *b, const struct core_stream *s, uint64_t seq, uint64_t prev, size_t n)
{
    static const char bytes[64 * WORLD_ENVELOPE];

    assert_true(n <= sizeof bytes);
    pb_frame_write(
        b, PB_UP,
        &(struct pb_frame){
            .verb = PB_PUB, .stream = s->no, .round = s->sround, .seq = seq, .prev = prev, .payload = {bytes, n}});
}

void core_pub(struct core_world *w, const struct core_stream *s, uint64_t seq, uint64_t prev, size_t n)
{
    struct pb_buf b = {0};

    core_put_pub(&b, s, seq, prev, n);
    core_bytes(w, AGENT, b.p, b.n);
    pb_buf_fini(&b);
}

void core_settle(struct core_world *w, uint32_t receiver, const struct core_stream *s, uint64_t wm)
{
    core_say(w, receiver, &(struct pb_frame){.verb = PB_SETTLE, .stream = s->sid, .wm = wm});
}

struct wanted {
    const char *to;
    struct pb_stream_view view;
};

static void take_view(void *arg, const struct pb_stream_view *v)
{
    struct wanted *wanted = arg;

    if (!wanted->to || pbay_str_eq(v->to, pbay_str(wanted->to)))
        wanted->view = *v;
}

struct pb_stream_view core_view(struct core_world *w, const char *to)
{
    struct wanted wanted = {.to = to};

    pb_core_each_stream(w->core, take_view, &wanted);
    return wanted.view;
}

struct wanted_node {
    const char *name;
    struct pb_node_view *view;
};

static void take_node(void *arg, const struct pb_node_view *v)
{
    const struct wanted_node *wanted = arg;

    if (pbay_str_eq(v->name, pbay_str(wanted->name)))
        *wanted->view = *v;
}

const struct pb_node_view *core_node(struct core_world *w, const char *name)
{
    struct wanted_node wanted = {name, &w->node};

    w->node = (struct pb_node_view){.agent = pbay_str("nobody")};
    pb_core_each_node(w->core, take_node, &wanted);
    return &w->node;
}
