#include "connections/http_client/curl_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 64

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *of_socket)
{
    const struct curl_loop *loop = self;
    struct epoll_event event = {.data.fd = fd};

    (void)easy, (void)of_socket;
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(loop->fd, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    if (epoll_ctl(loop->fd, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT &&
        epoll_ctl(loop->fd, EPOLL_CTL_ADD, fd, &event))
        return -1; /* every transfer then ends with an error */
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *self)
{
    struct curl_loop *loop = self;

    (void)multi;
    loop->due = ms < 0 ? CURL_LOOP_NEVER : now_ms() + ms;
    return 0;
}

bool curl_loop_open(struct curl_loop *loop)
{
    bool has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    int keep;

    errno = 0;
    *loop = (struct curl_loop){.fd = epoll_create1(EPOLL_CLOEXEC), .due = CURL_LOOP_NEVER};
    keep = errno;
    if (has_curl && loop->fd >= 0)
        loop->multi = curl_multi_init();
    if (loop->multi) {
        curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
        curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
        return true;
    }
    if (loop->fd >= 0)
        close(loop->fd);
    if (has_curl)
        curl_global_cleanup();
    errno = loop->fd < 0 ? keep : 0;
    return false;
}

void curl_loop_close(struct curl_loop *loop)
{
    if (!loop->multi)
        return;
    curl_multi_cleanup(loop->multi);
    close(loop->fd);
    curl_global_cleanup();
    loop->multi = NULL;
}

bool curl_loop_run(struct curl_loop *loop)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(loop->fd, events, MAX_EVENTS, 0), running;
    bool due = loop->due <= now_ms();

    for (int i = 0; i < n; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        curl_multi_socket_action(loop->multi, events[i].data.fd, what, &running);
    }
    if (due) {
        loop->due = CURL_LOOP_NEVER;
        curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    return n > 0 || due;
}
