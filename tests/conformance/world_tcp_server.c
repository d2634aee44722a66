/* The TCP server: its outside world is a few clients. Each one says who it is and sends one envelope; when all places
 * are taken, the one that has been there longest leaves. */
#include "tests/conformance/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/tcp_server/tcp_message.h"

#define PROTOCOL "fetchai/default:1.0.0"
#define CLIENTS  16
#define NAME     32

struct outside {
    int clients[CLIENTS]; /* a ring */
    unsigned n;           /* that have ever been */
    struct pbay_protocols *protocols;
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
    pbay_protocols_destroy(&o->protocols);
}

/* The port that the package has found for itself; it says so when it connects. */
static in_port_t port_of(const struct rig *rig)
{
    unsigned port = 0;

    if (sscanf(rig->link.log, "listening on tcp://127.0.0.1:%u", &port) != 1)
        fail_msg("%sno port in '%s'", rig->where, rig->link.log);
    return (in_port_t)port;
}

static void put(int fd, const char *p, size_t n)
{
    uint8_t head[TCP_HEAD];

    tcp_put_length(head, n);
    assert_int_equal(send(fd, head, sizeof head, MSG_NOSIGNAL), sizeof head);
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static struct pbay_envelope plain(const char *to, const char *sender)
{
    return (struct pbay_envelope){.to = pbay_str(to),
                                  .sender = pbay_str(sender),
                                  .protocol_id = pbay_str(PROTOCOL),
                                  .message = pbay_str("a message")};
}

static bool feed(struct rig *rig)
{
    struct outside *o = rig->outside;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char name[NAME], why[PBAY_MAX_WHY], *memory;
    struct pbay_envelope e;
    struct pbay_str bytes;
    int fd;

    address.sin_port = htons(port_of(rig));
    if (o->n >= CLIENTS)
        close(o->clients[o->n % CLIENTS]);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    o->clients[o->n++ % CLIENTS] = fd;
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        return false; /* it drains, and listens no more */
    snprintf(name, sizeof name, "client_%u", o->n);
    e = plain("conformance", name);
    assert_int_equal(pbay_envelope_encode(o->protocols, &e, &bytes, &memory, why), PBAY_OK);
    put(fd, name, strlen(name));
    put(fd, bytes.p, bytes.n);
    free(memory);
    return true;
}

/* For nobody who is there; between components; too long. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    static char big[8192];
    static const char *const parties[][2] = {{"nobody", "conformance"},
                                             {"acme/connection:1.0.0", "conformance"},
                                             {"nobody", "acme/skill:1.0.0"},
                                             {"", "conformance"}};

    (void)rig;
    if (i >= sizeof parties / sizeof parties[0])
        return false;
    *e = plain(parties[i][0], parties[i][1]);
    if (i == 0)
        e->message = (struct pbay_str){big, sizeof big};
    return true;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)rig;
    *e = *received;
    e->to = received->sender;
    e->sender = received->to;
}

static const struct fake_option good[] = {
    {"port", "0"}, {"client_grace", "0"}, {"drain_timeout", "1"}, {"max_frame", "1052672"}, {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"port", "70000"}, "70000"},
    {{"port", "tcp"}, "tcp"},
    {{"address", ""}, "empty"},
    {{"max_frame", "63"}, "63"},
    {{"max_clients", "0"}, "found 0"},
    {{"max_input_total", "1000000"}, "at least max_frame (1052672), found 1000000"},
    {{"hello_timeout", "0"}, "found 0"},
    {{"frame_timeout", "soon"}, "soon"},
    {{"idle_timeout", "-1"}, "-1"},
    {{"send_timeout", "86401"}, "86401"},
    {{"peer_timeout", "2"}, "found 2"},
    {{"client_grace", "3601"}, "3601"},
    {{"drain_timeout", "-1"}, "-1"},
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
