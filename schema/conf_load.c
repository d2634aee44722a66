/* agent.yaml with everything it names: packages, override documents, default connection and routing. */
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"

/* The configuration and the memory of all it points to. */
struct owner {
    struct pbay_agent_conf conf; /* first: what the caller holds */
    struct pb_arena arena;
};

struct load {
    struct pb_conf_ctx ctx; /* dir: of agent.yaml */
    struct pbay_agent_conf *conf;
    struct pb_conf_places places;
    struct pb_agent_doc doc;
    struct pb_conn_doc *packages; /* as agent.yaml lists them; abstract ones too */
    size_t n_packages;
};

/* ---- packages ---- */

static bool is_new(const struct load *l, const struct pb_yaml_node *item, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < l->n_packages; i++) {
        const struct pbay_conn_conf *other = l->packages[i].conf;

        if (pbay_str_eq(id->name, pbay_str(other->name)))
            return pb_yaml_error(l->ctx.error, item, "a connection named %s is on line %d already", other->name,
                                 other->at.line);
    }
    return true;
}

static enum pbay_err load_package(struct load *l, const struct pb_yaml_node *item)
{
    struct pb_conn_doc *package = &l->packages[l->n_packages];
    struct pbay_conn_conf *conn = pb_arena_alloc(l->ctx.arena, sizeof *conn);
    struct pbay_pubid id;
    const char *dir;
    enum pbay_err err;

    if (!pb_conf_pubid(&l->ctx, item, &id) || !is_new(l, item, &id))
        return PBAY_CONFIG;
    dir = pb_conf_find_package(&l->ctx, &l->places, item, &id);
    if (!dir)
        return PBAY_CONFIG;
    err = pb_conn_doc_load(package, &l->ctx, dir, conn);
    if (err)
        return err;
    conn->at = item->at;
    l->n_packages++;
    return pb_conn_doc_check_wish(&l->ctx, item, &id, package) ? PBAY_OK : PBAY_CONFIG;
}

static enum pbay_err load_packages(struct load *l)
{
    const struct pb_yaml_node *list = l->doc.connections;
    enum pbay_err err = PBAY_OK;

    if (!list)
        return PBAY_OK;
    l->packages = pb_arena_alloc(l->ctx.arena, list->n * sizeof *l->packages);
    for (const struct pb_yaml_node *item = list->child; item && !err; item = item->next)
        err = load_package(l, item);
    return err;
}

/* ---- override documents ---- */

/* The package of this author and name, or NULL. */
static struct pb_conn_doc *find_package(const struct load *l, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < l->n_packages; i++) {
        if (pbay_pubid_same_prefix(id, &l->packages[i].conf->public_id))
            return &l->packages[i];
    }
    return NULL;
}

/* Those for packages that are abstract, or those for the others. */
static bool read_override(struct load *l, struct pb_yaml_node *root, bool abstract)
{
    static const char *const skipped[] = {"skill", "protocol", "contract"};
    const struct pb_yaml_node *type = pb_yaml_get(root, "type"), *public_id = pb_yaml_get(root, "public_id");
    struct pb_conn_doc *package;
    struct pbay_pubid id;
    const char *text;

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
    package = find_package(l, &id);
    if (!package)
        return pb_yaml_expected(l->ctx.error, public_id, "one of this agent's connections");
    if (package->is_abstract != abstract)
        return true;
    return pb_conn_doc_check_wish(&l->ctx, public_id, &id, package) && pb_conn_doc_override(package, root);
}

static bool read_overrides(struct load *l, struct pb_yaml_node *overrides, bool abstract)
{
    for (; overrides; overrides = overrides->next) {
        if (!read_override(l, overrides, abstract))
            return false;
    }
    return true;
}

/* ---- connections ---- */

static bool inherit(struct load *l)
{
    struct pb_bases bases = {&l->ctx, &l->places, l->packages, l->n_packages};

    for (size_t i = 0; i < l->n_packages; i++) {
        if (!pb_conn_doc_bases(&l->packages[i], &bases))
            return false;
    }
    return true;
}

/* The packages that run, in their order; a need becomes the index of one of them. */
static void collect(struct load *l)
{
    struct pbay_agent_conf *conf = l->conf;
    size_t *now = pb_arena_alloc(l->ctx.arena, l->n_packages * sizeof *now);

    conf->connections = pb_arena_alloc(l->ctx.arena, l->n_packages * sizeof *conf->connections);
    for (size_t i = 0; i < l->n_packages; i++) {
        now[i] = conf->n_connections;
        if (!l->packages[i].conf->is_abstract)
            conf->connections[conf->n_connections++] = *l->packages[i].conf;
    }
    for (size_t i = 0; i < conf->n_connections; i++) {
        conf->local_delivery |= conf->connections[i].local_delivery;
        for (size_t k = 0; k < conf->connections[i].n_needs; k++)
            conf->connections[i].needs[k].connection = now[conf->connections[i].needs[k].connection];
    }
}

static bool finish_connections(struct load *l)
{
    for (size_t i = 0; i < l->n_packages; i++) {
        struct pb_conn_doc *package = &l->packages[i];
        struct pbay_conn_conf *conn = package->conf;

        if (conn->is_abstract && !package->is_base)
            return pb_conf_error(l->ctx.error, conn->at.file, conn->at.line,
                                 "connections.%zu: %s is abstract, and no connection of this agent builds on it", i,
                                 conn->public_id_text);
        if (!conn->exception_policy)
            conn->exception_policy = l->conf->exception_policy;
        if (!pb_conn_doc_finish(package, &l->places) || !pb_conf_cert_keys(&l->ctx, l->conf, conn))
            return false;
    }
    collect(l);
    return pb_conf_check_needs(&l->ctx, l->conf);
}

static bool read_connections(struct load *l, struct pb_yaml_node *overrides)
{
    return read_overrides(l, overrides, true) && inherit(l) && read_overrides(l, overrides, false) &&
           finish_connections(l);
}

/* ---- routing ---- */

/* Index of the connection of this author and name, or -1. */
static long find_connection(const struct load *l, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < l->conf->n_connections; i++) {
        if (pbay_pubid_same_prefix(id, &l->conf->connections[i].public_id))
            return (long)i;
    }
    return -1;
}

/* Names are unique, so the exact id, if present, is the one with the same author and name. */
static bool resolve(const struct load *l, const struct pb_yaml_node *value, long *index)
{
    struct pbay_pubid id;

    if (!pb_conf_pubid(&l->ctx, value, &id))
        return false;
    *index = find_connection(l, &id);
    if (*index < 0)
        return pb_yaml_expected(l->ctx.error, value, "one of this agent's connections");
    return pb_conn_doc_check_wish(&l->ctx, value, &id, find_package(l, &id));
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
    l->places.agent_dir = pb_arena_str(l->ctx.arena, (struct pbay_str){file, slash ? (size_t)(slash + 1 - file) : 0});
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
    if (!pb_conf_dotenv(&l->ctx, l->places.agent_dir) || !pb_agent_doc_read(&l->ctx, docs, &l->doc, l->conf))
        return PBAY_CONFIG;
    err = load_packages(l);
    if (err)
        return err;
    l->conf->variables = l->ctx.env;
    return read_connections(l, docs->next) && read_routing(l) ? PBAY_OK : PBAY_CONFIG;
}

enum pbay_err pbay_agent_conf_load(const char *file, const char *package_path, struct pbay_agent_conf **conf,
                                   struct pbay_conf_error *error)
{
    struct owner *owner = pb_alloc(sizeof *owner);
    struct load l = {.ctx = {.arena = &owner->arena, .error = error},
                     .conf = &owner->conf,
                     .places = {.package_path = package_path}};
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
