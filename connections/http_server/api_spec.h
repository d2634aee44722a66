/* An API as its OpenAPI 3.0 document describes it, and what its requests must be like. The document is read once; each
 * of its keys either is checked on requests, or says nothing about them, or is refused: see README.md. */
#ifndef API_SPEC_H
#define API_SPEC_H

#include "connections/http_server/api_schema.h"

#define API_MAX_PATHS    512
#define API_MAX_SEGMENTS 64        /* of a path */
#define API_MAX_PARAMS   64        /* of an operation */
#define API_MAX_VALUES   256       /* parameters in a query; values of one parameter */
#define API_MAX_MEDIA    16        /* types of content of one operation */
#define API_MAX_JSON     (1 << 18) /* values in a body that has a schema */

enum api_in { API_IN_PATH, API_IN_QUERY, API_IN_HEADER };

struct api_param {
    const char *name;
    enum api_in in;
    bool required, allow_empty, explode;
    size_t segment; /* API_IN_PATH: which one it is */
    const struct api_schema *schema;
};

struct api_media {
    const char *type; /* "application/json"; "text/" and "" stand for all that begin so */
    bool is_json;
    const struct api_schema *schema; /* NULL = anything */
};

enum api_method { API_GET, API_HEAD, API_POST, API_PUT, API_PATCH, API_DELETE, API_OPTIONS, API_TRACE };
#define API_METHODS (API_TRACE + 1)

struct api_operation {
    const struct api_param *params;
    size_t n_params;
    bool has_body, body_required;
    const struct api_media *media;
    size_t n_media;
    const char *types; /* all of them, for a sentence */
};

struct api_path {
    const struct pb_yaml_node *node;
    const char *segments[API_MAX_SEGMENTS]; /* "{" begins a name in braces */
    size_t n_segments;
    const struct api_operation *operations[API_METHODS]; /* HEAD is GET's if it has none of its own; NULL = none */
    const char *allow;                                   /* as in the header Allow */
};

struct api_spec {
    struct pb_arena arena;
    const struct api_path **paths; /* the first that fits is the one */
    size_t n_paths;
    const char *allow; /* of all of them */
};

/* ---- api_load.c ---- */

/* Read the document, in YAML or JSON. NULL: *error says why, "file:line: path: what". name stands in errors. */
struct api_spec *api_spec_load(const char *path, struct pbay_conf_error *error);
struct api_spec *api_spec_parse(const char *name, struct pbay_str text, struct pbay_conf_error *error);
void api_spec_destroy(struct api_spec **spec);

const char *api_method_name(enum api_method method);

/* ---- api_check.c ---- */

/* The head of a request. */
struct api_request {
    struct pbay_str method, target; /* /path?query, or * */
    struct pbay_str headers;        /* lines "Name: value", each ended by a newline */
    bool has_body;
};

/* What it is, once its head was good. Lives as long as the document. */
struct api_match {
    const struct api_operation *operation; /* NULL = nothing more is to be checked */
    const struct api_media *media;         /* of its body; NULL = it has none */
};

/* Is this request described, as far as its head says? false = *fault: 400 a parameter; 404 the path; 405 the method,
 * with allow; 204 it is OPTIONS, which the document leaves to us, with allow; 415 the type of the body. */
bool api_check_head(const struct api_spec *spec, const struct api_request *request, struct api_match *match,
                    struct api_fault *fault);

/* And as its body says? false = *fault: 400; 413 = it holds too many values. */
bool api_check_body(const struct api_match *match, struct pbay_str body, struct api_fault *fault);

#endif
