#include "schema/conf.h"

#include <assert.h>
#include <string.h>

#define MAX_KEY_LENGTH 40 /* bytes of a key that is compared with the known ones */
#define MAX_TYPOS      2  /* wrong letters in a key that is still recognised */

/* Levenshtein distance, or SIZE_MAX for words that are too long to be typing errors of each other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_KEY_LENGTH + 1], n = strlen(b);

    if (strlen(a) > MAX_KEY_LENGTH || n > MAX_KEY_LENGTH)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            if (best > diagonal + 1)
                best = diagonal + 1;
            if (best > row[j] + 1)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[n];
}

static bool unknown_key(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const struct pb_field *fields,
                        size_t n)
{
    const struct pb_field *nearest = NULL;
    struct pb_buf keys = {0};
    size_t best = MAX_TYPOS + 1;

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(value->key, fields[i].key);

        if (d < best && d < strlen(fields[i].key)) {
            best = d;
            nearest = &fields[i];
        }
        pb_buf_add(&keys, ", ", keys.n ? 2 : 0);
        pb_buf_add(&keys, fields[i].key, strlen(fields[i].key));
    }
    if (nearest)
        pb_yaml_error(ctx->error, value, "unknown key, did you mean %s?", nearest->key);
    else
        pb_yaml_error(ctx->error, value, "unknown key, expected one of %.*s", (int)keys.n, (const char *)keys.p);
    pb_buf_fini(&keys);
    return false;
}

bool pb_conf_fields(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, const struct pb_field *fields, size_t n,
                    void *base)
{
    if (map->kind != PB_YAML_MAPPING)
        return pb_yaml_expected(ctx->error, map, "a mapping");
    for (struct pb_yaml_node *value = map->child; value; value = value->next) {
        size_t i = 0;

        while (i < n && strcmp(fields[i].key, value->key) != 0)
            i++;
        if (i == n)
            return unknown_key(ctx, value, fields, n);
        if (!fields[i].read(ctx, value, &fields[i], base))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (fields[i].required && !pb_yaml_get(map, fields[i].key))
            return pb_yaml_error(ctx->error, map, "expected the key %s, which is missing", fields[i].key);
    }
    return true;
}

const char *pb_conf_text(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const char *what)
{
    if (value->kind == PB_YAML_SCALAR && !pb_yaml_is_null(value))
        return value->text;
    pb_yaml_expected(ctx->error, value, what);
    return NULL;
}

bool pb_conf_pubid(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, struct pbay_pubid *id)
{
    static const char what[] = "a public id such as acme/thing:1.0.0";
    const char *text = pb_conf_text(ctx, value, what);

    if (!text)
        return false;
    return pbay_pubid_parse(pbay_str(text), id) || pb_yaml_expected(ctx->error, value, what);
}

bool pb_conf_accepts(const struct pbay_pubid *wish, const struct pbay_pubid *have)
{
    if (!pbay_pubid_same_prefix(wish, have))
        return false;
    return pbay_str_eq(wish->version, have->version) || pbay_str_eq(wish->version, pbay_str("any")) ||
           pbay_str_eq(wish->version, pbay_str("latest"));
}

static bool is_kind(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, enum pb_yaml_kind kind)
{
    static const char *const names[] = {"a text", "a list", "a mapping"};

    return value->kind == kind || pb_yaml_expected(ctx->error, value, names[kind]);
}

PB_FIELD_READER(pb_read_node)
{
    struct pb_yaml_node **out = pb_field_at(base, field);

    (void)ctx;
    *out = value;
    return true;
}

/* A list within its bound? */
static bool is_list(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const struct pb_field *field)
{
    assert(field->max > 0);
    if (!is_kind(ctx, value, PB_YAML_SEQUENCE))
        return false;
    if (value->n <= field->max)
        return true;
    return pb_yaml_error(ctx->error, value, "expected at most %zu entries, found %zu", (size_t)field->max, value->n);
}

PB_FIELD_READER(pb_read_list)
{
    return is_list(ctx, value, field) && pb_read_node(ctx, value, field, base);
}

PB_FIELD_READER(pb_read_mapping)
{
    return is_kind(ctx, value, PB_YAML_MAPPING) && pb_read_node(ctx, value, field, base);
}

PB_FIELD_READER(pb_check_text)
{
    (void)field;
    (void)base;
    return pb_conf_text(ctx, value, "a text") != NULL;
}

PB_FIELD_READER(pb_read_text)
{
    const char **out = pb_field_at(base, field);

    *out = pb_conf_text(ctx, value, "a text");
    return *out != NULL;
}

PB_FIELD_READER(pb_read_texts)
{
    const char ***out = pb_field_at(base, field);
    size_t *count = (void *)((char *)base + field->count);

    if (!is_list(ctx, value, field))
        return false;
    *out = pb_arena_alloc(ctx->arena, value->n * sizeof **out);
    *count = 0;
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        const char *text = pb_conf_text(ctx, item, "a text");

        if (!text || !*text)
            return pb_yaml_expected(ctx->error, item, "a text");
        (*out)[(*count)++] = text;
    }
    return true;
}

/* Two items of a list that are equal; the second is to blame. */
static bool all_different(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *list)
{
    for (const struct pb_yaml_node *item = list->child; item; item = item->next) {
        for (const struct pb_yaml_node *other = list->child; other != item; other = other->next) {
            if (strcmp(item->text, other->text) == 0)
                return pb_yaml_error(ctx->error, item, "%.64s is on line %d already", item->text, other->at.line);
        }
    }
    return true;
}

PB_FIELD_READER(pb_check_texts)
{
    (void)base;
    if (!is_list(ctx, value, field))
        return false;
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        if (!pb_conf_text(ctx, item, "a text"))
            return false;
    }
    return all_different(ctx, value);
}

PB_FIELD_READER(pb_check_ids)
{
    struct pbay_pubid id;

    (void)base;
    if (!is_list(ctx, value, field))
        return false;
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        if (!pb_conf_pubid(ctx, item, &id))
            return false;
    }
    return all_different(ctx, value);
}

PB_FIELD_READER(pb_check_text_mapping)
{
    (void)field;
    (void)base;
    if (!is_kind(ctx, value, PB_YAML_MAPPING))
        return false;
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        if (!pb_conf_text(ctx, item, "a text"))
            return false;
    }
    return true;
}

PB_FIELD_READER(pb_check_mapping_mapping)
{
    if (!is_kind(ctx, value, PB_YAML_MAPPING))
        return false;
    for (struct pb_yaml_node *item = value->child; item; item = item->next) {
        if (!pb_check_text_mapping(ctx, item, field, base))
            return false;
    }
    return true;
}

PB_FIELD_READER(pb_read_ids)
{
    return pb_check_ids(ctx, value, field, base) && pb_read_node(ctx, value, field, base);
}

PB_FIELD_READER(pb_check_mapping)
{
    (void)field;
    (void)base;
    return is_kind(ctx, value, PB_YAML_MAPPING);
}

PB_FIELD_READER(pb_check_text_or_null)
{
    return pb_yaml_is_null(value) || pb_check_text(ctx, value, field, base);
}

/* Its number; 0 with an error when it is none of them, or one without a word. */
static bool find_word(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const struct pb_field *field,
                      unsigned *number)
{
    const char *what = "";
    bool found = false;

    for (unsigned i = 0; field->words[i]; i++) {
        const char *next = field->words[i + 1];

        if (!*field->words[i])
            continue; /* cannot be written down */
        if (value->kind == PB_YAML_SCALAR && strcmp(value->text, field->words[i]) == 0) {
            found = true;
            *number = i;
        }
        what = pb_arena_printf(ctx->arena, "%s%s%s", what, !*what ? "" : next ? ", " : " or ", field->words[i]);
    }
    return found || pb_yaml_expected(ctx->error, value, what);
}

PB_FIELD_READER(pb_read_word)
{
    unsigned *out = pb_field_at(base, field); /* an enum without negative values is an unsigned int to the compiler */

    return find_word(ctx, value, field, out);
}

PB_FIELD_READER(pb_check_word)
{
    unsigned number;

    (void)base;
    return find_word(ctx, value, field, &number);
}

const struct pbay_conf_value *pbay_conn_conf_find(const struct pbay_conn_conf *conf, const char *path)
{
    for (size_t i = 0; i < conf->n_config; i++) {
        if (strcmp(conf->config[i].path, path) == 0)
            return &conf->config[i];
    }
    return NULL;
}
