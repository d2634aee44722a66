/* The nodes behind the links: HELLO, WELCOME, CONFIRM, claims, fencing, pb_node_death (SPEC sections 3.2, 3.3, 3.6
 * and 3.9). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

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

/* Instances that said BYE and left nothing behind are forgotten, so that short-lived ones need no name for ever, and
 * those that never confirmed. One that has fenced another process stays, because it remembers that, until its place is
 * needed. */
static bool may_drop(const struct pb_core *c, const struct pb_node *node)
{
    bool full = node->group->n_nodes == PB_MAX_INSTANCES, over = !node->known || (node->left && !node->n_fenced);

    if (node->link || node->to || node->from || node->pump || is_named(c, node))
        return false;
    return over || (full && node->forgotten);
}

void pb_node_drop_left(struct pb_core *c, struct pb_group *g)
{
    struct pb_node *node, *tmp;

    DL_FOREACH_SAFE (g->nodes, node, tmp) {
        if (!may_drop(c, node))
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

    pb_node_drop_left(c, g);
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

void pb_node_fence(struct pb_node *node, const uint8_t *incarnation)
{
    memcpy(node->fenced[node->n_fenced++ % PB_FENCED_KEPT], incarnation, PBAY_ID_SIZE);
}

void pb_node_death(struct pb_core *c, struct pb_node *node, bool unclean, enum pbay_err why, const char *text)
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
        pb_link_fenced(c, link);
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
bool pb_attach_claims(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
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

void pb_attach_hello(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
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
    if (!pb_policy_allows(c, link, (enum pb_role)f->role, f->agent, f->name)) {
        reject(c, link, f, PBAY_DENIED, "the policy does not allow that agent, role and name for this key");
        return;
    }
    if (!(node = node_of_hello(c, f, &code, &text))) {
        reject(c, link, f, code, text);
        return;
    }
    if (pb_policy_full(c, link, node)) {
        reject(c, link, f, PBAY_LIMIT, "the policy allows no more processes for this key");
        return;
    }
    memcpy(link->incarnation, f->incarnation.p, PBAY_ID_SIZE);
    link->link_no = f->link;
    if (is_refused(c, link, node))
        return;
    link->node = node;
    link->state = PB_LINK_PENDING;
    if (!pb_attach_claims(c, link, f))
        return;
    say_welcome(c, link, f->clock);
    if (PB_MUT(NO_CONFIRM))
        attach(c, link);
}

static void take_claims(struct pb_core *c, struct pb_link *link)
{
    struct pb_rd r = pb_rd_of(link->claims.p, link->claims.n);
    struct pbay_str incarnation;
    uint32_t stream;

    pb_link_drop_claims(c, link->node);
    while (pb_span_claim(&r, &incarnation, &stream)) {
        struct pb_claim *claim = pb_alloc(sizeof *claim), *old;

        memcpy(claim->key, incarnation.p, PBAY_ID_SIZE);
        memcpy(claim->key + PBAY_ID_SIZE, &stream, sizeof stream);
        claim->node = link->node;
        HASH_REPLACE(hh, c->claims, key, sizeof claim->key, claim, old);
        free(old);
    }
    pb_link_forget_claims(c, link);
}

/* Another incarnation has the name now: the former one is dead and hears it. */
static void take_over(struct pb_core *c, struct pb_node *node)
{
    struct pb_link *old = node->link;

    if (!PB_MUT(NO_FENCE))
        pb_node_fence(node, node->incarnation);
    if (old) {
        old->state = PB_MUT(NO_FENCE) ? PB_LINK_SUPERSEDED : PB_LINK_FENCED;
        node->link = NULL;
        old->last_who = 0;
        if (!PB_MUT(NO_FENCE))
            pb_link_fenced(c, old);
        pb_note_node(c, PB_NOTE_FENCED, node, PBAY_FENCED, pbay_str("a newer process has its name"));
    }
    pb_node_death(c, node, true, PBAY_FENCED, "another process has its name");
    pb_stream_forget_from(c, node);
}

/* SPEC 3.3: only here does a HELLO take effect. */
static void attach(struct pb_core *c, struct pb_link *link)
{
    struct pb_node *node = link->node;
    bool same = node->known && memcmp(node->incarnation, link->incarnation, PBAY_ID_SIZE) == 0;

    if (node->link && same) {
        node->link->state = PB_LINK_SUPERSEDED;
        pb_link_silence(c, node);
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

void pb_attach_confirm(struct pb_core *c, struct pb_link *link, const struct pb_frame *f)
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
