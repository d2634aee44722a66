/* ${VAR:type:default}: the form of AEA, VAR required. A scalar that begins with ${ and ends with } must be one as a
 * whole; elsewhere in a scalar the signs mean nothing. A default that does not begin with a lower-case letter may
 * follow VAR directly. */
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"

#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define SYNTAX "${NAME:type:default}"

static bool is_str(const char *text)
{
    (void)text;
    return true;
}

static bool is_int(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');

    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

static bool is_float(const char *text)
{
    char *end;

    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    (void)strtod(text, &end);
    return end != text && !*end;
}

static bool is_bool(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

static const struct type {
    const char *name, *what;
    bool (*matches)(const char *text);
} types[] = {
    {"str", "a text", is_str},
    {"int", "a whole number", is_int},
    {"float", "a number", is_float},
    {"bool", "true or false", is_bool},
};

struct reference {
    char *name;
    const struct type *type;
    const char *fallback; /* NULL = none */
};

static const struct type *find_type(struct pbay_str name)
{
    if (name.n == 0)
        return &types[0];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (pbay_str_eq(name, pbay_str(types[i].name)))
            return &types[i];
    }
    return NULL;
}

/* text without ${ and }: NAME, NAME:type, NAME:type:default, NAME::default, NAME:Default */
static bool parse_reference(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *node, char *text,
                            struct reference *ref)
{
    char *p = text + strspn(text, UPPER), *type = p;
    size_t type_n = 0;

    if (p == text || (*p && *p != ':'))
        return pb_yaml_expected(ctx->error, node, SYNTAX);
    if (*p)
        type = p + 1;
    type_n = strspn(type, LOWER);
    ref->type = find_type((struct pbay_str){type, type_n});
    if (!ref->type)
        return pb_yaml_error(ctx->error, node,
                             "expected str, int, float or bool as the type in " SYNTAX ", found \"%.*s\"", (int)type_n,
                             type);
    if (*p && type_n == 0 && *type != ':')
        ref->fallback = type;
    else if (type[type_n] == ':')
        ref->fallback = type + type_n + 1;
    else if (type[type_n])
        return pb_yaml_expected(ctx->error, node, SYNTAX);
    if (ref->fallback && !*ref->fallback)
        return pb_yaml_expected(ctx->error, node, SYNTAX " with a default behind the last colon");
    *p = 0;
    ref->name = text;
    return true;
}

static bool substitute(const struct pb_conf_ctx *ctx, struct pb_yaml_node *node, size_t n)
{
    struct reference ref = {0};
    const char *value;

    if (!parse_reference(ctx, node, pb_arena_str(ctx->arena, (struct pbay_str){node->text + 2, n - 3}), &ref))
        return false;
    value = getenv(ref.name);
    if (!value)
        value = pb_dotenv_get(ctx->env, ref.name);
    if (!value)
        value = ref.fallback;
    if (!value)
        return pb_yaml_error(ctx->error, node, "the environment variable %s is not set and there is no default",
                             ref.name);
    if (!ref.type->matches(value))
        return pb_yaml_error(ctx->error, node, "expected %s in the environment variable %s or as its default",
                             ref.type->what, ref.name); /* its value may be a secret */
    node->text = pb_arena_str(ctx->arena, pbay_str(value));
    node->plain = ref.type != &types[0];
    return true;
}

bool pb_conf_substitute(const struct pb_conf_ctx *ctx, struct pb_yaml_node *node)
{
    if (!node)
        return true;
    if (node->kind == PB_YAML_SCALAR) {
        size_t n = strlen(node->text);

        return n < 3 || strncmp(node->text, "${", 2) != 0 || node->text[n - 1] != '}' || substitute(ctx, node, n);
    }
    for (struct pb_yaml_node *child = node->child; child; child = child->next) {
        if (!pb_conf_substitute(ctx, child)) /* as deep as PBAY_MAX_CONF_DEPTH */
            return false;
    }
    return true;
}
