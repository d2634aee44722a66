/* What the files of the message codecs share: tables that say what a protocol is, and a message's contents.
 *
 *   protocols.c         the built-in tables; pbay_protocols_new
 *   message.c           the public functions; contents; what both encodings ask of them
 *   message_protobuf.c  AEA's protobuf; protobuf.h is between it and protobuf-c
 *   message_envelope.c  AEA's envelope, in protobuf as well
 *   message_msgpack.c   the msgpack array
 *
 * To add a protocol: a table in protocols.c and vectors. To add a type: a row in `types` of message.c and a case in
 * each of the two encodings, both ways. */
#ifndef PB_MESSAGE_H
#define PB_MESSAGE_H

#include "schema/arena.h"
#include "schema/pbay_message.h"
#include "schema/pbay_pubid.h"

#define PB_MAX_PERFORMATIVES 32 /* of one protocol */

/* ---- tables ---- */

enum pb_type {
    PB_STR,
    PB_BYTES,
    PB_INT,   /* int32 */
    PB_FLOAT, /* double */
    PB_ENUM   /* an integer 0..max; in protobuf the only field of a message of its own */
};

struct pb_content {
    const char *name;
    uint32_t field; /* its number in protobuf; they rise from content to content */
    enum pb_type type;
    bool dict;   /* not one value of the type, but a map of strings to such values */
    int32_t max; /* PB_ENUM: the greatest known value */
};

struct pb_performative {
    const char *name;
    uint32_t field; /* its number in the oneof; they rise */
    size_t n;       /* 0..PBAY_MAX_CONTENTS */
    const struct pb_content *contents;
};

struct pb_protocol {
    const char *id;
    size_t n; /* 1..PB_MAX_PERFORMATIVES */
    const struct pb_performative *performatives;
};

struct ProtobufCMessageDescriptor;
typedef const struct ProtobufCMessageDescriptor *pb_shape; /* of one protobuf message: what protobuf-c works with */

/* The messages of AEA's protobuf that belong to no protocol. */
enum pb_common {
    PB_SHAPE_MESSAGE,
    PB_SHAPE_DIALOGUE,
    PB_SHAPE_ENVELOPE,
    PB_SHAPE_ENUM,
    PB_SHAPE_ENTRY_BYTES, /* also of str: the encodings are the same */
    PB_SHAPE_ENTRY_INT,
    PB_SHAPE_ENTRY_FLOAT,
    PB_COMMON_COUNT
};

struct pb_known {
    const struct pb_protocol *protocol;
    struct pbay_pubid id;
    pb_shape content;        /* the oneof of performatives */
    pb_shape *performatives; /* in the table's order */
};

struct pbay_protocols {
    struct pb_arena arena;
    pb_shape common[PB_COMMON_COUNT];
    size_t n;
    struct pb_known *known;
};

/* Fill the shapes from the tables. */
void pb_shapes_common(struct pbay_protocols *p);
void pb_shapes_of(struct pbay_protocols *p, struct pb_known *k);

/* NULL = not known. */
const struct pb_known *pb_protocols_find(const struct pbay_protocols *p, struct pbay_str id);

/* ---- contents ---- */

union pb_scalar {
    struct pbay_str s; /* PB_STR, PB_BYTES */
    int64_t i;         /* PB_INT, PB_ENUM */
    double d;          /* PB_FLOAT */
};

struct pb_item {
    struct pbay_str key;
    union pb_scalar v;
    bool dropped;
};

struct pb_value {
    bool set;
    union pb_scalar v;
    struct pb_item *items; /* of a dict */
    size_t n, cap;
};

struct pb_message_data {
    const struct pbay_protocols *protocols;
    const struct pb_known *known;
    const struct pb_performative *performative; /* NULL until it is known */
    struct pb_value values[PBAY_MAX_CONTENTS];  /* in the order of the performative's contents */
    struct pb_arena arena;                      /* what the views point to */
    char *room;                                 /* what is left of the newest block of the arena */
    size_t room_n;
    struct pb_buf out; /* of the last encode */
    bool failed;       /* a set function was refused: encode is as well */
};

/* A copy that lives as long as the contents. Room for n bytes at once, where much is to be kept. */
struct pbay_str pb_message_keep(struct pb_message_data *d, struct pbay_str s);
void pb_message_room(struct pb_message_data *d, size_t n);

/* The message's performative is p. */
void pb_message_begin(struct pbay_message *m, const struct pb_performative *p);

/* Add one pair to c's value; nothing is copied. false = there are too many: m->why. */
bool pb_item_add(struct pbay_message *m, const struct pb_content *c, struct pb_value *v, struct pbay_str key,
                 union pb_scalar scalar);

/* Of pairs with equal keys keep the last. true = there were such. When all pairs are there: it takes a sort. */
bool pb_items_settle(struct pb_value *v);

/* May the content have this value (an item of it, for a dict)? false: m->why. */
bool pb_scalar_check(struct pbay_message *m, const struct pb_content *c, const union pb_scalar *v);

/* A message's id or target: within int32? false: m->why. */
bool pb_number_check(struct pbay_message *m, const char *what, int64_t v, int32_t *to);

/* m->why = "name of the protocol/performative: content: ..."; c may be NULL. Both return false. */
bool pb_message_wrong(struct pbay_message *m, const struct pb_content *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pb_message_expected(struct pbay_message *m, const struct pb_content *c); /* "expected" and its type */

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
