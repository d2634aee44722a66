/* Which addresses and URLs of strangers are refused: both sides of every border. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "connections/vcx/vcx_guard.h"

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return vcx_guard_is_public((struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return vcx_guard_is_public((struct sockaddr *)&v6, sizeof v6);
}

static void test_public(void **state)
{
    static const char *const addresses[] = {
        "1.0.0.0",         "8.8.8.8",          "9.255.255.255",   "11.0.0.0",      "100.63.255.255",
        "100.128.0.0",     "126.255.255.255",  "128.0.0.0",       "168.63.129.15", "168.63.129.17",
        "169.253.255.255", "169.255.0.0",      "172.15.255.255",  "172.32.0.0",    "191.255.255.255",
        "192.0.1.0",       "192.0.3.0",        "192.88.98.255",   "192.88.100.0",  "192.167.255.255",
        "192.169.0.0",     "198.17.255.255",   "198.20.0.0",      "198.51.99.255", "198.51.101.0",
        "203.0.112.255",   "203.0.114.0",      "223.255.255.255", "2001:200::1",   "2001:db7:ffff::1",
        "2001:db9::1",     "2003::1",          "2606:4700::1111", "3ffe:ffff::1",  "3fff:1000::1",
        "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
    };

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        if (!is_public(addresses[i]))
            fail_msg("%s was refused", addresses[i]);
    }
}

static void test_refused(void **state)
{
    static const char *const addresses[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8", /* compatible: nobody is there */
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "::ffff:0:8.8.8.8", /* translated */
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.1.1",
        "64:ff9b:0:1::8.8.8.8",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "1fff:ffff::1",
        "2001::1",     /* Teredo */
        "2001:1ff::1", /* the last of IETF's */
        "2001:db8::1",
        "2002:7f00:1::1", /* 6to4 */
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    };
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in brief = {.sin_family = AF_INET, .sin_addr.s_addr = 0x08080808};

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        if (is_public(addresses[i]))
            fail_msg("%s was let through", addresses[i]);
    }
    assert_false(vcx_guard_is_public((struct sockaddr *)&local, sizeof local));
    assert_true(vcx_guard_is_public((struct sockaddr *)&brief, sizeof brief));
    assert_false(vcx_guard_is_public((struct sockaddr *)&brief, sizeof brief - 1));
}

/* ---- URLs ---- */

static void check_url(struct pbay_str url, const char *part)
{
    char why[VCX_WHY] = "";
    CURLU *parsed = vcx_guard_url(url, why);

    if ((parsed == NULL) != (part != NULL) || (part && !strstr(why, part)))
        fail_msg("%.*s: %s", (int)url.n, url.p, why);
    curl_url_cleanup(parsed);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *part;
    } cases[] = {
        {"http://h", NULL},
        {"HTTPS://h.example:8443/in?a=1#x", NULL},
        {"http://[2606:4700::1111]/", NULL},
        {"", "visible ASCII"},
        {"http://h/a b", "visible ASCII"},
        {"http://h/\x7f", "visible ASCII"},
        {"http://h\xc3\xa9/", "visible ASCII"},
        {"http://h/\r\nX: y", "visible ASCII"},
        {"http://u@h/", "a user in it"},
        {"http://u:p@h/", "a user in it"},
        {"http://", "no URL"},
        {"h/path", "no URL"},
        {"http://h:70000/", "no URL"},
        {"ftp://h/", "not http"},
        {"file:///etc/passwd", "not http"},
        {"gopher://h/", "not http"},
        {"unix://h/", "not http"},
    };
    char *longest = malloc(VCX_GUARD_URL + 2);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_url(pbay_str(cases[i].url), cases[i].part);
    memset(longest, 'a', VCX_GUARD_URL + 1);
    memcpy(longest, "http://h/", 9);
    check_url((struct pbay_str){longest, VCX_GUARD_URL}, NULL);
    check_url((struct pbay_str){longest, VCX_GUARD_URL + 1}, "visible ASCII");
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
