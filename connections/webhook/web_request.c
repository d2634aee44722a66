#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/http_text.h"
#include "connections/webhook/web_int.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MAX_HEADERS  100                 /* of one request */
#define MAX_DISCARD  ((uint64_t)4 << 20) /* bytes of a refused body that are read so that the refusal is */
#define FIRST_CHUNK  4096                /* bytes reserved for a body whose length is not known */
#define RETRY_AFTER  "1"                 /* seconds */

/* ---- answers ---- */

static void hold(struct web_request *r, size_t bytes)
{
    r->web->held = r->web->held - r->held + bytes;
    r->held = bytes;
}

void web_forget_body(struct web_request *r)
{
    free(r->body);
    r->body = NULL;
    r->body_n = 0;
}

static void drop_body(struct web_request *r)
{
    web_forget_body(r);
    hold(r, 0);
}

static void add_allow(const struct web_request *r, struct MHD_Response *response)
{
    char allow[128] = "";
    size_t n = 0;

    for (const char *const *method = r->methods; *method && n < sizeof allow; method++)
        n += (size_t)snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "", *method);
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
}

static void queue(struct web_request *r, unsigned status, struct MHD_Response *response)
{
    bool suspended = r->state == WEB_WAITS;

    assert(r->state != WEB_ANSWERS);
    r->state = WEB_ANSWERS;
    r->web->n_answering++;
    web_set_due(r, web_deadline(r->web));
    if (MHD_queue_response(r->mhd, status, response) != MHD_YES)
        web_cut(r);
    if (suspended) {
        MHD_resume_connection(r->mhd);
        r->web->opt.wake(r->web->opt.process); /* for the turn that writes it: nothing else wakes us */
    }
}

static void give(struct web_request *r, unsigned status, const char *type, struct pb_buf *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body->n, body->p, MHD_RESPMEM_MUST_FREE);

    assert(response); /* only for want of memory */
    drop_body(r);
    hold(r, body->n);
    *body = (struct pb_buf){0};
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add_allow(r, response);
    for (const char *const *f = r->fields; f && *f; f += 2)
        MHD_add_response_header(response, f[0], f[1]);
    queue(r, status, response);
    MHD_destroy_response(response);
}

void web_answer(struct web_request *r, unsigned status, const char *type, struct pb_buf *body)
{
    if (r->web->held - r->held + body->n <= r->web->opt.max_body_total) {
        give(r, status, type, body);
        return;
    }
    pb_buf_fini(body);
    web_say(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is under way");
}

void web_say(struct web_request *r, unsigned status, const char *why)
{
    const char *const pieces[] = {MHD_get_reason_phrase_for(status), " (", why, ")\n"};
    struct pb_buf text = {0};

    for (size_t i = 0; i < COUNT(pieces); i++)
        pb_buf_add(&text, pieces[i], strlen(pieces[i]));
    give(r, status, WEB_TEXT, &text);
}

/* ---- a request's head ---- */

static bool refuse(struct web_request *r, unsigned status, const char *why)
{
    r->fault = status;
    r->why = why;
    return false;
}

/* What the walk over the headers finds. */
struct walk {
    struct web_request *r;
    unsigned n, n_host, n_length, n_encoding;
    struct pbay_str host, length, encoding;
};

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_n, const char *value,
                                   size_t value_n)
{
    struct walk *w = cls;
    struct pbay_str name = {key, key_n}, v = {value ? value : "", value_n};

    (void)kind;
    w->n++;
    if (!http_is_token(name) || !http_is_value(v)) {
        refuse(w->r, MHD_HTTP_BAD_REQUEST, "a header");
        return MHD_NO;
    }
    if (http_is_same(name, MHD_HTTP_HEADER_HOST)) {
        w->n_host++;
        w->host = v;
    } else if (http_is_same(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        w->n_length++;
        w->length = v;
    } else if (http_is_same(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        w->n_encoding++;
        w->encoding = v;
    }
    return MHD_YES;
}

/* RFC 9112 6: how long the body is. */
static bool check_framing(const struct walk *w)
{
    struct web_request *r = w->r;
    bool is_1_0 = strcmp(r->version, MHD_HTTP_VERSION_1_0) == 0;

    if (w->n_host > 1 || (w->n_host == 0 && !is_1_0) || (w->n_host && !http_is_host(http_trim(w->host))))
        return refuse(r, MHD_HTTP_BAD_REQUEST, "the Host");
    if (w->n_encoding + w->n_length > 1 || (w->n_encoding && is_1_0))
        return refuse(r, MHD_HTTP_BAD_REQUEST, "Content-Length and Transfer-Encoding");
    if (w->n_encoding && !http_is_same(w->encoding, "chunked"))
        return refuse(r, MHD_HTTP_NOT_IMPLEMENTED, "this Transfer-Encoding");
    if (w->n_length && !http_is_length(w->length, &r->length))
        return refuse(r, MHD_HTTP_BAD_REQUEST, "the Content-Length");
    return true;
}

static bool check_headers(struct web_request *r)
{
    size_t n = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    struct walk w = {.r = r};

    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, each_header, &w);
    if (r->fault)
        return false;
    if (w.n > MAX_HEADERS || n > r->web->opt.limits.max_header_bytes)
        return refuse(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers");
    return check_framing(&w);
}

/* NULL = nothing is there. */
static const char *const *methods_at(const struct web *w, const char *target)
{
    size_t n;

    if (!w->opt.path)
        return w->opt.methods_at(w->opt.owner, target);
    n = strlen(w->opt.path);
    return strncmp(target, w->opt.path, n) == 0 && (target[n] == '\0' || target[n] == '?') ? w->opt.methods : NULL;
}

static bool is_allowed(const struct web_request *r, const char *method)
{
    for (const char *const *m = r->methods; *m; m++) {
        if (strcmp(*m, method) == 0)
            return true;
    }
    return false;
}

static bool check_head(struct web_request *r)
{
    return http_is_target(pbay_str(r->target)) ? check_headers(r)
                                               : refuse(r, MHD_HTTP_BAD_REQUEST, "the target: expected /path?query");
}

static bool check_purpose(struct web *w, struct web_request *r, const char *method)
{
    r->methods = methods_at(w, r->target);
    if (!r->methods)
        return refuse(r, MHD_HTTP_NOT_FOUND, "nothing is here");
    if (!is_allowed(r, method))
        return refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "this method");
    if (r->length > w->opt.max_body_bytes)
        return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body");
    snprintf(r->method, sizeof r->method, "%s", method);
    return true;
}

/* ---- requests ---- */

/* Room for a body of so many bytes. */
static bool reserve(struct web_request *r, size_t bytes)
{
    if (r->web->held - r->held + bytes > r->web->opt.max_body_total)
        return refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is under way");
    hold(r, bytes);
    r->body = pb_realloc(r->body, bytes);
    return true;
}

static bool grow(struct web_request *r, size_t n)
{
    size_t bytes = r->held ? r->held : FIRST_CHUNK, most = r->web->opt.max_body_bytes;

    if (n > most - r->body_n)
        return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body");
    while (bytes < r->body_n + n)
        bytes *= 2;
    if (bytes > most)
        bytes = most;
    return (r->body && bytes == r->held) || reserve(r, bytes);
}

/* What is refused is read all the same: a connection that is closed before would take the answer with it. */
static void take(struct web_request *r, const char *data, size_t n)
{
    if (r->fault == 0 && grow(r, n)) {
        memcpy(r->body + r->body_n, data, n);
        r->body_n += n;
        return;
    }
    drop_body(r);
    r->discarded += n;
    if (r->discarded > MAX_DISCARD)
        web_cut(r);
}

/* A body whose end is not known, or that is not to come before it is asked for, is not waited for. */
static void begin(struct web *w, struct web_request *r, const char *method, const char *version)
{
    bool expects = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) != NULL, has_end;

    r->begun = true;
    snprintf(r->version, sizeof r->version, "%s", version);
    has_end = check_head(r);
    if (has_end && check_purpose(w, r, method) && (r->length == 0 || reserve(r, (size_t)r->length)))
        return;
    if (!has_end || expects || r->length > MAX_DISCARD)
        web_say(r, r->fault, r->why);
}

static void finish(struct web *w, struct web_request *r)
{
    if (r->fault) {
        web_say(r, r->fault, r->why);
        return;
    }
    w->opt.complete(w->opt.owner, r);
    if (r->state != WEB_READS)
        return;
    r->state = WEB_WAITS;
    r->due = WEB_NEVER;
    MHD_suspend_connection(r->mhd);
}

/* libmicrohttpd forgets a request whose query does not fit into its memory without a word; what follows on that
 * connection is not read. */
void *web_on_target(void *web, const char *target, struct MHD_Connection *mhd)
{
    struct web_request *r = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    (void)web;
    if (r->target)
        return NULL;
    r->target = pb_strndup(pbay_str(target));
    return r;
}

enum MHD_Result web_on_request(void *web, struct MHD_Connection *mhd, const char *target, const char *method,
                               const char *version, const char *data, size_t *n, void **context)
{
    struct web_request *r = *context;

    (void)mhd;
    (void)target; /* web_on_target has it with its query */
    if (!r || r->state == WEB_ANSWERS)
        return MHD_NO; /* the answer could not be queued */
    if (!r->begun)
        begin(web, r, method, version);
    else if (*n == 0)
        finish(web, r);
    else
        take(r, data, *n);
    *n = 0;
    return MHD_YES;
}

/* The target is looked at as it came; nobody needs it decoded. */
size_t web_keep_escapes(void *web, struct MHD_Connection *mhd, char *text)
{
    (void)web;
    (void)mhd;
    return strlen(text);
}

struct pbay_str web_header(const struct web_request *r, const char *name)
{
    return http_trim(pbay_str(MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name)));
}
