/* Serialized connections and invite details: the sample of the document that VCX connections are known by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/vcx/vcx_details.h"
#include "connections/vcx/vcx_key.h"
#include "connections/vcx/vcx_serial.h"

#define SAMPLE   SOURCE_DIR "/schema/vectors/vcx_serialized.json"
#define MAX_FILE 65536

static char sample[MAX_FILE];

static int set_up(void **state)
{
    FILE *f = fopen(SAMPLE, "r");

    (void)state;
    assert_non_null(f);
    assert_in_range(fread(sample, 1, sizeof sample - 1, f), 1, sizeof sample - 2);
    fclose(f);
    assert_true(vcx_init());
    return 0;
}

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void test_golden(void **state)
{
    char why[VCX_WHY] = "";
    enum vcx_error code;
    json_t *c = vcx_serial_read(pbay_str(sample), &code, why), *again;
    struct pb_buf out = {0};
    char *want, *got;

    (void)state;
    if (!c)
        fail_msg("%d: %s", code, why);
    assert_true(vcx_serial_write(&out, c));
    again = json_loadb((const char *)out.p, out.n, 0, NULL);
    want = json_dumps(json_object_get(c, "data"), JSON_COMPACT);
    got = json_dumps(json_object_get(again, "data"), JSON_COMPACT);
    assert_string_equal(got, want); /* the order of its members too */
    free(want);
    free(got);
    json_decref(again);
    json_decref(c);
    pb_buf_fini(&out);
}

/* One value of the sample replaced by another, as JSON. */
static void check_refused(const char *path, const char *value, enum vcx_error expected, const char *part)
{
    json_t *root = parse(sample), *at = root, *fresh = json_loads(value, JSON_DECODE_ANY, NULL);
    char copy[128], *name = copy, *dot, *text, why[VCX_WHY] = "";
    enum vcx_error code = VCX_OK;

    snprintf(copy, sizeof copy, "%s", path);
    for (; (dot = strchr(name, '.')); name = dot + 1) {
        *dot = 0;
        at = json_object_get(at, name);
    }
    assert_int_equal(json_object_set_new(at, name, fresh), 0);
    text = json_dumps(root, 0);
    if (vcx_serial_read(pbay_str(text), &code, why) || code != expected || !strstr(why, part))
        fail_msg("%s = %s: %d, %s", path, value, code, why);
    free(text);
    json_decref(root);
}

static void test_refused(void **state)
{
    enum vcx_error code;
    char why[VCX_WHY];

    (void)state;
    check_refused("version", "\"2.0\"", VCX_E_SERIALIZE, "version");
    check_refused("data", "[]", VCX_E_SERIALIZE, "version");
    check_refused("data.source_id", "7", VCX_E_SERIALIZE, "source_id: expected a string");
    check_refused("data.state", "8", VCX_E_STATE, "state: expected 0 to 7");
    check_refused("data.state", "-1", VCX_E_STATE, "state");
    check_refused("data.state", "\"4\"", VCX_E_STATE, "state");
    check_refused("data.pw_did", "\"3XoSVzteCyB5yUez4imh9W\"", VCX_E_DID, "pw_did");
    check_refused("data.pw_verkey", "\"3XoSVzteCyB5yUez4imh9W\"", VCX_E_VERKEY, "pw_verkey");
    check_refused("data.their_pw_did", "\"\"", VCX_E_DID, "their_pw_did");
    check_refused("data.invite_detail", "7", VCX_E_SERIALIZE, "invite_detail");
    check_refused("data.invite_detail.senderDetail", "null", VCX_E_SERIALIZE, "senderDetail");
    check_refused("data.invite_detail.senderDetail.agentKeyDlgProof.signature", "\"AAAA\"", VCX_E_SERIALIZE,
                  "signature");
    check_refused("data.invite_detail.senderDetail.agentKeyDlgProof.agentDID", "\"UNM2cmvMVoWpk6r3pG5FAq\"", VCX_E_DID,
                  "agentDID");
    check_refused("data.invite_detail.senderAgencyDetail.DID", "\"x\"", VCX_E_DID, "DID");
    assert_null(vcx_serial_read(pbay_str("{"), &code, why));
    assert_int_equal(code, VCX_E_JSON);
}

/* Before anybody has answered. */
static void test_unanswered(void **state)
{
    json_t *root = parse(sample), *data = json_object_get(root, "data"), *c;
    enum vcx_error code;
    char why[VCX_WHY], *text;

    (void)state;
    json_object_set_new(data, "their_pw_did", json_string(""));
    json_object_set_new(data, "their_pw_verkey", json_string(""));
    json_object_set_new(data, "invite_detail", json_null());
    json_object_set_new(data, "invite_url", json_null());
    text = json_dumps(root, 0);
    c = vcx_serial_read(pbay_str(text), &code, why);
    assert_non_null(c);
    json_decref(c);
    json_decref(root);
    free(text);
}

/* ---- invite details ---- */

static void test_abbreviated(void **state)
{
    static const char brief[] =
        "{\"sc\":\"MS-101\",\"id\":\"YzcyYTQ\",\"s\":{\"n\":\"MY_VCX_KIOSK\",\"dp\":{\"d\":\"Dch9XGZ23wQSc3CaeWQuch\","
        "\"k\":\"7soEVDHMdsJiWv6VHXHKbgf42HZsTAAyeA16MKY9yp4Q\",\"s\":"
        "\"djOaWF3xyn8q2rmftTQjZX6v7d9W2QBqcqhpdTZ5VkdPOddPPURL"
        "fU/GIxw8VslGkEbIOSOuQINTt+CVgBcNBw==\"},\"d\":\"SnDwvw7QoMJusLJi93mYfZ\",\"l\":\"https://"
        "s3.us-east-2.amazonaws.com/"
        "static.evernym.com/images/icons/"
        "cropped-Evernym_favicon-trans-192x192.png\",\"v\":\"F3wxKdePpYq4aqGVL5H3NrtuTWH52DNi"
        "UYn2LHxqM5xw\",\"publicDID\":\"M9tg47pCMgisfNwSRzRtAv\"},\"sa\":{\"d\":\"UNM2cmvMVoWpk6r3pG5FAq\",\"v\":"
        "\"FvA7e4DuD2"
        "f9kYHq6B3n7hE7NQvmpgeFRrox3ELKv9vX\",\"e\":\"52.26.236.159:80/agency/msg\"},\"t\":\"there\",\"sm\":\"message "
        "created\",\"threadId\":null}";
    json_t *root = parse(sample);
    const json_t *full = json_object_get(json_object_get(root, "data"), "invite_detail");
    json_t *abbreviated = vcx_details_abbreviate(full), *expanded = vcx_details_expand(abbreviated);
    json_t *twice = vcx_details_abbreviate(abbreviated);
    char *text = json_dumps(abbreviated, JSON_COMPACT);

    (void)state;
    assert_string_equal(text, brief);
    assert_true(json_equal(expanded, full));
    assert_true(json_equal(twice, abbreviated));
    assert_true(vcx_details_is_short(abbreviated));
    assert_false(vcx_details_is_short(full));
    free(text);
    json_decref(twice);
    json_decref(expanded);
    json_decref(abbreviated);
    json_decref(root);
}

static void test_details_refused(void **state)
{
    json_t *list = json_array(), *deep = json_object();

    (void)state;
    assert_null(vcx_details_expand(list));
    assert_null(vcx_details_abbreviate(NULL));
    for (int i = 0; i < 20; i++)
        deep = json_pack("{s:o}", "s", deep);
    assert_null(vcx_details_expand(deep));
    json_decref(list);
    json_decref(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_refused),         cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_abbreviated), cmocka_unit_test(test_details_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
