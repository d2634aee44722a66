/* Events, configuration, notes and views of the core. */
#include "broker/core.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

#define BUDGET_SHARE_NUM 4 /* of the memory budget, four fifths are for envelopes */
#define BUDGET_SHARE_DEN 5

/* ---- groups ---- */

static size_t group_key(char *key, struct pbay_str agent, struct pbay_str name)
{
    memcpy(key, agent.p, agent.n);
    key[agent.n] = 0;
    if (name.n)
        memcpy(key + agent.n + 1, name.p, name.n);
    key[agent.n + 1 + name.n] = 0;
    return agent.n + name.n + 2;
}

struct pb_group *pb_group_find(struct pb_core *c, struct pbay_str agent, struct pbay_str name)
{
    char key[2 * PBAY_MAX_NAME + 2];
    struct pb_group *g = NULL;

    if (agent.n > PBAY_MAX_NAME || name.n > PBAY_MAX_NAME || agent.n == 0)
        return NULL;
    HASH_FIND(hh, c->groups, key, group_key(key, agent, name), g);
    return g;
}

static void set_group(struct pb_core *c, const struct pbay_agent_conf *a, const struct pbay_conn_conf *conn)
{
    struct pbay_str agent = pbay_str(a->agent_name), name = conn ? pbay_str(conn->name) : pbay_str("");
    struct pb_group *g = pb_group_find(c, agent, name);

    if (!g) {
        g = pb_alloc(sizeof *g);
        g->key = pb_alloc(agent.n + name.n + 2);
        g->key_n = group_key(g->key, agent, name);
        g->agent = (struct pbay_str){g->key, agent.n};
        g->name = (struct pbay_str){g->key + agent.n + 1, name.n};
        HASH_ADD_KEYPTR(hh, c->groups, g->key, g->key_n, g);
    }
    g->aconf = a;
    g->cconf = conn;
}

/* A new configuration: groups keep their nodes, streams decide again when they are next looked at. */
static void configure(struct pb_core *c, const struct pbay_agent_conf *const *agents, size_t n)
{
    for (struct pb_group *g = c->groups; g; g = g->hh.next) {
        g->aconf = NULL;
        g->cconf = NULL;
    }
    c->agents = agents;
    c->n_agents = n;
    c->conf = agents[0];
    c->pool = c->conf->memory_budget / BUDGET_SHARE_DEN * BUDGET_SHARE_NUM;
    c->window = c->pool / PB_WINDOW_SHARE;
    if (c->window < PB_WINDOW_LEAST)
        c->window = PB_WINDOW_LEAST;
    if (c->window > PB_WINDOW_MOST)
        c->window = PB_WINDOW_MOST;
    for (size_t i = 0; i < n; i++) {
        set_group(c, agents[i], NULL);
        for (size_t j = 0; j < agents[i]->n_connections; j++)
            set_group(c, agents[i], &agents[i]->connections[j]);
    }
    for (struct pb_stream *s = c->by_sid; s; s = s->by_sid.next) {
        for (uint32_t i = 0; i < s->n_protocols; i++)
            s->protocols[i].verdict = PB_UNDECIDED; /* rules point into the old configuration */
    }
    c->generation++;
    c->route_due = true;
}

/* ---- life ---- */

static uint64_t next_random(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

struct pb_core *pb_core_new(int64_t now, uint64_t seed, const struct pbay_agent_conf *const *agents, size_t n_agents)
{
    struct pb_core *c = pb_alloc(sizeof *c);

    c->now = c->started = now;
    c->random = seed;
    for (unsigned i = 0; i < PBAY_ID_SIZE; i += 8) {
        uint64_t r = next_random(&c->random);

        memcpy(c->boot + i, &r, 8);
    }
    configure(c, agents, n_agents);
    return c;
}

static void free_group(struct pb_core *c, struct pb_group *g)
{
    struct pb_node *node, *tmp;

    DL_FOREACH_SAFE (g->nodes, node, tmp)
        free(node);
    pb_route_fini(g);
    HASH_DEL(c->groups, g);
    free(g->key);
    free(g);
}

void pb_core_destroy(struct pb_core **core)
{
    struct pb_core *c = *core;
    struct pb_stream *s, *next;
    struct pb_group *g, *tmp;

    if (!c)
        return;
    HASH_ITER (by_sid, c->by_sid, s, next)
        pb_stream_free(c, s);
    pb_link_fini(c);
    HASH_ITER (hh, c->groups, g, tmp)
        free_group(c, g);
    free(c);
    *core = NULL;
}

/* ---- events ---- */

static void failed(struct pb_core *c, const struct pb_event *ev)
{
    struct pb_group *g = pb_group_find(c, ev->agent, ev->name);
    size_t n = ev->text.n < PB_MAX_TEXT ? ev->text.n : PB_MAX_TEXT;
    struct pb_note *note;

    if (!g)
        return;
    g->failed = ev->text.n > 0;
    if (n)
        memcpy(g->failed_text, ev->text.p, n);
    g->failed_text[n] = 0;
    c->route_due = true;
    note = pb_note_node(c, PB_NOTE_STATE, g->nodes, PBAY_FAILED, ev->text);
    note->agent = g->agent;
    note->name = g->name;
    note->state = g->failed ? PB_ST_FAILED : PB_ST_DISCONNECTED;
}

static void say_to_all(struct pb_core *c, const struct pb_frame *f)
{
    for (struct pb_link *link = c->links; link; link = link->hh.next) {
        if (link->state == PB_LINK_SESSION)
            pb_link_send(c, link, f);
    }
}

static void gone(struct pb_core *c, struct pbay_str rid)
{
    struct pb_link *link = pb_link_find(c, rid);

    if (link)
        pb_link_down(c, link, PBAY_DISCONNECTED, "cannot be reached");
}

int64_t pb_core_step(struct pb_core *c, struct pb_event *ev)
{
    if (ev->now > c->now)
        c->now = ev->now;
    switch (ev->kind) {
    case PB_EV_FRAME:
        pb_link_frame(c, ev);
        break;
    case PB_EV_GONE:
        gone(c, ev->rid);
        break;
    case PB_EV_TICK:
        c->wall = ev->wall;
        pb_policy_apply(c);
        pb_link_tick(c);
        pb_stream_tick(c);
        break;
    case PB_EV_CONFIG:
        c->wall = ev->wall;
        configure(c, ev->agents, ev->n_agents);
        pb_policy_find(c);
        pb_policy_apply(c);
        break;
    case PB_EV_FAILED:
        failed(c, ev);
        break;
    case PB_EV_DRAIN:
        c->draining = true;
        say_to_all(c, &(struct pb_frame){.verb = PB_DRAIN});
        break;
    case PB_EV_BYE:
        say_to_all(c, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
        break;
    }
    return c->now + c->conf->heartbeat_ms / 4 + 1;
}

/* The end of a turn: one SETTLE and one look at the credit for each stream that something was settled on. */
void pb_core_flush(struct pb_core *c)
{
    if (c->route_due)
        pb_stream_route_waiting(c);
    while (c->due) {
        struct pb_stream *s = c->due;

        c->due = s->next_due;
        s->due = false;
        pb_mail_say_settled(c, s);
        pb_flow_grant(c, s);
    }
    pb_mail_flush(c);
    pb_flow_kick(c);
}

bool pb_core_idle(const struct pb_core *c)
{
    for (const struct pb_stream *s = c->by_sid; s; s = s->by_sid.next) {
        if (s->n_given || s->n_parked)
            return false;
    }
    return true;
}

/* ---- notes ---- */

struct pb_note *pb_note_node(struct pb_core *c, enum pb_note_kind kind, const struct pb_node *node, enum pbay_err code,
                             struct pbay_str text)
{
    struct pb_note *note;
    size_t n = text.n < PB_MAX_TEXT ? text.n : PB_MAX_TEXT;

    if (c->n_notes == PB_MAX_NOTES) { /* nobody takes them: the oldest goes */
        c->note_head = (c->note_head + 1) % PB_MAX_NOTES;
        c->n_notes--;
    }
    note = &c->notes[(c->note_head + c->n_notes++) % PB_MAX_NOTES];
    memset(note, 0, sizeof *note);
    note->kind = kind;
    note->at = c->now;
    note->code = note->cause = code;
    if (n)
        memcpy(note->text, text.p, n);
    if (!node)
        return note;
    note->agent = node->group->agent;
    note->name = node->group->name;
    note->instance = pbay_str(node->instance);
    note->state = node->state;
    return note;
}

void pb_note_to(struct pb_note *note, struct pbay_str to)
{
    size_t n = to.n < sizeof note->to ? to.n : sizeof note->to - 1;

    if (n)
        memcpy(note->to, to.p, n);
    note->to[n] = 0;
}

bool pb_core_note(struct pb_core *c, struct pb_note *note)
{
    if (c->n_notes == 0)
        return false;
    *note = c->notes[c->note_head];
    c->note_head = (c->note_head + 1) % PB_MAX_NOTES;
    c->n_notes--;
    return true;
}

/* ---- views ---- */

void pb_core_view(const struct pb_core *c, struct pb_core_view *v)
{
    const struct pb_stream *s;

    *v = (struct pb_core_view){.pool = c->pool,
                               .pool_used = c->pool_used,
                               .nodes = c->n_nodes,
                               .streams = c->n_streams,
                               .links = HASH_COUNT(c->links),
                               .draining = c->draining,
                               .in_grace = c->now < c->started + c->conf->grace_ms};
    DL_FOREACH2(c->waiting, s, next_wait)
    v->waiting++;
}

static void view_absent(const struct pb_group *g, void (*each)(void *, const struct pb_node_view *), void *arg)
{
    struct pb_node_view v = {.agent = g->agent,
                             .name = g->cconf ? g->name : g->agent,
                             .instance = pbay_str("0"),
                             .role = g->cconf ? PB_CONNECTION : PB_AGENT};

    if (!g->aconf)
        return;
    v.public_id = g->cconf ? pbay_str(g->cconf->public_id_text) : pbay_str("");
    v.state = g->failed ? PB_ST_FAILED : PB_ST_DISCONNECTED;
    v.text = pbay_str(g->failed_text);
    v.code = g->failed ? PBAY_FAILED : PBAY_OK;
    each(arg, &v);
}

static void view_node(const struct pb_node *node, void (*each)(void *, const struct pb_node_view *), void *arg)
{
    const struct pb_group *g = node->group;
    bool lost = g->failed && !node->link;
    struct pb_node_view v = {.agent = g->agent,
                             .name = node->role == PB_CONNECTION ? g->name : g->agent,
                             .instance = pbay_str(node->instance),
                             .public_id = g->cconf ? pbay_str(g->cconf->public_id_text) : pbay_str(""),
                             .role = node->role,
                             .state = lost ? PB_ST_FAILED : node->state,
                             .linked = node->link != NULL,
                             .dead = node->dead,
                             .draining = node->draining,
                             .stuck = node->link && node->code == PBAY_TIMEOUT,
                             .code = lost ? PBAY_FAILED : node->code,
                             .text = pbay_str(lost ? g->failed_text : node->text),
                             .retry_ms = node->retry_ms,
                             .attached = node->attach,
                             .in = node->in,
                             .out = node->out,
                             .settled = node->settled,
                             .ended = node->ended,
                             .streams_from = HASH_CNT(by_no, node->from),
                             .streams_to = node->n_to,
                             .given = node->n_given};

    each(arg, &v);
}

void pb_core_each_node(const struct pb_core *c, void (*each)(void *, const struct pb_node_view *), void *arg)
{
    for (const struct pb_group *g = c->groups; g; g = g->hh.next) {
        const struct pb_node *node;

        if (!g->nodes)
            view_absent(g, each, arg);
        DL_FOREACH (g->nodes, node)
            view_node(node, each, arg);
    }
}

void pb_core_each_stream(const struct pb_core *c, void (*each)(void *, const struct pb_stream_view *), void *arg)
{
    static const char *const states[] = {"waiting", "asking", "open", "releasing"};

    for (const struct pb_stream *s = c->by_sid; s; s = s->by_sid.next) {
        struct pb_stream_view v = {.agent = s->sender->group->agent,
                                   .from = s->sender->role == PB_CONNECTION ? s->sender->group->name
                                                                            : s->sender->group->agent,
                                   .instance = pbay_str(s->sender->instance),
                                   .to = s->to,
                                   .sender = s->from,
                                   .state = states[s->state],
                                   .base = s->w.lo,
                                   .next = s->next,
                                   .watermark = s->watermark,
                                   .credit = s->credit_b,
                                   .used = s->used_b,
                                   .held = s->held_b,
                                   .parked = s->n_parked,
                                   .given = s->n_given,
                                   .ending = s->n_ending,
                                   .protocols = s->n_protocols,
                                   .lone = s->lone};

        if (s->to_node) {
            v.to_name = s->to_node->role == PB_CONNECTION ? s->to_node->group->name : s->to_node->group->agent;
            v.to_instance = pbay_str(s->to_node->instance);
        }
        each(arg, &v);
    }
}
