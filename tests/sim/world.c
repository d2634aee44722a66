#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *running;
uint64_t fault_hits[N_FAULTS][4];

uint32_t rnd(struct world *w, uint32_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 11) % n);
}

/* A delay below n; always the same one when scripted. */
uint32_t delay(struct world *w, uint32_t n, uint32_t scripted)
{
    return w->scripted ? scripted : rnd(w, n);
}

void fail(const char *text)
{
    if (running->failed)
        return;
    running->failed = true;
    snprintf(running->why, sizeof running->why, "%s", text);
    note(running, "*** %s", text);
}

void note(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->out)
        return;
    fprintf(w->out, "%6lld ", (long long)w->now);
    va_start(args, format);
    vfprintf(w->out, format, args);
    va_end(args);
    fputc('\n', w->out);
}

/* ---- the event heap ---- */

static bool before(const struct ev *a, const struct ev *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct ev *a, struct ev *b)
{
    struct ev t = *a;

    *a = *b;
    *b = t;
}

static void push(struct world *w, struct ev e)
{
    size_t i = w->n_heap++;

    if (w->n_heap > w->cap_heap) {
        w->cap_heap = w->cap_heap ? w->cap_heap * 2 : 256;
        w->heap = pb_realloc(w->heap, w->cap_heap * sizeof *w->heap);
    }
    w->heap[i] = e;
    for (; i && before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

void schedule(struct world *w, int64_t at, enum kind kind, int a, uint8_t *p, size_t n)
{
    push(w, (struct ev){at < w->now ? w->now : at, w->order++, kind, a, p, n});
}

/* Later, but still before what was sent after it: a link keeps its order. */
static void postpone(struct world *w, struct ev e, int64_t at)
{
    e.at = at;
    push(w, e);
}

static struct ev next_event(struct world *w)
{
    struct ev first = w->heap[0];

    w->heap[0] = w->heap[--w->n_heap];
    for (size_t i = 0, c; (c = 2 * i + 1) < w->n_heap; i = c) {
        if (c + 1 < w->n_heap && before(&w->heap[c + 1], &w->heap[c]))
            c++;
        if (!before(&w->heap[c], &w->heap[i]))
            break;
        swap(&w->heap[c], &w->heap[i]);
    }
    return first;
}

/* ---- configuration ---- */

static const char *const protocol_ids[] = {"t/p0:1.0.0", "t/p1:1.0.0"};

static void add_rule(struct pbay_conn_conf *c, struct pbay_rule *rules, int protocol)
{
    struct pbay_rule *r = &rules[c->n_excluded++];

    r->text = protocol_ids[protocol ? 1 : 0];
    pbay_pubid_parse(pbay_str(r->text), &r->id);
    r->operation = protocol == 2 ? "op" : NULL;
    r->at = (struct pbay_conf_pos){"c.yaml", 1};
}

/* The same shape each time, in one of two sets of memory: the core reads the former one until it has been told. */
const struct pbay_agent_conf *const *world_agents(struct world *w)
{
    static struct set {
        struct pbay_conn_conf conns[3];
        struct pbay_agent_conf a[2];
        struct pbay_rule rules[3][3];
        const struct pbay_agent_conf *list[2];
    } sets[2];
    static const char *const names[] = {"c0", "c1", "c2"}, *const ids[] = {"t/c0:1.0.0", "t/c1:1.0.0", "t/c2:1.0.0"};
    static int turn;
    struct set *s = &sets[turn ^= 1];

    memset(s, 0, sizeof *s);
    for (int i = 0; i < 3; i++) {
        struct pbay_conn_conf *c = &s->conns[i];

        *c = (struct pbay_conn_conf){
            .public_id_text = ids[i], .name = names[i], .replay = i == 1 ? PBAY_REPLAY_KEYED : PBAY_REPLAY_SAFE};
        c->instances = i == 0 ? 2 : 1;
        c->excluded = s->rules[i];
        pbay_pubid_parse(pbay_str(ids[i]), &c->public_id);
        for (int p = 0; p < CHK_PROTOCOLS; p++) {
            if (w->forbid[i][p])
                add_rule(c, s->rules[i], p);
        }
    }
    for (int i = 0; i < 2; i++) {
        s->a[i] = (struct pbay_agent_conf){.agent_name = i ? "B" : "A",
                                           .connections = &s->conns[i ? 2 : 0],
                                           .n_connections = i ? 1 : 2,
                                           .default_connection = i ? 0 : w->route,
                                           .memory_budget = w->budget,
                                           .max_envelope = 16384,
                                           .heartbeat_ms = HEARTBEAT,
                                           .timeout_ms = TIMEOUT,
                                           .gone_ms = GONE,
                                           .hold_ms = HOLD,
                                           .grace_ms = GRACE,
                                           .max_attempts = 5};
        s->list[i] = &s->a[i];
    }
    return s->list;
}

/* What was sent on this socket up to now arrives later than it would have. */
void make_late(struct world *w, int socket)
{
    w->socks[socket].late = delay(w, 250, 0);
    w->socks[socket].late_order = w->order;
}

void configure(struct world *w)
{
    struct pb_event ev = {.kind = PB_EV_CONFIG, .agents = world_agents(w), .n_agents = 2};

    for (int c = 0; c < 3; c++) {
        chk_allow(c, 0, !w->forbid[c][0]);
        chk_allow(c, 1, !w->forbid[c][1]);
        chk_allow(c, 2, !w->forbid[c][1] && !w->forbid[c][2]);
    }
    broker_event(w, &ev);
}

/* ---- the broker ---- */

static void send_down(struct world *w, const struct pb_out *out)
{
    int id;
    struct sock *k;
    uint8_t *copy = pb_alloc(out->n);

    memcpy(&id, out->rid.p, sizeof id);
    k = &w->socks[id];
    memcpy(copy, out->p, out->n);
    trace_message(w, PB_DOWN, w->procs[k->proc], copy, out->n);
    chk_given(copy, out->n, agent_of(w->procs[k->proc]->node), conn_of(w->procs[k->proc]->node));
    k->last_down = (k->last_down > w->now ? k->last_down : w->now) + delay(w, 3, 1);
    schedule(w, k->last_down, K_DOWN, id, copy, out->n);
    free(out->msg);
}

static void add_stream(void *sum, const struct pb_stream_view *v)
{
    *(uint64_t *)sum += v->credit - v->used + v->held;
}

/* The bound holds after each step; adding up takes longer, and what has leaked does not come back. */
static void check_broker(struct world *w)
{
    struct pb_core_view v;
    uint64_t sum = 0;

    pb_core_view(w->core, &v);
    chk_pool(v.pool, v.pool_used);
    if (++w->steps % STEPS_PER_SUM)
        return;
    pb_core_each_stream(w->core, add_stream, &sum);
    chk_sum(v.pool_used, sum);
}

void broker_event(struct world *w, struct pb_event *ev)
{
    static const char *const kinds[] = {"ATTACHED", "LINK_DOWN", "DEAD", "FENCED", "STATE", "REJECTED", "END"};
    const struct proc *from = NULL;
    struct pb_out out;
    struct pb_note n;
    int id;

    if (!w->core) {
        free(ev->msg);
        return;
    }
    if (ev->kind == PB_EV_FRAME) {
        memcpy(&id, ev->rid.p, sizeof id);
        from = w->procs[w->socks[id].proc];
    }
    ev->now = w->now;
    pb_core_step(w->core, ev);
    pb_core_flush(w->core);
    free(ev->msg);
    while (pb_core_next(w->core, &out))
        send_down(w, &out);
    while (pb_core_note(w->core, &n)) {
        learn(w, &n, from);
        note(w, "broker: %s %.*s.%.*s %s %s", kinds[n.kind], (int)n.name.n, n.name.p, (int)n.instance.n, n.instance.p,
             n.code ? pbay_err_name(n.code) : "", n.text);
    }
    check_broker(w);
}

void broker_start(struct world *w)
{
    note(w, "BROKER starts");
    w->core = pb_core_new(w->now, w->random + ++w->boots, world_agents(w), 2);
}

void broker_crash(struct world *w)
{
    note(w, "BROKER crashes");
    pb_core_destroy(&w->core);
    for (int i = 0; i < w->n_socks; i++)
        w->socks[i].cut_up = w->socks[i].cut_down = true;
    w->broker_drain = 0;
    forget_broker(w);
}

/* A draining broker says BYE when nothing is under way, or when its time is over, and ends; what it said still arrives.
 */
static void broker_bye(struct world *w)
{
    struct pb_event bye = {.kind = PB_EV_BYE};

    if (!w->core || !w->broker_drain)
        return;
    if (!pb_core_idle(w->core) && w->now < w->broker_drain) {
        schedule(w, w->now + 10, K_BYE, 0, NULL, 0);
        return;
    }
    broker_event(w, &bye);
    note(w, "BROKER ends");
    pb_core_destroy(&w->core);
    for (int i = 0; i < w->n_socks; i++)
        w->socks[i].cut_up = true;
    w->broker_drain = 0;
    forget_broker(w);
    schedule(w, w->now + 5 + rnd(w, 200), K_BROKER, 0, NULL, 0);
}

static void deliver_up(struct world *w, int id, uint8_t *p, size_t n)
{
    struct sock *k = &w->socks[id];
    struct pb_event ev = {.kind = PB_EV_FRAME, .rid = {(const char *)&id, sizeof id}, .p = p, .n = n, .msg = p};

    if (k->lose_up > 0) {
        k->lose_up--;
        free(p);
        return;
    }
    if (k->dup_up > 0) {
        struct pb_event again = ev;

        k->dup_up--;
        again.p = again.msg = pb_alloc(n);
        memcpy(again.p, p, n);
        broker_event(w, &again);
    }
    broker_event(w, &ev);
}

/* ---- the run ---- */

static void restart_missing(struct world *w, int node)
{
    if (w->current[node] < 0 && !w->finished[node])
        spawn(w, node);
}

static void handle(struct world *w, struct ev *e)
{
    struct pb_event tick = {.kind = PB_EV_TICK};

    switch (e->kind) {
    case K_UP:
        if (w->socks[e->a].late && e->order < w->socks[e->a].late_order)
            schedule(w, w->now + w->socks[e->a].late, K_UP, e->a, e->p, e->n);
        else if (w->socks[e->a].cut_up)
            free(e->p);
        else
            deliver_up(w, e->a, e->p, e->n);
        break;
    case K_DOWN:
        if (w->now < w->procs[w->socks[e->a].proc]->paused) { /* it lies in the socket until the process goes on */
            postpone(w, *e, w->procs[w->socks[e->a].proc]->paused);
            break;
        }
        deliver_down(w, e->a, e->p, e->n);
        free(e->p);
        break;
    case K_WAKE:
        if (w->procs[e->a]->alive) {
            proc_step(w, w->procs[e->a]);
            schedule(w, w->now + 4 + delay(w, 16, 0), K_WAKE, e->a, NULL, 0);
        }
        break;
    case K_TICK:
        broker_event(w, &tick);
        schedule(w, w->now + HEARTBEAT / 4, K_TICK, 0, NULL, 0);
        break;
    case K_FAULT:
        fault(w);
        break;
    case K_RESTART:
        restart_missing(w, e->a);
        break;
    case K_BROKER:
        if (!w->core)
            broker_start(w);
        break;
    case K_BYE:
        broker_bye(w);
        break;
    case K_FORGIVE:
        supervise(w, e->a, "");
        break;
    }
}

static bool is_alive(int process)
{
    const struct proc *p = running->procs[process];

    return p->alive && running->current[p->node] == process;
}

static void tell_stream(void *arg, const struct pb_stream_view *v)
{
    note(arg,
         "stream of %.*s.%.*s to %.*s at %.*s.%.*s: %s base %llu next %llu wm %llu credit %llu used %llu held %llu"
         " parked %u given %u ending %u%s",
         (int)v->from.n, v->from.p, (int)v->instance.n, v->instance.p, (int)v->to.n, v->to.p, (int)v->to_name.n,
         v->to_name.p, (int)v->to_instance.n, v->to_instance.p, v->state, (unsigned long long)v->base,
         (unsigned long long)v->next, (unsigned long long)v->watermark, (unsigned long long)v->credit,
         (unsigned long long)v->used, (unsigned long long)v->held, v->parked, v->given, v->ending,
         v->lone ? " lone" : "");
}

static void check_end(struct world *w)
{
    char text[80];
    int uid = chk_open(is_alive);

    if (uid >= 0) {
        snprintf(text, sizeof text, "I8 no end: #%d", uid);
        fail(text);
        if (w->core)
            pb_core_each_stream(w->core, tell_stream, w);
    }
    for (int n = 0; n < N_NODES; n++) {
        if (w->current[n] < 0 && w->finished[n] && !w->doubled[n])
            fail("I8 every process of a node has been fenced");
    }
}

static void quiet(struct world *w)
{
    note(w, "--- faults stop");
    memset(w->forbid, 0, sizeof w->forbid);
    if (!w->core)
        broker_start(w);
    configure(w);
    for (int i = 0; i < w->n_procs; i++)
        w->procs[i]->stuck = 0;
    w->quiet_traffic = true;
}

/* Most seeds know some of the faults only: what one fault ends too early another then brings to light. */
static int choose_faults(struct world *w, int mask)
{
    int some = mask & (int)rnd(w, 1 << N_FAULTS);

    return rnd(w, 4) && some ? some : mask;
}

static void clear(struct world *w, uint64_t seed, FILE *out)
{
    memset(w, 0, sizeof *w);
    w->random = seed * 0x9E3779B97F4A7C15ULL + 88172645463325252ULL;
    for (int i = 0; i < 8; i++)
        rnd(w, 2);
    w->out = out;
    w->now = 1;
    for (int n = 0; n < N_NODES; n++)
        w->current[n] = w->attached[n] = -1;
    running = w;
    chk_start(fail);
}

static void start(struct world *w, uint64_t seed, int n_faults, int fault_mask, FILE *out)
{
    static const uint64_t budgets[] = {64 << 10, 400 << 10, 16 << 20};

    clear(w, seed, out);
    w->fault_mask = choose_faults(w, fault_mask);
    w->budget = budgets[rnd(w, 3)];
    broker_start(w);
    for (int n = 0; n < N_NODES; n++)
        spawn(w, n);
    schedule(w, 1, K_TICK, 0, NULL, 0);
    for (int i = 0, at = 0; i < n_faults; i++) {
        at = i && rnd(w, 3) == 0 ? at + (int)rnd(w, 8)
                                 : 50 + (int)rnd(w, FAULT_END - 100); /* one trouble seldom comes alone */
        schedule(w, at, K_FAULT, 0, NULL, 0);
    }
}

void world_script(struct world *w, uint64_t budget, FILE *out)
{
    clear(w, 1, out);
    w->scripted = true;
    w->budget = budget;
    broker_start(w);
    schedule(w, 1, K_TICK, 0, NULL, 0);
}

void world_until(struct world *w, int64_t at)
{
    while (w->n_heap && w->heap[0].at <= at) {
        struct ev e = next_event(w);

        w->now = e.at;
        handle(w, &e);
    }
    w->now = at;
}

void world_stop(struct world *w)
{
    while (w->n_heap)
        free(w->heap[--w->n_heap].p);
    free(w->heap);
    for (int i = 0; i < w->n_procs; i++) {
        struct proc *p = w->procs[i];

        for (int j = 0; j < MAX_WORK; j++) {
            if (p->work[j].held)
                pb_session_finish(&p->s, p->work[j].held, PBAY_OK, NULL);
        }
        pb_session_fini(&p->s);
        free(p);
    }
    pb_core_destroy(&w->core);
}

bool world_run(struct world *w, uint64_t seed, int n_faults, int fault_mask, FILE *out)
{
    bool settled = false;

    start(w, seed, n_faults, fault_mask, out);
    while (!w->failed && !settled && w->now < RUN_END) {
        struct ev e = next_event(w);

        if (!w->quiet_traffic && e.at >= FAULT_END) {
            w->now = FAULT_END;
            quiet(w);
        }
        w->now = e.at;
        handle(w, &e);
        if (w->quiet_traffic && e.kind == K_TICK && w->now > FAULT_END + 500 && chk_open(is_alive) < 0)
            settled = true;
    }
    if (!w->failed)
        check_end(w);
    world_stop(w);
    return !w->failed;
}
