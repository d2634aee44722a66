/* Responses that a core must not take, and who is heard after one: each rule attacked once. */
#include "tests/unit/vcx_core_world.h"

#include <stdio.h>
#include <string.h>

#include "connections/vcx/vcx_message.h"
#include "connections/vcx/vcx_sig.h"

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* ---- responses ---- */

/* Alice's response is in the mail; and her key, and her secret. */
static json_t *open_response(struct core_world *w, struct core_pair *p, enum vcx_protocol handshake,
                             uint8_t alice[VCX_KEY], const uint8_t **secret)
{
    uint8_t bob[VCX_KEY];
    char why[VCX_WHY];

    json_decref(world_request(w, p, handshake, bob));
    assert_true(world_deliver(w, 0, false, why));
    memcpy(alice, vcx_core_find(w->sides[ALICE].core, p->inviter_id)->own, VCX_KEY);
    *secret = w->sides[ALICE].conf.keys.secret(w->sides[ALICE].conf.keys.self, alice);
    return world_read(w, 0);
}

/* Bad words from a stranger are not heard; the same from the inviter end the connection, and the inviter is told. */
static void check_response(enum vcx_protocol handshake, void (*change)(json_t *, const uint8_t *secret),
                           const char *words)
{
    struct core_world w;
    struct core_pair p;
    uint8_t alice[VCX_KEY];
    const uint8_t *secret;
    json_t *response = open_response(&w, &p, handshake, alice, &secret);

    change(response, secret);
    world_refused(&w, BOB, p.invitee_id, world_stranger().key, response, words, VCX_REQUESTED);
    assert_int_equal(w.mail_n, 1);
    world_drop(&w, 0);
    world_refused(&w, BOB, p.invitee_id, alice, response, words, VCX_NONE);
    assert_non_null(strstr(w.sides[BOB].reason, words));
    world_settle(&w);
    world_expect(&w, &p, VCX_NONE, VCX_NONE);
    assert_string_equal(w.sides[ALICE].trace, "0>1 1>2 2>3 problem 3>0 ");
    assert_int_equal(world_tick(&w), INT64_MAX);
    world_end(&w, response);
}

/* Signed by somebody else, who says so. */
static void signed_by_stranger(json_t *r, const uint8_t *secret)
{
    struct vcx_person m = world_stranger();
    struct vcx_address a = {.key = m.key, .endpoint = "http://mallory.example/"};
    json_t *connection = json_pack("{s:s, s:o}", "DID", "x", "DIDDoc", vcx_doc_make(&a));

    (void)secret;
    json_object_set_new(r, "connection~sig", vcx_sig_make(connection, 1700000000, m.secret));
    json_decref(connection);
}

static void signature_broken(json_t *r, const uint8_t *secret)
{
    char bad[2 * 64 + 1];

    (void)secret;
    memset(bad, 'A', 86);
    memcpy(bad + 86, "==", 3);
    world_set(json_object_get(r, "connection~sig"), "signature", bad);
}

static void not_signed(json_t *r, const uint8_t *secret)
{
    (void)secret;
    json_object_del(r, "did_rotate~attach");
}

static void rotated_by_stranger(json_t *r, const uint8_t *secret)
{
    struct vcx_person m = world_stranger();

    (void)secret;
    json_object_set_new(r, "did_rotate~attach", vcx_attach_make("a", "text/string", vcx_str(r, "did"), m.secret));
}

static void rotated_to_another(json_t *r, const uint8_t *secret)
{
    json_object_set_new(r, "did_rotate~attach", vcx_attach_make("a", "text/string", pbay_str("did:peer:4x"), secret));
}

/* Everything his own: the DID, its document, the signature, the envelope. */
static void all_of_stranger(json_t *r, const uint8_t *secret)
{
    struct vcx_person m = world_stranger();
    struct vcx_address a = {.key = m.key, .endpoint = "http://mallory.example/"};
    struct pb_buf text = {0};
    json_t *document = vcx_doc_make(&a);

    (void)secret;
    assert_true(vcx_json_write(&text, document));
    json_object_del(r, "did_rotate~attach");
    world_set(r, "did", vcx_text(document, "id"));
    json_object_set_new(r, "did_doc~attach", vcx_attach_make("a", "application/json", vcx_view(&text), m.secret));
    json_decref(document);
    pb_buf_fini(&text);
}

/* What the inviter has signed in this way is good: older peers do so. */
static void test_signed_document(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t alice[VCX_KEY];
    const uint8_t *secret;
    json_t *response = open_response(&w, &p, VCX_DIDEXCHANGE, alice, &secret), *document;
    struct vcx_address a = {.key = alice, .endpoint = "http://alice.example/"};
    struct pb_buf text = {0};
    char why[VCX_WHY];

    (void)state;
    document = vcx_doc_make(&a);
    assert_true(vcx_json_write(&text, document));
    json_object_set_new(response, "did_rotate~attach", json_null());
    world_set(response, "did", vcx_text(document, "id"));
    json_object_set_new(response, "did_doc~attach", vcx_attach_make("a", "application/json", vcx_view(&text), secret));
    if (!world_say(&w, BOB, alice, vcx_core_find(w.sides[BOB].core, p.invitee_id)->own, response, why))
        fail_msg("%s", why);
    assert_int_equal(world_state(&w, BOB, p.invitee_id), VCX_ACCEPTED);
    json_decref(document);
    pb_buf_fini(&text);
    world_end(&w, response);
}

static void test_responses(void **state)
{
    (void)state;
    check_response(VCX_CONNECTIONS, signed_by_stranger, "signer is another key");
    check_response(VCX_CONNECTIONS, signature_broken, "the signature is not the signer's");
    check_response(VCX_DIDEXCHANGE, not_signed, "not signed with the invitation's key");
    check_response(VCX_DIDEXCHANGE, rotated_by_stranger, "key");
    check_response(VCX_DIDEXCHANGE, rotated_to_another, "another DID");
    check_response(VCX_DIDEXCHANGE, all_of_stranger, "key");
}

/* A good response that is not for this request, not for this handshake, not from whom it says, or comes too late. */
static void test_response_place(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t alice[VCX_KEY];
    const uint8_t *secret;
    json_t *response = open_response(&w, &p, VCX_CONNECTIONS, alice, &secret), *bad = json_deep_copy(response);
    char why[VCX_WHY];

    (void)state;
    world_set(json_object_get(bad, "~thread"), "thid", "x");
    world_refused(&w, BOB, p.invitee_id, alice, bad, "not asked", VCX_REQUESTED);
    json_object_del(bad, "~thread");
    world_refused(&w, BOB, p.invitee_id, alice, bad, "not asked", VCX_REQUESTED);
    json_object_update(bad, response);
    world_set(bad, "@type", "https://didcomm.org/didexchange/1.1/response");
    world_refused(&w, BOB, p.invitee_id, alice, bad, "not asked", VCX_REQUESTED);
    world_refused(&w, BOB, p.invitee_id, NULL, response, "without a sender", VCX_REQUESTED);
    world_refused(&w, BOB, p.invitee_id, world_stranger().key, response, "packed with a key that is not in it",
                  VCX_REQUESTED);
    world_refused(&w, ALICE, p.inviter_id, alice, response, "not asked", VCX_REQUESTED);
    world_settle(&w);
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
    world_refused(&w, BOB, p.invitee_id, world_stranger().key, response, "not the connection's peer", VCX_ACCEPTED);
    for (int i = 0; i < 2 * VCX_MAX_BURST; i++)
        (void)world_say(&w, BOB, alice, vcx_core_find(w.sides[BOB].core, p.invitee_id)->own, response, why);
    assert_int_equal(w.mail_n, VCX_MAX_BURST);
    w.now += 1000;
    (void)world_say(&w, BOB, alice, vcx_core_find(w.sides[BOB].core, p.invitee_id)->own, response, why);
    assert_int_equal(w.mail_n, VCX_MAX_BURST + 1);
    assert_int_equal(world_state(&w, BOB, p.invitee_id), VCX_ACCEPTED);
    json_decref(bad);
    world_end(&w, response);
}

/* ---- afterwards ---- */

/* While Alice waits for the completion: what does not complete. */
static void test_completion(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t alice[VCX_KEY], bob[VCX_KEY];
    const uint8_t *secret;
    json_t *m = open_response(&w, &p, VCX_DIDEXCHANGE, alice, &secret), *complete, *text, *report;

    (void)state;
    memcpy(bob, vcx_core_find(w.sides[BOB].core, p.invitee_id)->own, VCX_KEY);
    complete = vcx_message_complete(&(struct vcx_head){.id = "c", .thid = "x"});
    text = vcx_message_text(&(struct vcx_head){.id = "t"}, pbay_str("hello"), w.now);
    report =
        vcx_message_problem(VCX_DIDEXCHANGE, &(struct vcx_head){.id = "p", .thid = "x"}, "request_not_accepted", "no");
    world_refused(&w, ALICE, p.inviter_id, bob, complete, "another handshake", VCX_REQUESTED);
    world_refused(&w, ALICE, p.inviter_id, bob, report, "another handshake", VCX_REQUESTED);
    world_refused(&w, BOB, p.invitee_id, alice, report, "another handshake", VCX_REQUESTED);
    world_refused(&w, ALICE, p.inviter_id, world_stranger().key, text, "not the connection's peer", VCX_REQUESTED);
    world_refused(&w, ALICE, p.inviter_id, NULL, text, "without a sender", VCX_REQUESTED);
    world_refused(&w, BOB, p.invitee_id, alice, text, "before the response", VCX_REQUESTED);
    world_settle(&w);
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
    json_decref(complete);
    json_decref(text);
    json_decref(report);
    world_end(&w, m);
}

/* Whatever else Bob says shows that he has the response, and is heard. */
static void test_implicit_completion(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t alice[VCX_KEY];
    const uint8_t *secret;
    json_t *m = open_response(&w, &p, VCX_DIDEXCHANGE, alice, &secret);
    char why[VCX_WHY];

    (void)state;
    assert_true(world_deliver(&w, 0, false, why));
    world_drop(&w, 0); /* the complete is lost */
    assert_int_equal(vcx_core_send(w.sides[BOB].core, p.invitee_id, pbay_str("hello"), NULL, w.now, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_string_equal(w.sides[ALICE].trace, "0>1 1>2 2>3 3>4 message ");
    world_end(&w, m);
}

static void test_accepted(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    uint8_t bob[VCX_KEY], alice[VCX_KEY];
    char why[VCX_WHY];
    json_t *text, *report;

    (void)state;
    world_open(&w, 13);
    world_connect(&w, &p, VCX_DIDEXCHANGE);
    memcpy(alice, vcx_core_find(w.sides[ALICE].core, p.inviter_id)->own, VCX_KEY);
    memcpy(bob, vcx_core_find(w.sides[BOB].core, p.invitee_id)->own, VCX_KEY);
    text = vcx_message_text(&(struct vcx_head){.id = "t"}, pbay_str("hello"), w.now);
    report = vcx_message_problem(VCX_AUTO, &(struct vcx_head){.id = "p", .thid = "t"}, "other", "no");
    w.sides[ALICE].trace[0] = 0;
    world_refused(&w, ALICE, p.inviter_id, NULL, text, "without a sender", VCX_ACCEPTED);
    world_refused(&w, ALICE, p.inviter_id, world_stranger().key, text, "not the connection's peer", VCX_ACCEPTED);
    assert_true(world_say(&w, ALICE, bob, alice, text, why));
    assert_true(world_say(&w, ALICE, bob, alice, text, why)); /* seen */
    world_restart(&w, ALICE);
    assert_true(world_say(&w, ALICE, bob, alice, text, why)); /* still seen */
    assert_true(world_say(&w, ALICE, bob, alice, report, why));
    assert_string_equal(w.sides[ALICE].trace, "message problem ");
    assert_int_equal(world_state(&w, ALICE, p.inviter_id), VCX_ACCEPTED);
    json_object_del(text, "@type");
    world_set(text, "@id", "u");
    world_refused(&w, ALICE, p.inviter_id, bob, text, "@type is missing", VCX_ACCEPTED);
    json_decref(report);
    world_end(&w, text);
}

static void test_ping_storm(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 14);
    world_connect(&w, &p, VCX_DIDEXCHANGE);
    w.sides[ALICE].trace[0] = w.sides[BOB].trace[0] = 0;
    for (int i = 0; i < 5 * VCX_MAX_BURST; i++) {
        assert_int_equal(vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why), VCX_OK);
        world_turn(&w, BOB);
        (void)world_deliver(&w, w.mail_n - 1, false, why);
    }
    assert_int_equal(w.mail_n, VCX_MAX_BURST); /* pongs */
    assert_int_equal(strlen(w.sides[ALICE].trace), VCX_MAX_BURST * strlen("pinged "));
    w.now -= 3600 * 1000; /* the clock is put back: no mute hour */
    (void)vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why);
    world_turn(&w, BOB);
    assert_false(world_deliver(&w, w.mail_n - 1, false, why));
    w.now += 1000;
    (void)vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why);
    world_turn(&w, BOB);
    assert_true(world_deliver(&w, w.mail_n - 1, false, why));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_document),     cmocka_unit_test(test_responses),
        cmocka_unit_test(test_response_place),      cmocka_unit_test(test_completion),
        cmocka_unit_test(test_implicit_completion), cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_ping_storm),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
