/* The TCP client: its outside world is a server with one client, the last that came. */
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
#define HELLO    "conformance"
#define BACKLOG  1024

struct outside {
    int listen_fd, fd; /* fd 0 = no client */
    char port[8];
    struct fake_option options[3];
    struct pbay_protocols *protocols;
};

static void open_world(struct rig *rig)
{
    struct outside *o = rig->outside;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;

    o->protocols = pbay_protocols_new();
    o->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(o->listen_fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(o->listen_fd, BACKLOG), 0);
    assert_int_equal(getsockname(o->listen_fd, (struct sockaddr *)&address, &n), 0);
    snprintf(o->port, sizeof o->port, "%u", ntohs(address.sin_port));
    o->options[0] = (struct fake_option){"port", o->port};
    o->options[1] = (struct fake_option){"drain_timeout", "1"};
    rig->link.options = o->options;
}

static void drop_client(struct outside *o)
{
    if (o->fd)
        close(o->fd);
    o->fd = 0;
}

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    drop_client(o);
    close(o->listen_fd);
    pbay_protocols_destroy(&o->protocols);
}

/* Those who came before are gone; each has said who it is first. */
static void take_client(struct outside *o)
{
    char hello[TCP_HEAD + sizeof HELLO - 1];
    int fd;

    while ((fd = accept4(o->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        drop_client(o);
        o->fd = fd;
        if (recv(fd, hello, sizeof hello, MSG_WAITALL) == (ssize_t)sizeof hello)
            assert_memory_equal(hello, "\x0b\0\0\0" HELLO, sizeof hello);
    }
}

static bool feed(struct rig *rig)
{
    struct outside *o = rig->outside;
    struct pbay_envelope e = {.to = pbay_str(HELLO),
                              .sender = pbay_str("somebody"),
                              .protocol_id = pbay_str(PROTOCOL),
                              .message = pbay_str("a message")};
    char why[PBAY_MAX_WHY], *memory;
    uint8_t head[TCP_HEAD];
    struct pbay_str bytes;
    bool put;

    take_client(o);
    assert_int_equal(pbay_envelope_encode(o->protocols, &e, &bytes, &memory, why), PBAY_OK);
    tcp_put_length(head, bytes.n);
    put = o->fd && send(o->fd, head, sizeof head, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof head &&
          send(o->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.n;
    free(memory);
    return put;
}

static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    static const char *const parties[][2] = {{"acme/connection:1.0.0", "conformance"},
                                             {"somebody", "acme/skill:1.0.0"},
                                             {"acme/connection:1.0.0", "acme/skill:1.0.0"}};

    (void)rig;
    if (i >= sizeof parties / sizeof parties[0])
        return false;
    *e = (struct pbay_envelope){.to = pbay_str(parties[i][0]),
                                .sender = pbay_str(parties[i][1]),
                                .protocol_id = pbay_str(PROTOCOL),
                                .message = pbay_str("x")};
    return true;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)rig;
    *e = *received;
    e->to = received->sender;
    e->sender = received->to;
}

static const struct fake_option good[] = {{"port", "1"}, {"drain_timeout", "1"}, {NULL, NULL}}; /* see open_world */

static const struct bad_option bad[] = {
    {{"port", "70000"}, "70000"},
    {{"port", "tcp"}, "tcp"},
    {{"address", ""}, "empty"},
    {{"own_address", ""}, "empty"},
    {{"own_address", "acme/agent:1.0.0"}, "acme/agent:1.0.0"},
    {{"max_frame", "63"}, "63"},
    {{"connect_timeout", "61"}, "61"},
    {{"frame_timeout", "soon"}, "soon"},
    {{"idle_timeout", "-1"}, "-1"},
    {{"send_timeout", "86401"}, "86401"},
    {{"peer_timeout", "2"}, "found 2"},
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
