/* The webhook: its outside world is a few sources of events. Each one posts once; when all places are taken, the one
 * that has waited longest leaves. */
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

#define SOURCES 16

struct outside {
    int sources[SOURCES]; /* a ring */
    unsigned n;           /* that have ever been */
};

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    for (unsigned i = 0; i < o->n && i < SOURCES; i++)
        close(o->sources[i]);
}

/* The port that the package has found for itself; it says so when it connects. */
static in_port_t port_of(const struct rig *rig)
{
    unsigned port = 0;

    if (sscanf(rig->link.log, "listening on http://127.0.0.1:%u/hook", &port) != 1)
        fail_msg("%sno port in '%s'", rig->where, rig->link.log);
    return (in_port_t)port;
}

static bool feed(struct rig *rig)
{
    static const char request[] = "POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\na body";
    struct outside *o = rig->outside;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd;

    if (rig->draining)
        return false; /* it listens no more */
    address.sin_port = htons(port_of(rig));
    if (o->n >= SOURCES)
        close(o->sources[o->n % SOURCES]);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    o->sources[o->n++ % SOURCES] = fd;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    return true;
}

/* It sends nothing. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    (void)rig;
    *e = (struct pbay_envelope){.to = pbay_str("fetchai/webhook:0.20.6"),
                                .sender = pbay_str("test/skill:0.1.0"),
                                .protocol_id = pbay_str("valory/http:1.0.0"),
                                .message = pbay_str("whatever")};
    return i < 1;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)received;
    foreign(rig, 0, e);
}

static const struct fake_option good[] = {{"webhook_address", "127.0.0.1"},
                                          {"webhook_port", "0"},
                                          {"webhook_url_path", "/hook"},
                                          {"target_skill_id", "test/skill:0.1.0"},
                                          {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"webhook_address", NULL}, "nothing"},
    {{"webhook_address", ""}, "an address"},
    {{"webhook_port", NULL}, "nothing"},
    {{"webhook_port", "70000"}, "70000"},
    {{"webhook_port", "http"}, "http"},
    {{"webhook_url_path", NULL}, "nothing"},
    {{"webhook_url_path", "hook"}, "found hook"},
    {{"webhook_url_path", "/hook?x"}, "/hook?x"},
    {{"target_skill_id", NULL}, "nothing"},
    {{"target_skill_id", "no skill"}, "no skill"},
    {{"answer", "never"}, "never"},
    {{"encoding", "json"}, "json"},
    {{"timeout", "0"}, "found 0"},
    {{"hmac_key_file", ""}, "empty"},
    {{"hmac_key_file", "/dev/null"}, "an empty file"},
    {{"hmac_header", "no name"}, "no name"},
    {{"max_in_flight", "1025"}, "1025"},
    {{"max_body_bytes", "-1"}, "-1"},
    {{"max_body_total", "0"}, "found 0"},
    {{"max_connections", "0"}, "found 0"},
    {{"max_connections_per_address", "0"}, "found 0"},
    {{"max_header_bytes", "255"}, "255"},
    {{"request_timeout", "0"}, "found 0"},
    {{NULL, NULL}, NULL},
};

const struct package conformance_package = {.good = good,
                                            .bad = bad,
                                            .outside_size = sizeof(struct outside),
                                            .close = close_world,
                                            .feed = feed,
                                            .foreign = foreign,
                                            .own = own};
