#include "schema/protobuf.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static_assert(PBAY_MAX_CONTENTS <= PBAY_MAX_FIELDS && PBAY_MAX_PERFORMATIVES <= PBAY_MAX_FIELDS, "they have slots");

/* ---- shapes ---- */

enum kind { PLAIN, LIST, ONEOF };

struct field {
    const char *name;
    uint32_t number;
    ProtobufCType type;
    enum kind kind;
};

#define BYTES  PROTOBUF_C_TYPE_BYTES
#define INT    PROTOBUF_C_TYPE_INT64
#define DOUBLE PROTOBUF_C_TYPE_DOUBLE

static const struct field message_fields[] = {{"body", 1, BYTES, ONEOF}, {"dialogue_message", 2, BYTES, ONEOF}};
static const struct field dialogue_fields[] = {{"message_id", 1, INT, PLAIN},
                                               {"dialogue_starter_reference", 2, BYTES, PLAIN},
                                               {"dialogue_responder_reference", 3, BYTES, PLAIN},
                                               {"target", 4, INT, PLAIN},
                                               {"content", 5, BYTES, PLAIN}};
static const struct field envelope_fields[] = {{"to", 1, BYTES, PLAIN},
                                               {"sender", 2, BYTES, PLAIN},
                                               {"protocol_id", 3, BYTES, PLAIN},
                                               {"message", 4, BYTES, PLAIN},
                                               {"uri", 5, BYTES, PLAIN}};
static const struct field enum_fields[] = {{"value", 1, INT, PLAIN}};
static const struct field str_bytes_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, BYTES, PLAIN}};
static const struct field str_int_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, INT, PLAIN}};
static const struct field str_float_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, DOUBLE, PLAIN}};
static const struct field int_bytes_fields[] = {{"key", 1, INT, PLAIN}, {"value", 2, BYTES, PLAIN}};
static const struct field int_int_fields[] = {{"key", 1, INT, PLAIN}, {"value", 2, INT, PLAIN}};
static const struct field int_float_fields[] = {{"key", 1, INT, PLAIN}, {"value", 2, DOUBLE, PLAIN}};

#define ROW(fields) fields, sizeof(fields) / sizeof *(fields)

static const struct {
    const struct field *fields;
    size_t n;
} common[PB_COMMON_COUNT] = {
    [PB_SHAPE_MESSAGE] = {ROW(message_fields)},     [PB_SHAPE_DIALOGUE] = {ROW(dialogue_fields)},
    [PB_SHAPE_ENVELOPE] = {ROW(envelope_fields)},   [PB_SHAPE_ENUM] = {ROW(enum_fields)},
    [PB_SHAPE_STR_BYTES] = {ROW(str_bytes_fields)}, [PB_SHAPE_STR_INT] = {ROW(str_int_fields)},
    [PB_SHAPE_STR_FLOAT] = {ROW(str_float_fields)}, [PB_SHAPE_INT_BYTES] = {ROW(int_bytes_fields)},
    [PB_SHAPE_INT_INT] = {ROW(int_int_fields)},     [PB_SHAPE_INT_FLOAT] = {ROW(int_float_fields)},
};

static ProtobufCFieldDescriptor describe(const struct field *f, size_t i)
{
    /* protobuf-c takes the members of a oneof for a union. */
    size_t at = offsetof(struct pb_flat, slot) + (f->kind == ONEOF ? 0 : i) * sizeof(union pb_slot);
    ProtobufCFieldDescriptor d = {.name = f->name, .id = f->number, .type = f->type, .offset = (unsigned)at};

    switch (f->kind) {
    case PLAIN:
        d.label = PROTOBUF_C_LABEL_OPTIONAL;
        d.quantifier_offset = (unsigned)(offsetof(struct pb_flat, has) + i * sizeof(protobuf_c_boolean));
        break;
    case LIST:
        d.label = PROTOBUF_C_LABEL_REPEATED;
        d.flags = f->type == BYTES ? 0 : PROTOBUF_C_FIELD_FLAG_PACKED; /* read in either way */
        d.quantifier_offset = (unsigned)(at + offsetof(struct pb_list, n));
        d.offset = (unsigned)(at + offsetof(struct pb_list, p));
        break;
    case ONEOF:
        d.label = PROTOBUF_C_LABEL_OPTIONAL;
        d.flags = PROTOBUF_C_FIELD_FLAG_ONEOF;
        d.quantifier_offset = (unsigned)offsetof(struct pb_flat, which);
        break;
    }
    return d;
}

/* Of a structure with n slots; a oneof has one. */
static size_t size_with(size_t n)
{
    return offsetof(struct pb_flat, slot) + (n ? n : 1) * sizeof(union pb_slot);
}

/* Field i has slot i, save in a oneof. Nothing is looked up by name, so there is no index of names. */
static pb_shape new_shape(struct pb_arena *arena, const struct field *fields, size_t n)
{
    ProtobufCMessageDescriptor *shape = pb_arena_alloc(arena, sizeof *shape);
    ProtobufCFieldDescriptor *descriptors = pb_arena_alloc(arena, n * sizeof *descriptors);
    ProtobufCIntRange *ranges = pb_arena_alloc(arena, (n + 1) * sizeof *ranges);

    assert(n <= PBAY_MAX_FIELDS);
    for (size_t i = 0; i < n; i++) {
        assert(i == 0 || fields[i].number > fields[i - 1].number);
        descriptors[i] = describe(&fields[i], i);
        ranges[i] = (ProtobufCIntRange){(int)fields[i].number, (unsigned)i};
    }
    ranges[n].orig_index = (unsigned)n;
    *shape = (ProtobufCMessageDescriptor){.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                          .name = "",
                                          .short_name = "",
                                          .c_name = "",
                                          .package_name = "",
                                          .sizeof_message = size_with(n),
                                          .n_fields = (unsigned)n,
                                          .fields = n ? descriptors : NULL,
                                          .n_field_ranges = (unsigned)n,
                                          .field_ranges = ranges};
    return shape;
}

void pb_shapes_common(struct pbay_protocols *p)
{
    for (size_t i = 0; i < PB_COMMON_COUNT; i++)
        p->common[i] = new_shape(&p->arena, common[i].fields, common[i].n);
}

static struct field field_of(const struct pbay_content *c)
{
    static const ProtobufCType types[] = {
        [PBAY_STR] = BYTES, [PBAY_BYTES] = BYTES, [PBAY_INT] = INT,     [PBAY_FLOAT] = DOUBLE,
        [PBAY_BOOL] = INT,  [PBAY_ENUM] = BYTES,  [PBAY_CUSTOM] = BYTES};

    return (struct field){c->name, c->field, c->form == PBAY_DICT ? BYTES : types[c->type],
                          pb_is_many(c) ? LIST : PLAIN};
}

size_t pb_slots_of(const struct pbay_content *c)
{
    if (c->form == PBAY_UNION)
        return 2 * c->n;
    return c->optional ? 2 : 1;
}

/* One value at fields[n]; returns the number of fields then. */
static size_t add_field(struct field fields[PBAY_MAX_FIELDS], size_t n, const struct pbay_content *c, bool is_set)
{
    assert(n + 1 + is_set <= PBAY_MAX_FIELDS);
    fields[n++] = field_of(c);
    if (is_set)
        fields[n++] = (struct field){"is_set", c->field + 1, INT, PLAIN};
    return n;
}

static pb_shape shape_of(struct pb_arena *arena, const struct pbay_performative *performative)
{
    struct field fields[PBAY_MAX_FIELDS];
    size_t n = 0;

    assert(performative->n <= PBAY_MAX_CONTENTS);
    for (size_t i = 0; i < performative->n; i++) {
        const struct pbay_content *c = &performative->contents[i];

        for (size_t k = 0; c->form == PBAY_UNION && k < c->n; k++)
            n = add_field(fields, n, &c->members[k], true);
        if (c->form != PBAY_UNION)
            n = add_field(fields, n, c, c->optional);
    }
    return new_shape(arena, fields, n);
}

void pb_shapes_of(struct pb_known *k)
{
    const struct pbay_protocol *protocol = k->protocol;
    struct field oneof[PBAY_MAX_FIELDS];

    assert(protocol->n > 0 && protocol->n <= PBAY_MAX_PERFORMATIVES);
    k->performatives = pb_arena_alloc(&k->arena, protocol->n * sizeof(pb_shape));
    for (size_t i = 0; i < protocol->n; i++) {
        const struct pbay_performative *performative = &protocol->performatives[i];

        oneof[i] = (struct field){performative->name, performative->field, BYTES, ONEOF};
        k->performatives[i] = shape_of(&k->arena, performative);
    }
    k->content = new_shape(&k->arena, oneof, protocol->n);
}

pb_shape pb_shape_of_entry(const struct pbay_protocols *p, const struct pbay_content *c)
{
    enum pb_common bytes = c->key == PBAY_STR ? PB_SHAPE_STR_BYTES : PB_SHAPE_INT_BYTES;

    assert(c->type != PBAY_ENUM && c->type != PBAY_CUSTOM); /* AEA has no maps, lists and sets of them */
    if (c->type == PBAY_STR || c->type == PBAY_BYTES)
        return p->common[bytes];
    return p->common[bytes + (c->type == PBAY_FLOAT ? 2 : 1)];
}

/* ---- bounded memory for what is unpacked ---- */

/* In front of each block: its size. */
union head {
    size_t n;
    max_align_t align;
};

static void *budget_alloc(void *data, size_t n)
{
    struct pb_budget *b = data;
    union head *head;

    if (n > b->left || b->left - n < sizeof *head) {
        b->over = true;
        return NULL;
    }
    head = pb_realloc(NULL, sizeof *head + n);
    head->n = n;
    b->left -= sizeof *head + n;
    return head + 1;
}

static void budget_free(void *data, void *p)
{
    struct pb_budget *b = data;
    union head *head = p;

    if (!p)
        return;
    head--;
    b->left += sizeof *head + head->n;
    free(head);
}

void pb_budget_init(struct pb_budget *b, size_t n)
{
    *b = (struct pb_budget){.allocator = {budget_alloc, budget_free, b},
                            .left = n > (SIZE_MAX - PB_UNPACK_SPARE) / PB_UNPACK_FACTOR
                                        ? SIZE_MAX
                                        : PB_UNPACK_SPARE + n * PB_UNPACK_FACTOR};
}

struct pb_flat *pb_unpack(struct pb_budget *b, pb_shape s, struct pbay_str bytes)
{
    return (struct pb_flat *)protobuf_c_message_unpack(s, &b->allocator, bytes.n, (const uint8_t *)bytes.p);
}

void pb_flat_drop(struct pb_budget *b, struct pb_flat **f)
{
    if (*f)
        protobuf_c_message_free_unpacked(&(*f)->base, &b->allocator);
    *f = NULL;
}

/* The message in one of *f's slots takes the place of *f. */
bool pb_descend(struct pb_budget *b, pb_shape s, struct pb_flat **f, size_t slot)
{
    ProtobufCBinaryData inner = (*f)->slot[slot].bytes;
    struct pb_flat *next = pb_unpack(b, s, (struct pbay_str){(const char *)inner.data, inner.len});

    pb_flat_drop(b, f);
    *f = next;
    return next != NULL;
}

struct pbay_str pb_slot_view(const union pb_slot *slot)
{
    return (struct pbay_str){(const char *)slot->bytes.data, slot->bytes.len};
}

/* A varint's value; its bytes beyond 64 bits do not count. */
static bool take_varint(struct pbay_str *s, uint64_t *v)
{
    *v = 0;
    for (unsigned i = 0; i < 10 && s->n; i++) {
        uint8_t byte = (uint8_t)*s->p;

        *v |= (uint64_t)(byte & 0x7f) << 7 * i;
        s->p++;
        s->n--;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* What follows a tag of this wire type. */
static bool skip_field(struct pbay_str *s, uint64_t wire_type)
{
    static const uint8_t fixed[] = {[1] = 8, [5] = 4};
    uint64_t n = 0;

    if (wire_type == 0)
        return take_varint(s, &n);
    if (wire_type == 2 && !take_varint(s, &n))
        return false;
    if (wire_type != 2)
        n = wire_type < sizeof fixed ? fixed[wire_type] : 0;
    if (n > s->n || (n == 0 && wire_type != 2))
        return false;
    s->p += n;
    s->n -= (size_t)n;
    return true;
}

bool pb_is_protobuf(struct pbay_str bytes)
{
    while (bytes.n) {
        uint64_t tag;

        if (!take_varint(&bytes, &tag) || tag >> 3 == 0 || tag > UINT32_MAX || !skip_field(&bytes, tag & 7))
            return false;
    }
    return true;
}

/* ---- writing ---- */

void pb_flat_init(struct pb_flat *f, pb_shape s)
{
    memset(f, 0, s->sizeof_message);
    f->base.descriptor = s;
}

ProtobufCBinaryData pb_data_of(struct pbay_str s)
{
    union {
        const char *in;
        uint8_t *out;
    } p = {.in = s.p};

    return (ProtobufCBinaryData){s.n, p.out};
}

void pb_flat_bytes(struct pb_flat *f, size_t i, struct pbay_str s)
{
    f->has[i] = s.n > 0;
    f->slot[i].bytes = pb_data_of(s);
}

void pb_flat_int(struct pb_flat *f, size_t i, int64_t v)
{
    f->has[i] = v != 0;
    f->slot[i].i = v;
}

void pb_flat_float(struct pb_flat *f, size_t i, double v)
{
    f->has[i] = v != 0 || signbit(v);
    f->slot[i].d = v;
}

void pb_flat_oneof(struct pb_flat *f, uint32_t number, struct pbay_str s)
{
    f->which = number;
    f->slot[0].bytes = pb_data_of(s);
}

void pb_pack(struct pb_buf *b, const struct pb_flat *f)
{
    size_t n = protobuf_c_message_get_packed_size(&f->base);
    struct pb_buf packed = {0};

    if (n)
        protobuf_c_message_pack(&f->base, pb_buf_grow(&packed, n));
    pb_buf_fini(b);
    *b = packed;
}
