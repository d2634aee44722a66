#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connections/http_client/client_int.h"

#define MAX_EVENTS  64
#define MAX_ROUNDS  16           /* of libcurl in one turn: the others have their turn, too */
#define SPARE_FDS   ((rlim_t)64) /* for the rest of the process */
#define FDS_OF_EACH ((rlim_t)4)  /* descriptors of one request: two addresses at a time, and a look-up */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- libcurl's callbacks ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *of_socket)
{
    struct client *s = self;
    struct epoll_event event = {.data.fd = fd};

    (void)easy, (void)of_socket;
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT &&
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        return -1; /* every transfer then ends with an error */
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *self)
{
    struct client *s = self;

    (void)multi;
    s->curl_at = ms < 0 ? CLIENT_NEVER : client_now() + ms;
    return 0;
}

/* ---- life ---- */

/* As many descriptors as requests may need; or, if the system says no, as it gives: then some fail. */
static void raise_limit(const struct client *s)
{
    rlim_t wanted = s->config.max_requests * FDS_OF_EACH + SPARE_FDS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_multi(struct client *s)
{
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)s->config.max_per_host);
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)s->config.max_requests);
}

enum pbay_err client_multi_start(struct client *s)
{
    s->curl_at = CLIENT_NEVER;
    s->has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->has_curl && s->epoll_fd >= 0)
        s->multi = curl_multi_init();
    if (s->multi) {
        raise_limit(s);
        set_multi(s);
        return PBAY_OK;
    }
    pbay_link_fail(s->link, PBAY_IO, "cannot start: %s",
                   s->epoll_fd < 0 ? strerror(errno) : "libcurl does not say why");
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    client_multi_stop(s);
    return PBAY_IO;
}

void client_multi_stop(struct client *s)
{
    assert(!s->running);
    if (s->multi) {
        curl_multi_cleanup(s->multi);
        close(s->epoll_fd);
    }
    if (s->has_curl)
        curl_global_cleanup();
    s->multi = NULL;
    s->has_curl = false;
}

/* ---- transfers ---- */

bool client_multi_add(struct client *s, struct client_request *r)
{
    return curl_multi_add_handle(s->multi, r->easy) == CURLM_OK;
}

void client_multi_remove(struct client *s, struct client_request *r)
{
    CURLMcode code = curl_multi_remove_handle(s->multi, r->easy);

    assert(code == CURLM_OK);
}

static void collect(struct client *s)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(s->multi, &left))) {
        struct client_request *r = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        client_request_finish(s, r, m->data.result);
    }
}

/* One round; false = there was nothing to do. */
static bool run(struct client *s)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(s->epoll_fd, events, MAX_EVENTS, 0), running;
    bool due = s->curl_at <= s->now;

    for (int i = 0; i < n; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        curl_multi_socket_action(s->multi, events[i].data.fd, what, &running);
    }
    if (due) {
        s->curl_at = CLIENT_NEVER;
        curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(s);
    return n > 0 || due;
}

void client_multi_set_timer(struct client *s)
{
    int64_t due = earlier(s->curl_at, s->running ? s->running->deadline : CLIENT_NEVER), left;

    if (s->draining && s->running)
        due = earlier(due, s->cancel_at);
    if (due == CLIENT_NEVER) {
        pbay_link_timer(s->link, -1);
        return;
    }
    left = due - s->now;
    pbay_link_timer(s->link, left < 0 ? 0 : (int)earlier(left, INT32_MAX));
}

void client_multi_turn(struct client *s)
{
    s->now = client_now();
    for (unsigned i = 0; i < MAX_ROUNDS && run(s); i++)
        s->now = client_now();
    client_request_expire(s);
    if (s->draining && s->cancel_at <= s->now)
        client_request_cancel(s);
    client_multi_set_timer(s);
}
