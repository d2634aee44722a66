/* What a protocol is: its performatives, their contents, and the rules of its dialogues. AEA writes this as a
 * specification in YAML; here it is a table, which pbay_protocols_load makes from such a file when the program runs,
 * and `patchbay generate protocol` writes as C. */
#ifndef PBAY_PROTOCOL_H
#define PBAY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pbay_envelope.h"
#include "pbay_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_MAX_PERFORMATIVES  32  /* of one protocol */
#define PBAY_MAX_CONTENTS       16  /* of one performative */
#define PBAY_MAX_FIELDS         64  /* in protobuf, of one performative */
#define PBAY_MAX_ROLES          2   /* of one protocol */
#define PBAY_MAX_END_STATES     16  /* likewise */
#define PBAY_MAX_PROTOCOLS      256 /* in one struct pbay_protocols */
#define PBAY_MAX_PROTOCOL_ERROR 512 /* bytes of an error, its NUL included */
#define PBAY_FIRST_PERFORMATIVE 5U  /* its number in protobuf */

enum pbay_type {
    PBAY_STR,
    PBAY_BYTES,
    PBAY_INT,   /* int32 */
    PBAY_FLOAT, /* double */
    PBAY_BOOL,
    PBAY_ENUM,  /* a custom type that is an enum: the number of one of its values */
    PBAY_CUSTOM /* any other custom type: the bytes of its protobuf message */
};

enum pbay_form {
    PBAY_ONE,
    PBAY_LIST,
    PBAY_SET, /* a list without an order in which nothing comes twice */
    PBAY_DICT,
    PBAY_UNION /* one of its members */
};

struct pbay_custom {
    const char *name;
    size_t n; /* PBAY_ENUM: its values are 0..n - 1 */
    const char *const *values;
};

struct pbay_content {
    const char *name;
    uint32_t field; /* its number in protobuf. An optional content's is_set has the next; so has that of a member */
    enum pbay_type type; /* of the one value or of each; not of a union */
    enum pbay_form form;
    enum pbay_type key; /* PBAY_DICT: PBAY_STR, PBAY_INT or PBAY_BOOL */
    bool optional;
    const struct pbay_custom *custom; /* PBAY_ENUM, PBAY_CUSTOM */
    const char *kind; /* a member's name in its union: "int", "list_of_str"; its `name` is the union's */
    size_t n;         /* PBAY_UNION */
    const struct pbay_content *members; /* their fields rise by 2 */
};

struct pbay_performative {
    const char *name;
    uint32_t field; /* its number in the oneof; they rise by 1 */
    size_t n;
    const struct pbay_content *contents; /* their fields rise */
    uint32_t replies;                    /* bit i: performative i may answer it */
    bool initial, terminal;
};

/* To add a member: write it in protocol_load.c and in node/generate.c, and run the target `regen`. */
struct pbay_protocol {
    const char *name;
    const char *id; /* the protocol specification id, as envelopes have it */
    size_t n;
    const struct pbay_performative *performatives; /* in the order of their names */
    size_t n_roles;                                /* 0: the specification has no rules for dialogues */
    const char *const *roles;                      /* in the order of their names */
    size_t n_end_states;
    const char *const *end_states;
    bool keep_terminal; /* dialogues that are over stay */
};

/* A set of protocols. Never changed while another thread uses it. */
struct pbay_protocols;

/* Those that are shipped: default, http, ledger_api, prometheus, signing, state_update. */
struct pbay_protocols *pbay_protocols_new(void);
void pbay_protocols_destroy(struct pbay_protocols **protocols);

/* Add one that `patchbay generate protocol` wrote; it is borrowed for as long as the set lives. Of two with the same id
 * the later one is used.
 *   PBAY_OK; PBAY_LIMIT = there are too many */
enum pbay_err pbay_protocols_add(struct pbay_protocols *protocols, const struct pbay_protocol *protocol);

/* Read a specification and add it. It may be written by a stranger: everything is checked and bounded.
 *   PBAY_OK     *protocol, if it is not NULL, is the one that was added; it lives as long as the set
 *   PBAY_CONFIG error = "file:line: path: what was expected, and what was found"; nothing was added
 *   PBAY_LIMIT, PBAY_NOMEM  likewise */
enum pbay_err pbay_protocols_load(struct pbay_protocols *protocols, const char *file,
                                  const struct pbay_protocol **protocol, char error[PBAY_MAX_PROTOCOL_ERROR]);

/* One of them: by its id (author, name and version are compared), or in the order in which they were added, from 0 on.
 * NULL = there is none. */
const struct pbay_protocol *pbay_protocols_find(const struct pbay_protocols *protocols, struct pbay_str id);
const struct pbay_protocol *pbay_protocols_at(const struct pbay_protocols *protocols, size_t i);

#ifdef __cplusplus
}
#endif
#endif
