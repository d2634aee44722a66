/* Links: routing ids, the nodes behind them, HELLO to BYE (SPEC section 3). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

/* ---- links ---- */

struct pb_link *pb_link_find(struct pb_core *c, struct pbay_str rid)
{
    if (!c->recent || c->recent->rid_n != rid.n || memcmp(c->recent->rid, rid.p, rid.n) != 0)
        HASH_FIND(hh, c->links, rid.p, rid.n, c->recent);
    return c->recent;
}

static bool is_idle(const struct pb_link *link)
{
    return (link->state != PB_LINK_SESSION || link->node->link != link) && !link->listed;
}

void pb_link_forget_claims(struct pb_core *c, struct pb_link *link)
{
    c->pending -= link->claims.n;
    pb_buf_fini(&link->claims);
}

static void free_link(struct pb_core *c, struct pb_link *link)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash's last element */
    HASH_DEL(c->links, link);
    c->recent = NULL;
    pb_out_fini(link);
    pb_link_forget_claims(c, link);
    free(link);
}

/* Remember one more routing id; strangers never push out a session. */
static struct pb_link *new_link(struct pb_core *c, struct pbay_str rid, struct pbay_str key)
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
    if (key.n) {
        memcpy(link->key, key.p, key.n);
        link->principal = pb_policy_principal(c, link->key);
        c->keys = true;
    }
    HASH_ADD(hh, c->links, rid, link->rid_n, link);
    return link;
}

void pb_link_drop_claims(struct pb_core *c, const struct pb_node *node)
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
void pb_link_silence(struct pb_core *c, struct pb_node *node)
{
    for (struct pb_stream *s = node->from; s; s = s->by_no.next)
        pb_stream_untell(c, s);
}

/* SPEC 3.6: link loss is not pb_node_death. */
void pb_link_down(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text)
{
    struct pb_node *node = link->node;

    if (link->state == PB_LINK_PENDING || link->state == PB_LINK_NEW)
        link->state = PB_LINK_SUPERSEDED;
    if (link->state != PB_LINK_SESSION) {
        pb_link_forget_claims(c, link);
        return;
    }
    link->state = PB_LINK_SUPERSEDED;
    node->link = NULL;
    node->down_since = c->now;
    if (node->state != PB_ST_FAILED)
        node->state = node->role == PB_CONNECTION ? PB_ST_CONNECTING : PB_ST_DISCONNECTED;
    pb_link_drop_claims(c, node);
    pb_link_silence(c, node);
    pb_note_node(c, PB_NOTE_LINK_DOWN, node, why, pbay_str(text));
}

void pb_link_gap(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text)
{
    pb_link_send(c, link, &(struct pb_frame){.verb = PB_GAP, .code = why, .cause = why, .text = pbay_str(text)});
    pb_link_down(c, link, why, text);
}

void pb_link_fenced(struct pb_core *c, struct pb_link *link)
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
    pb_node_death(c, node, false, PBAY_SHUTDOWN, "it said BYE");
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
        pb_attach_confirm(c, link, f);
    else if (f->verb == PB_RESUME)
        pb_attach_claims(c, link, f);
}

/* One part of a message; the link's state may change with each. */
static void take_part(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
{
    switch (link->state) {
    case PB_LINK_NEW:
        if (f->verb == PB_HELLO)
            pb_attach_hello(c, link, f);
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
        pb_link_fenced(c, link);
        break;
    }
}

void pb_link_frame(struct pb_core *c, struct pb_event *ev)
{
    struct pb_link *link = pb_link_find(c, ev->rid);
    struct pb_rd r = pb_rd_of(ev->p, ev->n);
    struct pb_frame f;

    if (ev->rid.n == 0 || ev->rid.n > PB_MAX_RID || ev->key.n >= PBAY_KEY_TEXT ||
        (!link && !(link = new_link(c, ev->rid, ev->key))))
        return;
    if (!pbay_str_eq(pbay_str(link->key), ev->key)) { /* SPEC 2.8.4 */
        pb_link_down(c, link, PBAY_DENIED, "another key has its routing id");
        return;
    }
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

        pb_node_death(c, node, true, PBAY_TIMEOUT, "without link for longer than gone");
        node->down_since = since;
    }
    if (node->dead && node->down_since && !node->forgotten && c->now - node->down_since > PB_FORGET_MS) {
        node->forgotten = true;
        pb_node_fence(node, node->incarnation);
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
        pb_node_drop_left(c, g);
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
    pb_out_free_spare(c);
}
