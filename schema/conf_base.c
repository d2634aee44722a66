/* The list `connections` of a package: abstract ones are its bases, whose config it inherits; the others are those that
 * it needs, which are started before it. */
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"

#define MAX_BASES 8 /* one upon the other */

bool pb_conn_doc_check_wish(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item,
                            const struct pbay_pubid *wish, const struct pb_conn_doc *package)
{
    const struct pbay_conn_conf *conn = package->conf;

    if (pb_conf_accepts(wish, &conn->public_id))
        return true;
    return pb_yaml_error(ctx->error, item, "expected %s as in %s:%d, found %s", conn->public_id_text,
                         package->version_at.file, package->version_at.line, item->text);
}

/* One of the agent's connections, or NULL. */
static struct pb_conn_doc *find_listed(const struct pb_bases *b, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < b->n; i++) {
        if (pbay_pubid_same_prefix(id, &b->packages[i].conf->public_id))
            return &b->packages[i];
    }
    return NULL;
}

static struct pb_conn_doc *load_other(const struct pb_bases *b, const struct pb_yaml_node *item,
                                      const struct pbay_pubid *id)
{
    const char *dir = pb_conf_find_package(b->ctx, b->places, item, id);
    struct pb_conn_doc *doc = pb_arena_alloc(b->ctx->arena, sizeof *doc);
    struct pbay_conn_conf *conf = pb_arena_alloc(b->ctx->arena, sizeof *conf);

    return dir && !pb_conn_doc_load(doc, b->ctx, dir, conf) ? doc : NULL;
}

static void add_need(struct pbay_conn_conf *conf, size_t connection, struct pbay_conf_pos at)
{
    conf->needs[conf->n_needs++] = (struct pbay_need){connection, at};
}

static bool resolve(struct pb_conn_doc *doc, const struct pb_bases *b, unsigned depth);

static bool take(struct pb_conn_doc *doc, const struct pb_bases *b, const struct pb_yaml_node *item, unsigned depth)
{
    struct pb_conn_doc *other;
    struct pbay_pubid id;
    bool listed;

    if (!pb_conf_pubid(&doc->ctx, item, &id))
        return false;
    other = find_listed(b, &id);
    listed = other != NULL;
    if (!other)
        other = load_other(b, item, &id);
    if (!other || !pb_conn_doc_check_wish(b->ctx, item, &id, other))
        return false;
    if (other->conf->is_abstract) {
        other->is_base = true;
        return resolve(other, b, depth + 1) && pb_conf_inherit(&doc->ctx, doc->config, other->config);
    }
    if (listed)
        add_need(doc->conf, (size_t)(other - b->packages), item->at);
    else if (b->packages)
        return pb_yaml_error(b->ctx->error, item, "expected one of the agent's connections, or an abstract one");
    return true;
}

static bool resolve(struct pb_conn_doc *doc, const struct pb_bases *b, unsigned depth)
{
    if (doc->resolved)
        return true;
    if (depth > MAX_BASES)
        return pb_yaml_error(b->ctx->error, doc->connections, "expected at most %d bases one upon the other",
                             MAX_BASES);
    doc->conf->needs = pb_arena_alloc(b->ctx->arena, doc->connections->n * sizeof *doc->conf->needs);
    doc->conf->n_needs = 0;
    for (const struct pb_yaml_node *item = doc->connections->child; item; item = item->next) {
        if (!take(doc, b, item, depth))
            return false;
    }
    doc->resolved = true;
    return true;
}

bool pb_conn_doc_bases(struct pb_conn_doc *doc, const struct pb_bases *bases)
{
    return resolve(doc, bases, 0);
}

/* ---- cycles ---- */

struct walk {
    const struct pb_conf_ctx *ctx;
    const struct pbay_agent_conf *conf;
    enum { UNSEEN, ON_THE_WAY, GOOD } * seen;
    const char *way; /* "a -> b" */
};

/* As deep as there are connections. */
static bool has_cycle(struct walk *w, size_t i)
{
    const struct pbay_conn_conf *conn = &w->conf->connections[i];
    const char *way = w->way;

    w->seen[i] = ON_THE_WAY;
    w->way = *way ? pb_arena_printf(w->ctx->arena, "%s -> %s", way, conn->name) : conn->name;
    for (size_t k = 0; k < conn->n_needs; k++) {
        const struct pbay_need *need = &conn->needs[k];

        if (w->seen[need->connection] == ON_THE_WAY) {
            pb_conf_error(w->ctx->error, need->at.file, need->at.line, "connections: a cycle: %s -> %s", w->way,
                          w->conf->connections[need->connection].name);
            return true;
        }
        if (w->seen[need->connection] == UNSEEN && has_cycle(w, need->connection))
            return true;
    }
    w->seen[i] = GOOD;
    w->way = way;
    return false;
}

bool pb_conf_check_needs(const struct pb_conf_ctx *ctx, const struct pbay_agent_conf *conf)
{
    struct walk w = {ctx, conf, pb_arena_alloc(ctx->arena, conf->n_connections * sizeof *w.seen), ""};

    for (size_t i = 0; i < conf->n_connections; i++) {
        if (w.seen[i] == UNSEEN && has_cycle(&w, i))
            return false;
    }
    return true;
}
