/* Between the files that read an API's document: api_load.c (the document, paths, bodies), api_load_param.c
 * (parameters). Functions that return false have said why in l->l.error. */
#ifndef API_LOAD_H
#define API_LOAD_H

#include "connections/http_server/api_spec.h"

/* A schema whose use is to be looked at once all of them have been read. */
struct api_pending {
    const struct pb_yaml_node *at;
    const struct api_schema *schema;
    bool is_param; /* else it is of a body that is not JSON */
    struct api_pending *next;
};

struct api_reader {
    struct api_loader l; /* first: what readers of keys get */
    struct api_spec *spec;
    struct api_pending *pending;
};

/* Look at its use later. */
void api_watch(struct api_reader *l, const struct pb_yaml_node *at, const struct api_schema *schema, bool is_param);

/* Add a list `parameters`, which may be NULL, to those of the path: the operation's own take the place of those of the
 * same name. There is room for API_MAX_PARAMS. */
bool api_load_params(struct api_reader *l, const struct pb_yaml_node *list, struct api_param *params, size_t *n);

/* Each name in the path is a parameter, and the other way round? */
bool api_place_params(struct api_reader *l, const struct pb_yaml_node *at, const struct api_path *path,
                      struct api_param *params, size_t n);

#endif
