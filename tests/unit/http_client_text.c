/* What the HTTP client takes for a request, and what it makes of an answer's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/http_client/client_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define BYTES(text)           \
    {                         \
        text, sizeof text - 1 \
    }

static void test_urls(void **state)
{
    static const struct {
        struct pbay_str url;
        bool good;
    } rows[] = {
        {BYTES("http://a"), true},
        {BYTES("https://a/b?c=%20#d"), true},
        {BYTES("HTTPS://u:p@[::1]:8/"), true},
        {BYTES(""), false},
        {BYTES("http://"), false},
        {BYTES("httpx://a"), false},
        {BYTES("//a/b"), false},
        {BYTES("a.b/c"), false},
        {BYTES("ftp://a"), false},
        {BYTES("file:///etc"), false},
        {BYTES(" http://a"), false},
        {BYTES("http://a b"), false},
        {BYTES("http://a\r\nb"), false},
        {BYTES("http://a\0b"), false},
        {BYTES("http://a\x7f"), false},
        {BYTES("http://\xc3\xa4"), false},
    };
    char *longest = malloc(CLIENT_MAX_URL + 1);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (client_is_url(rows[i].url) != rows[i].good)
            fail_msg("row %zu, '%s'", i, rows[i].url.p);
    }
    assert_non_null(longest);
    memset(longest, 'a', CLIENT_MAX_URL + 1);
    memcpy(longest, "http://", 7);
    assert_true(client_is_url((struct pbay_str){longest, CLIENT_MAX_URL}));
    assert_false(client_is_url((struct pbay_str){longest, CLIENT_MAX_URL + 1}));
    free(longest);
}

static void test_faults(void **state)
{
    static const struct {
        const char *method, *url, *headers, *body, *fault; /* fault NULL = none */
    } rows[] = {
        {"get", "http://a/", "", "", NULL},
        {"M-SEARCH", "https://a/", "A: b\r\nC: d\n\n", "body", NULL},
        {"head", "http://a/", "A:", "", NULL},
        {"", "http://a/", "", "", "its method"},
        {"get\r\nX: y", "http://a/", "", "", "its method"},
        {"get /", "http://a/", "", "", "its method"},
        {"abcdefghijklmnopqrstuvwxyzabcdefg", "http://a/", "", "", "its method"},
        {"Connect", "http://a/", "", "", "CONNECT"},
        {"HEAD", "http://a/", "", "x", "HEAD"},
        {"get", "http://a/\n", "", "", "its url"},
        {"get", "http://a/", "A", "", "its headers"},
        {"get", "http://a/", "A: b\n\nC: d\n", "", "its headers"},
        {"get", "http://a/", " A: b\n", "", "its headers"},
        {"get", "http://a/", "A: b\rC: d\n", "", "its headers"},
        {"get", "http://a/", "A: \xff\n", "", "its headers"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *fault = client_fault(pbay_str(rows[i].method), pbay_str(rows[i].url), pbay_str(rows[i].headers),
                                         pbay_str(rows[i].body));

        if (!fault != !rows[i].fault || (fault && !strstr(fault, rows[i].fault)))
            fail_msg("row %zu: %s", i, fault ? fault : "taken");
    }
}

static void test_many_headers(void **state)
{
    struct pb_buf text = {0};

    (void)state;
    for (unsigned i = 0; i < CLIENT_MAX_HEADERS; i++)
        pb_buf_add(&text, "A: b\n", 5);
    assert_null(
        client_fault(pbay_str("get"), pbay_str("http://a"), (struct pbay_str){(char *)text.p, text.n}, pbay_str("")));
    pb_buf_add(&text, "A: b\n", 5);
    assert_non_null(
        client_fault(pbay_str("get"), pbay_str("http://a"), (struct pbay_str){(char *)text.p, text.n}, pbay_str("")));
    pb_buf_fini(&text);
}

static void test_own_headers(void **state)
{
    (void)state;
    assert_true(client_is_own_header(pbay_str("expect")));
    assert_true(client_is_own_header(pbay_str("Content-length")));
    assert_true(client_is_own_header(pbay_str("CONNECTION")));
    assert_false(client_is_own_header(pbay_str("Host")));
    assert_false(client_is_own_header(pbay_str("Expected")));
}

static void test_status_lines(void **state)
{
    static const struct {
        struct pbay_str line;
        unsigned status;
        const char *phrase;
    } rows[] = {
        {BYTES("HTTP/1.1 200 OK\r\n"), 200, "OK"},
        {BYTES("HTTP/2 404 \r\n"), 404, ""},
        {BYTES("HTTP/1.0 100\r\n"), 100, ""},
        {BYTES("http/1.1 302  Moved  there \r\n"), 302, "Moved  there"},
        {BYTES("HTTP/1.1 20\r\n"), 0, ""},
        {BYTES("HTTP/1.1 2x0 OK\r\n"), 0, ""},
        {BYTES("HTTP/1.1 099 x\r\n"), 0, ""},
        {BYTES("Location: HTTP/1.1 200 OK\r\n"), 0, ""},
        {BYTES("HTTP/1.1"), 0, ""},
        {BYTES(""), 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pbay_str phrase = {"", 0};

        if (client_status(rows[i].line, &phrase) != rows[i].status)
            fail_msg("row %zu", i);
        if (rows[i].status && !pbay_str_eq(phrase, pbay_str(rows[i].phrase)))
            fail_msg("row %zu: '%.*s'", i, (int)phrase.n, phrase.p);
    }
}

/* Whatever a server says is one line of UTF-8. */
static void test_answer_headers(void **state)
{
    static const char expected[] = "A: b\nE: \nU: \xc3\xa4\nL: \xc3\xa4 \xc2\x80\xc3\xbf\nC: x y z\nT: t\n";
    static const char *const lines[][2] = {
        {"A", "b"},        {"E", ""}, {"U", "\xc3\xa4"}, {"L", "\xe4 \x80\xff"}, {"C", "x\ny\x7fz"},
        {"bad name", "v"}, {"", "v"}, {"n\n", "v"},      {"T", " \tt \r\n"}};
    struct pb_buf text = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        client_add_header(&text, lines[i][0], lines[i][1]);
    assert_true(pbay_str_eq((struct pbay_str){(char *)text.p, text.n}, pbay_str(expected)));
    pb_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls),         cmocka_unit_test(test_faults),
                                       cmocka_unit_test(test_many_headers), cmocka_unit_test(test_own_headers),
                                       cmocka_unit_test(test_status_lines), cmocka_unit_test(test_answer_headers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
