#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connections/http_server/api_load.h"
#include "connections/http_server/http_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const methods[] = {
    [API_GET] = "get",     [API_HEAD] = "head",     [API_POST] = "post",       [API_PUT] = "put",
    [API_PATCH] = "patch", [API_DELETE] = "delete", [API_OPTIONS] = "options", [API_TRACE] = "trace"};

const char *api_method_name(enum api_method method)
{
    return methods[method];
}

static void *alloc(struct api_reader *l, size_t n)
{
    return pb_arena_alloc(l->l.arena, n);
}

void api_watch(struct api_reader *l, const struct pb_yaml_node *at, const struct api_schema *schema, bool is_param)
{
    struct api_pending *p = alloc(l, sizeof *p);

    *p = (struct api_pending){at, schema, is_param, l->pending};
    l->pending = p;
}

/* ---- bodies ---- */

struct body_doc {
    bool required;
    const struct pb_yaml_node *content;
};

static const struct api_key body_keys[] = {
    {"required", api_read_bool, offsetof(struct body_doc, required), 0},
    {"content", api_read_mapping, offsetof(struct body_doc, content), 0},
    {"description", NULL, 0, 0},
};

static const struct api_key media_keys[] = {
    {"schema", api_read_mapping, 0, 0},
    {"example", NULL, 0, 0},
    {"examples", NULL, 0, 0},
};

static bool is_json(const char *type)
{
    size_t n = strlen(type);

    return strcasecmp(type, "application/json") == 0 || (n > 5 && strcasecmp(type + n - 5, "+json") == 0);
}

static bool read_media(struct api_reader *l, const struct pb_yaml_node *node, struct api_media *media)
{
    const char *slash = strchr(node->key, '/'), *star = strchr(node->key, '*');
    const struct pb_yaml_node *schema = NULL;
    struct pbay_str type = {node->key, slash ? (size_t)(slash - node->key) : 0};

    if (!http_is_token(type) || !http_is_token(pbay_str(slash + 1)) ||
        (star && strcmp(node->key, "*/*") != 0 && (star != slash + 1 || star[1])))
        return pb_yaml_error(l->l.error, node, "expected a type such as application/json, text/* or */*");
    if (!api_keys(&l->l, node, media_keys, COUNT(media_keys), &schema))
        return false;
    media->type = star ? pb_arena_str(l->l.arena, (struct pbay_str){node->key, (size_t)(star - node->key)}) : node->key;
    media->is_json = is_json(node->key);
    if (!schema)
        return true;
    media->schema = api_schema_load(&l->l, schema);
    if (media->schema && !media->is_json)
        api_watch(l, schema, media->schema, false);
    return media->schema;
}

static bool read_body(struct api_reader *l, const struct pb_yaml_node *node, struct api_operation *operation)
{
    struct body_doc doc = {0};
    struct api_media *media;

    node = api_deref(&l->l, node, "requestBodies");
    if (!node || !api_keys(&l->l, node, body_keys, COUNT(body_keys), &doc))
        return false;
    if (!doc.content || doc.content->n == 0 || doc.content->n > API_MAX_MEDIA)
        return pb_yaml_error(l->l.error, node, "expected content with 1 to %d types", API_MAX_MEDIA);
    operation->has_body = true;
    operation->body_required = doc.required;
    operation->media = media = alloc(l, doc.content->n * sizeof *media);
    operation->types = "";
    for (const struct pb_yaml_node *type = doc.content->child; type; type = type->next) {
        operation->types =
            pb_arena_printf(l->l.arena, "%s%s%s", operation->types, operation->n_media ? ", " : "", type->key);
        if (!read_media(l, type, &media[operation->n_media++]))
            return false;
    }
    return true;
}

/* ---- operations and paths ---- */

struct operation_doc {
    const struct pb_yaml_node *params, *body;
};

static const struct api_key operation_keys[] = {
    {"parameters", api_read_list, offsetof(struct operation_doc, params), 0},
    {"requestBody", api_read_mapping, offsetof(struct operation_doc, body), 0},
    {"tags", NULL, 0, 0},
    {"summary", NULL, 0, 0},
    {"description", NULL, 0, 0},
    {"externalDocs", NULL, 0, 0},
    {"operationId", NULL, 0, 0},
    {"responses", NULL, 0, 0},
    {"callbacks", NULL, 0, 0},
    {"deprecated", NULL, 0, 0},
    {"security", NULL, 0, 0},
    {"servers", NULL, 0, 0},
};

static const struct api_operation *read_operation(struct api_reader *l, const struct pb_yaml_node *node,
                                                  const struct api_path *path, const struct pb_yaml_node *inherited)
{
    struct api_operation *operation = alloc(l, sizeof *operation);
    struct api_param *params = alloc(l, API_MAX_PARAMS * sizeof *params);
    struct operation_doc doc = {0};

    operation->params = params;
    if (!api_keys(&l->l, node, operation_keys, COUNT(operation_keys), &doc) ||
        !api_load_params(l, inherited, params, &operation->n_params) ||
        !api_load_params(l, doc.params, params, &operation->n_params) ||
        !api_place_params(l, node, path, params, operation->n_params) ||
        (doc.body && !read_body(l, doc.body, operation)))
        return NULL;
    return operation;
}

struct path_doc {
    const struct pb_yaml_node *operations[API_METHODS], *params;
};

#define METHOD(name, method)                                                     \
    {                                                                            \
        name, api_read_mapping, offsetof(struct path_doc, operations[method]), 0 \
    }

static const struct api_key path_keys[] = {
    METHOD("get", API_GET),
    METHOD("head", API_HEAD),
    METHOD("post", API_POST),
    METHOD("put", API_PUT),
    METHOD("patch", API_PATCH),
    METHOD("delete", API_DELETE),
    METHOD("options", API_OPTIONS),
    METHOD("trace", API_TRACE),
    {"parameters", api_read_list, offsetof(struct path_doc, params), 0},
    {"summary", NULL, 0, 0},
    {"description", NULL, 0, 0},
    {"servers", NULL, 0, 0},
};

static bool add_segment(struct api_reader *l, struct api_path *path, struct pbay_str s)
{
    const char *text;

    if (path->n_segments == API_MAX_SEGMENTS)
        return pb_yaml_error(l->l.error, path->node, "expected at most %d segments", API_MAX_SEGMENTS);
    path->segments[path->n_segments++] = text = pb_arena_str(l->l.arena, s);
    if (!strpbrk(text, "{}"))
        return true;
    if (text[0] != '{' || strcspn(text + 1, "{}") + 2 != s.n || s.p[s.n - 1] != '}' || s.n < 3)
        return pb_yaml_error(l->l.error, path->node, "braces are only supported around a whole segment: /{name}/");
    path->segments[path->n_segments - 1] = pb_arena_str(l->l.arena, (struct pbay_str){s.p, s.n - 1});
    return true;
}

static bool read_segments(struct api_reader *l, struct api_path *path)
{
    const char *at = path->node->key;

    if (*at != '/' || strpbrk(at, "?#%"))
        return pb_yaml_error(l->l.error, path->node, "expected a path that begins with a slash, without ?, # and %%");
    while (*at) {
        size_t n = strcspn(++at, "/");

        if (!add_segment(l, path, (struct pbay_str){at, n}))
            return false;
        at += n;
    }
    return true;
}

static const char *list_methods(struct api_reader *l, const bool *has)
{
    const char *text = "";

    for (enum api_method i = 0; i < API_METHODS; i++) {
        char *name;

        if (!has[i])
            continue;
        name = pb_arena_str(l->l.arena, pbay_str(methods[i]));
        for (char *p = name; *p; p++)
            *p = (char)(*p - 'a' + 'A');
        text = pb_arena_printf(l->l.arena, "%s%s%s", text, *text ? ", " : "", name);
    }
    return text;
}

static bool read_path(struct api_reader *l, const struct pb_yaml_node *node, bool *all)
{
    struct api_path *path = alloc(l, sizeof *path);
    bool has[API_METHODS] = {[API_OPTIONS] = true};
    struct path_doc doc = {0};

    l->spec->paths[l->spec->n_paths++] = path;
    path->node = node;
    if (!read_segments(l, path) || !api_keys(&l->l, node, path_keys, COUNT(path_keys), &doc))
        return false;
    for (enum api_method i = 0; i < API_METHODS; i++) {
        if (doc.operations[i] && !(path->operations[i] = read_operation(l, doc.operations[i], path, doc.params)))
            return false;
    }
    if (!path->operations[API_HEAD])
        path->operations[API_HEAD] = path->operations[API_GET];
    for (enum api_method i = 0; i < API_METHODS; i++) {
        has[i] = has[i] || path->operations[i];
        all[i] = all[i] || has[i];
    }
    path->allow = list_methods(l, has);
    return true;
}

/* Segment by segment: a text before a name in braces. 0 = they fit the same requests. */
static int compare_paths(const void *pa, const void *pb)
{
    const struct api_path *a = *(const struct api_path *const *)pa, *b = *(const struct api_path *const *)pb;

    for (size_t i = 0; i < a->n_segments && i < b->n_segments; i++) {
        bool a_name = a->segments[i][0] == '{', b_name = b->segments[i][0] == '{';
        int differ = a_name && b_name ? 0 : a_name != b_name ? a_name - b_name : strcmp(a->segments[i], b->segments[i]);

        if (differ)
            return differ;
    }
    return (a->n_segments > b->n_segments) - (a->n_segments < b->n_segments);
}

static bool sort_paths(struct api_reader *l)
{
    const struct api_path **paths = l->spec->paths;

    qsort(paths, l->spec->n_paths, sizeof(struct api_path *), compare_paths);
    for (size_t i = 1; i < l->spec->n_paths; i++) {
        if (compare_paths(&paths[i - 1], &paths[i]) == 0)
            return pb_yaml_error(l->l.error, paths[i]->node, "the same path is on line %d, with other names",
                                 paths[i - 1]->node->at.line);
    }
    return true;
}

static bool read_paths(struct api_reader *l, const struct pb_yaml_node *paths)
{
    bool all[API_METHODS] = {[API_OPTIONS] = true};

    if (paths->n > API_MAX_PATHS)
        return pb_yaml_error(l->l.error, paths, "expected at most %d paths", API_MAX_PATHS);
    l->spec->paths = alloc(l, (paths->n + 1) * sizeof(struct api_path *));
    for (const struct pb_yaml_node *node = paths->child; node; node = node->next) {
        if (strncmp(node->key, "x-", 2) != 0 && !read_path(l, node, all))
            return false;
    }
    l->spec->allow = list_methods(l, all);
    return sort_paths(l);
}

/* ---- how schemas are used ---- */

/* A parameter is a text until its schema says how it is to be read. */
static bool check_param_schema(struct api_reader *l, const struct api_pending *p)
{
    const struct api_schema *s = api_schema_of(p->schema), *items = s->items ? api_schema_of(s->items) : NULL;

    if (s->type == API_OBJECT)
        return pb_yaml_error(l->l.error, p->at, "type: object is only supported in bodies");
    if (items && (items->type == API_OBJECT || items->type == API_ARRAY))
        return pb_yaml_error(l->l.error, p->at, "items of type: %s are only supported in bodies",
                             api_type_name(items->type));
    if ((s->type == API_ANY && !(s->types & 1U << API_STRING)) ||
        (items && items->type == API_ANY && !(items->types & 1U << API_STRING)))
        return pb_yaml_error(l->l.error, p->at, "its schema needs a type");
    return true;
}

static bool check_free_schema(struct api_reader *l, const struct api_pending *p)
{
    const struct api_schema *s = api_schema_of(p->schema);

    if (s->type <= API_STRING && s->types == ~0U && !s->enum_list && !s->format)
        return true;
    if (s->type <= API_STRING && s->format && api_format_is_free(s->format) && !s->enum_list && !s->pattern &&
        s->length.min == 0 && s->length.max == UINT64_MAX)
        return true;
    return pb_yaml_error(l->l.error, p->at, "only for JSON a schema may ask for more than type: string");
}

static bool check_pending(struct api_reader *l)
{
    for (const struct api_pending *p = l->pending; p; p = p->next) {
        if (!(p->is_param ? check_param_schema(l, p) : check_free_schema(l, p)))
            return false;
    }
    return true;
}

/* ---- the document ---- */

struct root_doc {
    const char *version;
    const struct pb_yaml_node *paths;
};

static const struct api_key root_keys[] = {
    {"openapi", api_read_text, offsetof(struct root_doc, version), 0},
    {"paths", api_read_mapping, offsetof(struct root_doc, paths), 0},
    {"components", NULL, 0, 0}, /* read where something refers to it */
    {"info", NULL, 0, 0},
    {"servers", NULL, 0, 0},
    {"security", NULL, 0, 0},
    {"tags", NULL, 0, 0},
    {"externalDocs", NULL, 0, 0},
};

static bool read_root(struct api_reader *l, const struct pb_yaml_node *root, const char *name)
{
    struct root_doc doc = {0};

    if (!root || root->next)
        return pb_conf_error(l->l.error, name, root ? root->next->at.line : 1, "expected exactly one document");
    l->l.root = root;
    if (!api_keys(&l->l, root, root_keys, COUNT(root_keys), &doc))
        return false;
    if (!doc.version || strncmp(doc.version, "3.0.", 4) != 0)
        return pb_yaml_error(l->l.error, root, "expected a document of OpenAPI 3.0: `openapi: 3.0.3`");
    if (!doc.paths)
        return pb_yaml_error(l->l.error, root, "expected the key paths");
    return read_paths(l, doc.paths) && api_schema_finish(&l->l) && check_pending(l);
}

static struct api_spec *finish(struct api_spec *spec, struct pb_yaml_node *root, const char *name,
                               struct pbay_conf_error *error)
{
    struct api_reader l = {.l = {.arena = &spec->arena, .error = error}, .spec = spec};

    if (!read_root(&l, root, name))
        api_spec_destroy(&spec);
    return spec;
}

struct api_spec *api_spec_load(const char *path, struct pbay_conf_error *error)
{
    struct api_spec *spec = pb_alloc(sizeof *spec);
    struct pb_yaml_node *root;

    if (pb_yaml_load(path, &spec->arena, &root, error))
        api_spec_destroy(&spec);
    return spec ? finish(spec, root, path, error) : NULL;
}

struct api_spec *api_spec_parse(const char *name, struct pbay_str text, struct pbay_conf_error *error)
{
    struct api_spec *spec = pb_alloc(sizeof *spec);
    struct pb_yaml_node *root;

    if (pb_yaml_parse(name, text.p, text.n, &spec->arena, &root, error))
        api_spec_destroy(&spec);
    return spec ? finish(spec, root, name, error) : NULL;
}

void api_spec_destroy(struct api_spec **spec)
{
    if (!*spec)
        return;
    pb_arena_fini(&(*spec)->arena);
    free(*spec);
    *spec = NULL;
}
