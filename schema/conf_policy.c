/* The policy: a file of its own, one document, a list of principals. Who is not in it may not attach over tcp. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "schema/cert_request.h"
#include "schema/conf.h"
#include "schema/key_file.h"

#define PRINCIPAL(member) offsetof(struct pbay_principal, member)
#define COUNT(table)      (sizeof(table) / sizeof *(table))

/* The key itself, or a certificate that has it. */
static const char *read_key(const struct pb_conf_ctx *ctx, struct pb_yaml_node *item)
{
    const char *text = pb_conf_text(ctx, item, "a public key of 40 characters, or the path of a certificate");
    struct pbay_conf_error error;
    const char *path;
    char *key;

    if (!text || pb_key_is_text(text))
        return text;
    path = pb_conf_path(ctx, text);
    key = pb_arena_alloc(ctx->arena, PBAY_KEY_TEXT);
    if (!pb_key_read_public(path, key, &error))
        return key;
    pb_yaml_error(ctx->error, item, "%s: %.400s", text, error.text + strnlen(path, PB_KEY_SHOWN) + 2);
    return NULL;
}

static PB_FIELD_READER(read_keys)
{
    struct pbay_principal *p = base;

    if (value->kind != PB_YAML_SEQUENCE || value->n < 1 || value->n > field->max)
        return pb_yaml_expected(ctx->error, value, "a list of one key, or two");
    for (struct pb_yaml_node *item = value->child; item; item = item->next) {
        p->keys[p->n_keys] = read_key(ctx, item);
        if (!p->keys[p->n_keys++])
            return false;
    }
    return true;
}

static PB_FIELD_READER(read_expires)
{
    static const char what[] = "a date such as 2027-01-31 or 2027-01-31T12:00:00+01:00";
    int64_t *out = pb_field_at(base, field);
    const char *text = pb_conf_text(ctx, value, what);

    return text && (pb_cert_date(text, out) || pb_yaml_expected(ctx->error, value, what));
}

static PB_FIELD_READER(read_protocols)
{
    struct pbay_principal *p = base;
    struct pb_yaml_node *list = NULL;
    struct pb_field ids = *field;

    ids.offset = 0;
    if (!pb_read_ids(ctx, value, &ids, &list))
        return false;
    p->protocols = pb_arena_alloc(ctx->arena, list->n * sizeof *p->protocols);
    for (struct pb_yaml_node *item = list->child; item; item = item->next) {
        if (!pb_conf_pubid(ctx, item, &p->protocols[p->n_protocols++]))
            return false;
    }
    return true;
}

static const struct pb_field principal_fields[] = {
    {.key = "name", .read = pb_read_text, .offset = PRINCIPAL(name), .required = true},
    {.key = "keys", .read = read_keys, .max = PBAY_MAX_PRINCIPAL_KEYS, .required = true},
    {.key = "expires", .read = read_expires, .offset = PRINCIPAL(expires)},
    {.key = "agent", .read = pb_read_name, .offset = PRINCIPAL(agent), .required = true},
    {.key = "is_agent", .read = pb_read_bool, .offset = PRINCIPAL(is_agent)},
    {.key = "connections",
     .read = pb_read_texts,
     .offset = PRINCIPAL(connections),
     .count = PRINCIPAL(n_connections),
     .max = PBAY_MAX_RULES},
    {.key = "instances", .read = pb_read_count, .offset = PRINCIPAL(instances), .min = 1, .max = PBAY_MAX_INSTANCES},
    {.key = "to", .read = pb_read_texts, .offset = PRINCIPAL(to), .count = PRINCIPAL(n_to), .max = PBAY_MAX_RULES},
    {.key = "protocols", .read = read_protocols, .max = PBAY_MAX_RULES},
    {.key = "max_envelope", .read = pb_read_size32, .offset = PRINCIPAL(max_envelope), .min = 1 << 10, .max = 64 << 20},
};

/* No two of the same name, and no key twice: it says who somebody is. */
static bool is_new(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item, const struct pbay_agent_conf *conf,
                   const struct pbay_principal *p)
{
    for (const struct pbay_principal *other = conf->principals; other <= p; other++) {
        if (other != p && strcmp(other->name, p->name) == 0)
            return pb_yaml_error(ctx->error, item, "the principal of line %d has the same name", other->at.line);
        for (size_t i = 0; i < other->n_keys; i++) {
            for (size_t j = 0; j < (other == p ? i : p->n_keys); j++) {
                if (strcmp(other->keys[i], p->keys[j]) == 0)
                    return pb_yaml_error(ctx->error, item, "the principal of line %d has the same key", other->at.line);
            }
        }
    }
    return true;
}

static bool read_principal(const struct pb_conf_ctx *ctx, struct pb_yaml_node *item, struct pbay_agent_conf *conf)
{
    struct pbay_principal *p = &conf->principals[conf->n_principals];

    p->at = item->at;
    if (item->kind != PB_YAML_MAPPING)
        return pb_yaml_expected(ctx->error, item, "a mapping");
    if (!pb_conf_fields(ctx, item, principal_fields, COUNT(principal_fields), p) || !is_new(ctx, item, conf, p))
        return false;
    conf->n_principals++;
    return p->is_agent || p->n_connections ||
           pb_yaml_error(ctx->error, item, "expected connections, or is_agent: true, for it may be nothing");
}

static bool read_file(const struct pb_conf_ctx *ctx, struct pb_yaml_node *root, struct pbay_agent_conf *conf)
{
    struct pb_yaml_node *list = NULL;
    const struct pb_field fields[] = {{.key = "principals", .read = pb_read_list, .max = PBAY_MAX_PRINCIPALS}};

    if (root->next)
        return pb_yaml_expected(ctx->error, root->next, "the end of the file");
    if (!pb_conf_fields(ctx, root, fields, COUNT(fields), &list))
        return false;
    conf->principals = pb_arena_alloc(ctx->arena, (list ? list->n : 0) * sizeof *conf->principals);
    for (struct pb_yaml_node *item = list ? list->child : NULL; item; item = item->next) {
        if (!read_principal(ctx, item, conf))
            return false;
    }
    return true;
}

/* As it shall stand in errors: written like the file that names it. */
static const char *beside(const struct pb_conf_ctx *ctx, const char *file, const char *text)
{
    const char *slash = *text == '/' ? NULL : strrchr(file, '/');

    return slash ? pb_arena_printf(ctx->arena, "%.*s/%s", (int)(slash - file), file, text) : text;
}

PB_FIELD_READER(pb_read_policy)
{
    struct pbay_agent_conf *conf = base;
    const char *text = pb_conf_text(ctx, value, "the path of a policy"), *path, *shown, *slash;
    struct pb_conf_ctx own = *ctx;
    struct pb_yaml_node *root;

    (void)field;
    if (!text)
        return false;
    path = pb_conf_path(ctx, text);
    if (access(path, R_OK))
        return pb_yaml_error(ctx->error, value, "%s: %s", text, strerror(errno));
    shown = beside(ctx, value->at.file, text);
    if (pb_yaml_load(shown, ctx->arena, &root, ctx->error))
        return false;
    if (!root)
        return true;            /* nobody */
    slash = strrchr(path, '/'); /* it is absolute */
    own.dir = pb_arena_printf(ctx->arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return read_file(&own, root, conf);
}
