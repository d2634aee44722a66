/* Any bytes as the headers of an answer, and as each word of a request: what is accepted cannot end a line. */
#include <assert.h>
#include <string.h>

#include "connections/http_server/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void assert_one_line(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++)
        assert(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != 0);
}

static void read_headers(struct pbay_str text)
{
    struct pbay_str name, value;
    size_t left = text.n + 1;

    while (left > text.n && http_next_line(&text, &name, &value) == HTTP_LINE) {
        left = text.n;
        assert_one_line(name);
        assert_one_line(value);
        assert(name.n > 0);
        (void)http_is_own_header(name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct pbay_str s = {(const char *)data, n};
    uint64_t length;

    read_headers(s);
    if (http_is_token(s) || http_is_value(s) || http_is_host(s) || http_is_target(s) || http_is_traceparent(s))
        assert_one_line(s);
    (void)http_is_length(s, &length);
    (void)http_is_idempotent(s);
    (void)http_trim(s);
    return 0;
}
