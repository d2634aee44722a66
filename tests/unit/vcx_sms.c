/* Invitations by SMS: what the gateway is told, what its answers mean, and that the number is nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/vcx/vcx_sms.h"
#include "tests/unit/vcx_http.h"

#define FORM   "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n"
#define JSON   "Authorization: Basic c2VjcmV0\ncontent-type: application/json\n"
#define PHONE  "+15550109876"
#define DIGITS "15550109876"
#define LINK   "https://a.example/i/1?a=b&c=%20~"
#define FIELDS "From=Patchbay&To={phone}&Body=Connect:+{url}"

static struct vcx_sms_config config_of(const char *url)
{
    return (struct vcx_sms_config){.url = url, .headers = FORM, .body_template = FIELDS, .allow_private = true};
}

/* What is overwritten with zeros, with a telephone number in it. */
static unsigned n_zeroed;

void __real_sodium_memzero(void *p, size_t n);
void __wrap_sodium_memzero(void *p, size_t n);

void __wrap_sodium_memzero(void *p, size_t n)
{
    n_zeroed += memmem(p, n, DIGITS, strlen(DIGITS)) != NULL;
    __real_sodium_memzero(p, n);
}

/* ---- telephone numbers ---- */

static void test_phones(void **state)
{
    static const char *const good[] = {"+1234567", "+15550109876", "+999999999999999"};
    static const char *const bad[] = {"",
                                      "+",
                                      "+123456",
                                      "+1234567890123456",
                                      "+0123456789",
                                      "1234567890",
                                      "0015550109876",
                                      "+1 5550109876",
                                      "+1555010987x",
                                      "+1555010-9876",
                                      "+15550109876\n",
                                      " +15550109876",
                                      "++1555010987"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(vcx_sms_is_phone(pbay_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(vcx_sms_is_phone(pbay_str(bad[i])));
    assert_false(vcx_sms_is_phone((struct pbay_str){"+1555\0"
                                                    "109876",
                                                    12}));
}

/* ---- the configuration ---- */

static void check_load(const struct vcx_sms_config *config, const char *expected)
{
    char why[VCX_WHY] = "";
    struct vcx_sms sms;

    if (vcx_sms_load(&sms, config, why) != !*expected || strcmp(why, expected) != 0)
        fail_msg("expected \"%s\", found \"%s\"", expected, why);
    vcx_sms_fini(&sms);
}

#define CHECK_LOAD(expected, ...)                                          \
    do {                                                                   \
        struct vcx_sms_config config = config_of("http://gateway.test/x"); \
                                                                           \
        __VA_ARGS__;                                                       \
        check_load(&config, expected);                                     \
    } while (0)

#define NO_TYPE "headers: expected one Content-Type: application/x-www-form-urlencoded or application/json"
#define NO_JSON "body_template: it is no JSON when {phone} and {url} are filled in within strings"

static void test_load(void **state)
{
    char *longest = pb_alloc(VCX_SMS_TEMPLATE + 2), many[33 * 6 + 1] = "";

    (void)state;
    CHECK_LOAD("", config.method = NULL);
    CHECK_LOAD("", config.method = "PUT");
    CHECK_LOAD("url: expected a URL of 1 to 8192 visible ASCII characters", config.url = NULL);
    CHECK_LOAD("url: the URL is not http:// or https://", config.url = "ftp://secret.test/");
    CHECK_LOAD("url: the URL has a user in it", config.url = "http://secret:x@gateway.test/");
    CHECK_LOAD("method: expected POST or PUT", config.method = "GET");
    CHECK_LOAD("method: expected POST or PUT", config.method = "");
    CHECK_LOAD(NO_TYPE, config.headers = NULL);
    CHECK_LOAD(NO_TYPE, config.headers = "Authorization: secret");
    CHECK_LOAD(NO_TYPE, config.headers = "Content-Type: text/xml");
    CHECK_LOAD(NO_TYPE, config.headers = FORM JSON);
    CHECK_LOAD("headers: line 2 is not `Name: value`", config.headers = FORM "secret\n");
    CHECK_LOAD("headers: line 2 has no value", config.headers = FORM "Secret: \n");
    CHECK_LOAD("headers: line 1 is the connection's own affair", config.headers = "Content-Length: 5\n" FORM);
    for (unsigned i = 0; i < 33; i++)
        strcat(many, "a: b\r\n");
    CHECK_LOAD("headers: expected at most 32 lines", config.headers = many);
    CHECK_LOAD("body_template: expected 1 to 4096 bytes", config.body_template = NULL);
    CHECK_LOAD("body_template: expected {phone} and {url} in it", config.body_template = "{phone}");
    CHECK_LOAD("body_template: expected {phone} and {url} in it", config.body_template = "{url} {phone");
    memset(longest, 'x', VCX_SMS_TEMPLATE + 1);
    memcpy(longest, "{phone}{url}", 12);
    CHECK_LOAD("body_template: expected 1 to 4096 bytes", config.body_template = longest);
    longest[VCX_SMS_TEMPLATE] = 0;
    CHECK_LOAD("", config.body_template = longest);
    free(longest);
}

static void test_load_json(void **state)
{
    (void)state;
    CHECK_LOAD("", config.headers = JSON, config.body_template = "{\"to\":[\"{phone}\"],\"text\":\"Hi {url} {x}\"}");
    CHECK_LOAD(NO_JSON, config.headers = JSON, config.body_template = "{\"to\":{phone},\"text\":\"{url}\"}");
    CHECK_LOAD(NO_JSON, config.headers = JSON, config.body_template = "{\"to\":\"{phone}\",\"text\":\"{url}\"");
}

/* ---- the gateway ---- */

/* Everything that is written to standard output and error goes to the returned file, until end_log. */
struct log {
    int fd, out, err;
};

static struct log begin_log(void)
{
    struct log log = {memfd_create("log", MFD_CLOEXEC), dup(STDOUT_FILENO), dup(STDERR_FILENO)};

    fflush(NULL);
    dup2(log.fd, STDOUT_FILENO);
    dup2(log.fd, STDERR_FILENO);
    return log;
}

static void end_log(struct log log)
{
    char text[4096] = "";

    fflush(NULL);
    dup2(log.out, STDOUT_FILENO);
    dup2(log.err, STDERR_FILENO);
    assert_true(pread(log.fd, text, sizeof text - 1, 0) >= 0);
    assert_string_equal(text, "");
    close(log.fd);
    close(log.out);
    close(log.err);
}

/* One SMS to the gateway at the path, and what comes of it. */
static enum vcx_error send_sms(struct http_world *w, const char *path, struct vcx_sms_config config)
{
    char url[HTTP_URL], why[VCX_WHY] = "";
    struct vcx_sms sms;
    struct log log = begin_log();
    struct vcx_post_reply reply;

    config.url = http_world_url(w, url, "127.0.0.1", path);
    assert_true(vcx_sms_load(&sms, &config, why));
    assert_int_equal(vcx_sms_send(&sms, w->post, 5, pbay_str(PHONE), pbay_str(LINK), why), VCX_OK);
    n_zeroed = 0;
    http_world_run(w, 1);
    assert_int_equal(n_zeroed, 1);
    end_log(log);
    assert_null(strstr(why, DIGITS));
    assert_null(strstr(w->got[0].why, DIGITS));
    assert_int_equal(w->got[0].body_n, 0); /* gateways repeat the number */
    reply.result = http_world_got(w, 5)->result;
    vcx_sms_fini(&sms);
    return vcx_sms_result(&reply);
}

static const char *body_of(const struct http_world *w)
{
    return strstr((char *)w->last.p, "\r\n\r\n") + 4;
}

static void test_form(void **state)
{
    struct http_world w;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
    assert_int_equal(send_sms(&w, "/201", config_of(NULL)), VCX_OK);
    assert_ptr_equal(strstr((char *)w.last.p, "POST /201 HTTP/1.1\r\n"), w.last.p);
    assert_non_null(strstr((char *)w.last.p, "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"));
    assert_string_equal(body_of(&w), "From=Patchbay&To=%2B15550109876&Body=Connect:+"
                                     "https%3A%2F%2Fa.example%2Fi%2F1%3Fa%3Db%26c%3D%2520~");
    http_world_fini(&w);
}

static void test_json(void **state)
{
    struct vcx_sms_config config = config_of(NULL);
    struct http_world w;

    (void)state;
    config.method = "PUT";
    config.headers = JSON;
    config.body_template = "{\"to\":\"{phone}\",\"text\":\"{url} {url}\",\"x\":{}}";
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
    assert_int_equal(send_sms(&w, "/ok", config), VCX_OK);
    assert_ptr_equal(strstr((char *)w.last.p, "PUT /ok HTTP/1.1\r\n"), w.last.p);
    assert_non_null(strstr((char *)w.last.p, "\r\nAuthorization: Basic c2VjcmV0\r\n"));
    assert_string_equal(body_of(&w), "{\"to\":\"" PHONE "\",\"text\":\"" LINK " " LINK "\",\"x\":{}}");
    http_world_fini(&w);
}

/* What would end the string stays in it. */
static void test_json_escapes(void **state)
{
    struct vcx_sms_config config = config_of(NULL);
    char url[HTTP_URL], why[VCX_WHY];
    struct http_world w;
    struct vcx_sms sms;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = true}, NULL);
    config.url = http_world_url(&w, url, "127.0.0.1", "/ok");
    config.headers = JSON;
    config.body_template = "[\"{phone}{url}\"]";
    assert_true(vcx_sms_load(&sms, &config, why));
    assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE), pbay_str("http://h/\"],\\"), why), VCX_OK);
    http_world_run(&w, 1);
    assert_string_equal(body_of(&w), "[\"" PHONE "http://h/\\\"],\\\\\"]");
    vcx_sms_fini(&sms);
    http_world_fini(&w);
}

static void test_failed(void **state)
{
    static const char *const paths[] = {"/500", "/400", "/moved", "/close"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_world w;

        http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
        assert_int_equal(send_sms(&w, paths[i], config_of(NULL)), VCX_E_POST);
        assert_int_equal(w.n_requests, 1);
        http_world_fini(&w);
    }
    assert_int_equal(VCX_E_POST, 1010);
}

/* The gateway's guard is its own: not what endpoints of strangers may do. */
static void test_guard(void **state)
{
    struct vcx_sms_config config = config_of(NULL);
    struct http_world w;

    (void)state;
    config.allow_private = false;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
    assert_int_equal(send_sms(&w, "/ok", config), VCX_E_POST);
    assert_int_equal(w.n_accepted, 0);
    http_world_fini(&w);
}

static void test_options(void **state)
{
    struct vcx_sms_config config = config_of("http://127.0.0.1:1/");
    char why[VCX_WHY], link[VCX_SMS_LINK + 2] = "";
    struct http_world w;
    struct vcx_sms sms;

    (void)state;
    http_world_init(&w, &(struct vcx_post_options){.allow_private = false}, NULL);
    assert_true(vcx_sms_load(&sms, &config, why));
    assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE "x"), pbay_str(LINK), why), VCX_E_OPTION);
    assert_string_equal(why, "phone: expected an E.164 number, + and 7 to 15 digits");
    assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE), pbay_str("javascript:x"), why), VCX_E_OPTION);
    assert_string_equal(why, "expected a link of at most 2048 bytes, http:// or https://");
    memset(link, 'a', VCX_SMS_LINK + 1);
    memcpy(link, "http://h/", 9);
    assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE), pbay_str(link), why), VCX_E_OPTION);
    for (unsigned i = 0; i < VCX_POST_PER_HOST; i++)
        assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE), pbay_str(LINK), why), VCX_OK);
    n_zeroed = 0;
    assert_int_equal(vcx_sms_send(&sms, w.post, 1, pbay_str(PHONE), pbay_str(LINK), why), VCX_E_POST);
    assert_string_equal(why, "too many requests are running");
    assert_int_equal(n_zeroed, 1);
    assert_int_equal(VCX_E_OPTION, 1007);
    vcx_sms_fini(&sms);
    n_zeroed = 0;
    http_world_fini(&w);
    assert_int_equal(n_zeroed, VCX_POST_PER_HOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phones), cmocka_unit_test(test_load),  cmocka_unit_test(test_load_json),
        cmocka_unit_test(test_form),   cmocka_unit_test(test_json),  cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_failed), cmocka_unit_test(test_guard), cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
