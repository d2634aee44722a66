/* Processes: a real session each, and an application that puts, takes, finishes late and out of order, fails and dies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static const struct {
    const char *agent, *name, *instance, *id;
    enum pb_role role;
    int agent_no, conn;
} nodes[N_NODES] = {
    {"A", "A", "0", "", PB_AGENT, 0, -1},
    {"A", "A", "1", "", PB_AGENT, 0, -1},
    {"A", "c0", "0", "t/c0:1.0.0", PB_CONNECTION, 0, 0},
    {"A", "c0", "1", "t/c0:1.0.0", PB_CONNECTION, 0, 0},
    {"A", "c1", "0", "t/c1:1.0.0", PB_CONNECTION, 0, 1},
    {"B", "B", "0", "", PB_AGENT, 1, -1},
    {"B", "c2", "0", "t/c2:1.0.0", PB_CONNECTION, 1, 2},
};

const char *node_name(int node)
{
    static char text[16];

    snprintf(text, sizeof text, "%s.%s", nodes[node].name, nodes[node].instance);
    return text;
}

int agent_of(int node)
{
    return nodes[node].agent_no;
}

int conn_of(int node)
{
    return nodes[node].conn;
}

/* ---- what the broker says of processes ---- */

static int node_of(const struct pb_note *n)
{
    for (int i = 0; i < N_NODES; i++) {
        if (pbay_str_eq(n->agent, pbay_str(nodes[i].agent)) && pbay_str_eq(n->instance, pbay_str(nodes[i].instance)) &&
            pbay_str_eq(n->name, pbay_str(nodes[i].conn < 0 ? "" : nodes[i].name)))
            return i;
    }
    return -1;
}

static void attached(struct world *w, int node, struct proc *p)
{
    int former = w->attached[node];

    if (former >= 0 && former != p->id)
        w->procs[former]->fenced = true;
    p->dead = false;
    w->attached[node] = p->id;
}

/* from: the process whose message the broker has just taken */
void learn(struct world *w, const struct pb_note *n, const struct proc *from)
{
    int node = node_of(n);

    if (n->kind == PB_NOTE_ATTACHED)
        attached(w, node, w->procs[from->id]);
    else if (n->kind == PB_NOTE_DEAD && w->attached[node] >= 0)
        w->procs[w->attached[node]]->dead = true;
}

void forget_broker(struct world *w)
{
    for (int i = 0; i < N_NODES; i++)
        w->attached[i] = -1;
    for (int i = 0; i < w->n_procs; i++) {
        w->procs[i]->dead = false;
        w->procs[i]->returned |= w->procs[i]->alive && w->procs[i]->fenced;
    }
}

void supervise(struct world *w, int node, const char *text)
{
    struct pb_event ev = {.kind = PB_EV_FAILED,
                          .agent = pbay_str(nodes[node].agent),
                          .name = pbay_str(nodes[node].name),
                          .text = pbay_str(text)};

    broker_event(w, &ev);
}

struct proc *spawn(struct world *w, int node)
{
    struct proc *p;
    struct pb_session_conf conf = {.role = nodes[node].role,
                                   .agent = pbay_str(nodes[node].agent),
                                   .name = pbay_str(nodes[node].name),
                                   .instance = pbay_str(nodes[node].instance),
                                   .public_id = pbay_str(nodes[node].id),
                                   .max_envelopes = 12,
                                   .max_bytes = 60000};

    if (w->n_procs == MAX_PROCS)
        return NULL;
    p = pb_alloc(sizeof *p);
    p->id = w->n_procs;
    p->node = node;
    p->alive = true;
    p->socket = -1;
    p->open_at = w->now;
    p->connect_at = w->now + delay(w, 60, 0);
    p->work_ms = 5;
    for (int i = 0; i < PBAY_ID_SIZE; i++)
        conf.incarnation[i] = (uint8_t)delay(w, 256, 0);
    memcpy(conf.incarnation, &p->id, sizeof p->id);
    pb_session_init(&p->s, &conf);
    for (int i = 0; i < 4; i++)
        p->flow[i] = -1;
    w->procs[w->n_procs++] = p;
    w->current[node] = p->id;
    note(w, "p%d starts as %s", p->id, node_name(node));
    schedule(w, w->now, K_WAKE, p->id, NULL, 0);
    return p;
}

void close_socket(struct world *w, struct proc *p)
{
    if (p->socket < 0)
        return;
    w->socks[p->socket].open = false;
    p->socket = -1;
    p->open_at = w->now + delay(w, 40, 10);
    pb_session_down(&p->s);
}

/* The known residue (SPEC 3.9): of two processes with one name the older may win, after a broker's crash. One must win.
 */
static int survivor(const struct world *w, int node)
{
    for (int i = w->n_procs - 1; i >= 0; i--) {
        if (w->procs[i]->alive && w->procs[i]->node == node)
            return i;
    }
    return -1;
}

/* last_words: what is on its way to the broker still arrives, perhaps much later. */
void die(struct world *w, struct proc *p, const char *why, bool last_words)
{
    note(w, "p%d ends: %s", p->id, why);
    if (p->socket >= 0 && last_words)
        make_late(w, p->socket);
    else if (p->socket >= 0)
        w->socks[p->socket].cut_up = true;
    close_socket(w, p);
    p->alive = false;
    if (w->current[p->node] != p->id)
        return;
    w->current[p->node] = p->s.fatal ? survivor(w, p->node) : -1;
    w->finished[p->node] = p->s.fatal;
    if (!p->s.fatal && !w->scripted)
        schedule(w, w->now + 2 + rnd(w, rnd(w, 2) ? 20 : 400), K_RESTART, p->node, NULL, 0);
}

/* ---- the sending application ---- */

static void fill(struct pbay_envelope *e, char *text, uint32_t uid, size_t n)
{
    memset(text, '.', n);
    snprintf(text, n, "uid=%08x", uid);
    text[12] = '.';
    e->message = (struct pbay_str){text, n};
}

/* The reply handle of flow 2: the process of that connection that lives now. */
bool choose_origin(struct world *w, struct proc *p, int node)
{
    const struct proc *q = w->current[node] >= 0 ? w->procs[w->current[node]] : NULL;

    if (!q)
        return false;
    snprintf(p->origin_name, sizeof p->origin_name, "%s", nodes[node].name);
    snprintf(p->origin_instance, sizeof p->origin_instance, "%s", nodes[node].instance);
    p->origin.name = pbay_str(p->origin_name);
    p->origin.instance = pbay_str(p->origin_instance);
    memcpy(p->origin.incarnation, q->s.conf.incarnation, PBAY_ID_SIZE);
    return true;
}

/* Address the envelope as flow 0 to 3 of this process does; false = not possible now. */
static bool address(struct world *w, struct proc *p, int flow, struct pbay_envelope *e)
{
    bool b = agent_of(p->node) == 1;

    if (conn_of(p->node) >= 0) {
        e->to = pbay_str(flow == 3 ? "t/skill:1.0.0" : nodes[p->node].agent);
        e->sender = pbay_str(flow == 3 ? nodes[p->node].id : flow ? "ext1" : "ext0");
        return true;
    }
    e->to = pbay_str(flow == 3 ? (b ? "t/c2:1.0.0" : "t/c0:1.0.0") : flow ? "ext1" : "ext0");
    e->sender = pbay_str(flow == 3 ? "t/skill:1.0.0" : nodes[p->node].agent);
    if (flow == 1)
        e->connection_id = pbay_str(b ? "t/c2:any" : "t/c1:1.0.0");
    if (flow == 2 && (p->flow[2] < 0 || rnd(w, 12) == 0)) {
        p->flow[2] = -1;
        if (!choose_origin(w, p, p->node == 5 ? 6 : 2 + (int)rnd(w, 3)))
            return false;
    }
    if (flow == 2)
        e->origin = p->origin;
    return true;
}

/* Put it with a message of n bytes that names it; false = the session did not take it. */
bool put_envelope(struct world *w, struct proc *p, struct pbay_envelope *e, struct chk_put *c, size_t n)
{
    static char text[16384];
    uint64_t tag;

    c->process = p->id;
    c->agent = agent_of(p->node);
    c->conn = conn_of(p->node);
    fill(e, text, w->n_uids, n);
    if (c->poison)
        memcpy(text + 13, "poison", 6);
    if (pb_session_put(&p->s, w->now, e, &tag) != PBAY_OK)
        return false;
    p->uid_of_tag[tag] = w->n_uids;
    w->put_by[w->n_uids] = p->id;
    chk_put(w->n_uids++, c);
    note(w, "p%d puts #%u flow %d protocol %d%s%s n=%zu", p->id, w->n_uids - 1, c->flow, c->protocol,
         c->never ? " never" : "", c->poison ? " poison" : "", n);
    return true;
}

static void put(struct world *w, struct proc *p)
{
    static const char *const protocols[] = {"t/p0:1.0.0", "t/p1:1.0.0", "t/p1:1.0.0"};
    int flow = (int)rnd(w, 4), protocol = rnd(w, 4) ? 0 : 1 + (int)rnd(w, 2);
    size_t n = rnd(w, 10) ? 32 + rnd(w, 100) : rnd(w, 4) ? 3000 : 16000;
    struct pbay_envelope e = {.protocol_id = pbay_str(protocols[protocol])};
    struct chk_put c = {.protocol = protocol};

    if (w->n_uids >= MAX_UIDS - 1 || w->n_flows >= MAX_FLOWS - 4 || !address(w, p, flow, &e))
        return;
    c.keyed = e.has_id = rnd(w, 3) == 0;
    e.operation = pbay_str(protocol == 2 ? "op" : "");
    e.ttl_ms = rnd(w, 6) ? 0 : 100 + rnd(w, 900);
    c.never = rnd(w, 4) == 0;
    e.replay = c.never ? PBAY_REPLAY_NEVER : PBAY_REPLAY_DEFAULT;
    c.poison = !c.never && rnd(w, 60) == 0 && (w->fault_mask & 1 << F_CRASH_RECEIVER);
    if (p->flow[flow] < 0)
        p->flow[flow] = w->n_flows++;
    c.flow = p->flow[flow];
    put_envelope(w, p, &e, &c, n);
}

static void take_outcomes(struct world *w, struct proc *p)
{
    struct pb_outcome o;

    while (pb_session_outcome(&p->s, &o)) {
        note(w, "p%d #%u ended %s %s", p->id, p->uid_of_tag[o.tag], pbay_err_name(o.err), o.text ? o.text : "");
        free(o.text);
        chk_outcome(p->uid_of_tag[o.tag], (int)o.err);
    }
}

/* ---- the receiving application ---- */

static unsigned about(const struct world *w, const struct proc *receiver, uint32_t uid)
{
    const struct proc *sender = w->procs[w->put_by[uid]];

    return (receiver->fenced ? CHK_FENCED : 0U) | (receiver->dead ? CHK_DEAD : 0U) |
           (sender->returned ? CHK_RETURNED : 0U);
}

static void show(struct world *w, struct proc *p, struct pb_held *h, struct work *work)
{
    char digits[9] = {0};
    uint32_t uid;

    memcpy(digits, h->e.message.p + 4, 8);
    uid = (uint32_t)strtoul(digits, NULL, 16);
    note(w, "p%d shown #%u%s", p->id, uid, h->e.redelivered ? " again" : "");
    chk_shown(uid, p->id, agent_of(p->node), conn_of(p->node), about(w, p, uid));
    *work = (struct work){h, uid, w->now + (w->scripted ? llabs(p->work_ms) : rnd(w, rnd(w, 4) ? 8 : 120))};
    p->poisoned |= memcmp(h->e.message.p + 13, "poison", 6) == 0;
}

static void receive(struct world *w, struct proc *p)
{
    for (int i = 0; i < MAX_WORK; i++) {
        struct pb_held *h;

        if (p->work[i].held)
            continue;
        if (!(h = pb_session_next(&p->s, w->now)))
            return;
        if (delay(w, 25, 1) == 0) {
            pb_session_give_back(&p->s, h);
            return;
        }
        show(w, p, h, &p->work[i]);
    }
}

static void finish(struct world *w, struct proc *p)
{
    if (w->now < p->stuck)
        return;
    for (int i = 0; i < MAX_WORK; i++) {
        struct work *work = &p->work[i];
        bool ok = w->scripted ? p->work_ms >= 0 : rnd(w, 20) != 0;

        if (!work->held || work->done > w->now)
            continue;
        note(w, "p%d finishes #%u%s", p->id, work->uid, ok ? "" : " with failure");
        chk_finished(work->uid, ok);
        pb_session_finish(&p->s, work->held, ok ? PBAY_OK : PBAY_FAILED, ok ? "" : "no");
        work->held = NULL;
    }
}

/* ---- a process's turn ---- */

static void open_socket(struct world *w, struct proc *p)
{
    if (w->now < p->open_at)
        return;
    if (w->n_socks == MAX_SOCKETS) {
        fail("I8 a storm of sockets");
        return;
    }
    p->socket = w->n_socks++;
    w->socks[p->socket] = (struct sock){.proc = p->id, .open = true, .cut_up = !w->core, .cut_down = !w->core};
    pb_session_up(&p->s, w->now);
}

static void send_all(struct world *w, struct proc *p)
{
    struct sock *k = &w->socks[p->socket];
    struct pb_buf b = {0};

    while (pb_session_pack(&p->s, w->now, &b)) {
        trace_message(w, PB_UP, p, b.p, b.n);
        k->last_up = (k->last_up > w->now ? k->last_up : w->now) + delay(w, 3, 1);
        schedule(w, k->last_up, K_UP, p->socket, b.p, b.n);
        if (k->hello_n == 0 && b.n <= sizeof k->hello)
            memcpy(k->hello, b.p, k->hello_n = b.n);
        b = (struct pb_buf){0};
    }
    pb_buf_fini(&b);
}

static void look_at_socket(struct world *w, struct proc *p)
{
    if (p->socket >= 0 && p->s.wants_close) {
        send_all(w, p);
        close_socket(w, p);
    }
    if (p->socket >= 0 && w->socks[p->socket].cut_up && delay(w, 8, 1) == 0)
        close_socket(w, p); /* libzmq tells */
    if (p->s.fatal)
        die(w, p, "FENCED", false);
    else if (p->socket < 0)
        open_socket(w, p);
}

static void end_drain(struct world *w, struct proc *p)
{
    if (!pb_session_drained(&p->s) && w->now < p->drain_at)
        return;
    pb_session_bye(&p->s);
    if (p->socket >= 0)
        send_all(w, p);
    die(w, p, "drained", true);
}

void proc_step(struct world *w, struct proc *p)
{
    if (w->now < p->paused)
        return;
    pb_session_tick(&p->s, w->now);
    look_at_socket(w, p);
    if (!p->alive)
        return;
    if (!p->reported && conn_of(p->node) >= 0 && w->now >= p->connect_at) {
        p->reported = true;
        pb_session_report(&p->s, PB_ST_CONNECTED, PBAY_OK, "", 0);
    }
    pb_session_unblock(&p->s);
    receive(w, p);
    if (p->poisoned) {
        die(w, p, "poison", delay(w, 2, 0));
        return;
    }
    finish(w, p);
    take_outcomes(w, p);
    if (!w->quiet_traffic && !p->draining && delay(w, 5, 1) == 0)
        put(w, p);
    if (p->socket >= 0)
        send_all(w, p);
    if (p->draining)
        end_drain(w, p);
}

void deliver_down(struct world *w, int id, const uint8_t *bytes, size_t n)
{
    struct sock *k = &w->socks[id];
    struct proc *p = w->procs[k->proc];

    if (k->lose_down > 0) {
        k->lose_down--;
        return;
    }
    if (k->cut_down || !k->open || !p->alive)
        return;
    pb_session_frame(&p->s, w->now, bytes, n);
    proc_step(w, p);
}
