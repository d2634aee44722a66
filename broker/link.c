/* Links: routing ids, the nodes behind them, HELLO to BYE (SPEC section 3). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

/* ---- links ---- */

struct pb_link *pb_link_find(struct pb_core *c, struct pbay_str rid)
{
    struct pb_link *link;

    HASH_FIND(hh, c->links, rid.p, rid.n, link);
    return link;
}

static bool is_idle(const struct pb_link *link)
{
    return (link->state != PB_LINK_SESSION || link->node->link != link) && !link->listed;
}

static void forget_claims(struct pb_core *c, struct pb_link *link)
{
    c->pending -= link->claims.n;
    pb_buf_fini(&link->claims);
}

static void free_link(struct pb_core *c, struct pb_link *link)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash's last element */
    HASH_DEL(c->links, link);
    pb_out_fini(link);
    forget_claims(c, link);
    free(link);
}

/* Remember one more routing id; strangers never push out a session. */
static struct pb_link *new_link(struct pb_core *c, struct pbay_str rid)
{
    struct pb_link *link, *tmp;

    if (HASH_COUNT(c->links) >= PB_MAX_LINKS) {
        HASH_ITER (hh, c->links, link, tmp) {
            if (is_idle(link)) {
                free_link(c, link);
                break;
            }
        }
    }
    if (HASH_COUNT(c->links) >= PB_MAX_LINKS)
        return NULL;
    link = pb_alloc(sizeof *link);
    memcpy(link->rid, rid.p, rid.n);
    link->rid_n = (uint32_t)rid.n;
    HASH_ADD(hh, c->links, rid, link->rid_n, link);
    return link;
}

static void drop_claims(struct pb_core *c, const struct pb_node *node)
{
    struct pb_claim *claim, *tmp;

    HASH_ITER (hh, c->claims, claim, tmp) {
        if (claim->node == node) {
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): likewise */
            HASH_DEL(c->claims, claim);
            free(claim);
        }
    }
}

/* Its streams say nothing until it opens them on its next link. */
static void silence(struct pb_core *c, struct pb_node *node)
{
    for (struct pb_stream *s = node->from; s; s = s->by_no.next)
        pb_stream_untell(c, s);
}

/* SPEC 3.6: link loss is not death. */
void pb_link_down(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text)
{
    struct pb_node *node = link->node;

    if (link->state == PB_LINK_PENDING || link->state == PB_LINK_NEW)
        link->state = PB_LINK_SUPERSEDED;
    if (link->state != PB_LINK_SESSION) {
        forget_claims(c, link);
        return;
    }
    link->state = PB_LINK_SUPERSEDED;
    node->link = NULL;
    node->down_since = c->now;
    if (node->state != PB_ST_FAILED)
        node->state = node->role == PB_CONNECTION ? PB_ST_CONNECTING : PB_ST_DISCONNECTED;
    drop_claims(c, node);
    silence(c, node);
    pb_note_node(c, PB_NOTE_LINK_DOWN, node, why, pbay_str(text));
}

void pb_link_gap(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text)
{
    pb_link_send(c, link, &(struct pb_frame){.verb = PB_GAP, .code = why, .cause = why, .text = pbay_str(text)});
    pb_link_down(c, link, why, text);
}

/* ---- nodes ---- */

static struct pb_node *find_node(struct pb_group *g, struct pbay_str instance)
{
    struct pb_node *node;

    DL_FOREACH (g->nodes, node) {
        if (pbay_str_eq(pbay_str(node->instance), instance))
            return node;
    }
    return NULL;
}

static bool is_named(const struct pb_core *c, const struct pb_node *node)
{
    for (const struct pb_link *link = c->links; link; link = link->hh.next) {
        if (link->node == node && link->state != PB_LINK_SUPERSEDED && link->state != PB_LINK_FENCED)
            return true;
    }
    return false;
}

/* Instances that said BYE and left nothing behind are forgotten, so that short-lived ones need no name for ever. One
 * that has fenced another process stays: it remembers that. */
static void drop_left(struct pb_core *c, struct pb_group *g)
{
    struct pb_node *node, *tmp;

    DL_FOREACH_SAFE (g->nodes, node, tmp) {
        if (!node->left || node->link || node->to || node->from || node->pump || node->n_fenced || is_named(c, node))
            continue;
        for (unsigned i = 0; i < c->n_notes; i++) {
            struct pb_note *note = &c->notes[(c->note_head + i) % PB_MAX_NOTES];

            if (note->instance.p == node->instance)
                note->instance = pbay_str("");
        }
        for (struct pb_link *link = c->links; link; link = link->hh.next) {
            if (link->node == node)
                link->node = NULL;
        }
        DL_DELETE(g->nodes, node);
        g->n_nodes--;
        c->n_nodes--;
        free(node);
    }
}

static struct pb_node *new_node(struct pb_core *c, struct pb_group *g, struct pbay_str instance)
{
    struct pb_node *node;

    drop_left(c, g);
    if (g->n_nodes == PB_MAX_INSTANCES)
        return NULL;
    node = pb_alloc(sizeof *node);
    node->group = g;
    node->role = g->cconf ? PB_CONNECTION : PB_AGENT;
    memcpy(node->instance, instance.p, instance.n);
    DL_APPEND(g->nodes, node);
    g->n_nodes++;
    c->n_nodes++;
    return node;
}

static bool is_fenced(const struct pb_node *node, const uint8_t *incarnation)
{
    for (unsigned i = 0; i < PB_FENCED_KEPT && i < node->n_fenced; i++) {
        if (memcmp(node->fenced[i], incarnation, PBAY_ID_SIZE) == 0)
            return true;
    }
    return false;
}

static void fence(struct pb_node *node, const uint8_t *incarnation)
{
    memcpy(node->fenced[node->n_fenced++ % PB_FENCED_KEPT], incarnation, PBAY_ID_SIZE);
}

static void say_fenced(struct pb_core *c, struct pb_link *link)
{
    if (link->last_who && c->now - link->last_who < PB_WHO_MS)
        return;
    link->last_who = c->now;
    pb_link_send(c, link,
                 &(struct pb_frame){.verb = PB_BYE,
                                    .code = PBAY_FENCED,
                                    .cause = PBAY_FENCED,
                                    .text = pbay_str("a newer process has this name and instance")});
}

static void say_who(struct pb_core *c, struct pb_link *link)
{
    if (link->last_who && c->now - link->last_who < PB_WHO_MS)
        return;
    link->last_who = c->now;
    pb_link_send(c, link, &(struct pb_frame){.verb = PB_WHO});
}

static void death(struct pb_core *c, struct pb_node *node, bool unclean, enum pbay_err why, const char *text)
{
    node->down_since = 0;
    if (node->dead)
        return;
    node->dead = true;
    pb_stream_node_death(c, node, unclean);
    if (node->state != PB_ST_FAILED)
        node->state = PB_ST_DISCONNECTED;
    pb_note_node(c, PB_NOTE_DEAD, node, why, pbay_str(text));
}

/* ---- HELLO (SPEC 3.2, 3.3) ---- */

/* "name: reason" for the operator, who has no node to look at. */
static void note_rejected(struct pb_core *c, const struct pb_frame *f, enum pbay_err code, struct pbay_str text)
{
    struct pb_buf line = {0};

    pb_buf_add(&line, f->name.p, f->name.n);
    pb_buf_add(&line, ": ", 2);
    pb_buf_add(&line, text.p, text.n);
    pb_note_node(c, PB_NOTE_REJECTED, NULL, code, (struct pbay_str){(const char *)line.p, line.n});
    pb_buf_fini(&line);
}

static void reject(struct pb_core *c, struct pb_link *link, const struct pb_frame *f, enum pbay_err code,
                   const char *text)
{
    pb_link_send(c, link, &(struct pb_frame){.verb = PB_REJECT, .code = code, .cause = code, .text = pbay_str(text)});
    link->state = PB_LINK_SUPERSEDED;
    note_rejected(c, f, code, pbay_str(text));
}

static struct pb_node *node_of_hello(struct pb_core *c, const struct pb_frame *f, enum pbay_err *code,
                                     const char **text)
{
    struct pb_group *g = pb_group_find(c, f->agent, f->role == PB_AGENT ? pbay_str("") : f->name);
    struct pbay_pubid id;
    struct pb_node *node;

    *code = PBAY_UNKNOWN_NAME;
    *text = "no node of that agent, role and name is configured";
    if (!g || !g->aconf || f->role != (g->cconf ? PB_CONNECTION : PB_AGENT) || f->name.n == 0)
        return NULL;
    *text = "an instance is some characters";
    if (f->instance.n == 0 || memchr(f->instance.p, 0, f->instance.n))
        return NULL;
    if (g->cconf && (!pbay_pubid_parse(f->public_id, &id) || !pbay_pubid_same_prefix(&id, &g->cconf->public_id))) {
        *text = "another public id is configured under that name";
        return NULL;
    }
    if ((node = find_node(g, f->instance)) || (node = new_node(c, g, f->instance)))
        return node;
    *code = PBAY_LIMIT;
    *text = "too many instances";
    return NULL;
}

static void say_welcome(struct pb_core *c, struct pb_link *link, uint64_t clock)
{
    const struct pbay_agent_conf *a = link->node->group->aconf;
    struct pb_buf list = {0};
    struct pb_frame f = {.verb = PB_WELCOME,
                         .version_max = PB_VERSION,
                         .boot = {(const char *)c->boot, PBAY_ID_SIZE},
                         .attach = link->node->attach,
                         .clock = clock,
                         .heartbeat_ms = c->conf->heartbeat_ms,
                         .timeout_ms = c->conf->timeout_ms,
                         .max_envelope = c->conf->max_envelope};

    if (link->node->role == PB_AGENT) {
        for (size_t i = 0; i < a->n_default_routing; i++, f.routed.n++)
            pb_put_str(&list, pbay_str(a->default_routing[i].protocol_text));
    }
    f.routed.raw = (struct pbay_str){(const char *)list.p, list.n};
    pb_link_send(c, link, &f);
    pb_buf_fini(&list);
}

/* Who may not have a session; the link's state says why. */
static bool is_refused(struct pb_core *c, struct pb_link *link, const struct pb_node *node)
{
    if (is_fenced(node, link->incarnation)) {
        link->state = PB_LINK_FENCED;
        say_fenced(c, link);
        return true;
    }
    if (node->known && memcmp(node->incarnation, link->incarnation, PBAY_ID_SIZE) == 0 &&
        link->link_no <= node->link_no) {
        link->state = PB_LINK_SUPERSEDED; /* a late HELLO of an older socket */
        return true;
    }
    return false;
}

static void attach(struct pb_core *c, struct pb_link *link);

/* From HELLO, and from RESUME before CONFIRM; bounded for one link and for all of them together. */
static bool add_claims(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    size_t n = f->claims.raw.n;

    if (link->claims.n + n > (size_t)PB_MAX_STREAMS * PB_CLAIM_BYTES || c->pending + n > PB_MAX_PENDING) {
        pb_link_gap(c, link, PBAY_LIMIT, "more claims than are taken");
        return false;
    }
    pb_buf_add(&link->claims, f->claims.raw.p, n);
    c->pending += n;
    return true;
}

static void on_hello(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    struct pb_node *node;
    enum pbay_err code;
    const char *text;

    if (f->version_min > PB_VERSION || f->version_max < PB_VERSION) {
        reject(c, link, f, PBAY_VERSION, "this broker speaks version 1");
        return;
    }
    if (c->draining) {
        reject(c, link, f, PBAY_SHUTDOWN, "the broker is going down");
        return;
    }
    if (!(node = node_of_hello(c, f, &code, &text))) {
        reject(c, link, f, code, text);
        return;
    }
    memcpy(link->incarnation, f->incarnation.p, PBAY_ID_SIZE);
    link->link_no = f->link;
    if (is_refused(c, link, node))
        return;
    link->node = node;
    link->state = PB_LINK_PENDING;
    if (!add_claims(c, link, f))
        return;
    say_welcome(c, link, f->clock);
    if (PB_MUT(NO_CONFIRM))
        attach(c, link);
}

static void take_claims(struct pb_core *c, struct pb_link *link)
{
    struct pb_rd r = {link->claims.p, link->claims.p + link->claims.n};
    struct pbay_str incarnation;
    uint32_t stream;

    drop_claims(c, link->node);
    while (pb_span_claim(&r, &incarnation, &stream)) {
        struct pb_claim *claim = pb_alloc(sizeof *claim), *old;

        memcpy(claim->key, incarnation.p, PBAY_ID_SIZE);
        memcpy(claim->key + PBAY_ID_SIZE, &stream, sizeof stream);
        claim->node = link->node;
        HASH_REPLACE(hh, c->claims, key, sizeof claim->key, claim, old);
        free(old);
    }
    forget_claims(c, link);
}

/* Another incarnation has the name now: the former one is dead and hears it. */
static void take_over(struct pb_core *c, struct pb_node *node)
{
    struct pb_link *old = node->link;

    if (!PB_MUT(NO_FENCE))
        fence(node, node->incarnation);
    if (old) {
        old->state = PB_MUT(NO_FENCE) ? PB_LINK_SUPERSEDED : PB_LINK_FENCED;
        node->link = NULL;
        old->last_who = 0;
        if (!PB_MUT(NO_FENCE))
            say_fenced(c, old);
        pb_note_node(c, PB_NOTE_FENCED, node, PBAY_FENCED, pbay_str("a newer process has its name"));
    }
    death(c, node, true, PBAY_FENCED, "another process has its name");
    pb_stream_forget_from(c, node);
}

/* SPEC 3.3: only here does a HELLO take effect. */
static void attach(struct pb_core *c, struct pb_link *link)
{
    struct pb_node *node = link->node;
    bool same = node->known && memcmp(node->incarnation, link->incarnation, PBAY_ID_SIZE) == 0;

    if (node->link && same) {
        node->link->state = PB_LINK_SUPERSEDED;
        silence(c, node);
    } else if (node->known && !same) {
        take_over(c, node);
    }
    memcpy(node->incarnation, link->incarnation, PBAY_ID_SIZE);
    node->known = true;
    node->dead = node->draining = node->forgotten = node->left = false;
    node->link = link;
    node->link_no = link->link_no;
    node->down_since = 0;
    node->attach++;
    node->state = node->role == PB_AGENT ? PB_ST_CONNECTED : PB_ST_CONNECTING;
    node->code = PBAY_OK;
    node->text[0] = 0;
    link->state = PB_LINK_SESSION;
    take_claims(c, link);
    pb_note_node(c, PB_NOTE_ATTACHED, node, PBAY_OK, pbay_str(""));
    if (same) {
        pb_mail_say_ends(c, node);
        pb_stream_node_back(c, node);
    }
    c->route_due = true;
}

static void on_confirm(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    if (is_refused(c, link, link->node))
        return;
    if (!link->node->group->aconf) {
        pb_link_gap(c, link, PBAY_UNKNOWN_NAME, "its agent is not configured any more");
        return;
    }
    if (f->attach != link->node->attach) {
        say_welcome(c, link, 0);
        return;
    }
    attach(c, link);
}

/* ---- a session's own frames ---- */

static void on_ping(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_link *link = node->link;

    if (f->count != link->received && !PB_MUT(TRUST_RECONNECT)) {
        pb_link_gap(c, link, PBAY_GAP, "PING's count differs");
        return;
    }
    pb_out_pong(c, link, f->clock);
}

static void on_state(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    size_t n = f->text.n < PB_MAX_TEXT ? f->text.n : PB_MAX_TEXT;

    if (f->state > PB_ST_FAILED) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, "STATE with an unknown state");
        return;
    }
    node->state = (enum pb_node_state)f->state;
    node->code = (enum pbay_err)f->code;
    memcpy(node->text, f->text.p, n);
    node->text[n] = 0;
    node->retry_ms = f->retry_ms;
    c->route_due = true;
    pb_note_node(c, PB_NOTE_STATE, node, node->code, f->text);
}

/* SPEC 3.8: it finishes what it has started, and is given nothing more. */
static void on_drain(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s, *tmp;

    (void)f;
    node->draining = true;
    DL_FOREACH_SAFE2(node->to, s, tmp, next_to)
    {
        if (s->state != PB_RELEASING)
            pb_stream_release(c, s);
    }
}

static void on_bye(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_link *link = node->link;

    pb_link_down(c, link, (enum pbay_err)f->code, "BYE");
    death(c, node, false, PBAY_SHUTDOWN, "it said BYE");
    pb_stream_forget_from(c, node);
    node->left = true;
}

static void on_gap(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    pb_link_down(c, node->link, (enum pbay_err)f->code, "the node saw a loss");
}

typedef void handler(struct pb_core *, struct pb_node *, const struct pb_frame *);

/* SPEC section 4: what a session may say. */
static handler *const handlers[PB_VERB_COUNT] = {
    [PB_OPEN] = pb_stream_open,
    [PB_ANSWER] = pb_stream_answer,
    [PB_PUB] = pb_mail_pub,
    [PB_SETTLE] = pb_mail_settle,
    [PB_NEED] = pb_flow_need,
    [PB_END] = pb_mail_end,
    [PB_ENDED] = pb_mail_ended,
    [PB_RELEASED] = pb_stream_released,
    [PB_CLOSE] = pb_stream_close,
    [PB_PING] = on_ping,
    [PB_GAP] = on_gap,
    [PB_DRAIN] = on_drain,
    [PB_BYE] = on_bye,
    [PB_STATE] = on_state,
};

static void pending_part(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    if (f->verb == PB_CONFIRM)
        on_confirm(c, link, f);
    else if (f->verb == PB_RESUME)
        add_claims(c, link, f);
}

/* One part of a message; the link's state may change with each. */
static void take_part(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    switch (link->state) {
    case PB_LINK_NEW:
        if (f->verb == PB_HELLO)
            on_hello(c, link, f);
        else
            say_who(c, link);
        break;
    case PB_LINK_PENDING:
        pending_part(c, link, f);
        break;
    case PB_LINK_SESSION:
        if (handlers[f->verb])
            handlers[f->verb](c, link->node, f);
        else if (f->verb == PB_HELLO)
            pb_link_gap(c, link, PBAY_BAD_FRAME, "HELLO twice on one socket");
        break;
    case PB_LINK_SUPERSEDED:
        say_who(c, link);
        break;
    case PB_LINK_FENCED:
        say_fenced(c, link);
        break;
    }
}

void pb_link_frame(struct pb_core *c, struct pb_event *ev)
{
    struct pb_link *link = pb_link_find(c, ev->rid);
    struct pb_rd r = {ev->p, ev->p + ev->n};
    struct pb_frame f;

    if (ev->rid.n == 0 || ev->rid.n > PB_MAX_RID || (!link && !(link = new_link(c, ev->rid))))
        return;
    link->received++;
    link->last_received = c->now;
    pb_out_begin(c);
    for (int parts = 0; r.p < r.end; parts++) {
        enum pb_link_state state = link->state;

        if (parts == PB_MAX_PARTS || !pb_frame_read(&r, PB_UP, &f)) {
            if (state == PB_LINK_SESSION || state == PB_LINK_PENDING || state == PB_LINK_NEW)
                pb_link_gap(c, link, PBAY_BAD_FRAME, "malformed frame");
            break;
        }
        take_part(c, link, &f);
        if (state == PB_LINK_SUPERSEDED || state == PB_LINK_FENCED ||
            (state == PB_LINK_SESSION && link->state != state))
            break; /* one answer for a message; nothing after a loss counts */
    }
    pb_out_end(c, ev);
}

/* ---- time ---- */

static void node_tick(struct pb_core *c, struct pb_node *node)
{
    if (node->link && c->now - node->link->last_received > (int64_t)c->conf->timeout_ms)
        pb_link_down(c, node->link, PBAY_TIMEOUT, "silent");
    if (node->down_since && c->now - node->down_since > (int64_t)c->conf->gone_ms && !node->dead) {
        int64_t since = node->down_since;

        death(c, node, true, PBAY_TIMEOUT, "without link for longer than gone");
        node->down_since = since;
    }
    if (node->dead && node->down_since && !node->forgotten && c->now - node->down_since > PB_FORGET_MS) {
        node->forgotten = true;
        fence(node, node->incarnation);
        pb_stream_forget_from(c, node);
    }
}

void pb_link_tick(struct pb_core *c)
{
    struct pb_group *g;
    struct pb_link *link, *tmp;
    struct pb_node *node;

    for (g = c->groups; g; g = g->hh.next) {
        DL_FOREACH (g->nodes, node)
            node_tick(c, node);
        drop_left(c, g);
    }
    HASH_ITER (hh, c->links, link, tmp) {
        if (is_idle(link) && c->now - link->last_received > (int64_t)4 * c->conf->timeout_ms)
            free_link(c, link);
    }
}

void pb_link_fini(struct pb_core *c)
{
    struct pb_link *link, *tmp;
    struct pb_claim *claim, *next;

    HASH_ITER (hh, c->links, link, tmp)
        free_link(c, link);
    HASH_ITER (hh, c->claims, claim, next) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): likewise */
        HASH_DEL(c->claims, claim);
        free(claim);
    }
    pb_buf_fini(&c->sent);
}
