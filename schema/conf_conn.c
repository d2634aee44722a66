/* connection.yaml: AEA's fields, Patchbay's mapping `patchbay`, and the override document of agent.yaml. */
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"

#define MAX_OPERATION 64    /* bytes in the operation of a rule */
#define START_TIMEOUT 60000 /* ms; AEA's CONNECT_TIMEOUT */
#define STUCK_TIMEOUT 60000 /* ms; AEA's SEND_TIMEOUT */

static PB_FIELD_READER(read_type)
{
    const char *text = pb_conf_text(ctx, value, "connection");

    (void)field;
    (void)base;
    return text && (strcmp(text, "connection") == 0 || pb_yaml_expected(ctx->error, value, "connection"));
}

static PB_FIELD_READER(read_version)
{
    struct pb_conn_doc *doc = base;

    doc->version_at = value->at;
    return pb_read_text(ctx, value, field, base);
}

/* AEA's form: {NAME: {version: CLAUSES}}. Where pip would have taken it from is of no use here. */
static PB_FIELD_READER(read_dependencies)
{
    struct pbay_conn_conf *conf = ((struct pb_conn_doc *)base)->conf;

    if (!pb_check_mapping_mapping(ctx, value, field, base))
        return false;
    if (value->n > field->max)
        return pb_yaml_error(ctx->error, value, "expected at most %zu entries, found %zu", (size_t)field->max,
                             value->n);
    conf->dependencies = pb_arena_alloc(ctx->arena, value->n * sizeof *conf->dependencies);
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        const struct pb_yaml_node *version = pb_yaml_get(item, "version");

        conf->dependencies[conf->n_dependencies++] =
            (struct pbay_dependency){item->key, version ? version->text : "", item->at};
    }
    return true;
}

#define DOC(member) offsetof(struct pb_conn_doc, member)

static const struct pb_field package_fields[] = {
    {.key = "name", .read = pb_read_lower_name, .offset = DOC(name), .required = true},
    {.key = "author", .read = pb_read_lower_name, .offset = DOC(author), .required = true},
    {.key = "version", .read = read_version, .offset = DOC(version), .required = true},
    {.key = "type", .read = read_type, .required = true},
    {.key = "description", .read = pb_read_text, .offset = DOC(description)},
    {.key = "class_name", .read = pb_read_text, .offset = DOC(class_name), .required = true},
    {.key = "config", .read = pb_read_mapping, .offset = DOC(config), .required = true},
    {.key = "restricted_to_protocols",
     .read = pb_read_list,
     .offset = DOC(restricted),
     .max = PBAY_MAX_RULES,
     .required = true},
    {.key = "excluded_protocols",
     .read = pb_read_list,
     .offset = DOC(excluded),
     .max = PBAY_MAX_RULES,
     .required = true},
    {.key = "is_abstract", .read = pb_read_bool, .offset = DOC(is_abstract), .required = true},
    {.key = "patchbay", .read = pb_read_mapping, .offset = DOC(patchbay)},
    {.key = "protocols", .read = pb_read_ids, .offset = DOC(protocols), .max = PBAY_MAX_RULES, .required = true},
    {.key = "connections", .read = pb_read_ids, .offset = DOC(connections), .max = PBAY_MAX_RULES, .required = true},
    {.key = "dependencies", .read = read_dependencies, .max = PBAY_MAX_RULES},
    {.key = "build_entrypoint", .read = pb_read_path, .offset = DOC(build_entrypoint)},
    {.key = "build_directory", .read = pb_read_path, .offset = DOC(build_directory)},
    /* For readers and package managers; without effect here. */
    {.key = "license", .read = pb_check_text},
    {.key = "aea_version", .read = pb_check_text},
    {.key = "fingerprint", .read = pb_check_text_mapping},
    {.key = "fingerprint_ignore_patterns", .read = pb_check_texts, .max = PBAY_MAX_RULES},
    {.key = "cert_requests", .read = pb_read_list, .offset = DOC(cert_requests), .max = PBAY_MAX_CERT_REQUESTS},
};

static const char *const replay_words[] = {
    "", [PBAY_REPLAY_SAFE] = "safe", [PBAY_REPLAY_KEYED] = "keyed", [PBAY_REPLAY_NEVER] = "never", NULL};
static const char *const stuck_words[] = {
    [PBAY_STUCK_WAIT] = "wait", [PBAY_STUCK_RESTART] = "restart", [PBAY_STUCK_FAIL] = "fail", NULL};

#define CONN(member) offsetof(struct pbay_conn_conf, member)

static const struct pb_field patchbay_fields[] = {
    {.key = "replay", .read = pb_read_word, .words = replay_words, .offset = CONN(replay)},
    {.key = "local_delivery", .read = pb_read_bool, .offset = CONN(local_delivery)},
    {.key = "required", .read = pb_read_bool, .offset = CONN(required)},
    {.key = "start_timeout", .read = pb_read_duration, .offset = CONN(start_timeout_ms), .min = 0, .max = 3600000},
    {.key = "exception_policy", .read = pb_read_word, .words = pb_policy_words, .offset = CONN(exception_policy)},
    {.key = "on_stuck", .read = pb_read_word, .words = stuck_words, .offset = CONN(on_stuck)},
    {.key = "stuck_timeout", .read = pb_read_duration, .offset = CONN(stuck_timeout_ms), .min = 1000, .max = 86400000},
    {.key = "sandbox", .read = pb_read_bool, .offset = CONN(sandbox)},
    {.key = "instances", .read = pb_read_count, .offset = CONN(instances), .min = 1, .max = PBAY_MAX_INSTANCES},
    {.key = "executable", .read = pb_read_path, .offset = CONN(executable)},
};

struct override_doc {
    const char *public_id, *build_directory;
    bool is_abstract;
    struct pb_yaml_node *config, *patchbay, *cert_requests;
};

#define OVER(member) offsetof(struct override_doc, member)

static const struct pb_field override_fields[] = {
    {.key = "public_id", .read = pb_read_text, .offset = OVER(public_id), .required = true},
    {.key = "type", .read = read_type, .required = true},
    {.key = "config", .read = pb_read_mapping, .offset = OVER(config)},
    {.key = "is_abstract", .read = pb_read_bool, .offset = OVER(is_abstract)},
    {.key = "patchbay", .read = pb_read_mapping, .offset = OVER(patchbay)},
    {.key = "cert_requests", .read = pb_read_list, .offset = OVER(cert_requests), .max = PBAY_MAX_CERT_REQUESTS},
    {.key = "build_directory", .read = pb_read_path, .offset = OVER(build_directory)},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static bool read_patchbay(const struct pb_conn_doc *doc, struct pb_yaml_node *map)
{
    if (!map)
        return true;
    return pb_conf_substitute(&doc->ctx, map) &&
           pb_conf_fields(&doc->ctx, map, patchbay_fields, COUNT(patchbay_fields), doc->conf);
}

/* ---- restriction lists ---- */

static bool is_operation(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(text);

    if (strcmp(text, "*") == 0)
        return true;
    return n > 0 && n <= MAX_OPERATION && strspn(text, allowed) == n;
}

static bool read_rule(const struct pb_conn_doc *doc, const struct pb_yaml_node *item, struct pbay_rule *rule)
{
    static const char what[] = "a protocol such as acme/thing:1.0.0 or acme/thing:1.0.0#operation";
    const char *text = pb_conf_text(&doc->ctx, item, what);
    const char *hash = text ? strchr(text, '#') : NULL;

    if (!text)
        return false;
    if (hash && !is_operation(hash + 1))
        return pb_yaml_expected(doc->ctx.error, item,
                                "an operation of 1 to 64 letters, digits, _ . - or a lone * behind the #");
    if (hash && strcmp(hash + 1, "*") != 0)
        rule->operation = hash + 1;
    rule->text = hash ? pb_arena_str(doc->ctx.arena, (struct pbay_str){text, (size_t)(hash - text)}) : text;
    rule->at = item->at;
    return pbay_pubid_parse(pbay_str(rule->text), &rule->id) || pb_yaml_expected(doc->ctx.error, item, what);
}

static bool same_rule(const struct pbay_rule *a, const struct pbay_rule *b)
{
    return pbay_pubid_eq(&a->id, &b->id) && pbay_str_eq(pbay_str(a->operation), pbay_str(b->operation));
}

static bool read_rules(const struct pb_conn_doc *doc, const struct pb_yaml_node *list, struct pbay_rule **out,
                       size_t *n)
{
    struct pbay_rule *rules = pb_arena_alloc(doc->ctx.arena, list->n * sizeof *rules);

    *out = rules;
    *n = 0;
    for (const struct pb_yaml_node *item = list->child; item; item = item->next) {
        if (!read_rule(doc, item, &rules[*n]))
            return false;
        for (size_t i = 0; i < *n; i++) {
            if (same_rule(&rules[i], &rules[*n]))
                return pb_yaml_error(doc->ctx.error, item, "the same rule is on line %d already", rules[i].at.line);
        }
        ++*n;
    }
    return true;
}

/* ---- the package ---- */

static bool read_public_id(struct pb_conn_doc *doc, const struct pb_yaml_node *root)
{
    struct pbay_conn_conf *conf = doc->conf;
    char *text = pb_arena_printf(doc->ctx.arena, "%s/%s:%s", doc->author, doc->name, doc->version);
    struct pbay_str version = pbay_str(doc->version);

    conf->public_id_text = text;
    if (!pbay_pubid_parse(pbay_str(text), &conf->public_id) || !pbay_str_eq(conf->public_id.version, version) ||
        pbay_str_eq(version, pbay_str("any")) || pbay_str_eq(version, pbay_str("latest")))
        return pb_yaml_expected(doc->ctx.error, pb_yaml_get(root, "version"), "a semantic version such as 1.0.0");
    return true;
}

static bool read_package(struct pb_conn_doc *doc, struct pb_yaml_node *docs, const char *path)
{
    struct pbay_conn_conf *conf = doc->conf;

    if (!docs || docs->next)
        return pb_conf_error(doc->ctx.error, path, docs ? docs->next->at.line : 1, "expected exactly one document");
    if (!pb_conf_fields(&doc->ctx, docs, package_fields, COUNT(package_fields), doc) || !read_public_id(doc, docs))
        return false;
    conf->name = doc->name;
    conf->class_name = doc->class_name;
    conf->description = doc->description ? doc->description : "";
    conf->is_abstract = doc->is_abstract;
    conf->dir = doc->ctx.dir;
    conf->build_entrypoint = doc->build_entrypoint;
    conf->build_directory = doc->build_directory;
    conf->replay = PBAY_REPLAY_SAFE;
    conf->instances = 1;
    conf->start_timeout_ms = START_TIMEOUT;
    conf->stuck_timeout_ms = STUCK_TIMEOUT;
    return read_rules(doc, doc->restricted, &conf->restricted, &conf->n_restricted) &&
           read_rules(doc, doc->excluded, &conf->excluded, &conf->n_excluded) && read_patchbay(doc, doc->patchbay);
}

enum pbay_err pb_conn_doc_load(struct pb_conn_doc *doc, const struct pb_conf_ctx *ctx, const char *dir,
                               struct pbay_conn_conf *conf)
{
    const char *path = pb_arena_printf(ctx->arena, "%s%sconnection.yaml", dir, *dir ? "/" : "");
    struct pb_yaml_node *docs;
    enum pbay_err err;

    *doc = (struct pb_conn_doc){.ctx = *ctx, .conf = conf, .given_dir = dir};
    doc->ctx.dir = pb_conf_absolute(ctx, dir);
    if (!doc->ctx.dir)
        return PBAY_CONFIG;
    err = pb_yaml_load(path, ctx->arena, &docs, ctx->error);
    if (err)
        return err;
    return read_package(doc, docs, path) ? PBAY_OK : PBAY_CONFIG;
}

/* ---- the override ---- */

bool pb_conn_doc_override(struct pb_conn_doc *doc, struct pb_yaml_node *override)
{
    struct override_doc over = {.is_abstract = doc->conf->is_abstract};

    if (doc->override)
        return pb_yaml_error(doc->ctx.error, override, "line %d overrides this connection already",
                             doc->override->at.line);
    doc->override = override;
    if (!pb_conf_fields(&doc->ctx, override, override_fields, COUNT(override_fields), &over))
        return false;
    doc->conf->is_abstract = over.is_abstract;
    if (over.build_directory)
        doc->conf->build_directory = over.build_directory;
    if (over.cert_requests) /* as a whole, which is how AEA replaces lists */
        doc->cert_requests = over.cert_requests;
    return (!over.config || pb_conf_lay_over(&doc->ctx, doc->config, over.config)) && read_patchbay(doc, over.patchbay);
}

bool pb_conn_doc_finish(struct pb_conn_doc *doc, const struct pb_conf_places *places)
{
    struct pb_conf_places here = *places;

    here.package_dir = doc->given_dir;
    for (const struct pb_yaml_node *item = doc->protocols->child; item; item = item->next) {
        if (!pb_conf_find_protocol(&doc->ctx, &here, item))
            return false;
    }
    return pb_conf_config(&doc->ctx, doc->config, doc->conf) &&
           pb_conf_cert_requests(&doc->ctx, doc->cert_requests, doc->conf);
}

/* ---- one package alone ---- */

/* The configuration and the memory of all it points to. */
struct owner {
    struct pbay_conn_conf conf; /* first: what the caller holds */
    struct pb_arena arena;
};

enum pbay_err pbay_conn_conf_load(const char *dir, const char *package_path, struct pbay_conn_conf **conf,
                                  struct pbay_conf_error *error)
{
    struct owner *owner = pb_alloc(sizeof *owner);
    struct pb_conf_ctx ctx = {.arena = &owner->arena, .error = error};
    struct pb_conf_places places = {.package_dir = dir, .package_path = package_path};
    struct pb_bases bases = {.ctx = &ctx, .places = &places};
    struct pb_conn_doc doc;
    enum pbay_err err = pb_conn_doc_load(&doc, &ctx, dir, &owner->conf);

    if (!err && !(pb_conn_doc_bases(&doc, &bases) && pb_conn_doc_finish(&doc, &places)))
        err = PBAY_CONFIG;
    *conf = &owner->conf;
    if (err)
        pbay_conn_conf_destroy(conf);
    return err;
}

void pbay_conn_conf_destroy(struct pbay_conn_conf **conf)
{
    struct owner *owner = (struct owner *)*conf;

    if (!owner)
        return;
    pb_arena_fini(&owner->arena);
    free(owner);
    *conf = NULL;
}
