/* Requests that a core must not take, each rule attacked once; and those that it must. */
#include "tests/unit/vcx_core_world.h"

#include <stdio.h>
#include <string.h>

#include "connections/vcx/vcx_message.h"

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

struct request_case {
    const char *words;
    enum vcx_protocol handshake;
    void (*change)(json_t *request);
    size_t answers; /* problem reports */
};

static void no_id(json_t *r)
{
    json_object_del(r, "@id");
}

static void other_thread(json_t *r)
{
    world_set(json_object_get(r, "~thread"), "thid", "x");
}

static void other_invitation(json_t *r)
{
    world_set(json_object_get(r, "~thread"), "pthid", "x");
}

static void no_invitation(json_t *r)
{
    json_object_del(json_object_get(r, "~thread"), "pthid");
}

static void other_did(json_t *r)
{
    json_t *connection = json_object_get(r, "connection"), *doc = json_object_get(connection, "DIDDoc");

    world_set(connection, "DID", "SnDwvw7QoMJusLJi93mYfZ");
    world_set(doc, "id", "SnDwvw7QoMJusLJi93mYfZ");
}

static void other_document(json_t *r)
{
    json_t *did = json_string(vcx_text(r, "did"));
    char *text = (char *)json_string_value(did);

    text[strlen(text) - 1] = text[strlen(text) - 1] == 'a' ? 'b' : 'a';
    json_object_set_new(r, "did", did);
}

static void no_document(json_t *r)
{
    json_object_del(json_object_get(r, "connection"), "DIDDoc");
}

static void test_requests(void **state)
{
    static const struct request_case cases[] = {
        {"@id is missing", VCX_CONNECTIONS, no_id, 0},
        {"in another thread", VCX_CONNECTIONS, other_thread, 1},
        {"for another invitation", VCX_CONNECTIONS, other_invitation, 1},
        {"for another invitation", VCX_DIDEXCHANGE, other_invitation, 1},
        {"for another invitation", VCX_DIDEXCHANGE, no_invitation, 1},
        {"beginning of none", VCX_CONNECTIONS, other_did, 0},
        {"hash", VCX_DIDEXCHANGE, other_document, 0},
        {"document is missing", VCX_CONNECTIONS, no_document, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct core_world w;
        struct core_pair p;
        uint8_t bob[VCX_KEY];
        json_t *request = world_request(&w, &p, cases[i].handshake, bob), *bad = json_deep_copy(request);

        world_drop(&w, 0);
        cases[i].change(bad);
        world_refused(&w, ALICE, p.inviter_id, bob, bad, cases[i].words, VCX_OFFERED);
        assert_int_equal(w.mail_n, cases[i].answers);
        while (w.mail_n)
            world_drop(&w, 0);
        json_decref(bad);
        w.now += VCX_RESEND_MS;
        (void)world_tick(&w); /* the invitation is still good for the good one */
        world_settle(&w);
        world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
        world_end(&w, request);
    }
}

/* Packed by nobody, or with another key than the document's. */
static void test_request_sender(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t bob[VCX_KEY];
    json_t *request = world_request(&w, &p, VCX_CONNECTIONS, bob);

    (void)state;
    world_refused(&w, ALICE, p.inviter_id, NULL, request, "without a sender", VCX_OFFERED);
    world_refused(&w, ALICE, p.inviter_id, world_stranger().key, request, "not in its document", VCX_OFFERED);
    assert_int_equal(w.mail_n, 1);
    world_refused(&w, BOB, p.invitee_id, bob, request, "not invited", VCX_REQUESTED);
    world_end(&w, request);
}

/* With indy's prefix, a later minor version, and no pthid. */
static void test_request_tolerant(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t bob[VCX_KEY];
    char why[VCX_WHY];
    json_t *request = world_request(&w, &p, VCX_CONNECTIONS, bob);

    (void)state;
    world_set(request, "@type", "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connections/1.7/request");
    json_object_del(request, "~thread");
    assert_true(world_say(&w, ALICE, bob, vcx_core_find(w.sides[ALICE].core, p.inviter_id)->own, request, why));
    assert_int_equal(world_state(&w, ALICE, p.inviter_id), VCX_REQUESTED);
    world_end(&w, request);
}

/* The same request gets the same response; another one a problem report, and the connection does not notice. */
static void test_single_use(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t bob[VCX_KEY], mallory[VCX_KEY], alice[VCX_KEY];
    char why[VCX_WHY], did[VCX_MAX_SHORT];
    json_t *request = world_request(&w, &p, VCX_DIDEXCHANGE, bob), *first, *again, *other, *report;
    const struct vcx_conn *c = vcx_core_find(w.sides[ALICE].core, p.inviter_id);

    (void)state;
    memcpy(alice, c->own, VCX_KEY);
    memcpy(mallory, world_stranger().key, VCX_KEY);
    assert_true(world_deliver(&w, 0, true, why));
    assert_true(world_deliver(&w, 0, false, why));
    assert_int_equal(w.mail_n, 2);
    first = world_read(&w, 0);
    again = world_read(&w, 1);
    assert_true(json_equal(first, again));
    assert_string_equal(w.sides[ALICE].trace, "0>1 1>2 2>3 ");
    other = vcx_message_request(
        VCX_DIDEXCHANGE, &(struct vcx_head){.id = "other", .thid = "other", .pthid = c->invitation_id}, "Mallory",
        &(struct vcx_address){.key = mallory, .endpoint = "http://mallory.example/"}, did);
    world_refused(&w, ALICE, p.inviter_id, mallory, other, "has been used", VCX_REQUESTED);
    assert_int_equal(w.sides[ALICE].lost, 1); /* the report went to Mallory */
    world_set(request, "@id", "other");
    json_object_del(json_object_get(request, "~thread"), "thid");
    world_refused(&w, ALICE, p.inviter_id, bob, request, "has been used", VCX_REQUESTED);
    assert_int_equal(w.mail_n, 3);
    report = world_read(&w, 2);
    assert_true(vcx_json_is_type(vcx_of(report, "@type"), "didexchange", 1, "problem_report"));
    assert_string_equal(vcx_text(report, "problem-code"), "request_not_accepted");
    assert_string_equal(vcx_text(vcx_of(report, "~thread"), "thid"), "other");
    world_settle(&w);
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED); /* the report was about another thread */
    world_set(request, "@id", c->request_id);
    assert_true(world_say(&w, ALICE, bob, alice, request, why)); /* a late copy, which is not answered any more */
    assert_int_equal(w.mail_n, 0);
    for (int i = 0; i < 2 * VCX_MAX_BURST; i++)
        world_refused(&w, ALICE, p.inviter_id, mallory, other, "has been used", VCX_ACCEPTED);
    assert_true(w.sides[ALICE].lost <= VCX_MAX_BURST); /* a storm of them is not answered */
    assert_int_equal(vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_non_null(strstr(w.sides[BOB].trace, "ponged")); /* but Bob is */
    json_decref(first);
    json_decref(again);
    json_decref(other);
    json_decref(report);
    world_end(&w, request);
}

static void test_request_storm(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t bob[VCX_KEY];
    char why[VCX_WHY];
    json_t *request = world_request(&w, &p, VCX_CONNECTIONS, bob);

    (void)state;
    for (int i = 0; i < 3 * VCX_MAX_BURST; i++)
        (void)world_deliver(&w, 0, true, why);
    assert_int_equal(w.mail_n, 1 + 1 + VCX_MAX_BURST); /* the request, its response, repetitions */
    world_end(&w, request);
}

/* A document may list the key of somebody else, even first: it is not taken for the peer's. */
static void test_foreign_key(void **state)
{
    struct core_world w;
    struct core_pair p;
    uint8_t bob[VCX_KEY];
    char why[VCX_WHY], verkey[VCX_MAX_VERKEY];
    json_t *request = world_request(&w, &p, VCX_CONNECTIONS, bob);
    const json_t *services = vcx_of(vcx_of(vcx_of(request, "connection"), "DIDDoc"), "service");
    json_t *keys = json_object_get(json_array_get(services, 0), "recipientKeys");
    const struct vcx_conn *c = vcx_core_find(w.sides[ALICE].core, p.inviter_id);

    (void)state;
    vcx_verkey_text(world_stranger().key, verkey);
    json_array_insert_new(keys, 0, json_string(verkey));
    assert_true(world_say(&w, ALICE, bob, c->own, request, why));
    assert_int_equal(c->theirs.recipient_n, 1);
    assert_memory_equal(c->theirs.recipients[0], bob, VCX_KEY);
    assert_false(vcx_conn_knows(c, world_stranger().key));
    world_end(&w, request);
}

static void test_not_offered(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    uint8_t mallory[VCX_KEY];
    char did[VCX_MAX_SHORT];
    json_t *request;

    (void)state;
    world_open(&w, 12);
    world_offer(&w, &p, VCX_CONNECTIONS);
    memcpy(mallory, world_stranger().key, VCX_KEY);
    request = vcx_message_request(
        VCX_DIDEXCHANGE,
        &(struct vcx_head){.id = "r", .pthid = vcx_core_find(w.sides[ALICE].core, p.inviter_id)->invitation_id}, "M",
        &(struct vcx_address){.key = mallory, .endpoint = "http://mallory.example/"}, did);
    world_refused(&w, ALICE, p.inviter_id, mallory, request, "does not offer", VCX_OFFERED);
    assert_int_equal(w.sides[ALICE].lost, 1);
    world_end(&w, request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),         cmocka_unit_test(test_request_sender),
        cmocka_unit_test(test_request_tolerant), cmocka_unit_test(test_single_use),
        cmocka_unit_test(test_request_storm),    cmocka_unit_test(test_foreign_key),
        cmocka_unit_test(test_not_offered),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
