/* JSON schemas as OpenAPI 3.0 has them: read once, then asked about values. See README.md for the keys. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <jansson.h>

#include "connections/http_server/api_pattern.h"
#include "schema/yaml_tree.h"

#define API_MAX_WHY   160       /* bytes of a sentence, its NUL included */
#define API_MAX_DEPTH 64        /* of the part of a value that schemas speak of */
#define API_MAX_STEPS (1 << 22) /* of patterns, for one request */
#define API_MAX_ENUM  256       /* values of one enum */

enum api_type { API_ANY, API_STRING, API_INTEGER, API_NUMBER, API_BOOLEAN, API_ARRAY, API_OBJECT };

struct api_bound {
    bool set, exclusive;
    long double value; /* holds every int64 and every double */
};

struct api_size {
    uint64_t min, max;
};

struct api_format; /* its name, and what it asks for */
struct api_property;

/* A value of an enum, as YAML reads it: null, true or false, a number, or else a text. */
struct api_constant {
    enum api_type type; /* API_ANY = null */
    struct pbay_str text;
    long double number;
    bool truth;
};

struct api_schema {
    const struct api_schema *ref; /* it is this one; NULL = what follows */
    enum api_type type;
    unsigned types; /* bits: for which types all its keys mean something */
    bool nullable, read_only, closed;
    struct api_bound min, max;
    struct api_size length, items_n, properties_n;
    const struct api_pattern *pattern;
    const char *pattern_text;
    const struct api_format *format;
    const struct pb_yaml_node *enum_list; /* what `constants` was made from */
    const struct api_constant *constants;
    size_t n_constants;
    const struct pb_yaml_node *required;   /* a list of texts; NULL = none */
    const struct api_property *properties; /* by name */
    size_t n_properties;
    const struct api_schema *items, *additional; /* NULL = anything */
};

struct api_property {
    const char *name;
    const struct api_schema *schema;
};

/* What is wrong with a request, for its sender. */
struct api_fault {
    unsigned status; /* 0 = nothing */
    char why[API_MAX_WHY];
    const char *allow; /* the methods of its path, as in the header Allow; NULL = it is not about the method */
};

/* ---- api_schema_load.c ---- */

struct api_named;

/* What is needed while a document is read; everything lives in the arena. */
struct api_loader {
    struct pb_arena *arena;
    struct pbay_conf_error *error;
    const struct pb_yaml_node *root;
    struct api_named *named, *last_named; /* schemas of components that something has referred to */
};

/* One key of a mapping: read into what is at offset of base; NULL = it has no effect on requests. types: bits of enum
 * api_type, of those it is for; 0 = it is no matter. */
struct api_key {
    const char *key;
    bool (*read)(struct api_loader *l, const struct pb_yaml_node *value, void *to);
    size_t offset;
    unsigned types;
};

/* Read a mapping. Any key that is neither in the table nor begins with x- is an error. */
bool api_keys(struct api_loader *l, const struct pb_yaml_node *map, const struct api_key *keys, size_t n, void *base);

/* For such tables: bool; const char *, not empty; const struct pb_yaml_node *, anything; the same, a mapping or a list.
 */
bool api_read_bool(struct api_loader *l, const struct pb_yaml_node *value, void *to);
bool api_read_text(struct api_loader *l, const struct pb_yaml_node *value, void *to);
bool api_read_node(struct api_loader *l, const struct pb_yaml_node *value, void *to);
bool api_read_mapping(struct api_loader *l, const struct pb_yaml_node *value, void *to);
bool api_read_list(struct api_loader *l, const struct pb_yaml_node *value, void *to);

/* What a node of that section of components stands for: itself, or what its $ref refers to. NULL = an error. */
const struct pb_yaml_node *api_deref(struct api_loader *l, const struct pb_yaml_node *node, const char *section);

/* Read a schema. What it refers to is read by finish; until then it may not be used. NULL, false = an error. */
const struct api_schema *api_schema_load(struct api_loader *l, const struct pb_yaml_node *node);
bool api_schema_finish(struct api_loader *l);

/* The one behind all references. */
const struct api_schema *api_schema_of(const struct api_schema *s);

const char *api_type_name(enum api_type type);

/* A number of JSON; false = the text is none, or there is no such double. */
bool api_read_number(struct pbay_str text, long double *number);

/* ---- api_format.c ---- */

/* NULL = not supported. */
const struct api_format *api_format_find(const char *name);
const char *api_format_name(const struct api_format *f);
enum api_type api_format_type(const struct api_format *f);
bool api_format_check(const struct api_format *f, const json_t *value);

/* Is any value of its type one of this format? */
bool api_format_is_free(const struct api_format *f);

/* ---- api_schema.c ---- */

/* Where a value is, up to its root; for sentences. */
struct api_place {
    const struct api_place *up;
    const char *name; /* NULL = its index counts */
    size_t index;
};

/* Check a value. false = *fault says where it is wrong, and how; its status is 400, or 413 when patterns take too
 * long. *budget: of API_MAX_STEPS, for the whole request. */
bool api_schema_check(const struct api_schema *s, const json_t *value, const struct api_place *at, uint64_t *budget,
                      struct api_fault *fault);

/* "an integer" */
const char *api_type_phrase(enum api_type type);

/* Make it a fault of that place; always false. */
bool api_fault(struct api_fault *fault, unsigned status, const struct api_place *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
