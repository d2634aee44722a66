#include "connections/http_server/http_int.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024

static int open_socket(const struct http_server *s, const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        (s->config.reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)) ||
        bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The port is asked for: it may have been 0. */
static void note_authority(struct http_server *s, int fd)
{
    bool v6 = strchr(s->config.host, ':') != NULL;
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char port[NI_MAXSERV] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &n) == 0)
        getnameinfo((struct sockaddr *)&address, n, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    snprintf(s->authority, sizeof s->authority, "%s%.*s%s:%s", v6 ? "[" : "", HTTP_MAX_HOST, s->config.host,
             v6 ? "]" : "", port);
}

int http_listen(struct http_server *s)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list, *a;
    char port[12];
    int fd = -1, error;

    snprintf(port, sizeof port, "%u", s->config.port);
    error = getaddrinfo(s->config.host, port, &hints, &list);
    if (error) {
        pbay_link_fail(s->link, PBAY_CONFIG, "config.host: %s: %s", s->config.host, gai_strerror(error));
        return -1;
    }
    for (a = list; a && fd < 0; a = a->ai_next)
        fd = open_socket(s, a);
    error = errno;
    freeaddrinfo(list);
    if (fd < 0)
        pbay_link_fail(s->link, PBAY_IO, "bind %s:%s: %s", s->config.host, port, strerror(error));
    else
        note_authority(s, fd);
    return fd;
}
