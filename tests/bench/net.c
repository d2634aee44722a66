#include "tests/bench/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LINE 512

static struct sockaddr_in local(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int net_listen(unsigned port)
{
    struct sockaddr_in at = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0)
        bench_die("port %u: %s", port, strerror(errno));
    return fd;
}

int net_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;

    if (fd < 0)
        bench_die("accept: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void net_open(struct net *n, const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in at = local(colon ? (unsigned)atoi(colon + 1) : 0);
    int on = 1;

    *n = (struct net){
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .out = malloc(NET_BUFFER), .in = malloc(NET_BUFFER)};
    if (n->fd < 0 || !n->out || !n->in || connect(n->fd, (struct sockaddr *)&at, sizeof at) != 0)
        bench_die("%s: %s", address, strerror(errno));
    setsockopt(n->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void net_close(struct net *n)
{
    if (!n->out)
        return;
    net_flush(n);
    close(n->fd);
    free(n->out);
    free(n->in);
    *n = (struct net){.fd = -1};
}

static void write_all(struct net *n, const char *p, size_t bytes)
{
    while (bytes) {
        ssize_t done = send(n->fd, p, bytes, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            bench_die("send: %s", strerror(errno));
        if (done > 0) {
            p += done;
            bytes -= (size_t)done;
        }
    }
}

void net_flush(struct net *n)
{
    write_all(n, n->out, n->out_n);
    n->out_n = 0;
}

void net_put(struct net *n, const void *p, size_t bytes)
{
    if (n->out_n + bytes > NET_BUFFER)
        net_flush(n);
    if (bytes > NET_BUFFER) {
        write_all(n, p, bytes);
        return;
    }
    memcpy(n->out + n->out_n, p, bytes);
    n->out_n += bytes;
}

void net_text(struct net *n, const char *format, ...)
{
    char line[MAX_LINE];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof line)
        bench_die("a command of %d bytes", length);
    net_put(n, line, (size_t)length);
}

/* More bytes behind those we have. */
static bool more(struct net *n, int timeout_ms)
{
    struct pollfd p = {.fd = n->fd, .events = POLLIN};
    ssize_t got;

    memmove(n->in, n->in + n->in_at, n->in_n - n->in_at);
    n->in_n -= n->in_at;
    n->in_at = 0;
    if (n->in_n == NET_BUFFER)
        bench_die("a message larger than %d bytes", NET_BUFFER);
    got = recv(n->fd, n->in + n->in_n, NET_BUFFER - n->in_n, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN && timeout_ms != 0 && poll(&p, 1, timeout_ms) == 1)
        got = recv(n->fd, n->in + n->in_n, NET_BUFFER - n->in_n, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        bench_die("recv: %s", got == 0 ? "the other end has closed" : strerror(errno));
    n->in_n += got > 0 ? (size_t)got : 0;
    return got > 0;
}

const char *net_want(struct net *n, size_t bytes, int timeout_ms)
{
    while (n->in_n - n->in_at < bytes) {
        if (!more(n, timeout_ms))
            return NULL;
    }
    return n->in + n->in_at;
}

const char *net_line(struct net *n, size_t *bytes, int timeout_ms)
{
    for (;;) {
        const char *begin = n->in + n->in_at, *end = memchr(begin, '\n', n->in_n - n->in_at);

        if (end) {
            *bytes = (size_t)(end - begin) + 1;
            return begin;
        }
        if (!more(n, timeout_ms))
            return NULL;
    }
}

void net_take(struct net *n, size_t bytes)
{
    n->in_at += bytes;
}
