/* A message as a msgpack array (SPEC 14.4): read with the bounded reader, written with msgpack-c. */
#include <msgpack/pack.h>
#include <string.h>

#include "schema/message.h"
#include "schema/utf8.h"
#include "schema/wire.h"

#define FIELDS   6  /* of the array */
#define MAX_SHOW 40 /* bytes of a stranger's name in a reason */

/* ---- reading ---- */

/* A name that is not known, fit to be shown. */
static const char *show(struct pbay_str s, char text[MAX_SHOW + 1])
{
    size_t n = s.n < MAX_SHOW ? s.n : MAX_SHOW;

    for (size_t i = 0; i < n; i++)
        text[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    text[n] = 0;
    return text;
}

static bool read_bool(struct pb_rd *r, int64_t *v)
{
    if (r->p >= r->end || (*r->p != 0xc2 && *r->p != 0xc3))
        return false;
    *v = *r->p++ == 0xc3;
    return true;
}

static bool read_scalar(struct pb_rd *r, enum pbay_type type, union pb_scalar *v)
{
    switch (type) {
    case PBAY_STR:
        return pb_rd_str(r, &v->s);
    case PBAY_BYTES:
    case PBAY_CUSTOM:
        return pb_rd_bin(r, &v->s);
    case PBAY_INT:
    case PBAY_ENUM:
        return pb_rd_int(r, &v->i);
    case PBAY_FLOAT:
        return pb_rd_float(r, &v->d);
    case PBAY_BOOL:
        return read_bool(r, &v->i);
    }
    return false;
}

static bool read_items(struct pbay_message *m, struct pb_rd *r, const struct pbay_content *c, struct pb_value *v)
{
    union pb_scalar key = {0}, scalar;
    uint32_t n;

    if (!(c->form == PBAY_DICT ? pb_rd_map(r, &n) : pb_rd_array(r, &n)))
        return pb_message_expected(m, c);
    for (uint32_t i = 0; i < n; i++) {
        if ((c->form == PBAY_DICT && !read_scalar(r, c->key, &key)) || !read_scalar(r, c->type, &scalar))
            return pb_message_expected(m, c);
        if (!pb_key_check(m, c, &key) || !pb_scalar_check(m, c, &scalar) || !pb_item_add(m, c, v, key, scalar))
            return false;
    }
    return !pb_items_settle(c, v) || pb_message_wrong(m, c, "a %s comes twice", c->form == PBAY_DICT ? "key" : "value");
}

static bool read_value(struct pbay_message *m, struct pb_rd *r, const struct pbay_content *c, struct pb_value *v)
{
    if (pb_is_many(c))
        return read_items(m, r, c, v);
    return read_scalar(r, c->type, &v->v) ? pb_scalar_check(m, c, &v->v) : pb_message_expected(m, c);
}

/* {kind: value} */
static bool read_union(struct pbay_message *m, struct pb_rd *r, const struct pbay_content *c, struct pb_value *v)
{
    const struct pbay_content *member;
    char text[MAX_SHOW + 1];
    struct pbay_str kind;
    uint32_t n;

    if (!pb_rd_map(r, &n) || n != 1 || !pb_rd_str(r, &kind))
        return pb_message_expected(m, c);
    member = pb_member_find(c, kind);
    if (!member)
        return pb_message_wrong(m, c, "no kind \"%s\"", show(kind, text));
    v->which = (size_t)(member - c->members);
    return read_value(m, r, member, v);
}

static bool read_content(struct pbay_message *m, struct pb_rd *r, uint32_t *seen)
{
    const struct pbay_performative *p = m->data->performative;
    const struct pbay_content *c;
    char text[MAX_SHOW + 1];
    struct pbay_str name;
    struct pb_value *v;

    if (!pb_rd_str(r, &name))
        return pb_message_wrong(m, NULL, "expected the name of a content");
    c = pb_content_find(p, name);
    if (!c)
        return pb_message_wrong(m, NULL, "no content \"%s\"", show(name, text));
    if (*seen & 1U << (c - p->contents))
        return pb_message_wrong(m, c, "comes twice");
    *seen |= 1U << (c - p->contents);
    v = &m->data->values[c - p->contents];
    v->set = true;
    return c->form == PBAY_UNION ? read_union(m, r, c, v) : read_value(m, r, c, v);
}

static bool read_contents(struct pbay_message *m, struct pb_rd *r)
{
    const struct pbay_performative *p = m->data->performative;
    uint32_t n, seen = 0;

    if (!pb_rd_map(r, &n))
        return pb_message_wrong(m, NULL, "expected a map of contents");
    for (uint32_t i = 0; i < n; i++) {
        if (!read_content(m, r, &seen))
            return false;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (!(seen & 1U << i) && !p->contents[i].optional)
            return pb_message_wrong(m, &p->contents[i], "is missing");
    }
    return r->p == r->end || pb_message_wrong(m, NULL, "bytes behind the message");
}

static bool read_performative(struct pbay_message *m, struct pb_rd *r)
{
    const struct pbay_protocol *protocol = m->data->known->protocol;
    char text[MAX_SHOW + 1];
    struct pbay_str name;

    if (!pb_rd_str(r, &name))
        return pb_message_wrong(m, NULL, "performative: expected a str");
    for (size_t i = 0; i < protocol->n; i++) {
        if (!pbay_str_eq(name, pbay_str(protocol->performatives[i].name)))
            continue;
        pb_message_begin(m, &protocol->performatives[i]);
        return read_contents(m, r);
    }
    return pb_message_wrong(m, NULL, "no performative \"%s\"", show(name, text));
}

static bool read_number(struct pbay_message *m, struct pb_rd *r, const char *what, int32_t *to)
{
    int64_t v;

    if (!pb_rd_int(r, &v))
        return pb_message_wrong(m, NULL, "%s: expected an int32", what);
    return pb_number_check(m, what, v, to);
}

static bool read_reference(struct pbay_message *m, struct pb_rd *r, struct pbay_str *to)
{
    if (!pb_rd_str(r, to))
        return pb_message_wrong(m, NULL, "dialogue reference: expected a str");
    return pb_is_utf8(*to) || pb_message_wrong(m, NULL, "dialogue reference: a str is not UTF-8");
}

bool pb_msgpack_read(struct pbay_message *m, struct pbay_str bytes)
{
    struct pbay_str kept = pb_message_keep(m->data, bytes); /* all views are of this copy */
    struct pb_rd r = pb_rd_of(kept.p, kept.n);
    uint32_t n;

    if (!pb_rd_array(&r, &n) || n != FIELDS)
        return pb_message_wrong(m, NULL, "expected an array of %d", FIELDS);
    return read_number(m, &r, "message_id", &m->message_id) && read_reference(m, &r, &m->starter) &&
           read_reference(m, &r, &m->responder) && read_number(m, &r, "target", &m->target) && read_performative(m, &r);
}

/* ---- writing ---- */

static int append(void *buf, const char *p, size_t n)
{
    pb_buf_add(buf, p, n);
    return 0;
}

static void put_str(msgpack_packer *pk, struct pbay_str s)
{
    msgpack_pack_str_with_body(pk, s.p, s.n);
}

static void put_scalar(msgpack_packer *pk, enum pbay_type type, const union pb_scalar *v)
{
    switch (type) {
    case PBAY_STR:
        put_str(pk, v->s);
        break;
    case PBAY_BYTES:
    case PBAY_CUSTOM:
        msgpack_pack_bin_with_body(pk, v->s.p, v->s.n);
        break;
    case PBAY_INT:
    case PBAY_ENUM:
        msgpack_pack_int64(pk, v->i);
        break;
    case PBAY_FLOAT:
        msgpack_pack_double(pk, v->d);
        break;
    case PBAY_BOOL:
        if (v->i)
            msgpack_pack_true(pk);
        else
            msgpack_pack_false(pk);
        break;
    }
}

static void put_items(msgpack_packer *pk, const struct pbay_content *c, const struct pb_value *v)
{
    if (c->form == PBAY_DICT)
        msgpack_pack_map(pk, v->n);
    else
        msgpack_pack_array(pk, v->n);
    for (size_t i = 0; i < v->n; i++) {
        if (c->form == PBAY_DICT)
            put_scalar(pk, c->key, &v->items[i].key);
        put_scalar(pk, c->type, &v->items[i].v);
    }
}

static void put_value(msgpack_packer *pk, const struct pbay_content *c, const struct pb_value *v)
{
    put_str(pk, pbay_str(c->name));
    if (c->form == PBAY_UNION) {
        c = pb_content_of(c, v);
        msgpack_pack_map(pk, 1);
        put_str(pk, pbay_str(c->kind));
    }
    if (pb_is_many(c))
        put_items(pk, c, v);
    else
        put_scalar(pk, c->type, &v->v);
}

void pb_msgpack_write(struct pbay_message *m)
{
    const struct pbay_performative *p = m->data->performative;
    msgpack_packer pk;
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += m->data->values[i].set;
    msgpack_packer_init(&pk, &m->data->out, append);
    msgpack_pack_array(&pk, FIELDS);
    msgpack_pack_int32(&pk, m->message_id);
    put_str(&pk, m->starter);
    put_str(&pk, m->responder);
    msgpack_pack_int32(&pk, m->target);
    put_str(&pk, pbay_str(p->name));
    msgpack_pack_map(&pk, n);
    for (size_t i = 0; i < p->n; i++) {
        if (m->data->values[i].set)
            put_value(&pk, &p->contents[i], &m->data->values[i]);
    }
}
