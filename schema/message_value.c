/* Contents of a message, set and read by name. */
#include <assert.h>
#include <string.h>

#include "schema/message.h"
#include "schema/visibility.h"

static const struct pbay_content *find(const struct pb_message_data *d, const char *name)
{
    return pb_content_find(d->performative, pbay_str(name));
}

static struct pb_value *value_of(struct pb_message_data *d, const struct pbay_content *c)
{
    return &d->values[c - d->performative->contents];
}

/* ---- types ---- */

static bool is_view(enum pbay_type type)
{
    return type == PBAY_STR || type == PBAY_BYTES || type == PBAY_CUSTOM;
}

/* May a value of this type be given for one of `wanted`? An enum is written as an int, another custom type as bytes. */
static bool fits(enum pbay_type wanted, enum pbay_type type)
{
    return wanted == type || (wanted == PBAY_ENUM && type == PBAY_INT) || (wanted == PBAY_CUSTOM && type == PBAY_BYTES);
}

static bool is_type(const struct pbay_content *c, enum pbay_type type, bool dict)
{
    return c->form == (dict ? PBAY_DICT : PBAY_ONE) && fits(c->type, type) && (!dict || c->key == PBAY_STR);
}

PBAY_API struct pbay_value pbay_value_str(struct pbay_str s)
{
    return (struct pbay_value){.type = PBAY_STR, .s = s};
}

PBAY_API struct pbay_value pbay_value_bytes(struct pbay_str s)
{
    return (struct pbay_value){.type = PBAY_BYTES, .s = s};
}

PBAY_API struct pbay_value pbay_value_int(int64_t i)
{
    return (struct pbay_value){.type = PBAY_INT, .i = i};
}

PBAY_API struct pbay_value pbay_value_float(double d)
{
    return (struct pbay_value){.type = PBAY_FLOAT, .d = d};
}

PBAY_API struct pbay_value pbay_value_bool(bool b)
{
    return (struct pbay_value){.type = PBAY_BOOL, .i = b};
}

static struct pbay_value value_from(enum pbay_type type, const union pb_scalar *v)
{
    if (is_view(type))
        return (struct pbay_value){.type = type, .s = v->s};
    if (type == PBAY_FLOAT)
        return (struct pbay_value){.type = type, .d = v->d};
    return (struct pbay_value){.type = type, .i = v->i};
}

static union pb_scalar scalar_from(const struct pbay_value *v)
{
    if (is_view(v->type))
        return (union pb_scalar){.s = v->s};
    if (v->type == PBAY_FLOAT)
        return (union pb_scalar){.d = v->d};
    return (union pb_scalar){.i = v->i};
}

static union pb_scalar kept(struct pb_message_data *d, const struct pbay_value *v)
{
    union pb_scalar scalar = scalar_from(v);

    if (is_view(v->type))
        scalar.s = pb_message_keep(d, scalar.s);
    return scalar;
}

/* ---- set ---- */

static enum pbay_err refused(struct pbay_message *m)
{
    if (m->data)
        m->data->failed = true;
    return PBAY_INVALID;
}

static enum pbay_err unexpected(struct pbay_message *m, const struct pbay_content *c)
{
    pb_message_expected(m, c);
    return refused(m);
}

/* NULL: m->why. */
static const struct pbay_content *settable(struct pbay_message *m, const char *name)
{
    const struct pbay_content *c = m->data ? find(m->data, name) : NULL;

    if (!c && m->data)
        pb_message_wrong(m, NULL, "no content \"%.40s\"", name);
    return c;
}

/* What was there is forgotten; the memory of its items is used again. */
static void restart(struct pb_value *v, bool set)
{
    *v = (struct pb_value){.set = set, .which = v->which, .items = v->items, .cap = v->cap};
}

/* The member of a union to set: the chosen one if it is of the type, else the first that is. NULL = none is. */
static const struct pbay_content *member_for(const struct pbay_content *c, struct pb_value *v, enum pbay_type type)
{
    if (v->set && is_type(&c->members[v->which], type, false))
        return &c->members[v->which];
    for (size_t i = 0; i < 2 * c->n; i++) { /* exactly this type comes before what may be given as it */
        const struct pbay_content *member = &c->members[i % c->n];

        if (is_type(member, type, false) && (i >= c->n || member->type == type)) {
            v->which = i % c->n;
            return member;
        }
    }
    return NULL;
}

PBAY_API enum pbay_err pbay_message_set(struct pbay_message *m, const char *name, struct pbay_value value)
{
    const struct pbay_content *c = settable(m, name), *one = c;
    union pb_scalar scalar = scalar_from(&value);
    struct pb_value *v;

    if (!c)
        return refused(m);
    v = value_of(m->data, c);
    if (c->form == PBAY_UNION)
        one = member_for(c, v, value.type);
    if (!one || !is_type(one, value.type, false))
        return unexpected(m, c);
    if (!is_view(one->type) && !pb_scalar_check(m, one, &scalar)) /* the others are checked by encode */
        return refused(m);
    restart(v, true);
    v->v = kept(m->data, &value);
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_message_add(struct pbay_message *m, const char *name, const struct pbay_value *key,
                                        struct pbay_value value)
{
    const struct pbay_content *c = settable(m, name);
    union pb_scalar of = {0};
    struct pb_value *v;

    if (!c)
        return refused(m);
    v = value_of(m->data, c);
    if (c->form == PBAY_UNION && !v->set)
        return unexpected(m, c);
    c = pb_content_of(c, v);
    if (!pb_is_many(c) || !fits(c->type, value.type) || (c->form == PBAY_DICT) != (key != NULL) ||
        (key && key->type != c->key))
        return unexpected(m, c);
    if (key)
        of = kept(m->data, key);
    if (!pb_item_add(m, c, v, of, kept(m->data, &value)))
        return refused(m);
    v->set = true;
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_message_choose(struct pbay_message *m, const char *name, const char *kind)
{
    const struct pbay_content *c = settable(m, name), *member = NULL;
    struct pb_value *v;

    if (!c)
        return refused(m);
    v = value_of(m->data, c);
    if (kind)
        member = pb_member_find(c, pbay_str(kind));
    if (kind ? !member : !pb_is_many(c))
        return unexpected(m, c);
    if (member)
        v->which = (size_t)(member - c->members);
    restart(v, true);
    if (member && is_view(member->type))
        v->v.s = pbay_str("");
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_message_set_str(struct pbay_message *m, const char *name, struct pbay_str value)
{
    return pbay_message_set(m, name, pbay_value_str(value));
}

PBAY_API enum pbay_err pbay_message_set_bytes(struct pbay_message *m, const char *name, struct pbay_str value)
{
    return pbay_message_set(m, name, pbay_value_bytes(value));
}

PBAY_API enum pbay_err pbay_message_set_int(struct pbay_message *m, const char *name, int64_t value)
{
    return pbay_message_set(m, name, pbay_value_int(value));
}

PBAY_API enum pbay_err pbay_message_set_float(struct pbay_message *m, const char *name, double value)
{
    return pbay_message_set(m, name, pbay_value_float(value));
}

PBAY_API enum pbay_err pbay_message_set_bool(struct pbay_message *m, const char *name, bool value)
{
    return pbay_message_set(m, name, pbay_value_bool(value));
}

PBAY_API enum pbay_err pbay_message_set_item(struct pbay_message *m, const char *name, struct pbay_str key,
                                             struct pbay_str value)
{
    const struct pbay_value k = pbay_value_str(key);

    return pbay_message_add(m, name, &k, pbay_value_bytes(value));
}

/* ---- get ---- */

/* A content that must be there in the performative, and its value. */
static const struct pbay_content *known(const struct pbay_message *m, const char *name, struct pb_value **v)
{
    const struct pbay_content *c = find(m->data, name);

    assert(c);
    *v = value_of(m->data, c);
    return c;
}

PBAY_API struct pbay_str pbay_message_str(const struct pbay_message *m, const char *name)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    assert(is_type(c, PBAY_STR, false) || is_type(c, PBAY_BYTES, false));
    return v->set ? v->v.s : pbay_str("");
}

PBAY_API int64_t pbay_message_int(const struct pbay_message *m, const char *name)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    assert(is_type(c, PBAY_INT, false));
    return v->set ? v->v.i : 0;
}

PBAY_API struct pbay_str pbay_message_item(const struct pbay_message *m, const char *name, const char *key)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    assert(is_type(c, PBAY_BYTES, true));
    for (size_t i = v->n; i > 0; i--) {
        if (pbay_str_eq(v->items[i - 1].key.s, pbay_str(key)))
            return v->items[i - 1].v.s;
    }
    return pbay_str("");
}

PBAY_API bool pbay_message_has(const struct pbay_message *m, const char *name)
{
    struct pb_value *v;

    (void)known(m, name, &v);
    return v->set;
}

PBAY_API const char *pbay_message_kind(const struct pbay_message *m, const char *name)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    return c->form == PBAY_UNION && v->set ? c->members[v->which].kind : NULL;
}

PBAY_API bool pbay_message_value(const struct pbay_message *m, const char *name, struct pbay_value *value)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    c = pb_content_of(c, v);
    if (!v->set || pb_is_many(c))
        return false;
    *value = value_from(c->type, &v->v);
    return true;
}

PBAY_API size_t pbay_message_count(const struct pbay_message *m, const char *name)
{
    struct pb_value *v;

    (void)known(m, name, &v);
    return v->n;
}

PBAY_API void pbay_message_at(const struct pbay_message *m, const char *name, size_t i, struct pbay_value *key,
                              struct pbay_value *value)
{
    struct pb_value *v;
    const struct pbay_content *c = known(m, name, &v);

    c = pb_content_of(c, v);
    assert(i < v->n);
    if (key && c->form == PBAY_DICT)
        *key = value_from(c->key, &v->items[i].key);
    if (value)
        *value = value_from(c->type, &v->items[i].v);
}
