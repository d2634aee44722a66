/* The access log, and the skills that requests are for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connections/http_server/http_log.h"
#include "connections/http_server/http_route.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* ---- the runtime's side ---- */

struct pbay_link {
    const char *const (*options)[2];
    size_t n;
    char why[256];
    unsigned logged;
};

const char *pbay_link_config(struct pbay_link *link, const char *name, const char *fallback)
{
    for (size_t i = 0; i < link->n; i++) {
        if (strcmp(link->options[i][0], name) == 0)
            return link->options[i][1];
    }
    return fallback;
}

enum pbay_err pbay_link_fail(struct pbay_link *link, enum pbay_err code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(link->why, sizeof link->why, format, args);
    va_end(args);
    return code;
}

void pbay_link_log(struct pbay_link *link, const char *format, ...)
{
    (void)format;
    link->logged++;
}

const char *pbay_link_data_dir(struct pbay_link *link)
{
    (void)link;
    return "/tmp";
}

/* ---- lines ---- */

static const struct http_log_entry plain = {"127.0.0.1", "GET /a?b HTTP/1.1", 200, 12, 3};

static void test_line(void **state)
{
    char line[HTTP_MAX_LOG_LINE];
    size_t n = http_log_format(line, &plain, 951782400);

    (void)state;
    line[n] = '\0';
    assert_string_equal(line, "127.0.0.1 - - [29/Feb/2000:00:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 12 3\n");
}

/* No request can end a line, or a field. */
static void test_forged(void **state)
{
    struct http_log_entry entry = {"::1", "GET /\"\\\r\n\x1b\x7f\xc3\xbc 1", 0, 0, 0};
    char line[HTTP_MAX_LOG_LINE];
    size_t n = http_log_format(line, &entry, 0);

    (void)state;
    line[n] = '\0';
    assert_non_null(strstr(line, "\"GET /\\x22\\x5c\\x0d\\x0a\\x1b\\x7f\\xc3\\xbc 1\" 000 0 0\n"));
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

static void test_long(void **state)
{
    static const char bytes[] = {'a', '\n'};
    char text[9000] = "", line[HTTP_MAX_LOG_LINE];
    struct http_log_entry entry = {"1234:1234:1234:1234:1234:1234:123.123.123.123", text, 599, UINT64_MAX, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(bytes); i++) {
        size_t n;

        memset(text, bytes[i], sizeof text - 1);
        n = http_log_format(line, &entry, INT32_MAX);
        assert_true(n < sizeof line);
        assert_int_equal(line[n - 1], '\n');
        line[n] = '\0';
        assert_non_null(strstr(line, "...\" 599 18446744073709551615 18446744073709551615\n"));
    }
}

/* ---- the file ---- */

static unsigned count_lines(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned n = 0;
    int c;

    if (!f)
        return 0;
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static void test_rotated(void **state)
{
    char path[] = "/tmp/pbay-log-XXXXXX", old[sizeof path + 2];
    struct pbay_link link = {0};
    struct http_log log;

    (void)state;
    close(mkstemp(path));
    snprintf(old, sizeof old, "%s.1", path);
    assert_int_equal(http_log_init(&log, &link, path), PBAY_OK);
    http_log_write(&log, &link, &plain, 0);
    assert_int_equal(rename(path, old), 0);
    http_log_write(&log, &link, &plain, 999); /* not looked at again yet */
    assert_int_equal(count_lines(old), 2);
    http_log_write(&log, &link, &plain, 1000);
    http_log_write(&log, &link, &plain, 2000);
    assert_int_equal(count_lines(old), 2);
    assert_int_equal(count_lines(path), 2);
    assert_int_equal(link.logged, 0);
    unlink(path);
    http_log_write(&log, &link, &plain, 3000); /* removed */
    assert_int_equal(count_lines(path), 1);
    http_log_fini(&log);
    http_log_fini(&log);
    unlink(path);
    unlink(old);
}

static void test_not_writable(void **state)
{
    struct pbay_link link = {0};
    struct http_log log;

    (void)state;
    assert_int_equal(http_log_init(&log, &link, "/nowhere/access.log"), PBAY_IO);
    assert_non_null(strstr(link.why, "/nowhere/access.log: No such file"));
    http_log_fini(&log);
    assert_int_equal(http_log_init(&log, &link, "/dev/full"), PBAY_OK);
    http_log_write(&log, &link, &plain, 0);
    http_log_write(&log, &link, &plain, 1);
    assert_int_equal(link.logged, 1); /* once, not for each line */
    http_log_fini(&log);
    assert_int_equal(http_log_init(&log, &link, NULL), PBAY_OK);
    http_log_write(&log, &link, &plain, 0);
    http_log_fini(&log);
}

/* ---- routes ---- */

static const char *const good[][2] = {
    {"target_skill_id", "acme/rest:0.1.0"},  {"routes.0.path", "/orders"},
    {"routes.0.skill", "acme/orders:0.1.0"}, {"routes.1.path", "/orders/open/"},
    {"routes.1.skill", "acme/open:0.1.0"},   {"routes.2.path", "/a+b"},
    {"routes.2.skill", "acme/ab:0.1.0"},
};

static void test_routes(void **state)
{
    static const char *const rows[][2] = {
        {"/", "acme/rest:0.1.0"},
        {"*", "acme/rest:0.1.0"},
        {"/orders", "acme/orders:0.1.0"},
        {"/orders/", "acme/orders:0.1.0"},
        {"/orders?x=/orders/open", "acme/orders:0.1.0"},
        {"/orders/1/open", "acme/orders:0.1.0"},
        {"/orders2", "acme/rest:0.1.0"},
        {"/ordersx/open", "acme/rest:0.1.0"},
        {"/order", "acme/rest:0.1.0"},
        {"/Orders", "acme/rest:0.1.0"},
        {"/x/orders", "acme/rest:0.1.0"},
        {"//orders", "acme/rest:0.1.0"},
        {"/orders/open", "acme/open:0.1.0"},
        {"/orders/open/1", "acme/open:0.1.0"},
        {"/orders/opened", "acme/orders:0.1.0"},
        {"/%6frders/%6Fpen", "acme/open:0.1.0"},
        {"/orders%2Fopen", "acme/rest:0.1.0"},
        {"%2forders", "acme/rest:0.1.0"},
        {"/orders%", "acme/rest:0.1.0"},
        {"/orders%2", "acme/rest:0.1.0"},
        {"/a%2Bb/c", "acme/ab:0.1.0"},
        {"/a+b", "acme/ab:0.1.0"},
    };
    struct pbay_link link = {.options = good, .n = COUNT(good)};
    struct http_routes routes = {0};

    (void)state;
    assert_int_equal(http_routes_load(&routes, &link), PBAY_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *skill = http_routes_find(&routes, pbay_str(rows[i][0]));

        if (strcmp(skill, rows[i][1]) != 0)
            fail_msg("%s: %s", rows[i][0], skill);
    }
}

static void test_route_of_all(void **state)
{
    static const char *const options[][2] = {{"routes.0.path", "/"}, {"routes.0.skill", "acme/all:0.1.0"}};
    struct pbay_link link = {.options = options, .n = COUNT(options)};
    struct http_routes routes = {0};

    (void)state;
    assert_int_equal(http_routes_load(&routes, &link), PBAY_OK);
    assert_string_equal(http_routes_find(&routes, pbay_str("/x")), "acme/all:0.1.0");
    assert_string_equal(http_routes_find(&routes, pbay_str("*")), "acme/all:0.1.0");
}

static void check_bad(const char *const (*options)[2], size_t n, const char *why)
{
    struct pbay_link link = {.options = options, .n = n};
    struct http_routes routes = {0};

    assert_int_equal(http_routes_load(&routes, &link), PBAY_CONFIG);
    if (!strstr(link.why, why))
        fail_msg("'%s' instead of '%s'", link.why, why);
}

static void test_bad_routes(void **state)
{
    static const struct {
        const char *const options[3][2];
        const char *why;
    } rows[] = {
        {{{"x", "y"}}, "config.target_skill_id: expected a public id such as acme/skill:1.0.0, found nothing"},
        {{{"target_skill_id", "skill"}}, "config.target_skill_id: expected a public id"},
        {{{"routes.0.path", "/a"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.target_skill_id: "},
        {{{"routes.0.path", "/"}, {"routes.0.skill", "a/b:0.1.0"}, {"target_skill_id", "x"}},
         "target_skill_id: expected"},
        {{{"routes.0", "/a"}}, "config.routes.0.path: expected a path such as /orders, without escapes, found nothing"},
        {{{"routes.0.path", "/a"}}, "config.routes.0.skill: expected a public id"},
        {{{"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.1.path", "/a"}, {"routes.1.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "a"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "/a?b"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "/a%20"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "/a//b"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "/\xc3\xbc"}, {"routes.0.skill", "a/b:0.1.0"}}, "config.routes.0.path: "},
        {{{"routes.0.path", "/a"}, {"routes.0.skill", "orders"}}, "config.routes.0.skill: expected a public id"},
        {{{"routes.64.path", "/a"}}, "config.routes: expected at most 64 entries"},
    };
    static const char *const twice[][2] = {{"routes.0.path", "/a"},
                                           {"routes.0.skill", "a/b:0.1.0"},
                                           {"routes.1.path", "/a/"},
                                           {"routes.1.skill", "a/c:0.1.0"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = 0;

        while (n < 3 && rows[i].options[n][0])
            n++;
        check_bad(rows[i].options, n, rows[i].why);
    }
    check_bad(twice, COUNT(twice), "config.routes.1.path: expected another path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line),         cmocka_unit_test(test_forged),
                                       cmocka_unit_test(test_long),         cmocka_unit_test(test_rotated),
                                       cmocka_unit_test(test_not_writable), cmocka_unit_test(test_routes),
                                       cmocka_unit_test(test_route_of_all), cmocka_unit_test(test_bad_routes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
