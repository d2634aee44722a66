/* A YAML file as a bounded tree. Only what a configuration needs is YAML here: several documents of mappings with
 * scalar keys, sequences and scalars. Refused, each with its line: aliases, anchors, tags, merge keys, keys that are
 * empty, written twice or not scalars, NUL inside a scalar, bytes that are not UTF-8, and anything beyond the bounds of
 * pbay_conf.h.
 *
 * Every node knows its parent, so that an error names the dotted path of the field. Functions that report an error fill
 * *error with one line and return false.
 */
#ifndef PB_YAML_TREE_H
#define PB_YAML_TREE_H

#include "schema/arena.h"
#include "schema/pbay_conf.h"

enum pb_yaml_kind { PB_YAML_SCALAR, PB_YAML_SEQUENCE, PB_YAML_MAPPING };

struct pb_yaml_node {
    enum pb_yaml_kind kind;
    bool plain;              /* scalar without quotes: only such a one is null, a number or a truth value */
    struct pbay_conf_pos at; /* a value of a mapping: the line of its key */
    bool flow;               /* sequence or mapping in brackets */
    size_t from, to;         /* the value, and where its key is; in characters, from the start of the file. What is  */
    size_t key_from, key_to; /* written as a block ends somewhere before `to`: where the next thing begins */
    const char *text;        /* scalar; NULL otherwise */
    const char *declared;    /* scalar that took the place of another (an override): that one's text; NULL otherwise */
    const char *key;         /* value of a mapping; NULL otherwise */
    size_t index;            /* among its siblings */
    size_t n;                /* children */
    struct pb_yaml_node *parent, *child, *next;
};

/* Parse n bytes. name stands in error messages and is copied. *docs is the first document, the others follow in `next`;
 * NULL if there is none. Everything lives in the arena, also after a failure. PBAY_OK; PBAY_CONFIG, PBAY_NOMEM = *error
 * says why, *docs is NULL */
enum pbay_err pb_yaml_parse(const char *name, const char *data, size_t n, struct pb_arena *arena,
                            struct pb_yaml_node **docs, struct pbay_conf_error *error);

/* Read and parse a file; as above, the name is the path as given. */
enum pbay_err pb_yaml_load(const char *path, struct pb_arena *arena, struct pb_yaml_node **docs,
                           struct pbay_conf_error *error);

/* The value of a key, or NULL; map may be NULL. */
struct pb_yaml_node *pb_yaml_get(const struct pb_yaml_node *map, const char *key);

/* An unquoted nothing, ~ or null? */
bool pb_yaml_is_null(const struct pb_yaml_node *node);

/* "file:line: sentence"; line 0 = the file as a whole. */
bool pb_conf_error(struct pbay_conf_error *error, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "file:line: path: sentence" */
bool pb_yaml_error(struct pbay_conf_error *error, const struct pb_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line: path: expected WHAT, found ..." */
bool pb_yaml_expected(struct pbay_conf_error *error, const struct pb_yaml_node *node, const char *what);

#endif
