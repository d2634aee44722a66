#include "node/message_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEX "hex"

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

static json_t *scalar_of(enum pb_type type, const union pb_scalar *v)
{
    switch (type) {
    case PB_STR:
        return json_stringn(v->s.p, v->s.n);
    case PB_BYTES:
        return bytes_to_json(v->s);
    case PB_INT:
    case PB_ENUM:
        return json_integer(v->i);
    case PB_FLOAT:
        return float_of(v->d);
    }
    return NULL;
}

static json_t *content_of(const struct pb_content *c, const struct pb_value *v)
{
    json_t *map;

    if (!c->dict)
        return scalar_of(c->type, &v->v);
    map = json_object();
    for (size_t i = 0; i < v->n; i++)
        json_object_setn_new(map, v->items[i].key.p, v->items[i].key.n, scalar_of(c->type, &v->items[i].v));
    return map;
}

json_t *message_to_json(const struct pbay_message *m)
{
    const struct pb_performative *p = m->data->performative;
    json_t *contents = json_object();

    for (size_t i = 0; i < p->n; i++)
        json_object_set_new(contents, p->contents[i].name, content_of(&p->contents[i], &m->data->values[i]));
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

static bool scalar_from(struct pb_message_data *d, enum pb_type type, const json_t *v, union pb_scalar *to)
{
    switch (type) {
    case PB_STR:
        to->s = pb_message_keep(d, text_from_json(v));
        return json_is_string(v);
    case PB_BYTES:
        return bytes_from(d, v, &to->s);
    case PB_INT:
    case PB_ENUM:
        to->i = json_integer_value(v);
        return json_is_integer(v);
    case PB_FLOAT:
        return float_from(v, &to->d);
    }
    return false;
}

static bool content_from(struct pbay_message *m, const struct pb_content *c, struct pb_value *to, json_t *v)
{
    struct pb_message_data *d = m->data;

    if (!c->dict) {
        to->set = true;
        return scalar_from(d, c->type, v, &to->v) || pb_message_expected(m, c);
    }
    if (!json_is_object(v))
        return pb_message_expected(m, c);
    for (void *at = json_object_iter(v); at; at = json_object_iter_next(v, at)) {
        struct pbay_str key = {json_object_iter_key(at), json_object_iter_key_len(at)};
        union pb_scalar scalar;

        if (!scalar_from(d, c->type, json_object_iter_value(at), &scalar))
            return pb_message_expected(m, c);
        if (!pb_item_add(m, c, to, pb_message_keep(d, key), scalar))
            return false;
    }
    return true;
}

static bool contents_from(struct pbay_message *m, json_t *contents)
{
    const struct pb_performative *p = m->data->performative;

    if (!json_is_object(contents))
        return pb_message_wrong(m, NULL, "content: expected an object");
    for (void *at = json_object_iter(contents); at; at = json_object_iter_next(contents, at)) {
        size_t i = 0;

        while (i < p->n && strcmp(p->contents[i].name, json_object_iter_key(at)) != 0)
            i++;
        if (i == p->n)
            return pb_message_wrong(m, NULL, "no content \"%.40s\"", json_object_iter_key(at));
        if (!content_from(m, &p->contents[i], &m->data->values[i], json_object_iter_value(at)))
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
