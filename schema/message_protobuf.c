/* A message in AEA's protobuf: Message{dialogue_message: DialogueMessage{content: the protocol's own message}}, which
 * is a oneof of the performatives. */
#include <string.h>

#include "schema/protobuf.h"
#include "schema/utf8.h"

/* ---- reading ---- */

struct reader {
    struct pbay_message *m;
    struct pb_budget budget;
};

static bool malformed(struct reader *r, const struct pbay_content *c, const char *what)
{
    return pb_message_wrong(r->m, c, "%s", r->budget.over ? "too many fields" : what);
}

/* A bool is any varint but 0. */
static int64_t int_of(enum pbay_type type, int64_t i)
{
    return type == PBAY_BOOL ? i != 0 : i;
}

static union pb_scalar scalar_of(struct reader *r, enum pbay_type type, const union pb_slot *slot)
{
    if (type == PBAY_INT || type == PBAY_BOOL)
        return (union pb_scalar){.i = int_of(type, slot->i)};
    if (type == PBAY_FLOAT)
        return (union pb_scalar){.d = slot->d};
    return (union pb_scalar){.s = pb_message_keep(r->m->data, pb_slot_view(slot))};
}

static bool read_entry(struct reader *r, const struct pbay_content *c, struct pb_value *v, ProtobufCBinaryData bytes)
{
    struct pb_flat *entry = pb_unpack(&r->budget, pb_shape_of_entry(r->m->data->protocols, c),
                                      (struct pbay_str){(const char *)bytes.data, bytes.len});
    union pb_scalar key, scalar;
    bool good;

    if (!entry)
        return r->budget.over ? malformed(r, c, "") : pb_message_expected(r->m, c);
    key = scalar_of(r, c->key, &entry->slot[PB_KEY]);
    scalar = scalar_of(r, c->type, &entry->slot[PB_VALUE]);
    good = pb_key_check(r->m, c, &key) && pb_scalar_check(r->m, c, &scalar) && pb_item_add(r->m, c, v, key, scalar);
    pb_flat_drop(&r->budget, &entry);
    return good;
}

/* One value of a list or set. */
static bool read_item(struct reader *r, const struct pbay_content *c, struct pb_value *v, const struct pb_list *list,
                      size_t i)
{
    union pb_scalar scalar, none = {0};
    union pb_slot slot = {0};

    if (c->type == PBAY_FLOAT)
        slot.d = list->p.d[i];
    else if (c->type == PBAY_INT || c->type == PBAY_BOOL)
        slot.i = list->p.i[i];
    else
        slot.bytes = list->p.bytes[i];
    scalar = scalar_of(r, c->type, &slot);
    return pb_scalar_check(r->m, c, &scalar) && pb_item_add(r->m, c, v, none, scalar);
}

static bool read_items(struct reader *r, const struct pbay_content *c, struct pb_value *v, const struct pb_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!(c->form == PBAY_DICT ? read_entry(r, c, v, list->p.bytes[i]) : read_item(r, c, v, list, i)))
            return false;
    }
    pb_items_settle(c, v); /* SPEC 14.3.2: protobuf's rule */
    return true;
}

static bool read_enum(struct reader *r, const struct pbay_content *c, struct pb_value *v, const union pb_slot *slot)
{
    struct pb_flat *inner = pb_unpack(&r->budget, r->m->data->protocols->common[PB_SHAPE_ENUM], pb_slot_view(slot));

    if (!inner)
        return pb_message_expected(r->m, c);
    v->v.i = inner->slot[0].i;
    pb_flat_drop(&r->budget, &inner);
    return true;
}

static bool read_value(struct reader *r, const struct pbay_content *c, struct pb_value *v, const union pb_slot *slot)
{
    v->set = true;
    if (pb_is_many(c))
        return read_items(r, c, v, &slot->list);
    if (c->type == PBAY_ENUM) {
        if (!read_enum(r, c, v, slot))
            return false;
    } else {
        v->v = scalar_of(r, c->type, slot);
    }
    return pb_scalar_check(r->m, c, &v->v);
}

/* Slots in pairs: a member's value and its is_set. */
static bool read_union(struct reader *r, const struct pbay_content *c, struct pb_value *v, const union pb_slot *slots)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!slots[2 * i + 1].i)
            continue;
        if (v->set)
            return pb_message_wrong(r->m, c, "is set as %s and as %s", c->members[v->which].kind, c->members[i].kind);
        v->which = i;
        if (!read_value(r, &c->members[i], v, &slots[2 * i]))
            return false;
    }
    return v->set || c->optional || pb_message_wrong(r->m, c, "is missing");
}

static bool read_content(struct reader *r, const struct pbay_content *c, struct pb_value *v, const union pb_slot *slots)
{
    if (c->form == PBAY_UNION)
        return read_union(r, c, v, slots);
    if (c->optional && !slots[1].i)
        return true;
    return read_value(r, c, v, &slots[0]);
}

/* *f is the DialogueMessage; it stays. */
static bool read_dialogue(struct reader *r, const struct pb_flat *f)
{
    struct pbay_message *m = r->m;

    if (!pb_number_check(m, "message_id", f->slot[PB_ID].i, &m->message_id) ||
        !pb_number_check(m, "target", f->slot[PB_TARGET].i, &m->target))
        return false;
    if (!pb_is_utf8(pb_slot_view(&f->slot[PB_STARTER])) || !pb_is_utf8(pb_slot_view(&f->slot[PB_RESPONDER])))
        return pb_message_wrong(m, NULL, "dialogue reference: a str is not UTF-8");
    m->starter = pb_message_keep(m->data, pb_slot_view(&f->slot[PB_STARTER]));
    m->responder = pb_message_keep(m->data, pb_slot_view(&f->slot[PB_RESPONDER]));
    return true;
}

/* *f is the protocol's own message, and becomes the performative's. */
static bool read_performative(struct reader *r, struct pb_flat **f)
{
    const struct pb_known *known = r->m->data->known;
    const struct pbay_protocol *protocol = known->protocol;
    size_t i = 0, slot = 0;

    while (i < protocol->n && protocol->performatives[i].field != (*f)->which)
        i++;
    if (i == protocol->n)
        return malformed(r, NULL, "no performative");
    pb_message_begin(r->m, &protocol->performatives[i]);
    if (!pb_descend(&r->budget, known->performatives[i], f, 0))
        return malformed(r, NULL, "malformed protobuf, or a content of another type");
    for (size_t c = 0; c < protocol->performatives[i].n; c++) {
        const struct pbay_content *content = &protocol->performatives[i].contents[c];

        if (!read_content(r, content, &r->m->data->values[c], &(*f)->slot[slot]))
            return false;
        slot += pb_slots_of(content);
    }
    return true;
}

static bool read_levels(struct reader *r, struct pb_flat **f, struct pbay_str bytes)
{
    const struct pb_message_data *d = r->m->data;

    *f = pb_unpack(&r->budget, d->protocols->common[PB_SHAPE_MESSAGE], bytes);
    if (!*f)
        return malformed(r, NULL, "malformed protobuf");
    if ((*f)->which == PB_BODY)
        return malformed(r, NULL, "the message has a body; expected a dialogue_message");
    if ((*f)->which != PB_DIALOGUE_MESSAGE)
        return malformed(r, NULL, "no dialogue_message, hence no performative");
    if (!pb_descend(&r->budget, d->protocols->common[PB_SHAPE_DIALOGUE], f, 0))
        return malformed(r, NULL, "dialogue_message: malformed protobuf, or a field of another type");
    if (!read_dialogue(r, *f))
        return false;
    if (!pb_descend(&r->budget, d->known->content, f, PB_CONTENT))
        return malformed(r, NULL, "content: malformed protobuf, or a performative of another type");
    return read_performative(r, f);
}

bool pb_protobuf_read(struct pbay_message *m, struct pbay_str bytes)
{
    struct reader r = {.m = m};
    struct pb_flat *f = NULL;
    bool good;

    pb_budget_init(&r.budget, bytes.n);
    pb_message_room(m->data, bytes.n);
    good = read_levels(&r, &f, bytes);
    pb_flat_drop(&r.budget, &f);
    return good;
}

/* ---- writing ---- */

static ProtobufCBinaryData pack_scratch(struct pb_arena *scratch, const struct pb_flat *f)
{
    size_t n = protobuf_c_message_get_packed_size(&f->base);
    ProtobufCBinaryData packed = {n, pb_arena_alloc(scratch, n)};

    protobuf_c_message_pack(&f->base, packed.data);
    return packed;
}

static void put_scalar(struct pb_flat *f, size_t i, enum pbay_type type, const union pb_scalar *v)
{
    if (type == PBAY_INT || type == PBAY_BOOL)
        pb_flat_int(f, i, v->i);
    else if (type == PBAY_FLOAT)
        pb_flat_float(f, i, v->d);
    else
        pb_flat_bytes(f, i, v->s);
}

/* A pair has both its fields, also when they are empty: so do protobuf's own libraries. */
static ProtobufCBinaryData pack_entry(struct pb_arena *scratch, pb_shape s, const struct pbay_content *c,
                                      const struct pb_item *item)
{
    struct pb_flat entry;

    pb_flat_init(&entry, s);
    put_scalar(&entry, PB_KEY, c->key, &item->key);
    put_scalar(&entry, PB_VALUE, c->type, &item->v);
    entry.has[PB_KEY] = entry.has[PB_VALUE] = true;
    return pack_scratch(scratch, &entry);
}

static struct pb_list pack_items(struct pb_arena *scratch, const struct pbay_protocols *p, const struct pbay_content *c,
                                 const struct pb_value *v)
{
    pb_shape entry = c->form == PBAY_DICT ? pb_shape_of_entry(p, c) : NULL;
    struct pb_list list = {.n = v->n, .p.any = pb_arena_alloc(scratch, v->n * sizeof(ProtobufCBinaryData))};

    for (size_t i = 0; i < v->n; i++) {
        if (entry)
            list.p.bytes[i] = pack_entry(scratch, entry, c, &v->items[i]);
        else if (c->type == PBAY_FLOAT)
            list.p.d[i] = v->items[i].v.d;
        else if (c->type == PBAY_INT || c->type == PBAY_BOOL)
            list.p.i[i] = v->items[i].v.i;
        else
            list.p.bytes[i] = pb_data_of(v->items[i].v.s);
    }
    return list;
}

static void put_value(struct pb_flat *f, size_t i, const struct pbay_protocols *p, const struct pbay_content *c,
                      const struct pb_value *v, struct pb_arena *scratch)
{
    struct pb_flat inner;

    if (pb_is_many(c)) {
        f->slot[i].list = pack_items(scratch, p, c, v);
    } else if (c->type == PBAY_ENUM) {
        pb_flat_init(&inner, p->common[PB_SHAPE_ENUM]);
        pb_flat_int(&inner, 0, v->v.i);
        f->has[i] = true; /* a message has presence */
        f->slot[i].bytes = pack_scratch(scratch, &inner);
    } else {
        put_scalar(f, i, c->type, &v->v);
        if (c->type == PBAY_CUSTOM)
            f->has[i] = true;
    }
}

/* slot: of its first field. */
static void put_content(struct pb_flat *f, size_t slot, const struct pbay_protocols *p, const struct pbay_content *c,
                        const struct pb_value *v, struct pb_arena *scratch)
{
    if (!v->set)
        return;
    if (c->form == PBAY_UNION)
        slot += 2 * v->which;
    put_value(f, slot, p, pb_content_of(c, v), v, scratch);
    if (c->form == PBAY_UNION || c->optional)
        pb_flat_int(f, slot + 1, true);
}

static struct pbay_str view_of(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

/* The performative, then each message around it: what is packed becomes a field of the next. */
static void write_performative(struct pb_message_data *d)
{
    size_t which = (size_t)(d->performative - d->known->protocol->performatives);
    struct pb_arena scratch = {0};
    size_t slot = 0;
    struct pb_flat f;

    pb_flat_init(&f, d->known->performatives[which]);
    for (size_t i = 0; i < d->performative->n; i++) {
        const struct pbay_content *c = &d->performative->contents[i];

        put_content(&f, slot, d->protocols, c, &d->values[i], &scratch);
        slot += pb_slots_of(c);
    }
    pb_pack(&d->out, &f);
    pb_arena_fini(&scratch);
    pb_flat_init(&f, d->known->content);
    pb_flat_oneof(&f, d->performative->field, view_of(&d->out));
    pb_pack(&d->out, &f);
}

void pb_protobuf_write(struct pbay_message *m)
{
    struct pb_message_data *d = m->data;
    struct pb_flat f;

    write_performative(d);
    pb_flat_init(&f, d->protocols->common[PB_SHAPE_DIALOGUE]);
    pb_flat_int(&f, PB_ID, m->message_id);
    pb_flat_bytes(&f, PB_STARTER, m->starter);
    pb_flat_bytes(&f, PB_RESPONDER, m->responder);
    pb_flat_int(&f, PB_TARGET, m->target);
    pb_flat_bytes(&f, PB_CONTENT, view_of(&d->out));
    pb_pack(&d->out, &f);
    pb_flat_init(&f, d->protocols->common[PB_SHAPE_MESSAGE]);
    pb_flat_oneof(&f, PB_DIALOGUE_MESSAGE, view_of(&d->out));
    pb_pack(&d->out, &f);
}
