#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "connections/http_server/http_int.h"
#include "schema/buf.h"

#define FIRST_CHUNK 4096 /* bytes reserved for a body whose length is not known */

struct http_request *http_request_new(struct http_server *s, struct http_conn *conn, const char *target)
{
    struct http_request *r = pb_alloc(sizeof *r);

    http_request_end(s, conn);
    r->conn = conn;
    r->target = pb_strndup(pbay_str(target));
    r->began = s->now;
    conn->request = r;
    return r;
}

static bool is_in_flight(const struct http_request *r)
{
    return r->state == HTTP_QUEUED || r->state == HTTP_WAITING;
}

void http_request_keep_line(const struct http_server *s, struct http_request *r, const char *method,
                            const char *version)
{
    const char *const words[] = {method, " ", r->target, " ", version};
    struct pb_buf b = {0};

    if (!s->log.path || r->line)
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        pb_buf_add(&b, words[i], strlen(words[i]));
    pb_buf_add(&b, "", 1);
    r->line = (char *)b.p;
}

static void log_request(struct http_server *s, const struct http_request *r)
{
    int64_t now = http_now();
    struct http_log_entry entry = {.address = r->conn->address,
                                   .line = r->line ? r->line : r->target,
                                   .status = r->status,
                                   .bytes = r->answer_n,
                                   .took_ms = now > r->began ? (uint64_t)(now - r->began) : 0};

    http_log_write(&s->log, s->link, &entry, now);
}

void http_request_end(struct http_server *s, struct http_conn *conn)
{
    struct http_request *r = conn->request;

    if (!r)
        return;
    assert(!is_in_flight(r)); /* libmicrohttpd leaves a suspended connection alone */
    if (r->state == HTTP_ANSWERED)
        s->n_answering--;
    http_request_drop_body(s, r);
    log_request(s, r);
    free(r->complaint);
    free(r->line);
    free(r->target);
    free(r->head);
    free(r);
    conn->request = NULL;
}

bool http_request_fault(struct http_request *r, unsigned status, bool close, const char *why)
{
    r->fault = (struct http_fault){.status = status, .why = why, .close = close};
    return false;
}

/* ---- the body ---- */

void http_request_hold(struct http_server *s, struct http_request *r, size_t bytes)
{
    s->held = s->held - r->held + bytes;
    r->held = bytes;
}

void http_request_drop_body(struct http_server *s, struct http_request *r)
{
    free(r->body);
    r->body = NULL;
    r->body_n = 0;
    http_request_hold(s, r, 0);
}

/* Room for a body of so many bytes. */
static bool reserve(struct http_server *s, struct http_request *r, size_t bytes)
{
    if (s->held - r->held + bytes > s->config.max_body_total)
        return http_request_fault(r, MHD_HTTP_SERVICE_UNAVAILABLE, false, "too many bodies are under way");
    http_request_hold(s, r, bytes);
    r->body = pb_realloc(r->body, bytes);
    return true;
}

bool http_request_admit(struct http_server *s, struct http_request *r)
{
    if (s->refusing)
        return http_request_fault(r, MHD_HTTP_SERVICE_UNAVAILABLE, true, "SHUTDOWN");
    if (r->length > s->config.max_body_bytes)
        return http_request_fault(r, MHD_HTTP_CONTENT_TOO_LARGE, false, "the body");
    if (s->n_in_flight >= s->config.max_in_flight)
        return http_request_fault(r, MHD_HTTP_SERVICE_UNAVAILABLE, false, "too many requests are under way");
    return r->length == 0 || r->body || reserve(s, r, (size_t)r->length);
}

static bool grow(struct http_server *s, struct http_request *r, size_t n)
{
    size_t bytes = r->held ? r->held : FIRST_CHUNK;

    if (n > s->config.max_body_bytes - r->body_n)
        return http_request_fault(r, MHD_HTTP_CONTENT_TOO_LARGE, false, "the body");
    while (bytes < r->body_n + n)
        bytes *= 2;
    if (bytes > s->config.max_body_bytes)
        bytes = s->config.max_body_bytes;
    return (r->body && bytes == r->held) || reserve(s, r, bytes);
}

void http_request_add(struct http_server *s, struct http_request *r, const char *p, size_t n)
{
    if (r->fault.status == 0 && grow(s, r, n)) {
        memcpy(r->body + r->body_n, p, n);
        r->body_n += n;
        return;
    }
    http_request_drop_body(s, r);
    r->discarded += n;
}

/* ---- in flight ---- */

/* 128 random bits: nobody can answer a request that was not given to him. */
static void make_starter(char starter[HTTP_STARTER + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bits[HTTP_STARTER / 2];

    if (getrandom(bits, sizeof bits, 0) != sizeof bits)
        abort(); /* the kernel promises so few at once */
    for (size_t i = 0; i < sizeof bits; i++) {
        starter[2 * i] = digits[bits[i] >> 4];
        starter[2 * i + 1] = digits[bits[i] & 15];
    }
    starter[HTTP_STARTER] = '\0';
}

void http_request_enqueue(struct http_server *s, struct http_request *r)
{
    assert(r->state == HTTP_READING);
    r->state = HTTP_QUEUED;
    r->number = ++s->last_number;
    r->deadline = s->now + s->config.timeout_ms;
    make_starter(r->starter);
    HASH_ADD(by_number, s->by_number, number, sizeof r->number, r);
    HASH_ADD(by_starter, s->by_starter, starter[0], HTTP_STARTER, r);
    DL_APPEND(s->in_flight, r);
    DL_APPEND2(s->queued, r, prev_queued, next_queued);
    s->n_in_flight++;
}

struct http_request *http_request_next(struct http_server *s)
{
    struct http_request *r = s->queued;

    if (!r)
        return NULL;
    DL_DELETE2(s->queued, r, prev_queued, next_queued);
    r->state = HTTP_WAITING;
    return r;
}

void http_request_leave(struct http_server *s, struct http_request *r)
{
    assert(is_in_flight(r));
    if (r->state == HTTP_QUEUED)
        DL_DELETE2(s->queued, r, prev_queued, next_queued);
    DL_DELETE(s->in_flight, r);
    HASH_DELETE(by_number, s->by_number, r);
    HASH_DELETE(by_starter, s->by_starter, r);
    s->n_in_flight--;
    r->state = HTTP_READING;
}

struct http_request *http_request_by_number(struct http_server *s, uint64_t number)
{
    struct http_request *r;

    HASH_FIND(by_number, s->by_number, &number, sizeof number, r);
    return r;
}

struct http_request *http_request_by_starter(struct http_server *s, struct pbay_str starter)
{
    struct http_request *r = NULL;

    if (starter.n == HTTP_STARTER)
        HASH_FIND(by_starter, s->by_starter, starter.p, HTTP_STARTER, r);
    return r;
}

struct http_request *http_request_named_in(struct http_server *s, struct pbay_str bytes)
{
    struct http_request *r = NULL;

    for (size_t i = 0, n = 0; i < bytes.n && !r; i++) {
        bool hex = bytes.p[i] && strchr("0123456789abcdef", bytes.p[i]);

        n = hex ? n + 1 : 0;
        if (n >= HTTP_STARTER)
            r = http_request_by_starter(s, (struct pbay_str){bytes.p + i + 1 - HTTP_STARTER, HTTP_STARTER});
    }
    return r;
}
