/* The type of a content: a small language with brackets, two levels deep at most. */
#include <assert.h>
#include <string.h>

#include "schema/protocol_load.h"

#define MAX_UNION 16 /* kinds of one union */

static const char *const primitives[] = {
    [PBAY_STR] = "str", [PBAY_BYTES] = "bytes", [PBAY_INT] = "int", [PBAY_FLOAT] = "float", [PBAY_BOOL] = "bool"};
static const char expected_type[] =
    "a type such as pt:str, ct:Thing, pt:list[pt:int], pt:dict[pt:str, pt:bytes], pt:union[pt:int, pt:str] or "
    "pt:optional[pt:bool]";

/* A cursor over the text. */
struct cursor {
    struct pb_spec *spec;
    const struct pb_yaml_node *node;
    const char *p;
};

static bool wrong(const struct cursor *at, const char *what)
{
    return pb_yaml_expected(at->spec->ctx.error, at->node, what);
}

/* word, if it is next; spaces before it are passed over. */
static bool take(struct cursor *at, const char *word)
{
    at->p += strspn(at->p, " ");
    if (strncmp(at->p, word, strlen(word)) != 0)
        return false;
    at->p += strlen(word);
    return true;
}

/* A word of letters and digits that follows `prefix`: it must be one of the names, whose index is returned; -1 = not.
 */
static int take_one_of(struct cursor *at, const char *prefix, const char *const *names, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *before = at->p;

    if (!take(at, prefix))
        return -1;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(names[i]);

        if (strspn(at->p, letters) == length && strncmp(at->p, names[i], length) == 0) {
            at->p += length;
            return (int)i;
        }
    }
    at->p = before;
    return -1;
}

static bool take_primitive(struct cursor *at, enum pbay_type *type)
{
    int i = take_one_of(at, "pt:", primitives, sizeof primitives / sizeof *primitives);

    if (i >= 0)
        *type = (enum pbay_type)i;
    return i >= 0;
}

static bool take_custom(struct cursor *at, struct pbay_content *c)
{
    for (size_t i = 0; i < at->spec->n_customs; i++) {
        struct pb_spec_custom *custom = &at->spec->customs[i];

        if (take_one_of(at, "ct:", &custom->table->name, 1) < 0)
            continue;
        custom->used = true;
        c->custom = custom->table;
        c->type = custom->table->n ? PBAY_ENUM : PBAY_CUSTOM;
        c->kind = custom->table->name;
        return true;
    }
    return pb_yaml_error(at->spec->ctx.error, at->node,
                         "expected ct: and a type of the second document, found \"%.48s\"", at->p);
}

/* [PT] */
static bool read_list(struct cursor *at, struct pbay_content *c, enum pbay_form form)
{
    c->form = form;
    if (!take(at, "[") || !take_primitive(at, &c->type) || !take(at, "]"))
        return wrong(at,
                     form == PBAY_SET ? "pt:set[pt:...] of a primitive type" : "pt:list[pt:...] of a primitive type");
    c->kind = pb_arena_printf(at->spec->ctx.arena, "%s_of_%s", form == PBAY_SET ? "set" : "list", primitives[c->type]);
    return true;
}

/* [PT, PT] */
static bool read_dict(struct cursor *at, struct pbay_content *c)
{
    c->form = PBAY_DICT;
    if (!take(at, "[") || !take_primitive(at, &c->key) || !take(at, ",") || !take_primitive(at, &c->type) ||
        !take(at, "]"))
        return wrong(at, "pt:dict[pt:..., pt:...] of primitive types");
    if (c->key == PBAY_FLOAT || c->key == PBAY_BYTES)
        return wrong(at, "a dict with keys of pt:str, pt:int or pt:bool");
    c->kind = pb_arena_printf(at->spec->ctx.arena, "dict_of_%s_%s", primitives[c->key], primitives[c->type]);
    return true;
}

/* What may stand in a union: anything but a union and an optional. */
static bool read_member(struct cursor *at, struct pbay_content *c)
{
    at->p += strspn(at->p, " ");
    if (strncmp(at->p, "ct:", 3) == 0)
        return take_custom(at, c);
    if (take(at, "pt:list"))
        return read_list(at, c, PBAY_LIST);
    if (take(at, "pt:set"))
        return read_list(at, c, PBAY_SET);
    if (take(at, "pt:dict"))
        return read_dict(at, c);
    if (!take_primitive(at, &c->type))
        return wrong(at, expected_type);
    c->kind = primitives[c->type];
    return true;
}

/* [member, member, ...] */
static bool read_union(struct cursor *at, struct pbay_content *c, uint32_t *next)
{
    struct pbay_content *members = pb_arena_alloc(at->spec->ctx.arena, MAX_UNION * sizeof *members);

    c->form = PBAY_UNION;
    c->members = members;
    for (const char *before = "["; take(at, before); before = ",") {
        struct pbay_content *member = &members[c->n];

        if (c->n == MAX_UNION)
            return pb_yaml_error(at->spec->ctx.error, at->node, "expected at most %d kinds in a union", MAX_UNION);
        *member = (struct pbay_content){.name = c->name, .field = *next};
        if (!read_member(at, member))
            return false;
        assert(member->kind);
        for (size_t i = 0; i < c->n; i++) {
            if (strcmp(members[i].kind, member->kind) == 0)
                return pb_yaml_error(at->spec->ctx.error, at->node,
                                     "expected different kinds in a union, found %s twice", member->kind);
        }
        *next += 2;
        c->n++;
    }
    return (take(at, "]") && c->n >= 2) || wrong(at, "pt:union[..., ...] of at least two types");
}

static bool read_type(struct cursor *at, struct pbay_content *c, uint32_t *next)
{
    if (take(at, "pt:union"))
        return read_union(at, c, next);
    if (!read_member(at, c))
        return false;
    c->kind = NULL; /* it is no member */
    ++*next;
    return true;
}

static bool read_optional(struct cursor *at, struct pbay_content *c, uint32_t *next)
{
    c->optional = true;
    if (!take(at, "[") || strncmp(at->p, "pt:optional", strlen("pt:optional")) == 0)
        return wrong(at, "pt:optional[...] of one type that is not optional");
    if (!read_type(at, c, next))
        return false;
    ++*next; /* is_set */
    return take(at, "]") || wrong(at, "pt:optional[...] of one type that is not optional");
}

bool pb_spec_type(struct pb_spec *spec, const struct pb_yaml_node *node, struct pbay_content *c, uint32_t *next)
{
    const char *text = pb_conf_text(&spec->ctx, node, expected_type);
    struct cursor at = {spec, node, text};

    if (!text)
        return false;
    if (!(take(&at, "pt:optional") ? read_optional(&at, c, next) : read_type(&at, c, next)))
        return false;
    return at.p[strspn(at.p, " ")] == 0 || wrong(&at, expected_type);
}
