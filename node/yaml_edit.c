#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "node/yaml_edit.h"

#define INDENT 2 /* of what we write */

/* ---- positions, in bytes ---- */

static const char *text_of(const struct yaml_edit *e)
{
    return (const char *)e->text.p;
}

/* libyaml counts characters. */
static size_t byte_at(const struct yaml_edit *e, size_t character)
{
    size_t i = 0;

    while (i < e->text.n && character > 0) {
        i++;
        while (i < e->text.n && (e->text.p[i] & 0xC0) == 0x80)
            i++;
        character--;
    }
    return i;
}

static size_t line_start(const struct yaml_edit *e, size_t i)
{
    while (i > 0 && e->text.p[i - 1] != '\n')
        i--;
    return i;
}

/* Where its \n or \r\n is, or the end of the text. */
static size_t line_end(const struct yaml_edit *e, size_t i)
{
    while (i < e->text.n && e->text.p[i] != '\n')
        i++;
    return i > 0 && i < e->text.n && e->text.p[i - 1] == '\r' ? i - 1 : i;
}

static size_t next_line(const struct yaml_edit *e, size_t i)
{
    while (i < e->text.n && e->text.p[i] != '\n')
        i++;
    return i < e->text.n ? i + 1 : i;
}

/* As the first line of the file ends. */
static const char *line_break(const struct yaml_edit *e)
{
    size_t i = next_line(e, 0);

    return i >= 2 && e->text.p[i - 2] == '\r' ? "\r\n" : "\n";
}

static size_t skip_blanks(const struct yaml_edit *e, size_t i)
{
    while (i < e->text.n && (e->text.p[i] == ' ' || e->text.p[i] == '\t'))
        i++;
    return i;
}

/* Where a value ends: what libyaml says of a block is where the next thing begins, past comments. */
static size_t end_of(const struct yaml_edit *e, const struct pb_yaml_node *node)
{
    const struct pb_yaml_node *last;
    size_t i;

    while (node->kind != PB_YAML_SCALAR && !node->flow) {
        for (last = node->child; last->next; last = last->next)
            ; /* a block is never empty */
        node = last;
    }
    i = byte_at(e, node->to);
    while (i > byte_at(e, node->from) && isspace(e->text.p[i - 1]))
        i--; /* the line ends of a block scalar */
    return i;
}

static size_t after_colon(const struct yaml_edit *e, const struct pb_yaml_node *value)
{
    size_t i = byte_at(e, value->key_to);

    while (i < e->text.n && e->text.p[i] != ':')
        i++;
    return i < e->text.n ? i + 1 : i;
}

/* ---- text in the making ---- */

static void add(struct pb_buf *b, const char *text)
{
    pb_buf_add(b, text, strlen(text));
}

static void add_range(struct pb_buf *b, const struct yaml_edit *e, size_t from, size_t to)
{
    pb_buf_add(b, e->text.p + from, to - from);
}

/* What a change may have made different; NULL = nothing of the kind. */
struct change {
    const struct pb_yaml_node *replaced; /* this value is another one */
    const struct pb_yaml_node *grown;    /* it has one more at its end */
    const struct pb_yaml_node *gone;
    bool document; /* one more */
};

static bool same_scalar(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same(const struct pb_yaml_node *a, const struct pb_yaml_node *b, const struct change *c)
{
    const struct pb_yaml_node *x = a->child, *y = b->child;

    if (!same_scalar(a->key, b->key))
        return false;
    if (a == c->replaced)
        return true;
    if (a->kind != b->kind || a->plain != b->plain || !same_scalar(a->text, b->text))
        return false;
    for (; x; x = x->next) {
        if (x == c->gone)
            continue;
        if (!y || !same(x, y, c)) /* as deep as PBAY_MAX_CONF_DEPTH */
            return false;
        y = y->next;
    }
    return a == c->grown ? y && !y->next : !y;
}

static bool all_same(const struct pb_yaml_node *a, const struct pb_yaml_node *b, const struct change *c)
{
    for (; a && b; a = a->next, b = b->next) {
        if (!same(a, b, c))
            return false;
    }
    return !a && (c->document ? b && !b->next : !b);
}

/* Take the new text, which is given away, when it says what it should. */
static bool commit(struct yaml_edit *e, struct pb_buf *text, const struct change *c)
{
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs;
    bool good = !pb_yaml_parse(e->name, text->p ? (const char *)text->p : "", text->n, &arena, &docs, &e->error);

    if (good && !all_same(e->docs, docs, c))
        good = pb_conf_error(&e->error, e->name, 0, "is written in a way that cannot be changed here; do it by hand");
    if (good) {
        struct pb_buf old = e->text;
        struct pb_arena former = e->arena;

        e->text = *text;
        e->arena = arena;
        e->docs = docs;
        *text = old;
        arena = former;
    }
    pb_arena_fini(&arena);
    pb_buf_fini(text);
    return good;
}

/* [from, to) of the text becomes `with`. */
static struct pb_buf splice(const struct yaml_edit *e, size_t from, size_t to, const char *with)
{
    struct pb_buf b = {0};

    add_range(&b, e, 0, from);
    add(&b, with);
    add_range(&b, e, to, e->text.n);
    return b;
}

/* ---- the whole ---- */

bool yaml_edit_init(struct yaml_edit *e, const char *name, struct pbay_str text)
{
    *e = (struct yaml_edit){.name = name};
    pb_buf_add(&e->text, text.p, text.n);
    if (pb_yaml_parse(name, text.n ? text_of(e) : "", text.n, &e->arena, &e->docs, &e->error))
        return false;
    return e->docs || pb_conf_error(&e->error, name, 1, "expected a document");
}

void yaml_edit_fini(struct yaml_edit *e)
{
    pb_arena_fini(&e->arena);
    pb_buf_fini(&e->text);
    e->docs = NULL;
}

/* ---- values ---- */

bool yaml_edit_replace(struct yaml_edit *e, const struct pb_yaml_node *value, const char *text)
{
    size_t from = byte_at(e, value->from), to = end_of(e, value), colon;
    struct change c = {.replaced = value};
    struct pb_buf b = {0};

    if (value->kind == PB_YAML_SCALAR || value->flow) {
        /* nothing stands right behind its colon */
        b = splice(e, from, to, from == to ? pb_arena_printf(&e->arena, " %s", text) : text);
        return commit(e, &b, &c);
    }
    colon = after_colon(e, value); /* the new one on the line of the key, with the comment that may be there */
    add_range(&b, e, 0, colon);
    add(&b, " ");
    add(&b, text);
    add_range(&b, e, colon, line_end(e, colon));
    add_range(&b, e, to, e->text.n);
    return commit(e, &b, &c);
}

/* keys of a flow mapping: a: {b: text} */
static void add_flow(struct yaml_edit *e, struct pb_buf *b, const char *const *keys, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        add(b, i ? "{" : "");
        add(b, yaml_edit_quote(&e->arena, keys[i]));
        add(b, ": ");
    }
    add(b, text);
    for (size_t i = 1; i < n; i++)
        add(b, "}");
}

/* The same, a line each. */
static void add_block(struct yaml_edit *e, struct pb_buf *b, size_t indent, const char *const *keys, size_t n,
                      const char *text)
{
    for (size_t i = 0; i < n; i++) {
        add(b, line_break(e));
        for (size_t k = 0; k < indent + i * INDENT; k++)
            add(b, " ");
        add(b, yaml_edit_quote(&e->arena, keys[i]));
        add(b, ":");
    }
    add(b, " ");
    add(b, text);
}

/* Behind the last of n > 0 children, or into the brackets. */
static size_t place(const struct yaml_edit *e, const struct pb_yaml_node *in, struct pb_buf *b)
{
    size_t at = byte_at(e, in->from) + 1;

    if (!in->flow)
        at = line_end(e, end_of(e, in));
    for (const struct pb_yaml_node *last = in->child; in->flow && last; last = last->next)
        at = end_of(e, last);
    add_range(b, e, 0, at);
    if (in->flow && in->n)
        add(b, ", ");
    return at;
}

/* How far from the start of its line, in columns. */
static size_t column_of(const struct yaml_edit *e, size_t i)
{
    size_t n = 0;

    for (size_t k = line_start(e, i); k < i; k++)
        n += (e->text.p[k] & 0xC0) != 0x80;
    return n;
}

static bool add_keys(struct yaml_edit *e, const struct pb_yaml_node *map, const char *const *keys, size_t n,
                     const char *text)
{
    struct change c = {.grown = map};
    struct pb_buf b = {0};
    size_t at = place(e, map, &b);

    if (map->flow)
        add_flow(e, &b, keys, n, text);
    else
        add_block(e, &b, column_of(e, byte_at(e, map->child->key_from)), keys, n, text);
    add_range(&b, e, at, e->text.n);
    return commit(e, &b, &c);
}

bool yaml_edit_set(struct yaml_edit *e, const struct pb_yaml_node *map, const char *const *keys, size_t n,
                   const char *text)
{
    const struct pb_yaml_node *value = NULL;
    struct pb_buf b = {0};
    bool good;

    for (; n > 0; n--, keys++) {
        if (map->kind != PB_YAML_MAPPING)
            break;
        value = pb_yaml_get(map, keys[0]);
        if (!value)
            return add_keys(e, map, keys, n, text);
        map = value;
    }
    if (n > 0 && !pb_yaml_is_null(map))
        return pb_yaml_expected(&e->error, map, "a mapping");
    if (n > 0)
        add(&b, "{");
    add_flow(e, &b, keys, n, text);
    if (n > 0)
        add(&b, "}");
    pb_buf_add(&b, "", 1);
    good = yaml_edit_replace(e, map, (const char *)b.p);
    pb_buf_fini(&b);
    return good;
}

/* ---- sequences ---- */

bool yaml_edit_append(struct yaml_edit *e, const struct pb_yaml_node *sequence, const char *text)
{
    struct change c = {.grown = sequence};
    struct pb_buf b = {0};
    size_t at = place(e, sequence, &b);

    if (!sequence->flow) {
        size_t column = column_of(e, byte_at(e, sequence->from));

        add(&b, line_break(e));
        for (size_t i = 0; i < column; i++)
            add(&b, " ");
        add(&b, "- ");
    }
    add(&b, text);
    add_range(&b, e, at, e->text.n);
    return commit(e, &b, &c);
}

/* The start of the line with the item's dash; dashes of a block stand in one column. SIZE_MAX = something else stands
 * before it. */
static size_t dash_line(const struct yaml_edit *e, const struct pb_yaml_node *item)
{
    size_t column = column_of(e, byte_at(e, item->parent->from)), at = line_start(e, byte_at(e, item->from));

    for (;;) {
        size_t dash = skip_blanks(e, at);

        if (dash - at == column && dash < e->text.n && e->text.p[dash] == '-')
            return at;
        if (at == 0 || dash - at < column)
            return SIZE_MAX;
        at = line_start(e, at - 1);
    }
}

static bool remove_lines(struct yaml_edit *e, const struct pb_yaml_node *item, const struct change *c)
{
    size_t from = dash_line(e, item), to = next_line(e, end_of(e, item)), colon;
    struct pb_buf b = {0};

    if (from == SIZE_MAX || !item->parent->key)
        return pb_yaml_error(&e->error, item, "is written in a way that cannot be changed here; do it by hand");
    colon = after_colon(e, item->parent);
    add_range(&b, e, 0, colon);
    if (item->parent->n == 1) /* a list without entries, not nothing */
        add(&b, " []");
    add_range(&b, e, colon, from);
    add_range(&b, e, to, e->text.n);
    return commit(e, &b, c);
}

/* Behind the comma that follows, past blanks, comments and ends of lines; i if there is none. */
static size_t past_comma(const struct yaml_edit *e, size_t i)
{
    size_t k = i;

    while (k < e->text.n && (isspace(e->text.p[k]) || e->text.p[k] == '#'))
        k = e->text.p[k] == '#' ? next_line(e, k) : k + 1;
    return k < e->text.n && e->text.p[k] == ',' ? k + 1 : i;
}

/* [a, b]: an entry goes with the comma behind it; the last one with the comma before it. */
static bool remove_from_flow(struct yaml_edit *e, const struct pb_yaml_node *item, const struct change *c)
{
    size_t from = byte_at(e, item->from), to = end_of(e, item), after = past_comma(e, to), k;
    const struct pb_yaml_node *before = NULL;
    struct pb_buf b;

    for (const struct pb_yaml_node *i = item->parent->child; i != item; i = i->next)
        before = i;
    if (item->next || after > to) {
        to = skip_blanks(e, after);
        k = line_start(e, from);
        if (skip_blanks(e, k) == from && line_end(e, to) == to) { /* lines of its own */
            from = k;
            to = next_line(e, to);
        }
    } else if (before && skip_blanks(e, past_comma(e, end_of(e, before))) == from) {
        from = end_of(e, before);
    }
    b = splice(e, from, to, "");
    return commit(e, &b, c);
}

bool yaml_edit_remove(struct yaml_edit *e, const struct pb_yaml_node *item)
{
    struct change c = {.gone = item};

    return item->parent->flow ? remove_from_flow(e, item, &c) : remove_lines(e, item, &c);
}

/* ---- documents ---- */

bool yaml_edit_document(struct yaml_edit *e, const char *lines)
{
    struct change c = {.document = true};
    struct pb_buf b = {0};
    const char *end = line_break(e);

    add_range(&b, e, 0, e->text.n);
    if (e->text.n && e->text.p[e->text.n - 1] != '\n')
        add(&b, end);
    add(&b, "---");
    add(&b, end);
    for (const char *p = lines; *p; p += strcspn(p, "\n") + 1) {
        pb_buf_add(&b, p, strcspn(p, "\n"));
        add(&b, end);
    }
    return commit(e, &b, &c);
}

/* ---- scalars ---- */

/* Would it be a number, a truth value or nothing, here or for another reader of YAML? */
static bool is_word(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    const char *p = text + strspn(text, "+-.");

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return isdigit((unsigned char)*p) && p[strspn(p, "0123456789abcdefxABCDEFX_+-.:")] == 0;
}

static bool is_plain(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-:";
    size_t n = strlen(text);

    return n > 0 && strspn(text, allowed) == n && !strchr("@-:+", text[0]) && text[n - 1] != ':' && !is_word(text) &&
           strncmp(text, "...", 3) != 0;
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return true;
    }
    return false;
}

const char *yaml_edit_quote(struct pb_arena *arena, const char *text)
{
    bool control = has_control(text);
    struct pb_buf b = {0};
    const char *made;

    if (is_plain(text))
        return pb_arena_str(arena, pbay_str(text));
    add(&b, control ? "\"" : "'");
    for (; *text; text++) {
        char escaped[8];

        if (control && ((unsigned char)*text < ' ' || *text == 0x7F))
            snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned char)*text);
        else if (control && (*text == '"' || *text == '\\'))
            snprintf(escaped, sizeof escaped, "\\%c", *text);
        else
            snprintf(escaped, sizeof escaped, *text == '\'' && !control ? "''" : "%c", *text);
        add(&b, escaped);
    }
    add(&b, control ? "\"" : "'");
    made = pb_arena_str(arena, (struct pbay_str){(const char *)b.p, b.n});
    pb_buf_fini(&b);
    return made;
}
