#include "connections/tcp_client/tcp_dial.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections/tcp_server/tcp_peer.h"

/* 0, or errno. */
static int wait_connected(int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int64_t left = deadline - tcp_now();
    int n = poll(&p, 1, left > 0 ? (int)left : 0), error = 0;
    socklen_t size = sizeof error;

    if (n < 0)
        return errno; /* EINTR as well: it may be the end */
    if (n == 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? errno : error;
}

/* -1 with errno. */
static int dial_one(const struct addrinfo *a, int64_t deadline)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;

    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen))
        error = errno == EINPROGRESS ? wait_connected(fd, deadline) : errno;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

int tcp_dial(const struct tcp_config *config, struct pbay_link *link)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list, *a;
    int64_t deadline = tcp_now() + (int64_t)config->connect_timeout * 1000;
    char port[12];
    int fd = -1, error;

    snprintf(port, sizeof port, "%u", config->port);
    error = getaddrinfo(config->address, port, &hints, &list);
    if (error) {
        pbay_link_fail(link, PBAY_IO, "config.address: %s: %s", config->address, gai_strerror(error));
        return -1;
    }
    for (a = list; a && fd < 0; a = a->ai_next)
        fd = dial_one(a, deadline);
    error = errno;
    freeaddrinfo(list);
    if (fd < 0)
        pbay_link_fail(link, PBAY_IO, "connect %s:%s: %s", config->address, port, strerror(error));
    return fd;
}
