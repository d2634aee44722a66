#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/yaml_tree.h"

/* Parse into an arena of its own; fills error. */
static enum pbay_err parse(const char *data, size_t n, struct pbay_conf_error *error)
{
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs;
    enum pbay_err err = pb_yaml_parse("x", data, n, &arena, &docs, error);

    if (err)
        assert_null(docs);
    pb_arena_fini(&arena);
    return err;
}

static void test_tree(void **state)
{
    static const char text[] = "a: [1, 'two', {b: c}]\nd: >\n  folded\n  text\n---\nsecond\n";
    struct pbay_conf_error error;
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs, *a;

    (void)state;
    assert_int_equal(pb_yaml_parse("x", text, sizeof text - 1, &arena, &docs, &error), PBAY_OK);
    a = pb_yaml_get(docs, "a");
    assert_int_equal(docs->n, 2);
    assert_int_equal(a->n, 3);
    assert_true(a->child->plain);
    assert_false(a->child->next->plain);
    assert_string_equal(pb_yaml_get(a->child->next->next, "b")->text, "c");
    assert_int_equal(pb_yaml_get(docs, "d")->at.line, 2);
    assert_string_equal(pb_yaml_get(docs, "d")->text, "folded text\n");
    assert_string_equal(docs->next->text, "second");
    assert_int_equal(docs->next->at.line, 6);
    assert_null(docs->next->next);
    assert_null(pb_yaml_get(docs, "e"));
    pb_arena_fini(&arena);
}

static void test_tree_refuses(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"a: *b\n", "x:1: aliases are not allowed here"},
        {"&a [b]\n", "x:1: anchors are not allowed here"},
        {"a: !t {b: c}\n", "x:1: tags are not allowed here"},
        {"%TAG !e! tag:example,2000:\n---\na: b\n", "x:1: tags are not allowed here"},
        {"a: \"\\0\"\n", "x:1: a NUL is not allowed here"},
        {"? [a]\n: b\n", "x:1: a key may not be a list or a mapping"},
        {"\"\": b\n", "x:1: expected a key before the colon"},
        {"a: {b: 1,\n  b: 2}\n", "x:2: b: this key is on line 1 already"},
        {"a: \x01\n", "x:1: expected UTF-8 text: control characters are not allowed"},
        {"a\n\x80", "x:2: expected UTF-8 text: invalid leading UTF-8 octet"},
        {"\xff\xfe\x61\x00", "x:1: expected UTF-8 text: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_conf_error error = {""};

        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &error), PBAY_CONFIG);
        assert_string_equal(error.text, rows[i].error);
    }
}

static void test_tree_bounds(void **state)
{
    static char text[PBAY_MAX_CONF_BYTES + 1];
    struct pbay_conf_error error = {""};
    size_t n = 0;

    (void)state;
    memset(text, '\n', sizeof text);
    assert_int_equal(parse(text, PBAY_MAX_CONF_BYTES, &error), PBAY_OK);
    assert_int_equal(parse(text, PBAY_MAX_CONF_BYTES + 1, &error), PBAY_CONFIG);
    assert_string_equal(error.text, "x: expected at most 262144 bytes");
    for (int i = 0; i < PBAY_MAX_CONF_NODES - 1; i++, n += 4)
        memcpy(text + n, "- a\n", 4);
    assert_int_equal(parse(text, n, &error), PBAY_OK);
    memcpy(text + n, "- a\n", 4);
    assert_int_equal(parse(text, n + 4, &error), PBAY_CONFIG);
    assert_string_equal(error.text, "x:10000: expected at most 10000 values in one file");
    memset(text, '[', 40000);
    assert_int_equal(parse(text, 40000, &error), PBAY_CONFIG);
    assert_string_equal(error.text, "x:1: nested deeper than 16");
}

/* Whatever a text holds, its error is one line of valid length. */
static void test_error_is_one_line(void **state)
{
    struct pbay_conf_error error;
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs;
    char key[600], text[700];

    (void)state;
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    snprintf(text, sizeof text, "\"a\\nb\": \"c\\r\\n%s\"\n",
             "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
             "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
             "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4");
    assert_int_equal(pb_yaml_parse("x", text, strlen(text), &arena, &docs, &error), PBAY_OK);
    assert_false(pb_yaml_expected(&error, docs->child, "less"));
    assert_string_equal(error.text,
                        "x:1: a?b: expected less, found \"c??\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
                        "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4...\"");
    assert_false(pb_yaml_error(&error, docs->child, "%s", key));
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    pb_arena_fini(&arena);
}

/* Beginnings and single changed bytes of a real file, from memory: no crash, no leak, and an error says something. */
static void test_damaged(void **state)
{
    static char text[8192];
    FILE *file = fopen(SOURCE_DIR "/tests/config/good/full/agent.yaml", "r");
    size_t n;

    (void)state;
    assert_non_null(file);
    n = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_in_range(n, 1000, sizeof text - 1);
    for (size_t i = 0; i < n; i++) {
        static const char bytes[] = {0, '\n', '"', '[', '{', ':', '*', '&', '\t', '\xC3'};
        struct pbay_conf_error error = {""};
        char saved = text[i];

        if (parse(text, i, &error))
            assert_true(strncmp(error.text, "x:", 2) == 0);
        text[i] = bytes[i % sizeof bytes];
        if (parse(text, n, &error))
            assert_true(strncmp(error.text, "x:", 2) == 0);
        text[i] = saved;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_tree_refuses),
        cmocka_unit_test(test_tree_bounds), cmocka_unit_test(test_error_is_one_line),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
