#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_schema.h"
#include "schema/utf8.h"

#define MAX_NAMES   8  /* of the way to a value, in a sentence */
#define MAX_SHOWN   24 /* bytes of each */
#define MAX_PATTERN 48 /* bytes of a pattern, in a sentence */

struct check {
    uint64_t *budget;
    struct api_fault *fault;
};

/* ---- sentences ---- */

/* Bytes of text, at most max, that do not end inside a character. */
static int clip(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);

    if (n > max) {
        for (n = max; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; n--)
            ;
    }
    return (int)n;
}

/* "body.items.3.": the last names of the way; returns the bytes written. */
static size_t put_place(char *out, size_t room, const struct api_place *at)
{
    const struct api_place *chain[MAX_NAMES];
    size_t n = 0, used = 0;

    for (; at && n < MAX_NAMES; at = at->up)
        chain[n++] = at;
    if (at)
        used += (size_t)snprintf(out, room, "...");
    while (n-- > 0) {
        if (chain[n]->name)
            used += (size_t)snprintf(out + used, room - used, "%.*s", clip(chain[n]->name, MAX_SHOWN), chain[n]->name);
        else
            used += (size_t)snprintf(out + used, room - used, "%zu", chain[n]->index);
        used += (size_t)snprintf(out + used, room - used, "%s", n ? "." : ": ");
    }
    return used;
}

static void make_plain(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            *text = '?';
    }
}

/* The sentence takes what it needs, the way to the place what is left of the line: its end is what says most. */
bool api_fault(struct api_fault *fault, unsigned status, const struct api_place *at, const char *format, ...)
{
    char place[MAX_NAMES * (MAX_SHOWN + 2) + 8], what[API_MAX_WHY / 2];
    size_t n = put_place(place, sizeof place, at), n_what, room, skip;
    va_list args;

    assert(n < sizeof place);
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    for (n_what = strlen(what); !pb_is_utf8((struct pbay_str){what, n_what}); n_what--)
        ; /* it was cut off within a character */
    what[n_what] = '\0';
    room = API_MAX_WHY - 1 - n_what;
    skip = n > room ? n - room : 0;
    while (skip < n && ((unsigned char)place[skip] & 0xC0) == 0x80)
        skip++;
    *fault = (struct api_fault){.status = status};
    snprintf(fault->why, sizeof fault->why, "%.*s%s", (int)(n - skip), place + skip, what);
    make_plain(fault->why);
    return false;
}

#define WRONG(at, ...) api_fault(c->fault, 400, at, __VA_ARGS__)

const char *api_type_phrase(enum api_type type)
{
    static const char *const phrases[] = {
        [API_ANY] = "anything",      [API_STRING] = "a string", [API_INTEGER] = "an integer", [API_NUMBER] = "a number",
        [API_BOOLEAN] = "a boolean", [API_ARRAY] = "an array",  [API_OBJECT] = "an object"};

    return phrases[type];
}

/* ---- values ---- */

static bool is_constant(const struct api_constant *constant, const json_t *value)
{
    if (json_is_string(value))
        return constant->type == API_STRING && constant->text.n == json_string_length(value) &&
               memcmp(constant->text.p, json_string_value(value), constant->text.n) == 0;
    if (json_is_integer(value))
        return constant->type == API_NUMBER && constant->number == (long double)json_integer_value(value);
    if (json_is_real(value))
        return constant->type == API_NUMBER && constant->number == (long double)json_real_value(value);
    if (json_is_boolean(value))
        return constant->type == API_BOOLEAN && constant->truth == json_is_true(value);
    return json_is_null(value) && constant->type == API_ANY;
}

static bool check_enum(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at)
{
    for (size_t i = 0; i < s->n_constants; i++) {
        if (is_constant(&s->constants[i], value))
            return true;
    }
    return s->n_constants == 0 || WRONG(at, "expected one of its enum");
}

/* A size within its bounds? what: "items". */
static bool check_size(struct check *c, const struct api_size *size, size_t n, const char *what,
                       const struct api_place *at)
{
    if (n < size->min)
        return WRONG(at, "expected at least %llu %s", (unsigned long long)size->min, what);
    return n <= size->max || WRONG(at, "expected at most %llu %s", (unsigned long long)size->max, what);
}

static size_t count_characters(struct pbay_str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

static bool check_string(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at)
{
    struct pbay_str text = {json_string_value(value), json_string_length(value)};
    enum api_matched matched = API_MATCH;

    if (!check_size(c, &s->length, count_characters(text), "characters", at))
        return false;
    if (s->pattern)
        matched = api_pattern_match(s->pattern, text, c->budget);
    if (matched == API_TOO_MUCH)
        return api_fault(c->fault, 413, at, "too long for its pattern");
    return matched == API_MATCH ||
           WRONG(at, "expected what matches %.*s", clip(s->pattern_text, MAX_PATTERN), s->pattern_text);
}

static bool check_number(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at)
{
    long double v = json_is_integer(value) ? (long double)json_integer_value(value) : json_real_value(value);

    if (s->min.set && (s->min.exclusive ? v <= s->min.value : v < s->min.value))
        return WRONG(at, "expected %s %.15Lg", s->min.exclusive ? "more than" : "at least", s->min.value);
    if (s->max.set && (s->max.exclusive ? v >= s->max.value : v > s->max.value))
        return WRONG(at, "expected %s %.15Lg", s->max.exclusive ? "less than" : "at most", s->max.value);
    return true;
}

static bool check(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at,
                  unsigned depth);

static bool check_array(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at,
                        unsigned depth)
{
    size_t n = json_array_size(value);

    if (!check_size(c, &s->items_n, n, "items", at))
        return false;
    for (size_t i = 0; s->items && i < n; i++) {
        struct api_place item = {.up = at, .index = i};

        if (!check(c, s->items, json_array_get(value, i), &item, depth))
            return false;
    }
    return true;
}

static int compare_name(const void *key, const void *property)
{
    return strcmp(key, ((const struct api_property *)property)->name);
}

static const struct api_property *find_property(const struct api_schema *s, const char *name)
{
    if (s->n_properties == 0)
        return NULL;
    return bsearch(name, s->properties, s->n_properties, sizeof *s->properties, compare_name);
}

/* What only the server writes is not required of a client. */
static bool check_required(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at)
{
    for (const struct pb_yaml_node *name = s->required ? s->required->child : NULL; name; name = name->next) {
        const struct api_property *property = find_property(s, name->text);
        struct api_place member = {.up = at, .name = name->text};

        if (!json_object_get(value, name->text) && !(property && api_schema_of(property->schema)->read_only))
            return WRONG(&member, "expected it to be there");
    }
    return true;
}

static bool check_member(struct check *c, const struct api_schema *s, const char *name, const json_t *value,
                         const struct api_place *at, unsigned depth)
{
    const struct api_property *property = find_property(s, name);
    struct api_place member = {.up = at, .name = name};

    if (property)
        return check(c, property->schema, value, &member, depth);
    if (s->closed)
        return WRONG(&member, "the API describes no such property");
    return !s->additional || check(c, s->additional, value, &member, depth);
}

static bool check_object(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at,
                         unsigned depth)
{
    json_t *object = (json_t *)(uintptr_t)value, *member; /* iterators are not const; nothing is changed */
    const char *name;

    if (!check_size(c, &s->properties_n, json_object_size(value), "properties", at) || !check_required(c, s, value, at))
        return false;
    json_object_foreach(object, name, member)
    {
        if (!check_member(c, s, name, member, at, depth))
            return false;
    }
    return true;
}

static bool is_of_type(const struct api_schema *s, const json_t *value)
{
    switch (s->type) {
    case API_ANY:
        return true;
    case API_STRING:
        return json_is_string(value);
    case API_INTEGER:
        return json_is_integer(value);
    case API_NUMBER:
        return json_is_number(value);
    case API_BOOLEAN:
        return json_is_boolean(value);
    case API_ARRAY:
        return json_is_array(value);
    case API_OBJECT:
        return json_is_object(value);
    }
    return false;
}

static bool check_content(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at,
                          unsigned depth)
{
    if (json_is_object(value))
        return check_object(c, s, value, at, depth);
    if (json_is_array(value))
        return check_array(c, s, value, at, depth);
    if (json_is_string(value))
        return check_string(c, s, value, at);
    return !json_is_number(value) || check_number(c, s, value, at);
}

/* As deep as API_MAX_DEPTH. */
static bool check(struct check *c, const struct api_schema *s, const json_t *value, const struct api_place *at,
                  unsigned depth)
{
    s = api_schema_of(s);
    if (depth == API_MAX_DEPTH)
        return WRONG(at, "nested deeper than %d", API_MAX_DEPTH);
    if (json_is_null(value) && (s->nullable || s->type == API_ANY))
        return check_enum(c, s, value, at);
    if (!is_of_type(s, value))
        return WRONG(at, "expected %s", api_type_phrase(s->type));
    if (s->format && !api_format_check(s->format, value))
        return WRONG(at, "expected format %s", api_format_name(s->format));
    return check_enum(c, s, value, at) && check_content(c, s, value, at, depth + 1);
}

bool api_schema_check(const struct api_schema *s, const json_t *value, const struct api_place *at, uint64_t *budget,
                      struct api_fault *fault)
{
    struct check c = {budget, fault};

    return check(&c, s, value, at, 0);
}
