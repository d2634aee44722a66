#include "connections/http_server/http_server.h"

#include <assert.h>
#include <malloc.h>
#include <string.h>

#include "connections/http_server/http_int.h"

#define BIG_BLOCK 65536 /* bytes; bodies from here on are given back to the system as soon as they are done with */

/* ---- connect and disconnect ---- */

static void http_disconnect(void *self)
{
    struct http_server *s = self;

    s->now = http_now();
    s->refusing = true; /* also what comes while the last answers are written */
    if (s->daemon)
        http_reply_all(s, false, PBAY_DISCONNECTED);
    http_daemon_stop(s);
    http_log_fini(&s->log);
    pbay_message_fini(&s->message);
    pbay_protocols_destroy(&s->protocols);
    http_config_fini(&s->config);
}

static enum pbay_err http_connect(void *self, struct pbay_link *link)
{
    struct http_server *s = self;
    enum pbay_err err;

    http_disconnect(s);
    s->link = link;
    s->refusing = false;
    err = http_config_load(&s->config, link);
    if (err)
        return err;
    err = http_log_init(&s->log, link, s->config.access_log);
    if (err)
        return err;
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
    s->protocols = pbay_protocols_new();
    return http_daemon_start(s);
}

/* ---- requests become envelopes ---- */

static enum pbay_err set_contents(struct pbay_message *m, const struct http_request *r)
{
    const struct {
        const char *name;
        struct pbay_str value;
    } strings[] = {{"method", r->operation}, {"url", r->url}, {"version", pbay_str("")}, {"headers", r->headers}};

    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        enum pbay_err err = pbay_message_set_str(m, strings[i].name, strings[i].value);

        if (err)
            return err;
    }
    return pbay_message_set_bytes(m, "body", (struct pbay_str){r->body ? r->body : "", r->body_n});
}

static enum pbay_err make_message(struct http_server *s, const struct http_request *r, struct pbay_str *bytes)
{
    enum pbay_err err = pbay_message_init(&s->message, s->protocols, pbay_str(HTTP_PROTOCOL), "request");

    assert(!err); /* built in */
    s->message.encoding = s->config.encoding;
    s->message.starter = (struct pbay_str){r->starter, HTTP_STARTER};
    err = set_contents(&s->message, r);
    return err ? err : pbay_message_encode(&s->message, bytes);
}

static void make_envelope(const struct http_server *s, const struct http_request *r, struct pbay_envelope *e)
{
    e->to = pbay_str(http_routes_find(&s->config.routes, pbay_str(r->target)));
    e->sender = pbay_str(pbay_link_public_id(s->link));
    e->protocol_id = pbay_str(HTTP_PROTOCOL);
    e->operation = r->operation;
    e->traceparent = r->traceparent;
    e->ttl_ms = r->deadline > s->now ? (uint32_t)(r->deadline - s->now) : 1;
    e->replay = http_is_idempotent(r->method) ? PBAY_REPLAY_DEFAULT : PBAY_REPLAY_NEVER;
}

static enum pbay_err http_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct http_server *s = self;

    s->now = http_now();
    for (;;) {
        struct http_request *r = http_request_next(s);

        if (!r) {
            http_daemon_turn(s);
            r = http_request_next(s);
        }
        if (!r)
            return PBAY_AGAIN;
        if (make_message(s, r, &e->message)) {
            http_reply_plain(s, r, MHD_HTTP_BAD_REQUEST, "it cannot be written as a message", false);
            continue;
        }
        http_request_drop_body(s, r);
        make_envelope(s, r, e);
        *tag = r->number;
        return PBAY_OK;
    }
}

static void http_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct http_server *s = self;
    struct http_request *r = err ? http_request_by_number(s, tag) : NULL;

    s->now = http_now();
    if (r) /* else the agent has it and will answer, or nobody waits any more */
        http_reply_plain(s, r, http_status_of(err), pbay_err_name(err), false);
}

/* ---- replies become answers ---- */

/* r, which may be NULL, waits for this: it need not wait until its timeout to learn that there is no answer. */
static enum pbay_err bad_answer(struct http_server *s, struct http_request *r, enum pbay_err err, const char *why)
{
    if (r)
        http_reply_plain(s, r, MHD_HTTP_BAD_GATEWAY, pbay_err_name(err), false);
    return pbay_link_fail(s->link, err, "no answer for HTTP: %s", why);
}

static enum pbay_err answer(struct http_server *s, const struct pbay_message *m)
{
    struct http_request *r = http_request_by_starter(s, m->starter);
    const char *why;

    if (!r)
        return pbay_link_fail(s->link, PBAY_FAILED,
                              "the request %.*s is not waiting for an answer any more (timed out?)",
                              (int)(m->starter.n < HTTP_STARTER ? m->starter.n : HTTP_STARTER), m->starter.p);
    return http_reply_message(s, r, m, &why) ? PBAY_OK : bad_answer(s, r, PBAY_FAILED, why);
}

static enum pbay_err http_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct http_server *s = self;
    struct pbay_message m = {0};
    enum pbay_err err;

    (void)tag;
    s->now = http_now();
    if (!pbay_str_eq(e->protocol_id, pbay_str(HTTP_PROTOCOL)))
        err = bad_answer(s, http_request_named_in(s, e->message), PBAY_FAILED, "its protocol is not " HTTP_PROTOCOL);
    else if (pbay_message_decode(&m, s->protocols, e->protocol_id, e->message))
        err = bad_answer(s, http_request_named_in(s, e->message), PBAY_MALFORMED, m.why);
    else
        err = answer(s, &m);
    pbay_message_fini(&m);
    return err;
}

/* ---- the rest of the loop ---- */

static int http_fd(void *self)
{
    struct http_server *s = self;

    return s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd : -1;
}

static void http_serve(void *self)
{
    http_daemon_turn(self);
}

static bool http_drain(void *self)
{
    struct http_server *s = self;

    s->now = http_now();
    if (!s->refusing) {
        s->refusing = true;
        http_daemon_quiesce(s);
        http_reply_all(s, true, PBAY_SHUTDOWN);
    }
    http_daemon_turn(s);
    return s->n_in_flight == 0 && s->n_answering == 0;
}

const struct pbay_conn_ops http_server_ops = {
    .class_name = "HTTPServerConnection",
    .state_size = sizeof(struct http_server),
    .connect = http_connect,
    .disconnect = http_disconnect,
    .send = http_send,
    .receive = http_receive,
    .outcome = http_outcome,
    .fd = http_fd,
    .timer = http_serve,
    .serve = http_serve,
    .drain = http_drain,
};
