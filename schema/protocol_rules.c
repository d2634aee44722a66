/* The rules of a protocol's dialogues. */
#include <string.h>

#include "schema/protocol_load.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct rules {
    struct pb_yaml_node *initiation, *reply, *termination, *roles, *end_states;
    bool keep_terminal;
};

#define LIST(member_, max_)                                                                                 \
    {                                                                                                       \
        .key = #member_, .read = pb_read_list, .required = true, .offset = offsetof(struct rules, member_), \
        .max = (max_)                                                                                       \
    }
#define MAPPING(member_)                                                                                      \
    {                                                                                                         \
        .key = #member_, .read = pb_read_mapping, .required = true, .offset = offsetof(struct rules, member_) \
    }

static const struct pb_field fields[] = {
    LIST(initiation, PBAY_MAX_PERFORMATIVES),
    MAPPING(reply),
    LIST(termination, PBAY_MAX_PERFORMATIVES),
    MAPPING(roles),
    LIST(end_states, PBAY_MAX_END_STATES),
    {.key = "keep_terminal_state_dialogues",
     .read = pb_read_bool,
     .required = true,
     .offset = offsetof(struct rules, keep_terminal)},
};

/* ---- performatives ---- */

/* Bits of the performatives that a list names. */
static bool read_set(const struct pb_spec *spec, const struct pb_yaml_node *list, uint32_t *set)
{
    *set = 0;
    if (list->kind != PB_YAML_SEQUENCE)
        return pb_yaml_expected(spec->ctx.error, list, "a list of performatives");
    for (const struct pb_yaml_node *item = list->child; item; item = item->next) {
        const char *name = pb_conf_text(&spec->ctx, item, "a performative");
        int i = name ? pb_spec_performative(spec, name) : -1;

        if (i < 0)
            return pb_yaml_expected(spec->ctx.error, item, "one of the performatives");
        if (*set & 1U << i)
            return pb_yaml_error(spec->ctx.error, item, "expected each performative once, found %s twice", name);
        *set |= 1U << i;
    }
    return true;
}

static bool read_some(const struct pb_spec *spec, const struct pb_yaml_node *list, uint32_t *set)
{
    return read_set(spec, list, set) && (*set || pb_yaml_expected(spec->ctx.error, list, "at least one performative"));
}

static bool read_replies(struct pb_spec *spec, const struct pb_yaml_node *reply)
{
    for (const struct pb_yaml_node *node = reply->child; node; node = node->next) {
        int i = pb_spec_performative(spec, node->key);

        if (i < 0)
            return pb_yaml_error(spec->ctx.error, node, "expected one of the performatives as the key");
        if (!read_set(spec, node, &spec->performatives[i].replies))
            return false;
    }
    for (size_t i = 0; i < spec->n; i++) {
        if (!pb_yaml_get(reply, spec->performatives[i].name))
            return pb_yaml_error(spec->ctx.error, reply, "expected the replies to %s, [] if there are none",
                                 spec->performatives[i].name);
    }
    return true;
}

/* Where a performative is in a list of them. */
static const struct pb_yaml_node *item_of(const struct pb_yaml_node *list, const char *name)
{
    const struct pb_yaml_node *item = list->child;

    while (item && strcmp(item->text, name) != 0)
        item = item->next;
    return item ? item : list;
}

/* Terminal is what has no replies, and what answers nothing begins a dialogue (SPEC 14.6.5). */
static bool check_performatives(const struct pb_spec *spec, const struct rules *r)
{
    uint32_t answers = 0;

    for (size_t i = 0; i < spec->n; i++)
        answers |= spec->performatives[i].replies;
    for (size_t i = 0; i < spec->n; i++) {
        const struct pbay_performative *p = &spec->performatives[i];

        if (p->terminal && p->replies)
            return pb_yaml_error(spec->ctx.error, item_of(r->termination, p->name),
                                 "expected a performative without replies, found %s", p->name);
        if (!p->terminal && !p->replies)
            return pb_yaml_error(spec->ctx.error, pb_yaml_get(r->reply, p->name),
                                 "expected replies, or the performative in termination");
        if (!p->initial && !(answers & 1U << i))
            return pb_yaml_error(spec->ctx.error, spec->nodes[i],
                                 "expected a reply to something, or a performative of initiation");
    }
    return true;
}

static bool read_performatives(struct pb_spec *spec, const struct rules *r)
{
    uint32_t initial, terminal;

    if (!read_some(spec, r->initiation, &initial) || !read_replies(spec, r->reply) ||
        !read_some(spec, r->termination, &terminal))
        return false;
    for (size_t i = 0; i < spec->n; i++) {
        spec->performatives[i].initial = initial & 1U << i;
        spec->performatives[i].terminal = terminal & 1U << i;
    }
    return check_performatives(spec, r);
}

/* ---- roles and end states ---- */

static bool check_word(const struct pb_spec *spec, const struct pb_yaml_node *node, const char *text)
{
    return pb_spec_is_name(text) ||
           pb_yaml_error(spec->ctx.error, node, "expected a name of at most %d letters, digits and single _ inside",
                         PB_MAX_SPEC_NAME);
}

/* A set in YAML is a mapping without values. In the order of their names. */
static bool read_roles(struct pb_spec *spec, const struct pb_yaml_node *roles)
{
    const char **names = pb_arena_alloc(spec->ctx.arena, PBAY_MAX_ROLES * sizeof *names);

    if (roles->n < 1 || roles->n > PBAY_MAX_ROLES)
        return pb_yaml_error(spec->ctx.error, roles, "expected 1 to %d roles, found %zu", PBAY_MAX_ROLES, roles->n);
    for (const struct pb_yaml_node *node = roles->child; node; node = node->next) {
        if (!pb_yaml_is_null(node))
            return pb_yaml_expected(spec->ctx.error, node, "nothing, as in {buyer, seller}");
        if (!check_word(spec, node, node->key))
            return false;
        names[node->index] = node->key;
    }
    if (roles->n == 2 && strcmp(names[0], names[1]) > 0) {
        const char *first = names[1];

        names[1] = names[0];
        names[0] = first;
    }
    spec->protocol.roles = names;
    spec->protocol.n_roles = roles->n;
    return true;
}

static bool read_end_states(struct pb_spec *spec, const struct pb_yaml_node *list)
{
    const char **names = pb_arena_alloc(spec->ctx.arena, (list->n + 1) * sizeof *names);

    for (const struct pb_yaml_node *node = list->child; node; node = node->next) {
        const char *name = pb_conf_text(&spec->ctx, node, "an end state");

        if (!name || !check_word(spec, node, name))
            return false;
        for (size_t i = 0; i < node->index; i++) {
            if (strcmp(names[i], name) == 0)
                return pb_yaml_error(spec->ctx.error, node, "expected each end state once, found %s twice", name);
        }
        names[node->index] = name;
    }
    spec->protocol.end_states = list->n ? names : NULL;
    spec->protocol.n_end_states = list->n;
    return true;
}

bool pb_spec_rules(struct pb_spec *spec, struct pb_yaml_node *document)
{
    struct rules r = {0};

    if (!pb_conf_fields(&spec->ctx, document, fields, COUNT(fields), &r) || !read_performatives(spec, &r) ||
        !read_roles(spec, r.roles) || !read_end_states(spec, r.end_states))
        return false;
    spec->protocol.keep_terminal = r.keep_terminal;
    return true;
}
