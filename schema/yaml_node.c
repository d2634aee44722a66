#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/yaml_tree.h"

#define MAX_FOUND 48 /* bytes shown of a value that was not expected */
#define MAX_KEY   64 /* bytes shown of one key */

struct pb_yaml_node *pb_yaml_get(const struct pb_yaml_node *map, const char *key)
{
    if (!map || map->kind != PB_YAML_MAPPING)
        return NULL;
    for (struct pb_yaml_node *node = map->child; node; node = node->next) {
        if (strcmp(node->key, key) == 0)
            return node;
    }
    return NULL;
}

bool pb_yaml_is_null(const struct pb_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; node->kind == PB_YAML_SCALAR && node->plain && i < sizeof words / sizeof *words; i++) {
        if (strcmp(node->text, words[i]) == 0)
            return true;
    }
    return false;
}

/* Bytes of text, at most max, that do not end inside a UTF-8 sequence. */
static int clip(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);

    if (n <= max)
        return (int)n;
    for (n = max; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; n--)
        ;
    return (int)n;
}

/* A line that is being written into an error's text; what does not fit is cut off. */
struct line {
    struct pbay_conf_error *error;
    size_t n;
};

__attribute__((format(printf, 2, 0))) static void line_vadd(struct line *l, const char *format, va_list args)
{
    size_t room = sizeof l->error->text - l->n;
    int n = vsnprintf(l->error->text + l->n, room, format, args);

    assert(n >= 0);
    l->n += (size_t)n < room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 2, 3))) static void line_add(struct line *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line_vadd(l, format, args);
    va_end(args);
}

/* Text of a configuration may hold line ends and worse; the error stays one line. */
static bool line_end(struct line *l)
{
    char *text = l->error->text;

    if (l->n == sizeof l->error->text - 1) {
        while (l->n > 0 && ((unsigned char)text[l->n - 1] & 0xC0) == 0x80)
            l->n--;
        if (l->n > 0 && (unsigned char)text[l->n - 1] >= 0xC0)
            l->n--;
        text[l->n] = 0;
    }
    for (size_t i = 0; i < l->n; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            text[i] = '?';
    }
    return false;
}

static void line_start(struct line *l, const char *file, int line)
{
    line_add(l, "%s:", file);
    if (line > 0)
        line_add(l, "%d:", line);
    line_add(l, " ");
}

bool pb_conf_error(struct pbay_conf_error *error, const char *file, int line, const char *format, ...)
{
    struct line l = {.error = error};
    va_list args;

    line_start(&l, file, line);
    va_start(args, format);
    line_vadd(&l, format, args);
    va_end(args);
    return line_end(&l);
}

static void line_path(struct line *l, const struct pb_yaml_node *node)
{
    const struct pb_yaml_node *chain[PBAY_MAX_CONF_DEPTH + 1];
    size_t n = 0;

    for (; node->parent; node = node->parent) {
        assert(n <= PBAY_MAX_CONF_DEPTH);
        chain[n++] = node;
    }
    for (size_t i = n; i-- > 0;) {
        if (chain[i]->key)
            line_add(l, "%.*s", clip(chain[i]->key, MAX_KEY), chain[i]->key);
        else
            line_add(l, "%zu", chain[i]->index);
        line_add(l, i ? "." : ": ");
    }
}

bool pb_yaml_error(struct pbay_conf_error *error, const struct pb_yaml_node *node, const char *format, ...)
{
    struct line l = {.error = error};
    va_list args;

    line_start(&l, node->at.file, node->at.line);
    line_path(&l, node);
    va_start(args, format);
    line_vadd(&l, format, args);
    va_end(args);
    return line_end(&l);
}

bool pb_yaml_expected(struct pbay_conf_error *error, const struct pb_yaml_node *node, const char *what)
{
    static const char *const kinds[] = {[PB_YAML_SEQUENCE] = "a list", [PB_YAML_MAPPING] = "a mapping"};
    int n;

    if (node->kind != PB_YAML_SCALAR)
        return pb_yaml_error(error, node, "expected %s, found %s", what, kinds[node->kind]);
    if (pb_yaml_is_null(node))
        return pb_yaml_error(error, node, "expected %s, found nothing", what);
    n = clip(node->text, MAX_FOUND);
    return pb_yaml_error(error, node, "expected %s, found \"%.*s%s\"", what, n, node->text, node->text[n] ? "..." : "");
}
