/* Messages: the functions that build and read one, the bounds on what is read, and the bounded reader's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/message.h"
#include "schema/wire.h"

#define DEFAULT "fetchai/default:1.0.0"
#define HTTP    "valory/http:1.0.0"
#define UPDATE  "fetchai/state_update:1.0.0"
#define S(text) pbay_str(text)

struct world {
    struct pbay_protocols *protocols;
    struct pbay_message m, other;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->protocols = pbay_protocols_new();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pbay_message_fini(&w->m);
    pbay_message_fini(&w->m);
    pbay_message_fini(&w->other);
    pbay_protocols_destroy(&w->protocols);
    pbay_protocols_destroy(&w->protocols);
    free(w);
    return 0;
}

static struct pbay_str view(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

static void expect_str(struct pbay_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n)
        assert_memory_equal(got.p, want, got.n);
}

/* ---- functions ---- */

static void set_error(struct world *w)
{
    struct pbay_message *m = &w->m;

    assert_int_equal(pbay_message_init(m, w->protocols, S(DEFAULT), "error"), PBAY_OK);
    assert_int_equal(pbay_message_set_int(m, "error_code", 4), PBAY_OK);
    assert_int_equal(pbay_message_set_str(m, "error_msg", S("old")), PBAY_OK);
    assert_int_equal(pbay_message_set_str(m, "error_msg", S("new")), PBAY_OK);
    assert_int_equal(pbay_message_set_item(m, "error_data", S("a"), S("1")), PBAY_OK);
    assert_int_equal(pbay_message_set_item(m, "error_data", S("b"), S("2")), PBAY_OK);
    assert_int_equal(pbay_message_set_item(m, "error_data", S("a"), S("3")), PBAY_OK);
}

static void expect_error(const struct pbay_message *m)
{
    assert_true(pbay_message_is(m, "error"));
    assert_false(pbay_message_is(m, "end"));
    assert_string_equal(m->protocol_id, DEFAULT);
    assert_int_equal(pbay_message_int(m, "error_code"), 4);
    expect_str(pbay_message_str(m, "error_msg"), "new");
    expect_str(pbay_message_item(m, "error_data", "a"), "3");
    expect_str(pbay_message_item(m, "error_data", "b"), "2");
    expect_str(pbay_message_item(m, "error_data", "c"), "");
}

static void test_build(void **state)
{
    struct world *w = *state;
    struct pbay_str bytes;

    for (int k = 0; k < 2; k++) {
        set_error(w);
        expect_error(&w->m);
        assert_int_equal(w->m.message_id, 1);
        assert_int_equal(w->m.target, 0);
        assert_int_equal(w->m.encoding, PBAY_PROTOBUF);
        w->m.encoding = k ? PBAY_MSGPACK : PBAY_PROTOBUF;
        w->m.message_id = -7;
        w->m.target = 6;
        w->m.starter = S("one");
        w->m.responder = S("two");
        assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK);
        assert_int_equal(pbay_message_decode(&w->other, w->protocols, S(DEFAULT), bytes), PBAY_OK);
        expect_error(&w->other);
        assert_int_equal(w->other.encoding, w->m.encoding);
        assert_int_equal(w->other.message_id, -7);
        assert_int_equal(w->other.target, 6);
        expect_str(w->other.starter, "one");
        expect_str(w->other.responder, "two");
    }
}

/* author, name and version are compared; a hash is not. */
static void test_protocols(void **state)
{
    static const char *const unknown[] = {"",
                                          "default",
                                          "fetchai/default",
                                          "fetchai/default:1.0.1",
                                          "fetchai/default:any",
                                          "valory/default:1.0.0",
                                          "fetchai/default:1.0.0 "};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(pbay_message_init(&w->m, w->protocols, S(unknown[i]), "end"), PBAY_INVALID);
        assert_string_equal(w->m.why, "no such protocol");
        assert_int_equal(pbay_message_decode(&w->m, w->protocols, S(unknown[i]), S("")), PBAY_INVALID);
    }
    assert_int_equal(
        pbay_message_init(&w->m, w->protocols, S(DEFAULT ":QmWYn8E73njYpAuSG3FhkgdDpfRHUSdMVYVsa1cDgjQnSK"), "end"),
        PBAY_OK);
    assert_string_equal(w->m.protocol_id, DEFAULT);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "end"), PBAY_INVALID);
    assert_string_equal(w->m.why, "http: no such performative");
}

/* A refused set is refused again by encode, with the same words; and a message that was never begun. */
static void expect_sticky(struct world *w, enum pbay_err err, const char *why)
{
    struct pbay_str bytes;

    assert_int_equal(err, PBAY_INVALID);
    assert_string_equal(w->m.why, why);
    pbay_message_set_str(&w->m, "error_msg", S("good"));
    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_INVALID);
    assert_string_equal(w->m.why, why);
    assert_int_equal(bytes.n, 0);
    if (w->m.data)
        set_error(w);
}

static void test_bad_sets(void **state)
{
    struct world *w = *state;
    struct pbay_message *m = &w->m;

    pbay_message_init(m, w->protocols, S("a/b:1.0.0"), "x");
    expect_sticky(w, pbay_message_set_str(m, "error_msg", S("x")), "no such protocol");
    set_error(w);
    expect_sticky(w, pbay_message_set_str(m, "nothing", S("x")), "default/error: no content \"nothing\"");
    expect_sticky(w, pbay_message_set_str(m, "error_code", S("x")),
                  "default/error: error_code: expected an integer 0..4");
    expect_sticky(w, pbay_message_set_bytes(m, "error_msg", S("x")), "default/error: error_msg: expected a str");
    expect_sticky(w, pbay_message_set_int(m, "error_data", 1),
                  "default/error: error_data: expected a map of str to bytes");
    expect_sticky(w, pbay_message_set_item(m, "error_msg", S("x"), S("x")), "default/error: error_msg: expected a str");
    expect_sticky(w, pbay_message_set_int(m, "error_code", 5), "default/error: error_code: expected an integer 0..4");
    expect_sticky(w, pbay_message_set_int(m, "error_code", -1), "default/error: error_code: expected an integer 0..4");
}

static void expect_not_encoded(struct world *w, const char *why)
{
    struct pbay_str bytes;

    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_INVALID);
    assert_string_equal(w->m.why, why);
}

static void test_not_encoded(void **state)
{
    struct world *w = *state;
    struct pbay_str bytes;

    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(DEFAULT), "error"), PBAY_OK);
    expect_not_encoded(w, "default/error: error_code: not set");
    pbay_message_set_int(&w->m, "error_code", 0);
    expect_not_encoded(w, "default/error: error_msg: not set");
    pbay_message_set_str(&w->m, "error_msg", S("\xff"));
    expect_not_encoded(w, "default/error: error_msg: a str is not UTF-8");
    pbay_message_set_str(&w->m, "error_msg", S(""));
    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK); /* a map need not be set */
    w->m.starter = S("\xc0\x80");
    expect_not_encoded(w, "default/error: dialogue reference: a str is not UTF-8");
    w->m.starter = S("");
    pbay_message_set_item(&w->m, "error_data", S("\xfe"), S("\xfe"));
    expect_not_encoded(w, "default/error: error_data: a key is not UTF-8");
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "response"), PBAY_OK);
    assert_int_equal(pbay_message_set_int(&w->m, "status_code", INT64_C(1) << 31), PBAY_INVALID);
    expect_not_encoded(w, "http/response: status_code: expected an int32");
}

static void test_answer(void **state)
{
    static const int32_t rows[][2] = {{1, -1},
                                      {-1, 2},
                                      {2, -2},
                                      {-2, 3},
                                      {0, 1},
                                      {1000, -1000},
                                      {INT32_MAX, -INT32_MAX},
                                      {-INT32_MAX, INT32_MAX},
                                      {INT32_MIN, INT32_MAX}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char starter[] = "me";

        assert_int_equal(pbay_message_init(&w->other, w->protocols, S(HTTP), "request"), PBAY_OK);
        w->other.message_id = rows[i][0];
        w->other.target = 99;
        w->other.starter = S(starter);
        w->other.encoding = i % 2 ? PBAY_MSGPACK : PBAY_PROTOBUF;
        assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "response"), PBAY_OK);
        pbay_message_answer(&w->m, &w->other);
        starter[0] = 'w'; /* the answer has a copy */
        assert_int_equal(w->m.message_id, rows[i][1]);
        assert_int_equal(w->m.target, rows[i][0]);
        assert_int_equal(w->m.encoding, w->other.encoding);
        expect_str(w->m.starter, "me");
        expect_str(w->m.responder, "");
    }
}

/* Of two pairs with one key in protobuf only the last is there. */
static void test_key_twice(void **state)
{
    static const char bytes[] = "\x12\x13\x2a\x11\x3a\x0f\x0a\x00\x12\x01x\x1a\x03\x0a\x01k\x1a\x03\x0a\x01k";
    struct world *w = *state;

    assert_int_equal(pbay_message_decode(&w->m, w->protocols, S(DEFAULT), (struct pbay_str){bytes, sizeof bytes - 1}),
                     PBAY_OK);
    assert_int_equal(w->m.data->values[2].n, 1);
}

/* ---- a table of one's own ---- */

static const struct pbay_content own_contents[] = {{.name = "ratio", .field = 1, .type = PBAY_FLOAT},
                                                   {.name = "names", .field = 40, .type = PBAY_STR, .form = PBAY_DICT}};
static const struct pbay_performative own_performative = {.name = "tell", .field = 9, .n = 2, .contents = own_contents};
static const struct pbay_protocol own_protocol = {
    .name = "own", .id = "acme/own:0.1.0", .n = 1, .performatives = &own_performative};

static void expect_own(const struct pbay_protocols *own, struct world *w, double ratio, const char *want, size_t n)
{
    struct pbay_str bytes;

    assert_int_equal(pbay_message_init(&w->m, own, S("acme/own:0.1.0"), "tell"), PBAY_OK);
    w->m.data->values[0] = (struct pb_value){.set = true, .v.d = ratio};
    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK);
    assert_int_equal(bytes.n, n);
    assert_memory_equal(bytes.p, want, n);
    assert_int_equal(pbay_message_decode(&w->other, own, S("acme/own:0.1.0"), bytes), PBAY_OK);
    assert_memory_equal(&w->other.data->values[0].v.d, &ratio, sizeof ratio);
}

/* Tables need not be the built-in ones. A zero is not written, a negative one is. */
static void test_own_table(void **state)
{
    struct world *w = *state;

    assert_int_equal(pbay_protocols_add(w->protocols, &own_protocol), PBAY_OK);
    assert_ptr_equal(pbay_protocols_find(w->protocols, S("acme/own:0.1.0")), &own_protocol);
    expect_own(w->protocols, w, 0.0, "\x12\x06\x08\x01\x2a\x02\x4a\x00", 8);
    expect_own(w->protocols, w, -0.0, "\x12\x0f\x08\x01\x2a\x0b\x4a\x09\x09\0\0\0\0\0\0\0\x80", 17);
}

/* ---- envelope ---- */

static void test_envelope(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = {.to = S("a"), .sender = S("b"), .protocol_id = S(DEFAULT), .uri = S("x://y")}, got;
    char why[PBAY_MAX_WHY], *memory, *copy;
    struct pbay_str bytes;

    assert_int_equal(pbay_envelope_encode(w->protocols, &e, &bytes, &memory, why), PBAY_OK);
    assert_int_equal(pbay_envelope_decode(w->protocols, bytes, &got, &copy, why), PBAY_OK);
    free(memory);
    expect_str(got.uri, "x://y");
    expect_str(got.message, "");
    free(copy);
    e.sender = S("fetchai/stub:0.21.3");
    assert_int_equal(pbay_envelope_encode(w->protocols, &e, &bytes, &memory, why), PBAY_INVALID);
    assert_null(memory);
    assert_string_equal(why, "envelope: to and sender: expected two public ids or two addresses");
}

/* ---- bounds ---- */

static void put_varint(struct pb_buf *b, size_t v)
{
    for (; v > 0x7f; v >>= 7)
        *pb_buf_grow(b, 1) = (uint8_t)(v | 0x80);
    *pb_buf_grow(b, 1) = (uint8_t)v;
}

/* b becomes the field of that number in a message. */
static void wrap(struct pb_buf *b, unsigned number)
{
    struct pb_buf outer = {0};

    put_varint(&outer, number << 3 | 2);
    put_varint(&outer, b->n);
    pb_buf_add(&outer, b->p, b->n);
    pb_buf_fini(b);
    *b = outer;
}

/* amount_by_currency_id of `apply`, with n keys that are as short as can be. */
static struct pb_buf many_amounts(size_t n)
{
    struct pb_buf b = {0};

    for (size_t i = 0; i < n; i++) {
        struct pb_buf entry = {0};
        char key[4];
        size_t key_n = 0;

        for (size_t k = i; k || key_n == 0; k /= 64)
            key[key_n++] = (char)('0' + k % 64);
        pb_buf_add(&entry, "\x0a", 1);
        put_varint(&entry, key_n);
        pb_buf_add(&entry, key, key_n);
        pb_buf_add(&entry, "\x10\x01", 2);
        wrap(&entry, 1);
        pb_buf_add(&b, entry.p, entry.n);
        pb_buf_fini(&entry);
    }
    wrap(&b, 5);
    wrap(&b, 5);
    wrap(&b, 2);
    return b;
}

/* A map that is full of short pairs fits what unpacking may take, in whole and in each encoding; one more does not. */
static void test_many_pairs(void **state)
{
    struct world *w = *state;

    for (size_t n = PBAY_MAX_ITEMS - 1; n <= PBAY_MAX_ITEMS + 1; n++) {
        struct pb_buf b = many_amounts(n);
        enum pbay_err err = pbay_message_decode(&w->m, w->protocols, S(UPDATE), view(&b));
        struct pbay_str bytes;

        assert_int_equal(err, n <= PBAY_MAX_ITEMS ? PBAY_OK : PBAY_FAILED);
        if (err) {
            assert_string_equal(w->m.why, "state_update/apply: amount_by_currency_id: more than 65536 pairs");
        } else {
            assert_int_equal(w->m.data->values[0].n, n);
            w->m.encoding = PBAY_MSGPACK;
            assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK);
            assert_int_equal(pbay_message_decode(&w->other, w->protocols, S(UPDATE), bytes), PBAY_OK);
            assert_int_equal(w->other.data->values[0].n, n);
        }
        pb_buf_fini(&b);
    }
}

static void test_medium_maps(void **state)
{
    struct world *w = *state;

    for (size_t n = 1; n <= 16384; n *= 2) {
        struct pb_buf b = many_amounts(n);

        assert_int_equal(pbay_message_decode(&w->m, w->protocols, S(UPDATE), view(&b)), PBAY_OK);
        assert_int_equal(w->m.data->values[0].n, n);
        pb_buf_fini(&b);
    }
}

/* A megabyte of fields of two bytes, on each level: refused before it has taken many megabytes. */
static void test_flood(void **state)
{
    static const unsigned levels[] = {0, 2, 5, 5};
    static const char *const prefix[] = {"http: ", "http: ", "http: ", "http/request: "};
    struct world *w = *state;
    char why[PBAY_MAX_WHY], *memory;
    struct pbay_envelope e;

    for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
        struct pb_buf b = {0};
        char want[PBAY_MAX_WHY];

        for (size_t i = 0; i < 1 << 19; i++)
            pb_buf_add(&b, "\x78\x00", 2);
        if (level == 0)
            assert_int_equal(pbay_envelope_decode(w->protocols, view(&b), &e, &memory, why), PBAY_FAILED);
        for (size_t i = level; i > 0; i--)
            wrap(&b, levels[i]);
        assert_int_equal(pbay_message_decode(&w->m, w->protocols, S(HTTP), view(&b)), PBAY_FAILED);
        snprintf(want, sizeof want, "%stoo many fields", prefix[level]);
        assert_string_equal(w->m.why, want);
        pb_buf_fini(&b);
    }
    assert_string_equal(why, "envelope: too many fields");
}

static void test_large_body(void **state)
{
    struct world *w = *state;
    const size_t n = 8U << 20;
    char *body = calloc(1, n);
    struct pbay_str bytes;

    for (int k = 0; k < 2; k++) {
        assert_int_equal(pbay_message_init(&w->m, w->protocols, S(DEFAULT), "bytes"), PBAY_OK);
        w->m.encoding = k ? PBAY_MSGPACK : PBAY_PROTOBUF;
        assert_int_equal(pbay_message_set_bytes(&w->m, "content", (struct pbay_str){body, n}), PBAY_OK);
        assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK);
        assert_true(bytes.n > n && bytes.n < n + 64);
        assert_int_equal(pbay_message_decode(&w->other, w->protocols, S(DEFAULT), bytes), PBAY_OK);
        assert_int_equal(pbay_message_str(&w->other, "content").n, n);
    }
    free(body);
}

static void test_too_many_items(void **state)
{
    struct world *w = *state;

    set_error(w);
    for (size_t i = w->m.data->values[2].n; i < PBAY_MAX_ITEMS; i++)
        assert_int_equal(pbay_message_set_item(&w->m, "error_data", S("k"), S("v")), PBAY_OK);
    expect_sticky(w, pbay_message_set_item(&w->m, "error_data", S("k"), S("v")),
                  "default/error: error_data: more than 65536 pairs");
}

/* ---- what the bounded reader has for this ---- */

static void test_signed(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int64_t v;
    } rows[] = {
        {"\x00", 1, 0},
        {"\x7f", 1, 127},
        {"\xe0", 1, -32},
        {"\xff", 1, -1},
        {"\xcc\xff", 2, 255},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX},
        {"\xd0\x80", 2, -128},
        {"\xd0\x7f", 2, 127},
        {"\xd1\x80\x00", 3, -32768},
        {"\xd1\xff\xff", 3, -1},
        {"\xd2\x80\x00\x00\x00", 5, INT32_MIN},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN},
        {"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe", 9, -2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t n = 0; n <= rows[i].n; n++) {
            uint8_t *p = malloc(n ? n : 1);
            struct pb_rd r = {p, p + n};
            int64_t v;

            memcpy(p, rows[i].bytes, n);
            assert_int_equal(pb_rd_int(&r, &v), n == rows[i].n);
            if (n == rows[i].n)
                assert_true(v == rows[i].v && r.p == r.end);
            free(p);
        }
    }
}

/* Which tags begin an integer, and which a float. */
static void test_tags(void **state)
{
    uint8_t bytes[16] = {0};
    double d;
    int64_t v;

    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        struct pb_rd ints = {bytes, bytes + sizeof bytes}, floats = ints;

        bytes[0] = (uint8_t)t;
        assert_int_equal(pb_rd_int(&ints, &v), t < 0x80 || t >= 0xe0 || (t >= 0xcc && t <= 0xd3));
        assert_int_equal(pb_rd_float(&floats, &d), t == 0xca || t == 0xcb);
    }
    bytes[0] = 0xcf;
    bytes[1] = 0x80; /* 2^63 */
    assert_false(pb_rd_int(&(struct pb_rd){bytes, bytes + sizeof bytes}, &v));
}

static void test_floats(void **state)
{
    static const uint8_t one[] = {0xca, 0x3f, 0xc0, 0, 0}, two[] = {0xcb, 0xbf, 0xd0, 0, 0, 0, 0, 0, 0};
    double d;

    (void)state;
    assert_true(pb_rd_float(&(struct pb_rd){one, one + sizeof one}, &d) && d > 1.4 && d < 1.6);
    assert_true(pb_rd_float(&(struct pb_rd){two, two + sizeof two}, &d) && d < -0.2 && d > -0.3);
    for (size_t n = 0; n < sizeof two; n++) {
        assert_false(pb_rd_float(&(struct pb_rd){two, two + n}, &d));
        assert_false(n < sizeof one && pb_rd_float(&(struct pb_rd){one, one + n}, &d));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_build),
        TEST(test_protocols),
        TEST(test_bad_sets),
        TEST(test_not_encoded),
        TEST(test_answer),
        TEST(test_key_twice),
        TEST(test_own_table),
        TEST(test_envelope),
        TEST(test_many_pairs),
        TEST(test_medium_maps),
        TEST(test_flood),
        TEST(test_large_body),
        TEST(test_too_many_items),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
