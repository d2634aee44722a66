/* A request against the document. The path and the query are taken apart once; each parameter then looks for its
 * values among at most API_MAX_VALUES, so that the work is linear in the request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_spec.h"
#include "connections/http_server/http_text.h"
#include "schema/utf8.h"

/* How bytes are hidden in a value. */
enum escape { ESCAPE_NONE, ESCAPE_PERCENT, ESCAPE_FORM /* and + is a blank */ };

/* The values of one parameter, as they came. */
struct values {
    struct pbay_str v[API_MAX_VALUES];
    size_t n;
    enum escape escape;
};

struct pair {
    char *name; /* without escapes; owned */
    struct pbay_str value;
};

struct request {
    const struct api_request *in;
    struct api_fault *fault;
    struct pbay_str raw[API_MAX_SEGMENTS]; /* of its path */
    char *segments[API_MAX_SEGMENTS];      /* the same without escapes; owned */
    size_t n_segments;
    struct pair query[API_MAX_VALUES];
    size_t n_query;
    uint64_t budget;
};

/* As a text that the caller frees; NULL = an escape is not one, or what comes out is no text: a NUL, not UTF-8. */
static char *decode(struct pbay_str in, enum escape escape)
{
    char *out = pb_alloc(in.n + 1);
    bool good = true, plain = escape == ESCAPE_NONE;
    size_t n = 0;

    while (in.n && good) {
        bool escaped = false;
        char c = plain ? in.p[0] : http_next_byte(&in, &escaped);

        if (plain)
            in = (struct pbay_str){in.p + 1, in.n - 1};
        good = c && (c != '%' || escaped || plain);
        out[n++] = (char)(c == '+' && !escaped && escape == ESCAPE_FORM ? ' ' : c);
    }
    if (good && pb_is_utf8((struct pbay_str){out, n}))
        return out;
    free(out);
    return NULL;
}

/* What stands before the mark; *text is what stands behind it, p NULL = there was no mark. */
static struct pbay_str cut(struct pbay_str *text, char mark)
{
    const char *at = text->n ? memchr(text->p, mark, text->n) : NULL;
    struct pbay_str head = {text->p, at ? (size_t)(at - text->p) : text->n};

    *text = at ? (struct pbay_str){at + 1, text->n - head.n - 1} : (struct pbay_str){NULL, 0};
    return head;
}

static bool fault(struct request *r, unsigned status, const char *what)
{
    return api_fault(r->fault, status, NULL, "%s", what);
}

/* ---- taking it apart ---- */

static bool read_path(struct request *r, struct pbay_str path)
{
    cut(&path, '/'); /* nothing stands before the first one */
    while (path.p) {
        struct pbay_str segment = cut(&path, '/');

        if (r->n_segments == API_MAX_SEGMENTS)
            return fault(r, 404, "the API describes no such path");
        r->raw[r->n_segments] = segment;
        r->segments[r->n_segments] = decode(segment, ESCAPE_PERCENT);
        if (!r->segments[r->n_segments++])
            return fault(r, 400, "path: expected UTF-8, with escapes such as %20");
    }
    return true;
}

static bool read_query(struct request *r, struct pbay_str query)
{
    while (query.p) {
        struct pbay_str value = cut(&query, '&'), name = cut(&value, '=');

        if (name.n == 0 && !value.p)
            continue;
        if (r->n_query == API_MAX_VALUES)
            return fault(r, 400, "query: too many parameters");
        r->query[r->n_query].value = value;
        r->query[r->n_query].name = decode(name, ESCAPE_FORM);
        if (!r->query[r->n_query++].name)
            return fault(r, 400, "query: expected UTF-8, with escapes such as %20");
    }
    return true;
}

static void release(struct request *r)
{
    for (size_t i = 0; i < r->n_segments; i++)
        free(r->segments[i]);
    for (size_t i = 0; i < r->n_query; i++)
        free(r->query[i].name);
    free(r);
}

/* ---- which operation ---- */

static bool fits_segment(const char *described, const char *segment)
{
    if (described[0] != '{')
        return strcmp(described, segment) == 0;
    return *segment && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0; /* they would lead to another path */
}

static const struct api_path *find_path(const struct api_spec *spec, const struct request *r)
{
    for (size_t i = 0; i < spec->n_paths; i++) {
        const struct api_path *path = spec->paths[i];
        size_t n = 0;

        if (path->n_segments != r->n_segments)
            continue;
        while (n < path->n_segments && fits_segment(path->segments[n], r->segments[n]))
            n++;
        if (n == path->n_segments)
            return path;
    }
    return NULL;
}

/* OPTIONS is answered by us where the document says nothing of it. */
static bool no_method(struct request *r, const char *allow)
{
    if (pbay_str_eq(r->in->method, pbay_str("OPTIONS")))
        fault(r, 204, "");
    else
        fault(r, 405, "the API does not describe this method here");
    r->fault->allow = allow;
    return false;
}

static const struct api_operation *find_operation(const struct api_path *path, struct pbay_str method)
{
    for (enum api_method i = 0; i < API_METHODS; i++) {
        const char *name = api_method_name(i);
        bool same = http_is_same(method, name);

        for (size_t c = 0; same && c < method.n; c++)
            same = method.p[c] >= 'A' && method.p[c] <= 'Z'; /* methods are in upper case */
        if (same)
            return path->operations[i];
    }
    return NULL;
}

/* ---- parameters ---- */

static void add_value(struct values *values, struct pbay_str v)
{
    if (values->n < API_MAX_VALUES)
        values->v[values->n] = v;
    values->n++; /* too many are told later */
}

static void find_values(const struct request *r, const struct api_param *param, struct values *values)
{
    struct pbay_str text = r->in->headers, name, value;

    values->n = 0;
    values->escape = param->in == API_IN_QUERY ? ESCAPE_FORM : param->in == API_IN_PATH ? ESCAPE_PERCENT : ESCAPE_NONE;
    if (param->in == API_IN_PATH)
        add_value(values, r->raw[param->segment]);
    for (size_t i = 0; param->in == API_IN_QUERY && i < r->n_query; i++) {
        if (strcmp(r->query[i].name, param->name) == 0)
            add_value(values, r->query[i].value);
    }
    while (param->in == API_IN_HEADER && http_next_line(&text, &name, &value) == HTTP_LINE) {
        if (http_is_same(name, param->name))
            add_value(values, value);
    }
}

/* The values of a list that stand in one, behind commas. */
static void split_values(struct values *values)
{
    struct values *whole = pb_alloc(sizeof *whole);

    *whole = *values;
    values->n = 0;
    for (size_t i = 0; i < whole->n; i++) {
        struct pbay_str text = whole->v[i];

        do
            add_value(values, http_trim(cut(&text, ',')));
        while (text.p);
    }
    free(whole);
}

static json_t *number_of(struct pbay_str text, bool whole)
{
    long double v;
    char *end;
    long long i;

    if (!api_read_number(text, &v))
        return NULL;
    errno = 0;
    i = strtoll(text.p, &end, 10);
    if (end == text.p + text.n)
        return errno ? NULL : json_integer(i);
    return whole ? NULL : json_real((double)v);
}

/* A text as a value of that type; NULL = it is none. */
static json_t *value_of(const struct api_schema *s, const char *text)
{
    s = s ? api_schema_of(s) : NULL;
    if (s && (s->type == API_INTEGER || s->type == API_NUMBER))
        return number_of(pbay_str(text), s->type == API_INTEGER);
    if (s && s->type == API_BOOLEAN)
        return strcmp(text, "true") == 0 ? json_true() : strcmp(text, "false") == 0 ? json_false() : NULL;
    return json_string(text);
}

static bool add_item(json_t *list, const struct api_schema *items, struct pbay_str raw, enum escape escape)
{
    char *text = decode(raw, escape);
    json_t *value = text ? value_of(items, text) : NULL;

    free(text);
    return value && json_array_append_new(list, value) == 0;
}

/* Its values as one list; NULL = *place is where it went wrong. */
static json_t *list_of(const struct values *values, const struct api_schema *items, struct api_place *place)
{
    json_t *list = json_array();

    for (place->index = 0; place->index < values->n; place->index++) {
        if (!add_item(list, items, values->v[place->index], values->escape)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const char *wanted(const struct api_schema *s)
{
    s = s ? api_schema_of(s) : NULL;
    return s && s->type != API_ANY ? api_type_phrase(s->type) : "text in UTF-8";
}

static bool check_values(struct request *r, const struct api_param *param, const struct api_schema *s,
                         struct values *values, const struct api_place *at)
{
    bool is_list = s->type == API_ARRAY;
    struct api_place item = {.up = at};
    char *text = NULL;
    json_t *value;
    bool good;

    if (is_list && values->n <= API_MAX_VALUES && !(param->in == API_IN_QUERY && param->explode))
        split_values(values);
    if (values->n > API_MAX_VALUES)
        return api_fault(r->fault, 400, at, "expected at most %d values", API_MAX_VALUES);
    if (is_list) {
        value = list_of(values, s->items, &item);
        if (!value)
            return api_fault(r->fault, 400, &item, "expected %s", wanted(s->items));
    } else {
        text = decode(values->v[0], values->escape);
        value = text ? value_of(s, text) : NULL;
        free(text);
        if (!value)
            return api_fault(r->fault, 400, at, "expected %s", wanted(s));
    }
    good = api_schema_check(s, value, at, &r->budget, r->fault);
    json_decref(value);
    return good;
}

static bool check_param(struct request *r, const struct api_param *param, struct values *values)
{
    static const char *const where[] = {[API_IN_PATH] = "path", [API_IN_QUERY] = "query", [API_IN_HEADER] = "header"};
    const struct api_schema *s = api_schema_of(param->schema);
    struct api_place in = {.name = where[param->in]}, at = {.up = &in, .name = param->name};
    bool may_repeat = s->type == API_ARRAY && (param->explode || param->in == API_IN_HEADER);

    find_values(r, param, values);
    if (values->n == 0)
        return !param->required || api_fault(r->fault, 400, &at, "expected it to be there");
    if (values->n > 1 && !may_repeat)
        return api_fault(r->fault, 400, &at, "is there more than once");
    if (param->allow_empty && values->n == 1 && values->v[0].n == 0)
        return true;
    return check_values(r, param, s, values, &at);
}

static bool check_params(struct request *r, const struct api_operation *operation)
{
    struct values *values = pb_alloc(sizeof *values);
    bool good = true;

    for (size_t i = 0; i < operation->n_params && good; i++)
        good = check_param(r, &operation->params[i], values);
    free(values);
    return good;
}

/* ---- bodies ---- */

static struct pbay_str content_type(const struct request *r)
{
    struct pbay_str text = r->in->headers, name, value;

    while (http_next_line(&text, &name, &value) == HTTP_LINE) {
        if (http_is_same(name, "Content-Type"))
            return http_trim(cut(&value, ';'));
    }
    return pbay_str("");
}

/* How well it fits: 0 = not at all; the longer what was described, the better. */
static size_t fit(const struct api_media *media, struct pbay_str type)
{
    size_t n = strlen(media->type);
    bool is_range = n == 0 || media->type[n - 1] == '/';
    struct pbay_str start = {type.p, is_range && n < type.n ? n : type.n};

    return http_is_same(start, media->type) ? n + 1 : 0;
}

static bool find_media(struct request *r, const struct api_operation *operation, struct api_match *match)
{
    struct pbay_str type = content_type(r);
    size_t best = 0;

    if (!operation->has_body)
        return fault(r, 400, "body: the API describes none here");
    for (size_t i = 0; i < operation->n_media; i++) {
        size_t n = fit(&operation->media[i], type);

        if (n > best)
            match->media = &operation->media[i];
        best = n > best ? n : best;
    }
    return match->media || api_fault(r->fault, 415, NULL, "header.Content-Type: expected %s", operation->types);
}

static bool check(const struct api_spec *spec, struct request *r, struct api_match *match)
{
    struct pbay_str query = r->in->target, path = cut(&query, '?');
    const struct api_path *found;

    if (pbay_str_eq(path, pbay_str("*")))
        return no_method(r, spec->allow);
    if (!read_path(r, path))
        return false;
    found = find_path(spec, r);
    if (!found)
        return fault(r, 404, "the API describes no such path");
    match->operation = find_operation(found, r->in->method);
    if (!match->operation)
        return no_method(r, found->allow);
    if (!read_query(r, query) || !check_params(r, match->operation))
        return false;
    if (r->in->has_body)
        return find_media(r, match->operation, match);
    return !match->operation->body_required || fault(r, 400, "body: expected one");
}

bool api_check_head(const struct api_spec *spec, const struct api_request *request, struct api_match *match,
                    struct api_fault *fault)
{
    struct request *r = pb_alloc(sizeof *r);
    bool good;

    *r = (struct request){.in = request, .fault = fault, .budget = API_MAX_STEPS};
    *match = (struct api_match){NULL, NULL};
    good = check(spec, r, match);
    release(r);
    return good;
}

/* How many values a text in JSON may hold: one, and one for each mark that leads to another. */
static size_t count_values(struct pbay_str text)
{
    bool quoted = false;
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++) {
        if (quoted && text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            quoted = !quoted;
        else
            n += !quoted && (text.p[i] == ',' || text.p[i] == '[' || text.p[i] == '{');
    }
    return n;
}

bool api_check_body(const struct api_match *match, struct pbay_str body, struct api_fault *fault)
{
    struct api_place at = {.name = "body"};
    uint64_t budget = API_MAX_STEPS;
    json_error_t error;
    json_t *value;
    bool good;

    if (!match->operation || !match->media)
        return true;
    if (body.n == 0) /* it came in no chunks */
        return !match->operation->body_required || api_fault(fault, 400, &at, "expected one");
    if (!match->media->is_json || !match->media->schema)
        return true;
    if (count_values(body) > API_MAX_JSON)
        return api_fault(fault, 413, &at, "more than %d values", API_MAX_JSON);
    value = json_loadb(body.p, body.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return api_fault(fault, 400, &at, "expected JSON: line %d: %.60s", error.line, error.text);
    good = api_schema_check(match->media->schema, value, &at, &budget, fault);
    json_decref(value);
    return good;
}
