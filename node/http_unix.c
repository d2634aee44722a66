#include "node/http_unix.h"

#include <assert.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/link.h"

#define MAX_URL    512
#define FIRST_ROOM 16384

struct transfer {
    CURL *easy;
    struct http_reply reply;
    size_t room; /* of reply.body */
    bool too_big;
    char error[CURL_ERROR_SIZE];
};

/* Room for n more bytes and a NUL; false = there is none. */
static bool grow(struct transfer *t, size_t n)
{
    size_t need = t->reply.n + n + 1, room = t->room ? t->room : FIRST_ROOM;
    char *grown;

    while (room < need)
        room *= 2;
    if (room == t->room)
        return true;
    grown = realloc(t->reply.body, room);
    if (!grown)
        return false;
    t->reply.body = grown;
    t->room = room;
    return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    n *= size;
    t->too_big = n > HTTP_MAX_REPLY - t->reply.n;
    if (t->too_big || !grow(t, n))
        return 0;
    memcpy(t->reply.body + t->reply.n, p, n);
    t->reply.n += n;
    t->reply.body[t->reply.n] = 0;
    return n;
}

/* A child that is started meanwhile must not hold the connection open. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

static void set_up(struct transfer *t, const char *socket, const char *path, const char *body, long timeout_ms)
{
    char url[MAX_URL];

    assert(path[0] == '/' && strlen(path) < MAX_URL - 20);
    snprintf(url, sizeof url, "http://localhost%s", path);
    curl_easy_reset(t->easy);
    curl_easy_setopt(t->easy, CURLOPT_URL, url);
    curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(t->easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(t->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    if (body) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, body);
    }
}

/* Gives the reply away. */
static enum pbay_err result(struct transfer *t, CURLcode code, struct http_reply *reply)
{
    enum pbay_err err = code == CURLE_OK ? PBAY_OK : code == CURLE_OPERATION_TIMEDOUT ? PBAY_TIMEOUT : PBAY_IO;

    if (t->too_big)
        err = PBAY_TOO_BIG;
    *reply = t->reply;
    memset(&t->reply, 0, sizeof t->reply);
    if (err)
        snprintf(reply->error, sizeof reply->error, "%s",
                 t->too_big  ? "the reply is too long"
                 : *t->error ? t->error
                             : curl_easy_strerror(code));
    else
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    t->too_big = false;
    t->room = 0;
    t->error[0] = 0;
    return err;
}

enum pbay_err http_unix(const char *socket, const char *path, const char *body, long timeout_ms,
                        struct http_reply *reply)
{
    struct transfer t = {.easy = curl_easy_init()};
    enum pbay_err err;

    memset(reply, 0, sizeof *reply);
    if (!t.easy) {
        snprintf(reply->error, sizeof reply->error, "libcurl cannot be used");
        return PBAY_IO;
    }
    set_up(&t, socket, path, body, timeout_ms);
    err = result(&t, curl_easy_perform(t.easy), reply);
    curl_easy_cleanup(t.easy);
    return err;
}

void http_reply_fini(struct http_reply *reply)
{
    free(reply->body);
    memset(reply, 0, sizeof *reply);
}

/* ---- for an event loop ---- */

struct http_call {
    CURLM *multi;
    struct transfer t;
    bool busy, done;
    CURLcode code;
    int fd;
    short events;
    int64_t timer; /* INT64_MAX = none */
};

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct http_call *c = arg;

    (void)easy;
    (void)unused;
    c->fd = what == CURL_POLL_REMOVE ? -1 : fd;
    c->events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct http_call *c = arg;

    (void)multi;
    c->timer = ms < 0 ? INT64_MAX : pb_now() + ms;
    return 0;
}

struct http_call *http_call_new(void)
{
    struct http_call *c = pb_alloc(sizeof *c);

    c->fd = -1;
    c->timer = INT64_MAX;
    c->multi = curl_multi_init();
    c->t.easy = curl_easy_init();
    if (!c->multi || !c->t.easy) {
        http_call_destroy(&c);
        return NULL;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void http_call_destroy(struct http_call **call)
{
    struct http_call *c = *call;

    if (!c)
        return;
    http_call_cancel(c);
    curl_easy_cleanup(c->t.easy);
    curl_multi_cleanup(c->multi);
    free(c);
    *call = NULL;
}

void http_call_start(struct http_call *c, const char *socket, const char *path, const char *body, long timeout_ms)
{
    assert(!c->busy);
    set_up(&c->t, socket, path, body, timeout_ms);
    c->busy = true;
    c->done = false;
    if (curl_multi_add_handle(c->multi, c->t.easy)) {
        c->done = true;
        c->code = CURLE_FAILED_INIT;
        c->timer = 0; /* so that the next turn comes at once */
    }
}

void http_call_cancel(struct http_call *c)
{
    if (c->busy)
        curl_multi_remove_handle(c->multi, c->t.easy);
    c->busy = c->done = false;
    c->fd = -1;
    c->timer = INT64_MAX;
    http_reply_fini(&c->t.reply);
    c->t.room = 0;
    c->t.too_big = false;
}

int64_t http_call_interest(const struct http_call *c, int *fd, short *events)
{
    *fd = c->fd;
    *events = c->events;
    return c->timer;
}

static void look_for_end(struct http_call *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        c->done = true;
        c->code = message->data.result;
    }
}

bool http_call_turn(struct http_call *c, int64_t now, short revents)
{
    int mask = (revents & POLLIN ? CURL_CSELECT_IN : 0) | (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
               (revents & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0);
    int running;

    if (!c->busy)
        return false;
    if (!c->done && mask && c->fd >= 0)
        curl_multi_socket_action(c->multi, c->fd, mask, &running);
    if (!c->done && c->timer <= now) {
        c->timer = INT64_MAX;
        curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    look_for_end(c);
    return c->done;
}

enum pbay_err http_call_end(struct http_call *c, struct http_reply *reply)
{
    enum pbay_err err;

    assert(c->busy && c->done);
    err = result(&c->t, c->code, reply);
    http_call_cancel(c);
    return err;
}
