/* Requests against tests/unit/http_api.yaml: what the head and the body of each are answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_spec.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define JSON         "Host: a\nContent-Type: application/json\n"
#define TEA          "{\"item\": \"tea\", \"quantity\": 1}"

static struct api_spec *spec;

static int setup(void **state)
{
    struct pbay_conf_error error = {""};

    (void)state;
    spec = api_spec_load(SOURCE_DIR "/tests/unit/http_api.yaml", &error);
    if (!spec)
        print_error("%s\n", error.text);
    return spec ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    api_spec_destroy(&spec);
    api_spec_destroy(&spec);
    return 0;
}

struct row {
    const char *method, *target, *headers, *body; /* body NULL = none */
    unsigned status;                              /* 0 = it goes to the agent */
    const char *why;                              /* or what Allow says */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &rows[i];
        struct api_request request = {pbay_str(row->method), pbay_str(row->target), pbay_str(row->headers), row->body};
        struct api_fault fault = {0};
        struct api_match match;
        const char *why;

        if (api_check_head(spec, &request, &match, &fault))
            api_check_body(&match, pbay_str(row->body), &fault);
        why = fault.allow ? fault.allow : fault.why;
        if (fault.status != row->status || strcmp(why, row->why) != 0)
            fail_msg("%s %s: %u '%s'", row->method, row->target, fault.status, why);
    }
}

#define NO_PATH 404, "the API describes no such path"

static void test_paths(void **state)
{
    static const struct row rows[] = {
        {"GET", "/", "", NULL, 0, ""},
        {"GET", "/?any=thing", "", NULL, 0, ""},
        {"GET", "/orders", "", NULL, 0, ""},
        {"GET", "/%6frders", "", NULL, 0, ""},
        {"GET", "/orders/", "", NULL, NO_PATH},
        {"GET", "//orders", "", NULL, NO_PATH},
        {"GET", "/Orders", "", NULL, NO_PATH},
        {"GET", "/order", "", NULL, NO_PATH},
        {"GET", "/other", "", NULL, NO_PATH},
        {"GET", "/x-more", "", NULL, NO_PATH},
        {"GET", "/v2/orders", "", NULL, NO_PATH},
        {"GET", "/orders/7", "", NULL, 0, ""},
        {"GET", "/orders/0", "", NULL, 400, "path.id: expected at least 1"},
        {"GET", "/orders/latest", "", NULL, 0, ""},
        {"GET", "/orders/7/items", "", NULL, 0, ""},
        {"GET", "/orders/7/lines", "", NULL, 400, "path.part: expected one of its enum"},
        {"GET", "/orders/7/items/1", "", NULL, NO_PATH},
        {"GET", "/orders/7/", "", NULL, NO_PATH},
        {"GET", "/orders/..", "", NULL, NO_PATH},
        {"GET", "/orders/%2e%2E", "", NULL, NO_PATH},
        {"GET", "/orders/.", "", NULL, NO_PATH},
        {"GET", "/orders%2F7", "", NULL, NO_PATH},
        {"GET", "/orders/%", "", NULL, 400, "path: expected UTF-8, with escapes such as %20"},
        {"GET",
         "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/"
         "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
         "", NULL, NO_PATH},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

static void test_methods(void **state)
{
    static const struct row rows[] = {
        {"HEAD", "/orders", "", NULL, 0, ""},
        {"HEAD", "/orders?limit=0", "", NULL, 400, "query.limit: expected at least 1"},
        {"HEAD", "/notes", "", NULL, 405, "POST, OPTIONS"},
        {"PUT", "/orders", "", NULL, 405, "GET, HEAD, POST, OPTIONS"},
        {"get", "/orders", "", NULL, 405, "GET, HEAD, POST, OPTIONS"},
        {"BREW", "/orders", "", NULL, 405, "GET, HEAD, POST, OPTIONS"},
        {"POST", "/orders/latest", "", NULL, 405, "GET, HEAD, OPTIONS"},
        {"OPTIONS", "/orders", "", NULL, 204, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS", "/orders/1", "", NULL, 0, ""},
        {"OPTIONS", "/orders/a", "", NULL, 400, "path.id: expected an integer"},
        {"OPTIONS", "/other", "", NULL, NO_PATH},
        {"OPTIONS", "*", "", NULL, 204, "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

static void test_parameters(void **state)
{
    static const struct row rows[] = {
        {"GET", "/orders?limit=100&status=open&status=done&other=1", "X-Trace: 0aF1\nx-trace2: 1\n", NULL, 400,
         "header.X-Trace: expected what matches ^[0-9a-f]{4}$"},
        {"GET", "/orders?limit=100&status=open&status=done&other=1", "x-trace: 0af1\n", NULL, 0, ""},
        {"GET", "/orders?limit=101", "", NULL, 400, "query.limit: expected at most 100"},
        {"GET", "/orders?status=open&status=lost", "", NULL, 400, "query.status.1: expected one of its enum"},
        {"POST", "/orders?limit=2", JSON, TEA, 400, "query.limit: expected at most 1"},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

#define NO_TYPE 415, "header.Content-Type: expected application/json"

static void test_bodies(void **state)
{
    static const struct row rows[] = {
        {"POST", "/orders", JSON, TEA, 0, ""},
        {"PUT", "/orders/1", "content-type: Application/JSON; charset=utf-8\n", TEA, 0, ""},
        {"POST", "/orders", JSON, NULL, 400, "body: expected one"},
        {"POST", "/orders", JSON, "", 400, "body: expected one"},
        {"POST", "/orders", "", TEA, NO_TYPE},
        {"POST", "/orders", "Content-Type: text/plain\n", TEA, NO_TYPE},
        {"POST", "/orders", "Content-Type: application/jsonx\n", TEA, NO_TYPE},
        {"POST", "/orders", JSON, "tea", 400, "body: expected JSON: line 1: invalid token near 'tea'"},
        {"POST", "/orders", JSON, "{\"item\": \"tea\"}", 400, "body.quantity: expected it to be there"},
        {"POST", "/orders", JSON, "{\"item\": \"tea\", \"quantity\": 1, \"x\": 1}", 400,
         "body.x: the API describes no such property"},
        {"POST", "/orders", JSON, "{\"item\": \"tea\", \"quantity\": 1, \"note\": null, \"price\": 0}", 400,
         "body.price: expected more than 0"},
        {"POST", "/orders", JSON, "{\"item\": \"tea\", \"quantity\": 1, \"lines\": [{\"a\": 1}, {\"name\": \"A\"}]}",
         400, "body.lines.1.name: expected what matches ^([a-z]+-?)*$"},
        {"GET", "/orders", JSON, "{}", 400, "body: the API describes none here"},
        {"POST", "/notes", "", NULL, 0, ""},
        {"POST", "/notes", JSON, "", 0, ""},
        {"POST", "/notes", "Content-Type: text/plain\n", "a note", 0, ""},
        {"POST", "/notes", "Content-Type: TEXT/html;a=b\n", "a note", 0, ""},
        {"POST", "/notes", "Content-Type: text\n", "a note", 415,
         "header.Content-Type: expected text/*, application/json, application/merge+json"},
        {"POST", "/notes", JSON, "{}", 0, ""},
        {"POST", "/notes", JSON, "[]", 400, "body: expected an object"},
        {"POST", "/notes", "Content-Type: application/merge+json\n", "{}", 400, "body: expected an array"},
        {"POST", "/big", "Content-Type: image/png\n", "\x89PNG", 0, ""},
        {"POST", "/big", "", "anything", 0, ""},
        {"POST", "/big", JSON, "[]", 400, "body: expected an object"},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths), cmocka_unit_test(test_methods),
                                       cmocka_unit_test(test_parameters), cmocka_unit_test(test_bodies)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
