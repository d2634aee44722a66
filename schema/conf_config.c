/* The mapping `config` of a connection: inherited from bases, overridden by agent.yaml, then flattened to values. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/conf.h"

/* ---- inherited ---- */

static struct pb_yaml_node *copy_tree(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *node,
                                      struct pb_yaml_node *parent)
{
    struct pb_yaml_node *copy = pb_arena_alloc(ctx->arena, sizeof *copy), **end = &copy->child;

    *copy = *node;
    copy->parent = parent;
    copy->next = copy->child = NULL;
    for (const struct pb_yaml_node *child = node->child; child; child = child->next) {
        *end = copy_tree(ctx, child, copy); /* as deep as PBAY_MAX_CONF_DEPTH */
        end = &(*end)->next;
    }
    return copy;
}

static void append(struct pb_yaml_node *map, struct pb_yaml_node *value)
{
    struct pb_yaml_node **end = &map->child;

    while (*end)
        end = &(*end)->next;
    *end = value;
    value->index = map->n++;
}

static bool same_kind(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const struct pb_yaml_node *old)
{
    if (old->kind == value->kind || pb_yaml_is_null(old) || pb_yaml_is_null(value))
        return true;
    return pb_yaml_error(ctx->error, value, "expected the same kind of value as at %s:%d", old->at.file, old->at.line);
}

bool pb_conf_inherit(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, const struct pb_yaml_node *base)
{
    for (const struct pb_yaml_node *value = base->child; value; value = value->next) {
        struct pb_yaml_node *own = pb_yaml_get(map, value->key);

        if (!own) {
            append(map, copy_tree(ctx, value, map));
            continue;
        }
        if (!same_kind(ctx, own, value))
            return false;
        if (own->kind == PB_YAML_MAPPING && value->kind == PB_YAML_MAPPING && !pb_conf_inherit(ctx, own, value))
            return false;
        if (!own->declared && !pb_yaml_is_null(value))
            own->declared = value->text;
    }
    return true;
}

/* ---- overridden ---- */

bool pb_conf_lay_over(const struct pb_conf_ctx *ctx, struct pb_yaml_node *base, const struct pb_yaml_node *over)
{
    for (const struct pb_yaml_node *value = over->child; value; value = value->next) {
        struct pb_yaml_node *old = pb_yaml_get(base, value->key);

        if (!old)
            return pb_yaml_error(ctx->error, value, "there is no such key in the config at %s:%d", base->at.file,
                                 base->at.line);
        if (!same_kind(ctx, value, old))
            return false;
        if (old->kind == PB_YAML_MAPPING && value->kind == PB_YAML_MAPPING) {
            if (!pb_conf_lay_over(ctx, old, value))
                return false;
            continue;
        }
        if (!old->declared)
            old->declared = pb_yaml_is_null(old) ? NULL : old->text;
        old->kind = value->kind;
        old->plain = value->plain;
        old->at = value->at;
        old->text = value->text;
        old->child = value->child;
        old->n = value->n;
    }
    return true;
}

/* ---- flattened ---- */

static size_t count_scalars(const struct pb_yaml_node *node)
{
    size_t n = node->kind == PB_YAML_SCALAR;

    for (const struct pb_yaml_node *child = node->child; child; child = child->next)
        n += count_scalars(child); /* as deep as PBAY_MAX_CONF_DEPTH */
    return n;
}

enum kind { KIND_TEXT, KIND_INT, KIND_BOOL };

static const char *const kind_names[] = {"a string", "an integer", "true or false"};

static enum kind kind_of(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');

    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        return KIND_BOOL;
    return *p && p[strspn(p, "0123456789")] == 0 ? KIND_INT : KIND_TEXT;
}

/* A key that the package or its base declares as an integer or as true/false stays one. */
static bool check_kind(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *node)
{
    enum kind kind = node->declared ? kind_of(node->declared) : KIND_TEXT;

    if (kind == KIND_TEXT || pb_yaml_is_null(node) || kind_of(node->text) == kind)
        return true;
    return pb_yaml_error(ctx->error, node, "expected %s, found '%s'", kind_names[kind], node->text);
}

static bool flatten(const struct pb_conf_ctx *ctx, struct pbay_conn_conf *conf, const struct pb_yaml_node *node,
                    const char *path)
{
    if (strlen(path) > PB_MAX_CONF_PATH)
        return pb_yaml_error(ctx->error, node, "expected a path of at most %d bytes", PB_MAX_CONF_PATH);
    if (node->kind == PB_YAML_SCALAR) {
        const char *text = pb_yaml_is_null(node) ? NULL : node->text;

        conf->config[conf->n_config++] = (struct pbay_conf_value){path, text, node->at};
        return check_kind(ctx, node);
    }
    for (const struct pb_yaml_node *child = node->child; child; child = child->next) {
        const char *dot = *path ? "." : "";
        char *below;

        if (child->key && strchr(child->key, '.'))
            return pb_yaml_error(ctx->error, child, "a key of config may not contain a dot");
        below = child->key ? pb_arena_printf(ctx->arena, "%s%s%s", path, dot, child->key)
                           : pb_arena_printf(ctx->arena, "%s%s%zu", path, dot, child->index);
        if (!flatten(ctx, conf, child, below))
            return false;
    }
    return true;
}

bool pb_conf_config(const struct pb_conf_ctx *ctx, struct pb_yaml_node *config, struct pbay_conn_conf *conf)
{
    if (!pb_conf_substitute(ctx, config))
        return false;
    conf->config_tree = config;
    conf->config = pb_arena_alloc(ctx->arena, count_scalars(config) * sizeof *conf->config);
    return flatten(ctx, conf, config, "");
}
