#include "node/message_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "hex"

static const char *const truths[] = {"false", "true"};
static const char *const encodings[] = {[PBAY_PROTOBUF] = "protobuf", [PBAY_MSGPACK] = "msgpack"};

/* ---- to JSON ---- */

json_t *bytes_to_json(struct pbay_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = pb_alloc(2 * bytes.n + 1);
    json_t *hex;

    for (size_t i = 0; i < bytes.n; i++) {
        text[2 * i] = digits[(uint8_t)bytes.p[i] >> 4];
        text[2 * i + 1] = digits[(uint8_t)bytes.p[i] & 0x0f];
    }
    hex = json_pack("{s:s}", HEX, text);
    free(text);
    return hex;
}

/* JSON has no words for these; protobuf's JSON takes strings. */
static json_t *float_of(double v)
{
    if (isnan(v))
        return json_string("NaN");
    if (isinf(v))
        return json_string(v > 0 ? "Infinity" : "-Infinity");
    return json_real(v);
}

static json_t *scalar_of(enum pbay_type type, const union pb_scalar *v)
{
    switch (type) {
    case PBAY_STR:
        return json_stringn(v->s.p, v->s.n);
    case PBAY_BYTES:
    case PBAY_CUSTOM:
        return bytes_to_json(v->s);
    case PBAY_INT:
    case PBAY_ENUM:
        return json_integer(v->i);
    case PBAY_FLOAT:
        return float_of(v->d);
    case PBAY_BOOL:
        return json_boolean(v->i);
    }
    return NULL;
}

/* JSON's keys are strings, and so are then numbers and truth values, as in protobuf's JSON. */
static void add_pair(json_t *map, enum pbay_type type, const union pb_scalar *key, json_t *value)
{
    char number[24];

    if (type == PBAY_STR) {
        json_object_setn_new(map, key->s.p, key->s.n, value);
        return;
    }
    snprintf(number, sizeof number, "%" PRId64, key->i);
    json_object_set_new(map, type == PBAY_BOOL ? truths[key->i] : number, value);
}

static json_t *items_of(const struct pbay_content *c, const struct pb_value *v)
{
    json_t *items = c->form == PBAY_DICT ? json_object() : json_array();

    for (size_t i = 0; i < v->n; i++) {
        json_t *value = scalar_of(c->type, &v->items[i].v);

        if (c->form == PBAY_DICT)
            add_pair(items, c->key, &v->items[i].key, value);
        else
            json_array_append_new(items, value);
    }
    return items;
}

static json_t *content_of(const struct pbay_content *c, const struct pb_value *v)
{
    const struct pbay_content *one = pb_content_of(c, v);
    json_t *value = pb_is_many(one) ? items_of(one, v) : scalar_of(one->type, &v->v);

    return c->form == PBAY_UNION ? json_pack("{s:o}", one->kind, value) : value;
}

json_t *message_to_json(const struct pbay_message *m)
{
    const struct pbay_performative *p = m->data->performative;
    json_t *contents = json_object();

    for (size_t i = 0; i < p->n; i++) {
        if (m->data->values[i].set)
            json_object_set_new(contents, p->contents[i].name, content_of(&p->contents[i], &m->data->values[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:[o, o], s:i, s:i, s:o}", "protocol", m->protocol_id, "encoding",
                     encodings[m->encoding], "performative", m->performative, "dialogue_reference",
                     json_stringn(m->starter.p, m->starter.n), json_stringn(m->responder.p, m->responder.n),
                     "message_id", (int)m->message_id, "target", (int)m->target, "content", contents);
}

/* ---- from JSON ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bytes_from_json(const json_t *v, struct pb_buf *b)
{
    const char *text = json_string_value(json_object_get(v, HEX));
    size_t n = json_string_length(json_object_get(v, HEX));

    if (!text || json_object_size(v) != 1 || n % 2)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);

        if (high < 0 || low < 0)
            return false;
        *pb_buf_grow(b, 1) = (uint8_t)(high << 4 | low);
    }
    return true;
}

struct pbay_str text_from_json(const json_t *v)
{
    return (struct pbay_str){json_string_value(v), json_string_length(v)};
}

static bool float_from(const json_t *v, double *d)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", (double)-INFINITY}};

    *d = json_number_value(v);
    if (json_is_number(v))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (pbay_str_eq(text_from_json(v), pbay_str(words[i].word))) {
            *d = words[i].value;
            return true;
        }
    }
    return false;
}

static bool bytes_from(struct pb_message_data *d, const json_t *v, struct pbay_str *s)
{
    struct pb_buf b = {0};
    bool good = bytes_from_json(v, &b);

    *s = pb_message_keep(d, (struct pbay_str){(const char *)b.p, b.n});
    pb_buf_fini(&b);
    return good;
}

static bool scalar_from(struct pb_message_data *d, enum pbay_type type, const json_t *v, union pb_scalar *to)
{
    switch (type) {
    case PBAY_STR:
        to->s = pb_message_keep(d, text_from_json(v));
        return json_is_string(v);
    case PBAY_BYTES:
    case PBAY_CUSTOM:
        return bytes_from(d, v, &to->s);
    case PBAY_INT:
    case PBAY_ENUM:
        to->i = json_integer_value(v);
        return json_is_integer(v);
    case PBAY_FLOAT:
        return float_from(v, &to->d);
    case PBAY_BOOL:
        to->i = json_is_true(v);
        return json_is_boolean(v);
    }
    return false;
}

static bool key_from(struct pb_message_data *d, enum pbay_type type, struct pbay_str text, union pb_scalar *to)
{
    char *end;

    if (type == PBAY_STR) {
        to->s = pb_message_keep(d, text);
        return true;
    }
    if (type == PBAY_BOOL) {
        to->i = pbay_str_eq(text, pbay_str(truths[1]));
        return to->i || pbay_str_eq(text, pbay_str(truths[0]));
    }
    errno = 0;
    to->i = strtoll(text.p, &end, 10); /* jansson ends its keys with a NUL */
    return !errno && text.n > 0 && end == text.p + text.n && (*text.p == '-' || (*text.p >= '0' && *text.p <= '9'));
}

static bool pairs_from(struct pbay_message *m, const struct pbay_content *c, struct pb_value *to, json_t *v)
{
    if (!json_is_object(v))
        return pb_message_expected(m, c);
    for (void *at = json_object_iter(v); at; at = json_object_iter_next(v, at)) {
        struct pbay_str text = {json_object_iter_key(at), json_object_iter_key_len(at)};
        union pb_scalar key, scalar;

        if (!key_from(m->data, c->key, text, &key) ||
            !scalar_from(m->data, c->type, json_object_iter_value(at), &scalar))
            return pb_message_expected(m, c);
        if (!pb_item_add(m, c, to, key, scalar))
            return false;
    }
    return true;
}

static bool list_from(struct pbay_message *m, const struct pbay_content *c, struct pb_value *to, json_t *v)
{
    if (!json_is_array(v))
        return pb_message_expected(m, c);
    for (size_t i = 0; i < json_array_size(v); i++) {
        union pb_scalar scalar, none = {0};

        if (!scalar_from(m->data, c->type, json_array_get(v, i), &scalar))
            return pb_message_expected(m, c);
        if (!pb_item_add(m, c, to, none, scalar))
            return false;
    }
    return true;
}

static bool content_from(struct pbay_message *m, const struct pbay_content *c, struct pb_value *to, json_t *v)
{
    if (c->form == PBAY_UNION) {
        void *only = json_object_size(v) == 1 ? json_object_iter(v) : NULL;
        const struct pbay_content *member = only ? pb_member_find(c, pbay_str(json_object_iter_key(only))) : NULL;

        if (!member)
            return pb_message_expected(m, c);
        to->which = (size_t)(member - c->members);
        v = json_object_iter_value(only);
        c = member;
    }
    to->set = true;
    if (c->form == PBAY_DICT)
        return pairs_from(m, c, to, v);
    if (pb_is_many(c))
        return list_from(m, c, to, v);
    return scalar_from(m->data, c->type, v, &to->v) || pb_message_expected(m, c);
}

static bool contents_from(struct pbay_message *m, json_t *contents)
{
    const struct pbay_performative *p = m->data->performative;

    if (!json_is_object(contents))
        return pb_message_wrong(m, NULL, "content: expected an object");
    for (void *at = json_object_iter(contents); at; at = json_object_iter_next(contents, at)) {
        const struct pbay_content *c = pb_content_find(p, pbay_str(json_object_iter_key(at)));

        if (!c)
            return pb_message_wrong(m, NULL, "no content \"%.40s\"", json_object_iter_key(at));
        if (!content_from(m, c, &m->data->values[c - p->contents], json_object_iter_value(at)))
            return false;
    }
    return true;
}

static bool reference_from(struct pbay_message *m, json_t *v)
{
    const json_t *starter = json_array_get(v, 0), *responder = json_array_get(v, 1);

    if (json_array_size(v) != 2 || !json_is_string(starter) || !json_is_string(responder))
        return pb_message_wrong(m, NULL, "dialogue_reference: expected an array of two strings");
    m->starter = pb_message_keep(m->data, text_from_json(starter));
    m->responder = pb_message_keep(m->data, text_from_json(responder));
    return true;
}

static bool id_from(struct pbay_message *m, json_t *v)
{
    return json_is_integer(v) ? pb_number_check(m, "message_id", json_integer_value(v), &m->message_id)
                              : pb_message_wrong(m, NULL, "message_id: expected an int32");
}

static bool target_from(struct pbay_message *m, json_t *v)
{
    return json_is_integer(v) ? pb_number_check(m, "target", json_integer_value(v), &m->target)
                              : pb_message_wrong(m, NULL, "target: expected an int32");
}

static bool encoding_from(struct pbay_message *m, json_t *v)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        if (!pbay_str_eq(text_from_json(v), pbay_str(encodings[i])))
            continue;
        m->encoding = (enum pbay_encoding)i;
        return true;
    }
    return pb_message_wrong(m, NULL, "encoding: expected \"protobuf\" or \"msgpack\"");
}

/* What stands beside protocol and performative; each may be left out. */
static const struct {
    const char *name;
    bool (*take)(struct pbay_message *m, json_t *v);
} keys[] = {{"protocol", NULL},        {"performative", NULL},  {"dialogue_reference", reference_from},
            {"message_id", id_from},   {"target", target_from}, {"encoding", encoding_from},
            {"content", contents_from}};

#define N_KEYS (sizeof keys / sizeof *keys)

bool message_from_json(struct pbay_message *m, json_t *object)
{
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        size_t i = 0;

        while (i < N_KEYS && strcmp(keys[i].name, json_object_iter_key(at)) != 0)
            i++;
        if (i == N_KEYS)
            return pb_message_wrong(m, NULL, "no key \"%.40s\"", json_object_iter_key(at));
        if (keys[i].take && !keys[i].take(m, json_object_iter_value(at)))
            return false;
    }
    return true;
}
