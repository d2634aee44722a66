/* schema/vectors against the reader and writer: what is good means what it says, also after it was written anew; what
 * is refused is refused. The files hold the same for clients in other languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "schema/frame.h"
#include "schema/pbay_pubid.h"

#define VECTORS SOURCE_DIR "/schema/vectors/"

static const char *current; /* the vector at hand, for messages */

/* ---- JSON ---- */

static json_t *load(const char *file)
{
    char path[512];
    json_error_t error;
    json_t *root;

    snprintf(path, sizeof path, VECTORS "%s", file);
    root = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!root)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

static const char *member(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    if (!s)
        fail_msg("%s: no string \"%s\"", current, key);
    return s;
}

static unsigned nibble(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c);

    assert_true(c && at);
    return (unsigned)(at - digits);
}

/* A heap block of exactly the bytes, so that a sanitizer sees a read beyond them. */
static struct pb_buf unhex(const char *hex)
{
    struct pb_buf b = {0};

    assert_int_equal(strlen(hex) % 2, 0);
    b.n = b.cap = strlen(hex) / 2;
    b.p = malloc(b.n ? b.n : 1);
    for (size_t i = 0; i < b.n; i++)
        b.p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return b;
}

static enum pb_dir dir_of(const json_t *v)
{
    return strcmp(member(v, "dir"), "up") == 0 ? PB_UP : PB_DOWN;
}

/* ---- values ---- */

static void expect_number(const json_t *want, uint64_t got)
{
    if (json_is_string(want))
        assert_int_equal(strtoull(json_string_value(want), NULL, 10), got);
    else
        assert_int_equal((uint64_t)json_integer_value(want), got);
}

static void expect_text(const json_t *want, struct pbay_str got)
{
    assert_int_equal(got.n, json_string_length(want));
    if (got.n)
        assert_memory_equal(got.p, json_string_value(want), got.n);
}

static void expect_bytes(const json_t *want, struct pbay_str got)
{
    struct pb_buf b = unhex(json_string_value(want));

    assert_int_equal(got.n, b.n);
    if (b.n)
        assert_memory_equal(got.p, b.p, b.n);
    free(b.p);
}

static void expect_element(const char *type, struct pb_rd *r, const json_t *want)
{
    struct pbay_str s;
    uint64_t lo, hi;
    uint32_t stream;

    if (strcmp(type, "[str]") == 0) {
        assert_true(pb_span_str(r, &s));
        expect_text(want, s);
    } else if (strcmp(type, "[range]") == 0) {
        assert_true(pb_span_range(r, &lo, &hi));
        expect_number(json_array_get(want, 0), lo);
        expect_number(json_array_get(want, 1), hi);
    } else {
        assert_true(pb_span_claim(r, &s, &stream));
        expect_bytes(json_array_get(want, 0), s);
        expect_number(json_array_get(want, 1), stream);
    }
}

static void expect_list(const char *type, struct pb_span span, const json_t *want)
{
    struct pb_rd r = pb_span_reader(span);

    assert_int_equal(span.n, json_array_size(want));
    for (size_t i = 0; i < span.n; i++)
        expect_element(type, &r, json_array_get(want, i));
    assert_ptr_equal(r.p, r.end);
}

static void expect_field(const struct pb_field_info *info, const void *at, const json_t *want)
{
    if (!want)
        fail_msg("%s: no field \"%s\"", current, info->name);
    if (strcmp(info->type, "u64") == 0)
        expect_number(want, *(const uint64_t *)at);
    else if (info->type[0] == 'u')
        expect_number(want, *(const uint32_t *)at);
    else if (info->type[0] == '[')
        expect_list(info->type, *(const struct pb_span *)at, want);
    else if (strcmp(info->type, "str") == 0)
        expect_text(want, *(const struct pbay_str *)at);
    else
        expect_bytes(want, *(const struct pbay_str *)at);
}

static void expect_fields(const struct pb_frame *f, enum pb_dir dir, const json_t *want)
{
    struct pb_field_info info[PB_MAX_FIELDS];
    int n = pb_frame_fields(f->verb, dir, info);

    assert_int_equal(n, json_object_size(want));
    for (int i = 0; i < n; i++)
        expect_field(&info[i], (const char *)f + info[i].at, json_object_get(want, info[i].name));
}

static struct pbay_str text_of(const json_t *object, const char *key)
{
    return pbay_str(json_string_value(json_object_get(object, key)));
}

static void expect_metadata(struct pbay_str raw, const json_t *want)
{
    struct pb_buf id = unhex(json_object_get(want, "id") ? member(want, "id") : "");
    struct pb_meta m;

    assert_true(pb_meta_read(raw, &m));
    assert_true(pbay_str_eq(m.id, (struct pbay_str){(const char *)id.p, id.n}));
    assert_true(pbay_str_eq(m.operation, text_of(want, "operation")));
    assert_true(pbay_str_eq(m.traceparent, text_of(want, "traceparent")));
    assert_true(pbay_str_eq(m.uri, text_of(want, "uri")));
    assert_int_equal(m.ttl_ms, json_integer_value(json_object_get(want, "ttl")));
    assert_int_equal(m.replay, json_integer_value(json_object_get(want, "replay")));
    free(id.p);
}

/* ---- frames ---- */

static struct pb_frame read_whole(const uint8_t *p, size_t n, enum pb_dir dir)
{
    struct pb_rd r = {p, p + n};
    struct pb_frame f;

    if (!pb_frame_read(&r, dir, &f) || r.p != r.end)
        fail_msg("%s: not read", current);
    return f;
}

static void check_good(const json_t *v)
{
    struct pb_buf hex = unhex(member(v, "hex")), again = {0};
    enum pb_dir dir = dir_of(v);
    struct pb_frame f = read_whole(hex.p, hex.n, dir), g;
    size_t written;

    assert_string_equal(pb_verb_name(f.verb), member(v, "verb"));
    expect_fields(&f, dir, json_object_get(v, "fields"));
    if (json_object_get(v, "metadata"))
        expect_metadata(f.meta, json_object_get(v, "metadata"));
    written = pb_frame_write(&again, dir, &f);
    assert_int_equal(written, again.n);
    g = read_whole(again.p, again.n, dir);
    assert_int_equal(g.verb, f.verb);
    expect_fields(&g, dir, json_object_get(v, "fields"));
    if (json_is_true(json_object_get(v, "canonical"))) {
        assert_int_equal(again.n, hex.n);
        assert_memory_equal(again.p, hex.p, hex.n);
        assert_true(f.fixed == (f.verb == PB_PUB));
    }
    if (f.verb == PB_PUB)
        assert_true(g.fixed);
    pb_buf_fini(&again);
    free(hex.p);
}

/* Two vectors at least of each verb and direction. */
static void expect_coverage(const unsigned (*seen)[2])
{
    struct pb_field_info info[PB_MAX_FIELDS];

    for (unsigned verb = 1; verb < PB_VERB_COUNT; verb++) {
        for (int dir = PB_UP; dir <= PB_DOWN; dir++) {
            if (pb_frame_fields(verb, (enum pb_dir)dir, info) >= 0 && seen[verb][dir] < 2)
                fail_msg("%s %s: %u vectors", pb_verb_name(verb), dir == PB_UP ? "up" : "down", seen[verb][dir]);
        }
    }
}

static unsigned verb_number(const char *name)
{
    unsigned verb = 1;

    while (verb < PB_VERB_COUNT && strcmp(pb_verb_name(verb), name) != 0)
        verb++;
    assert_true(verb < PB_VERB_COUNT);
    return verb;
}

static void test_good_frames(void **state)
{
    json_t *root = load("frames.json"), *v;
    unsigned seen[PB_VERB_COUNT][2] = {{0}};
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        current = member(v, "name");
        check_good(v);
        seen[verb_number(member(v, "verb"))][dir_of(v)]++;
    }
    expect_coverage(seen);
    json_decref(root);
}

static void test_refused_frames(void **state)
{
    json_t *root = load("refused.json"), *v;
    size_t i;

    (void)state;
    assert_true(json_array_size(json_object_get(root, "vectors")) > 100);
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        struct pb_buf hex = unhex(member(v, "hex"));
        struct pb_rd r = {hex.p, hex.p + hex.n};
        bool metadata = strcmp(member(v, "error"), "METADATA") == 0, whole;
        struct pb_frame f;
        struct pb_meta m;

        current = member(v, "name");
        whole = pb_frame_read(&r, dir_of(v), &f) && r.p == r.end;
        if (whole != metadata)
            fail_msg("%s: %s", current, whole ? "accepted" : "refused before its metadata");
        if (metadata && pb_meta_read(f.meta, &m))
            fail_msg("%s: metadata accepted", current);
        free(hex.p);
    }
    json_decref(root);
}

static void test_batches(void **state)
{
    json_t *root = load("batches.json"), *v;
    size_t i;

    (void)state;
    assert_true(json_array_size(json_object_get(root, "vectors")) > 0);
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        struct pb_buf hex = unhex(member(v, "hex"));
        struct pb_rd r = {hex.p, hex.p + hex.n};
        const json_t *verbs = json_object_get(v, "verbs");
        size_t n = 0;
        bool ok = true;

        current = member(v, "name");
        for (struct pb_frame f; r.p < r.end && (ok = pb_frame_read(&r, dir_of(v), &f)); n++)
            assert_string_equal(pb_verb_name(f.verb), json_string_value(json_array_get(verbs, n)));
        assert_int_equal(n, json_array_size(verbs));
        assert_true(ok != json_is_true(json_object_get(v, "refused")));
        free(hex.p);
    }
    json_decref(root);
}

/* ---- public ids ---- */

static struct pbay_str whole_text(const json_t *v)
{
    const json_t *t = json_object_get(v, "text");

    return (struct pbay_str){json_string_value(t), json_string_length(t)};
}

static void test_pubids(void **state)
{
    json_t *root = load("pubid.json"), *v;
    struct pbay_pubid id;
    size_t i;

    (void)state;
    assert_true(json_array_size(json_object_get(root, "good")) > 0);
    assert_true(json_array_size(json_object_get(root, "refused")) > 0);
    json_array_foreach(json_object_get(root, "good"), i, v)
    {
        if (!pbay_pubid_parse(whole_text(v), &id))
            fail_msg("%s was refused", member(v, "text"));
        expect_text(json_object_get(v, "author"), id.author);
        expect_text(json_object_get(v, "name"), id.name);
        expect_text(json_object_get(v, "version"), id.version);
        expect_text(json_object_get(v, "hash"), id.hash);
    }
    json_array_foreach(json_object_get(root, "refused"), i, v)
    {
        if (pbay_pubid_parse(whole_text(v), &id))
            fail_msg("\"%s\" was accepted: %s", member(v, "text"), member(v, "why"));
    }
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_frames),
        cmocka_unit_test(test_refused_frames),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_pubids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
