/* Messages: what an envelope's opaque bytes say, for the protocols that Patchbay knows. A message is a performative of
 * a protocol, its place in a dialogue, and the performative's contents. It is written in one of two encodings, and read
 * from either; the first byte tells them apart (SPEC section 14).
 *
 *     struct pbay_message m = {0};
 *     if (pbay_message_decode(&m, protocols, e.protocol_id, e.message) == PBAY_OK && pbay_message_is(&m, "request"))
 *         url = pbay_message_str(&m, "url");
 *     pbay_message_fini(&m);
 *
 * Functions are thread-safe for different messages; a struct pbay_protocols is never changed after it was made. */
#ifndef PBAY_MESSAGE_H
#define PBAY_MESSAGE_H

#include "pbay_envelope.h"
#include "pbay_err.h"
#include "pbay_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_MAX_ITEMS 65536 /* pairs in one dict, values in one list or set */
#define PBAY_MAX_WHY   160   /* bytes of a reason, its NUL included */

enum pbay_encoding {
    PBAY_PROTOBUF, /* AEA's: Message{DialogueMessage{content = the protocol's own message}} */
    PBAY_MSGPACK   /* [message_id, starter, responder, target, performative, {content: value}] */
};

struct pb_message_data;

/* One message. Zeroed before first use; plain fields may be set before encode, the rest through functions. */
struct pbay_message {
    int32_t message_id, target;
    struct pbay_str starter, responder; /* the dialogue reference; views that live as long as the message's content */
    enum pbay_encoding encoding;        /* decode: the one that was read; encode writes this one */
    const char *protocol_id;            /* as it is known; owned by the protocols */
    const char *performative;           /* likewise */
    char why[PBAY_MAX_WHY];             /* after an error: what was expected, and where; else anything */
    struct pb_message_data *data;       /* owned */
};

/* Begin a message; what it held is forgotten. message_id becomes 1, everything else empty, encoding PBAY_PROTOBUF.
 *   PBAY_OK; PBAY_INVALID = no such protocol (author, name and version are compared), or no such performative */
enum pbay_err pbay_message_init(struct pbay_message *m, const struct pbay_protocols *protocols,
                                struct pbay_str protocol_id, const char *performative);

/* Read bytes; what m held is forgotten. The bytes are copied; they may not be what m itself holds.
 *   PBAY_OK
 *   PBAY_INVALID  no such protocol
 *   PBAY_FAILED   the bytes are no message of this protocol, or a content is missing or of another type; m->why says
 *                 which. To tell the sender: fetchai/default error DECODING_ERROR. */
enum pbay_err pbay_message_decode(struct pbay_message *m, const struct pbay_protocols *protocols,
                                  struct pbay_str protocol_id, struct pbay_str bytes);

/* Write m; the view lives until the next call with m.
 *   PBAY_OK; PBAY_INVALID = a content was not set, or a str is not UTF-8: m->why */
enum pbay_err pbay_message_encode(struct pbay_message *m, struct pbay_str *bytes);

/* Set one content of the performative. The bytes are copied. PBAY_OK; PBAY_INVALID = no such content, of another type
 * or out of its range: m->why, and encode will fail with the same. An enum is set as an int, any other custom type as
 * bytes, which are its protobuf message. Of a union the member of that type is set; if it has two such, choose one
 * first. set_item adds one pair to a dict of strings to bytes, or replaces the one with that key; a dict, list or set
 * to which nothing was added is empty, not unset, unless it is optional. */
enum pbay_err pbay_message_set_str(struct pbay_message *m, const char *name, struct pbay_str value);
enum pbay_err pbay_message_set_bytes(struct pbay_message *m, const char *name, struct pbay_str value);
enum pbay_err pbay_message_set_int(struct pbay_message *m, const char *name, int64_t value);
enum pbay_err pbay_message_set_float(struct pbay_message *m, const char *name, double value);
enum pbay_err pbay_message_set_bool(struct pbay_message *m, const char *name, bool value);
enum pbay_err pbay_message_set_item(struct pbay_message *m, const char *name, struct pbay_str key,
                                    struct pbay_str value);

/* A value with its type, and short ways to make one. */
struct pbay_value {
    enum pbay_type type;
    struct pbay_str s; /* PBAY_STR, PBAY_BYTES, PBAY_CUSTOM */
    int64_t i;         /* PBAY_INT, PBAY_ENUM, PBAY_BOOL */
    double d;          /* PBAY_FLOAT */
};

struct pbay_value pbay_value_str(struct pbay_str s);
struct pbay_value pbay_value_bytes(struct pbay_str s);
struct pbay_value pbay_value_int(int64_t i);
struct pbay_value pbay_value_float(double d);
struct pbay_value pbay_value_bool(bool b);

/* The same for every type: set one value; add one to a list or set (key NULL) or one pair to a dict. */
enum pbay_err pbay_message_set(struct pbay_message *m, const char *name, struct pbay_value value);
enum pbay_err pbay_message_add(struct pbay_message *m, const char *name, const struct pbay_value *key,
                               struct pbay_value value);

/* Make an optional list, set or dict be there, empty (kind NULL); or choose the member of a union, whose value is set,
 * or to which values are added, by the next calls. What the content held is forgotten. */
enum pbay_err pbay_message_choose(struct pbay_message *m, const char *name, const char *kind);

/* A content's value: of a str or bytes, of an int, of one key in a dict of strings to bytes. A name that the
 * performative does not have, or of another type, is the caller's fault and asserted; an absent key or content gives an
 * empty view, or 0. Views live as long as m's content. */
struct pbay_str pbay_message_str(const struct pbay_message *m, const char *name);
int64_t pbay_message_int(const struct pbay_message *m, const char *name);
struct pbay_str pbay_message_item(const struct pbay_message *m, const char *name, const char *key);

/* The same for every type. has: is the content there? An optional one may not be. kind: the member that a union has,
 * NULL if it is not there or no union. value: of one value; false = it is not there, or is several. count: of a list,
 * set or dict, else 0. at: its value i < count, and of a dict the key; key and value may be NULL. A name that the
 * performative does not have is asserted. */
bool pbay_message_has(const struct pbay_message *m, const char *name);
const char *pbay_message_kind(const struct pbay_message *m, const char *name);
bool pbay_message_value(const struct pbay_message *m, const char *name, struct pbay_value *value);
size_t pbay_message_count(const struct pbay_message *m, const char *name);
void pbay_message_at(const struct pbay_message *m, const char *name, size_t i, struct pbay_value *key,
                     struct pbay_value *value);

/* Is m this performative? */
bool pbay_message_is(const struct pbay_message *m, const char *performative);

/* Make m the answer to `to`: message id and target as AEA numbers them (the sign flips and the number goes on), the
 * dialogue reference and encoding kept. m was begun by pbay_message_init; `to` may be forgotten afterwards. */
void pbay_message_answer(struct pbay_message *m, const struct pbay_message *to);

/* Free what m holds; idempotent; a zeroed message is fine. */
void pbay_message_fini(struct pbay_message *m);

/* AEA's own envelope, as it stands in protobuf: for what speaks to AEA agents, or reads what they wrote. Its views live
 * in *memory, which the caller frees with free() (NULL after an error); the message stays bytes.
 *   PBAY_OK; PBAY_FAILED = the bytes are no envelope: why */
enum pbay_err pbay_envelope_decode(const struct pbay_protocols *protocols, struct pbay_str bytes,
                                   struct pbay_envelope *e, char **memory, char why[PBAY_MAX_WHY]);

/* Write to, sender, protocol id, message and uri; *bytes lives in *memory, as above.
 *   PBAY_OK; PBAY_INVALID = a field breaks AEA's rules: why */
enum pbay_err pbay_envelope_encode(const struct pbay_protocols *protocols, const struct pbay_envelope *e,
                                   struct pbay_str *bytes, char **memory, char why[PBAY_MAX_WHY]);

#ifdef __cplusplus
}
#endif
#endif
