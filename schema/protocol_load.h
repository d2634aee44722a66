/* Between the files that make a table (pbay_protocol.h) of an AEA protocol specification.
 *
 *   protocol_load.c    its documents, its speech acts
 *   protocol_type.c    the type of a content: pt:dict[pt:str, pt:int]
 *   protocol_custom.c  custom types: what is between the braces of a protobuf message
 *   protocol_rules.c   the rules of dialogues
 *
 * Every function that returns bool has filled *spec->ctx.error when it returns false. Everything lives in the arena of
 * spec->ctx. */
#ifndef PB_PROTOCOL_LOAD_H
#define PB_PROTOCOL_LOAD_H

#include "schema/conf.h"
#include "schema/pbay_protocol.h"

#define PB_MAX_CUSTOMS     64  /* custom types of one protocol */
#define PB_MAX_ENUM_VALUES 512 /* of one custom type */
#define PB_MAX_SPEC_NAME   64  /* bytes in the name of a performative, content, role, end state or custom type */

/* A custom type, and whether a content has it. */
struct pb_spec_custom {
    struct pbay_custom *table;
    const struct pb_yaml_node *node;
    bool used;
};

/* One specification while it is being loaded. */
struct pb_spec {
    struct pb_conf_ctx ctx;
    const char *name, *author, *version, *id;
    struct pb_yaml_node *speech_acts;
    struct pb_spec_custom customs[PB_MAX_CUSTOMS];
    size_t n_customs;
    struct pbay_performative performatives[PBAY_MAX_PERFORMATIVES]; /* moved to the arena at the end */
    const struct pb_yaml_node *nodes[PBAY_MAX_PERFORMATIVES];       /* where each is written */
    size_t n;
    struct pbay_protocol protocol;
};

/* A word of letters and digits, single _ between them? */
bool pb_spec_is_name(const char *text);

/* Its index among the performatives, which are in order; -1 = there is none of that name. */
int pb_spec_performative(const struct pb_spec *spec, const char *name);

/* node's text as the type of a content, which has its name; fields are counted from c->field on. Returns through
 * *next the first that is free then. */
bool pb_spec_type(struct pb_spec *spec, const struct pb_yaml_node *node, struct pbay_content *c, uint32_t *next);

/* The document of custom types. */
bool pb_spec_customs(struct pb_spec *spec, const struct pb_yaml_node *document);

/* The document of the rules of dialogues. */
bool pb_spec_rules(struct pb_spec *spec, struct pb_yaml_node *document);

/* Is a protocol shipped that this id asks for? (protocols.c) */
bool pb_protocol_is_shipped(const struct pbay_pubid *wish);

#endif
