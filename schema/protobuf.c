#include "schema/protobuf.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static_assert(PBAY_MAX_CONTENTS <= PB_MAX_FIELDS, "a performative's contents have slots");

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
static const struct field entry_bytes_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, BYTES, PLAIN}};
static const struct field entry_int_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, INT, PLAIN}};
static const struct field entry_float_fields[] = {{"key", 1, BYTES, PLAIN}, {"value", 2, DOUBLE, PLAIN}};

#define ROW(fields) fields, sizeof(fields) / sizeof *(fields)

static const struct {
    const struct field *fields;
    size_t n;
} common[PB_COMMON_COUNT] = {
    [PB_SHAPE_MESSAGE] = {ROW(message_fields)},         [PB_SHAPE_DIALOGUE] = {ROW(dialogue_fields)},
    [PB_SHAPE_ENVELOPE] = {ROW(envelope_fields)},       [PB_SHAPE_ENUM] = {ROW(enum_fields)},
    [PB_SHAPE_ENTRY_BYTES] = {ROW(entry_bytes_fields)}, [PB_SHAPE_ENTRY_INT] = {ROW(entry_int_fields)},
    [PB_SHAPE_ENTRY_FLOAT] = {ROW(entry_float_fields)},
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

/* Field i has slot i, save in a oneof. Nothing is looked up by name, so there is no index of names. */
static pb_shape new_shape(struct pb_arena *arena, const struct field *fields, size_t n)
{
    ProtobufCMessageDescriptor *shape = pb_arena_alloc(arena, sizeof *shape);
    ProtobufCFieldDescriptor *descriptors = pb_arena_alloc(arena, n * sizeof *descriptors);
    ProtobufCIntRange *ranges = pb_arena_alloc(arena, (n + 1) * sizeof *ranges);

    assert(n <= PB_MAX_FIELDS);
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
                                          .sizeof_message = sizeof(struct pb_flat),
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

static struct field field_of(const struct pb_content *c)
{
    static const ProtobufCType plain[] = {
        [PB_STR] = BYTES, [PB_BYTES] = BYTES, [PB_INT] = INT, [PB_FLOAT] = DOUBLE, [PB_ENUM] = BYTES};

    return (struct field){c->name, c->field, c->dict ? BYTES : plain[c->type], c->dict ? LIST : PLAIN};
}

void pb_shapes_of(struct pbay_protocols *p, struct pb_known *k)
{
    const struct pb_protocol *protocol = k->protocol;
    struct field fields[PB_MAX_FIELDS], oneof[PB_MAX_FIELDS];

    assert(protocol->n <= PB_MAX_FIELDS);
    k->performatives = pb_arena_alloc(&p->arena, protocol->n * sizeof(pb_shape));
    for (size_t i = 0; i < protocol->n; i++) {
        const struct pb_performative *performative = &protocol->performatives[i];

        assert(performative->n <= PBAY_MAX_CONTENTS);
        oneof[i] = (struct field){performative->name, performative->field, BYTES, ONEOF};
        for (size_t c = 0; c < performative->n; c++)
            fields[c] = field_of(&performative->contents[c]);
        k->performatives[i] = new_shape(&p->arena, fields, performative->n);
    }
    k->content = new_shape(&p->arena, oneof, protocol->n);
}

pb_shape pb_shape_of_entry(const struct pbay_protocols *p, enum pb_type type)
{
    static const enum pb_common shapes[] = {[PB_STR] = PB_SHAPE_ENTRY_BYTES,
                                            [PB_BYTES] = PB_SHAPE_ENTRY_BYTES,
                                            [PB_INT] = PB_SHAPE_ENTRY_INT,
                                            [PB_FLOAT] = PB_SHAPE_ENTRY_FLOAT};

    assert(type != PB_ENUM); /* no protocol has a map of them */
    return p->common[shapes[type]];
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

/* ---- writing ---- */

void pb_flat_init(struct pb_flat *f, pb_shape s)
{
    *f = (struct pb_flat){.base.descriptor = s};
}

static ProtobufCBinaryData data_of(struct pbay_str s)
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
    f->slot[i].bytes = data_of(s);
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
    f->slot[0].bytes = data_of(s);
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
