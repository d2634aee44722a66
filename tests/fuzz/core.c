/* Messages of several nodes, in any order and with any bytes, into one live core: what it says is well formed, its
 * accounts are in balance, its bounds hold. The input is a list of acts; an act is a byte, 16 * what + node, and its
 * arguments:
 *
 *   0 N N bytes   a message of so many bytes (little-endian) from that node
 *   1             the node attaches as it should: HELLO, CONFIRM, STATE; a new socket if it has one
 *   2 N           N * 50 ms pass
 *   3             the node's socket is gone
 *   4 N           the supervisor has given c0 up (odd) or not any more
 *   5 N           another configuration: bit 0 the second connection, bit 1 the default one
 *   6             drain
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core.h"
#include "schema/pbay_pubid.h"

#define NODES  4
#define BUDGET (512U << 10)

struct node {
    uint32_t rid; /* of its socket; 0 = none yet */
    uint64_t link, attach, count;
};

struct world {
    const uint8_t *p, *end;
    struct pb_core *core;
    int64_t now;
    uint32_t last_rid;
    struct node nodes[NODES];
    struct pbay_conn_conf conns[2];
    struct pbay_rule rule;
    struct pbay_agent_conf agent;
    const struct pbay_agent_conf *agents[1];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t take(struct world *w)
{
    return w->p < w->end ? *w->p++ : 0;
}

static void add_sum(void *sum, const struct pb_stream_view *v)
{
    assert(v->credit >= v->used);
    *(uint64_t *)sum += v->credit - v->used + v->held;
}

static void check(const struct world *w)
{
    struct pb_core_view v;
    uint64_t sum = 0;

    pb_core_view(w->core, &v);
    pb_core_each_stream(w->core, add_sum, &sum);
    assert(v.pool_used <= v.pool && v.pool_used == sum);
    assert(v.links <= PB_MAX_LINKS && v.nodes <= 3 * PBAY_MAX_INSTANCES && v.waiting <= v.streams);
}

static void read_down(struct world *w, const struct pb_out *out)
{
    struct pb_rd r = {out->p, out->p + out->n};
    struct pb_frame f;
    uint32_t rid;

    assert(out->rid.n == sizeof rid);
    memcpy(&rid, out->rid.p, sizeof rid);
    while (r.p < r.end) {
        assert(pb_frame_read(&r, PB_DOWN, &f));
        for (int i = 0; i < NODES && f.verb == PB_WELCOME; i++) {
            if (w->nodes[i].rid == rid)
                w->nodes[i].attach = f.attach;
        }
    }
}

static void step(struct world *w, struct pb_event ev)
{
    struct pb_note note;
    struct pb_out out;

    ev.now = w->now;
    pb_core_step(w->core, &ev);
    free(ev.msg);
    pb_core_flush(w->core);
    while (pb_core_next(w->core, &out)) {
        read_down(w, &out);
        free(out.msg);
    }
    while (pb_core_note(w->core, &note))
        ;
    check(w);
}

/* The core owns a message that it moves on, and may rewrite any. */
static void say(struct world *w, struct node *node, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n + 1);

    if (node->rid == 0)
        node->rid = ++w->last_rid;
    if (n)
        memcpy(copy, p, n);
    node->count++;
    step(w,
         (struct pb_event){
             .kind = PB_EV_FRAME, .rid = {(const char *)&node->rid, sizeof node->rid}, .p = copy, .n = n, .msg = copy});
}

static void say_frame(struct world *w, struct node *node, const struct pb_frame *f)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_UP, f);
    say(w, node, b.p, b.n);
    pb_buf_fini(&b);
}

static void attach(struct world *w, int index)
{
    static const char *const names[NODES] = {"A", "c0", "c1", "c0"}, *const ids[NODES] = {"", "t/c0:1.0.0",
                                                                                          "t/c1:1.0.0", "t/c0:1.0.0"};
    struct node *node = &w->nodes[index];
    char incarnation[PBAY_ID_SIZE] = {(char)(index + 1)};
    struct pb_frame hello = {.verb = PB_HELLO,
                             .version_min = PB_VERSION,
                             .version_max = PB_VERSION,
                             .role = index ? PB_CONNECTION : PB_AGENT,
                             .agent = pbay_str("A"),
                             .name = pbay_str(names[index]),
                             .instance = pbay_str(index == 3 ? "1" : "0"),
                             .public_id = pbay_str(ids[index]),
                             .incarnation = {incarnation, PBAY_ID_SIZE},
                             .link = ++node->link};

    node->rid = ++w->last_rid;
    node->count = 0;
    say_frame(w, node, &hello);
    say_frame(w, node, &(struct pb_frame){.verb = PB_CONFIRM, .attach = node->attach});
    if (index)
        say_frame(w, node, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTED, .text = pbay_str("")});
}

static void act_message(struct world *w, int index)
{
    size_t n = take(w), left;

    n |= (size_t)take(w) << 8;
    left = (size_t)(w->end - w->p);
    if (n > left)
        n = left;
    w->p += n;
    say(w, &w->nodes[index], w->p - n, n);
}

static void act_tick(struct world *w, int index)
{
    (void)index;
    w->now += 50 * (int64_t)take(w);
    step(w, (struct pb_event){.kind = PB_EV_TICK});
}

static void act_gone(struct world *w, int index)
{
    struct node *node = &w->nodes[index];

    if (node->rid)
        step(w, (struct pb_event){.kind = PB_EV_GONE, .rid = {(const char *)&node->rid, sizeof node->rid}});
}

static void act_failed(struct world *w, int index)
{
    (void)index;
    step(w, (struct pb_event){.kind = PB_EV_FAILED,
                              .agent = pbay_str("A"),
                              .name = pbay_str("c0"),
                              .text = pbay_str(take(w) & 1 ? "given up" : "")});
}

static void act_config(struct world *w, int index)
{
    uint8_t bits = take(w);

    (void)index;
    w->agent.n_connections = bits & 1 ? 2 : 1;
    w->agent.default_connection = bits & 2 ? 0 : -1;
    step(w, (struct pb_event){.kind = PB_EV_CONFIG, .agents = w->agents, .n_agents = 1});
}

static void act_drain(struct world *w, int index)
{
    (void)index;
    step(w, (struct pb_event){.kind = PB_EV_DRAIN});
}

static void (*const acts[])(struct world *, int) = {act_message, attach,     act_tick, act_gone,
                                                    act_failed,  act_config, act_drain};

static void start(struct world *w)
{
    static const char *const names[] = {"c0", "c1"}, *const ids[] = {"t/c0:1.0.0", "t/c1:1.0.0"};

    w->now = 1;
    w->rule = (struct pbay_rule){.text = "t/p1:1.0.0", .operation = "no", .at = {"connection.yaml", 7}};
    pbay_pubid_parse(pbay_str(w->rule.text), &w->rule.id);
    for (int i = 0; i < 2; i++) {
        w->conns[i] = (struct pbay_conn_conf){
            .public_id_text = ids[i], .name = names[i], .instances = 2U - (unsigned)i, .replay = PBAY_REPLAY_SAFE};
        pbay_pubid_parse(pbay_str(ids[i]), &w->conns[i].public_id);
    }
    w->conns[0].excluded = &w->rule;
    w->conns[0].n_excluded = 1;
    w->conns[1].replay = PBAY_REPLAY_NEVER;
    w->agent = (struct pbay_agent_conf){.agent_name = "A",
                                        .connections = w->conns,
                                        .n_connections = 2,
                                        .default_connection = 0,
                                        .memory_budget = BUDGET,
                                        .max_envelope = 16384,
                                        .heartbeat_ms = 1000,
                                        .timeout_ms = 5000,
                                        .gone_ms = 11000,
                                        .hold_ms = 3000,
                                        .grace_ms = 100,
                                        .max_attempts = 2};
    w->agents[0] = &w->agent;
    w->core = pb_core_new(w->now, 1, w->agents, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct world w = {.p = data, .end = data + n};

    start(&w);
    while (w.p < w.end) {
        uint8_t act = take(&w);

        acts[(act >> 4) % (sizeof acts / sizeof *acts)](&w, act % NODES);
    }
    pb_core_destroy(&w.core);
    return 0;
}
