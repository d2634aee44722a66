/* What a webhook brings besides its body: headers as JSON, signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/webhook/webhook_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void check_headers(const char *const (*headers)[2], size_t n, const char *expected)
{
    json_t *object = json_object();
    char *text;

    for (size_t i = 0; i < n; i++)
        webhook_add_header(object, pbay_str(headers[i][0]), pbay_str(headers[i][1]));
    text = json_dumps(object, JSON_ENSURE_ASCII);
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
}

static void test_headers(void **state)
{
    static const char *const some[][2] = {{"Host", "localhost"}, {"X-Event", "push"},   {"x-event", "pull"},
                                          {"X-Event2", ""},      {"X-EVENT", "\"\t\\"}, {"X", "\xc3\xbc"}};

    (void)state;
    check_headers(some, 0, "{}");
    check_headers(
        some, COUNT(some),
        "{\"Host\": \"localhost\", \"X-Event\": \"push, pull, \\\"\\t\\\\\", \"X-Event2\": \"\", \"X\": \"\\u00FC\"}");
}

/* A view that ends before its text does: nothing behind it is read. */
static void test_views(void **state)
{
    json_t *object = json_object();

    (void)state;
    webhook_add_header(object, (struct pbay_str){"NameX", 4}, (struct pbay_str){"valueX", 5});
    webhook_add_header(object, (struct pbay_str){"nameY", 4}, (struct pbay_str){"againY", 5});
    assert_int_equal(json_object_size(object), 1);
    assert_string_equal(json_string_value(json_object_get(object, "Name")), "value, again");
    json_decref(object);
}

/* RFC 4231, test case 2. */
#define KEY    "Jefe"
#define BODY   "what do ya want for nothing?"
#define DIGITS "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

static void test_signature(void **state)
{
    static const struct {
        const char *signature;
        bool good;
    } rows[] = {
        {DIGITS, true},
        {"sha256=" DIGITS, true},
        {"sha256=5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843", true},
        {"", false},
        {"sha256=", false},
        {"sha1=" DIGITS, false},
        {"sha256=" DIGITS "0", false},
        {"sha256=" DIGITS " ", false},
        {"sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384", false},
        {"sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3842", false},
        {"sha256=xbdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (webhook_is_signed(pbay_str(KEY), pbay_str(BODY), pbay_str(rows[i].signature)) != rows[i].good)
            fail_msg("'%s' (row %zu)", rows[i].signature, i);
    }
    assert_false(webhook_is_signed(pbay_str("jefe"), pbay_str(BODY), pbay_str(DIGITS)));
    assert_false(webhook_is_signed(pbay_str(KEY), pbay_str(""), pbay_str(DIGITS)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_views),
                                       cmocka_unit_test(test_signature)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
