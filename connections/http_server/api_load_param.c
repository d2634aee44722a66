#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "connections/http_server/api_load.h"
#include "connections/http_server/http_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct param_doc {
    const char *name, *style;
    enum api_in in;
    bool required, allow_empty, explode;
    const struct pb_yaml_node *schema, *explode_at;
};

static bool read_in(struct api_loader *l, const struct pb_yaml_node *value, void *to)
{
    static const char *const words[] = {[API_IN_PATH] = "path", [API_IN_QUERY] = "query", [API_IN_HEADER] = "header"};

    for (enum api_in i = API_IN_PATH; value->kind == PB_YAML_SCALAR && i <= API_IN_HEADER; i++) {
        *(enum api_in *)to = i;
        if (strcmp(value->text, words[i]) == 0)
            return true;
    }
    return pb_yaml_expected(l->error, value, "path, query or header (cookie is not supported)");
}

#define AT(member) offsetof(struct param_doc, member)

static const struct api_key param_keys[] = {
    {"name", api_read_text, AT(name), 0},
    {"in", read_in, AT(in), 0},
    {"required", api_read_bool, AT(required), 0},
    {"allowEmptyValue", api_read_bool, AT(allow_empty), 0},
    {"style", api_read_text, AT(style), 0},
    {"explode", api_read_node, AT(explode_at), 0},
    {"schema", api_read_mapping, AT(schema), 0},
    {"description", NULL, 0, 0},
    {"deprecated", NULL, 0, 0},
    {"allowReserved", NULL, 0, 0},
    {"example", NULL, 0, 0},
    {"examples", NULL, 0, 0},
};

static bool check_param(struct api_reader *l, const struct pb_yaml_node *node, struct param_doc *doc)
{
    bool in_query = doc->in == API_IN_QUERY;

    if (!doc->name || !pb_yaml_get(node, "in") || !doc->schema)
        return pb_yaml_error(l->l.error, node, "expected name, in and schema");
    if (doc->in == API_IN_PATH && !doc->required)
        return pb_yaml_error(l->l.error, node, "a parameter in path must be required");
    if (doc->in == API_IN_HEADER && !http_is_token(pbay_str(doc->name)))
        return pb_yaml_error(l->l.error, node, "expected the name of a header");
    if (doc->allow_empty && !in_query)
        return pb_yaml_error(l->l.error, node, "allowEmptyValue is only for parameters in query");
    if (doc->style && strcmp(doc->style, in_query ? "form" : "simple") != 0)
        return pb_yaml_error(l->l.error, node, "no other style than %s is supported", in_query ? "form" : "simple");
    doc->explode = in_query;
    return !doc->explode_at || api_read_bool(&l->l, doc->explode_at, &doc->explode);
}

/* One entry of a list `parameters`. */
static bool read_param(struct api_reader *l, const struct pb_yaml_node *node, struct api_param *param)
{
    struct param_doc doc = {0};

    node = api_deref(&l->l, node, "parameters");
    if (!node || !api_keys(&l->l, node, param_keys, COUNT(param_keys), &doc) || !check_param(l, node, &doc))
        return false;
    *param = (struct api_param){.name = doc.name,
                                .in = doc.in,
                                .required = doc.required,
                                .allow_empty = doc.allow_empty,
                                .explode = doc.explode,
                                .schema = api_schema_load(&l->l, doc.schema)};
    if (param->schema)
        api_watch(l, node, param->schema, true);
    return param->schema;
}

static struct api_param *find_param(struct api_param *params, size_t n, const struct api_param *like)
{
    for (size_t i = 0; i < n; i++) {
        int differ =
            like->in == API_IN_HEADER ? strcasecmp(params[i].name, like->name) : strcmp(params[i].name, like->name);

        if (params[i].in == like->in && !differ)
            return &params[i];
    }
    return NULL;
}

/* Add a list to those of the path: the operation's own take the place of those of the same name. */
bool api_load_params(struct api_reader *l, const struct pb_yaml_node *list, struct api_param *params, size_t *n)
{
    size_t inherited = *n;

    for (const struct pb_yaml_node *node = list ? list->child : NULL; node; node = node->next) {
        struct api_param param, *other;

        if (!read_param(l, node, &param))
            return false;
        if (find_param(params + inherited, *n - inherited, &param))
            return pb_yaml_error(l->l.error, node, "this parameter is there twice");
        other = find_param(params, inherited, &param);
        if (!other && *n == API_MAX_PARAMS)
            return pb_yaml_error(l->l.error, node, "expected at most %d parameters", API_MAX_PARAMS);
        *(other ? other : &params[(*n)++]) = param;
    }
    return true;
}

/* Each name in the path is a parameter, and the other way round. */
bool api_place_params(struct api_reader *l, const struct pb_yaml_node *at, const struct api_path *path,
                      struct api_param *params, size_t n)
{
    for (size_t i = 0; i < path->n_segments; i++) {
        struct api_param like = {.in = API_IN_PATH}, *found;

        if (path->segments[i][0] != '{')
            continue;
        like.name = path->segments[i] + 1;
        found = find_param(params, n, &like);
        if (!found)
            return pb_yaml_error(l->l.error, at, "expected a parameter {name: %s, in: path}", like.name);
        found->segment = i;
    }
    for (size_t i = 0; i < n; i++) {
        const char *segment = params[i].in == API_IN_PATH ? path->segments[params[i].segment] : NULL;

        if (segment && (segment[0] != '{' || strcmp(segment + 1, params[i].name) != 0))
            return pb_yaml_error(l->l.error, at, "the parameter %s is not in the path", params[i].name);
    }
    return true;
}
