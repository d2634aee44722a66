/* Invitations of every kind: read, refused, written, and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connections/vcx/vcx_invite.h"

#define VK       "F3wxKdePpYq4aqGVL5H3NrtuTWH52DNiUYn2LHxqM5xw"
#define ENDPOINT "https://agents.example/in?a=1"

static const uint8_t inviter[VCX_KEY] = {0xd0, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                         16,   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const uint8_t mediator[1][VCX_KEY] = {{7, 7, 7}};

static int set_up(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

static void check(const char *text, enum vcx_error expected, const char *part)
{
    struct vcx_invite v;
    char why[VCX_WHY] = "";
    enum vcx_error code = vcx_invite_read(&v, pbay_str(text), why);

    if (code != expected || !strstr(why, part))
        fail_msg("%s: %d, %s", text, code, why);
    vcx_invite_fini(&v);
}

/* ---- what peers have sent ---- */

#define RFC0160(members) "{\"@type\":\"https://didcomm.org/connections/1.0/invitation\",\"@id\":\"U\"," members "}"
#define OOB(members)     "{\"@type\":\"https://didcomm.org/out-of-band/1.1/invitation\",\"@id\":\"U\"," members "}"
#define KEYS             "\"recipientKeys\":[\"" VK "\"],\"serviceEndpoint\":\"http://h/\""
#define SERVICES         "\"services\":[{\"id\":\"#i\",\"type\":\"did-communication\"," KEYS "}]"
#define HANDSHAKES(list) "\"handshake_protocols\":[" list "]"

static void test_read(void **state)
{
    struct vcx_invite v;
    char why[VCX_WHY];

    (void)state;
    assert_int_equal(vcx_invite_read(&v, pbay_str(" \n" RFC0160("\"label\":\"Faber\"," KEYS)), why), VCX_OK);
    assert_int_equal(v.kind, VCX_INVITE_CONNECTIONS);
    assert_string_equal(v.id, "U");
    assert_string_equal(v.label, "Faber");
    assert_string_equal(v.service.endpoint, "http://h/");
    assert_true(v.connections && !v.didexchange);
    vcx_invite_fini(&v);
    check("{\"@type\":\"did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connections/1.0/"
          "invitation\",\"@id\":\"U\",\"label\":null," KEYS "}",
          VCX_OK, "");
    assert_int_equal(
        vcx_invite_read(&v, pbay_str(OOB(HANDSHAKES("\"https://didcomm.org/didexchange/1.0\",\"x\"") "," SERVICES)),
                        why),
        VCX_OK);
    assert_int_equal(v.kind, VCX_INVITE_OOB);
    assert_true(v.didexchange && !v.connections);
    vcx_invite_fini(&v);
    check(OOB(HANDSHAKES("\"https://didcomm.org/connections/1.0\"") ",\"services\":[\"did:sov:x\",{" KEYS "}]"), VCX_OK,
          ""); /* the first that can be read */
    check(OOB(HANDSHAKES(
              "\"https://didcomm.org/connections/1.0\"") ",\"accept\":[\"didcomm/v2\",\"didcomm/aip1\"]," SERVICES),
          VCX_OK, "");
    check(OOB(HANDSHAKES("\"https://didcomm.org/connections/1.0\"") ",\"accept\":[]," SERVICES), VCX_OK, "");
}

static void test_details(void **state)
{
    static const char brief[] =
        "{\"id\":\"YzcyYTQ\",\"s\":{\"n\":\"K\",\"d\":\"SnDwvw7QoMJusLJi93mYfZ\",\"v\":\"" VK "\"},"
        "\"sa\":{\"d\":\"UNM2cmvMVoWpk6r3pG5FAq\",\"v\":\"FvA7e4DuD2f9kYHq6B3n7hE7NQvmpgeFRrox3ELKv9vX\","
        "\"e\":\"h:80/agency/msg\"}}";
    struct vcx_invite v;
    char why[VCX_WHY], *text;

    (void)state;
    assert_int_equal(vcx_invite_read(&v, pbay_str(brief), why), VCX_OK);
    assert_int_equal(v.kind, VCX_INVITE_DETAILS);
    assert_string_equal(v.id, "YzcyYTQ");
    assert_string_equal(v.label, "K");
    text = json_dumps(v.json, 0); /* in full now */
    assert_non_null(strstr(text, "senderAgencyDetail"));
    vcx_invite_fini(&v);
    check(text, VCX_OK, "");
    free(text);
    check("{\"s\":{},\"sa\":{}}", VCX_E_INVITE, "connReqId");
    check("{\"id\":\"x\",\"s\":{\"d\":\"y\",\"v\":\"" VK "\"},\"sa\":{}}", VCX_E_INVITE,
          "DID: expected base58 of 16 bytes");
    check("{\"senderDetail\":7}", VCX_E_INVITE, "expected the objects");
}

static void test_refused(void **state)
{
    char *long_text = malloc(VCX_MAX_INVITE + 2);

    (void)state;
    check("", VCX_E_JSON, "neither JSON nor a URL");
    check("hello", VCX_E_JSON, "neither JSON nor a URL");
    check("{", VCX_E_JSON, "the invitation");
    check("{}", VCX_E_INVITE, "neither an invitation");
    check("{\"@type\":\"https://didcomm.org/connections/2.0/invitation\"}", VCX_E_INVITE, "neither an invitation");
    check(RFC0160(KEYS ",\"label\":7"), VCX_E_INVITE, "label: expected a string");
    check(RFC0160("\"label\":\"x\""), VCX_E_INVITE, "");
    check(RFC0160("\"did\":\"did:sov:x\""), VCX_E_INVITE, "public DID");
    check(OOB(SERVICES), VCX_E_INVITE, "handshake_protocols: none that is known here");
    check(OOB(HANDSHAKES("\"https://didcomm.org/other/1.0\",7") "," SERVICES), VCX_E_INVITE, "none that is known");
    check(OOB(HANDSHAKES("\"https://didcomm.org/didexchange/1.0\"")), VCX_E_INVITE, "services: there is none");
    check(OOB(HANDSHAKES("\"https://didcomm.org/didexchange/1.0\"") ",\"services\":[7]"), VCX_E_INVITE, "");
    check(
        OOB(HANDSHAKES("\"https://didcomm.org/didexchange/1.0\"") ",\"services\":[\"did:sov:VJkTdbQZTRnJneZAR245n6\"]"),
        VCX_E_INVITE, "the DID's document is missing");
    check(OOB(HANDSHAKES("\"https://didcomm.org/didexchange/1.0\"") ",\"accept\":[\"didcomm/v2\"]," SERVICES),
          VCX_E_INVITE, "accept: none");
    check("https://h/short", VCX_E_OPTION, "expected c_i= or oob=");
    check("https://h/?xoob=e30", VCX_E_OPTION, "expected c_i= or oob=");
    check("https://h/?oob=%%%", VCX_E_INVITE, "not base64");
    check("https://h/?a=1&oob=e30", VCX_E_INVITE, "neither an invitation");
    check("https://h/?c_i=e30=#x", VCX_E_INVITE, "neither an invitation");
    memset(long_text, 'a', VCX_MAX_INVITE + 1);
    long_text[VCX_MAX_INVITE + 1] = 0;
    check(long_text, VCX_E_INVITE, "more than 65536 bytes");
    free(long_text);
}

/* ---- ours ---- */

static void check_round_trip(json_t *json, enum vcx_invite_kind kind, const char *base, const char *begins)
{
    struct pb_buf url = {0};
    struct vcx_invite v;
    char why[VCX_WHY];

    assert_non_null(json);
    assert_true(vcx_invite_url(&url, base, json));
    assert_memory_equal(url.p, begins, strlen(begins));
    if (vcx_invite_read(&v, (struct pbay_str){(const char *)url.p, url.n}, why))
        fail_msg("%s", why);
    assert_int_equal(v.kind, kind);
    assert_string_equal(v.id, "an-id");
    assert_string_equal(v.label, "F\xc3\xa4"
                                 "ber");
    assert_string_equal(v.service.endpoint, ENDPOINT);
    assert_memory_equal(v.service.recipients[0], inviter, VCX_KEY);
    assert_int_equal(v.service.routing_n, 1);
    assert_memory_equal(v.service.routing[0], mediator[0], VCX_KEY);
    assert_true(v.connections);
    assert_int_equal(v.didexchange, kind == VCX_INVITE_OOB);
    assert_true(json_equal(v.json, json));
    vcx_invite_fini(&v);
    pb_buf_fini(&url);
    json_decref(json);
}

static void test_made(void **state)
{
    const struct vcx_address a = {.key = inviter, .endpoint = ENDPOINT, .routing = mediator, .routing_n = 1};
    const char label[] = "F\xc3\xa4"
                         "ber";
    json_t *other = json_pack("{s:s}", "@type", "https://didcomm.org/basicmessage/1.0/message");
    struct pb_buf url = {0};

    (void)state;
    check_round_trip(vcx_invite_connections("an-id", label, &a), VCX_INVITE_CONNECTIONS, "https://a/b",
                     "https://a/b?c_i=ey");
    check_round_trip(vcx_invite_oob("an-id", label, &a), VCX_INVITE_OOB, "https://a/b?x=1", "https://a/b?x=1&oob=ey");
    assert_null(vcx_invite_oob("an-id", "\xff", &a));
    assert_null(vcx_invite_connections("an-id", "\xff", &a));
    assert_false(vcx_invite_url(&url, "https://a/", other));
    assert_int_equal(url.n, 0);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_made),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
