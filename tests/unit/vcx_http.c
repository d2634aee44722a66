#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vcx_http.h"

#define GUARD    60000 /* ms that nothing at all happens */
#define FULL     (1U << 20)
#define OK_EMPTY "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define CHUNK    "10\r\nxxxxxxxxxxxxxxxx\r\n"

/* What each path is answered with. Another path "/NNN": that status. */
static const struct {
    const char *path, *text;
    size_t more; /* bytes of body after it */
    const char *endless;
    bool ends;
} answers[] = {
    {"/ok", OK_EMPTY, 0, NULL, false},
    {"/reply", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello", 0, NULL, false},
    {"/full", "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", FULL, NULL, false},
    {"/announced", "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", 0, NULL, false},
    {"/endless", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, CHUNK, false},
    {"/head", "HTTP/1.1 200 OK\r\n", 0, "X: 0123456789abcdef0123456789abcdef\r\n", false},
    {"/moved", "HTTP/1.1 302 Found\r\nLocation: /ok?oob=e30\r\nContent-Length: 0\r\n\r\n", 0, NULL, false},
    {"/slow", "", 0, NULL, false},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, NULL, true},
    {"/close", "", 0, NULL, true},
    {"/garbage", "no HTTP at all, and longer than a status line\r\n\r\n", 0, NULL, true},
};

/* ---- the server ---- */

static void say(struct http_peer *p, const char *path)
{
    char text[128];

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (strcmp(path, answers[i].path) != 0)
            continue;
        pb_buf_add(&p->out, answers[i].text, strlen(answers[i].text));
        if (answers[i].more)
            memset(pb_buf_grow(&p->out, answers[i].more), 'f', answers[i].more);
        p->endless = answers[i].endless;
        p->ends = answers[i].ends;
        return;
    }
    snprintf(text, sizeof text, "HTTP/1.1 %.3s Said\r\nContent-Length: 3\r\n\r\nwhy", path + 1);
    pb_buf_add(&p->out, text, strlen(text));
}

/* A whole request is kept, answered and forgotten. */
static void answer(struct http_world *w, struct http_peer *p)
{
    const char *end, *length;
    size_t n;
    char path[64];

    pb_buf_add(&p->in, "", 1);
    p->in.n--;
    end = strstr((char *)p->in.p, "\r\n\r\n");
    if (!end)
        return;
    length = strstr((char *)p->in.p, "Content-Length: ");
    n = (size_t)(end + 4 - (char *)p->in.p) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    if (p->in.n < n)
        return;
    assert_int_equal(p->in.n, n);
    assert_int_equal(sscanf((char *)p->in.p, "%*s %63[^? ]", path), 1);
    pb_buf_fini(&w->last);
    w->last = p->in;
    p->in = (struct pb_buf){0};
    w->n_requests++;
    say(p, path);
}

static void hang_up(struct http_peer *p)
{
    close(p->fd);
    p->fd = -1;
    pb_buf_fini(&p->in);
    pb_buf_fini(&p->out);
    p->endless = NULL;
    p->ends = false;
}

static void serve_peer(struct http_world *w, struct http_peer *p, short what)
{
    char bytes[65536];
    ssize_t n;

    if (what & (POLLIN | POLLHUP | POLLERR)) {
        n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n <= 0) {
            hang_up(p);
            return;
        }
        pb_buf_add(&p->in, bytes, (size_t)n);
        answer(w, p);
    }
    if (p->out.n == 0 && p->endless)
        pb_buf_add(&p->out, p->endless, strlen(p->endless));
    if (p->out.n) {
        n = send(p->fd, p->out.p, p->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            w->n_written += (size_t)n;
            memmove(p->out.p, p->out.p + n, p->out.n - (size_t)n);
            p->out.n -= (size_t)n;
        }
    }
    if (p->ends && p->out.n == 0)
        hang_up(p);
}

static void welcome(struct http_world *w)
{
    for (size_t i = 0; i < HTTP_MAX_PEERS; i++) {
        if (w->peers[i].fd >= 0)
            continue;
        w->peers[i].fd = accept(w->listen_fd, NULL, NULL);
        assert_true(w->peers[i].fd >= 0);
        w->n_accepted++;
        return;
    }
    fail_msg("too many connections");
}

void http_world_turn(struct http_world *w)
{
    struct pollfd fds[HTTP_MAX_PEERS + 2] = {{.fd = vcx_post_fd(w->post), .events = POLLIN},
                                             {.fd = w->listen_fd, .events = POLLIN}};
    int wait = vcx_post_wait(w->post), n;

    for (size_t i = 0; i < HTTP_MAX_PEERS; i++) {
        const struct http_peer *p = &w->peers[i];

        fds[i + 2] = (struct pollfd){.fd = p->fd, .events = p->out.n || p->endless ? POLLIN | POLLOUT : POLLIN};
    }
    n = poll(fds, HTTP_MAX_PEERS + 2, wait >= 0 ? wait : GUARD);
    assert_true(n > 0 || wait >= 0);
    if (fds[1].revents)
        welcome(w);
    for (size_t i = 0; i < HTTP_MAX_PEERS; i++) {
        if (fds[i + 2].revents)
            serve_peer(w, &w->peers[i], fds[i + 2].revents);
    }
    vcx_post_turn(w->post);
}

void http_world_run(struct http_world *w, unsigned n_got)
{
    while (w->n_got < n_got)
        http_world_turn(w);
    assert_int_equal(w->n_got, n_got);
}

void http_world_run_requests(struct http_world *w, unsigned n_requests)
{
    while (w->n_requests < n_requests)
        http_world_turn(w);
}

/* ---- replies ---- */

static void copy(char *to, size_t size, struct pbay_str s)
{
    snprintf(to, size, "%.*s", (int)s.n, s.p ? s.p : "");
}

static void done(void *user, uint64_t tag, const struct vcx_post_reply *reply)
{
    struct http_world *w = user;
    struct http_got *got = &w->got[w->n_got++];

    assert_true(w->n_got <= HTTP_MAX_REPLIES);
    got->tag = tag;
    got->result = reply->result;
    got->status = reply->status;
    got->body_n = reply->body.n;
    copy(got->body, sizeof got->body, reply->body);
    copy(got->type, sizeof got->type, reply->type);
    copy(got->location, sizeof got->location, reply->location);
    copy(got->why, sizeof got->why, pbay_str(reply->why));
    if (w->repeats) {
        char url[HTTP_URL], why[VCX_WHY];

        w->repeats--;
        http_world_url(w, url, "127.0.0.1", "/ok");
        assert_int_equal(vcx_post_fetch(w->post, tag + 1, pbay_str(url), why), VCX_POST_OK);
    }
}

const struct http_got *http_world_got(const struct http_world *w, uint64_t tag)
{
    const struct http_got *found = NULL;

    for (unsigned i = 0; i < w->n_got; i++) {
        if (w->got[i].tag != tag)
            continue;
        assert_null(found);
        found = &w->got[i];
    }
    assert_non_null(found);
    return found;
}

/* ---- life ---- */

const char *http_world_url(const struct http_world *w, char url[HTTP_URL], const char *host, const char *path)
{
    snprintf(url, HTTP_URL, "http://%s:%u%s", host, w->port, path);
    return url;
}

static struct curl_slist *resolve_list(const struct http_world *w, const struct http_name *names)
{
    struct curl_slist *list = NULL;
    char line[256];

    for (; names && names->name; names++) {
        snprintf(line, sizeof line, "%s:%u:%s", names->name, names->port ? names->port : w->port, names->addresses);
        list = curl_slist_append(list, line);
        assert_non_null(list);
    }
    return list;
}

void http_world_init(struct http_world *w, const struct vcx_post_options *options, const struct http_name *names)
{
    struct vcx_post_options mine = *options;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;

    *w = (struct http_world){.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    for (size_t i = 0; i < HTTP_MAX_PEERS; i++)
        w->peers[i].fd = -1;
    assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(w->listen_fd, HTTP_MAX_PEERS), 0);
    assert_int_equal(getsockname(w->listen_fd, (struct sockaddr *)&address, &n), 0);
    w->port = ntohs(address.sin_port);
    mine.done = done;
    mine.user = w;
    mine.resolve = w->resolve = resolve_list(w, names);
    w->post = vcx_post_new(&mine);
    assert_non_null(w->post);
}

void http_world_fini(struct http_world *w)
{
    vcx_post_destroy(&w->post);
    assert_null(w->post);
    for (size_t i = 0; i < HTTP_MAX_PEERS; i++) {
        if (w->peers[i].fd >= 0)
            hang_up(&w->peers[i]);
    }
    close(w->listen_fd);
    pb_buf_fini(&w->last);
    curl_slist_free_all(w->resolve);
}
