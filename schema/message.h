/* What the files of the message codecs share: the protocols that are known, and a message's contents.
 *
 *   protocols.c         the set of protocols; those that are shipped are the tables of protocols/
 *   protocol_load.c     a specification becomes a table (protocol_load.h)
 *   message.c           life, reasons, checks; what both encodings ask of contents
 *   message_value.c     the functions that set and get contents
 *   message_protobuf.c  AEA's protobuf; protobuf.h is between it and protobuf-c
 *   message_envelope.c  AEA's envelope, in protobuf as well
 *   message_msgpack.c   the msgpack array
 *
 * To add a protocol: its specification in protocols/, its name in CMakeLists.txt, and the target `regen`. To add a
 * type: pbay_protocol.h, protocol_type.c, a row in `types` of message.c, and a case in each of the two encodings, both
 * ways. */
#ifndef PB_MESSAGE_H
#define PB_MESSAGE_H

#include "schema/arena.h"
#include "schema/pbay_message.h"
#include "schema/pbay_pubid.h"

struct ProtobufCMessageDescriptor;
typedef const struct ProtobufCMessageDescriptor *pb_shape; /* of one protobuf message: what protobuf-c works with */

/* The messages of AEA's protobuf that belong to no protocol. */
enum pb_common {
    PB_SHAPE_MESSAGE,
    PB_SHAPE_DIALOGUE,
    PB_SHAPE_ENVELOPE,
    PB_SHAPE_ENUM,
    PB_SHAPE_STR_BYTES, /* pairs of a map, by their keys and values; a str value is as bytes, a bool as an int */
    PB_SHAPE_STR_INT,
    PB_SHAPE_STR_FLOAT,
    PB_SHAPE_INT_BYTES,
    PB_SHAPE_INT_INT,
    PB_SHAPE_INT_FLOAT,
    PB_COMMON_COUNT
};

struct pb_known {
    struct pb_arena arena; /* the shapes, and the protocol if it was loaded */
    const struct pbay_protocol *protocol;
    struct pbay_pubid id;
    pb_shape content;        /* the oneof of performatives */
    pb_shape *performatives; /* in the table's order */
};

struct pbay_protocols {
    struct pb_arena arena; /* common */
    pb_shape common[PB_COMMON_COUNT];
    size_t n;
    struct pb_known *known[PBAY_MAX_PROTOCOLS]; /* owned */
};

/* Fill the shapes from the tables. */
void pb_shapes_common(struct pbay_protocols *p);
void pb_shapes_of(struct pb_known *k);

/* Add one that lives in the arena, which is taken over and emptied. PBAY_OK; PBAY_LIMIT = nothing was done */
enum pbay_err pb_protocols_take(struct pbay_protocols *p, const struct pbay_protocol *protocol, struct pb_arena *arena);

/* NULL = not known. Of several the last. */
const struct pb_known *pb_protocols_find(const struct pbay_protocols *p, struct pbay_str id);

/* ---- contents ---- */

union pb_scalar {
    struct pbay_str s; /* PBAY_STR, PBAY_BYTES, PBAY_CUSTOM */
    int64_t i;         /* PBAY_INT, PBAY_ENUM, PBAY_BOOL */
    double d;          /* PBAY_FLOAT */
};

struct pb_item {
    union pb_scalar key; /* of a set: the same as v */
    union pb_scalar v;
    bool dropped;
};

struct pb_value {
    bool set;     /* false in a whole message: an optional content that is not there */
    size_t which; /* of a union: its member */
    union pb_scalar v;
    struct pb_item *items; /* of a list, set or dict */
    size_t n, cap;
};

/* A content as its value is: of a union the member. */
static inline const struct pbay_content *pb_content_of(const struct pbay_content *c, const struct pb_value *v)
{
    return c->form == PBAY_UNION ? &c->members[v->which] : c;
}

struct pb_message_data {
    const struct pbay_protocols *protocols;
    const struct pb_known *known;
    const struct pbay_performative *performative; /* NULL until it is known */
    struct pb_value values[PBAY_MAX_CONTENTS];    /* in the order of the performative's contents */
    struct pb_arena arena;                        /* what the views point to */
    char *room;                                   /* what is left of the newest block of the arena */
    size_t room_n;
    struct pb_buf out; /* of the last encode */
    bool failed;       /* a set function was refused: encode is as well */
};

/* A copy that lives as long as the contents. Room for n bytes at once, where much is to be kept. */
struct pbay_str pb_message_keep(struct pb_message_data *d, struct pbay_str s);
void pb_message_room(struct pb_message_data *d, size_t n);

/* The message's performative is p. */
void pb_message_begin(struct pbay_message *m, const struct pbay_performative *p);

/* Add one item to c's value; nothing is copied. key is looked at in a dict only. false = there are too many: m->why. */
bool pb_item_add(struct pbay_message *m, const struct pbay_content *c, struct pb_value *v, union pb_scalar key,
                 union pb_scalar scalar);

/* Of pairs with equal keys, of equal values in a set, keep the last. true = there were such. When all are there: it
 * takes a sort. Nothing is done to a list. */
bool pb_items_settle(const struct pbay_content *c, struct pb_value *v);

/* May the content have this value (an item of it, if it has several)? this key? false: m->why. */
bool pb_scalar_check(struct pbay_message *m, const struct pbay_content *c, const union pb_scalar *v);
bool pb_key_check(struct pbay_message *m, const struct pbay_content *c, const union pb_scalar *key);

/* NULL = the performative, the union has none of that name. */
const struct pbay_content *pb_content_find(const struct pbay_performative *p, struct pbay_str name);
const struct pbay_content *pb_member_find(const struct pbay_content *c, struct pbay_str kind);

/* Is it several values, not one? c is no union. */
static inline bool pb_is_many(const struct pbay_content *c)
{
    return c->form == PBAY_LIST || c->form == PBAY_SET || c->form == PBAY_DICT;
}

/* A message's id or target: within int32? false: m->why. */
bool pb_number_check(struct pbay_message *m, const char *what, int64_t v, int32_t *to);

/* m->why = "name of the protocol/performative: content: ..."; c may be NULL. Both return false. */
bool pb_message_wrong(struct pbay_message *m, const struct pbay_content *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pb_message_expected(struct pbay_message *m, const struct pbay_content *c); /* "expected" and its type */

/* ---- encodings ---- */

/* Told by the first byte (SPEC 14.2.1). */
enum pbay_encoding pb_message_encoding(struct pbay_str bytes);

/* Fill m, whose data knows the protocol and nothing else. false: m->why. */
bool pb_protobuf_read(struct pbay_message *m, struct pbay_str bytes);
bool pb_msgpack_read(struct pbay_message *m, struct pbay_str bytes);

/* Write m, which has been checked, to the empty m->data->out. */
void pb_protobuf_write(struct pbay_message *m);
void pb_msgpack_write(struct pbay_message *m);

#endif
