/* One request as libcurl sees it.
 *
 * libcurl sends a request a second time when a connection from its pool ends before the first byte of an answer. For
 * what may not be repeated that would be a silent second write: on_send lets each such request out once only, and again
 * after an answer (a redirect). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_client/client_int.h"
#include "connections/http_server/http_text.h"
#include "schema/buf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define SCHEMES      "http,https"
#define AGENT        "patchbay-http-client"
#define SEE_OTHER    303
#define MAX_INFORM   199 /* the last status of an answer that another one follows */
#define VERIFY_HOST  2L  /* the name in the certificate is the host's */
#define MAX_AGE      30L /* seconds that a connection may have been idle when it is used again */

/* ---- what libcurl tells; each may stop the transfer ---- */

static void stop(struct client_request *r, CURLcode code, const char *why)
{
    r->stopped = curl_easy_strerror(code);
    r->why = why;
}

static void too_big(struct client_request *r, const char *why)
{
    stop(r, CURLE_FILESIZE_EXCEEDED, why);
}

/* The connection is up and the request about to go out. */
static int on_send(void *self, char *to, char *from, int to_port, int from_port)
{
    struct client_request *r = self;

    (void)to, (void)from, (void)to_port, (void)from_port;
    if (r->n_asked > r->n_answered && !http_is_idempotent(pbay_str(r->method))) {
        stop(r, CURLE_GOT_NOTHING,
             "the connection ended before an answer; a request with this method is not sent again");
        return CURL_PREREQFUNC_ABORT;
    }
    r->n_asked++;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *p, size_t size, size_t n, void *self)
{
    struct client_request *r = self;
    struct pbay_str phrase, line = {p, size * n};
    unsigned status = client_status(line, &phrase);

    r->header_bytes += (uint32_t)line.n; /* a line is 100 KiB at most */
    if (r->header_bytes > r->client->config.max_header_bytes) {
        too_big(r, "the headers are longer than max_header_bytes");
        return 0;
    }
    if (status == 0)
        return line.n;
    if (status > MAX_INFORM)
        r->n_answered = r->n_asked;
    if (status == SEE_OTHER) /* the next request is a GET; libcurl would keep a method that was set by name */
        curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, NULL);
    r->phrase.n = 0;
    client_add_text(&r->phrase, phrase);
    return line.n;
}

static bool has_room(struct client_request *r, uint64_t n)
{
    uint64_t left = r->client->config.max_response - r->body.n;

    if (n > left)
        too_big(r, "the body is longer than max_response");
    return n <= left;
}

/* The length that the server has announced, before anything is read for nothing. */
static bool is_announced_well(struct client_request *r)
{
    curl_off_t length = -1;

    curl_easy_getinfo(r->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length < 0 || has_room(r, (uint64_t)length);
}

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct client_request *r = self;

    n *= size;
    if ((r->body.n == 0 && !is_announced_well(r)) || !has_room(r, n))
        return 0;
    if (!client_request_hold(r->client, r, n)) {
        too_big(r, "too many bodies are under way: max_body_total");
        return 0;
    }
    pb_buf_add(&r->body, p, n);
    return n;
}

/* ---- how it is made ---- */

static void add_line(struct client_request *r, const char *line)
{
    struct curl_slist *longer = curl_slist_append(r->headers, line);

    assert(longer); /* only for want of memory */
    r->headers = longer;
}

/* libcurl's way to write a header without a value is a semicolon. */
static void add_header(struct client_request *r, struct pbay_str name, struct pbay_str value)
{
    char *line = pb_alloc(name.n + value.n + 3);

    memcpy(line, name.p, name.n);
    memcpy(line + name.n, value.n ? ": " : ";", value.n ? 2 : 1);
    if (value.n)
        memcpy(line + name.n + 2, value.p, value.n);
    add_line(r, line);
    free(line);
}

/* What the agent does not say is not said, but for Host, Accept and User-Agent. */
static void set_headers(struct client_request *r)
{
    struct pbay_str text = pbay_message_str(&r->asked, "headers"), name, value;
    bool has_type = false;

    while (http_next_line(&text, &name, &value) == HTTP_LINE) {
        if (client_is_own_header(name))
            continue;
        has_type |= http_is_same(name, "Content-Type");
        add_header(r, name, value);
    }
    add_line(r, "Expect:");
    if (!has_type)
        add_line(r, "Content-Type:");
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

/* A redirect changes POST alone into GET, as browsers have it; after 303 everything is a GET. */
static void set_method(struct client_request *r)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    struct pbay_str body = pbay_message_str(&r->asked, "body");
    bool is_post = strcmp(r->method, "POST") == 0, has_body = body.n > 0;

    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    for (size_t i = 0; i < COUNT(with_body); i++)
        has_body |= strcmp(r->method, with_body[i]) == 0;
    if (has_body) {
        curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, body.n ? body.p : "");
    }
    if (!is_post && (has_body || strcmp(r->method, "GET") != 0))
        curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, r->method);
    if (!is_post)
        curl_easy_setopt(r->easy, CURLOPT_POSTREDIR, (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
}

/* No proxy and no file of somebody's home comes in from the environment. */
static void set_options(const struct client_config *c, struct client_request *r)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {{CURLOPT_NOSIGNAL, 1},
                   {CURLOPT_QUICK_EXIT, 1}, /* who gives up a look-up of a name does not wait for it */
                   {CURLOPT_FOLLOWLOCATION, c->max_redirects > 0},
                   {CURLOPT_MAXREDIRS, (long)c->max_redirects},
                   {CURLOPT_CONNECTTIMEOUT, (long)c->connect_timeout},
                   {CURLOPT_MAXAGE_CONN, MAX_AGE},
                   {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
                   {CURLOPT_SSL_VERIFYPEER, c->verify_tls},
                   {CURLOPT_SSL_VERIFYHOST, c->verify_tls ? VERIFY_HOST : 0}};
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {{CURLOPT_PROTOCOLS_STR, SCHEMES},
                 {CURLOPT_REDIR_PROTOCOLS_STR, SCHEMES},
                 {CURLOPT_PROXY, ""},
                 {CURLOPT_USERAGENT, AGENT}};

    for (size_t i = 0; i < COUNT(numbers); i++)
        curl_easy_setopt(r->easy, numbers[i].option, numbers[i].value);
    for (size_t i = 0; i < COUNT(texts); i++)
        curl_easy_setopt(r->easy, texts[i].option, texts[i].value);
    if (c->ca_file)
        curl_easy_setopt(r->easy, CURLOPT_CAINFO, c->ca_file);
}

static void set_callbacks(struct client_request *r)
{
    curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(r->easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(r->easy, CURLOPT_PREREQDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
}

static CURLcode set_url(struct client_request *r)
{
    struct pbay_str url = pbay_message_str(&r->asked, "url");
    char *text = pb_strndup(url);
    CURLcode code = curl_easy_setopt(r->easy, CURLOPT_URL, text);

    free(text);
    return code;
}

bool client_easy_new(struct client *s, struct client_request *r)
{
    r->easy = curl_easy_init();
    if (!r->easy || set_url(r))
        return false;
    set_callbacks(r);
    set_options(&s->config, r);
    set_headers(r);
    set_method(r);
    return true;
}

void client_easy_fini(struct client_request *r)
{
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    r->easy = NULL;
    r->headers = NULL;
}

void client_easy_read(struct client_request *r)
{
    struct curl_header *header = NULL;
    long status = 0;

    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = status;
    while ((header = curl_easy_nextheader(r->easy, CURLH_HEADER, -1, header)))
        client_add_header(&r->head, header->name, header->value);
}
