/* Patterns of an API's schemas: what they match, what is not supported, and that none is slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/http_server/api_pattern.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define BUDGET       (1U << 20)

static enum api_matched match(const char *pattern, struct pbay_str text, uint64_t budget)
{
    struct pb_arena arena = {0};
    const struct api_pattern *p;
    enum api_matched matched;
    const char *why;

    p = api_pattern_new(&arena, pattern, &why);
    if (!p)
        fail_msg("%s: %s", pattern, why);
    matched = api_pattern_match(p, text, &budget);
    pb_arena_fini(&arena);
    return matched;
}

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *good, *bad; /* texts, each ended by a blank */
    } rows[] = {
        {"^abc$", "abc ", "ab abcd xabc ABC "},
        {"b", "b abc bb ", "ac "},
        {"^b", "b bc ", "ab "},
        {"b$", "b ab ", "ba "},
        {"^$", " ", "a "},
        {"", "a ", ""},
        {"^a*$", " a aaaa ", "b ab "},
        {"^a+$", "a aaaa ", " b "},
        {"^ab?c$", "ac abc ", "abbc a "},
        {"^a{3}$", "aaa ", "aa aaaa "},
        {"^a{2,}$", "aa aaaaa ", "a "},
        {"^a{1,3}$", "a aa aaa ", " aaaa "},
        {"^a{0,2}b$", "b ab aab ", "aaab "},
        {"^a{0}b$", "b ", "ab "},
        {"^(ab){2}$", "abab ", "ab ababab "},
        {"^(a|bc|)$", "a bc  ", "b abc "},
        {"^(?:ab|c)+$", "ab cab abcc ", "a "},
        {"^((a|b)(c|d)){2,3}$", "acbd adadbc ", "ac acbdacbd "},
        {"^(a*)*$", " aaa ", "b "},
        {"^(a+|b)*c$", "c aabac ", "aab "},
        {"a|^b", "xa b ", "xb "},
        {"^[abc]$", "a b c ", "d ab "},
        {"^[^abc]$", "d - ", "a "},
        {"^[a-c0-9_-]+$", "a-9 _ ", "d A "},
        {"^[-a]$", "- a ", "b "},
        {"^[a\\-c]$", "a - c ", "b "},
        {"^[\\]\\[\\\\]+$", "[]\\ ", "a "},
        {"^[.*+?(){}|$^]+$", ".*+?(){}|$^ ", "a "},
        {"^[\\d_]+$", "1_2 ", "a "},
        {"^[\\w.]+@\\w+$", "a.b_1@c ", "a@ a-b@c "},
        {"^\\d{4}-\\d\\d$", "2026-11 ", "2026-1 abcd-11 "},
        {"^\\w+$", "aZ_9 ", "a- \u00fc "},
        {"^a\\.b\\/c\\-d$", "a.b/c-d ", "axb/c-d "},
        {"^\\{\\}\\(\\)\\|\\^\\$\\*\\+\\?$", "{}()|^$*+? ", "a "},
        {"^.$", "a \u00fc \u20ac \U0001F600 ", " aa "},
        {"^[\u00e0-\u00ff]+$", "\u00e0\u00fc ", "a \u0100 "},
        {"^\u00fc+$", "\u00fc\u00fc ", "u "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned is_bad = 0; is_bad < 2; is_bad++) {
            const char *text = is_bad ? rows[i].bad : rows[i].good;

            for (const char *end; (end = strchr(text, ' ')); text = end + 1) {
                struct pbay_str s = {text, (size_t)(end - text)};

                if (match(rows[i].pattern, s, BUDGET) != (is_bad ? API_NO_MATCH : API_MATCH))
                    fail_msg("%s: '%.*s'", rows[i].pattern, (int)s.n, s.p);
            }
        }
    }
}

static void test_blanks(void **state)
{
    (void)state;
    assert_int_equal(match("^\\s+$", pbay_str(" \t\n\r\v\f\u00a0\u2003\u3000\ufeff"), BUDGET), API_MATCH);
    assert_int_equal(match("\\s", pbay_str("a_1"), BUDGET), API_NO_MATCH);
    assert_int_equal(match("^[\\n\\t\\r]{3}$", pbay_str("\n\t\r"), BUDGET), API_MATCH);
    assert_int_equal(match("^.$", pbay_str("\n"), BUDGET), API_NO_MATCH);
    assert_int_equal(match("^.$", pbay_str("\u2028"), BUDGET), API_NO_MATCH);
    assert_int_equal(match("^a$", pbay_str("a\n"), BUDGET), API_NO_MATCH);
}

static void test_unsupported(void **state)
{
    static const struct {
        const char *pattern, *why;
    } rows[] = {
        {"(?=a)", "begins with (?"},
        {"(?!a)", "begins with (?"},
        {"(?<n>a)", "begins with (?"},
        {"(a)\\1", "letter behind a backslash"},
        {"\\bword", "letter behind a backslash"},
        {"\\D", "letter behind a backslash"},
        {"\\u0041", "letter behind a backslash"},
        {"\\x41", "letter behind a backslash"},
        {"[\\S]", "letter behind a backslash"},
        {"\\\u00fc", "letter behind a backslash"},
        {"a\\", "backslash at the end"},
        {"[a\\", "backslash at the end"},
        {"a*?", "lazy"},
        {"a++", "possessive"},
        {"a{2}{3}", "second repeat"},
        {"*a", "needs a backslash"},
        {"a|*", "needs a backslash"},
        {"a}", "needs a backslash"},
        {"a]", "needs a backslash"},
        {"{id}", "needs a backslash"},
        {"a{", "braces"},
        {"a{x}", "braces"},
        {"a{2", "braces"},
        {"a{3,2}", "braces"},
        {"a{513}", "braces"},
        {"a{99999999999999999999}", "braces"},
        {"(a", "not closed"},
        {"a)", "not opened"},
        {"[a", "not closed"},
        {"[]", "without characters"},
        {"[^]", "without characters"},
        {"[[:alpha:]]", "within brackets"},
        {"[b-a]", "range"},
        {"[a-\\d]", "range"},
        {"a{300}b{300}", "as long as this"},
        {"(a{100}){100}", "as long as this"},
        {"((((((((((((((((((a))))))))))))))))))", "as deep as this"},
    };
    struct pb_arena arena = {0};
    const char *why;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_null(api_pattern_new(&arena, rows[i].pattern, &why));
        if (!strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].pattern, why);
    }
    pb_arena_fini(&arena);
}

static void test_bounds(void **state)
{
    struct pb_arena arena = {0};
    char text[API_MAX_PATTERN + 2] = "";
    const char *why;

    (void)state;
    memset(text, '[', API_MAX_PATTERN + 1);
    assert_null(api_pattern_new(&arena, text, &why));
    assert_non_null(strstr(why, "512 bytes"));
    for (size_t i = 0; i < 70; i++)
        memcpy(text + 3 * i, "a|b", 3);
    memset(text + 210, 0, sizeof text - 210);
    assert_null(api_pattern_new(&arena, text, &why));
    assert_non_null(strstr(why, "so many classes"));
    pb_arena_fini(&arena);
}

/* Patterns that take a backtracking matcher, or one that keeps sets of places, for ever. */
static void test_never_slow(void **state)
{
    static const char *const patterns[] = {"^(a*)*b$", "^(a|a|aa)+$b", "(a|b)*a(a|b){60}c", "^(.*a){40}b$"};
    static char text[4000];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i * i % 7 % 2 ? 'a' : 'a' + (i % 3 == 0);
    text[sizeof text - 1] = 'd';
    for (size_t i = 0; i < COUNT(patterns); i++)
        assert_int_equal(match(patterns[i], (struct pbay_str){text, sizeof text}, 512 * sizeof text), API_NO_MATCH);
    memset(text, 'a', sizeof text);
    assert_int_equal(match("^(a*)*c$", (struct pbay_str){text, sizeof text}, sizeof text), API_TOO_MUCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches), cmocka_unit_test(test_blanks),
                                       cmocka_unit_test(test_unsupported), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_never_slow)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
