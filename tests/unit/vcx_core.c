/* Two cores, every handshake in both directions, and all commands. */
#include "tests/unit/vcx_core_world.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

static void forget(struct core_world *w)
{
    w->sides[ALICE].trace[0] = w->sides[BOB].trace[0] = 0;
}

/* ---- handshakes ---- */

/* Ping, message, features and a signature, from one side to the other. */
static void check_talk(struct core_world *w, int from, const char *from_id, int to, const char *to_id)
{
    struct vcx_core *core = w->sides[from].core;
    char why[VCX_WHY];
    uint8_t signature[VCX_SIGNATURE];
    bool good = false;

    forget(w);
    assert_int_equal(vcx_core_ping(core, from_id, "there?", NULL, why), VCX_OK);
    world_turn(w, from);
    world_settle(w);
    assert_string_equal(w->sides[from].trace, "ponged ");
    assert_string_equal(w->sides[to].trace, "pinged ");
    assert_int_equal(vcx_core_send(core, from_id, pbay_str("hello"), NULL, w->now, NULL, why), VCX_OK);
    world_turn(w, from);
    world_settle(w);
    assert_string_equal(w->sides[to].trace, "pinged message ");
    assert_string_equal(vcx_text(w->sides[to].message, "content"), "hello");
    assert_string_equal(vcx_text(w->sides[to].message, "sent_time"), "2023-11-14T22:13:20.000Z");
    assert_int_equal(vcx_core_query(core, from_id, "https://didcomm.org/d*", NULL, NULL, why), VCX_OK);
    world_turn(w, from);
    world_settle(w);
    assert_string_equal(w->sides[from].trace, "ponged features ");
    assert_int_equal(json_array_size(vcx_of(w->sides[from].message, "protocols")), 2);
    assert_int_equal(vcx_core_sign(core, from_id, pbay_str("data"), signature, why), VCX_OK);
    assert_int_equal(vcx_core_verify(w->sides[to].core, to_id, pbay_str("data"), signature, &good, why), VCX_OK);
    assert_true(good);
    assert_int_equal(vcx_core_verify(w->sides[to].core, to_id, pbay_str("date"), signature, &good, why), VCX_OK);
    assert_false(good);
}

static void check_info(struct core_world *w, const struct core_pair *p)
{
    json_t *a, *b;
    char why[VCX_WHY];

    assert_int_equal(vcx_core_info(w->sides[p->inviter].core, p->inviter_id, &a, why), VCX_OK);
    assert_int_equal(vcx_core_info(w->sides[p->invitee].core, p->invitee_id, &b, why), VCX_OK);
    for (int i = 0; i < 2; i++) {
        const json_t *my = vcx_of(i ? a : b, "my"), *their = vcx_of(i ? b : a, "their");
        static const char *const same[] = {"recipientKeys", "routingKeys", "serviceEndpoint"};

        for (size_t k = 0; k < COUNT(same); k++)
            assert_true(json_equal(vcx_of(my, same[k]), vcx_of(their, same[k])));
        assert_memory_equal(vcx_text(their, "did"), vcx_text(my, "did"), strlen(vcx_text(my, "did")));
    }
    assert_string_equal(vcx_text(vcx_of(a, "their"), "label"), p->invitee == ALICE ? "Alice" : "Bob");
    json_decref(a);
    json_decref(b);
}

static void check_handshake(int inviter, enum vcx_protocol offered, enum vcx_protocol followed,
                            enum vcx_protocol expected)
{
    struct core_world w;
    struct core_pair p = {.inviter = inviter};
    const struct vcx_conn *c;

    world_open(&w, (uint64_t)inviter);
    world_offer(&w, &p, offered);
    world_follow(&w, &p, followed);
    world_settle(&w);
    c = vcx_core_find(w.sides[p.inviter].core, p.inviter_id);
    assert_int_equal(c->handshake, expected);
    assert_string_equal(w.sides[p.invitee].trace, expected == VCX_CONNECTIONS ? "0>2 2>3 3>4 ponged " : "0>2 2>3 3>4 ");
    assert_string_equal(w.sides[p.inviter].trace,
                        expected == VCX_CONNECTIONS ? "0>1 1>2 2>3 3>4 pinged " : "0>1 1>2 2>3 3>4 ");
    check_info(&w, &p);
    world_restart(&w, ALICE);
    world_restart(&w, BOB);
    check_talk(&w, p.inviter, p.inviter_id, p.invitee, p.invitee_id);
    check_talk(&w, p.invitee, p.invitee_id, p.inviter, p.inviter_id);
    assert_int_equal(world_tick(&w), INT64_MAX); /* nothing waits */
    world_close(&w);
}

static void test_handshakes(void **state)
{
    static const enum vcx_protocol rows[][3] = {{VCX_CONNECTIONS, VCX_AUTO, VCX_CONNECTIONS},
                                                {VCX_AUTO, VCX_CONNECTIONS, VCX_CONNECTIONS},
                                                {VCX_AUTO, VCX_AUTO, VCX_DIDEXCHANGE},
                                                {VCX_DIDEXCHANGE, VCX_DIDEXCHANGE, VCX_DIDEXCHANGE}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_handshake(ALICE, rows[i][0], rows[i][1], rows[i][2]);
        check_handshake(BOB, rows[i][0], rows[i][1], rows[i][2]);
    }
}

/* A response that wants an ack gets one, instead of the ping. */
static void test_please_ack(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    const struct vcx_conn *inviter, *invitee;
    json_t *response, *answer;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 7);
    world_offer(&w, &p, VCX_CONNECTIONS);
    world_follow(&w, &p, VCX_AUTO);
    assert_true(world_deliver(&w, 0, false, why));
    response = world_read(&w, 0);
    json_object_set_new(response, "~please_ack", json_object());
    inviter = vcx_core_find(w.sides[ALICE].core, p.inviter_id);
    invitee = vcx_core_find(w.sides[BOB].core, p.invitee_id);
    assert_true(world_say(&w, BOB, inviter->own, invitee->own, response, why));
    answer = world_read(&w, 1);
    assert_true(vcx_json_is_type(vcx_of(answer, "@type"), "notification", 1, "ack"));
    world_drop(&w, 0);
    forget(&w);
    world_settle(&w);
    assert_string_equal(w.sides[ALICE].trace, "3>4 "); /* of this ack no more is told */
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
    json_decref(response);
    json_decref(answer);
    world_close(&w);
}

/* An inviter that offers did exchange alone says so. */
static void test_didexchange_only(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    json_t *invitation;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 8);
    world_offer(&w, &p, VCX_DIDEXCHANGE);
    assert_int_equal(vcx_core_invite(w.sides[ALICE].core, p.inviter_id, &invitation, why), VCX_OK);
    assert_int_equal(json_array_size(vcx_of(invitation, "handshake_protocols")), 1);
    json_decref(invitation);
    world_close(&w);
}

static enum vcx_error follow(struct core_world *w, const json_t *invitation, char id[VCX_UUID])
{
    struct pb_buf text = {0};
    char why[VCX_WHY];
    enum vcx_error code;

    assert_true(vcx_json_write(&text, invitation));
    code = vcx_core_create_with_invite(w->sides[BOB].core,
                                       &(struct vcx_create){.source_id = pbay_str("x"), .wish = VCX_AUTO},
                                       vcx_view(&text), id, why);
    pb_buf_fini(&text);
    return code;
}

/* An invitation may say with a DID how the inviter is reached; one that has its document in it can be followed. */
static void test_service_did(void **state)
{
    const struct vcx_connect options = {.expires_in = 60};
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct vcx_address address = {.endpoint = "http://alice.example/"};
    struct pb_buf did = {0};
    json_t *invitation;
    char why[VCX_WHY], brief[VCX_MAX_SHORT];

    (void)state;
    world_open(&w, 9);
    world_offer(&w, &p, VCX_AUTO);
    assert_int_equal(vcx_core_invite(w.sides[ALICE].core, p.inviter_id, &invitation, why), VCX_OK);
    address.key = vcx_core_find(w.sides[ALICE].core, p.inviter_id)->own;
    assert_true(vcx_peer4_make(&did, brief, &address));
    json_object_set_new(invitation, "services", json_pack("[s%]", (char *)did.p, did.n));
    assert_int_equal(follow(&w, invitation, p.invitee_id), VCX_OK);
    assert_int_equal(vcx_core_connect(w.sides[BOB].core, p.invitee_id, &options, w.now, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
    json_object_set_new(invitation, "services", json_pack("[s]", "did:sov:SnDwvw7QoMJusLJi93mYfZ"));
    assert_int_equal(follow(&w, invitation, p.invitee_id), VCX_E_INVITE);
    json_decref(invitation);
    pb_buf_fini(&did);
    world_close(&w);
}

/* ---- commands ---- */

static void test_order(void **state)
{
    const struct vcx_connect none = {.expires_in = 0}, public = {.use_public_did = true}, past = {.expires_in = -1},
                             odd = {.on_expiry = VCX_ACCEPTED};
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct vcx_core *core;
    json_t *json;
    bool good;
    uint8_t signature[VCX_SIGNATURE] = {0};
    char why[VCX_WHY], id[VCX_UUID];

    (void)state;
    world_open(&w, 1);
    core = w.sides[ALICE].core;
    assert_int_equal(
        vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str("\xff"), .wish = VCX_AUTO}, id, why),
        VCX_E_OPTION);
    assert_int_equal(vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str("x"), .wish = VCX_AUTO}, id, why),
                     VCX_OK);
    assert_int_equal(vcx_core_invite(core, id, &json, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_connect(core, id, &public, w.now, why), VCX_E_ACTION);
    assert_int_equal(vcx_core_connect(core, id, &past, w.now, why), VCX_E_OPTION);
    assert_int_equal(vcx_core_connect(core, id, &odd, w.now, why), VCX_E_OPTION);
    assert_int_equal(vcx_core_connect(core, "nobody", &none, w.now, why), VCX_E_HANDLE);
    assert_int_equal(vcx_core_connect(core, id, &none, w.now, why), VCX_OK);
    assert_int_equal(vcx_core_connect(core, id, &none, w.now, why), VCX_E_CONNECT);
    assert_int_equal(vcx_core_find(core, id)->expires_at, w.now + 1000 * VCX_EXPIRES_IN);
    assert_int_equal(vcx_core_send(core, id, pbay_str("x"), NULL, w.now, NULL, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_ping(core, id, NULL, NULL, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_query(core, id, "*", NULL, NULL, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_verify(core, id, pbay_str("x"), signature, &good, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_sign(core, "nobody", pbay_str("x"), signature, why), VCX_E_HANDLE);
    assert_int_equal(vcx_core_create_with_invite(core,
                                                 &(struct vcx_create){.source_id = pbay_str("x"), .wish = VCX_AUTO},
                                                 pbay_str("no"), id, why),
                     VCX_E_JSON);
    world_turn(&w, ALICE);
    world_offer(&w, &p, VCX_CONNECTIONS);
    assert_int_equal(vcx_core_invite(core, p.inviter_id, &json, why), VCX_OK);
    {
        struct pb_buf text = {0};

        assert_true(vcx_json_write(&text, json));
        assert_int_equal(
            vcx_core_create_with_invite(core, &(struct vcx_create){.source_id = pbay_str("x"), .wish = VCX_DIDEXCHANGE},
                                        vcx_view(&text), id, why),
            VCX_E_ACTION);
        pb_buf_fini(&text);
    }
    json_decref(json);
    world_close(&w);
}

/* What connect makes with an @id was known before, and nothing was done for that; in all handshakes. */
static void test_draft(void **state)
{
    static const enum vcx_protocol wishes[] = {VCX_AUTO, VCX_CONNECTIONS, VCX_DIDEXCHANGE};
    const struct vcx_connect options = {.invitation_id = "01234567-89ab-4def-8123-456789abcdef"},
                             bad = {.expires_in = -1};
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    json_t *draft = NULL, *made = NULL;
    char why[VCX_WHY], id[VCX_UUID];

    (void)state;
    world_open(&w, 7);
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct vcx_core *core = w.sides[ALICE].core;

        assert_int_equal(
            vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str("x"), .wish = wishes[i]}, id, why),
            VCX_OK);
        world_turn(&w, ALICE);
        assert_int_equal(vcx_core_draft(core, id, &bad, &draft, why), VCX_E_OPTION);
        assert_int_equal(vcx_core_draft(core, "nobody", &options, &draft, why), VCX_E_HANDLE);
        assert_int_equal(vcx_core_draft(core, id, &options, &draft, why), VCX_OK);
        assert_null(vcx_core_dirty(core));
        assert_int_equal(vcx_core_find(core, id)->state, VCX_INITIALIZED);
        assert_int_equal(vcx_core_connect(core, id, &options, w.now, why), VCX_OK);
        assert_int_equal(vcx_core_invite(core, id, &made, why), VCX_OK);
        assert_true(json_equal(draft, made));
        assert_string_equal(json_string_value(json_object_get(made, "@id")), options.invitation_id);
        json_decref(draft);
        json_decref(made);
        assert_int_equal(vcx_core_draft(core, id, &options, &draft, why), VCX_E_CONNECT);
        world_turn(&w, ALICE);
    }
    world_offer(&w, &p, VCX_AUTO);
    world_follow(&w, &p, VCX_AUTO);
    assert_int_equal(vcx_core_draft(w.sides[BOB].core, p.invitee_id, &options, &draft, why), VCX_E_CONNECT);
    world_close(&w);
}

/* JSON with an @type goes as it is, anything else as text. */
static void test_send(void **state)
{
    static const char message[] = "{\"@type\":\"https://example.org/x/1.0/y\",\"@id\":\"i1\",\"n\":7}";
    static const char ping[] = "{\"@type\":\"https://didcomm.org/trust_ping/1.0/ping\",\"response_requested\":false}";
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct vcx_core *core;
    json_t *sent;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 2);
    world_connect(&w, &p, VCX_DIDEXCHANGE);
    core = w.sides[BOB].core;
    assert_int_equal(vcx_core_send(core, p.invitee_id, pbay_str(message), NULL, w.now, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    sent = vcx_json_read(pbay_str(message), "sent", why);
    assert_true(json_equal(w.sides[ALICE].message, sent));
    json_decref(sent);
    assert_int_equal(
        vcx_core_send(core, p.invitee_id, pbay_str("{\"@type\":\"https://a/b/1.0/c\"}"), NULL, w.now, NULL, why),
        VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_int_equal(strlen(vcx_text(w.sides[ALICE].message, "@id")), VCX_UUID - 1);
    assert_int_equal(vcx_core_send(core, p.invitee_id, pbay_str("{\"a\":1}"), NULL, w.now, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_string_equal(vcx_text(w.sides[ALICE].message, "content"), "{\"a\":1}");
    assert_int_equal(vcx_core_send(core, p.invitee_id, pbay_str("\xff"), NULL, w.now, NULL, why), VCX_E_OPTION);
    forget(&w);
    assert_int_equal(vcx_core_send(core, p.invitee_id, pbay_str(ping), NULL, w.now, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_string_equal(w.sides[ALICE].trace, "pinged ");
    assert_string_equal(w.sides[BOB].trace, ""); /* it wanted no answer */
    world_close(&w);
}

static void test_end(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 3);
    world_connect(&w, &p, VCX_CONNECTIONS);
    forget(&w);
    assert_int_equal(vcx_core_revoke(w.sides[ALICE].core, p.inviter_id, why), VCX_OK);
    assert_int_equal(vcx_core_revoke(w.sides[ALICE].core, p.inviter_id, why), VCX_E_STATE);
    world_turn(&w, ALICE);
    assert_int_equal(vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    assert_false(world_deliver(&w, 0, false, why));
    assert_non_null(strstr(why, "state 7"));
    assert_int_equal(w.mail_n, 0); /* answered by nothing */
    assert_int_equal(vcx_core_send(w.sides[ALICE].core, p.inviter_id, pbay_str("x"), NULL, w.now, NULL, why),
                     VCX_E_NOT_READY);
    assert_int_equal(vcx_core_delete(w.sides[ALICE].core, p.inviter_id, why), VCX_OK);
    assert_null(vcx_core_find(w.sides[ALICE].core, p.inviter_id));
    assert_int_equal(vcx_core_delete(w.sides[ALICE].core, p.inviter_id, why), VCX_E_HANDLE);
    world_turn(&w, ALICE);
    assert_string_equal(w.sides[ALICE].trace, "4>7 7>0 ");
    assert_int_equal(vcx_core_ping(w.sides[BOB].core, p.invitee_id, NULL, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    assert_false(world_deliver(&w, 0, false, why));
    world_close(&w);
}

/* ---- time ---- */

static void test_expiry(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    int64_t due;

    (void)state;
    world_open(&w, 4);
    world_offer(&w, &p, VCX_AUTO);
    world_follow(&w, &p, VCX_AUTO);
    world_drop(&w, 0);
    due = world_tick(&w);
    assert_int_equal(due, w.now + VCX_RESEND_MS);
    w.now = START + 3600 * 1000 - 1;
    (void)world_tick(&w);
    assert_int_equal(w.mail_n, 1); /* the request once more */
    world_expect(&w, &p, VCX_OFFERED, VCX_REQUESTED);
    w.now++;
    assert_int_equal(world_tick(&w), INT64_MAX);
    world_expect(&w, &p, VCX_UNFULFILLED, VCX_EXPIRED);
    forget(&w);
    world_settle(&w); /* refused, and the refusal is for a connection that has ended */
    world_expect(&w, &p, VCX_UNFULFILLED, VCX_EXPIRED);
    assert_string_equal(w.sides[BOB].trace, "");
    world_close(&w);
}

/* An offer whose time is over is refused even if nobody has looked at the clock in between. */
static void test_expired_offer(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = BOB};
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 5);
    world_offer(&w, &p, VCX_AUTO);
    w.now += 1800 * 1000;
    world_follow(&w, &p, VCX_CONNECTIONS);
    w.now += 1800 * 1000;
    assert_false(world_deliver(&w, 0, false, why));
    world_expect(&w, &p, VCX_UNFULFILLED, VCX_REQUESTED);
    world_settle(&w);
    world_expect(&w, &p, VCX_UNFULFILLED, VCX_NONE);
    assert_string_equal(w.sides[ALICE].trace, "0>2 2>3 problem 3>0 ");
    assert_string_equal(w.sides[ALICE].reason, "the peer reports: request_not_accepted");
    assert_int_equal(world_tick(&w), INT64_MAX);
    world_close(&w);
}

/* What is unanswered is said again, the same words, more and more seldom. */
static void test_resend(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    json_t *first, *again;
    int64_t pause, last = 0;

    (void)state;
    world_open(&w, 6);
    world_offer(&w, &p, VCX_AUTO);
    world_follow(&w, &p, VCX_AUTO);
    first = world_read(&w, 0);
    for (int i = 0; i < 5; i++) {
        world_drop(&w, 0);
        pause = world_tick(&w) - w.now;
        assert_true(pause >= 2 * last && pause > 0);
        last = pause;
        w.now += pause - 1;
        (void)world_tick(&w);
        assert_int_equal(w.mail_n, 0);
        w.now++;
        world_restart(&w, BOB);
        (void)world_tick(&w);
        assert_int_equal(w.mail_n, 1);
        again = world_read(&w, 0);
        assert_true(json_equal(first, again));
        json_decref(again);
    }
    json_decref(first);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),  cmocka_unit_test(test_please_ack), cmocka_unit_test(test_didexchange_only),
        cmocka_unit_test(test_service_did), cmocka_unit_test(test_order),      cmocka_unit_test(test_send),
        cmocka_unit_test(test_end),         cmocka_unit_test(test_expiry),     cmocka_unit_test(test_expired_offer),
        cmocka_unit_test(test_resend),      cmocka_unit_test(test_draft),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
