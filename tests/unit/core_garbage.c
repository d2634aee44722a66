/* What peers may send, in any order, with any numbers and with any bytes changed, never trips the core: it answers with
 * well-formed frames, keeps its accounts and its bounds. The frames are mostly possible ones, about streams and rounds
 * that the core has spoken of, since pure noise stops at the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core.h"
#include "schema/pbay_pubid.h"

#define FRAMES 200000
#define PEERS  6
#define BUDGET (512U << 10)
#define SMALL  24 /* sequences, streams and rounds that meet each other */
#define KNOWN  8  /* numbers remembered of what the core said */

struct peer {
    uint32_t rid;         /* a new one for each socket */
    uint32_t incarnation; /* a new one after FENCED */
    uint64_t link, attach, count;
    bool greeted, welcomed, confirmed;
    struct said {
        uint32_t stream, round;
        uint64_t seq, prev;
    } asked[KNOWN], opened[KNOWN], given[KNOWN]; /* the last OPENs, OPENEDs and PUBs */
    unsigned n_asked, n_opened, n_given;
};

struct garbage {
    struct pb_core *core;
    uint64_t random;
    int64_t now;
    uint32_t next_rid;
    struct peer peers[PEERS];
    struct pbay_conn_conf conns[2];
    struct pbay_agent_conf agent;
    const struct pbay_agent_conf *agents[1];
    uint64_t opened, given, gaps; /* how deep it went */
};

static uint32_t rnd(struct garbage *g, uint32_t n)
{
    g->random ^= g->random << 13;
    g->random ^= g->random >> 7;
    g->random ^= g->random << 17;
    return (uint32_t)((g->random >> 11) % n);
}

/* ---- the core's side ---- */

static void add_sum(void *sum, const struct pb_stream_view *v)
{
    assert_true(v->credit >= v->used);
    *(uint64_t *)sum += v->credit - v->used + v->held;
}

static void check(struct garbage *g)
{
    struct pb_core_view v;
    uint64_t sum = 0;

    pb_core_view(g->core, &v);
    pb_core_each_stream(g->core, add_sum, &sum);
    assert_true(v.pool_used <= v.pool);
    assert_int_equal(v.pool_used, sum);
    assert_true(v.links <= PB_MAX_LINKS && v.nodes <= 3 * PB_MAX_INSTANCES && v.waiting <= v.streams);
}

static void learn(struct garbage *g, struct peer *p, const struct pb_frame *f)
{
    struct said said = {f->stream, f->round, f->verb == PB_OPENED ? f->expect : f->seq, 0};

    if (f->verb == PB_WELCOME) {
        p->attach = f->attach;
        p->welcomed = true;
    }
    if (f->verb == PB_WHO || f->verb == PB_GAP || f->verb == PB_BYE || f->verb == PB_REJECT) {
        uint32_t incarnation = f->code == PBAY_FENCED ? ++g->next_rid : p->incarnation;

        *p = (struct peer){.rid = ++g->next_rid, .incarnation = incarnation, .link = p->link + 1};
        g->gaps++;
    }
    g->opened += f->verb == PB_OPENED;
    g->given += f->verb == PB_PUB;
    if (f->verb == PB_OPEN)
        p->asked[p->n_asked++ % KNOWN] = said;
    if (f->verb == PB_OPENED)
        p->opened[p->n_opened++ % KNOWN] = said;
    if (f->verb == PB_PUB)
        p->given[p->n_given++ % KNOWN] = said;
}

static void read_down(struct garbage *g, const struct pb_out *out)
{
    struct pb_rd r = {out->p, out->p + out->n};
    struct peer *to = NULL;
    struct pb_frame f;
    uint32_t rid;

    memcpy(&rid, out->rid.p, sizeof rid);
    for (int i = 0; i < PEERS; i++) {
        if (g->peers[i].rid == rid)
            to = &g->peers[i];
    }
    while (r.p < r.end) {
        assert_true(pb_frame_read(&r, PB_DOWN, &f));
        if (to && to->rid == rid)
            learn(g, to, &f);
    }
}

static void step(struct garbage *g, struct pb_event *ev)
{
    struct pb_out out;
    struct pb_note note;

    ev->now = g->now;
    pb_core_step(g->core, ev);
    pb_core_flush(g->core);
    free(ev->msg);
    while (pb_core_next(g->core, &out)) {
        read_down(g, &out);
        free(out.msg);
    }
    while (pb_core_note(g->core, &note))
        ;
}

/* ---- the peers' side ---- */

static uint64_t number(struct garbage *g)
{
    static const uint64_t odd[] = {0, UINT32_MAX, 1ULL << 63, UINT64_MAX, UINT64_MAX - 1, 16384, 16385, UINT64_MAX / 4};

    return rnd(g, 40) ? rnd(g, SMALL) : odd[rnd(g, 8)];
}

static void put_ranges(struct garbage *g, struct pb_buf *list, struct pb_span *span)
{
    uint64_t at = number(g);

    span->n = rnd(g, 3);
    for (uint32_t i = 0; i < span->n; i++) {
        uint64_t hi = at + (rnd(g, 30) ? rnd(g, 3) : number(g));

        pb_put_range(list, at, hi);
        at = hi + 2;
    }
    span->raw = (struct pbay_str){(const char *)list->p, list->n};
}

static struct pbay_str some(struct garbage *g, const char *const *list, uint32_t n)
{
    return pbay_str(list[rnd(g, rnd(g, 12) ? 2 : n)]);
}

/* Who it says it is: mostly itself. */
static void fill_hello(struct garbage *g, struct peer *p, struct pb_frame *f, int index)
{
    static const char *const names[] = {"A", "c0", "A", "c1", "A", "c0", "", "c9"}, *const instances[] = {"0", "0", "1",
                                                                                                          "0", "2", "1",
                                                                                                          "",  "3"};
    static char id[PBAY_ID_SIZE];
    bool honest = rnd(g, 100);

    memcpy(id, rnd(g, 100) ? &p->incarnation : &g->peers[0].incarnation, sizeof p->incarnation);
    f->version_min = f->version_max = rnd(g, 200) ? PB_VERSION : rnd(g, 4);
    f->role = rnd(g, 200) ? 1U + ((unsigned)index & 1U) : rnd(g, 5);
    f->agent = pbay_str(rnd(g, 200) ? "A" : "B");
    f->name = pbay_str(names[honest ? index : (int)rnd(g, 8)]);
    f->instance = pbay_str(instances[honest ? index : (int)rnd(g, 8)]);
    f->public_id = pbay_str(f->name.n == 2 && f->name.p[1] == '1' ? "t/c1:1.0.0" : "t/c0:1.0.0");
    f->incarnation = (struct pbay_str){id, PBAY_ID_SIZE};
    f->link = rnd(g, 30) ? ++p->link : number(g);
}

static void fill_envelope(struct garbage *g, struct pb_frame *f, struct pb_buf *meta)
{
    static const char bytes[20000];
    struct pbay_envelope e = {.operation = pbay_str(rnd(g, 4) ? "" : "op"),
                              .ttl_ms = rnd(g, 4) ? 0 : rnd(g, 300),
                              .replay = (enum pbay_replay)rnd(g, 4)};

    pb_meta_write(meta, &e);
    f->meta = (struct pbay_str){(const char *)meta->p, meta->p[0] == 0xc0 ? 0 : meta->n};
    f->payload = (struct pbay_str){bytes, rnd(g, 12) ? rnd(g, 200) : rnd(g, sizeof bytes)};
    f->proto = rnd(g, 20) ? rnd(g, 2) : rnd(g, 256);
}

static void fill_open(struct garbage *g, const struct peer *p, struct pb_frame *f, struct pb_buf *list)
{
    static const char *const to[] = {"A", "ext", "t/c1:1.0.0", "B", ""}, *const conns[] = {"", "t/c0:1.0.0",
                                                                                           "t/c9:1.0.0"};

    f->to = rnd(g, 60) ? pbay_str(to[f->stream & 1]) : some(g, to, 5);
    f->sender = pbay_str("A");
    f->connection = pbay_str(conns[rnd(g, 60) ? f->stream / 2 & 1 : rnd(g, 3)]);
    f->conn_instance = pbay_str("");
    f->origin = pbay_str(rnd(g, 60) ? "" : "0123456789abcdef");
    f->protocols.n = rnd(g, 20) ? 2 : rnd(g, 3);
    for (uint32_t i = 0; i < f->protocols.n; i++)
        pb_put_str(list, pbay_str(rnd(g, 60) ? (i ? "t/p1:1.0.0" : "t/p0:1.0.0") : "no id"));
    f->protocols.raw = (struct pbay_str){(const char *)list->p, list->n};
    f->base = 1 + (rnd(g, 20) ? 0 : number(g));
    f->next = f->base + (rnd(g, 60) ? SMALL + p->n_opened : number(g));
    f->sent_high = rnd(g, 3) ? 0 : number(g);
}

static enum pb_verb choose_verb(struct garbage *g, const struct peer *p)
{
    static const enum pb_verb usual[] = {PB_OPEN, PB_ANSWER, PB_ANSWER,   PB_PUB,  PB_PUB, PB_PUB,
                                         PB_PUB,  PB_SETTLE, PB_SETTLE,   PB_NEED, PB_END, PB_ENDED,
                                         PB_PING, PB_STATE,  PB_RELEASED, PB_CLOSE};
    static const enum pb_verb all[] = {PB_HELLO, PB_CONFIRM, PB_RESUME, PB_GAP, PB_BYE, PB_NOP, PB_DRAIN};

    if (!p->greeted && rnd(g, 40))
        return PB_HELLO;
    if (p->welcomed && !p->confirmed && rnd(g, 40))
        return PB_CONFIRM;
    return rnd(g, 90) ? usual[rnd(g, sizeof usual / sizeof *usual)] : all[rnd(g, sizeof all / sizeof *all)];
}

/* What an honest peer would say now. */
static void be_honest(struct garbage *g, struct peer *p, struct pb_frame *f)
{
    unsigned back = 1 + (rnd(g, 3) ? rnd(g, 2) : rnd(g, KNOWN));
    struct said *said = f->verb == PB_ANSWER || f->verb == PB_RELEASED ? &p->asked[(p->n_asked - back) % KNOWN]
                        : f->verb == PB_PUB || f->verb == PB_NEED      ? &p->opened[(p->n_opened - back) % KNOWN]
                                                                       : &p->given[(p->n_given - back) % KNOWN];

    f->stream = said->stream;
    f->round = said->round;
    f->seq = said->seq;
    f->prev = said->prev;
    f->wm = f->verb == PB_SETTLE ? said->seq : 0;
    f->settled.n = f->held.n = 0;
    f->settled.raw.n = f->held.raw.n = 0;
    if (f->verb == PB_PUB)
        said->prev = said->seq++;
}

/* A frame that could be; mostly about what the core said last. */
static void write_frame(struct garbage *g, struct peer *p, int index, struct pb_buf *b)
{
    struct pb_buf lists[4] = {{0}};
    struct pb_frame f = {.verb = choose_verb(g, p), .text = pbay_str("text")};

    f.stream = 1 + (uint32_t)number(g) % 6;
    f.round = rnd(g, 20) ? p->opened[rnd(g, KNOWN)].round : (uint32_t)number(g);
    f.seq = number(g);
    f.prev = rnd(g, 3) ? 0 : number(g);
    f.wm = rnd(g, 2) ? 0 : number(g);
    f.used_b = rnd(g, 3) ? rnd(g, 30000) : number(g);
    f.code = f.cause = rnd(g, 5) ? PBAY_FAILED : rnd(g, 256);
    f.state = rnd(g, 60) ? PB_ST_CONNECTED : rnd(g, 8);
    f.count = rnd(g, 40) ? p->count + 1 : number(g);
    f.attach = rnd(g, 20) ? p->attach : number(g);
    put_ranges(g, &lists[0], &f.settled);
    put_ranges(g, &lists[1], &f.held);
    if (f.verb != PB_OPEN && f.verb != PB_HELLO && rnd(g, 8))
        be_honest(g, p, &f);
    if (f.verb == PB_HELLO)
        fill_hello(g, p, &f, index);
    if (f.verb == PB_OPEN)
        fill_open(g, p, &f, &lists[2]);
    if (f.verb == PB_PUB)
        fill_envelope(g, &f, &lists[3]);
    p->greeted |= f.verb == PB_HELLO;
    p->confirmed |= f.verb == PB_CONFIRM;
    pb_frame_write(b, PB_UP, &f);
    for (int i = 0; i < 4; i++)
        pb_buf_fini(&lists[i]);
}

static void mutate(struct garbage *g, struct pb_buf *b)
{
    for (uint32_t i = 1 + rnd(g, 3); i; i--)
        b->p[rnd(g, (uint32_t)b->n)] = (uint8_t)rnd(g, 256);
    if (rnd(g, 4) == 0)
        b->n -= rnd(g, (uint32_t)b->n);
}

static void send_up(struct garbage *g, int index)
{
    struct peer *p = &g->peers[index];
    struct pb_buf b = {0};
    struct pb_event ev = {.kind = PB_EV_FRAME};
    uint32_t rid = p->rid;

    for (uint32_t parts = 1 + rnd(g, 4) / 3 * rnd(g, 4); parts; parts--)
        write_frame(g, p, index, &b);
    if (rnd(g, 60) == 0)
        mutate(g, &b);
    p->count++;
    ev.rid = (struct pbay_str){(const char *)&rid, sizeof rid};
    ev.p = b.p;
    ev.n = b.n;
    ev.msg = b.p;
    step(g, &ev);
}

/* What is not a frame: time, a lost peer, another configuration. */
static void happen(struct garbage *g)
{
    struct pb_event tick = {.kind = PB_EV_TICK}, gone = {.kind = PB_EV_GONE};
    struct pb_event conf = {.kind = PB_EV_CONFIG, .agents = g->agents, .n_agents = 1};
    struct pb_event given_up = {
        .kind = PB_EV_FAILED, .agent = pbay_str("A"), .name = pbay_str("c0"), .text = pbay_str(rnd(g, 4) ? "" : "no")};

    g->now += rnd(g, 60);
    step(g, &tick);
    gone.rid = (struct pbay_str){(const char *)&g->peers[rnd(g, PEERS)].rid, sizeof(uint32_t)};
    if (rnd(g, 50) == 0)
        step(g, &gone);
    if (rnd(g, 50) == 0)
        step(g, &given_up);
    if (rnd(g, 100) == 0) {
        g->agent.n_connections = rnd(g, 4) ? 2 : 1;
        g->agent.default_connection = rnd(g, 4) ? 0 : -1;
        step(g, &conf);
    }
}

static void start(struct garbage *g, uint64_t seed)
{
    static const char *const names[] = {"c0", "c1"}, *const ids[] = {"t/c0:1.0.0", "t/c1:1.0.0"};

    memset(g, 0, sizeof *g);
    g->random = seed;
    g->now = 1;
    for (int i = 0; i < 2; i++) {
        g->conns[i] = (struct pbay_conn_conf){
            .public_id_text = ids[i], .name = names[i], .instances = 1, .replay = PBAY_REPLAY_SAFE};
        assert_true(pbay_pubid_parse(pbay_str(ids[i]), &g->conns[i].public_id));
    }
    g->agent = (struct pbay_agent_conf){.agent_name = "A",
                                        .connections = g->conns,
                                        .n_connections = 2,
                                        .default_connection = 0,
                                        .memory_budget = BUDGET,
                                        .max_envelope = 16384,
                                        .heartbeat_ms = 1000,
                                        .timeout_ms = 5000,
                                        .gone_ms = 11000,
                                        .hold_ms = 3000,
                                        .grace_ms = 100,
                                        .max_attempts = 5};
    g->agents[0] = &g->agent;
    g->core = pb_core_new(g->now, seed, g->agents, 1);
    for (int i = 0; i < PEERS; i++)
        g->peers[i].rid = g->peers[i].incarnation = ++g->next_rid;
}

static void any_frame_in_any_order(void **state)
{
    struct garbage g;

    (void)state;
    start(&g, 88172645463325252ULL);
    for (int i = 0; i < FRAMES; i++) {
        send_up(&g, (int)rnd(&g, PEERS));
        if (rnd(&g, 8) == 0)
            happen(&g);
        if (i % 16 == 0)
            check(&g);
    }
    check(&g);
    assert_true(g.opened > FRAMES / 100 && g.given > FRAMES / 100 &&
                g.gaps > FRAMES / 100); /* it did reach the inside */
    pb_core_destroy(&g.core);
    assert_null(g.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_frame_in_any_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
