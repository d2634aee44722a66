/* Test agent: answers HTTP requests, and misbehaves where the path asks for it. What becomes of its answers is printed
 * on standard output when it is not settled.
 *
 *   /hold        no answer until /release comes; that one is answered with how many were released. An envelope of
 *                fetchai/default:1.0.0 with the message "release" does the same
 *   /nack        the envelope is refused: END FAILED
 *   /abort       the process dies of it
 *   /bytes       bytes that are no message; then `wrong`, which is answered
 *   /spoilt      a response that lacks its last byte
 *   /wrong       a message that is no response
 *   /status/N    status N with headers
 *   /headers     headers as the body of the request says
 *   /smuggled    said on standard output
 *   others       200, and the body of the request or "METHOD URL\n"; /see adds what else came */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/pbay.h"
#include "schema/pbay_message.h"

#define PROTOCOL "valory/http:1.0.0"
#define MAX_HELD 2048
#define PATIENCE 50 /* ms until outcomes are looked at again */
#define FAREWELL 5000
#define MAX_TEXT 65536

struct held {
    struct pbay_envelope e; /* leased: its views live */
    uint64_t lease;
};

struct agent {
    pbay_t pbay;
    struct pbay_protocols *protocols;
    struct held held[MAX_HELD];
    size_t n_held;
};

struct answer {
    int64_t status;
    struct pbay_str headers, body;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void put(struct agent *a, const struct pbay_envelope *e, struct pbay_str bytes)
{
    enum pbay_err err = pbay_reply(a->pbay, e, bytes, -1, NULL);

    if (err)
        printf("http_agent: not put: %s\n", pbay_err_name(err));
}

static void reply(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *request,
                  const struct answer *answer)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;

    if (pbay_message_init(&m, a->protocols, e->protocol_id, "response"))
        abort();
    pbay_message_answer(&m, request);
    pbay_message_set_str(&m, "version", pbay_str(""));
    pbay_message_set_int(&m, "status_code", answer->status);
    pbay_message_set_str(&m, "status_text", pbay_str("anything"));
    pbay_message_set_str(&m, "headers", answer->headers);
    pbay_message_set_bytes(&m, "body", answer->body);
    if (pbay_message_encode(&m, &bytes) == PBAY_OK)
        put(a, e, bytes);
    else
        printf("http_agent: %s\n", m.why);
    pbay_message_fini(&m);
}

static void reply_text(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *request,
                       const char *text)
{
    struct answer answer = {200, pbay_str("Content-Type: text/plain\nX-Agent: http_agent\n"), pbay_str(text)};

    reply(a, e, request, &answer);
}

/* ---- paths ---- */

static void hold(struct agent *a, const struct pbay_envelope *e, uint64_t lease)
{
    if (a->n_held == MAX_HELD)
        abort();
    a->held[a->n_held++] = (struct held){*e, lease};
    printf("http_agent: holds %zu\n", a->n_held);
}

static void release(struct agent *a)
{
    for (size_t i = 0; i < a->n_held; i++) {
        struct held *h = &a->held[i];
        struct pbay_message m = {0};

        if (pbay_message_decode(&m, a->protocols, h->e.protocol_id, h->e.message) == PBAY_OK)
            reply_text(a, &h->e, &m, "released\n");
        pbay_message_fini(&m);
        pbay_ack(a->pbay, h->lease);
    }
    a->n_held = 0;
}

static void on_release(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    char text[32];

    snprintf(text, sizeof text, "%zu\n", a->n_held);
    release(a);
    reply_text(a, e, m, text);
}

static void on_bytes(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    (void)m;
    put(a, e, pbay_str("\xff these bytes are no message"));
}

static void on_spoilt(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *request)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;

    if (pbay_message_init(&m, a->protocols, e->protocol_id, "response"))
        abort();
    pbay_message_answer(&m, request);
    pbay_message_set_str(&m, "version", pbay_str(""));
    pbay_message_set_int(&m, "status_code", 200);
    pbay_message_set_str(&m, "status_text", pbay_str(""));
    pbay_message_set_str(&m, "headers", pbay_str(""));
    pbay_message_set_bytes(&m, "body", pbay_str("a body"));
    if (pbay_message_encode(&m, &bytes))
        abort();
    bytes.n--;
    put(a, e, bytes);
    pbay_message_fini(&m);
}

static void on_wrong(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    struct pbay_message wrong = *m; /* the request itself: it names the dialogue */
    struct pbay_str bytes;

    if (pbay_message_encode(&wrong, &bytes))
        abort();
    put(a, e, bytes);
}

static void on_abort(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    (void)a;
    (void)e;
    (void)m;
    printf("http_agent: dies as it was asked to\n");
    fflush(stdout);
    raise(SIGKILL);
}

static void on_status(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    struct pbay_str url = pbay_message_str(m, "url");
    const char *slash = memrchr(url.p, '/', url.n);
    char digits[12] = "";
    struct answer answer = {.headers = pbay_str("X-One: 1\r\nX-Two: 2\r\nContent-Length: 999\r\nConnection: close\r\n"),
                            .body = pbay_str("the body\n")};

    snprintf(digits, sizeof digits, "%.*s", (int)(url.p + url.n - slash - 1), slash + 1);
    answer.status = strtoll(digits, NULL, 10);
    reply(a, e, m, &answer);
}

static void on_headers(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    struct answer answer = {200, pbay_message_str(m, "body"), pbay_str("as you like it\n")};

    reply(a, e, m, &answer);
}

static struct pbay_str view(const struct pbay_message *m, const char *name)
{
    return pbay_message_str(m, name);
}

#define STR(s) (int)(s).n, (s).p

static void on_see(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    struct pbay_str method = view(m, "method"), url = view(m, "url"), version = view(m, "version"),
                    headers = view(m, "headers"), body = view(m, "body");
    char text[MAX_TEXT];

    snprintf(text, sizeof text,
             "to=%.*s\nsender=%.*s\noperation=%.*s\ntraceparent=%.*s\nttl=%u\nencoding=%d\nid=%d\ntarget=%d\n"
             "starter=%.*s\nresponder=%.*s\nmethod=%.*s\nurl=%.*s\nversion=%.*s\nbody=%zu\n\n%.*s",
             STR(e->to), STR(e->sender), STR(e->operation), STR(e->traceparent), e->ttl_ms, m->encoding, m->message_id,
             m->target, STR(m->starter), STR(m->responder), STR(method), STR(url), STR(version), body.n, STR(headers));
    reply_text(a, e, m, text);
}

static void on_other(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    struct pbay_str url = view(m, "url"), method = view(m, "method");
    struct answer answer = {200, pbay_str("Content-Type: application/octet-stream\n"), view(m, "body")};
    char text[MAX_TEXT];

    if (answer.body.n == 0) {
        snprintf(text, sizeof text, "%.*s %.*s\n", STR(method), STR(url));
        answer.body = pbay_str(text);
    }
    reply(a, e, m, &answer);
}

static void on_smuggled(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m)
{
    printf("http_agent: was given what nobody sent\n");
    on_other(a, e, m);
}

static const struct {
    const char *path;
    void (*act)(struct agent *, const struct pbay_envelope *, const struct pbay_message *);
} paths[] = {
    {"/spoilt", on_spoilt},     {"/release", on_release}, {"/bytes", on_bytes},     {"/wrong", on_wrong},
    {"/abort", on_abort},       {"/status/", on_status},  {"/headers", on_headers}, {"/see", on_see},
    {"/smuggled", on_smuggled}, {"/", on_other},
};

static bool begins(struct pbay_str path, const char *with)
{
    return path.n >= strlen(with) && memcmp(path.p, with, strlen(with)) == 0;
}

static struct pbay_str path_of(struct pbay_str url)
{
    const char *host = memmem(url.p, url.n, "://", 3), *slash;

    if (!host)
        return pbay_str("/");
    slash = memchr(host + 3, '/', url.n - (size_t)(host + 3 - url.p));
    return slash ? (struct pbay_str){slash, url.n - (size_t)(slash - url.p)} : pbay_str("/");
}

/* ---- loop ---- */

static void act(struct agent *a, const struct pbay_envelope *e, const struct pbay_message *m, uint64_t lease)
{
    struct pbay_str path = path_of(view(m, "url"));

    if (begins(path, "/hold")) {
        hold(a, e, lease);
        return;
    }
    if (begins(path, "/nack")) {
        pbay_nack(a->pbay, lease, "as it was asked to");
        return;
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (begins(path, paths[i].path)) {
            paths[i].act(a, e, m);
            break;
        }
    }
    pbay_ack(a->pbay, lease);
}

static void take(struct agent *a)
{
    struct pbay_message m = {0};
    struct pbay_envelope e;
    uint64_t lease;

    if (pbay_get(a->pbay, &e, &lease, PATIENCE))
        return;
    if (pbay_message_decode(&m, a->protocols, e.protocol_id, e.message) == PBAY_OK) {
        act(a, &e, &m, lease);
    } else if (begins(e.protocol_id, "fetchai/default")) { /* the stub's */
        if (begins(e.message, "release"))
            release(a);
        put(a, &e, e.message);
        pbay_ack(a->pbay, lease);
    } else {
        printf("http_agent: cannot read a request: %s\n", m.why);
        pbay_nack(a->pbay, lease, m.why);
    }
    pbay_message_fini(&m);
}

static void take_outcomes(struct agent *a)
{
    struct pbay_outcome o;

    while (pbay_get_outcome(a->pbay, &o, 0) == PBAY_OK) {
        if (o.err)
            printf("http_agent: an answer ended %s: %s\n", pbay_err_name(o.err), o.text);
    }
}

int main(void)
{
    static struct agent a;
    struct sigaction action = {.sa_handler = on_signal};

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    a.protocols = pbay_protocols_new();
    if (pbay_open(&a.pbay, NULL))
        return 1;
    while (!stop) {
        take(&a);
        take_outcomes(&a);
    }
    pbay_close(a.pbay, FAREWELL, NULL);
    pbay_protocols_destroy(&a.protocols);
    return 0;
}
