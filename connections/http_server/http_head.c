/* What a request's head must be like before the agent sees it.
 *
 * libmicrohttpd 0.9.75 parses in place and is lenient: a line may end with a bare newline, a header may be folded
 * (which it then mangles), a NUL ends a value, two lengths or two hosts are no fault. Two servers that disagree about
 * where a request ends are what request smuggling lives on, so none of it is taken.
 *
 * How a line ended cannot be asked for. But the parser writes NULs over what ends a name, a value and a line, and
 * leaves everything where it was received: each line must begin exactly two bytes behind the one before it, and the
 * last one end where the head ends. A bare newline makes that one byte, a NUL or a fold makes it more. (A NUL just
 * before a bare newline looks like CRLF: the one thing this cannot see.) Should a later version copy headers elsewhere,
 * every request would be refused, and the tests would say so.
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "connections/http_server/http_int.h"
#include "schema/buf.h"

#define LINE_END 2 /* bytes of CRLF */
#define VERSION  8 /* bytes of HTTP/1.1 */

/* What the walk over the headers gathers. */
struct walk {
    struct http_request *r;
    const char *next; /* where the next line must begin */
    struct pb_buf text;
    unsigned n, n_host, n_length, n_encoding;
    struct pbay_str host, length, encoding, traceparent;
};

static bool bad(struct http_request *r, const char *why)
{
    return http_request_fault(r, MHD_HTTP_BAD_REQUEST, true, why);
}

static enum MHD_Result stop(struct walk *w, const char *why)
{
    bad(w->r, why);
    return MHD_NO;
}

static void note(struct walk *w, struct pbay_str name, struct pbay_str value)
{
    if (http_is_same(name, "Host")) {
        w->n_host++;
        w->host = http_trim(value);
    } else if (http_is_same(name, "Content-Length")) {
        w->n_length++;
        w->length = value;
    } else if (http_is_same(name, "Transfer-Encoding")) {
        w->n_encoding++;
        w->encoding = value;
    } else if (http_is_same(name, "traceparent")) {
        w->traceparent = http_trim(value);
    }
}

static void keep(struct walk *w, struct pbay_str name, struct pbay_str value)
{
    value = http_trim(value);
    pb_buf_add(&w->text, name.p, name.n);
    pb_buf_add(&w->text, ": ", 2);
    pb_buf_add(&w->text, value.p, value.n);
    pb_buf_add(&w->text, "\n", 1);
}

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_n, const char *value,
                                   size_t value_n)
{
    struct walk *w = cls;
    struct pbay_str name = {key, key_n}, v = {value ? value : "", value_n};

    (void)kind;
    if (key != w->next || !value)
        return stop(w, "a line does not end with CRLF, is folded, or holds a NUL");
    if (!http_is_token(name))
        return stop(w, "the name of a header");
    if (!http_is_value(v))
        return stop(w, "the value of a header");
    w->next = value + value_n + LINE_END;
    w->n++;
    note(w, name, v);
    keep(w, name, v);
    return MHD_YES;
}

static size_t head_size(const struct http_request *r)
{
    return MHD_get_connection_info(r->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
}

/* The request line: pieces that follow each other at the distance of one blank. */
static bool check_line(struct http_server *s, struct http_request *r, const char *method, const char *target,
                       const char *version)
{
    size_t method_n = strlen(method), target_n = strlen(r->target);

    if (method_n > HTTP_MAX_METHOD || strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0)
        return http_request_fault(r, MHD_HTTP_NOT_IMPLEMENTED, true, "this method");
    if (target != method + method_n + 1 || version != target + target_n + 1 || strlen(version) != VERSION ||
        !http_is_token((struct pbay_str){method, method_n}))
        return bad(r, "the request line");
    if (method_n + target_n + VERSION + 2 > s->config.max_request_line)
        return http_request_fault(r, MHD_HTTP_URI_TOO_LONG, true, "the request line");
    if (strcmp(method, "OPTIONS") == 0 && strcmp(r->target, "*") == 0)
        return true;
    return http_is_target((struct pbay_str){r->target, target_n}) || bad(r, "the target: expected /path?query");
}

static bool check_size(struct http_server *s, struct walk *w, const char *method, const char *headers)
{
    struct http_request *r = w->r;
    size_t n = head_size(r);

    if (method + n != w->next + LINE_END)
        return bad(r, "a line does not end with CRLF, is folded, or holds a NUL");
    if (n - (size_t)(headers - method) > s->config.max_header_bytes || w->n > s->config.max_headers)
        return http_request_fault(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, true, "the headers");
    return true;
}

static bool check_host(const struct walk *w, bool is_1_0)
{
    if (w->n_host == 0 && is_1_0)
        return true;
    if (w->n_host != 1)
        return bad(w->r, "expected one Host");
    return http_is_host(w->host) || bad(w->r, "the Host");
}

/* RFC 9112 6: how long the body is. */
static bool check_framing(const struct walk *w, bool is_1_0)
{
    struct http_request *r = w->r;

    if (w->n_encoding + w->n_length > 1)
        return bad(r, "more than one of Content-Length and Transfer-Encoding");
    if (w->n_encoding && is_1_0)
        return bad(r, "Transfer-Encoding in HTTP/1.0");
    if (w->n_encoding && !http_is_same(w->encoding, "chunked"))
        return http_request_fault(r, MHD_HTTP_NOT_IMPLEMENTED, true, "this Transfer-Encoding");
    if (w->n_length && !http_is_length(w->length, &r->length))
        return bad(r, "the Content-Length");
    r->has_body = w->n_encoding || r->length;
    return true;
}

static struct pbay_str put(struct pb_buf *b, struct pbay_str text)
{
    struct pbay_str placed = {NULL, text.n}; /* p once b does not move any more */

    pb_buf_add(b, text.p, text.n);
    return placed;
}

/* Keep what libmicrohttpd owns in one piece of our own. */
static void fill_in(struct http_server *s, struct walk *w, const char *method)
{
    struct pbay_str host = w->n_host ? w->host : pbay_str(s->authority);
    struct http_request *r = w->r;
    struct pb_buf b = {0};
    char *p;

    r->method = put(&b, pbay_str(method));
    r->operation = put(&b, pbay_str(method));
    r->url = put(&b, pbay_str(s->config.ssl_cert ? "https://" : "http://"));
    r->url.n += put(&b, host).n;
    if (r->target[0] == '/') /* RFC 9110 7.1: * is no path */
        r->url.n += put(&b, pbay_str(r->target)).n;
    r->headers = put(&b, (struct pbay_str){(const char *)w->text.p, w->text.n});
    if (http_is_traceparent(w->traceparent))
        r->traceparent = put(&b, w->traceparent);
    r->head = p = (char *)b.p;
    r->method.p = p;
    r->operation.p = p += r->method.n;
    for (size_t i = 0; i < r->operation.n; i++)
        p[i] = (char)tolower((unsigned char)p[i]);
    r->url.p = p += r->operation.n;
    r->headers.p = p += r->url.n;
    r->traceparent.p = p + r->headers.n;
}

bool http_head_read(struct http_server *s, struct http_request *r, const char *method, const char *target,
                    const char *version)
{
    const char *headers = version + VERSION + LINE_END;
    bool is_1_0 = strcmp(version, "HTTP/1.0") == 0, good;
    struct walk w = {.r = r, .next = headers};

    if (!check_line(s, r, method, target, version))
        return false;
    MHD_get_connection_values_n(r->conn->mhd, MHD_HEADER_KIND, each_header, &w);
    good = r->fault.status == 0 && check_size(s, &w, method, headers) && check_host(&w, is_1_0) &&
           check_framing(&w, is_1_0);
    if (good)
        fill_in(s, &w, method);
    pb_buf_fini(&w.text);
    return good;
}
