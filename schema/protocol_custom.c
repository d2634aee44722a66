/* Custom types. AEA puts their text between the braces of a protobuf message. The text of most is one enum and one
 * field of it: that is a number from a known range, and is read and written as one. All others are carried as the bytes
 * of their message, which only the application understands; their text is looked at so far that a typing error is found
 * here. */
#include <stdlib.h>
#include <string.h>

#include "schema/protocol_load.h"

#define CUSTOM_PREFIX "ct:"
#define MAX_TOKENS    8192
#define MAX_NESTING   16

struct tokens {
    size_t n;
    const char **p;
};

/* ---- tokens ---- */

static bool is_word(const char *token)
{
    return (*token >= 'a' && *token <= 'z') || (*token >= 'A' && *token <= 'Z') || *token == '_';
}

static bool is_number(const char *token)
{
    return strspn(token, "0123456789") == strlen(token);
}

/* Behind spaces and comments. */
static const char *skip(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (strncmp(p, "//", 2) == 0) {
            p += strcspn(p, "\n");
        } else if (strncmp(p, "/*", 2) == 0 && strstr(p + 2, "*/")) {
            p = strstr(p + 2, "*/") + 2;
        } else {
            return p;
        }
    }
}

/* Bytes of the token at p: a word, a number, or one sign; 0 = nothing that protobuf has. */
static size_t token_length(const char *p)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    size_t n = strspn(p, word);

    if (n)
        return n;
    return *p && strchr("{}=;<>,[]()-", *p) ? 1 : 0;
}

/* false = too many, or a sign that protobuf does not have. */
static bool tokenize(struct pb_arena *arena, const char *text, struct tokens *t)
{
    size_t length;

    t->p = pb_arena_alloc(arena, (strlen(text) + 1) * sizeof *t->p);
    t->n = 0;
    for (const char *p = skip(text); *p; p = skip(p + length)) {
        length = token_length(p);
        if (length == 0 || t->n == MAX_TOKENS)
            return false;
        t->p[t->n++] = pb_arena_str(arena, (struct pbay_str){p, length});
    }
    return true;
}

/* The i-th, or "". */
static const char *at(const struct tokens *t, size_t i)
{
    return i < t->n ? t->p[i] : "";
}

static bool is(const struct tokens *t, size_t i, const char *token)
{
    return strcmp(at(t, i), token) == 0;
}

/* ---- the text as a whole ---- */

/* Tokens from..to are a field, an enum's value, an option or a reservation. */
static bool is_statement(const struct tokens *t, size_t from, size_t to)
{
    size_t end = to;

    if (is(t, from, "reserved") || is(t, from, "option"))
        return to - from >= 2;
    for (size_t i = from; i < to && end == to; i++) {
        if (is(t, i, "[") && i > from)
            end = i;
    }
    if (end - from < 3 || !is_number(at(t, end - 1)))
        return false;
    if (is(t, end - 2, "-"))
        end--;
    return end - from >= 3 && is(t, end - 2, "=") && is_word(at(t, end - 3)) && is_word(at(t, from));
}

/* Tokens from..to stand before a brace. */
static bool is_block(const struct tokens *t, size_t from, size_t to)
{
    return to - from == 2 && (is(t, from, "enum") || is(t, from, "message") || is(t, from, "oneof")) &&
           is_word(at(t, from + 1));
}

static bool is_message(const struct tokens *t)
{
    size_t from = 0, depth = 0;

    for (size_t i = 0; i < t->n; i++) {
        bool opens = is(t, i, "{"), closes = is(t, i, "}");

        if (!opens && !closes && !is(t, i, ";"))
            continue;
        if (opens && (!is_block(t, from, i) || ++depth > MAX_NESTING))
            return false;
        if (closes && (from != i || depth-- == 0))
            return false;
        if (!opens && !closes && from != i && !is_statement(t, from, i))
            return false;
        from = i + 1;
    }
    return depth == 0 && from == t->n && t->n > 0;
}

/* ---- an enum alone ---- */

/* SPEC 14.6.3: enum E { A = 0; B = 1; ... } E name = 1;   with numbers that rise by one. Otherwise nothing is stored.
 */
static void read_enum(struct pb_arena *arena, const struct tokens *t, struct pbay_custom *custom)
{
    const char **values;
    size_t i = 3, n = 0;

    if (!is(t, 0, "enum") || !is(t, 2, "{"))
        return;
    values = pb_arena_alloc(arena, t->n * sizeof *values);
    for (; is_word(at(t, i)) && is(t, i + 1, "=") && is_number(at(t, i + 2)) && is(t, i + 3, ";"); i += 4) {
        if (strtoul(at(t, i + 2), NULL, 10) != n || n == PB_MAX_ENUM_VALUES || strchr(at(t, i), '.'))
            return;
        values[n++] = at(t, i);
    }
    if (!is(t, i, "}") || n == 0)
        return;
    i += is(t, i + 1, ";") ? 2 : 1;
    if (t->n != i + 5 || !is(t, i, at(t, 1)) || !is(t, i + 2, "=") || !is(t, i + 3, "1"))
        return;
    custom->values = values;
    custom->n = n;
}

/* ---- the document ---- */

static bool is_type_name(const char *name)
{
    return *name >= 'A' && *name <= 'Z' && pb_spec_is_name(name) && !strchr(name, '_');
}

static bool read_custom(struct pb_spec *spec, const struct pb_yaml_node *node)
{
    static const char what[] = "the fields of a protobuf message, such as \"bytes data = 1;\"";
    struct pb_spec_custom *custom = &spec->customs[spec->n_customs];
    const char *text = pb_conf_text(&spec->ctx, node, what);
    struct tokens t;

    if (strncmp(node->key, CUSTOM_PREFIX, strlen(CUSTOM_PREFIX)) != 0 ||
        !is_type_name(node->key + strlen(CUSTOM_PREFIX)))
        return pb_yaml_error(spec->ctx.error, node,
                             "expected a custom type such as ct:Thing: a capital letter, letters and digits");
    if (!text)
        return false;
    if (!tokenize(spec->ctx.arena, text, &t) || !is_message(&t))
        return pb_yaml_expected(spec->ctx.error, node, what);
    *custom = (struct pb_spec_custom){.table = pb_arena_alloc(spec->ctx.arena, sizeof *custom->table), .node = node};
    custom->table->name = node->key + strlen(CUSTOM_PREFIX);
    read_enum(spec->ctx.arena, &t, custom->table);
    spec->n_customs++;
    return true;
}

bool pb_spec_customs(struct pb_spec *spec, const struct pb_yaml_node *document)
{
    if (document->n > PB_MAX_CUSTOMS)
        return pb_yaml_error(spec->ctx.error, document, "expected at most %d custom types, found %zu", PB_MAX_CUSTOMS,
                             document->n);
    for (const struct pb_yaml_node *node = document->child; node; node = node->next) {
        if (!read_custom(spec, node))
            return false;
    }
    return true;
}
