/* The stub connection's format: the parser and the encoder, without files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/stub/stub_lines.h"
#include "connections/stub/stub_text.h"
#include "stub_vectors.h"

#define HEAD      "a,b,x/y:1.0.0,"
#define MAX_ITEMS 64

struct seen {
    enum stub_kind kind;
    size_t start, used;
    char text[512];
};

struct trace {
    struct seen seen[MAX_ITEMS];
    size_t n;
};

static size_t unhex(const char *hex, char *to)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        to[i] = (char)byte;
    }
    return n;
}

static void note(struct trace *t, const struct stub_item *item, size_t start, size_t used)
{
    struct seen *s = &t->seen[t->n];

    assert_true(t->n < MAX_ITEMS);
    *s = (struct seen){.kind = item->kind, .start = start, .used = used};
    if (item->kind == STUB_REJECT)
        snprintf(s->text, sizeof s->text, "%s", item->why);
    else
        snprintf(s->text, sizeof s->text, "%.*s|%.*s|%.*s|%zu|%.*s", (int)item->e.to.n, item->e.to.p,
                 (int)item->e.sender.n, item->e.sender.p, (int)item->e.protocol_id.n, item->e.protocol_id.p,
                 item->e.message.n, (int)item->e.message.n, item->e.message.p);
    t->n++;
}

/* Items of the first `limit` bytes from *at on; blanks are passed over, skipped bytes are counted to their reject. */
static void run(struct trace *t, struct stub_lines *s, char *p, size_t limit, size_t *at, size_t *skipped)
{
    struct stub_item item;

    for (;;) {
        stub_lines_next(s, p + *at, limit - *at, &item);
        if (item.kind == STUB_MORE)
            return;
        assert_in_range(item.used, 1, limit - *at);
        if (item.kind == STUB_ENVELOPE || item.kind == STUB_REJECT) {
            note(t, &item, *at - *skipped, item.used + *skipped);
            *skipped = 0;
        } else if (item.kind == STUB_SKIP) {
            *skipped += item.used;
        }
        *at += item.used;
    }
}

/* The items of n bytes that come in pieces: up to `split`, then `step` at a time. */
static struct trace *parse(const char *bytes, size_t n, size_t split, size_t step)
{
    struct trace *t = calloc(1, sizeof *t);
    char *p = malloc(n + 1);
    struct stub_lines s = {0};
    size_t at = 0, skipped = 0;

    assert_non_null(t);
    assert_non_null(p);
    memcpy(p, bytes, n);
    run(t, &s, p, split, &at, &skipped);
    for (size_t limit = split; limit < n; limit += step)
        run(t, &s, p, limit + step < n ? limit + step : n, &at, &skipped);
    free(p);
    return t;
}

static struct trace *parse_text(const char *text)
{
    return parse(text, strlen(text), strlen(text), 1);
}

static void assert_seen(const struct trace *t, size_t i, enum stub_kind kind, size_t start, size_t used,
                        const char *text)
{
    assert_true(i < t->n);
    assert_int_equal(t->seen[i].kind, kind);
    assert_int_equal(t->seen[i].start, start);
    assert_int_equal(t->seen[i].used, used);
    assert_string_equal(t->seen[i].text, text);
}

static bool holds(struct pbay_str have, const char *bytes, size_t n)
{
    return have.n == n && memcmp(have.p, bytes, n) == 0;
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stub_vectors / sizeof stub_vectors[0]; i++) {
        const struct stub_vector *v = &stub_vectors[i];
        char line[1024], back[1024];
        size_t n = unhex(v->line_hex, line), made = 0;
        size_t from = strlen(v->to) + strlen(v->sender) + strlen(v->protocol_id) + 3;
        struct iovec parts[STUB_LINE_PARTS];
        struct stub_lines s = {0};
        struct stub_item item;

        stub_lines_next(&s, line, n, &item);
        assert_int_equal(item.kind, STUB_ENVELOPE);
        assert_int_equal(item.used, n);
        assert_true(holds(item.e.to, v->to, strlen(v->to)));
        assert_true(holds(item.e.sender, v->sender, strlen(v->sender)));
        assert_true(holds(item.e.protocol_id, v->protocol_id, strlen(v->protocol_id)));
        assert_true(holds(item.e.message, line + from, n - from - 1));
        assert_int_equal(stub_line_encode(&item.e, parts), n);
        for (size_t k = 0; k < STUB_LINE_PARTS; made += parts[k++].iov_len)
            memcpy(back + made, parts[k].iov_base, parts[k].iov_len);
        assert_int_equal(made, n);
        assert_memory_equal(back, line, n);
    }
}

/* Everything that can stand in a file, one after the other. */
static const char mixed[] = HEAD "hello,\n"                            /* text */
    HEAD "\x12\x09"                                                    /* protobuf with commas, newlines, a NUL */
                                 "x,\n\0,y,\nz," HEAD "\x0a\x02\n,,\n" /* no newline between, one after */
                                 "nonsense\n\n \0"                     /* garbage, blanks */
    HEAD ",\n" HEAD "," HEAD "one, two,,  \n"                          /* empty messages */
                                 "a,b,nope,\x12\x02\n\n," HEAD "\\x41\\n\\\\,\n" /* a bad field costs one; escapes */
    HEAD "\x12\x03"                                                              /* two parts */
                                 "\n,\n\x12\x00,"
                                 " c , d ,x/y:2.0.0,\x12\x02plain,\n"; /* begins like protobuf, is text */

static void test_mixed(void **state)
{
    size_t n = sizeof mixed - 1;
    struct trace *t = parse(mixed, n, n, 1);
    static const char *const message[] = {"5|hello", NULL,          NULL, NULL,      "0|",
                                          "0|",      "9|one, two,", NULL, "3|A\n\\", NULL};

    (void)state;
    assert_int_equal(t->n, 11);
    for (size_t i = 0; i < sizeof message / sizeof message[0]; i++) {
        if (message[i])
            assert_string_equal(strchr(t->seen[i].text, ':') + 7, message[i]);
    }
    assert_seen(t, 3, STUB_REJECT, 67, 9, "fewer than three commas, or a header field that is too long");
    assert_string_equal(t->seen[7].text, "the protocol id is not a public id");
    assert_string_equal(t->seen[10].text, "c|d|x/y:2.0.0|7|\x12\x02plain");
    assert_int_equal(t->seen[1].used, 14 + 2 + 9 + 1);
    assert_int_equal(t->seen[2].used, 14 + 2 + 2 + 1);
    assert_int_equal(t->seen[9].used, 14 + 2 + 3 + 2 + 1);
    free(t);
}

static void assert_same(const struct trace *a, const struct trace *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_seen(b, i, a->seen[i].kind, a->seen[i].start, a->seen[i].used, a->seen[i].text);
}

static void test_split_anywhere(void **state)
{
    size_t n = sizeof mixed - 1;
    struct trace *whole = parse(mixed, n, n, 1);

    (void)state;
    for (size_t split = 0; split <= n; split++) {
        struct trace *two = parse(mixed, n, split, n), *bytes = parse(mixed, n, split, 1);

        assert_same(whole, two);
        assert_same(whole, bytes);
        free(two);
        free(bytes);
    }
    free(whole);
}

static void test_waits(void **state)
{
    static const char *const unfinished[] = {"a",
                                             "a,b,x/y:1.0.0",
                                             HEAD,
                                             HEAD "hello,",
                                             HEAD ",",
                                             HEAD ",a,b,x/y:1.0.0",
                                             HEAD "\x12\x05hell",
                                             HEAD "\x12\x05hello",
                                             HEAD "\n\n\n",
                                             HEAD "\x12",
                                             HEAD "\x12\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++) {
        struct trace *t = parse_text(unfinished[i]);

        assert_int_equal(t->n, 0);
        free(t);
    }
}

static void test_rejects(void **state)
{
    static const char comma_missing[] = "no comma ends the message";
    static const struct {
        const char *line, *why;
    } rows[] = {
        {"a,b\n", "fewer than three commas, or a header field that is too long"},
        {"a,b,x/y:1.0.0\n", "fewer than three commas, or a header field that is too long"},
        {HEAD "\n", comma_missing},
        {HEAD "hello\n", comma_missing},
        {HEAD "hello, world\n", "text stands after the comma that ends the message"},
        {",b,x/y:1.0.0,m,\n", "`to` is empty"},
        {"a,b,xy,m,\n", "the protocol id is not a public id"},
        {"a,\xff,x/y:1.0.0,m,\n", "a header field is not UTF-8"},
        {"\xc0\x80,b,x/y:1.0.0,m,\n", "a header field is not UTF-8"},
        {"a,\xed\xa0\x80,x/y:1.0.0,m,\n", "a header field is not UTF-8"},
        {"a,c/d:1.0.0,x/y:1.0.0,m,\n", "`to` and `sender` must both be addresses or both be public ids"},
        {HEAD "\\x4,\n", "the message holds an escape that is not legal"},
        {HEAD "\\x41\\,\n", "the message holds an escape that is not legal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[256];
        size_t n = (size_t)snprintf(line, sizeof line, "%s%s", rows[i].line, HEAD "next,\n");
        struct trace *t = parse(line, n, n, 1);

        assert_int_equal(t->n, 2);
        assert_seen(t, 0, STUB_REJECT, 0, strlen(rows[i].line), rows[i].why);
        assert_seen(t, 1, STUB_ENVELOPE, strlen(rows[i].line), strlen(HEAD) + 6, "a|b|x/y:1.0.0|4|next");
        free(t);
    }
}

static void test_field_limits(void **state)
{
    static const struct {
        size_t n;
        enum stub_kind kind;
    } rows[] = {{PBAY_MAX_ADDRESS, STUB_ENVELOPE},
                {PBAY_MAX_ADDRESS + 1, STUB_REJECT},
                {STUB_MAX_FIELD, STUB_REJECT},
                {STUB_MAX_FIELD + 1, STUB_REJECT},
                {5000, STUB_REJECT}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[8192];

        memset(line, 'f', rows[i].n);
        strcpy(line + rows[i].n, ",b,x/y:1.0.0,m,\n");
        struct trace *t = parse_text(line);

        assert_int_equal(t->n, 1);
        assert_int_equal(t->seen[0].kind, rows[i].kind);
        assert_int_equal(t->seen[0].used, rows[i].n + 16);
        free(t);
    }
}

/* HEAD, then n bytes 'm' as text or behind a protobuf tag and length, then `end`, then a good line. */
static struct trace *parse_long(size_t n, bool proto, const char *end, size_t step)
{
    char *p = malloc(n + 256);
    size_t at = strlen(HEAD);
    struct trace *t;

    assert_non_null(p);
    memcpy(p, HEAD, at);
    if (proto) {
        p[at++] = 0x12;
        for (size_t left = n; left; left >>= 7)
            p[at++] = (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    }
    memset(p + at, 'm', n);
    if (proto && n > 100)
        memcpy(p + at + 50, "\n" HEAD "evil,\n", strlen(HEAD) + 7);
    at += n;
    at += (size_t)sprintf(p + at, "%s" HEAD "next,\n", end);
    t = parse(p, at, step < at ? step : at, step);
    free(p);
    return t;
}

static void test_long_text(void **state)
{
    static const struct {
        size_t n;
        enum stub_kind kind;
    } rows[] = {{STUB_MAX_MESSAGE, STUB_ENVELOPE},
                {STUB_MAX_MESSAGE + 1, STUB_REJECT},
                {STUB_MAX_LINE, STUB_REJECT},
                {3 * STUB_MAX_LINE, STUB_REJECT}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 65536; step < 4 * STUB_MAX_LINE; step *= 70) {
            struct trace *t = parse_long(rows[i].n, false, ",\n", step);

            assert_int_equal(t->n, 2);
            assert_int_equal(t->seen[0].kind, rows[i].kind);
            assert_int_equal(t->seen[0].used, strlen(HEAD) + rows[i].n + 2);
            assert_string_equal(t->seen[1].text, "a|b|x/y:1.0.0|4|next");
            free(t);
        }
    }
}

/* What a too long message holds is not taken for envelopes. */
static void test_long_proto(void **state)
{
    struct trace *fits = parse_long(STUB_MAX_MESSAGE - 4, true, ",", 65536);
    struct trace *skipped = parse_long(3 * STUB_MAX_LINE, true, ",", 65536);

    (void)state;
    assert_int_equal(fits->n, 2);
    assert_int_equal(fits->seen[0].kind, STUB_ENVELOPE);
    assert_int_equal(skipped->n, 2);
    assert_seen(skipped, 0, STUB_REJECT, 0, strlen(HEAD) + 5 + 3 * STUB_MAX_LINE + 1,
                "the message is longer than the limit");
    assert_string_equal(skipped->seen[1].text, "a|b|x/y:1.0.0|4|next");
    free(fits);
    free(skipped);
}

static void test_unescape(void **state)
{
    static const struct {
        const char *in, *out; /* NULL = illegal */
    } rows[] = {
        {"\\x41", "A"},      {"\\xe9", "\xc3\xa9"},    {"\\u20ac", "\xe2\x82\xac"}, {"\\U0001f600", "\xf0\x9f\x98\x80"},
        {"\\101\\7", "A\a"}, {"\\t\\n\\\\", "\t\n\\"}, {"\\q\\'", "\\q'"},          {"\\x4", NULL},
        {"\\x4g", NULL},     {"\\ud800", NULL},        {"\\U00110000", NULL},       {"\\", NULL},
        {"\\N{DASH}", NULL}, {"plain", "plain"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        size_t n = strlen(strcpy(text, rows[i].in));
        bool legal = stub_unescape(text, &n);

        assert_int_equal(legal, rows[i].out != NULL);
        if (legal) {
            assert_int_equal(n, strlen(rows[i].out));
            assert_memory_equal(text, rows[i].out, n);
        }
    }
}

/* Backslash-x in a message that is not plain text is left as it is. */
static void test_binary_is_not_unescaped(void **state)
{
    struct trace *t = parse_text(HEAD "\xc3\xa9\\x41,\n" HEAD "\x12\x04\\x41,");

    (void)state;
    assert_int_equal(t->n, 2);
    assert_string_equal(t->seen[0].text, "a|b|x/y:1.0.0|6|\xc3\xa9\\x41");
    assert_string_equal(t->seen[1].text, "a|b|x/y:1.0.0|6|\x12\x04\\x41");
    free(t);
}

/* A comma at the start ends an empty message only if what follows can be an envelope. */
static void test_leading_comma(void **state)
{
    struct trace *t = parse_text(HEAD ",x,y,z,\n" HEAD ",a,b\n" HEAD "," HEAD "m,\n");

    (void)state;
    assert_int_equal(t->n, 4);
    assert_string_equal(t->seen[0].text, "a|b|x/y:1.0.0|6|,x,y,z");
    assert_string_equal(t->seen[1].text, "text stands after the comma that ends the message");
    assert_string_equal(t->seen[2].text, "a|b|x/y:1.0.0|0|");
    assert_string_equal(t->seen[3].text, "a|b|x/y:1.0.0|1|m");
    free(t);
}

static void test_line_fault(void **state)
{
    static const struct {
        const char *to, *sender, *protocol_id;
        bool fault;
    } rows[] = {{"a", "b", "x/y:1.0.0", false},  {"x/y:1.0.0", "b", "x/y:1.0.0", true}, {"a", "x/y", "x/y:1.0.0", true},
                {"a,c", "b", "x/y:1.0.0", true}, {"a", "b\nc", "x/y:1.0.0", true},      {"a", "b", "x/y,:1.0.0", true}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pbay_envelope e = {.to = {rows[i].to, strlen(rows[i].to)},
                                  .sender = {rows[i].sender, strlen(rows[i].sender)},
                                  .protocol_id = {rows[i].protocol_id, strlen(rows[i].protocol_id)}};

        assert_int_equal(stub_line_fault(&e) != NULL, rows[i].fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_split_anywhere), cmocka_unit_test(test_waits),
        cmocka_unit_test(test_rejects),        cmocka_unit_test(test_field_limits),
        cmocka_unit_test(test_long_text),      cmocka_unit_test(test_long_proto),
        cmocka_unit_test(test_unescape),       cmocka_unit_test(test_binary_is_not_unescaped),
        cmocka_unit_test(test_leading_comma),  cmocka_unit_test(test_line_fault),
    };

    return cmocka_run_group_tests_name("stub_lines", tests, NULL, NULL);
}
