/* Changes to a YAML text: what it is afterwards, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/yaml_edit.h"

#define MAX_KEYS 4
#define BY_HAND  "is written in a way that cannot be changed here"

enum action { SET, APPEND, REMOVE, DOCUMENT };

struct row {
    enum action action;
    const char *keys; /* a.b */
    size_t item;      /* REMOVE */
    const char *text, *before, *after;
};

static size_t split(char *path, const char *keys[MAX_KEYS])
{
    size_t n = 0;

    for (char *key = strtok(path, "."); key; key = strtok(NULL, ".")) {
        assert_true(n < MAX_KEYS);
        keys[n++] = key;
    }
    return n;
}

static const struct pb_yaml_node *find(const struct yaml_edit *e, const char *const *keys, size_t n)
{
    const struct pb_yaml_node *node = e->docs;

    for (size_t i = 0; i < n; i++)
        node = pb_yaml_get(node, keys[i]);
    assert_non_null(node);
    return node;
}

static bool act(struct yaml_edit *e, const struct row *row)
{
    char path[64];
    const char *keys[MAX_KEYS];
    const struct pb_yaml_node *node;
    size_t n;

    snprintf(path, sizeof path, "%s", row->keys ? row->keys : "");
    n = split(path, keys);
    if (row->action == SET)
        return yaml_edit_set(e, e->docs, keys, n, row->text);
    if (row->action == DOCUMENT)
        return yaml_edit_document(e, row->text);
    node = find(e, keys, n);
    if (row->action == APPEND)
        return yaml_edit_append(e, node, row->text);
    node = node->child;
    for (size_t i = 0; i < row->item; i++)
        node = node->next;
    return yaml_edit_remove(e, node);
}

static void check_row(const struct row *row)
{
    struct yaml_edit e;

    assert_true(yaml_edit_init(&e, "x", pbay_str(row->before)));
    if (!act(&e, row))
        fail_msg("%s: %s", row->before, e.error.text);
    pb_buf_add(&e.text, "", 1);
    assert_string_equal((const char *)e.text.p, row->after);
    yaml_edit_fini(&e);
}

#define CHECK(rows)                                                \
    do {                                                           \
        for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++) \
            check_row(&(rows)[i]);                                 \
    } while (0)

static void test_append(void **state)
{
    static const struct row rows[] = {
        {APPEND, "c", 0, "x/y:1.0.0", "c:\n- a\n", "c:\n- a\n- x/y:1.0.0\n"},
        {APPEND, "c", 0, "n", "# é\nc:\n  - a # ü\n  # after\nd: 1\n", "# é\nc:\n  - a # ü\n  - n\n  # after\nd: 1\n"},
        {APPEND, "c", 0, "n", "c:\n  -   a\n\n\n# end", "c:\n  -   a\n  - n\n\n\n# end"},
        {APPEND, "c", 0, "n", "c:\n- a", "c:\n- a\n- n"},
        {APPEND, "c", 0, "n", "c:\r\n- a\r\nd: 1\r\n", "c:\r\n- a\r\n- n\r\nd: 1\r\n"},
        {APPEND, "c", 0, "n", "c: [a, b] # two\nd: 1\n", "c: [a, b, n] # two\nd: 1\n"},
        {APPEND, "c", 0, "n", "c: []\n", "c: [n]\n"},
        {APPEND, "c", 0, "n", "c: [ ] # none\n", "c: [n ] # none\n"},
        {APPEND, "c", 0, "n", "c: [\n  a, # one\n  b # two\n]\n", "c: [\n  a, # one\n  b, n # two\n]\n"},
        {APPEND, "c", 0, "n", "c: [\n  a,\n  b,\n]\n", "c: [\n  a,\n  b, n,\n]\n"},
        {APPEND, "c", 0, "n", "c: ['a # b', \"c]\"]\n", "c: ['a # b', \"c]\", n]\n"},
        {APPEND, "a.c", 0, "n", "a:\n  c:\n  - b: 1\n    d: [2]\n  e: 1\n",
         "a:\n  c:\n  - b: 1\n    d: [2]\n  - n\n  e: 1\n"},
        {APPEND, "c", 0, "n", "c:\n- |\n  two\n  lines\n\n# x\nd: 1\n", "c:\n- |\n  two\n  lines\n- n\n\n# x\nd: 1\n"},
        {APPEND, "c", 0, "n", "c:\n- a\n", "c:\n- a\n- n\n"},
        {APPEND, "c", 0, "n", "---\nc:\n- a\n---\nd: 1\n", "---\nc:\n- a\n- n\n---\nd: 1\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_remove(void **state)
{
    static const struct row rows[] = {
        {REMOVE, "c", 0, NULL, "c:\n- a\n# of b\n- b\n", "c:\n# of b\n- b\n"},
        {REMOVE, "c", 1, NULL, "c: # x\n- a # one\n# of b\n- b # two\n# end\nd: 1\n",
         "c: # x\n- a # one\n# of b\n# end\nd: 1\n"},
        {REMOVE, "c", 0, NULL, "c: # x\n  # y\n  - a\nd: 1\n", "c: [] # x\n  # y\nd: 1\n"},
        {REMOVE, "c", 0, NULL, "c:\n- a", "c: []\n"},
        {REMOVE, "c", 1, NULL, "c:\r\n- a\r\n- b\r\n", "c:\r\n- a\r\n"},
        {REMOVE, "c", 0, NULL, "c:\n-\n  # w\n  a: 1\n  b: 2\n- z\n", "c:\n- z\n"},
        {REMOVE, "c", 0, NULL, "c: [a, b] # k\n", "c: [b] # k\n"},
        {REMOVE, "c", 1, NULL, "c: [a, b] # k\n", "c: [a] # k\n"},
        {REMOVE, "c", 1, NULL, "c: [ a , b , d ]\n", "c: [ a , d ]\n"},
        {REMOVE, "c", 0, NULL, "c: [a]\n", "c: []\n"},
        {REMOVE, "c", 0, NULL, "c: [a,]\n", "c: []\n"},
        {REMOVE, "c", 0, NULL, "c: [\n  a,\n  b,\n]\n", "c: [\n  b,\n]\n"},
        {REMOVE, "c", 1, NULL, "c: [\n  a,\n  b,\n]\n", "c: [\n  a,\n]\n"},
        {REMOVE, "c", 1, NULL, "c: [\n  a, # one\n  b # two\n]\n", "c: [\n  a, # one\n   # two\n]\n"},
        {REMOVE, "c", 0, NULL, "c: [\n  a # one\n  , b]\n", "c: [\n  b]\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_set(void **state)
{
    static const struct row rows[] = {
        {SET, "a", 0, "2", "a: 1 # one\nb: 3\n", "a: 2 # one\nb: 3\n"},
        {SET, "a", 0, "2", "a: 'one'\n", "a: 2\n"},
        {SET, "a", 0, "2", "a: \"one\n  two\" # c\nb: 1\n", "a: 2 # c\nb: 1\n"},
        {SET, "a", 0, "2", "a: |\n  one\n  two\n\n# c\nb: 1\n", "a: 2\n\n# c\nb: 1\n"},
        {SET, "a", 0, "2", "a:\nb: 1\n", "a: 2\nb: 1\n"},
        {SET, "a", 0, "2", "a: ~ # c\nb: 1\n", "a: 2 # c\nb: 1\n"},
        {SET, "a", 0, "[2]", "a: # c\n- 1\n- 2\n# d\nb: 1\n", "a: [2] # c\n# d\nb: 1\n"},
        {SET, "a", 0, "{x: 1}", "a:\n  b: 1\n  c: {d: 2}\nb: 1\n", "a: {x: 1}\nb: 1\n"},
        {SET, "a", 0, "{x: 1}", "a: {b: 1} # c\n", "a: {x: 1} # c\n"},
        {SET, "b", 0, "2", "a: 1 # one", "a: 1 # one\nb: 2"},
        {SET, "b", 0, "2", "a: 1 # one\n# end\n---\nc: 1\n", "a: 1 # one\nb: 2\n# end\n---\nc: 1\n"},
        {SET, "b", 0, "2", "{a: 1}\n", "{a: 1, b: 2}\n"},
        {SET, "b", 0, "2", "{}\n", "{b: 2}\n"},
        {SET, "a.c", 0, "2", "a:\n    b: 1\nd: 1\n", "a:\n    b: 1\n    c: 2\nd: 1\n"},
        {SET, "a.c", 0, "2", "a: {}\n", "a: {c: 2}\n"},
        {SET, "a.b.c", 0, "2", "a: ~\n", "a: {b: {c: 2}}\n"},
        {SET, "x.b.c", 0, "2", "a: 1\nd: {e: 1}\n", "a: 1\nd: {e: 1}\nx:\n  b:\n    c: 2\n"},
        {SET, "a.x.b", 0, "2", "a: {d: [1]}\n", "a: {d: [1], x: {b: 2}}\n"},
        {SET, "b", 0, "2", "a:\r\n  - 1\r\n", "a:\r\n  - 1\r\nb: 2\r\n"},
        {SET, "b c", 0, "2", "a: 1\n", "a: 1\n'b c': 2\n"},
        {SET, "b", 0, "2", "? b\n: 1\n", "? b\n: 2\n"},
        {DOCUMENT, NULL, 0, "x: 1\ny: 2\n", "a: 1", "a: 1\n---\nx: 1\ny: 2\n"},
        {DOCUMENT, NULL, 0, "x: 1\ny: 2\n", "a: 1\r\n# e\r\n", "a: 1\r\n# e\r\n---\r\nx: 1\r\ny: 2\r\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_refused(void **state)
{
    static const struct {
        struct row row;
        const char *error;
    } rows[] = {
        {{SET, "a.b", 0, "2", "a: 1\n", NULL}, "x:1: a: expected a mapping, found \"1\""},
        {{SET, "a.0", 0, "2", "a: [1]\n", NULL}, "x:1: a: expected a mapping, found a list"},
        {{SET, "b", 0, "2", "a: |+\n  text\n\n\n", NULL}, BY_HAND}, /* its line ends are its text */
        {{SET, "a", 0, "2, b: 3", "{a: 1}\n", NULL}, BY_HAND},      /* it would be two keys */
        {{SET, "a", 0, "]", "a: 1\n", NULL}, "expected YAML"},
        {{REMOVE, "a", 0, NULL, "a:\n- - 1\n  - 2\n- 3\n", NULL}, NULL}, /* the outer one can be */
        {{DOCUMENT, NULL, 0, "x: 1\n---\ny: 1\n", "a: 1\n", NULL}, BY_HAND},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *before = rows[i].row.before;
        struct yaml_edit e;

        assert_true(yaml_edit_init(&e, "x", pbay_str(before)));
        if (!rows[i].error) {
            assert_true(act(&e, &rows[i].row));
            yaml_edit_fini(&e);
            continue;
        }
        assert_false(act(&e, &rows[i].row));
        assert_non_null(strstr(e.error.text, rows[i].error));
        assert_int_equal(e.text.n, strlen(before));
        assert_memory_equal(e.text.p, before, e.text.n);
        assert_non_null(pb_yaml_get(e.docs, "a")); /* the tree is still the one of the text */
        yaml_edit_fini(&e);
    }
}

/* An inner entry of `- - 1` has no line of its own. */
static void test_no_line_of_its_own(void **state)
{
    struct yaml_edit e;

    (void)state;
    assert_true(yaml_edit_init(&e, "x", pbay_str("a:\n- - 1\n  - 2\n")));
    assert_false(yaml_edit_remove(&e, pb_yaml_get(e.docs, "a")->child->child));
    assert_string_equal(e.error.text, "x:2: a.0.0: " BY_HAND "; do it by hand");
    yaml_edit_fini(&e);
}

static void test_init(void **state)
{
    struct yaml_edit e;

    (void)state;
    assert_false(yaml_edit_init(&e, "x", pbay_str("# nothing\n")));
    assert_string_equal(e.error.text, "x:1: expected a document");
    yaml_edit_fini(&e);
    assert_false(yaml_edit_init(&e, "x", pbay_str("a: [\n")));
    yaml_edit_fini(&e);
    yaml_edit_fini(&e);
}

/* Whatever the text is, it is read again as that text and as nothing else. */
static void test_quote(void **state)
{
    static const struct {
        const char *text;
        bool plain;
    } rows[] = {
        {"abc", true},     {"a/b:1.0.0", true},  {"./input_file", true}, {"30s", true},   {"", false},
        {"5", false},      {"-5", false},        {"1.5", false},         {"0x10", false}, {"1:30", false},
        {".5", false},     {"true", false},      {"No", false},          {"~", false},    {"null", false},
        {"a b", false},    {"a: b", false},      {"a #b", false},        {"it's", false}, {"- a", false},
        {"[a]", false},    {"{a", false},        {"&a", false},          {"*a", false},   {"${A:str:b}", false},
        {"a\nb\t", false}, {"a\"\\\x01", false}, {"a:", false},          {"---", false},  {"...", false},
        {"grün", false},   {"127.0.0.1", false}, {"@a", false},          {"1e5", false},  {"tcp://*:5", false},
    };
    struct pb_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *quoted = yaml_edit_quote(&arena, rows[i].text);
        const char *text = pb_arena_printf(&arena, "{a: [%s, 1]}", quoted);
        struct pbay_conf_error error;
        struct pb_yaml_node *docs;

        assert_int_equal(pb_yaml_parse("x", text, strlen(text), &arena, &docs, &error), PBAY_OK);
        docs = pb_yaml_get(docs, "a")->child;
        assert_string_equal(docs->text, rows[i].text);
        assert_int_equal(docs->plain, rows[i].plain);
        assert_string_equal(docs->next->text, "1");
    }
    pb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_line_of_its_own),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_quote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
