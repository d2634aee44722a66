#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections/tcp_server/tcp_int.h"

#define BACKLOG    1024
#define MAX_EVENTS 64
#define RETRY_MS   100 /* until somebody is let in again, after the system had no room */

/* ---- listening ---- */

static int open_socket(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(fd, a->ai_addr, a->ai_addrlen) ||
        listen(fd, BACKLOG)) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* HOST:PORT, with brackets where there are colons in HOST. */
static void describe(const struct sockaddr *address, socklen_t n, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN + 16] = "?", port[NI_MAXSERV] = "?";
    bool v6;

    (void)getnameinfo(address, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    v6 = strchr(host, ':') != NULL;
    snprintf(text, size, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* The port is asked for: it may have been 0. */
static void say_listening(struct tcp_server *s)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char text[64] = "?";

    if (getsockname(s->listen_fd, (struct sockaddr *)&address, &n) == 0)
        describe((struct sockaddr *)&address, n, text, sizeof text);
    pbay_link_log(s->link, "listening on tcp://%s", text);
}

static enum pbay_err listen_at(struct tcp_server *s)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list, *a;
    char port[12];
    int error;

    snprintf(port, sizeof port, "%u", s->config.port);
    error = getaddrinfo(s->config.address, port, &hints, &list);
    if (error)
        return pbay_link_fail(s->link, PBAY_CONFIG, "config.address: %s: %s", s->config.address, gai_strerror(error));
    for (a = list; a && s->listen_fd < 0; a = a->ai_next)
        s->listen_fd = open_socket(a);
    error = errno;
    freeaddrinfo(list);
    if (s->listen_fd < 0)
        return pbay_link_fail(s->link, PBAY_IO, "bind %s:%s: %s", s->config.address, port, strerror(error));
    return PBAY_OK;
}

enum pbay_err tcp_listen_start(struct tcp_server *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    enum pbay_err err;

    s->listen_fd = -1;
    s->up = true;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        return pbay_link_fail(s->link, PBAY_IO, "epoll: %s", strerror(errno));
    err = listen_at(s);
    if (err)
        return err;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->listen_fd, &event))
        return pbay_link_fail(s->link, PBAY_IO, "epoll: %s", strerror(errno));
    say_listening(s);
    return PBAY_OK;
}

void tcp_listen_stop(struct tcp_server *s)
{
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = -1;
    s->accept_again = false;
}

/* ---- who comes in ---- */

static void refuse(struct tcp_server *s, int fd)
{
    close(fd);
    if (!s->said_full)
        pbay_link_log(s->link, "max_clients (%u) are connected: who comes now is sent away", s->config.max_clients);
    s->said_full = true;
}

/* false = nobody more; or there is no room for a descriptor now, which nothing will tell us of later. */
static bool accept_one(struct tcp_server *s)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char from[64];
    int fd = accept4(s->listen_fd, (struct sockaddr *)&address, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        s->accept_again = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (s->accept_again)
            tcp_at(s, s->now + RETRY_MS);
        return errno != EAGAIN && errno != EWOULDBLOCK && !s->accept_again;
    }
    if (s->n_clients >= s->config.max_clients) {
        refuse(s, fd);
        return true;
    }
    describe((struct sockaddr *)&address, n, from, sizeof from);
    tcp_client_add(s, fd, from);
    return true;
}

/* As many as the backlog holds; the rest comes in the next turn. */
static void accept_all(struct tcp_server *s)
{
    unsigned n = 0;

    while (s->listen_fd >= 0 && n < BACKLOG && accept_one(s))
        n++;
    if (n < BACKLOG)
        return;
    s->accept_again = true;
    tcp_at(s, s->now);
}

void tcp_turn(struct tcp_server *s)
{
    struct epoll_event events[MAX_EVENTS];
    int n;

    if (s->accept_again) {
        s->accept_again = false;
        accept_all(s);
    }
    do {
        n = epoll_wait(s->epoll_fd, events, MAX_EVENTS, 0);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                tcp_client_event(s, events[i].data.ptr, events[i].events);
            else
                accept_all(s);
        }
    } while (n == MAX_EVENTS);
}
