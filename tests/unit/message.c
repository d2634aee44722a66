/* Message codecs against schema/vectors/messages.json: both encodings and JSON, what is refused and with which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "node/message_json.h"

#define VECTORS  SOURCE_DIR "/schema/vectors/messages.json"
#define DEFAULT  "fetchai/default:1.0.0"
#define ENVELOPE "envelope"
#define S(text)  pbay_str(text)

struct world {
    struct pbay_protocols *protocols;
    json_t *vectors;
    const char *current; /* the vector at hand, for messages */
    struct pbay_message m;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    json_error_t error;

    w->protocols = pbay_protocols_new();
    w->vectors = json_load_file(VECTORS, JSON_ALLOW_NUL, &error);
    if (!w->vectors)
        fail_msg("%s:%d: %s", VECTORS, error.line, error.text);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pbay_message_fini(&w->m);
    pbay_message_fini(&w->m);
    json_decref(w->vectors);
    pbay_protocols_destroy(&w->protocols);
    pbay_protocols_destroy(&w->protocols);
    free(w);
    return 0;
}

/* ---- vectors ---- */

static const char *member(const struct world *w, const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));

    if (!s)
        fail_msg("%s: no string \"%s\"", w->current, key);
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
    struct pb_buf b = {.n = strlen(hex) / 2};

    assert_int_equal(strlen(hex) % 2, 0);
    b.p = malloc(b.n ? b.n : 1);
    for (size_t i = 0; i < b.n; i++)
        b.p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return b;
}

static struct pbay_str view(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

static void expect_bytes(const struct world *w, struct pbay_str got, const char *hex)
{
    struct pb_buf want = unhex(hex);

    if (!pbay_str_eq(got, view(&want)))
        fail_msg("%s: other bytes than %s", w->current, hex);
    free(want.p);
}

static void expect_str(struct pbay_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n)
        assert_memory_equal(got.p, want, got.n);
}

static enum pbay_err decode(struct world *w, const char *protocol, const char *hex)
{
    struct pb_buf b = unhex(hex);
    enum pbay_err err = pbay_message_decode(&w->m, w->protocols, S(protocol), view(&b));

    free(b.p); /* the message has a copy */
    return err;
}

static void must_decode(struct world *w, const char *protocol, const char *hex)
{
    if (decode(w, protocol, hex))
        fail_msg("%s: %s", w->current, w->m.why);
}

static void expect_encoded(struct world *w, enum pbay_encoding encoding, const char *hex)
{
    struct pbay_str bytes;

    w->m.encoding = encoding;
    if (pbay_message_encode(&w->m, &bytes))
        fail_msg("%s: %s", w->current, w->m.why);
    expect_bytes(w, bytes, hex);
}

/* What the message says is what the vector says, each member of it; from that JSON comes the same message. */
static void expect_json(struct world *w, const json_t *v)
{
    static const char *const members[] = {"protocol",   "performative", "dialogue_reference",
                                          "message_id", "target",       "content"};
    json_t *got = message_to_json(&w->m);

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!json_equal(json_object_get(v, members[i]), json_object_get(got, members[i])))
            fail_msg("%s: %s differs", w->current, members[i]);
    }
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(member(w, v, "protocol")), member(w, v, "performative")),
                     PBAY_OK);
    assert_true(message_from_json(&w->m, got));
    json_decref(got);
}

/* AEA wrote the message anew for the envelope, and its maps have no order. */
static void expect_inner(struct world *w, const json_t *v, const struct pbay_envelope *e)
{
    struct pbay_str bytes;

    assert_int_equal(pbay_message_decode(&w->m, w->protocols, e->protocol_id, e->message), PBAY_OK);
    expect_json(w, v);
    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_OK);
    assert_true(pbay_str_eq(bytes, e->message));
}

static void expect_envelope(struct world *w, const json_t *v)
{
    struct pb_buf b = unhex(member(w, v, "envelope"));
    char why[PBAY_MAX_WHY], *memory, *again;
    struct pbay_envelope e;
    struct pbay_str bytes;

    assert_int_equal(pbay_envelope_decode(w->protocols, view(&b), &e, &memory, why), PBAY_OK);
    free(b.p);
    expect_str(e.to, member(w, v, "to"));
    expect_str(e.sender, member(w, v, "sender"));
    expect_str(e.protocol_id, member(w, v, "protocol"));
    expect_str(e.uri, "");
    expect_inner(w, v, &e);
    assert_int_equal(pbay_envelope_encode(w->protocols, &e, &bytes, &again, why), PBAY_OK);
    expect_bytes(w, bytes, member(w, v, "envelope"));
    free(memory);
    free(again);
}

static json_t *vectors(struct world *w, const char *key, size_t least)
{
    json_t *list = json_object_get(w->vectors, key);

    if (json_array_size(list) < least)
        fail_msg("%s: only %zu", key, json_array_size(list));
    return list;
}

static json_t *next(struct world *w, json_t *list, size_t i)
{
    json_t *v = json_array_get(list, i);

    w->current = v ? member(w, v, "name") : NULL;
    return v;
}

static void test_good(void **state)
{
    struct world *w = *state;
    json_t *list = vectors(w, "good", 19), *v;

    for (size_t i = 0; (v = next(w, list, i)); i++) {
        const char *protocol = member(w, v, "protocol");

        must_decode(w, protocol, member(w, v, "protobuf"));
        assert_int_equal(w->m.encoding, PBAY_PROTOBUF);
        expect_json(w, v);
        expect_encoded(w, PBAY_PROTOBUF, member(w, v, "protobuf"));
        expect_encoded(w, PBAY_MSGPACK, member(w, v, "msgpack"));
        must_decode(w, protocol, member(w, v, "msgpack"));
        assert_int_equal(w->m.encoding, PBAY_MSGPACK);
        expect_json(w, v);
        assert_int_equal(w->m.encoding, PBAY_MSGPACK); /* the JSON says it */
        expect_encoded(w, PBAY_MSGPACK, member(w, v, "msgpack"));
        expect_encoded(w, PBAY_PROTOBUF, member(w, v, "protobuf"));
        expect_envelope(w, v);
    }
}

/* What is read although we write it otherwise. */
static void test_also(void **state)
{
    struct world *w = *state;
    json_t *list = vectors(w, "also", 30), *v, *json;

    for (size_t i = 0; (v = next(w, list, i)); i++) {
        must_decode(w, member(w, v, "protocol"), member(w, v, "hex"));
        expect_encoded(w, PBAY_PROTOBUF, member(w, v, "protobuf"));
        json = message_to_json(&w->m);
        assert_int_equal(pbay_message_init(&w->m, w->protocols, S(member(w, v, "protocol")),
                                           json_string_value(json_object_get(json, "performative"))),
                         PBAY_OK);
        assert_true(message_from_json(&w->m, json));
        json_decref(json);
        expect_encoded(w, PBAY_PROTOBUF, member(w, v, "protobuf"));
        must_decode(w, member(w, v, "protocol"), member(w, v, "protobuf"));
        expect_encoded(w, PBAY_PROTOBUF, member(w, v, "protobuf"));
    }
}

static void expect_refused_envelope(struct world *w, const json_t *v)
{
    struct pb_buf b = unhex(member(w, v, "hex"));
    char why[PBAY_MAX_WHY], *memory;
    struct pbay_envelope e;

    assert_int_equal(pbay_envelope_decode(w->protocols, view(&b), &e, &memory, why), PBAY_FAILED);
    free(b.p);
    assert_null(memory);
    assert_string_equal(why, member(w, v, "error"));
}

static void test_refused(void **state)
{
    struct world *w = *state;
    json_t *list = vectors(w, "refused", 60), *v;
    struct pbay_str bytes;

    for (size_t i = 0; (v = next(w, list, i)); i++) {
        const char *protocol = member(w, v, "protocol");

        if (strcmp(protocol, ENVELOPE) == 0) {
            expect_refused_envelope(w, v);
            continue;
        }
        if (decode(w, protocol, member(w, v, "hex")) != PBAY_FAILED)
            fail_msg("%s: not refused", w->current);
        assert_string_equal(w->m.why, member(w, v, "error"));
        assert_null(w->m.data);
        assert_false(pbay_message_is(&w->m, "request"));
        assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_INVALID);
    }
}

/* No message is whole before its last byte. */
static void test_prefixes(void **state)
{
    struct world *w = *state;
    json_t *list = vectors(w, "good", 19), *v;

    for (size_t i = 0; (v = next(w, list, i)); i++) {
        const char *protocol = member(w, v, "protocol");

        for (int k = 0; k < 2; k++) {
            struct pb_buf b = unhex(member(w, v, k ? "msgpack" : "protobuf"));

            for (size_t n = 0; n < b.n && n < 200; n++) {
                uint8_t *p = malloc(n ? n : 1);

                memcpy(p, b.p, n);
                assert_int_equal(pbay_message_decode(&w->m, w->protocols, S(protocol), (struct pbay_str){(char *)p, n}),
                                 PBAY_FAILED);
                free(p);
            }
            free(b.p);
        }
    }
}

/* 0x96, 0xdc and 0xdd begin msgpack, all else protobuf; no bytes are protobuf. */
static void test_first_byte(void **state)
{
    struct world *w = *state;
    char bytes[2] = {0};

    for (unsigned c = 0; c < 256; c++) {
        bool msgpack = c == 0x96 || c == 0xdc || c == 0xdd;

        bytes[0] = (char)c;
        pbay_message_decode(&w->m, w->protocols, S(DEFAULT), (struct pbay_str){bytes, 1});
        assert_int_equal(w->m.encoding, msgpack ? PBAY_MSGPACK : PBAY_PROTOBUF);
    }
    pbay_message_decode(&w->m, w->protocols, S(DEFAULT), S(""));
    assert_int_equal(w->m.encoding, PBAY_PROTOBUF);
}

/* ---- JSON ---- */

static void test_json_refused(void **state)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"{\"colour\": 1}", "default/error: no key \"colour\""},
        {"{\"message_id\": \"1\"}", "default/error: message_id: expected an int32"},
        {"{\"message_id\": 2147483648}", "default/error: message_id: expected an int32"},
        {"{\"target\": 1.0}", "default/error: target: expected an int32"},
        {"{\"encoding\": \"json\"}", "default/error: encoding: expected \"protobuf\" or \"msgpack\""},
        {"{\"dialogue_reference\": [\"\"]}", "default/error: dialogue_reference: expected an array of two strings"},
        {"{\"dialogue_reference\": [\"\", 1]}", "default/error: dialogue_reference: expected an array of two strings"},
        {"{\"content\": []}", "default/error: content: expected an object"},
        {"{\"content\": {\"colour\": 1}}", "default/error: no content \"colour\""},
        {"{\"content\": {\"error_msg\": 1}}", "default/error: error_msg: expected a str"},
        {"{\"content\": {\"error_code\": 0.0}}", "default/error: error_code: expected an integer 0..4"},
        {"{\"content\": {\"error_data\": {\"a\": \"00\"}}}",
         "default/error: error_data: expected a map of str to bytes"},
        {"{\"content\": {\"error_data\": {\"a\": {\"hex\": \"0\"}}}}",
         "default/error: error_data: expected a map of str to bytes"},
        {"{\"content\": {\"error_data\": {\"a\": {\"hex\": \"0g\"}}}}",
         "default/error: error_data: expected a map of str to bytes"},
        {"{\"content\": {\"error_data\": {\"a\": {\"hex\": \"\", \"b\": 1}}}}",
         "default/error: error_data: expected a map of str to bytes"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *json = json_loads(rows[i].json, 0, NULL);

        assert_non_null(json);
        assert_int_equal(pbay_message_init(&w->m, w->protocols, S(DEFAULT), "error"), PBAY_OK);
        assert_false(message_from_json(&w->m, json));
        assert_string_equal(w->m.why, rows[i].why);
        json_decref(json);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good),     TEST(test_also),       TEST(test_refused),
        TEST(test_prefixes), TEST(test_first_byte), TEST(test_json_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
