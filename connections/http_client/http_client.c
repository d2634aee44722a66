#include "connections/http_client/http_client.h"

#include <assert.h>
#include <ctype.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "connections/http_client/client_int.h"
#include "connections/http_server/http_text.h"
#include "schema/buf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define BIG_BLOCK    65536 /* bytes; bodies from here on are given back to the system as soon as they are done with */

/* ---- connect and disconnect ---- */

/* What runs is forgotten: the runtime ends its envelopes with OUTCOME_UNKNOWN. */
static void client_disconnect(void *self)
{
    struct client *s = self;

    client_request_clear(s);
    assert(s->n == 0 && s->held == 0);
    client_multi_stop(s);
    pbay_message_fini(&s->message);
    pbay_protocols_destroy(&s->protocols);
    client_config_fini(&s->config);
}

static enum pbay_err client_connect(void *self, struct pbay_link *link)
{
    struct client *s = self;
    enum pbay_err err;

    client_disconnect(s);
    s->link = link;
    s->draining = s->full = false;
    err = client_config_load(&s->config, link);
    if (err)
        return err;
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
    s->protocols = pbay_protocols_new();
    return client_multi_start(s);
}

/* ---- envelopes become requests ---- */

static bool has_room(const struct client *s, const struct pbay_envelope *e)
{
    if (s->draining || s->n >= s->config.max_requests)
        return false;
    return s->n == 0 || e->message.n <= s->config.max_body_total - s->held; /* alone, it is told that it is too big */
}

/* So many random digits: our part of the dialogue reference. */
static void make_reference(char text[CLIENT_REFERENCE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bits[CLIENT_REFERENCE / 2];

    if (getrandom(bits, sizeof bits, 0) != sizeof bits)
        abort(); /* the kernel promises so few at once */
    for (size_t i = 0; i < sizeof bits; i++) {
        text[2 * i] = digits[bits[i] >> 4];
        text[2 * i + 1] = digits[bits[i] & 15];
    }
}

/* Keep what the answer is addressed with: the envelope's views end with its settlement. */
static void keep_names(struct client_request *r, const struct pbay_envelope *e)
{
    char reference[CLIENT_REFERENCE];
    struct pbay_str ours = {reference, sizeof reference};
    const struct {
        struct pbay_str *kept, from;
    } names[] = {{&r->to, e->sender},
                 {&r->sender, e->to},
                 {&r->operation, e->operation},
                 {&r->starter, r->asked.starter},
                 {&r->responder, ours},
                 {&r->origin_name, e->origin.name},
                 {&r->origin_instance, e->origin.instance}};
    size_t at = 0;

    make_reference(reference);
    for (size_t i = 0; i < COUNT(names); i++)
        pb_buf_add(&r->names, names[i].from.p, names[i].from.n);
    for (size_t i = 0; i < COUNT(names); i++) {
        *names[i].kept = (struct pbay_str){(const char *)r->names.p + at, names[i].from.n};
        at += names[i].from.n;
    }
    memcpy(r->incarnation, e->origin.incarnation, sizeof r->incarnation);
    r->encoding = r->asked.encoding;
}

/* Methods are in lower case in AEA, and in upper case on the wire. */
static void keep_method(struct client_request *r, struct pbay_str method)
{
    for (size_t i = 0; i < method.n && i < CLIENT_MAX_METHOD; i++)
        r->method[i] = (char)toupper((unsigned char)method.p[i]);
}

/* Not PBAY_OK = *why nobody could answer this. */
static enum pbay_err read_message(struct client *s, struct client_request *r, const struct pbay_envelope *e,
                                  const char **why)
{
    struct pbay_message *m = &r->asked;

    *why = "it is not of " CLIENT_PROTOCOL;
    if (!pbay_str_eq(e->protocol_id, pbay_str(CLIENT_PROTOCOL)))
        return PBAY_FAILED;
    *why = m->why;
    if (pbay_message_decode(m, s->protocols, e->protocol_id, e->message))
        return PBAY_MALFORMED;
    *why = "it is not a request";
    if (!pbay_message_is(m, "request"))
        return PBAY_FAILED;
    *why = "it does not begin a dialogue";
    if (m->message_id != 1 || m->target != 0 || m->starter.n == 0 || m->responder.n)
        return PBAY_FAILED;
    keep_method(r, pbay_message_str(m, "method"));
    *why = "its operation is not its method";
    return e->operation.n == 0 || http_is_same(e->operation, r->method) ? PBAY_OK : PBAY_FAILED;
}

/* What has to be said of a request is said in its answer: its sender waits for one. */
static enum pbay_err begin(struct client *s, struct client_request *r, const struct pbay_envelope *e)
{
    const struct pbay_message *m = &r->asked;
    const char *fault = client_fault(pbay_message_str(m, "method"), pbay_message_str(m, "url"),
                                     pbay_message_str(m, "headers"), pbay_message_str(m, "body"));

    keep_names(r, e);
    if (!fault && !client_request_hold(s, r, e->message.n))
        fault = "it is longer than max_body_total";
    if (fault)
        client_request_fail(s, r, "The request cannot be made", fault);
    else
        client_request_start(s, r);
    if (r->state == CLIENT_READY)
        pbay_link_wake(s->link);
    client_multi_set_timer(s);
    return PBAY_PENDING;
}

/* A process before this one may have made this request, and it may not be made twice. */
static bool is_doubtful(const struct client_request *r, const struct pbay_envelope *e)
{
    return e->redelivered && !http_is_idempotent(pbay_str(r->method));
}

static enum pbay_err client_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct client *s = self;
    struct client_request *r;
    enum pbay_err err;
    const char *why;

    s->now = client_now();
    if (!has_room(s, e)) {
        s->full = true;
        return PBAY_AGAIN;
    }
    r = client_request_new(s, tag);
    err = read_message(s, r, e, &why);
    if (!err && !is_doubtful(r, e))
        return begin(s, r, e);
    if (err) {
        err = pbay_link_fail(s->link, err, "no request for HTTP: %s", why);
    } else {
        pbay_link_settle_why(s->link, tag, PBAY_OUTCOME_UNKNOWN, "it may have been requested before: not repeated");
        err = PBAY_PENDING;
    }
    client_request_destroy(s, r);
    return err;
}

/* ---- answers become envelopes ---- */

static enum pbay_err make_message(struct client *s, const struct client_request *r, struct pbay_str *bytes)
{
    const struct pbay_message asked = {
        .message_id = 1, .starter = r->starter, .responder = r->responder, .encoding = r->encoding};
    struct pbay_message *m = &s->message;
    enum pbay_err err = pbay_message_init(m, s->protocols, pbay_str(CLIENT_PROTOCOL), "response");

    assert(!err); /* built in */
    pbay_message_answer(m, &asked);
    pbay_message_set_str(m, "version", pbay_str(""));
    pbay_message_set_int(m, "status_code", r->status);
    pbay_message_set_str(m, "status_text", (struct pbay_str){(char *)r->phrase.p, r->phrase.n});
    pbay_message_set_str(m, "headers", (struct pbay_str){(char *)r->head.p, r->head.n});
    pbay_message_set_bytes(m, "body", (struct pbay_str){(char *)r->body.p, r->body.n});
    return pbay_message_encode(m, bytes);
}

/* The answer goes to the very process that asked: the dialogue is there. */
static void make_envelope(const struct client_request *r, struct pbay_envelope *e)
{
    e->to = r->to;
    e->sender = r->sender;
    e->protocol_id = pbay_str(CLIENT_PROTOCOL);
    e->operation = r->operation;
    e->origin.name = r->origin_name;
    e->origin.instance = r->origin_instance;
    memcpy(e->origin.incarnation, r->incarnation, sizeof e->origin.incarnation);
}

static void let_others_in(struct client *s)
{
    if (s->full)
        pbay_link_wake(s->link);
    s->full = false;
}

static enum pbay_err client_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct client *s = self;
    struct client_request *r;
    enum pbay_err err;

    if (!s->ready)
        client_multi_turn(s);
    r = client_request_give(s);
    if (!r) {
        pbay_message_fini(&s->message); /* it may be big */
        return PBAY_AGAIN;
    }
    err = make_message(s, r, &e->message);
    assert(!err); /* what is no text was made one */
    make_envelope(r, e);
    *tag = r->number;
    client_request_hand_over(s, r);
    let_others_in(s);
    return PBAY_OK;
}

/* The request ends when its answer has: then the one who asked has it, whoever dies now. An answer that is too long for
 * an envelope is replaced by one that says so. */
static void client_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct client *s = self;
    struct client_request *r = client_request_find(s, tag);

    if (!r)
        return;
    if (err == PBAY_TOO_BIG && r->status != CLIENT_FAILED) {
        client_request_fail(s, r, curl_easy_strerror(CURLE_FILESIZE_EXCEEDED),
                            "the answer is longer than patchbay.max_envelope");
        pbay_link_wake(s->link);
        return;
    }
    if (err)
        pbay_link_settle_why(s->link, r->tag, PBAY_OUTCOME_UNKNOWN, "its answer ended with %s", pbay_err_name(err));
    else
        pbay_link_settle(s->link, r->tag, PBAY_OK);
    client_request_destroy(s, r);
}

/* ---- the rest of the loop ---- */

static int client_fd(void *self)
{
    const struct client *s = self;

    return s->loop.multi ? s->loop.fd : -1;
}

/* A turn that is not receive's. */
static void client_serve(void *self)
{
    struct client *s = self;
    bool none = !s->ready;

    client_multi_turn(s);
    if (none && s->ready)
        pbay_link_wake(s->link); /* for receive; when the OutBox is full, it comes by itself */
}

static bool client_drain(void *self)
{
    struct client *s = self;

    if (!s->draining) {
        s->cancel_at = client_now() + (int64_t)s->config.drain_timeout * 1000;
        pbay_link_log(s->link, "stopping: no request is begun any more, %u under way", s->n);
    }
    s->draining = true;
    client_serve(s);
    return s->n == 0;
}

const struct pbay_conn_ops http_client_ops = {
    .class_name = "HTTPClientConnection",
    .state_size = sizeof(struct client),
    .answers = true,
    .connect = client_connect,
    .disconnect = client_disconnect,
    .send = client_send,
    .receive = client_receive,
    .outcome = client_outcome,
    .fd = client_fd,
    .timer = client_serve,
    .serve = client_serve,
    .drain = client_drain,
};
