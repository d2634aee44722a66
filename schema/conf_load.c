/* agent.yaml with everything it names: packages, override documents, default connection and routing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/conf.h"

/* The configuration and the memory of all it points to. */
struct owner {
    struct pbay_agent_conf conf; /* first: what the caller holds */
    struct pb_arena arena;
};

struct load {
    struct pb_conf_ctx ctx; /* dir: of agent.yaml */
    struct pbay_agent_conf *conf;
    const char *given_dir; /* the same as the caller wrote it, with its slash, or "" */
    const char *package_path;
    struct pb_agent_doc doc;
    struct pb_conn_doc *packages; /* beside conf->connections */
};

/* ---- packages ---- */

/* dir when it holds a package, else NULL; dir lives in the arena. */
static const char *if_package(const struct load *l, const char *dir)
{
    return access(pb_arena_printf(l->ctx.arena, "%s/connection.yaml", dir), F_OK) == 0 ? dir : NULL;
}

static const char *find_in_path(const struct load *l, struct pbay_str name)
{
    const char *found = NULL;

    for (const char *p = l->package_path; p && *p && !found; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");

        if (n)
            found = if_package(l, pb_arena_printf(l->ctx.arena, "%.*s/%.*s", (int)n, p, (int)name.n, name.p));
        p += n;
    }
    return found;
}

static const char *find_package(const struct load *l, const struct pb_yaml_node *item, const struct pbay_pubid *id)
{
    struct pbay_str author = id->author, name = id->name;
    const char *own = pb_arena_printf(l->ctx.arena, "%sconnections/%.*s", l->given_dir, (int)name.n, name.p);
    const char *vendor = pb_arena_printf(l->ctx.arena, "%svendor/%.*s/connections/%.*s", l->given_dir, (int)author.n,
                                         author.p, (int)name.n, name.p);
    const char *found = if_package(l, own);

    if (!found)
        found = if_package(l, vendor);
    if (!found)
        found = find_in_path(l, name);
    if (!found)
        pb_yaml_error(l->ctx.error, item, "expected a package in %s, in %s or in the package path", own, vendor);
    return found;
}

static bool check_wish(const struct load *l, const struct pb_yaml_node *item, const struct pbay_pubid *wish,
                       const struct pb_conn_doc *package)
{
    const struct pbay_conn_conf *conn = package->conf;

    if (pb_conf_accepts(wish, &conn->public_id))
        return true;
    return pb_yaml_error(l->ctx.error, item, "expected %s as in %s:%d, found %s", conn->public_id_text,
                         package->version_at.file, package->version_at.line, item->text);
}

static enum pbay_err load_package(struct load *l, const struct pb_yaml_node *item)
{
    size_t i = l->conf->n_connections;
    struct pbay_conn_conf *conn = &l->conf->connections[i];
    struct pbay_pubid id;
    const char *dir;
    enum pbay_err err;

    if (!pb_conf_pubid(&l->ctx, item, &id))
        return PBAY_CONFIG;
    for (size_t j = 0; j < i; j++) {
        const struct pbay_conn_conf *other = &l->conf->connections[j];

        if (pbay_str_eq(id.name, pbay_str(other->name))) {
            pb_yaml_error(l->ctx.error, item, "a connection named %s is on line %d already", other->name,
                          other->at.line);
            return PBAY_CONFIG;
        }
    }
    dir = find_package(l, item, &id);
    if (!dir)
        return PBAY_CONFIG;
    err = pb_conn_doc_load(&l->packages[i], &l->ctx, dir, conn);
    if (err)
        return err;
    conn->at = item->at;
    l->conf->n_connections++;
    return check_wish(l, item, &id, &l->packages[i]) ? PBAY_OK : PBAY_CONFIG;
}

static enum pbay_err load_packages(struct load *l)
{
    const struct pb_yaml_node *list = l->doc.connections;
    enum pbay_err err = PBAY_OK;

    if (!list)
        return PBAY_OK;
    l->conf->connections = pb_arena_alloc(l->ctx.arena, list->n * sizeof *l->conf->connections);
    l->packages = pb_arena_alloc(l->ctx.arena, list->n * sizeof *l->packages);
    for (const struct pb_yaml_node *item = list->child; item && !err; item = item->next)
        err = load_package(l, item);
    return err;
}

/* ---- override documents ---- */

/* Index of the connection of this author and name, or -1. */
static long find_connection(const struct load *l, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < l->conf->n_connections; i++) {
        if (pbay_pubid_same_prefix(id, &l->conf->connections[i].public_id))
            return (long)i;
    }
    return -1;
}

static bool read_override(struct load *l, struct pb_yaml_node *root)
{
    static const char *const skipped[] = {"skill", "protocol", "contract"};
    const struct pb_yaml_node *type = pb_yaml_get(root, "type"), *public_id = pb_yaml_get(root, "public_id");
    struct pbay_pubid id;
    const char *text;
    long i;

    if (!type || !public_id)
        return pb_yaml_error(l->ctx.error, root, "expected an override document with the keys public_id and type");
    text = pb_conf_text(&l->ctx, type, "connection, skill, protocol or contract");
    if (!text || !pb_conf_pubid(&l->ctx, public_id, &id))
        return false;
    for (size_t j = 0; j < sizeof skipped / sizeof *skipped; j++) {
        if (strcmp(text, skipped[j]) == 0) /* of the agent's own process, not ours */
            return true;
    }
    if (strcmp(text, "connection") != 0)
        return pb_yaml_expected(l->ctx.error, type, "connection, skill, protocol or contract");
    i = find_connection(l, &id);
    if (i < 0)
        return pb_yaml_expected(l->ctx.error, public_id, "one of this agent's connections");
    assert(l->packages); /* as there is a connection */
    return check_wish(l, public_id, &id, &l->packages[i]) && pb_conn_doc_override(&l->packages[i], root);
}

static bool finish_connections(struct load *l, struct pb_yaml_node *overrides)
{
    for (; overrides; overrides = overrides->next) {
        if (!read_override(l, overrides))
            return false;
    }
    for (size_t i = 0; i < l->conf->n_connections; i++) {
        const struct pbay_conn_conf *conn = &l->conf->connections[i];

        if (conn->is_abstract)
            return pb_conf_error(l->ctx.error, conn->at.file, conn->at.line,
                                 "connections.%zu: %s is abstract and cannot run", i, conn->public_id_text);
        if (!pb_conn_doc_finish(&l->packages[i]) || !pb_conf_cert_keys(&l->ctx, l->conf, conn))
            return false;
    }
    return true;
}

/* ---- routing ---- */

/* Names are unique, so the exact id, if present, is the one with the same author and name. */
static bool resolve(const struct load *l, const struct pb_yaml_node *value, long *index)
{
    struct pbay_pubid id;

    if (!pb_conf_pubid(&l->ctx, value, &id))
        return false;
    *index = find_connection(l, &id);
    return *index >= 0 || pb_yaml_expected(l->ctx.error, value, "one of this agent's connections");
}

static bool read_route(struct load *l, const struct pb_yaml_node *value)
{
    struct pbay_default_route *route = &l->conf->default_routing[l->conf->n_default_routing];
    long index;

    if (!pbay_pubid_parse(pbay_str(value->key), &route->protocol))
        return pb_yaml_error(l->ctx.error, value, "expected a protocol such as acme/thing:1.0.0 as the key");
    for (size_t i = 0; i < l->conf->n_default_routing; i++) {
        if (pbay_pubid_eq(&l->conf->default_routing[i].protocol, &route->protocol))
            return pb_yaml_error(l->ctx.error, value, "the same protocol is on line %d already",
                                 l->conf->default_routing[i].at.line);
    }
    if (!resolve(l, value, &index))
        return false;
    route->protocol_text = value->key;
    route->connection = (size_t)index;
    route->at = value->at;
    l->conf->n_default_routing++;
    return true;
}

static bool read_routing(struct load *l)
{
    const struct pb_yaml_node *routes = l->doc.default_routing, *one = l->doc.default_connection;

    if (one && !pb_yaml_is_null(one) && !resolve(l, one, &l->conf->default_connection))
        return false;
    if (!routes)
        return true;
    if (routes->n > PBAY_MAX_RULES)
        return pb_yaml_error(l->ctx.error, routes, "expected at most %d entries, found %zu", PBAY_MAX_RULES, routes->n);
    l->conf->default_routing = pb_arena_alloc(l->ctx.arena, routes->n * sizeof *l->conf->default_routing);
    for (const struct pb_yaml_node *value = routes->child; value; value = value->next) {
        if (!read_route(l, value))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool locate(struct load *l, const char *file)
{
    const char *slash;

    l->conf->file = pb_conf_absolute(&l->ctx, file);
    if (!l->conf->file)
        return false;
    slash = strrchr(l->conf->file, '/');
    l->ctx.dir = slash == l->conf->file
                     ? "/"
                     : pb_arena_str(l->ctx.arena, (struct pbay_str){l->conf->file, (size_t)(slash - l->conf->file)});
    slash = strrchr(file, '/');
    l->given_dir = pb_arena_str(l->ctx.arena, (struct pbay_str){file, slash ? (size_t)(slash + 1 - file) : 0});
    return true;
}

static enum pbay_err load_agent(struct load *l, const char *file)
{
    struct pb_yaml_node *docs;
    enum pbay_err err;

    if (!locate(l, file))
        return PBAY_CONFIG;
    err = pb_yaml_load(file, l->ctx.arena, &docs, l->ctx.error);
    if (err)
        return err;
    if (!docs) {
        pb_conf_error(l->ctx.error, file, 1, "expected a document");
        return PBAY_CONFIG;
    }
    if (!pb_agent_doc_read(&l->ctx, docs, &l->doc, l->conf))
        return PBAY_CONFIG;
    err = load_packages(l);
    if (err)
        return err;
    return finish_connections(l, docs->next) && read_routing(l) ? PBAY_OK : PBAY_CONFIG;
}

enum pbay_err pbay_agent_conf_load(const char *file, const char *package_path, struct pbay_agent_conf **conf,
                                   struct pbay_conf_error *error)
{
    struct owner *owner = pb_alloc(sizeof *owner);
    struct load l = {
        .ctx = {.arena = &owner->arena, .error = error}, .conf = &owner->conf, .package_path = package_path};
    enum pbay_err err = load_agent(&l, file);

    *conf = &owner->conf;
    if (err)
        pbay_agent_conf_destroy(conf);
    return err;
}

void pbay_agent_conf_destroy(struct pbay_agent_conf **conf)
{
    struct owner *owner = (struct owner *)*conf;

    if (!owner)
        return;
    pb_arena_fini(&owner->arena);
    free(owner);
    *conf = NULL;
}
