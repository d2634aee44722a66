#include "connections/vcx/vcx_transfer.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/http_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define SCHEMES      "http,https"
#define AGENT        "patchbay-vcx"
#define MAX_AGE      30L /* seconds that a connection may have been idle when it is used again */
#define VERIFY_HOST  2L  /* the name in the certificate is the host's */
#define CLASS        100 /* statuses of one kind */
#define SUCCESS      2U
#define SERVER_ERROR 5U

/* ---- libcurl's callbacks ---- */

/* The address that is about to be connected to, whatever name or number led there. */
static curl_socket_t on_open(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct vcx_transfer *t = self;

    (void)purpose;
    if (!t->allow_private && !vcx_guard_is_public(&address->addr, address->addrlen)) {
        t->stopped = "the host has an address that requests may not go to";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_header(char *p, size_t size, size_t n, void *self)
{
    struct vcx_transfer *t = self;

    (void)p;
    t->head_n += size * n;
    if (t->head_n <= VCX_POST_HEAD)
        return size * n;
    t->stopped = "the answer's head is too long";
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct vcx_transfer *t = self;

    n *= size;
    if (n > VCX_POST_BODY - t->body_n) {
        t->stopped = "the answer is too long";
        return 0;
    }
    t->body_n += n;
    if (!t->drop_body)
        pb_buf_add(&t->body, p, n);
    return n;
}

/* ---- how it is made ---- */

static void add_line(struct vcx_transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);

    assert(longer); /* only for want of memory */
    t->headers = longer;
}

static void set_headers(struct vcx_transfer *t, struct pbay_str text)
{
    struct pbay_str name, value;

    while (http_next_line(&text, &name, &value) == HTTP_LINE) {
        struct pb_buf line = {0};

        pb_buf_add(&line, name.p, name.n);
        pb_buf_add(&line, ": ", 2);
        pb_buf_add(&line, value.p, value.n);
        pb_buf_add(&line, "", 1);
        add_line(t, (char *)line.p);
        pb_buf_fini(&line);
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct vcx_transfer *t, const char *method)
{
    if (strcmp(method, "GET") == 0)
        return;
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->sent.n);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->sent.n ? (char *)t->sent.p : "");
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

/* No proxy and no file of somebody's home comes in from the environment. */
static void set_options(struct vcx_transfer *t, const struct vcx_post_options *o)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {{CURLOPT_NOSIGNAL, 1},
                   {CURLOPT_QUICK_EXIT, 1}, /* who gives up a look-up of a name does not wait for it */
                   {CURLOPT_FOLLOWLOCATION, 0},
                   {CURLOPT_FORBID_REUSE, t->allow_private && !o->allow_private},
                   {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
                   {CURLOPT_TIMEOUT_MS, (long)(o->timeout ? o->timeout : VCX_POST_TIMEOUT)},
                   {CURLOPT_MAXAGE_CONN, MAX_AGE},
                   {CURLOPT_MAXFILESIZE, VCX_POST_BODY}, /* nothing is read of what is announced to be longer */
                   {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
                   {CURLOPT_SSL_VERIFYPEER, 1},
                   {CURLOPT_SSL_VERIFYHOST, VERIFY_HOST}};

    for (size_t i = 0; i < COUNT(numbers); i++)
        curl_easy_setopt(t->easy, numbers[i].option, numbers[i].value);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, SCHEMES);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, AGENT);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, o->resolve);
    if (o->ca_file)
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, o->ca_file);
}

static void set_callbacks(struct vcx_transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

/* "name:port", for the count of its requests. */
static bool set_host(struct vcx_transfer *t)
{
    char *host = NULL, *port = NULL;
    bool ok = curl_url_get(t->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    if (ok) {
        size_t size = strlen(host) + strlen(port) + sizeof ":";

        t->host = pb_alloc(size);
        (void)snprintf(t->host, size, "%s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    return ok;
}

static bool prepare(struct vcx_transfer *t, const struct vcx_post_options *options,
                    const struct vcx_post_request *asked, char why[VCX_WHY])
{
    if (t->sent.n > VCX_POST_BODY)
        return vcx_why(why, "a body has at most %u bytes", VCX_POST_BODY);
    t->url = vcx_guard_url(asked->url, why);
    if (!t->url)
        return false;
    t->easy = curl_easy_init();
    if (!t->easy || !set_host(t) || curl_easy_setopt(t->easy, CURLOPT_CURLU, t->url))
        return vcx_why(why, "libcurl does not take the request");
    set_callbacks(t);
    set_options(t, options);
    set_headers(t, asked->headers);
    set_method(t, asked->method);
    return true;
}

struct vcx_transfer *vcx_transfer_new(const struct vcx_post_options *options, uint64_t tag,
                                      struct vcx_post_request *request, char why[VCX_WHY])
{
    struct vcx_transfer *t = pb_alloc(sizeof *t);

    t->tag = tag;
    t->allow_private = request->allow_private || options->allow_private;
    t->drop_body = request->drop_body;
    t->sent = request->body;
    request->body = (struct pb_buf){0};
    if (!prepare(t, options, request, why))
        vcx_transfer_destroy(&t);
    return t;
}

void vcx_transfer_destroy(struct vcx_transfer **transfer)
{
    struct vcx_transfer *t = *transfer;

    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_url_cleanup(t->url);
    free(t->host);
    if (t->sent.p)
        sodium_memzero(t->sent.p, t->sent.cap);
    pb_buf_fini(&t->sent);
    pb_buf_fini(&t->body);
    free(t);
    *transfer = NULL;
}

/* ---- how it ends ---- */

static enum vcx_post_result result_of_status(unsigned status)
{
    static const unsigned again[] = {408, 425, 429}, never[] = {501, 505};

    for (size_t i = 0; i < COUNT(again); i++) {
        if (status == again[i])
            return VCX_POST_AGAIN;
    }
    for (size_t i = 0; i < COUNT(never); i++) {
        if (status == never[i])
            return VCX_POST_NEVER;
    }
    if (status / CLASS == SUCCESS)
        return VCX_POST_OK;
    return status / CLASS == SERVER_ERROR ? VCX_POST_AGAIN : VCX_POST_NEVER;
}

/* What no other attempt can change; all else may be a network's or a server's bad day. */
static enum vcx_post_result result_of_code(CURLcode code)
{
    static const CURLcode never[] = {CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_WEIRD_SERVER_REPLY,
                                     CURLE_FILESIZE_EXCEEDED};

    for (size_t i = 0; i < COUNT(never); i++) {
        if (code == never[i])
            return VCX_POST_NEVER;
    }
    return VCX_POST_AGAIN;
}

/* libcurl's own sentences would name the host. */
static struct vcx_post_reply failure(const struct vcx_transfer *t, CURLcode code)
{
    struct vcx_post_reply reply = {.result = result_of_code(code), .why = curl_easy_strerror(code)};

    if (t->stopped)
        reply = (struct vcx_post_reply){.result = VCX_POST_NEVER, .why = t->stopped};
    return reply;
}

static struct vcx_post_reply answer(const struct vcx_transfer *t)
{
    struct vcx_post_reply reply = {.why = "", .body = {(char *)t->body.p, t->body.n}};
    char *type = NULL, *location = NULL;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &location);
    reply.status = (unsigned)status;
    reply.result = result_of_status(reply.status);
    reply.type = pbay_str(type);
    reply.location = pbay_str(location);
    return reply;
}

struct vcx_post_reply vcx_transfer_reply(const struct vcx_transfer *t, CURLcode code)
{
    return code ? failure(t, code) : answer(t);
}
