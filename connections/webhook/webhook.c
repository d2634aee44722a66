/* A request that was posted is a hook: queued until the runtime takes its envelope, given until that has ended, then
 * answered and forgotten. With `answer: at_once` it is answered, and forgotten, when the runtime takes it. */
#include "connections/webhook/webhook.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>
#include <utlist.h>

#include "connections/http_server/http_text.h"
#include "connections/webhook/webhook_config.h"
#include "connections/webhook/webhook_text.h"

#define PROTOCOL    "valory/http:1.0.0"
#define STARTER     32 /* hexadecimal digits of a dialogue reference */
#define TRACEPARENT 56 /* bytes, its NUL included */
#define COUNT(t)    (sizeof(t) / sizeof *(t))

struct hook {
    struct web_request *request;
    uint64_t number; /* the envelope's tag; 0 = queued */
    int64_t deadline;
    struct pb_buf message;
    char traceparent[TRACEPARENT];
    struct hook *prev, *next; /* of queued or given: the oldest first, that is also by deadline */
    UT_hash_handle hh;        /* of by_number: given */
};

struct webhook {
    struct pbay_link *link;
    struct webhook_config config;
    struct web web;
    struct pbay_protocols *protocols;
    struct pb_buf message; /* of the envelope that receive gave last */
    char traceparent[TRACEPARENT];
    bool refusing; /* nothing new is taken: it drains, or disconnects */
    struct hook *queued, *given, *by_number;
    unsigned n;           /* queued and given */
    uint64_t last_number; /* never begins anew: an outcome may come after the next connect */
};

/* ---- hooks ---- */

static void give(struct webhook *s, struct hook *h)
{
    DL_DELETE(s->queued, h);
    DL_APPEND(s->given, h);
    h->number = ++s->last_number;
    HASH_ADD(hh, s->by_number, number, sizeof h->number, h);
}

static void answer(struct webhook *s, struct hook *h, unsigned status, const char *why)
{
    if (h->number) {
        assert(s->by_number);
        HASH_DELETE(hh, s->by_number, h);
        DL_DELETE(s->given, h);
    } else {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): utlist's neighbours */
        DL_DELETE(s->queued, h);
    }
    s->n--;
    web_say(h->request, status, why);
    pb_buf_fini(&h->message);
    free(h);
}

static void answer_all(struct webhook *s, struct hook *list, enum pbay_err err)
{
    struct hook *h, *next;

    DL_FOREACH_SAFE (list, h, next)
        answer(s, h, MHD_HTTP_SERVICE_UNAVAILABLE, pbay_err_name(err));
}

/* What was not settled in time may be so later. */
static void expire(struct webhook *s, struct hook *list)
{
    int64_t now = web_now();
    struct hook *h, *next;

    DL_FOREACH_SAFE (list, h, next) {
        if (h->deadline > now)
            break;
        answer(s, h, MHD_HTTP_GATEWAY_TIMEOUT, "the agent has not settled it in time");
    }
}

/* ---- requests become hooks ---- */

static enum MHD_Result add_header(void *headers, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                  const char *value, size_t value_n)
{
    (void)kind;
    webhook_add_header(headers, (struct pbay_str){name, name_n},
                       http_trim((struct pbay_str){value ? value : "", value_n}));
    return MHD_YES;
}

/* As AEA's json.dumps writes it; the caller frees it. */
static char *headers_of(struct web_request *r)
{
    json_t *headers = json_object();
    char *text;

    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, add_header, headers);
    text = json_dumps(headers, JSON_ENSURE_ASCII);
    assert(text); /* values are UTF-8 */
    json_decref(headers);
    return text;
}

static char *url_of(struct webhook *s, struct web_request *r)
{
    struct pbay_str host = web_header(r, MHD_HTTP_HEADER_HOST);
    struct pb_buf url = {0};

    if (host.n == 0)
        host = pbay_str(s->web.authority);
    pb_buf_add(&url, "http://", strlen("http://"));
    pb_buf_add(&url, host.p, host.n);
    pb_buf_add(&url, r->target, strlen(r->target) + 1);
    return (char *)url.p;
}

/* 128 random bits: a dialogue of its own. */
static void make_starter(char starter[STARTER])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bits[STARTER / 2];

    if (getrandom(bits, sizeof bits, 0) != sizeof bits)
        abort(); /* the kernel promises so few at once */
    for (size_t i = 0; i < sizeof bits; i++) {
        starter[2 * i] = digits[bits[i] >> 4];
        starter[2 * i + 1] = digits[bits[i] & 15];
    }
}

/* HTTP/1.1 is 1.1. */
static const char *version_of(const struct web_request *r)
{
    const char *slash = strchr(r->version, '/');

    return slash ? slash + 1 : r->version;
}

/* false = it cannot be written as a message. */
static bool write_message(struct webhook *s, struct hook *h)
{
    struct web_request *r = h->request;
    struct pbay_message m = {0};
    char *headers = headers_of(r), *url = url_of(s, r), starter[STARTER];
    const struct {
        const char *name, *value;
    } texts[] = {{"method", r->method}, {"url", url}, {"version", version_of(r)}, {"headers", headers}};
    struct pbay_str bytes = {0};
    enum pbay_err err = pbay_message_init(&m, s->protocols, pbay_str(PROTOCOL), "request");

    make_starter(starter);
    m.encoding = s->config.encoding;
    m.starter = (struct pbay_str){starter, sizeof starter};
    for (size_t i = 0; !err && i < COUNT(texts); i++)
        err = pbay_message_set_str(&m, texts[i].name, pbay_str(texts[i].value));
    if (!err)
        err = pbay_message_set_bytes(&m, "body", (struct pbay_str){r->body ? r->body : "", r->body_n});
    if (!err)
        err = pbay_message_encode(&m, &bytes);
    if (!err)
        pb_buf_add(&h->message, bytes.p, bytes.n);
    pbay_message_fini(&m);
    free(headers);
    free(url);
    return !err;
}

static void keep_traceparent(struct hook *h)
{
    struct pbay_str text = web_header(h->request, "traceparent");

    if (http_is_traceparent(text) && text.n < sizeof h->traceparent)
        memcpy(h->traceparent, text.p, text.n);
}

static struct hook *hook_new(struct webhook *s, struct web_request *r)
{
    struct hook *h = pb_alloc(sizeof *h);

    h->request = r;
    h->deadline = web_now() + (int64_t)s->config.timeout * 1000;
    keep_traceparent(h);
    DL_APPEND(s->queued, h);
    s->n++;
    return h;
}

static void on_complete(void *self, struct web_request *r)
{
    struct webhook *s = self;
    struct pbay_str key = {s->config.key, s->config.key_n}, body = {r->body ? r->body : "", r->body_n};
    struct hook *h;

    if (s->config.key && !webhook_is_signed(key, body, web_header(r, s->config.hmac_header))) {
        web_say(r, MHD_HTTP_FORBIDDEN, "the signature");
    } else if (s->refusing) {
        web_say(r, MHD_HTTP_SERVICE_UNAVAILABLE, pbay_err_name(PBAY_SHUTDOWN));
    } else if (s->n >= s->config.max_in_flight) {
        web_say(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests are under way");
    } else {
        h = hook_new(s, r);
        if (write_message(s, h))
            web_forget_body(r);
        else
            answer(s, h, MHD_HTTP_BAD_REQUEST, "it cannot be written as a message");
    }
}

/* ---- connect and disconnect ---- */

static void webhook_disconnect(void *self)
{
    struct webhook *s = self;

    s->refusing = true; /* also what comes while the last answers are written */
    answer_all(s, s->queued, PBAY_DISCONNECTED);
    answer_all(s, s->given, PBAY_DISCONNECTED);
    web_stop(&s->web);
    assert(s->n == 0);
    pb_buf_fini(&s->message);
    pbay_protocols_destroy(&s->protocols);
    webhook_config_fini(&s->config);
}

static enum pbay_err webhook_connect(void *self, struct pbay_link *link)
{
    static const char *const methods[] = {"POST", NULL};
    struct webhook *s = self;
    const struct webhook_config *c = &s->config;
    enum pbay_err err;

    webhook_disconnect(s);
    s->link = link;
    s->refusing = false;
    err = webhook_config_load(&s->config, link);
    if (err)
        return err;
    s->protocols = pbay_protocols_new();
    return web_link_start(&s->web, link,
                          &(struct web_opt){.host_key = "config.webhook_address",
                                            .host = c->address,
                                            .port = c->port,
                                            .path = c->path,
                                            .methods = methods,
                                            .limits = c->limits,
                                            .max_body_bytes = c->max_body_bytes,
                                            .max_body_total = c->max_body_total,
                                            .complete = on_complete,
                                            .owner = s});
}

/* ---- hooks become envelopes ---- */

static void turn(struct webhook *s)
{
    int64_t due;

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): utlist's first element */
    expire(s, s->queued);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): likewise */
    expire(s, s->given);
    due = web_turn(&s->web);
    if (s->given && s->given->deadline < due)
        due = s->given->deadline;
    if (s->queued && s->queued->deadline < due)
        due = s->queued->deadline;
    web_set_timer(s->link, due);
}

/* An event may come twice - its source repeats it when it is not sure - so an agent that died with it is no reason not
 * to give it again. One that was answered is not to be lost, however long it takes. */
static void make_envelope(struct webhook *s, const struct hook *h, struct pbay_envelope *e)
{
    int64_t left = h->deadline - web_now();

    e->to = pbay_str(s->config.target_skill_id);
    e->sender = pbay_str(pbay_link_public_id(s->link));
    e->protocol_id = pbay_str(PROTOCOL);
    e->operation = pbay_str("post");
    e->message = (struct pbay_str){(const char *)s->message.p, s->message.n};
    e->traceparent = pbay_str(s->traceparent);
    if (!s->config.at_once)
        e->ttl_ms = left > 0 ? (uint32_t)left : 1;
}

static enum pbay_err webhook_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct webhook *s = self;
    struct hook *h;

    pb_buf_fini(&s->message);
    if (!s->queued)
        turn(s);
    h = s->queued;
    if (!h)
        return PBAY_AGAIN;
    give(s, h);
    s->message = h->message;
    h->message = (struct pb_buf){0};
    memcpy(s->traceparent, h->traceparent, sizeof s->traceparent);
    make_envelope(s, h, e);
    *tag = h->number;
    if (s->config.at_once)
        answer(s, h, MHD_HTTP_OK, "taken");
    return PBAY_OK;
}

static unsigned status_of(enum pbay_err err)
{
    if (err == PBAY_OK)
        return MHD_HTTP_OK;
    return err == PBAY_TOO_BIG ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static void webhook_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct webhook *s = self;
    struct hook *h;

    HASH_FIND(hh, s->by_number, &tag, sizeof tag, h);
    if (h)
        answer(s, h, status_of(err), err ? pbay_err_name(err) : "settled");
    else if (err && s->config.at_once)
        pbay_link_log(s->link, "a request that was answered 200 has ended %s", pbay_err_name(err));
}

/* ---- the rest of the loop ---- */

static int webhook_fd(void *self)
{
    const struct webhook *s = self;

    return web_fd(&s->web);
}

static void webhook_serve(void *self)
{
    turn(self);
}

static bool webhook_drain(void *self)
{
    struct webhook *s = self;

    if (!s->refusing) {
        s->refusing = true;
        web_quiesce(&s->web);
        answer_all(s, s->queued, PBAY_SHUTDOWN);
    }
    turn(s);
    return s->n == 0 && s->web.n_answering == 0;
}

/* No send: what an agent sends here ends REFUSED. */
const struct pbay_conn_ops webhook_ops = {
    .class_name = "WebhookConnection",
    .state_size = sizeof(struct webhook),
    .connect = webhook_connect,
    .disconnect = webhook_disconnect,
    .receive = webhook_receive,
    .outcome = webhook_outcome,
    .fd = webhook_fd,
    .timer = webhook_serve,
    .serve = webhook_serve,
    .drain = webhook_drain,
};
