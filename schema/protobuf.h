/* protobuf-c under the tables of message.h. Its descriptors (here: shapes) are made at run time, and one C structure
 * serves all messages: a slot for each field. To make that possible
 *   - a message inside a message is `bytes` to protobuf-c, and is unpacked or packed by itself: so each level has a
 *     reason of its own when it is malformed, and nothing is recursive;
 *   - str is `bytes`, too: as a string it would end at its first NUL; UTF-8 is checked by us in any case;
 *   - int32 is int64, which has the same encoding: protobuf-c would cut off what is beyond 32 bits without a word. */
#ifndef PB_PROTOBUF_H
#define PB_PROTOBUF_H

#include <protobuf-c/protobuf-c.h>

#include "schema/message.h"

/* A field that may come several times; bool is an integer here, too. */
struct pb_list {
    size_t n;
    union {
        void *any;
        ProtobufCBinaryData *bytes;
        int64_t *i;
        double *d;
    } p;
};

union pb_slot {
    ProtobufCBinaryData bytes;
    int64_t i;
    double d;
    struct pb_list list;
};

struct pb_flat {
    ProtobufCMessage base;
    uint32_t which; /* number of the field that a oneof has, which is in slot[0]; 0 = none */
    protobuf_c_boolean has[PBAY_MAX_FIELDS];
    union pb_slot slot[PBAY_MAX_FIELDS]; /* in the order of the fields; of one that was unpacked no more than it has */
};

enum { PB_BODY = 1, PB_DIALOGUE_MESSAGE = 2 };                   /* numbers in Message */
enum { PB_ID, PB_STARTER, PB_RESPONDER, PB_TARGET, PB_CONTENT }; /* slots of DialogueMessage */
enum { PB_KEY, PB_VALUE };                                       /* slots of an entry */

/* Entries of a map with keys and values of these types. */
pb_shape pb_shape_of_entry(const struct pbay_protocols *p, const struct pbay_content *c);

/* Fields, hence slots, that a content has: its value, and is_set behind it; those of each member of a union. */
size_t pb_slots_of(const struct pbay_content *c);

/* Is this a message of any kind, well-formed? */
bool pb_is_protobuf(struct pbay_str bytes);

/* ---- reading ---- */

/* What is unpacked may take this many bytes of memory for n bytes of message: protobuf-c keeps some 100 bytes for each
 * field, however short. A flood of tiny fields ends there. */
#define PB_UNPACK_SPARE  65536U
#define PB_UNPACK_FACTOR 24U

struct pb_budget {
    ProtobufCAllocator allocator;
    size_t left;
    bool over; /* it did not suffice */
};

/* For a message of n bytes. It refers to itself and must not be moved. */
void pb_budget_init(struct pb_budget *b, size_t n);

/* NULL = malformed, a field of another type, or over. */
struct pb_flat *pb_unpack(struct pb_budget *b, pb_shape s, struct pbay_str bytes);

/* Free; idempotent. */
void pb_flat_drop(struct pb_budget *b, struct pb_flat **f);

/* The message in one of *f's slots takes the place of *f; false and NULL as above. */
bool pb_descend(struct pb_budget *b, pb_shape s, struct pb_flat **f, size_t slot);

struct pbay_str pb_slot_view(const union pb_slot *slot);

/* ---- writing ---- */

void pb_flat_init(struct pb_flat *f, pb_shape s);

/* Fields without presence: what is empty or zero is not written. The bytes are borrowed until f is packed. */
void pb_flat_bytes(struct pb_flat *f, size_t i, struct pbay_str s);
void pb_flat_int(struct pb_flat *f, size_t i, int64_t v);
void pb_flat_float(struct pb_flat *f, size_t i, double v);

ProtobufCBinaryData pb_data_of(struct pbay_str s);

/* A oneof has this member. */
void pb_flat_oneof(struct pb_flat *f, uint32_t number, struct pbay_str s);

/* f's bytes take the place of what b held; f may have views of that. */
void pb_pack(struct pb_buf *b, const struct pb_flat *f);

#endif
