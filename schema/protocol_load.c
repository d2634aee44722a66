/* An AEA protocol specification: one to three YAML documents. */
#include "schema/protocol_load.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/message.h"
#include "schema/visibility.h"

static_assert(sizeof((struct pbay_conf_error *)NULL)->text == PBAY_MAX_PROTOCOL_ERROR, "an error fits");

#define COUNT(array)   (sizeof(array) / sizeof *(array))
#define CUSTOM_PREFIX  "ct:"
#define MAX_FIELD_NAME (3UL * PB_MAX_SPEC_NAME) /* name_type_dict_of_str_int_is_set */

/* ---- names ---- */

bool pb_spec_is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t n = strlen(text);

    return n > 0 && n <= PB_MAX_SPEC_NAME && strspn(text, letters) == n && *text != '_' && text[n - 1] != '_' &&
           !strstr(text, "__");
}

int pb_spec_performative(const struct pb_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->n; i++) {
        if (strcmp(spec->performatives[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* AEA has members of these names in every message. */
static bool check_name(const struct pb_spec *spec, const struct pb_yaml_node *node)
{
    static const char *const reserved[] = {"message_id", "dialogue_reference", "target", "performative", "_body"};

    for (size_t i = 0; i < COUNT(reserved); i++) {
        if (strcmp(node->key, reserved[i]) == 0)
            return pb_yaml_error(spec->ctx.error, node, "this name is reserved");
    }
    if (pb_spec_is_name(node->key))
        return true;
    return pb_yaml_error(spec->ctx.error, node, "expected a name of at most %d letters, digits and single _ inside",
                         PB_MAX_SPEC_NAME);
}

/* ---- speech acts ---- */

/* In AEA a name has one type, in whichever performative it is. */
static bool check_same_type(const struct pb_spec *spec, const struct pb_yaml_node *node)
{
    for (const struct pb_yaml_node *act = spec->speech_acts->child; act != node->parent; act = act->next) {
        const struct pb_yaml_node *other = pb_yaml_get(act, node->key);

        if (other && other->text && strcmp(other->text, node->text) != 0)
            return pb_yaml_error(spec->ctx.error, node, "expected %s as on line %d, found \"%.48s\"", other->text,
                                 other->at.line, node->text);
    }
    return true;
}

/* Names of the fields that a content has in protobuf, one by one: false = there are no more. */
static bool field_name(const struct pbay_content *c, size_t i, char name[MAX_FIELD_NAME])
{
    const char *is_set = i % 2 ? "_is_set" : "";

    if (c->form != PBAY_UNION) {
        snprintf(name, MAX_FIELD_NAME, "%s%s", c->name, is_set);
        return i < (c->optional ? 2 : 1);
    }
    if (i == 2 * c->n) {
        snprintf(name, MAX_FIELD_NAME, "%s_is_set", c->name);
        return c->optional;
    }
    if (i < 2 * c->n)
        snprintf(name, MAX_FIELD_NAME, "%s_type_%s%s", c->name, c->members[i / 2].kind, is_set);
    return i < 2 * c->n;
}

/* Does a content that was there before have a field of one of the last one's names? (SPEC 14.6.2) */
static bool check_fields(const struct pb_spec *spec, const struct pb_yaml_node *node, const struct pbay_content *all,
                         size_t n)
{
    char mine[MAX_FIELD_NAME], other[MAX_FIELD_NAME];

    for (size_t i = 0; field_name(&all[n], i, mine); i++) {
        for (size_t k = 0; k < n; k++) {
            for (size_t j = 0; field_name(&all[k], j, other); j++) {
                if (strcmp(mine, other) == 0)
                    return pb_yaml_error(spec->ctx.error, node, "protobuf's field %s is one of %s, too", mine,
                                         all[k].name);
            }
        }
    }
    return true;
}

static bool read_content(struct pb_spec *spec, const struct pb_yaml_node *node, struct pbay_content *all, size_t n,
                         uint32_t *next)
{
    struct pbay_content *c = &all[n];

    *c = (struct pbay_content){.name = node->key, .field = *next};
    return check_name(spec, node) && pb_spec_type(spec, node, c, next) && check_same_type(spec, node) &&
           check_fields(spec, node, all, n);
}

/* Slots are counted, not field numbers: an optional union has a number without a slot. */
static bool check_slots(const struct pb_spec *spec, const struct pb_yaml_node *act, const struct pbay_content *all,
                        size_t n)
{
    size_t slots = 0;

    for (size_t i = 0; i < n; i++)
        slots += all[i].form == PBAY_UNION ? 2 * all[i].n : all[i].optional ? 2 : 1;
    return slots <= PBAY_MAX_FIELDS ||
           pb_yaml_error(spec->ctx.error, act, "expected at most %d fields in protobuf, found %zu", PBAY_MAX_FIELDS,
                         slots);
}

static bool read_act(struct pb_spec *spec, const struct pb_yaml_node *act, struct pbay_performative *p)
{
    struct pbay_content *contents = pb_arena_alloc(spec->ctx.arena, (act->n + 1) * sizeof *contents);
    uint32_t next = 1;
    size_t n = 0;

    if (act->kind != PB_YAML_MAPPING)
        return pb_yaml_expected(spec->ctx.error, act, "a mapping of contents to their types, or {}");
    if (act->n > PBAY_MAX_CONTENTS)
        return pb_yaml_error(spec->ctx.error, act, "expected at most %d contents, found %zu", PBAY_MAX_CONTENTS,
                             act->n);
    for (const struct pb_yaml_node *node = act->child; node; node = node->next) {
        if (!read_content(spec, node, contents, n++, &next))
            return false;
    }
    p->n = n;
    p->contents = n ? contents : NULL;
    return check_slots(spec, act, contents, n);
}

/* In the order of their names: so they are numbered (SPEC 14.1.4). */
static void insert(struct pb_spec *spec, const struct pb_yaml_node *act)
{
    size_t i = spec->n++;

    for (; i > 0 && strcmp(spec->nodes[i - 1]->key, act->key) > 0; i--)
        spec->nodes[i] = spec->nodes[i - 1];
    spec->nodes[i] = act;
}

static bool read_acts(struct pb_spec *spec)
{
    const struct pb_yaml_node *acts = spec->speech_acts;

    if (acts->n == 0 || acts->n > PBAY_MAX_PERFORMATIVES)
        return pb_yaml_error(spec->ctx.error, acts, "expected 1 to %d performatives, found %zu", PBAY_MAX_PERFORMATIVES,
                             acts->n);
    for (const struct pb_yaml_node *act = acts->child; act; act = act->next) {
        if (!check_name(spec, act))
            return false;
        insert(spec, act);
    }
    for (size_t i = 0; i < spec->n; i++)
        spec->performatives[i] =
            (struct pbay_performative){.name = spec->nodes[i]->key, .field = PBAY_FIRST_PERFORMATIVE + (uint32_t)i};
    for (const struct pb_yaml_node *act = acts->child; act; act = act->next) {
        if (!read_act(spec, act, &spec->performatives[pb_spec_performative(spec, act->key)]))
            return false;
    }
    for (size_t i = 0; i < spec->n_customs; i++) {
        if (!spec->customs[i].used)
            return pb_yaml_error(spec->ctx.error, spec->customs[i].node, "no content has this type");
    }
    return true;
}

/* ---- documents ---- */

#define FIELD(member_, ...)                                                                         \
    {                                                                                               \
        .key = #member_, .required = true, .offset = offsetof(struct pb_spec, member_), __VA_ARGS__ \
    }

static const struct pb_field first_fields[] = {
    FIELD(name, .read = pb_read_lower_name),
    FIELD(author, .read = pb_read_lower_name),
    FIELD(version, .read = pb_read_text),
    {.key = "license", .required = true, .read = pb_check_text},
    {.key = "aea_version", .required = true, .read = pb_check_text},
    {.key = "description", .required = true, .read = pb_check_text},
    {.key = "protocol_specification_id",
     .required = true,
     .read = pb_read_text,
     .offset = offsetof(struct pb_spec, id)},
    FIELD(speech_acts, .read = pb_read_mapping),
};

/* Envelopes compare it literally, so it has a version of its own. */
static bool check_ids(struct pb_spec *spec, const struct pb_yaml_node *first)
{
    const struct pb_yaml_node *at = pb_yaml_get(first, "protocol_specification_id");
    const char *own = pb_arena_printf(spec->ctx.arena, "%s/%s:%s", spec->author, spec->name, spec->version);
    struct pbay_pubid id;

    if (!pbay_pubid_parse(pbay_str(own), &id))
        return pb_yaml_expected(spec->ctx.error, pb_yaml_get(first, "version"), "a version such as 1.0.0");
    if (!pb_conf_pubid(&spec->ctx, at, &id))
        return false;
    return (id.version.p[0] >= '0' && id.version.p[0] <= '9') ||
           pb_yaml_expected(spec->ctx.error, at, "a public id with a version, such as acme/thing:1.0.0");
}

static bool is_customs(const struct pb_yaml_node *document)
{
    return document && document->kind == PB_YAML_MAPPING && document->child &&
           strncmp(document->child->key, CUSTOM_PREFIX, strlen(CUSTOM_PREFIX)) == 0;
}

static bool read_documents(struct pb_spec *spec, struct pb_yaml_node *first)
{
    struct pb_yaml_node *next = first->next;

    if (!pb_conf_fields(&spec->ctx, first, first_fields, COUNT(first_fields), spec) || !check_ids(spec, first))
        return false;
    if (is_customs(next) && !pb_spec_customs(spec, next))
        return false;
    if (is_customs(next) || (next && pb_yaml_is_null(next))) /* an empty one stands for no custom types */
        next = next->next;
    if (!read_acts(spec))
        return false;
    if (next && !pb_spec_rules(spec, next))
        return false;
    if (next && next->next)
        return pb_yaml_error(spec->ctx.error, next->next,
                             "expected no document here: the protocol, its custom types and its dialogues are all");
    return true;
}

static const struct pbay_protocol *finish(struct pb_spec *spec)
{
    struct pbay_protocol *p = pb_arena_alloc(spec->ctx.arena, sizeof *p);
    struct pbay_performative *performatives = pb_arena_alloc(spec->ctx.arena, spec->n * sizeof *performatives);

    memcpy(performatives, spec->performatives, spec->n * sizeof *performatives);
    *p = spec->protocol;
    p->name = spec->name;
    p->id = spec->id;
    p->n = spec->n;
    p->performatives = performatives;
    return p;
}

static enum pbay_err load(struct pb_spec *spec, const char *file, const struct pbay_protocol **protocol)
{
    struct pb_yaml_node *docs;
    enum pbay_err err = pb_yaml_load(file, spec->ctx.arena, &docs, spec->ctx.error);

    if (err)
        return err;
    if (!docs) {
        pb_conf_error(spec->ctx.error, file, 1, "expected a document");
        return PBAY_CONFIG;
    }
    if (!read_documents(spec, docs))
        return PBAY_CONFIG;
    *protocol = finish(spec);
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_protocols_load(struct pbay_protocols *protocols, const char *file,
                                           const struct pbay_protocol **protocol, char error[PBAY_MAX_PROTOCOL_ERROR])
{
    struct pb_spec *spec = pb_alloc(sizeof *spec);
    struct pbay_conf_error text = {""};
    const struct pbay_protocol *made = NULL;
    struct pb_arena arena = {0};
    enum pbay_err err;

    spec->ctx = (struct pb_conf_ctx){.arena = &arena, .error = &text, .dir = ""};
    err = load(spec, file, &made);
    if (!err) {
        err = pb_protocols_take(protocols, made, &arena);
        if (err)
            pb_conf_error(&text, file, 0, "expected at most %d protocols", PBAY_MAX_PROTOCOLS);
    }
    if (err)
        memcpy(error, text.text, sizeof text.text);
    if (protocol)
        *protocol = err ? NULL : made;
    pb_arena_fini(&arena);
    free(spec);
    return err;
}
