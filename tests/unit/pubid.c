#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/pbay_pubid.h"

#define QM "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
#define BA "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzd"

static void expect_part(struct pbay_str part, const char *text)
{
    assert_int_equal(part.n, strlen(text));
    assert_memory_equal(part.p, text, part.n);
}

static void test_accepts(void **state)
{
    static const struct {
        const char *text, *author, *name, *version, *hash;
    } rows[] = {
        {"acme/thing", "acme", "thing", "latest", ""},
        {"_a1/_", "_a1", "_", "latest", ""},
        {"acme/thing:any", "acme", "thing", "any", ""},
        {"acme/thing:latest", "acme", "thing", "latest", ""},
        {"acme/thing:0.10.200", "acme", "thing", "0.10.200", ""},
        {"acme/thing:1.0.0-rc1", "acme", "thing", "1.0.0-rc1", ""},
        {"acme/thing:1.0.0-alpha.beta.0.x-y", "acme", "thing", "1.0.0-alpha.beta.0.x-y", ""},
        {"acme/thing:1.0.0-01a", "acme", "thing", "1.0.0-01a", ""},
        {"acme/thing:1.0.0-0-0", "acme", "thing", "1.0.0-0-0", ""},
        {"acme/thing:1.0.0+001.build", "acme", "thing", "1.0.0+001.build", ""},
        {"acme/thing:1.0.0--+-", "acme", "thing", "1.0.0--+-", ""},
        {"acme/thing:" QM, "acme", "thing", "latest", QM},
        {"acme/thing:1.0.0:" QM, "acme", "thing", "1.0.0", QM},
        {"acme/thing:any:" BA "i", "acme", "thing", "any", BA "i"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_pubid id;

        if (!pbay_pubid_parse(pbay_str(rows[i].text), &id))
            fail_msg("%s was refused", rows[i].text);
        expect_part(id.author, rows[i].author);
        expect_part(id.name, rows[i].name);
        expect_part(id.version, rows[i].version);
        expect_part(id.hash, rows[i].hash);
    }
}

static void test_refuses(void **state)
{
    static const char *const rows[] = {
        "",
        "acme",
        "acme/",
        "/thing",
        "acme/thing/more",
        "Acme/thing",
        "acme/Thing",
        "1acme/thing",
        "acme/1thing",
        "acme/th-ing",
        " acme/thing",
        "acme/thing ",
        "acme/thing\n",
        "acme/thing:1.0.0\n",
        "acme/thing:",
        "acme/thing:1",
        "acme/thing:1.0",
        "acme/thing:1.0.",
        "acme/thing:1.0.0.0",
        "acme/thing:01.0.0",
        "acme/thing:1.00.0",
        "acme/thing:1.0.00",
        "acme/thing:1.0.0-",
        "acme/thing:1.0.0-a..b",
        "acme/thing:1.0.0-01",
        "acme/thing:1.0.0-a.00",
        "acme/thing:1.0.0+",
        "acme/thing:1.0.0+a+b",
        "acme/thing:1.0.0-a_b",
        "acme/thing:*",
        "acme/thing:newest",
        "acme/thing:anyone",
        "acme/thing:latest1",
        "acme/thing:1.0.0:",
        "acme/thing:1.0.0:Qm",
        "acme/thing:1.0.0:" QM "x",
        "acme/thing:1.0.0:" BA,
        "acme/thing:" QM ":1.0.0",
        "acme/thing:1.0.0:1.0.0",
        "acme/thing:1.0.0#get",
        "acme/thing::1.0.0",
        "agent1qxyz",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_pubid id = {.author = pbay_str("untouched")};

        if (pbay_pubid_parse(pbay_str(rows[i]), &id))
            fail_msg("\"%s\" was accepted", rows[i]);
        expect_part(id.author, "untouched");
    }
}

static bool parses(const char *text, size_t n)
{
    struct pbay_pubid id;

    return pbay_pubid_parse((struct pbay_str){text, n}, &id);
}

static void test_lengths(void **state)
{
    char text[PBAY_MAX_PUBLIC_ID + 2];

    (void)state;
    memset(text, 'a', sizeof text);
    text[128] = '/';
    assert_true(parses(text, 128 + 1 + 128));
    assert_false(parses(text, 128 + 1 + 129));
    text[128] = 'a';
    text[129] = '/';
    assert_false(parses(text, 131));
    memcpy(text, "a/b:1.0.0-", 10);
    memset(text + 10, 'x', sizeof text - 10);
    assert_true(parses(text, PBAY_MAX_PUBLIC_ID));
    assert_false(parses(text, PBAY_MAX_PUBLIC_ID + 1));
}

/* Every beginning of an id lies in a buffer of just that size, so that reading beyond it is seen by a sanitizer. */
static void test_stays_inside(void **state)
{
    static const char *const texts[] = {"acme/thing:1.0.0-rc.1+b:" QM, "acme/thing:latest", "acme/thing:any:" BA};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            char *copy = malloc(n ? n : 1);

            assert_non_null(copy);
            memcpy(copy, texts[i], n);
            assert_int_equal(parses(copy, n), parses(texts[i], n));
            free(copy);
        }
    }
    assert_false(parses("acme/thi\0ng", 11));
    assert_false(parses("acme/thing\0", 11));
    assert_false(parses(NULL, 0));
}

static void test_compare(void **state)
{
    static const struct {
        const char *a, *b;
        bool eq, same_prefix;
    } rows[] = {
        {"acme/thing:1.0.0", "acme/thing:1.0.0:" QM, true, true},
        {"acme/thing", "acme/thing:latest", true, true},
        {"acme/thing:any", "acme/thing:1.0.0", false, true},
        {"acme/thing:any", "acme/thing:latest", false, true},
        {"acme/thing:1.0.0", "acme/thing:1.0.0-rc1", false, true},
        {"acme/thing:1.0.0", "acme/thin:1.0.0", false, false},
        {"acme/thing:1.0.0", "other/thing:1.0.0", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_pubid a, b;

        assert_true(pbay_pubid_parse(pbay_str(rows[i].a), &a));
        assert_true(pbay_pubid_parse(pbay_str(rows[i].b), &b));
        assert_int_equal(pbay_pubid_eq(&a, &b), rows[i].eq);
        assert_int_equal(pbay_pubid_eq(&b, &a), rows[i].eq);
        assert_int_equal(pbay_pubid_same_prefix(&a, &b), rows[i].same_prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),      cmocka_unit_test(test_refuses), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_stays_inside), cmocka_unit_test(test_compare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
