/* The HTTP server: its outside world is a few clients. Each one asks once; when all places are taken, the one that has
 * waited longest leaves. */
#include "tests/conformance/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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
#define OTHER    "fetchai/prometheus:1.0.0"
#define CLIENTS  16

struct outside {
    int clients[CLIENTS]; /* a ring */
    unsigned n;           /* that have ever been */
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the last envelope that was made */
};

static void open_world(struct rig *rig)
{
    ((struct outside *)rig->outside)->protocols = pbay_protocols_new();
}

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    for (unsigned i = 0; i < o->n && i < CLIENTS; i++)
        close(o->clients[i]);
    pbay_message_fini(&o->message);
    pbay_protocols_destroy(&o->protocols);
}

/* The port that the package has found for itself; it says so when it connects. */
static in_port_t port_of(const struct rig *rig)
{
    unsigned port = 0;

    if (sscanf(rig->link.log, "listening on http://127.0.0.1:%u", &port) != 1)
        fail_msg("%sno port in '%s'", rig->where, rig->link.log);
    return (in_port_t)port;
}

static bool feed(struct rig *rig)
{
    static const char *const requests[] = {
        "GET /path HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /path HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\na body",
    };
    struct outside *o = rig->outside;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const char *request = requests[o->n % 2];
    int fd;

    if (rig->draining)
        return false; /* it listens no more */
    address.sin_port = htons(port_of(rig));
    if (o->n >= CLIENTS)
        close(o->clients[o->n % CLIENTS]);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    o->clients[o->n++ % CLIENTS] = fd;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return true;
}

static struct pbay_str encode(struct outside *o)
{
    struct pbay_str bytes = {0};

    if (pbay_message_encode(&o->message, &bytes))
        fail_msg("%s", o->message.why);
    return bytes;
}

static void begin(struct outside *o, const char *performative)
{
    assert_int_equal(pbay_message_init(&o->message, o->protocols, pbay_str(PROTOCOL), performative), PBAY_OK);
    pbay_message_set_str(&o->message, "version", pbay_str(""));
    pbay_message_set_str(&o->message, "headers", pbay_str(""));
    pbay_message_set_bytes(&o->message, "body", pbay_str("the body"));
}

static struct pbay_str response(struct outside *o)
{
    begin(o, "response");
    pbay_message_set_int(&o->message, "status_code", 200);
    pbay_message_set_str(&o->message, "status_text", pbay_str("OK"));
    return encode(o);
}

static struct pbay_str request(struct outside *o)
{
    begin(o, "request");
    pbay_message_set_str(&o->message, "method", pbay_str("get"));
    pbay_message_set_str(&o->message, "url", pbay_str("http://localhost/"));
    return encode(o);
}

/* The answer of another protocol, with another one's `response`, to the request that came last. */
static struct pbay_str other_response(struct rig *rig)
{
    struct outside *o = rig->outside;
    struct pbay_message asked = {0};

    if (!rig->received && feed(rig))
        rig_await(rig);
    assert_int_equal(pbay_message_init(&o->message, o->protocols, pbay_str(OTHER), "response"), PBAY_OK);
    pbay_message_set_int(&o->message, "code", 200);
    if (rig->received &&
        pbay_message_decode(&asked, o->protocols, pbay_str(PROTOCOL), rig->received->e.message) == PBAY_OK)
        pbay_message_answer(&o->message, &asked);
    pbay_message_fini(&asked);
    return encode(o);
}

/* Another protocol; bytes that are no message; a request; the answer to a request that nobody has made; an answer in
 * another protocol. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;

    *e = (struct pbay_envelope){.to = pbay_str("valory/http_server:0.22.0"),
                                .sender = pbay_str("test/skill:0.1.0"),
                                .protocol_id = pbay_str(i == 0   ? "fetchai/default:1.0.0"
                                                        : i == 4 ? OTHER
                                                                 : PROTOCOL)};
    if (i < 2)
        e->message = pbay_str("\xff these bytes are no message");
    else
        e->message = i == 2 ? request(o) : i == 3 ? response(o) : other_response(rig);
    return i < 5;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;
    struct pbay_message asked = {0};

    *e = *received;
    e->to = received->sender;
    e->sender = received->to;
    assert_int_equal(pbay_message_decode(&asked, o->protocols, received->protocol_id, received->message), PBAY_OK);
    begin(o, "response");
    pbay_message_answer(&o->message, &asked);
    pbay_message_set_int(&o->message, "status_code", 200);
    pbay_message_set_str(&o->message, "status_text", pbay_str("OK"));
    e->message = encode(o);
    pbay_message_fini(&asked);
}

static const struct fake_option good[] = {{"port", "0"}, {"target_skill_id", "test/skill:0.1.0"}, {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"port", "70000"}, "70000"},
    {{"port", "http"}, "http"},
    {{"port", "-1"}, "-1"},
    {{"timeout", "0"}, "found 0"},
    {{"timeout", "soon"}, "soon"},
    {{"timeout", "nan"}, "nan"},
    {{"target_skill_id", NULL}, "nothing"},
    {{"target_skill_id", "no skill"}, "no skill"},
    {{"host", ""}, "empty"},
    {{"encoding", "json"}, "json"},
    {{"api_spec_path", ""}, "an empty text"},
    {{"api_spec_path", "none.yaml"}, "none.yaml: cannot be read"},
    {{"access_log", ""}, "an empty text"},
    {{"ssl_cert", "cert.pem"}, "neither"},
    {{"ssl_key", "key.pem"}, "neither"},
    {{"max_connections", "0"}, "found 0"},
    {{"max_connections_per_address", "0"}, "found 0"},
    {{"max_in_flight", "1025"}, "1025"},
    {{"max_request_line", "63"}, "63"},
    {{"max_header_bytes", "255"}, "255"},
    {{"max_headers", "0"}, "found 0"},
    {{"max_body_bytes", "-1"}, "-1"},
    {{"max_body_total", "0"}, "found 0"},
    {{"header_timeout", "0"}, "found 0"},
    {{"idle_timeout", "0"}, "found 0"},
    {{"min_body_rate", "0"}, "found 0"},
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
