#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "connections/http_client/client_int.h"
#include "schema/buf.h"

int64_t client_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct client_request *client_request_new(struct client *s, uint64_t tag)
{
    struct client_request *r = pb_alloc(sizeof *r);

    r->client = s;
    r->tag = tag;
    r->state = CLIENT_READY;
    DL_APPEND(s->ready, r);
    s->n++;
    return r;
}

static void release(struct client *s, struct client_request *r)
{
    s->held -= r->held;
    r->held = 0;
}

bool client_request_hold(struct client *s, struct client_request *r, size_t bytes)
{
    if (bytes > s->config.max_body_total - s->held)
        return false;
    s->held += bytes;
    r->held += bytes;
    return true;
}

/* What only its answer needs. */
static void forget_answer(struct client_request *r)
{
    pb_buf_fini(&r->phrase);
    pb_buf_fini(&r->head);
    pb_buf_fini(&r->body);
}

/* What only its transfer needs. */
static void end_transfer(struct client *s, struct client_request *r)
{
    if (r->easy && r->state == CLIENT_RUNNING)
        client_multi_remove(s, r);
    client_easy_fini(r);
    pbay_message_fini(&r->asked);
}

/* Out of the list that it is in. */
static void leave(struct client *s, struct client_request *r)
{
    if (r->state == CLIENT_GIVEN) {
        assert(s->given);
        HASH_DELETE(hh, s->given, r);
        return;
    }
    if (r->state == CLIENT_RUNNING)
        DL_DELETE(s->running, r);
    else
        DL_DELETE(s->ready, r);
    s->n--;
}

static void become_ready(struct client *s, struct client_request *r)
{
    if (r->state == CLIENT_READY)
        return;
    leave(s, r);
    r->state = CLIENT_READY;
    DL_APPEND(s->ready, r);
    s->n++;
}

/* It is in no list any more. */
static void dispose(struct client *s, struct client_request *r)
{
    end_transfer(s, r);
    forget_answer(r);
    release(s, r);
    pb_buf_fini(&r->names);
    free(r);
}

void client_request_destroy(struct client *s, struct client_request *r)
{
    leave(s, r);
    dispose(s, r);
}

/* ---- how they begin and end ---- */

void client_request_start(struct client *s, struct client_request *r)
{
    assert(r->state == CLIENT_READY);
    if (!client_easy_new(s, r) || !client_multi_add(s, r)) {
        client_request_fail(s, r, "The request cannot be made", "libcurl does not take it");
        return;
    }
    leave(s, r);
    r->state = CLIENT_RUNNING;
    r->deadline = s->now + (int64_t)s->config.timeout * 1000;
    DL_APPEND(s->running, r);
    s->n++;
}

void client_request_fail(struct client *s, struct client_request *r, const char *text, const char *detail)
{
    struct pb_buf phrase = {0}, body = {0};

    client_add_text(&phrase, pbay_str(text));
    pb_buf_add(&body, detail, strlen(detail));
    end_transfer(s, r);
    forget_answer(r);
    release(s, r);
    r->status = CLIENT_FAILED;
    r->phrase = phrase;
    r->body = body;
    become_ready(s, r);
}

void client_request_finish(struct client *s, struct client_request *r, CURLcode code)
{
    if (code) {
        client_request_fail(s, r, r->stopped ? r->stopped : curl_easy_strerror(code), r->stopped ? r->why : r->error);
        return;
    }
    client_easy_read(r);
    end_transfer(s, r);
    release(s, r);
    (void)client_request_hold(s, r, r->body.n); /* there is room: it was held */
    become_ready(s, r);
}

/* ---- one of them ---- */

struct client_request *client_request_give(struct client *s)
{
    struct client_request *r = s->ready;

    if (!r)
        return NULL;
    leave(s, r);
    r->state = CLIENT_GIVEN;
    r->number = ++s->last_number;
    HASH_ADD(hh, s->given, number, sizeof r->number, r);
    return r;
}

void client_request_hand_over(struct client *s, struct client_request *r)
{
    assert(r->state == CLIENT_GIVEN);
    forget_answer(r);
    release(s, r);
}

struct client_request *client_request_find(struct client *s, uint64_t number)
{
    struct client_request *r;

    HASH_FIND(hh, s->given, &number, sizeof number, r);
    return r;
}

/* ---- many of them ---- */

void client_request_expire(struct client *s)
{
    while (s->running && s->running->deadline <= s->now)
        client_request_fail(s, s->running, curl_easy_strerror(CURLE_OPERATION_TIMEDOUT),
                            "no complete answer within the timeout");
}

void client_request_cancel(struct client *s)
{
    while (s->running)
        client_request_fail(s, s->running, "cancelled", "the connection goes down");
}

void client_request_clear(struct client *s)
{
    struct client_request *lists[] = {s->running, s->ready}, *given = s->given, *r, *next;

    s->running = s->ready = NULL;
    s->n = 0;
    HASH_CLEAR(hh, s->given);
    for (size_t i = 0; i < 2; i++) {
        DL_FOREACH_SAFE (lists[i], r, next)
            dispose(s, r);
    }
    for (r = given; r; r = next) {
        next = r->hh.next;
        dispose(s, r);
    }
}
