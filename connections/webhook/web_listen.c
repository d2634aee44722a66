#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connections/webhook/web_int.h"

#define BACKLOG 256

static int open_socket(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The port is asked for: it may have been 0. */
static void note_authority(struct web *w, int fd)
{
    bool v6 = strchr(w->opt.host, ':') != NULL;
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char port[NI_MAXSERV] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &n) == 0)
        getnameinfo((struct sockaddr *)&address, n, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    snprintf(w->authority, sizeof w->authority, "%s%.*s%s:%s", v6 ? "[" : "", WEB_MAX_HOST, w->opt.host, v6 ? "]" : "",
             port);
}

int web_listen(struct web *w, enum pbay_err *err, char why[WEB_WHY])
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list, *a;
    char port[12];
    int fd = -1, error;

    snprintf(port, sizeof port, "%u", w->opt.port);
    error = getaddrinfo(w->opt.host, port, &hints, &list);
    if (error) {
        *err = PBAY_CONFIG;
        snprintf(why, WEB_WHY, "%s: %s: %s", w->opt.host_key, w->opt.host, gai_strerror(error));
        return -1;
    }
    for (a = list; a && fd < 0; a = a->ai_next)
        fd = open_socket(a);
    error = errno;
    freeaddrinfo(list);
    if (fd >= 0) {
        note_authority(w, fd);
        return fd;
    }
    *err = PBAY_IO;
    snprintf(why, WEB_WHY, "bind %s:%s: %s", w->opt.host, port, strerror(error));
    return -1;
}
