/* What the HTTP server takes for a request's pieces and for an answer's headers, and which status tells which end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/http_server/http_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define BYTES(text)           \
    {                         \
        text, sizeof text - 1 \
    }

/* ---- pieces ---- */

struct row {
    struct pbay_str text;
    bool good;
};

static void check_rows(const struct row *rows, size_t n, bool (*is)(struct pbay_str), const char *what)
{
    for (size_t i = 0; i < n; i++) {
        if (is(rows[i].text) != rows[i].good)
            fail_msg("%s: '%.*s' (row %zu) is %s", what, (int)rows[i].text.n, rows[i].text.p, i,
                     rows[i].good ? "refused" : "taken");
    }
}

static void test_pieces(void **state)
{
    static const struct row tokens[] = {
        {BYTES("GET"), true},  {BYTES("X-a_b.c~1!#$%&'*+^`|"), true},
        {BYTES(""), false},    {BYTES("a b"), false},
        {BYTES("a:"), false},  {BYTES("a\0"), false},
        {BYTES("(a)"), false}, {BYTES("\xc3\xbc"), false},
    };
    static const struct row values[] = {
        {BYTES(""), true},      {BYTES("a b\tc"), true},    {BYTES("\xc3\xbc"), true}, {BYTES("a\rb"), false},
        {BYTES("a\nb"), false}, {BYTES("a\0b"), false},     {BYTES("\x01"), false},    {BYTES("\x7f"), false},
        {BYTES("\xff"), false}, {BYTES("\xc0\x80"), false},
    };
    static const struct row hosts[] = {
        {BYTES("localhost"), true}, {BYTES("127.0.0.1:8000"), true}, {BYTES("[::1]:80"), true}, {BYTES(""), false},
        {BYTES("a/b"), false},      {BYTES("a@b"), false},           {BYTES("a b"), false},     {BYTES("a?b"), false},
        {BYTES("a#b"), false},      {BYTES("a\\b"), false},          {BYTES("a\0b"), false},
    };
    static const struct row targets[] = {
        {BYTES("/"), true},    {BYTES("/a/b?c=%20&d#"), false}, {BYTES("//a?{}|"), true}, {BYTES(""), false},
        {BYTES("*"), false},   {BYTES("http://a/"), false},     {BYTES("a:80"), false},   {BYTES("/a b"), false},
        {BYTES("/\t"), false}, {BYTES("/\xc3\xbc"), false},     {BYTES("/a\0"), false},   {BYTES("/\x7f"), false},
    };

    (void)state;
    check_rows(tokens, COUNT(tokens), http_is_token, "token");
    check_rows(values, COUNT(values), http_is_value, "value");
    check_rows(hosts, COUNT(hosts), http_is_host, "host");
    check_rows(targets, COUNT(targets), http_is_target, "target");
}

static void test_traceparent(void **state)
{
    static const struct row rows[] = {
        {BYTES("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), true},
        {BYTES("00-00000000000000000000000000000001-0000000000000001-00"), true},
        {BYTES("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), false},
        {BYTES("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), false},
        {BYTES("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), false},
        {BYTES("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), false},
        {BYTES("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"), false},
        {BYTES("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011"), false},
        {BYTES("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), false},
        {BYTES("00-4bf92f3577b34da6a3ce929d0e0e473\0-00f067aa0ba902b7-01"), false},
        {BYTES(""), false},
    };

    (void)state;
    check_rows(rows, COUNT(rows), http_is_traceparent, "traceparent");
}

static void test_length(void **state)
{
    static const struct {
        struct pbay_str text;
        bool good;
        uint64_t length;
    } rows[] = {
        {BYTES("0"), true, 0},
        {BYTES("00012"), true, 12},
        {BYTES("18446744073709551615"), true, UINT64_MAX},
        {BYTES("18446744073709551616"), false, 0},
        {BYTES("99999999999999999999999"), false, 0},
        {BYTES(""), false, 0},
        {BYTES("+1"), false, 0},
        {BYTES("-1"), false, 0},
        {BYTES(" 1"), false, 0},
        {BYTES("1 "), false, 0},
        {BYTES("0x1"), false, 0},
        {BYTES("1,1"), false, 0},
        {BYTES("1\0"), false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t length = 0;

        assert_int_equal(http_is_length(rows[i].text, &length), rows[i].good);
        assert_int_equal(length, rows[i].length);
    }
}

static void test_methods(void **state)
{
    static const struct row rows[] = {
        {BYTES("GET"), true},    {BYTES("HEAD"), true},    {BYTES("PUT"), true},
        {BYTES("DELETE"), true}, {BYTES("OPTIONS"), true}, {BYTES("POST"), false},
        {BYTES("PATCH"), false}, {BYTES("get"), false},    {BYTES("BREW"), false},
    };

    (void)state;
    check_rows(rows, COUNT(rows), http_is_idempotent, "idempotent");
}

/* ---- headers of an answer ---- */

/* "name=value;" for each line, and at the end "." or "!". */
static void walk(struct pbay_str text, char *out, size_t n)
{
    struct pbay_str name, value;
    enum http_line line;
    size_t at = 0;

    while ((line = http_next_line(&text, &name, &value)) == HTTP_LINE)
        at += (size_t)snprintf(out + at, n - at, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
    snprintf(out + at, n - at, "%s", line == HTTP_BAD_LINE ? "!" : ".");
}

static void test_lines(void **state)
{
    static const struct {
        struct pbay_str text;
        const char *walked;
    } rows[] = {
        {BYTES(""), "."},
        {BYTES("\n"), "."},
        {BYTES("\r\n"), "."},
        {BYTES("A: 1"), "A=1;."},
        {BYTES("A: 1\n"), "A=1;."},
        {BYTES("A: 1\r\nB:2\nC: \r\n\r\n"), "A=1;B=2;C=;."},
        {BYTES("A: \t b: c \t\n"), "A=b: c;."},
        {BYTES("A: 1\nA: 2\n"), "A=1;A=2;."},
        {BYTES("A: 1\n\nB: 2\n"), "A=1;!"},
        {BYTES("A: 1\r\n\r\n<html>"), "A=1;!"},
        {BYTES("A: 1\rB: 2\n"), "!"},
        {BYTES("A: 1\r\r\n"), "!"},
        {BYTES("A: 1\n B: 2\n"), "A=1;!"},
        {BYTES("A : 1\n"), "!"},
        {BYTES(": 1\n"), "!"},
        {BYTES("A\n"), "!"},
        {BYTES("A: a\0b\n"), "!"},
        {BYTES("A\0: a\n"), "!"},
        {BYTES("A: \xff\n"), "!"},
    };
    char walked[128];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        walk(rows[i].text, walked, sizeof walked);
        if (strcmp(walked, rows[i].walked) != 0)
            fail_msg("row %zu: %s instead of %s", i, walked, rows[i].walked);
    }
}

static void test_own_headers(void **state)
{
    static const struct row rows[] = {
        {BYTES("content-length"), true},
        {BYTES("Transfer-Encoding"), true},
        {BYTES("CONNECTION"), true},
        {BYTES("Keep-Alive"), true},
        {BYTES("te"), true},
        {BYTES("Upgrade"), true},
        {BYTES("Trailer"), true},
        {BYTES("Proxy-Connection"), true},
        {BYTES("Content-Type"), false},
        {BYTES("Content-Lengt"), false},
        {BYTES("Set-Cookie"), false},
        {BYTES(""), false},
    };

    (void)state;
    check_rows(rows, COUNT(rows), http_is_own_header, "own header");
}

static void test_statuses(void **state)
{
    static const struct {
        enum pbay_err err;
        unsigned status;
    } rows[] = {
        {PBAY_EXPIRED, 504},  {PBAY_TIMEOUT, 504}, {PBAY_DISCONNECTED, 503}, {PBAY_INSTANCE_GONE, 503},
        {PBAY_SHUTDOWN, 503}, {PBAY_TOO_BIG, 413}, {PBAY_REFUSED, 502},      {PBAY_DENIED, 502},
        {PBAY_NO_ROUTE, 502}, {PBAY_FAILED, 502},  {PBAY_POISON, 502},       {PBAY_OUTCOME_UNKNOWN, 502},
        {PBAY_INVALID, 502},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_status_of(rows[i].err), rows[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces),  cmocka_unit_test(test_traceparent),
                                       cmocka_unit_test(test_length),  cmocka_unit_test(test_methods),
                                       cmocka_unit_test(test_lines),   cmocka_unit_test(test_own_headers),
                                       cmocka_unit_test(test_statuses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
