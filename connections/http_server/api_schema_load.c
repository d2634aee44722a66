#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_schema.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MAX_REFS     32 /* from one $ref to the next */
#define MAX_NUMBER   64 /* bytes of a number */
#define NAME_MARKS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* A schema of components, known by its node: it is read once, after those that refer to it. */
struct api_named {
    const struct pb_yaml_node *node;
    struct api_schema *schema;
    struct api_named *next;
};

static const char *const type_names[] = {
    [API_ANY] = "any",         [API_STRING] = "string", [API_INTEGER] = "integer", [API_NUMBER] = "number",
    [API_BOOLEAN] = "boolean", [API_ARRAY] = "array",   [API_OBJECT] = "object"};

const char *api_type_name(enum api_type type)
{
    return type_names[type];
}

/* ---- keys ---- */

static const struct api_key *find_key(const char *key, const struct api_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].key, key) == 0)
            return &keys[i];
    }
    return NULL;
}

bool api_keys(struct api_loader *l, const struct pb_yaml_node *map, const struct api_key *keys, size_t n, void *base)
{
    if (map->kind != PB_YAML_MAPPING)
        return pb_yaml_expected(l->error, map, "a mapping");
    for (const struct pb_yaml_node *value = map->child; value; value = value->next) {
        const struct api_key *key = find_key(value->key, keys, n);

        if (!key && strncmp(value->key, "x-", 2) == 0)
            continue;
        if (!key)
            return pb_yaml_error(l->error, value, "this key is not supported");
        if (key->read && !key->read(l, value, (char *)base + key->offset))
            return false;
    }
    return true;
}

bool api_read_node(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    (void)l;
    *(const struct pb_yaml_node **)to = value;
    return true;
}

bool api_read_mapping(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    *(const struct pb_yaml_node **)to = value;
    return value->kind == PB_YAML_MAPPING || pb_yaml_expected(l->error, value, "a mapping");
}

bool api_read_list(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    *(const struct pb_yaml_node **)to = value;
    return value->kind == PB_YAML_SEQUENCE || pb_yaml_expected(l->error, value, "a list");
}

static bool is_plain(const struct pb_yaml_node *node, const char *text)
{
    return node->kind == PB_YAML_SCALAR && node->plain && strcmp(node->text, text) == 0;
}

bool api_read_bool(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    *(bool *)to = is_plain(value, "true");
    return *(bool *)to || is_plain(value, "false") || pb_yaml_expected(l->error, value, "true or false");
}

bool api_read_text(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    *(const char **)to = value->text;
    return (value->kind == PB_YAML_SCALAR && !pb_yaml_is_null(value) && *value->text) ||
           pb_yaml_expected(l->error, value, "a text");
}

/* ---- references ---- */

/* The node that "#/components/SECTION/NAME" means. */
static const struct pb_yaml_node *refer(struct api_loader *l, const struct pb_yaml_node *ref, const char *section)
{
    const struct pb_yaml_node *map = pb_yaml_get(pb_yaml_get(l->root, "components"), section), *found;
    const char *start = pb_arena_printf(l->arena, "#/components/%s/", section);
    const char *text = ref->kind == PB_YAML_SCALAR ? ref->text : "", *name = text + strlen(start);

    if (strncmp(text, start, strlen(start)) != 0 || !*name || name[strspn(name, NAME_MARKS)])
        return pb_yaml_expected(l->error, ref, pb_arena_printf(l->arena, "%sNAME", start)), NULL;
    found = pb_yaml_get(map, name);
    if (!found)
        pb_yaml_error(l->error, ref, "%s is not in this document", text);
    return found;
}

/* $ref, if the node is one; *good = false: what stands beside it would be without effect. */
static const struct pb_yaml_node *ref_of(struct api_loader *l, const struct pb_yaml_node *node, bool *good)
{
    const struct pb_yaml_node *ref = pb_yaml_get(node, "$ref");

    *good = true;
    for (const struct pb_yaml_node *key = ref ? node->child : NULL; key && *good; key = key->next) {
        if (key != ref && strcmp(key->key, "description") != 0 && strncmp(key->key, "x-", 2) != 0)
            *good = pb_yaml_error(l->error, key, "has no effect beside $ref");
    }
    return ref;
}

const struct pb_yaml_node *api_deref(struct api_loader *l, const struct pb_yaml_node *node, const char *section)
{
    for (unsigned i = 0; node && i < MAX_REFS; i++) {
        bool good;
        const struct pb_yaml_node *ref = ref_of(l, node, &good);

        if (!good || !ref)
            return good ? node : NULL;
        node = refer(l, ref, section);
    }
    if (node)
        pb_yaml_error(l->error, node, "refers to itself, or over more than %d others", MAX_REFS);
    return NULL;
}

static const struct api_schema *name(struct api_loader *l, const struct pb_yaml_node *node)
{
    struct api_named *n;

    for (n = l->named; n; n = n->next) {
        if (n->node == node)
            return n->schema;
    }
    n = pb_arena_alloc(l->arena, sizeof *n);
    *n = (struct api_named){.node = node, .schema = pb_arena_alloc(l->arena, sizeof *n->schema)};
    if (l->last_named)
        l->last_named->next = n;
    else
        l->named = n;
    l->last_named = n;
    return n->schema;
}

const struct api_schema *api_schema_of(const struct api_schema *s)
{
    for (unsigned i = 0; s && s->ref; i++) {
        if (i == MAX_REFS)
            return NULL;
        s = s->ref;
    }
    return s;
}

/* ---- single values ---- */

static bool read_type(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    for (enum api_type i = API_STRING; value->kind == PB_YAML_SCALAR && i <= API_OBJECT; i++) {
        if (strcmp(value->text, type_names[i]) == 0) {
            *(enum api_type *)to = i;
            return true;
        }
    }
    return pb_yaml_expected(l->error, value, "string, integer, number, boolean, array or object");
}

static size_t digits(struct pbay_str text, size_t at)
{
    size_t n = 0;

    while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9')
        n++;
    return n;
}

/* RFC 8259 6. */
static bool is_number(struct pbay_str text)
{
    size_t at = text.n && text.p[0] == '-', n = digits(text, at);

    if (n == 0 || (n > 1 && text.p[at] == '0'))
        return false;
    at += n;
    if (at < text.n && text.p[at] == '.') {
        n = digits(text, at + 1);
        at += n + 1;
        if (n == 0)
            return false;
    }
    if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
        at++;
        at += at < text.n && (text.p[at] == '+' || text.p[at] == '-');
        n = digits(text, at);
        at += n;
        if (n == 0)
            return false;
    }
    return at == text.n;
}

bool api_read_number(struct pbay_str text, long double *number)
{
    char copy[MAX_NUMBER + 1];

    if (text.n > MAX_NUMBER || !is_number(text))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *number = strtold(copy, NULL);
    return isfinite((double)*number);
}

static bool read_bound(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    struct api_bound *bound = to;

    bound->set = value->kind == PB_YAML_SCALAR && value->plain && api_read_number(pbay_str(value->text), &bound->value);
    return bound->set || pb_yaml_expected(l->error, value, "a number");
}

static bool read_size(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    const char *text = value->kind == PB_YAML_SCALAR && value->plain ? value->text : "";
    long double v;

    if (text[strspn(text, "0123456789")] || !api_read_number(pbay_str(text), &v) || v > UINT32_MAX)
        return pb_yaml_expected(l->error, value, "a whole number, at most 4294967295");
    *(uint64_t *)to = (uint64_t)v;
    return true;
}

static bool read_pattern(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    struct api_schema *s = to;
    const char *why;

    if (!api_read_text(l, value, &s->pattern_text))
        return false;
    s->pattern = api_pattern_new(l->arena, value->text, &why);
    return s->pattern || pb_yaml_error(l->error, value, "%s is not supported", why);
}

static bool read_format(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    const struct api_format **format = to;

    *format = value->kind == PB_YAML_SCALAR ? api_format_find(value->text) : NULL;
    return *format || pb_yaml_error(l->error, value, "this format is not supported; a pattern may do");
}

static bool read_false(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    (void)to;
    return is_plain(value, "false") || pb_yaml_error(l->error, value, "only false is supported");
}

/* ---- enum ---- */

static struct api_constant constant_of(const struct pb_yaml_node *node)
{
    struct api_constant c = {.type = API_STRING, .text = pbay_str(node->text)};

    if (pb_yaml_is_null(node))
        c.type = API_ANY;
    else if (is_plain(node, "true") || is_plain(node, "false"))
        c = (struct api_constant){.type = API_BOOLEAN, .truth = is_plain(node, "true")};
    else if (node->plain && api_read_number(c.text, &c.number))
        c.type = API_NUMBER;
    return c;
}

static bool can_be(const struct api_schema *s, const struct api_constant *c)
{
    if (s->type == API_ANY || c->type == s->type)
        return true;
    return c->type == API_ANY ? s->nullable : c->type == API_NUMBER && s->type == API_INTEGER;
}

static bool read_enum(struct api_loader *l, struct api_schema *s)
{
    const struct pb_yaml_node *list = s->enum_list;
    struct api_constant *constants;

    if (!list)
        return true;
    if (list->n == 0 || list->n > API_MAX_ENUM)
        return pb_yaml_error(l->error, list, "expected 1 to %d values", API_MAX_ENUM);
    s->constants = constants = pb_arena_alloc(l->arena, list->n * sizeof *constants);
    for (const struct pb_yaml_node *node = list->child; node; node = node->next) {
        if (node->kind != PB_YAML_SCALAR)
            return pb_yaml_error(l->error, node, "only texts, numbers, true, false and null are supported");
        constants[s->n_constants] = constant_of(node);
        if (!can_be(s, &constants[s->n_constants++]))
            return pb_yaml_expected(l->error, node,
                                    pb_arena_printf(l->arena,
                                                    "a value of type: %s (in quotes, if it is to be a string)",
                                                    type_names[s->type]));
    }
    return true;
}

/* ---- objects and arrays ---- */

static bool read_schema(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    const struct api_schema **schema = to;

    *schema = api_schema_load(l, value);
    return *schema;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct api_property *)a)->name, ((const struct api_property *)b)->name);
}

static bool read_properties(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    struct api_schema *s = to;
    struct api_property *properties;

    if (value->kind != PB_YAML_MAPPING)
        return pb_yaml_expected(l->error, value, "a mapping");
    s->properties = properties = pb_arena_alloc(l->arena, value->n * sizeof *properties);
    for (const struct pb_yaml_node *node = value->child; node; node = node->next) {
        properties[s->n_properties].name = node->key;
        if (!read_schema(l, node, &properties[s->n_properties++].schema))
            return false;
    }
    if (value->n)
        qsort(properties, s->n_properties, sizeof *properties, by_name);
    return true;
}

static bool read_additional(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    struct api_schema *s = to;

    s->closed = is_plain(value, "false");
    if (s->closed || is_plain(value, "true"))
        return true;
    return read_schema(l, value, &s->additional);
}

static bool read_required(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    if (!api_read_list(l, value, to))
        return false;
    for (const struct pb_yaml_node *node = value->child; node; node = node->next) {
        if (node->kind != PB_YAML_SCALAR)
            return pb_yaml_expected(l->error, node, "the name of a property");
    }
    return true;
}

/* ---- a schema ---- */

#define AT(member) offsetof(struct api_schema, member)
#define NUMBERS    (1U << API_INTEGER | 1U << API_NUMBER)
#define STRINGS    (1U << API_STRING)
#define ARRAYS     (1U << API_ARRAY)
#define OBJECTS    (1U << API_OBJECT)

static const struct api_key keys[] = {
    {"type", read_type, AT(type), 0},
    {"nullable", api_read_bool, AT(nullable), 0},
    {"enum", api_read_list, AT(enum_list), 0},
    {"format", read_format, AT(format), NUMBERS | STRINGS},
    {"minimum", read_bound, AT(min), NUMBERS},
    {"maximum", read_bound, AT(max), NUMBERS},
    {"exclusiveMinimum", api_read_bool, AT(min.exclusive), NUMBERS},
    {"exclusiveMaximum", api_read_bool, AT(max.exclusive), NUMBERS},
    {"minLength", read_size, AT(length.min), STRINGS},
    {"maxLength", read_size, AT(length.max), STRINGS},
    {"pattern", read_pattern, 0, STRINGS},
    {"items", read_schema, AT(items), ARRAYS},
    {"minItems", read_size, AT(items_n.min), ARRAYS},
    {"maxItems", read_size, AT(items_n.max), ARRAYS},
    {"uniqueItems", read_false, 0, ARRAYS},
    {"properties", read_properties, 0, OBJECTS},
    {"required", read_required, AT(required), OBJECTS},
    {"additionalProperties", read_additional, 0, OBJECTS},
    {"minProperties", read_size, AT(properties_n.min), OBJECTS},
    {"maxProperties", read_size, AT(properties_n.max), OBJECTS},
    {"readOnly", api_read_bool, AT(read_only), 0},
    {"title", NULL, 0, 0},
    {"description", NULL, 0, 0},
    {"default", NULL, 0, 0},
    {"example", NULL, 0, 0},
    {"deprecated", NULL, 0, 0},
    {"externalDocs", NULL, 0, 0},
    {"writeOnly", NULL, 0, 0},
    {"xml", NULL, 0, 0},
};

/* A key for another type than the schema's says something that nobody meant. */
static bool check_types(struct api_loader *l, const struct pb_yaml_node *map, struct api_schema *s)
{
    for (const struct pb_yaml_node *value = map->child; value; value = value->next) {
        const struct api_key *key = find_key(value->key, keys, COUNT(keys));
        unsigned types = key ? key->types : 0;

        if (s->format && types == (NUMBERS | STRINGS))
            types = api_format_type(s->format) == API_STRING ? STRINGS : NUMBERS;
        if (types)
            s->types &= types;
        if (types && s->type != API_ANY && !(types & 1U << s->type))
            return pb_yaml_error(l->error, value, "has no effect with type: %s", type_names[s->type]);
    }
    return true;
}

static bool fill(struct api_loader *l, const struct pb_yaml_node *node, struct api_schema *s)
{
    const struct pb_yaml_node *ref, *target;
    bool good;

    *s = (struct api_schema){
        .types = ~0U, .length.max = UINT64_MAX, .items_n.max = UINT64_MAX, .properties_n.max = UINT64_MAX};
    ref = ref_of(l, node, &good);
    if (!good)
        return false;
    if (ref) {
        target = refer(l, ref, "schemas");
        s->ref = target ? name(l, target) : NULL;
        return target;
    }
    if (!api_keys(l, node, keys, COUNT(keys), s) || !check_types(l, node, s) || !read_enum(l, s))
        return false;
    return ((s->min.set || !s->min.exclusive) && (s->max.set || !s->max.exclusive)) ||
           pb_yaml_error(l->error, node, "an exclusive bound without its minimum or maximum");
}

const struct api_schema *api_schema_load(struct api_loader *l, const struct pb_yaml_node *node)
{
    struct api_schema *s = pb_arena_alloc(l->arena, sizeof *s);

    return fill(l, node, s) ? s : NULL; /* as deep as the document: PBAY_MAX_CONF_DEPTH */
}

bool api_schema_finish(struct api_loader *l)
{
    for (const struct api_named *n = l->named; n; n = n->next) {
        if (!fill(l, n->node, n->schema))
            return false;
    }
    for (const struct api_named *n = l->named; n; n = n->next) {
        struct api_schema from = {.ref = n->schema}; /* whatever refers to it */

        if (!api_schema_of(&from))
            return pb_yaml_error(l->error, n->node, "refers to itself, or over more than %d others", MAX_REFS);
    }
    return true;
}
