#include "schema/message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/protobuf.h"
#include "schema/utf8.h"
#include "schema/visibility.h"

#define ROOM 512 /* bytes in a block of small strings */

static const struct {
    const char *one, *in_map;
} types[] = {
    [PBAY_STR] = {"a str", "str"},      [PBAY_BYTES] = {"bytes", "bytes"},
    [PBAY_INT] = {"an int32", "int32"}, [PBAY_FLOAT] = {"a float", "float"},
    [PBAY_BOOL] = {"a bool", "bool"},   [PBAY_ENUM] = {"a known value", "known values"},
    [PBAY_CUSTOM] = {"bytes", "bytes"},
};

/* ---- reasons ---- */

bool pb_message_wrong(struct pbay_message *m, const struct pbay_content *c, const char *format, ...)
{
    const struct pb_message_data *d = m->data;
    const struct pbay_str name = d->known->id.name;
    va_list args;
    int n;

    n = snprintf(m->why, sizeof m->why, "%.*s%s%s: %s%s", (int)name.n, name.p, d->performative ? "/" : "",
                 d->performative ? d->performative->name : "", c ? c->name : "", c ? ": " : "");
    if (n < 0 || (size_t)n >= sizeof m->why)
        return false;
    va_start(args, format);
    vsnprintf(m->why + n, sizeof m->why - (size_t)n, format, args);
    va_end(args);
    return false;
}

bool pb_message_expected(struct pbay_message *m, const struct pbay_content *c)
{
    switch (c->form) {
    case PBAY_DICT:
        return pb_message_wrong(m, c, "expected a map of %s to %s", types[c->key].in_map, types[c->type].in_map);
    case PBAY_LIST:
        return pb_message_wrong(m, c, "expected a list of %s", types[c->type].in_map);
    case PBAY_SET:
        return pb_message_wrong(m, c, "expected a set of %s", types[c->type].in_map);
    case PBAY_UNION:
        return pb_message_wrong(m, c, "expected a map of one of its kinds, such as %s", c->members[0].kind);
    case PBAY_ONE:
        break;
    }
    if (c->type == PBAY_ENUM)
        return pb_message_wrong(m, c, "expected an integer 0..%zu", c->custom->n - 1);
    if (c->type == PBAY_CUSTOM)
        return pb_message_wrong(m, c, "expected the bytes of a protobuf message %s", c->custom->name);
    return pb_message_wrong(m, c, "expected %s", types[c->type].one);
}

static bool in_range(const struct pbay_content *c, enum pbay_type type, const union pb_scalar *v)
{
    switch (type) {
    case PBAY_INT:
        return v->i >= INT32_MIN && v->i <= INT32_MAX;
    case PBAY_BOOL:
        return v->i == 0 || v->i == 1;
    case PBAY_ENUM:
        return v->i >= 0 && (uint64_t)v->i < c->custom->n;
    case PBAY_CUSTOM:
        return pb_is_protobuf(v->s);
    case PBAY_STR:
    case PBAY_BYTES:
    case PBAY_FLOAT:
        break;
    }
    return true;
}

bool pb_scalar_check(struct pbay_message *m, const struct pbay_content *c, const union pb_scalar *v)
{
    if (c->type == PBAY_STR && !pb_is_utf8(v->s))
        return pb_message_wrong(m, c, "a str is not UTF-8");
    return in_range(c, c->type, v) || pb_message_expected(m, c);
}

bool pb_key_check(struct pbay_message *m, const struct pbay_content *c, const union pb_scalar *key)
{
    if (c->form != PBAY_DICT)
        return true;
    if (c->key == PBAY_STR && !pb_is_utf8(key->s))
        return pb_message_wrong(m, c, "a key is not UTF-8");
    return in_range(c, c->key, key) || pb_message_expected(m, c);
}

bool pb_number_check(struct pbay_message *m, const char *what, int64_t v, int32_t *to)
{
    if (v < INT32_MIN || v > INT32_MAX)
        return pb_message_wrong(m, NULL, "%s: expected an int32", what);
    *to = (int32_t)v;
    return true;
}

/* ---- contents ---- */

void pb_message_room(struct pb_message_data *d, size_t n)
{
    if (d->room_n >= n)
        return;
    d->room = pb_arena_alloc(&d->arena, n);
    d->room_n = n;
}

struct pbay_str pb_message_keep(struct pb_message_data *d, struct pbay_str s)
{
    struct pbay_str kept;

    if (s.n == 0)
        return pbay_str("");
    if (d->room_n < s.n)
        pb_message_room(d, s.n < ROOM ? ROOM : s.n);
    kept = (struct pbay_str){d->room, s.n};
    memcpy(d->room, s.p, s.n);
    d->room += s.n;
    d->room_n -= s.n;
    return kept;
}

bool pb_item_add(struct pbay_message *m, const struct pbay_content *c, struct pb_value *v, union pb_scalar key,
                 union pb_scalar scalar)
{
    if (v->n == PBAY_MAX_ITEMS)
        return pb_message_wrong(m, c, "more than %d %s", PBAY_MAX_ITEMS, c->form == PBAY_DICT ? "pairs" : "values");
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 4;
        v->items = pb_realloc(v->items, v->cap * sizeof *v->items);
    }
    v->items[v->n++] = (struct pb_item){.key = c->form == PBAY_SET ? scalar : key, .v = scalar};
    return true;
}

static int compare_str(struct pbay_str x, struct pbay_str y)
{
    size_t n = x.n < y.n ? x.n : y.n;
    int sign = n ? memcmp(x.p, y.p, n) : 0;

    return sign || x.n == y.n ? sign : x.n < y.n ? -1 : 1;
}

static uint64_t bits_of(double d)
{
    uint64_t bits;

    static_assert(sizeof bits == sizeof d, "as in protobuf");
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* Any total order does, but equal means the same: by their bits, two NaNs are one and 0 is not -0. */
static int compare_scalars(enum pbay_type type, const union pb_scalar *x, const union pb_scalar *y)
{
    if (type == PBAY_FLOAT)
        return (bits_of(x->d) > bits_of(y->d)) - (bits_of(x->d) < bits_of(y->d));
    if (type == PBAY_STR || type == PBAY_BYTES)
        return compare_str(x->s, y->s);
    return (x->i > y->i) - (x->i < y->i);
}

/* By key; equal ones stay in the order in which they came. */
static int compare_items(const void *a, const void *b, void *type)
{
    const struct pb_item *const *pa = a, *const *pb = b;
    int sign = compare_scalars(*(enum pbay_type *)type, &(*pa)->key, &(*pb)->key);

    return sign ? sign : (*pa > *pb) - (*pa < *pb);
}

/* Mark those that another one follows with the same key. */
static void mark_dropped(enum pbay_type type, struct pb_value *v)
{
    struct pb_item **order = pb_alloc(v->n * sizeof(struct pb_item *));

    for (size_t i = 0; i < v->n; i++)
        order[i] = &v->items[i];
    qsort_r(order, v->n, sizeof(struct pb_item *), compare_items, &type);
    for (size_t i = 0; i + 1 < v->n; i++)
        order[i]->dropped = compare_scalars(type, &order[i]->key, &order[i + 1]->key) == 0;
    free(order);
}

bool pb_items_settle(const struct pbay_content *c, struct pb_value *v)
{
    size_t kept = 0;
    bool twice;

    if (v->n < 2 || c->form == PBAY_LIST)
        return false;
    mark_dropped(c->form == PBAY_SET ? c->type : c->key, v);
    for (size_t i = 0; i < v->n; i++) {
        if (!v->items[i].dropped)
            v->items[kept++] = v->items[i];
    }
    twice = kept < v->n;
    v->n = kept;
    return twice;
}

void pb_message_begin(struct pbay_message *m, const struct pbay_performative *p)
{
    m->data->performative = p;
    m->performative = p->name;
    for (size_t i = 0; i < p->n; i++)
        m->data->values[i].set = pb_is_many(&p->contents[i]) && !p->contents[i].optional;
}

static void free_data(struct pbay_message *m)
{
    struct pb_message_data *d = m->data;

    if (!d)
        return;
    for (size_t i = 0; i < PBAY_MAX_CONTENTS; i++)
        free(d->values[i].items);
    pb_arena_fini(&d->arena);
    pb_buf_fini(&d->out);
    free(d);
    m->data = NULL;
}

/* ---- life ---- */

/* A message of that protocol without a performative, or why there is none. */
static bool start(struct pbay_message *m, const struct pbay_protocols *protocols, struct pbay_str protocol_id)
{
    const struct pb_known *known = pb_protocols_find(protocols, protocol_id);

    pbay_message_fini(m);
    if (!known) {
        snprintf(m->why, sizeof m->why, "no such protocol");
        return false;
    }
    m->data = pb_alloc(sizeof *m->data);
    m->data->protocols = protocols;
    m->data->known = known;
    m->protocol_id = known->protocol->id;
    m->starter = m->responder = pbay_str("");
    return true;
}

PBAY_API enum pbay_err pbay_message_init(struct pbay_message *m, const struct pbay_protocols *protocols,
                                         struct pbay_str protocol_id, const char *performative)
{
    if (!start(m, protocols, protocol_id))
        return PBAY_INVALID;
    for (size_t i = 0; i < m->data->known->protocol->n; i++) {
        const struct pbay_performative *p = &m->data->known->protocol->performatives[i];

        if (strcmp(p->name, performative) != 0)
            continue;
        m->message_id = 1;
        pb_message_begin(m, p);
        return PBAY_OK;
    }
    pb_message_wrong(m, NULL, "no such performative");
    free_data(m);
    return PBAY_INVALID;
}

enum pbay_encoding pb_message_encoding(struct pbay_str bytes)
{
    uint8_t first = bytes.n ? (uint8_t)bytes.p[0] : 0;

    return first == 0x96 || first == 0xdc || first == 0xdd ? PBAY_MSGPACK : PBAY_PROTOBUF; /* SPEC 14.2.1 */
}

PBAY_API enum pbay_err pbay_message_decode(struct pbay_message *m, const struct pbay_protocols *protocols,
                                           struct pbay_str protocol_id, struct pbay_str bytes)
{
    if (!start(m, protocols, protocol_id))
        return PBAY_INVALID;
    m->encoding = pb_message_encoding(bytes);
    if (m->encoding == PBAY_MSGPACK ? pb_msgpack_read(m, bytes) : pb_protobuf_read(m, bytes))
        return PBAY_OK;
    m->starter = m->responder = pbay_str("");
    m->performative = NULL;
    free_data(m);
    return PBAY_FAILED;
}

PBAY_API void pbay_message_fini(struct pbay_message *m)
{
    free_data(m);
    *m = (struct pbay_message){0};
}

/* ---- writing ---- */

static bool check_items(struct pbay_message *m, const struct pbay_content *c, struct pb_value *v)
{
    pb_items_settle(c, v);
    for (size_t i = 0; i < v->n; i++) {
        if (!pb_key_check(m, c, &v->items[i].key) || !pb_scalar_check(m, c, &v->items[i].v))
            return false;
    }
    return true;
}

static bool check_value(struct pbay_message *m, const struct pbay_content *c, struct pb_value *v)
{
    if (!v->set)
        return c->optional || pb_message_wrong(m, c, "not set");
    c = pb_content_of(c, v);
    return pb_is_many(c) ? check_items(m, c, v) : pb_scalar_check(m, c, &v->v);
}

static bool check(struct pbay_message *m)
{
    const struct pbay_performative *p = m->data->performative;

    if (!pb_is_utf8(m->starter) || !pb_is_utf8(m->responder))
        return pb_message_wrong(m, NULL, "dialogue reference: a str is not UTF-8");
    for (size_t i = 0; i < p->n; i++) {
        if (!check_value(m, &p->contents[i], &m->data->values[i]))
            return false;
    }
    return true;
}

PBAY_API enum pbay_err pbay_message_encode(struct pbay_message *m, struct pbay_str *bytes)
{
    struct pb_message_data *d = m->data;

    *bytes = pbay_str("");
    if (!d || d->failed || !check(m))
        return PBAY_INVALID;
    d->out.n = 0;
    if (m->encoding == PBAY_MSGPACK)
        pb_msgpack_write(m);
    else
        pb_protobuf_write(m);
    *bytes = (struct pbay_str){(const char *)d->out.p, d->out.n};
    return PBAY_OK;
}

/* ---- what a message is ---- */

const struct pbay_content *pb_content_find(const struct pbay_performative *p, struct pbay_str name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (pbay_str_eq(name, pbay_str(p->contents[i].name)))
            return &p->contents[i];
    }
    return NULL;
}

const struct pbay_content *pb_member_find(const struct pbay_content *c, struct pbay_str kind)
{
    for (size_t i = 0; i < c->n; i++) {
        if (pbay_str_eq(kind, pbay_str(c->members[i].kind)))
            return &c->members[i];
    }
    return NULL;
}

PBAY_API bool pbay_message_is(const struct pbay_message *m, const char *performative)
{
    return m->performative && strcmp(m->performative, performative) == 0;
}

PBAY_API void pbay_message_answer(struct pbay_message *m, const struct pbay_message *to)
{
    int64_t id = to->message_id > 0 ? -(int64_t)to->message_id : 1 - (int64_t)to->message_id;

    assert(m->data);
    m->message_id = id > INT32_MAX ? INT32_MAX : (int32_t)id; /* the numbers have run out */
    m->target = to->message_id;
    m->starter = pb_message_keep(m->data, to->starter);
    m->responder = pb_message_keep(m->data, to->responder);
    m->encoding = to->encoding;
}
