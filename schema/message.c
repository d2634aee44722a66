#include "schema/message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/utf8.h"
#include "schema/visibility.h"

#define ROOM 512 /* bytes in a block of small strings */

static const struct {
    const char *one, *in_map;
} types[] = {
    [PB_STR] = {"a str", "str"},
    [PB_BYTES] = {"bytes", "bytes"},
    [PB_INT] = {"an int32", "int32"},
    [PB_FLOAT] = {"a float", "float"},
    [PB_ENUM] = {"a known value", "known values"},
};

/* ---- reasons ---- */

bool pb_message_wrong(struct pbay_message *m, const struct pb_content *c, const char *format, ...)
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

bool pb_message_expected(struct pbay_message *m, const struct pb_content *c)
{
    if (c->dict)
        return pb_message_wrong(m, c, "expected a map of str to %s", types[c->type].in_map);
    if (c->type == PB_ENUM)
        return pb_message_wrong(m, c, "expected an integer 0..%d", c->max);
    return pb_message_wrong(m, c, "expected %s", types[c->type].one);
}

bool pb_scalar_check(struct pbay_message *m, const struct pb_content *c, const union pb_scalar *v)
{
    bool good = true;

    if (c->type == PB_STR && !pb_is_utf8(v->s))
        return pb_message_wrong(m, c, "a str is not UTF-8");
    if (c->type == PB_INT)
        good = v->i >= INT32_MIN && v->i <= INT32_MAX;
    else if (c->type == PB_ENUM)
        good = v->i >= 0 && v->i <= c->max;
    return good || pb_message_expected(m, c);
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

bool pb_item_add(struct pbay_message *m, const struct pb_content *c, struct pb_value *v, struct pbay_str key,
                 union pb_scalar scalar)
{
    if (v->n == PBAY_MAX_ITEMS)
        return pb_message_wrong(m, c, "more than %d pairs", PBAY_MAX_ITEMS);
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 4;
        v->items = pb_realloc(v->items, v->cap * sizeof *v->items);
    }
    v->items[v->n++] = (struct pb_item){.key = key, .v = scalar};
    return true;
}

/* By key; equal ones stay in the order in which they came. */
static int compare_items(const void *a, const void *b)
{
    const struct pb_item *const *pa = a, *const *pb = b;
    const struct pbay_str x = (*pa)->key, y = (*pb)->key;
    size_t n = x.n < y.n ? x.n : y.n;
    int sign = n ? memcmp(x.p, y.p, n) : 0;

    if (sign == 0 && x.n != y.n)
        sign = x.n < y.n ? -1 : 1;
    return sign ? sign : (*pa > *pb) - (*pa < *pb);
}

bool pb_items_settle(struct pb_value *v)
{
    struct pb_item **order;
    size_t kept = 0;
    bool twice;

    if (v->n < 2)
        return false;
    order = pb_alloc(v->n * sizeof(struct pb_item *));
    for (size_t i = 0; i < v->n; i++)
        order[i] = &v->items[i];
    qsort(order, v->n, sizeof(struct pb_item *), compare_items);
    for (size_t i = 0; i + 1 < v->n; i++)
        order[i]->dropped = pbay_str_eq(order[i]->key, order[i + 1]->key);
    free(order);
    for (size_t i = 0; i < v->n; i++) {
        if (!v->items[i].dropped)
            v->items[kept++] = v->items[i];
    }
    twice = kept < v->n;
    v->n = kept;
    return twice;
}

void pb_message_begin(struct pbay_message *m, const struct pb_performative *p)
{
    m->data->performative = p;
    m->performative = p->name;
    for (size_t i = 0; i < p->n; i++)
        m->data->values[i].set = p->contents[i].dict;
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
        const struct pb_performative *p = &m->data->known->protocol->performatives[i];

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

static bool check_dict(struct pbay_message *m, const struct pb_content *c, struct pb_value *v)
{
    pb_items_settle(v);
    for (size_t i = 0; i < v->n; i++) {
        if (!pb_is_utf8(v->items[i].key))
            return pb_message_wrong(m, c, "a key is not UTF-8");
        if (!pb_scalar_check(m, c, &v->items[i].v))
            return false;
    }
    return true;
}

static bool check(struct pbay_message *m)
{
    const struct pb_performative *p = m->data->performative;

    if (!pb_is_utf8(m->starter) || !pb_is_utf8(m->responder))
        return pb_message_wrong(m, NULL, "dialogue reference: a str is not UTF-8");
    for (size_t i = 0; i < p->n; i++) {
        const struct pb_content *c = &p->contents[i];
        struct pb_value *v = &m->data->values[i];

        if (!v->set)
            return pb_message_wrong(m, c, "not set");
        if (c->dict ? !check_dict(m, c, v) : !pb_scalar_check(m, c, &v->v))
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

/* ---- set and get ---- */

/* The place of a content; NULL = the performative has none of that name. */
static const struct pb_content *find(const struct pb_message_data *d, const char *name)
{
    const struct pb_performative *p = d->performative;

    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->contents[i].name, name) == 0)
            return &p->contents[i];
    }
    return NULL;
}

static struct pb_value *value_of(struct pb_message_data *d, const struct pb_content *c)
{
    return &d->values[c - d->performative->contents];
}

static bool is_type(const struct pb_content *c, enum pb_type type, bool dict)
{
    return c->dict == dict && (c->type == type || (type == PB_INT && c->type == PB_ENUM));
}

static enum pbay_err refused(struct pbay_message *m)
{
    m->data->failed = true;
    return PBAY_INVALID;
}

/* The content to set; NULL: m->why, and encode fails from now on. */
static const struct pb_content *settable(struct pbay_message *m, const char *name, enum pb_type type, bool dict)
{
    const struct pb_content *c = m->data ? find(m->data, name) : NULL;

    if (c && is_type(c, type, dict))
        return c;
    if (c)
        pb_message_expected(m, c);
    else if (m->data)
        pb_message_wrong(m, NULL, "no content \"%.40s\"", name);
    if (m->data)
        refused(m);
    return NULL;
}

static enum pbay_err set_view(struct pbay_message *m, const char *name, enum pb_type type, struct pbay_str value)
{
    const struct pb_content *c = settable(m, name, type, false);

    if (!c)
        return PBAY_INVALID;
    *value_of(m->data, c) = (struct pb_value){.set = true, .v.s = pb_message_keep(m->data, value)};
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_message_set_str(struct pbay_message *m, const char *name, struct pbay_str value)
{
    return set_view(m, name, PB_STR, value);
}

PBAY_API enum pbay_err pbay_message_set_bytes(struct pbay_message *m, const char *name, struct pbay_str value)
{
    return set_view(m, name, PB_BYTES, value);
}

PBAY_API enum pbay_err pbay_message_set_int(struct pbay_message *m, const char *name, int64_t value)
{
    const struct pb_content *c = settable(m, name, PB_INT, false);
    union pb_scalar v = {.i = value};

    if (!c)
        return PBAY_INVALID;
    if (!pb_scalar_check(m, c, &v))
        return refused(m);
    *value_of(m->data, c) = (struct pb_value){.set = true, .v = v};
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_message_set_item(struct pbay_message *m, const char *name, struct pbay_str key,
                                             struct pbay_str value)
{
    const struct pb_content *c = settable(m, name, PB_BYTES, true);

    if (!c)
        return PBAY_INVALID;
    if (!pb_item_add(m, c, value_of(m->data, c), pb_message_keep(m->data, key),
                     (union pb_scalar){.s = pb_message_keep(m->data, value)}))
        return refused(m);
    return PBAY_OK;
}

PBAY_API struct pbay_str pbay_message_str(const struct pbay_message *m, const char *name)
{
    const struct pb_content *c = find(m->data, name);

    assert(c && (is_type(c, PB_STR, false) || is_type(c, PB_BYTES, false)));
    return value_of(m->data, c)->set ? value_of(m->data, c)->v.s : pbay_str("");
}

PBAY_API int64_t pbay_message_int(const struct pbay_message *m, const char *name)
{
    const struct pb_content *c = find(m->data, name);

    assert(c && is_type(c, PB_INT, false));
    return value_of(m->data, c)->v.i;
}

PBAY_API struct pbay_str pbay_message_item(const struct pbay_message *m, const char *name, const char *key)
{
    const struct pb_content *c = find(m->data, name);
    const struct pb_value *v;

    assert(c && is_type(c, PB_BYTES, true));
    v = value_of(m->data, c);
    for (size_t i = v->n; i > 0; i--) {
        if (pbay_str_eq(v->items[i - 1].key, pbay_str(key)))
            return v->items[i - 1].v.s;
    }
    return pbay_str("");
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
