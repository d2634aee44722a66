#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/http_unix.h"
#include "node/link.h"

#define MAX_REQUEST 4096
#define PATIENCE    20000
#define SHORT       50

/* A server for one request, which it keeps, and one canned answer. */
struct server {
    char dir[64], path[128];
    int fd;
    pthread_t thread;
    char request[MAX_REQUEST];
    const char *answer;
    size_t more; /* bytes of body after it */
    bool silent; /* answer only when the client has gone */
};

static void answer(const struct server *s, int fd)
{
    static const char bytes[65536];

    if (write(fd, s->answer, strlen(s->answer)) < 0)
        return;
    for (size_t left = s->more; left;) {
        ssize_t n = write(fd, bytes, left < sizeof bytes ? left : sizeof bytes);

        if (n <= 0)
            return; /* the client has had enough */
        left -= (size_t)n;
    }
}

static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");

    return end && (!length || strlen(end + 4) >= strtoul(length + 16, NULL, 10));
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t n = 0;
    ssize_t got = 1;

    while (got > 0 && (s->silent || !is_whole(s->request))) {
        got = read(fd, s->request + n, sizeof s->request - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    if (!s->silent)
        answer(s, fd);
    close(fd);
    return NULL;
}

static void start(struct server *s, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(s->dir, "/tmp/pbay-http-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof s->path, "%s/s", s->dir);
    strcpy(address.sun_path, s->path);
    s->answer = text;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
    unlink(s->path);
    rmdir(s->dir);
}

static void test_get(void **state)
{
    struct server s = {.more = 0};
    struct http_reply reply;

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* must not matter */
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(http_unix(s.path, "/v1/nodes?x=1", NULL, PATIENCE, &reply), PBAY_OK);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.n, 5);
    assert_string_equal(reply.body, "hello");
    http_reply_fini(&reply);
    stop(&s);
    unsetenv("http_proxy");
    assert_ptr_equal(strstr(s.request, "GET /v1/nodes?x=1 HTTP/1.1\r\n"), s.request);
}

static void test_chunks(void **state)
{
    struct server s = {.more = 0};
    struct http_reply reply;

    (void)state;
    start(&s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    assert_int_equal(http_unix(s.path, "/", NULL, PATIENCE, &reply), PBAY_OK);
    assert_string_equal(reply.body, "hello");
    http_reply_fini(&reply);
    stop(&s);
}

static void test_post_and_refusal(void **state)
{
    struct server s = {.more = 0};
    struct http_reply reply;

    (void)state;
    start(&s, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(http_unix(s.path, "/a", "the reason", PATIENCE, &reply), PBAY_OK);
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.n, 0);
    http_reply_fini(&reply);
    stop(&s);
    assert_ptr_equal(strstr(s.request, "POST /a HTTP/1.1\r\n"), s.request);
    assert_string_equal(strstr(s.request, "\r\n\r\n"), "\r\n\r\nthe reason");
}

static void test_empty_post_is_a_post(void **state)
{
    struct server s = {.more = 0};
    struct http_reply reply;

    (void)state;
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(http_unix(s.path, "/a", "", PATIENCE, &reply), PBAY_OK);
    http_reply_fini(&reply);
    stop(&s);
    assert_ptr_equal(strstr(s.request, "POST /a HTTP/1.1\r\n"), s.request);
    assert_non_null(strstr(s.request, "Content-Length: 0\r\n"));
}

static void test_answer_is_bounded(void **state)
{
    static const struct {
        const char *head;
        size_t more;
        enum pbay_err err;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n", HTTP_MAX_REPLY, PBAY_OK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n", HTTP_MAX_REPLY + 1, PBAY_TOO_BIG},
        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_MAX_REPLY + 1, PBAY_TOO_BIG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s = {.more = cases[i].more};
        struct http_reply reply;

        start(&s, cases[i].head);
        assert_int_equal(http_unix(s.path, "/", NULL, PATIENCE, &reply), cases[i].err);
        assert_int_equal(reply.n == HTTP_MAX_REPLY && reply.status == 200, cases[i].err == PBAY_OK);
        http_reply_fini(&reply);
        stop(&s);
    }
}

static void test_bad_answers(void **state)
{
    static const char *const answers[] = {"", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct server s = {.more = 0};
        struct http_reply reply;

        start(&s, answers[i]);
        assert_int_equal(http_unix(s.path, "/", NULL, PATIENCE, &reply), PBAY_IO);
        assert_int_equal(reply.status, 0);
        assert_true(*reply.error);
        http_reply_fini(&reply);
        stop(&s);
    }
}

static void test_nobody_there(void **state)
{
    struct http_reply reply;

    (void)state;
    assert_int_equal(http_unix("/tmp/pbay-no-such-socket", "/", NULL, PATIENCE, &reply), PBAY_IO);
    assert_true(*reply.error);
    http_reply_fini(&reply);
}

static void test_silence(void **state)
{
    struct server s = {.silent = true};
    struct http_reply reply;

    (void)state;
    start(&s, "");
    assert_int_equal(http_unix(s.path, "/", NULL, SHORT, &reply), PBAY_TIMEOUT);
    http_reply_fini(&reply);
    stop(&s);
}

/* ---- in an event loop ---- */

static enum pbay_err drive(struct http_call *call, struct http_reply *reply)
{
    bool done = false;

    while (!done) {
        struct pollfd p = {.fd = -1};
        int64_t due = http_call_interest(call, &p.fd, &p.events), now = pb_now();
        int64_t wait = due == INT64_MAX ? -1 : due > now ? due - now : 0;

        assert_true(p.fd >= 0 || wait >= 0); /* or it would never end */
        assert_true(poll(&p, 1, (int)wait) >= 0);
        done = http_call_turn(call, pb_now(), p.revents);
    }
    return http_call_end(call, reply);
}

static void test_loop(void **state)
{
    struct http_call *call = http_call_new();
    struct http_reply reply;

    (void)state;
    assert_non_null(call);
    for (int i = 0; i < 3; i++) { /* it can be used again, also after a failure */
        struct server s = {.silent = i == 1};

        start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        http_call_start(call, s.path, "/", i == 2 ? "body" : NULL, s.silent ? SHORT : PATIENCE);
        assert_int_equal(drive(call, &reply), s.silent ? PBAY_TIMEOUT : PBAY_OK);
        assert_int_equal(reply.n, s.silent ? 0 : 5);
        http_reply_fini(&reply);
        stop(&s);
        assert_int_equal(strncmp(s.request, "POST", 4) == 0, i == 2);
    }
    http_call_start(call, "/tmp/pbay-no-such-socket", "/", NULL, PATIENCE);
    assert_int_equal(drive(call, &reply), PBAY_IO);
    http_reply_fini(&reply);
    http_call_destroy(&call);
    assert_null(call);
}

static void test_cancel(void **state)
{
    struct http_call *call = http_call_new();
    struct server s = {.silent = true};
    struct pollfd p = {.fd = -1};

    (void)state;
    start(&s, "");
    http_call_start(call, s.path, "/", NULL, PATIENCE);
    assert_false(http_call_turn(call, pb_now() + 1, 0));
    http_call_cancel(call);
    assert_false(http_call_turn(call, pb_now(), 0));
    assert_true(http_call_interest(call, &p.fd, &p.events) == INT64_MAX);
    assert_int_equal(p.fd, -1);
    stop(&s); /* its connection was closed, or it would wait for ever */
    http_call_destroy(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_post_and_refusal),
        cmocka_unit_test(test_empty_post_is_a_post),
        cmocka_unit_test(test_answer_is_bounded),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_cancel),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
