/* The bounded reader, the window of sequences, the metadata map, a NOP of every size, a PUB rewritten in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/frame.h"
#include "schema/window.h"

#define RD(bytes) ((struct pb_rd){(const uint8_t *)(bytes), (const uint8_t *)(bytes) + sizeof(bytes) - 1})
#define ANY_TYPE  5 /* readers below */

/* ---- reader ---- */

static void test_uint_widths(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint64_t v;
    } rows[] = {
        {"\x00", 1, 0},
        {"\x7f", 1, 127},
        {"\xcc\x05", 2, 5},
        {"\xcc\xff", 2, 255},
        {"\xcd\x01\x02", 3, 0x102},
        {"\xce\x01\x02\x03\x04", 5, 0x1020304},
        {"\xcf\x01\x02\x03\x04\x05\x06\x07\x08", 9, 0x102030405060708},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX},
        {"\xcf\x00\x00\x00\x00\x00\x00\x00\x01", 9, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint8_t *p = (const uint8_t *)rows[i].bytes;
        struct pb_rd r = {p, p + rows[i].n};
        uint64_t v;

        assert_true(pb_rd_uint(&r, &v));
        assert_int_equal(v, rows[i].v);
        assert_ptr_equal(r.p, r.end);
        for (size_t n = 0; n < rows[i].n; n++) {
            r = (struct pb_rd){p, p + n};
            assert_false(pb_rd_uint(&r, &v));
        }
    }
}

static bool read_as(int type, struct pb_rd r)
{
    struct pbay_str s;
    uint64_t v;
    uint32_t n;

    switch (type) {
    case 0:
        return pb_rd_uint(&r, &v);
    case 1:
        return pb_rd_str(&r, &s);
    case 2:
        return pb_rd_bin(&r, &s);
    case 3:
        return pb_rd_array(&r, &n);
    default:
        return pb_rd_map(&r, &n);
    }
}

/* Which reader takes which tag: the whole table of msgpack. */
static int type_of_tag(unsigned t)
{
    if (t < 0x80 || (t >= 0xcc && t <= 0xcf))
        return 0;
    if ((t >= 0xa0 && t < 0xc0) || (t >= 0xd9 && t <= 0xdb))
        return 1;
    if (t >= 0xc4 && t <= 0xc6)
        return 2;
    if ((t >= 0x90 && t < 0xa0) || t == 0xdc || t == 0xdd)
        return 3;
    if ((t >= 0x80 && t < 0x90) || t == 0xde || t == 0xdf)
        return 4;
    return -1;
}

static void test_every_tag(void **state)
{
    uint8_t bytes[64] = {0};

    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        bytes[0] = (uint8_t)t;
        for (int type = 0; type < ANY_TYPE; type++)
            assert_int_equal(read_as(type, (struct pb_rd){bytes, bytes + sizeof bytes}), type == type_of_tag(t));
    }
}

static void test_lengths(void **state)
{
    static const char *const heads[] = {"\xa3",     "\xd9\x03",     "\xda\x00\x03",        "\xdb\x00\x00\x00\x03",
                                        "\xc4\x03", "\xc5\x00\x03", "\xc6\x00\x00\x00\x03"};
    static const size_t head_n[] = {1, 2, 3, 5, 2, 3, 5};

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t whole = head_n[i] + 3;

        for (size_t n = 0; n <= whole; n++) { /* a block of exactly n bytes: the sanitizer sees any byte beyond */
            uint8_t *p = malloc(n ? n : 1);
            struct pb_rd r = {p, p + n};
            struct pbay_str s = {0};
            bool ok;

            for (size_t k = 0; k < n; k++)
                p[k] = k < head_n[i] ? (uint8_t)heads[i][k] : (uint8_t) "abc"[k - head_n[i]];
            ok = i < 4 ? pb_rd_str(&r, &s) : pb_rd_bin(&r, &s);
            assert_int_equal(ok, n == whole);
            if (ok) {
                assert_int_equal(s.n, 3);
                assert_memory_equal(s.p, "abc", 3);
            }
            free(p);
        }
    }
}

static void test_counts(void **state)
{
    struct pb_rd r;
    uint32_t n;

    (void)state;
    r = RD("\x9f");
    assert_true(pb_rd_array(&r, &n) && n == 15);
    r = RD("\xdc\x01\x00");
    assert_true(pb_rd_array(&r, &n) && n == 256);
    r = RD("\xdd\xff\xff\xff\xff");
    assert_true(pb_rd_array(&r, &n) && n == UINT32_MAX);
    r = RD("\x8f");
    assert_true(pb_rd_map(&r, &n) && n == 15);
    r = RD("\xde\x00\x02");
    assert_true(pb_rd_map(&r, &n) && n == 2);
    r = RD("\xdf\x00\x01\x00\x00");
    assert_true(pb_rd_map(&r, &n) && n == 65536);
    r = RD("\xdc\x01");
    assert_false(pb_rd_array(&r, &n));
    r = RD("\xdf\x01\x00\x00");
    assert_false(pb_rd_map(&r, &n));
}

static void test_nil(void **state)
{
    struct pb_rd r = RD("\xc0\x01");

    (void)state;
    assert_true(pb_rd_nil(&r));
    assert_int_equal(r.end - r.p, 1);
    assert_false(pb_rd_nil(&r));
    assert_int_equal(r.end - r.p, 1);
    r.p = r.end;
    assert_false(pb_rd_nil(&r));
}

/* ---- skipping ---- */

/* Bytes that one value with this tag takes when all that follows is zero; 0 = none may begin so. */
static size_t size_of_tag(unsigned t)
{
    static const uint8_t from_c0[0x20] = {1, 0, 1, 1, 2, 3, 5, 3,  4,  6, 5, 9, 2, 3, 5, 9,
                                          2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5};

    if (t < 0x80 || t >= 0xe0)
        return 1;
    if (t < 0x90)
        return 1 + 2 * (t & 0x0fU);
    if (t < 0xa0)
        return 1 + (t & 0x0fU);
    return t < 0xc0 ? 1 + (t & 0x1fU) : from_c0[t - 0xc0];
}

static void test_skip_every_tag(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        size_t want = size_of_tag(t);

        for (size_t n = 0; n < 40; n++) {
            uint8_t *p = calloc(1, n ? n : 1);
            struct pb_rd r = {p, p + n};
            bool ok;

            if (n)
                p[0] = (uint8_t)t;
            ok = pb_rd_skip(&r);
            assert_int_equal(ok, want > 0 && n >= want);
            if (ok)
                assert_int_equal(r.p - p, want);
            free(p);
        }
    }
}

static void test_skip_depth(void **state)
{
    uint8_t nested[64];

    (void)state;
    for (size_t depth = 0; depth < 32; depth++) {
        struct pb_rd r = {nested, nested + depth + 1};

        memset(nested, 0x91, depth);
        nested[depth] = 1;
        assert_int_equal(pb_rd_skip(&r), depth < PB_MAX_WIRE_DEPTH);
        if (depth < PB_MAX_WIRE_DEPTH)
            assert_ptr_equal(r.p, r.end);
    }
}

/* A count that cannot be true is refused before any work is done for it. */
static void test_skip_bombs(void **state)
{
    static const char bomb[] = "\xdf\xff\xff\xff\xff\xdf\xff\xff\xff\xff\xc0";
    struct pb_rd r = RD(bomb);

    (void)state;
    assert_false(pb_rd_skip(&r));
    assert_int_equal(r.p - (const uint8_t *)bomb, 5);
    r = RD("\xdd\x00\x00\x00\x03\x01\x02");
    assert_false(pb_rd_skip(&r));
    r = RD("\xdd\x00\x00\x00\x02\x01\x02\x03");
    assert_true(pb_rd_skip(&r));
    assert_int_equal(r.end - r.p, 1);
    r = RD("\x92\x92\x01\x02\x81\xa1k\x93\x01\x02\x03");
    assert_true(pb_rd_skip(&r));
    assert_ptr_equal(r.p, r.end);
}

/* ---- window ---- */

static void test_window_empty(void **state)
{
    struct pb_window w;

    (void)state;
    pb_window_init(&w, 5);
    assert_int_equal(pb_window_end(&w), 5);
    assert_null(pb_window_at(&w, 4));
    assert_null(pb_window_at(&w, 5));
    pb_window_shift(&w);
    assert_int_equal(w.lo, 6);
    assert_true(pb_window_extend(&w, 5)); /* below: nothing to do */
    assert_int_equal(pb_window_end(&w), 6);
    pb_window_fini(&w);
    pb_window_fini(&w);
}

/* Shift and extend in turn: the ring wraps and grows, and every slot keeps what it was given. */
static void test_window_wraps(void **state)
{
    struct pb_window w;
    uint64_t next = 1;

    (void)state;
    pb_window_init(&w, 1);
    for (unsigned round = 0; round < 500; round++) {
        for (unsigned i = 0; i < 1 + round % 7; i++, next++) {
            assert_true(pb_window_extend(&w, next));
            assert_int_equal(pb_window_at(&w, next)->size, 0); /* new slots are zero, also where old ones were */
            assert_int_equal(pb_window_at(&w, next)->state, 0);
            *pb_window_at(&w, next) = (struct pb_slot){.size = (uint32_t)next, .state = 1, .flags = 2, .tries = 3};
        }
        for (unsigned i = 0; i < round % 5 && w.n; i++)
            pb_window_shift(&w);
        for (uint64_t q = w.lo; q < pb_window_end(&w); q++)
            assert_int_equal(pb_window_at(&w, q)->size, q);
        assert_null(pb_window_at(&w, w.lo - 1));
        assert_null(pb_window_at(&w, pb_window_end(&w)));
    }
    assert_true(w.cap > 16 && (w.cap & (w.cap - 1)) == 0);
    pb_window_fini(&w);
}

static void test_window_limits(void **state)
{
    struct pb_window w;

    (void)state;
    pb_window_init(&w, 10);
    assert_false(pb_window_extend(&w, 10 + PB_MAX_WINDOW));
    assert_false(pb_window_extend(&w, UINT64_MAX));
    assert_int_equal(w.n, 0);
    assert_true(pb_window_extend(&w, 9 + PB_MAX_WINDOW));
    assert_int_equal(w.n, PB_MAX_WINDOW);
    assert_false(pb_window_extend(&w, 10 + PB_MAX_WINDOW));
    pb_window_shift(&w);
    assert_true(pb_window_extend(&w, 10 + PB_MAX_WINDOW));
    assert_false(pb_window_extend(&w, 11 + PB_MAX_WINDOW));
    pb_window_fini(&w);
    pb_window_init(&w, UINT64_MAX - 2);
    assert_true(pb_window_extend(&w, UINT64_MAX - 1));
    assert_int_equal(w.n, 2);
    assert_null(pb_window_at(&w, UINT64_MAX));
    pb_window_fini(&w);
}

/* ---- metadata ---- */

static struct pbay_str str_of(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

static void test_meta_none(void **state)
{
    struct pb_meta m = {.ttl_ms = 7};
    struct pbay_envelope e = {0};
    struct pb_buf b = {0};

    (void)state;
    assert_int_equal(pb_meta_write(&b, &e), 0);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.p[0], 0xc0);
    assert_true(pb_meta_read(pbay_str(""), &m));
    assert_int_equal(m.ttl_ms, 0);
    pb_buf_fini(&b);
}

static void test_meta_all(void **state)
{
    struct pbay_envelope e = {.has_id = true,
                              .id = "0123456789abcde",
                              .operation = pbay_str("bytes"),
                              .traceparent = pbay_str("00-a-b-01"),
                              .uri = pbay_str("https://example.org"),
                              .ttl_ms = 0x01020304,
                              .replay = PBAY_REPLAY_KEYED};
    struct pb_buf b = {0};
    struct pb_meta m;
    size_t at;

    (void)state;
    pb_buf_add(&b, "before", 6);
    at = pb_meta_write(&b, &e);
    assert_memory_equal(b.p + at, "\1\2\3\4", 4);
    pb_put_be32(b.p + at, 9);
    assert_true(pb_meta_read((struct pbay_str){(const char *)b.p + 6, b.n - 6}, &m));
    assert_int_equal(m.ttl_ms, 9);
    assert_int_equal(m.replay, PBAY_REPLAY_KEYED);
    assert_memory_equal(m.id.p, e.id, PBAY_ID_SIZE);
    assert_true(pbay_str_eq(m.operation, e.operation));
    assert_true(pbay_str_eq(m.traceparent, e.traceparent));
    assert_true(pbay_str_eq(m.uri, e.uri));
    assert_false(pb_meta_read((struct pbay_str){(const char *)b.p + 6, b.n - 7}, &m));
    pb_buf_add(&b, "\xc0", 1);
    assert_false(pb_meta_read((struct pbay_str){(const char *)b.p + 6, b.n - 6}, &m)); /* something behind the map */
    pb_buf_fini(&b);
}

static void test_meta_bounds(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool good;
    } rows[] = {
        {"\x81\xa3ttl\xce\xff\xff\xff\xff", 10, true},
        {"\x81\xa3ttl\xcf\0\0\0\1\0\0\0\0", 14, false},
        {"\x81\xa3ttl\xff", 6, false},
        {"\x81\xa6replay\x03", 9, true},
        {"\x81\xa6replay\x04", 9, false},
        {"\x82\xa3ttl\x01", 6, false},
        {"\x81\xa4more\x93\x01\x02\x03", 10, true},
        {"\x81\xa4more\x93\x01\x02", 9, false},
        {"\x81\x01\x01", 3, false},
        {"\x90", 1, false},
        {"\x80", 1, true},
    };
    struct pb_meta m;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(pb_meta_read((struct pbay_str){rows[i].bytes, rows[i].n}, &m), rows[i].good);
}

/* ---- frames in place ---- */

static void test_nop_of_every_size(void **state)
{
    static const size_t sizes[] = {2, 3, 4, 5, 6, 258, 259, 260, 261, 262, 65540, 65541, 65542, 200000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *p = malloc(sizes[i]);
        struct pb_rd r = {p, p + sizes[i]};
        struct pb_frame f;

        memset(p, 0xc1, sizes[i]);
        pb_nop_fill(p, sizes[i]);
        assert_true(pb_frame_read(&r, PB_DOWN, &f));
        assert_int_equal(f.verb, PB_NOP);
        assert_ptr_equal(r.p, r.end);
        free(p);
    }
}

static void test_pub_patch(void **state)
{
    struct pb_frame f = {
        .verb = PB_PUB, .stream = 1, .round = 2, .seq = 3, .prev = 2, .proto = 4, .payload = pbay_str("payload")};
    struct pb_buf b = {0};
    struct pb_rd r;

    (void)state;
    pb_frame_write(&b, PB_UP, &f);
    pb_pub_patch(b.p, 0xa1b2c3d4, 0xffffffff, UINT64_MAX - 1, PB_FLAG_REDELIVERED);
    r = (struct pb_rd){b.p, b.p + b.n};
    assert_true(pb_frame_read(&r, PB_DOWN, &f) && r.p == r.end && f.fixed);
    assert_int_equal(f.stream, 0xa1b2c3d4);
    assert_int_equal(f.round, 0xffffffff);
    assert_int_equal(f.seq, 3);
    assert_int_equal(f.prev, UINT64_MAX - 1);
    assert_int_equal(f.proto, 4);
    assert_int_equal(f.flags, PB_FLAG_REDELIVERED);
    assert_true(pbay_str_eq(f.payload, pbay_str("payload")));
    assert_true(pbay_str_eq(f.raw, str_of(&b)));
    pb_buf_fini(&b);
}

/* The short way makes and reads the same bytes as the table. */
static void test_pub_write(void **state)
{
    static const char payload[70000] = "payload";
    static const size_t sizes[] = {0, 1, 64, 255, 256, 65536, 70000};
    struct pbay_envelope e = {.has_id = true, .ttl_ms = 7};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        struct pb_frame f = {.verb = PB_PUB, .seq = 1ULL << 40, .proto = 200, .payload = {payload, sizes[i / 2]}}, g;
        struct pb_buf meta = {0}, b = {0}, c = {0};
        struct pb_rd r;

        if (i % 2)
            pb_meta_write(&meta, &e);
        f.meta = str_of(&meta);
        pb_frame_write(&b, PB_UP, &f);
        assert_int_equal(pb_pub_size(f.meta, f.payload), b.n);
        pb_pub_write(pb_buf_grow(&c, b.n), f.seq, f.proto, f.meta, f.payload);
        assert_memory_equal(b.p, c.p, b.n);
        r = pb_rd_of(c.p, c.n);
        assert_true(pb_frame_read(&r, PB_UP, &g) && r.p == r.end && g.fixed);
        assert_int_equal(g.verb, PB_PUB);
        assert_int_equal(g.seq, f.seq);
        assert_int_equal(g.proto, 200);
        assert_int_equal(g.payload.n, f.payload.n);
        assert_int_equal(g.meta.n, f.meta.n);
        for (size_t n = b.n < 200 ? 0 : b.n - 1; n < b.n; n++) { /* cut anywhere, it is no frame */
            r = pb_rd_of(c.p, n);
            assert_false(pb_frame_read(&r, PB_UP, &g));
        }
        pb_buf_fini(&meta);
        pb_buf_fini(&b);
        pb_buf_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pub_write),      cmocka_unit_test(test_uint_widths),
        cmocka_unit_test(test_every_tag),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_counts),         cmocka_unit_test(test_nil),
        cmocka_unit_test(test_skip_every_tag), cmocka_unit_test(test_skip_depth),
        cmocka_unit_test(test_skip_bombs),     cmocka_unit_test(test_window_empty),
        cmocka_unit_test(test_window_wraps),   cmocka_unit_test(test_window_limits),
        cmocka_unit_test(test_meta_none),      cmocka_unit_test(test_meta_all),
        cmocka_unit_test(test_meta_bounds),    cmocka_unit_test(test_nop_of_every_size),
        cmocka_unit_test(test_pub_patch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
