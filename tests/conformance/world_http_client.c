/* The HTTP client: its outside world is a server, in a thread, that answers one connection after the other. */
#include "tests/conformance/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pbay_message.h"

#define PROTOCOL "valory/http:1.0.0"
#define MAX_HEAD 4096
#define BACKLOG  1024 /* more than may run at a time */

struct outside {
    int fd; /* listening */
    pthread_t thread;
    char url[64];
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the last envelope that was made */
};

/* ---- the server ---- */

static void serve_one(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
    char head[MAX_HEAD + 1] = "";
    size_t n = 0;
    ssize_t got = 1;

    while (n < MAX_HEAD && !strstr(head, "\r\n\r\n") && (got = recv(fd, head + n, MAX_HEAD - n, 0)) > 0)
        n += (size_t)got;
    if (got > 0)
        (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    close(fd);
}

/* Until the listening socket is shut down. */
static void *serve(void *self)
{
    struct outside *o = self;
    int fd;

    while ((fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve_one(fd);
    return NULL;
}

static void open_world(struct rig *rig)
{
    struct outside *o = rig->outside;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;

    o->protocols = pbay_protocols_new();
    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o->fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(o->fd, BACKLOG), 0);
    assert_int_equal(getsockname(o->fd, (struct sockaddr *)&address, &n), 0);
    snprintf(o->url, sizeof o->url, "http://127.0.0.1:%u/path", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);
}

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    shutdown(o->fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->fd);
    pbay_message_fini(&o->message);
    pbay_protocols_destroy(&o->protocols);
}

/* ---- envelopes ---- */

static struct pbay_str encode(struct outside *o)
{
    struct pbay_str bytes = {0};

    if (pbay_message_encode(&o->message, &bytes))
        fail_msg("%s", o->message.why);
    return bytes;
}

static void begin(struct outside *o, const char *performative, const char *starter)
{
    assert_int_equal(pbay_message_init(&o->message, o->protocols, pbay_str(PROTOCOL), performative), PBAY_OK);
    o->message.starter = pbay_str(starter);
    pbay_message_set_str(&o->message, "version", pbay_str(""));
    pbay_message_set_str(&o->message, "headers", pbay_str("X-Test: conformance\n"));
    pbay_message_set_bytes(&o->message, "body", pbay_str(""));
}

static struct pbay_str request(struct outside *o, const char *starter)
{
    begin(o, "request", starter);
    pbay_message_set_str(&o->message, "method", pbay_str("get"));
    pbay_message_set_str(&o->message, "url", pbay_str(o->url));
    return encode(o);
}

static struct pbay_str response(struct outside *o)
{
    begin(o, "response", "a dialogue");
    pbay_message_set_int(&o->message, "status_code", 200);
    pbay_message_set_str(&o->message, "status_text", pbay_str("OK"));
    return encode(o);
}

static void address(struct pbay_envelope *e, const char *protocol)
{
    *e = (struct pbay_envelope){.to = pbay_str("valory/http_client:0.23.0"),
                                .sender = pbay_str("test/skill:0.1.0"),
                                .protocol_id = pbay_str(protocol)};
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)received;
    address(e, PROTOCOL);
    e->message = request(rig->outside, "a dialogue");
}

static bool feed(struct rig *rig)
{
    struct pbay_envelope e;

    own(rig, NULL, &e);
    return rig->link.n_pending < FAKE_PENDING && rig_send(rig, &e) == PBAY_PENDING;
}

/* Another protocol; bytes that are no message; an answer; a request without a dialogue; one with another operation. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;

    address(e, i == 0 ? "fetchai/default:1.0.0" : PROTOCOL);
    if (i < 2)
        e->message = pbay_str("\xff these bytes are no message");
    else if (i == 2)
        e->message = response(o);
    else
        e->message = request(o, i == 3 ? "" : "a dialogue");
    if (i == 4)
        e->operation = pbay_str("post");
    return i < 5;
}

static const struct fake_option good[] = {{"timeout", "10"}, {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"timeout", "0"}, "found 0"},
    {{"timeout", "soon"}, "soon"},
    {{"connect_timeout", "86401"}, "86401"},
    {{"drain_timeout", "-1"}, "-1"},
    {{"max_redirects", "101"}, "101"},
    {{"max_requests", "0"}, "found 0"},
    {{"max_per_host", "1025"}, "1025"},
    {{"max_response", "15728641"}, "15728641"},
    {{"max_header_bytes", "255"}, "255"},
    {{"max_body_total", "0"}, "found 0"},
    {{"ca_file", ""}, "empty"},
    {{NULL, NULL}, NULL},
};

const struct package conformance_package = {.good = good,
                                            .bad = bad,
                                            .outside_size = sizeof(struct outside),
                                            .open = open_world,
                                            .close = close_world,
                                            .feed = feed,
                                            .foreign = foreign,
                                            .own = own};
