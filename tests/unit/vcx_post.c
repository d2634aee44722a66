/* Requests to endpoints that a stranger has chosen: what they say, how they end, where they may not go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vcx_http.h"

#define HERE    "127.0.0.1"
#define REFUSED "an address that requests may not go to"
#define SHORT   300 /* ms */

static enum vcx_post_result fetch(struct http_world *w, uint64_t tag, const char *host, const char *path)
{
    char url[HTTP_URL], why[VCX_WHY];

    return vcx_post_fetch(w->post, tag, pbay_str(http_world_url(w, url, host, path)), why);
}

static void check_got(const struct http_world *w, uint64_t tag, enum vcx_post_result result, unsigned status,
                      const char *why)
{
    const struct http_got *got = http_world_got(w, tag);

    if (got->result != result || got->status != status || !strstr(got->why, why) || (!*why && *got->why))
        fail_msg("%u: result %d, status %u, %s", (unsigned)tag, (int)got->result, got->status, got->why);
}

/* One request, and how it ends. */
static void check(struct http_world *w, const char *path, enum vcx_post_result result, unsigned status, const char *why)
{
    uint64_t tag = w->n_got + 1;

    assert_int_equal(fetch(w, tag, HERE, path), VCX_POST_OK);
    http_world_run(w, w->n_got + 1);
    check_got(w, tag, result, status, why);
}

static bool said(const struct http_world *w, const char *text)
{
    return strstr((char *)w->last.p, text) != NULL;
}

/* ---- what is said ---- */

static void test_envelope(void **state)
{
    static const char envelope[] = "{\"protected\":\0\"x\"}";
    struct http_world w;
    char url[HTTP_URL], why[VCX_WHY];

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* must not matter */
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    http_world_url(&w, url, HERE, "/reply?x=1");
    assert_int_equal(vcx_post_envelope(w.post, 7, pbay_str(url), (struct pbay_str){envelope, sizeof envelope}, why),
                     VCX_POST_OK);
    http_world_run(&w, 1);
    unsetenv("http_proxy");
    check_got(&w, 7, VCX_POST_OK, 200, "");
    assert_string_equal(w.got[0].body, "hello");
    assert_string_equal(w.got[0].type, "application/json");
    assert_string_equal(w.got[0].location, "");
    assert_ptr_equal(strstr((char *)w.last.p, "POST /reply?x=1 HTTP/1.1\r\n"), w.last.p);
    assert_true(said(&w, "\r\nContent-Type: application/ssi-agent-wire\r\n"));
    assert_true(said(&w, "\r\nUser-Agent: patchbay-vcx\r\n"));
    assert_false(said(&w, "Expect:"));
    assert_memory_equal(w.last.p + w.last.n - sizeof envelope, envelope, sizeof envelope);
    http_world_fini(&w);
}

static void test_fetch(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    check(&w, "/reply", VCX_POST_OK, 200, "");
    assert_ptr_equal(strstr((char *)w.last.p, "GET /reply HTTP/1.1\r\n"), w.last.p);
    assert_true(said(&w, "\r\nAccept: application/json\r\n"));
    assert_false(said(&w, "Content-"));
    http_world_fini(&w);
}

static void test_big_envelope(void **state)
{
    struct pbay_str envelope = {pb_alloc(VCX_POST_BODY + 1), VCX_POST_BODY};
    struct http_world w;
    char url[HTTP_URL], why[VCX_WHY];

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    http_world_url(&w, url, HERE, "/ok");
    assert_int_equal(vcx_post_envelope(w.post, 1, pbay_str(url), envelope, why), VCX_POST_OK);
    http_world_run(&w, 1);
    check_got(&w, 1, VCX_POST_OK, 202, "");
    assert_true(w.last.n > VCX_POST_BODY);
    assert_false(said(&w, "Expect:")); /* nobody answers that here */
    envelope.n++;
    assert_int_equal(vcx_post_envelope(w.post, 2, pbay_str(url), envelope, why), VCX_POST_NEVER);
    assert_string_equal(why, "a body has at most 1048576 bytes");
    free((char *)envelope.p);
    http_world_fini(&w);
}

/* ---- how they end ---- */

static void test_statuses(void **state)
{
    static const struct {
        const char *path;
        unsigned status;
        enum vcx_post_result result;
    } cases[] = {{"/200", 200, VCX_POST_OK},    {"/201", 201, VCX_POST_OK},    {"/299", 299, VCX_POST_OK},
                 {"/300", 300, VCX_POST_NEVER}, {"/400", 400, VCX_POST_NEVER}, {"/404", 404, VCX_POST_NEVER},
                 {"/408", 408, VCX_POST_AGAIN}, {"/410", 410, VCX_POST_NEVER}, {"/425", 425, VCX_POST_AGAIN},
                 {"/429", 429, VCX_POST_AGAIN}, {"/500", 500, VCX_POST_AGAIN}, {"/501", 501, VCX_POST_NEVER},
                 {"/503", 503, VCX_POST_AGAIN}, {"/505", 505, VCX_POST_NEVER}, {"/599", 599, VCX_POST_AGAIN},
                 {"/600", 600, VCX_POST_NEVER}};
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&w, cases[i].path, cases[i].result, cases[i].status, "");
        assert_string_equal(w.got[i].body, "why");
    }
    http_world_fini(&w);
}

static void test_redirect(void **state)
{
    struct http_world w;
    char url[HTTP_URL];

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    check(&w, "/moved", VCX_POST_NEVER, 302, "");
    assert_int_equal(w.n_requests, 1);
    assert_string_equal(w.got[0].location, http_world_url(&w, url, HERE, "/ok?oob=e30"));
    http_world_fini(&w);
}

static void test_failures(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    check(&w, "/cut", VCX_POST_AGAIN, 0, "partial");
    assert_int_equal(w.got[0].body_n, 0);
    check(&w, "/close", VCX_POST_AGAIN, 0, "returned nothing");
    check(&w, "/garbage", VCX_POST_NEVER, 0, "protocol");
    assert_null(strstr(w.got[2].why, HERE));
    http_world_fini(&w);
}

static void test_nobody(void **state)
{
    struct http_world w;
    unsigned port;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    port = w.port;
    w.port = 1;
    assert_int_equal(fetch(&w, 1, HERE, "/ok"), VCX_POST_OK);
    w.port = port;
    http_world_run(&w, 1);
    check_got(&w, 1, VCX_POST_AGAIN, 0, "connect");
    http_world_fini(&w);
}

static void test_too_long(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    check(&w, "/full", VCX_POST_OK, 200, "");
    assert_int_equal(w.got[0].body_n, VCX_POST_BODY);
    check(&w, "/announced", VCX_POST_NEVER, 0, "Maximum file size");
    check(&w, "/endless", VCX_POST_NEVER, 0, "the answer is too long");
    check(&w, "/head", VCX_POST_NEVER, 0, "head is too long");
    http_world_fini(&w);
}

/* It is not waited for here: the timer tells it once the request is out. */
static void test_timeout(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    assert_int_equal(fetch(&w, 1, HERE, "/slow"), VCX_POST_OK);
    http_world_run_requests(&w, 1);
    while (vcx_post_wait(w.post) < 1000) /* libcurl has short timers of its own */
        http_world_turn(&w);
    assert_in_range(vcx_post_wait(w.post), VCX_POST_TIMEOUT / 2, VCX_POST_TIMEOUT);
    assert_int_equal(w.n_got, 0);
    http_world_fini(&w);
}

static void test_slow(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true, .timeout = SHORT}, NULL);
    check(&w, "/slow", VCX_POST_AGAIN, 0, "Timeout");
    check(&w, "/ok", VCX_POST_OK, 202, "");
    http_world_fini(&w);
}

/* ---- where they may not go ---- */

/* The server is there, and sees nobody. */
static void test_refused(void **state)
{
    static const struct http_name names[] = {{"private.test", "127.0.0.1", 0},
                                             {"both.test", "10.1.2.3,127.0.0.1,::1", 0},
                                             {"mapped.test", "::ffff:127.0.0.1", 0},
                                             {0}};
    static const char *const hosts[] = {"127.0.0.1",
                                        "localhost",
                                        "127.1",
                                        "2130706433",
                                        "0x7f.1",
                                        "0.0.0.0",
                                        "[::1]",
                                        "[::ffff:127.0.0.1]",
                                        "[64:ff9b::127.0.0.1]",
                                        "10.0.0.1",
                                        "169.254.169.254",
                                        "private.test",
                                        "both.test",
                                        "mapped.test"};
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, names);
    for (unsigned i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_int_equal(fetch(&w, i, hosts[i], "/ok"), VCX_POST_OK);
        http_world_run(&w, i + 1);
        check_got(&w, i, VCX_POST_NEVER, 0, REFUSED);
    }
    assert_int_equal(w.n_accepted, 0);
    http_world_fini(&w);
}

/* The same names, where it is allowed: so it was the guard that refused them. */
static void test_allowed(void **state)
{
    static const struct http_name names[] = {{"private.test", "127.0.0.1", 0}, {0}};
    static const char *const hosts[] = {"127.1", "2130706433", "0x7f.1", "private.test"};
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, names);
    for (unsigned i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_int_equal(fetch(&w, i, hosts[i], "/ok"), VCX_POST_OK);
        http_world_run(&w, i + 1);
        check_got(&w, i, VCX_POST_OK, 202, "");
    }
    http_world_fini(&w);
}

static void test_no_url(void **state)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/", ""};
    struct http_world w;
    char why[VCX_WHY];

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_int_equal(vcx_post_fetch(w.post, 1, pbay_str(urls[i]), why), VCX_POST_NEVER);
    assert_int_equal(vcx_post_wait(w.post), -1);
    http_world_fini(&w);
}

/* ---- connections that are kept ---- */

static void test_reuse(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    for (unsigned i = 0; i < 3; i++)
        check(&w, "/reply", VCX_POST_OK, 200, "");
    assert_int_equal(w.n_accepted, 1);
    http_world_fini(&w);
}

static void begin_private(struct http_world *w, uint64_t tag, const char *path)
{
    char url[HTTP_URL], why[VCX_WHY];
    struct vcx_post_request request = {.method = "PUT", .allow_private = true, .drop_body = true};

    request.url = pbay_str(http_world_url(w, url, HERE, path));
    pb_buf_add(&request.body, "number", 6);
    assert_int_equal(vcx_post_begin(w->post, tag, &request, why), VCX_POST_OK);
    assert_null(request.body.p);
}

/* A connection that was opened for one that may go there is none for one that may not, neither while the first runs nor
 * afterwards. */
static void test_alone(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
    begin_private(&w, 1, "/reply");
    http_world_run(&w, 1);
    check_got(&w, 1, VCX_POST_OK, 200, "");
    assert_int_equal(w.got[0].body_n, 0);
    assert_ptr_equal(strstr((char *)w.last.p, "PUT /reply HTTP/1.1\r\n"), w.last.p);
    check(&w, "/reply", VCX_POST_NEVER, 0, REFUSED);
    begin_private(&w, 3, "/slow");
    http_world_run_requests(&w, 2);
    assert_int_equal(fetch(&w, 4, HERE, "/reply"), VCX_POST_OK);
    http_world_run(&w, 3);
    check_got(&w, 4, VCX_POST_NEVER, 0, REFUSED);
    assert_int_equal(w.n_accepted, 2);
    http_world_fini(&w);
}

/* ---- many ---- */

/* One host that never answers has its share; then the others'; then all have waited. */
static void test_bounds(void **state)
{
    static struct http_name names[VCX_POST_REQUESTS / VCX_POST_PER_HOST + 1];
    static char texts[VCX_POST_REQUESTS / VCX_POST_PER_HOST][16];
    const unsigned hosts = VCX_POST_REQUESTS / VCX_POST_PER_HOST;
    struct http_world w;
    unsigned tag = 0;

    (void)state;
    for (unsigned i = 0; i < hosts; i++) {
        snprintf(texts[i], sizeof texts[i], "h%u.test", i);
        names[i] = (struct http_name){texts[i], "127.0.0.1", 0};
    }
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, names);
    for (unsigned i = 0; i < hosts; i++) {
        for (unsigned j = 0; j < VCX_POST_PER_HOST; j++)
            assert_int_equal(fetch(&w, tag++, texts[i], "/slow"), VCX_POST_OK);
        assert_int_equal(fetch(&w, tag, texts[i], "/slow"), VCX_POST_AGAIN);
        texts[i][0] = 'H';
        assert_int_equal(fetch(&w, tag, texts[i], "/slow"), VCX_POST_AGAIN);
    }
    assert_int_equal(fetch(&w, tag, HERE, "/slow"), VCX_POST_AGAIN); /* none for another one */
    http_world_run_requests(&w, VCX_POST_REQUESTS);
    assert_int_equal(w.n_got, 0);
    http_world_fini(&w); /* while they run */
}

static void test_many(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    for (unsigned i = 0; i < VCX_POST_PER_HOST; i++)
        assert_int_equal(fetch(&w, i, HERE, "/full"), VCX_POST_OK);
    http_world_run(&w, VCX_POST_PER_HOST);
    for (unsigned i = 0; i < VCX_POST_PER_HOST; i++)
        assert_int_equal(http_world_got(&w, i)->body_n, VCX_POST_BODY);
    http_world_fini(&w);
}

/* `done` may begin the next one. */
static void test_from_done(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    w.repeats = 20;
    assert_int_equal(fetch(&w, 0, HERE, "/ok"), VCX_POST_OK);
    http_world_run(&w, 21);
    check_got(&w, 20, VCX_POST_OK, 202, "");
    http_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope), cmocka_unit_test(test_fetch),    cmocka_unit_test(test_big_envelope),
        cmocka_unit_test(test_statuses), cmocka_unit_test(test_redirect), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_nobody),   cmocka_unit_test(test_too_long), cmocka_unit_test(test_slow),
        cmocka_unit_test(test_timeout),  cmocka_unit_test(test_refused),  cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_no_url),   cmocka_unit_test(test_reuse),    cmocka_unit_test(test_alone),
        cmocka_unit_test(test_bounds),   cmocka_unit_test(test_many),     cmocka_unit_test(test_from_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
