/* The stub's output, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/stub_file.h"
#include "schema/buf.h"

#define HEAD    "me,echo,fetchai/default:1.0.0,"
#define MAX_GOT 8

/* Every message in brackets, ! for what is none. */
static void check(const char *text, size_t n, const char *want)
{
    char *copy = pb_strndup((struct pbay_str){text, n}), got[256] = "";
    struct pbay_str left = {copy, n};
    struct pbay_envelope e;
    size_t at = 0;

    for (unsigned i = 0; left.n && i < MAX_GOT; i++) {
        if (stub_file_next(&left, &e)) {
            assert_memory_equal(e.sender.p, "echo", 4);
            at += (size_t)snprintf(got + at, sizeof got - at, "[%.*s]", (int)e.message.n, e.message.p);
        } else {
            at += (size_t)snprintf(got + at, sizeof got - at, "!");
        }
    }
    assert_int_equal(left.n, 0);
    assert_string_equal(got, want);
    free(copy);
}

#define CHECK(text, want) check(text, sizeof(text) - 1, want)

static void test_text(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK(HEAD "hello,", "[hello]");
    CHECK(HEAD ",", "[]");
    CHECK(HEAD "a,b, c," HEAD "d,\n" HEAD "e,", "[a,b, c][d][e]");
    CHECK(HEAD "one\ntwo," HEAD "x,", "[one\ntwo][x]");
    CHECK(HEAD "a,me,echo,no id,", "[a,me,echo,no id]");
}

static void test_protobuf(void **state)
{
    (void)state;
    CHECK(HEAD "\x12\x05,\n,ab," HEAD "\x0a\x00\x12\x01x,\n" HEAD "y,",
          "[\x12\x05,\n,ab][\x0a][y]");        /* %s ends at NUL */
    CHECK(HEAD "\x12\x7fno,", "[\x12\x7fno]"); /* its length goes beyond the end */
    CHECK(HEAD "\x12\xff\xff\xff\xff\xffx,", "[\x12\xff\xff\xff\xff\xffx]");
    CHECK(HEAD "\x12\x01xy," HEAD "z,", "[\x12\x01xy][z]"); /* no comma behind it */
}

static void test_other(void **state)
{
    (void)state;
    CHECK("junk\n" HEAD "a,", "![a]");
    CHECK("junk", "!");
    CHECK(HEAD "no comma", "!");
    CHECK("me,echo,no id,x,\n" HEAD "a,", "![a]");
    CHECK(",echo,a/b:1.0.0,x,", "!");
    CHECK("\n\n" HEAD "a,\n\n", "[a]!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_protobuf),
                                       cmocka_unit_test(test_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
