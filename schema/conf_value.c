/* Readers of names, paths and quantities. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/conf.h"

/* [a-z_][a-z0-9_]*, and [A-Z] too unless lower */
static bool is_name(const char *text, bool lower)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(text);

    if (n == 0 || n > PBAY_MAX_NAME || (*text >= '0' && *text <= '9') || strspn(text, letters) != n)
        return false;
    return !lower || strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static bool read_name(const struct pb_conf_ctx *ctx, struct pb_yaml_node *value, const struct pb_field *field,
                      void *base, bool lower)
{
    const char **out = pb_field_at(base, field);
    const char *what = lower ? "a name of lower-case letters, digits and _" : "a name of letters, digits and _";

    *out = pb_conf_text(ctx, value, what);
    return *out && (is_name(*out, lower) || pb_yaml_expected(ctx->error, value, what));
}

bool pb_conf_is_name(const char *text)
{
    return is_name(text, false);
}

PB_FIELD_READER(pb_read_name)
{
    return read_name(ctx, value, field, base, false);
}

PB_FIELD_READER(pb_read_lower_name)
{
    return read_name(ctx, value, field, base, true);
}

PB_FIELD_READER(pb_read_path)
{
    const char **out = pb_field_at(base, field);
    const char *text = pb_conf_text(ctx, value, "a path");

    if (!text || !*text)
        return pb_yaml_expected(ctx->error, value, "a path");
    *out = pb_conf_path(ctx, text);
    return true;
}

PB_FIELD_READER(pb_read_bool)
{
    static const char *const words[] = {"false", "False", "FALSE", "true", "True", "TRUE"};
    bool *out = pb_field_at(base, field);

    for (size_t i = 0; value->kind == PB_YAML_SCALAR && value->plain && i < 6; i++) {
        if (strcmp(value->text, words[i]) == 0) {
            *out = i >= 3;
            return true;
        }
    }
    return pb_yaml_expected(ctx->error, value, "true or false");
}

const char *pb_conf_path(const struct pb_conf_ctx *ctx, const char *path)
{
    if (*path == '/')
        return pb_arena_str(ctx->arena, pbay_str(path));
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (!*path || strcmp(path, ".") == 0)
        return pb_arena_str(ctx->arena, pbay_str(ctx->dir));
    return pb_arena_printf(ctx->arena, "%s/%s", strcmp(ctx->dir, "/") == 0 ? "" : ctx->dir, path);
}

const char *pb_conf_absolute(const struct pb_conf_ctx *ctx, const char *path)
{
    struct pb_conf_ctx here = *ctx;
    char cwd[PATH_MAX];

    here.dir = getcwd(cwd, sizeof cwd);
    if (!here.dir) {
        pb_conf_error(ctx->error, path, 0, "the working directory is not known: %s", strerror(errno));
        return NULL;
    }
    return pb_conf_path(&here, path);
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* A kind of number with units. */
struct quantity {
    const char *what, *unit;
    struct unit units[4];
    size_t n;
};

static const struct quantity counted = {"a whole number", "", {{"", 1}}, 1};
static const struct quantity duration = {
    "a duration such as 30s or 500", " milliseconds", {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}}, 4};
static const struct quantity size = {
    "a size such as 64MiB or 65536", " bytes", {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}, 4};

/* Digits and a suffix. */
static bool parse_quantity(const char *text, const struct quantity *q, uint64_t *out)
{
    const char *p = text;
    uint64_t v = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    }
    for (size_t i = 0; p > text && i < q->n; i++) {
        if (strcmp(p, q->units[i].suffix) == 0)
            return !__builtin_mul_overflow(v, q->units[i].factor, out);
    }
    return false;
}

static bool read_quantity(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const struct pb_field *field,
                          const struct quantity *q, uint64_t *out)
{
    const char *text = pb_conf_text(ctx, value, q->what);

    if (!text)
        return false;
    if (!parse_quantity(text, q, out))
        return pb_yaml_expected(ctx->error, value, q->what);
    if (*out >= field->min && *out <= field->max)
        return true;
    return pb_yaml_expected(ctx->error, value,
                            pb_arena_printf(ctx->arena, "%llu to %llu%s", (unsigned long long)field->min,
                                            (unsigned long long)field->max, q->unit));
}

static bool read_quantity32(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value,
                            const struct pb_field *field, const struct quantity *q, void *base)
{
    uint32_t *out = pb_field_at(base, field);
    uint64_t v = 0;

    assert(field->max <= UINT32_MAX);
    if (!read_quantity(ctx, value, field, q, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

PB_FIELD_READER(pb_read_count)
{
    unsigned *out = pb_field_at(base, field);
    uint64_t v = 0;

    assert(field->max <= UINT_MAX);
    if (value->kind == PB_YAML_SCALAR && !value->plain)
        return pb_yaml_expected(ctx->error, value, counted.what);
    if (!read_quantity(ctx, value, field, &counted, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

PB_FIELD_READER(pb_read_duration)
{
    return read_quantity32(ctx, value, field, &duration, base);
}

PB_FIELD_READER(pb_read_size)
{
    return read_quantity(ctx, value, field, &size, pb_field_at(base, field));
}

PB_FIELD_READER(pb_read_size32)
{
    return read_quantity32(ctx, value, field, &size, base);
}

PB_FIELD_READER(pb_check_number)
{
    const char *text = pb_conf_text(ctx, value, "a number that is not negative");
    char *end;
    double v;

    (void)field;
    (void)base;
    if (!text)
        return false;
    v = strtod(text, &end);
    return (end != text && !*end && isfinite(v) && v >= 0) ||
           pb_yaml_expected(ctx->error, value, "a number that is not negative");
}
