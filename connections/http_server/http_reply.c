#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/http_server/http_int.h"
#include "schema/buf.h"

#define MAX_SENTENCE 256 /* bytes of an answer of our own */
#define RETRY_AFTER  "1" /* seconds */
#define MIN_STATUS   200
#define MAX_STATUS   599

/* Give it to libmicrohttpd, which writes it in its next turn. The response is ours no more. */
static bool queue(struct http_server *s, struct http_request *r, unsigned status, struct MHD_Response *response,
                  size_t bytes)
{
    bool suspended = r->state == HTTP_QUEUED || r->state == HTTP_WAITING, queued;

    if (suspended)
        http_request_leave(s, r);
    assert(r->state == HTTP_READING);
    http_request_drop_body(s, r);
    http_request_hold(s, r, bytes);
    r->state = HTTP_ANSWERED;
    r->status = status;
    r->answer_n = bytes;
    s->n_answering++;
    http_conn_enter(s, r->conn, HTTP_ANSWERS, http_conn_allowance(s, bytes));
    queued = MHD_queue_response(r->conn->mhd, status, response) == MHD_YES;
    MHD_destroy_response(response);
    if (suspended) {
        MHD_resume_connection(r->conn->mhd);
        pbay_link_timer(s->link, 0); /* for the turn that writes it: without threads of its own nothing wakes us */
    }
    if (suspended && !queued)
        http_conn_cut(s, r->conn, 0);
    return queued;
}

static struct MHD_Response *response_of(const char *p, size_t n)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(n, (void *)(uintptr_t)p, MHD_RESPMEM_MUST_COPY);

    assert(response); /* only for want of memory */
    return response;
}

static bool reply(struct http_server *s, struct http_request *r, const struct http_fault *fault)
{
    char text[MAX_SENTENCE] = "";
    int n = 0;
    struct MHD_Response *response;

    if (fault->status != MHD_HTTP_NO_CONTENT)
        n = snprintf(text, sizeof text, "%s (%s)\n", MHD_get_reason_phrase_for(fault->status), fault->why);
    assert(n >= 0 && (size_t)n < sizeof text);
    response = response_of(text, (size_t)n);
    if (n)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    if (fault->allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, fault->allow);
    if (fault->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER);
    if (fault->close)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return queue(s, r, fault->status, response, (size_t)n);
}

bool http_reply_plain(struct http_server *s, struct http_request *r, unsigned status, const char *why, bool close)
{
    struct http_fault fault = {.status = status, .why = why, .close = close};

    return reply(s, r, &fault);
}

bool http_reply_fault(struct http_server *s, struct http_request *r)
{
    return reply(s, r, &r->fault);
}

/* ---- the agent's answer ---- */

static void add_header(struct MHD_Response *response, struct pbay_str name, struct pbay_str value)
{
    char *key = pb_strndup(name), *text = pb_strndup(value);

    MHD_add_response_header(response, key, text); /* refuses an empty value: that says as much as no header */
    free(key);
    free(text);
}

/* Walk over the headers, and with a response add them to it. NULL, or what is wrong. */
static const char *walk_headers(const struct http_server *s, struct pbay_str text, struct MHD_Response *response)
{
    struct pbay_str name, value;
    enum http_line line;
    unsigned n = 0;

    if (text.n > s->config.max_header_bytes)
        return "its headers are longer than max_header_bytes";
    while ((line = http_next_line(&text, &name, &value)) == HTTP_LINE) {
        if (++n > s->config.max_headers)
            return "it has more headers than max_headers";
        if (response && !http_is_own_header(name))
            add_header(response, name, value);
    }
    return line == HTTP_BAD_LINE ? "its headers are not lines of `Name: value`" : NULL;
}

bool http_reply_message(struct http_server *s, struct http_request *r, const struct pbay_message *m, const char **why)
{
    struct pbay_str headers, body;
    struct MHD_Response *response;
    int64_t status;

    *why = "it is not a response";
    if (!pbay_message_is(m, "response"))
        return false;
    *why = "its status code is not between 200 and 599";
    status = pbay_message_int(m, "status_code");
    if (status < MIN_STATUS || status > MAX_STATUS)
        return false;
    headers = pbay_message_str(m, "headers");
    *why = walk_headers(s, headers, NULL);
    if (*why)
        return false;
    body = pbay_message_str(m, "body");
    response = response_of(body.p, body.n);
    walk_headers(s, headers, response);
    queue(s, r, (unsigned)status, response, body.n);
    return true;
}

/* ---- answers to many ---- */

void http_reply_all(struct http_server *s, bool only_queued, enum pbay_err err)
{
    struct http_request *r, *next;

    DL_FOREACH_SAFE (s->in_flight, r, next) {
        if (!only_queued || r->state == HTTP_QUEUED)
            http_reply_plain(s, r, http_status_of(err), pbay_err_name(err), true);
    }
}

bool http_reply_expired(struct http_server *s)
{
    bool any = false;

    for (; s->in_flight && s->in_flight->deadline <= s->now; any = true)
        http_reply_plain(s, s->in_flight, MHD_HTTP_GATEWAY_TIMEOUT, "the agent has not answered in time", false);
    return any;
}
