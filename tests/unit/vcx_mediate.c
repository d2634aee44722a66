/* A mediator's client asks for mediation and registers keys, with a mediator that is honest, forgetful, or worse. */
#include "tests/unit/vcx_mediate_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST  "coordinate-mediation/1.0/mediate-request"
#define GRANT    "coordinate-mediation/1.0/mediate-grant"
#define UPDATE   "coordinate-mediation/1.0/keylist-update"
#define UPDATED  "coordinate-mediation/1.0/keylist-update-response"
#define DELIVERY "messagepickup/2.0/delivery-request"
#define PROBLEM  "report-problem/1.0/problem-report"

static const struct vcx_mediate_conf plain = {0}, holding = {.wait_ms = 20000};

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* ---- mediation ---- */

static void test_grant(void **state)
{
    struct mediate_world w;
    const struct vcx_mediate_grant *g;
    uint8_t second[VCX_KEY];
    char first_text[VCX_MAX_DID_KEY], second_text[VCX_MAX_VERKEY];

    (void)state;
    mediate_open(&w, &plain);
    assert_null(vcx_mediate_grant(w.m));
    mediate_say(&w, GRANT, json_pack("{s:s}", "endpoint", "http://unasked.example/"));
    assert_null(vcx_mediate_grant(w.m));
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_ASKING);
    assert_string_equal(mediate_asks(&w), REQUEST);
    mediate_key(second, 2);
    vcx_did_key_text(VCX_ED25519, w.w.mediator.key, first_text);
    vcx_verkey_text(second, second_text);
    mediate_answer(
        &w, GRANT,
        json_pack("{s:s, s:[s, s]}", "endpoint", "https://other.example/", "routing_keys", first_text, second_text));
    g = vcx_mediate_grant(w.m);
    assert_non_null(g);
    assert_string_equal(g->endpoint, "https://other.example/");
    assert_int_equal(g->routing_n, 2);
    assert_memory_equal(g->routing[0], w.w.mediator.key, VCX_KEY);
    assert_memory_equal(g->routing[1], second, VCX_KEY);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    mediate_say(&w, GRANT, json_pack("{s:s}", "endpoint", "http://again.example/"));
    assert_string_equal(vcx_mediate_grant(w.m)->endpoint, "https://other.example/");
    mediate_close(&w);
}

static void test_bad_grant(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"endpoint\": 7}",
        "{\"endpoint\": \"\"}",
        "{\"endpoint\": \"http://e/\", \"routing_keys\": \"k\"}",
        "{\"endpoint\": \"http://e/\", \"routing_keys\": [1]}",
        "{\"endpoint\": \"http://e/\", \"routing_keys\": [\"did:key:zNo\"]}",
        "{\"endpoint\": \"http://e/\", \"routing_keys\": [0,0,0,0,0,0,0,0,0]}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct mediate_world w;

        mediate_open(&w, &plain);
        mediate_turn(&w);
        mediate_answer(&w, GRANT, json_loads(texts[i], 0, NULL));
        assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_ASKING);
        mediate_wait_between(&w, 750, 1000);
        assert_string_equal(mediate_asks(&w), REQUEST);
        mediate_settle(&w);
        assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
        mediate_close(&w);
    }
}

static void test_denied(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open(&w, &plain);
    w.denials = 2;
    mediate_turn(&w);
    mediate_lose(&w, 0);
    mediate_turn_at(&w, w.due);
    mediate_turn_at(&w, w.due);
    mediate_settle(&w);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_DENIED);
    assert_false(vcx_mediate_poll(w.m));
    mediate_wait_between(&w, 45000, 60000);
    assert_string_equal(mediate_asks(&w), REQUEST);
    mediate_settle(&w);
    mediate_wait_between(&w, 90000, 120000);
    mediate_settle(&w);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
    mediate_close(&w);
}

static void test_known_grant(void **state)
{
    const struct vcx_mediate_grant known = {.endpoint = "http://known.example/", .routing_n = 1};
    struct mediate_world w;
    uint8_t key[VCX_KEY];

    (void)state;
    mediate_open(&w, &(struct vcx_mediate_conf){.known = &known});
    mediate_turn(&w);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    assert_string_equal(vcx_mediate_grant(w.m)->endpoint, "http://known.example/");
    mediate_lose(&w, 0);

    /* the mediator knows nothing of it any more */
    mediate_key(key, 1);
    assert_true(vcx_mediate_want(w.m, key));
    mediate_turn(&w);
    for (int i = 0; i < VCX_MEDIATE_UNKNOWN_MAX; i++) {
        while (strcmp(mediate_asks(&w), UPDATE) != 0) {
            if (json_array_size(w.asked))
                mediate_lose(&w, 0);
            mediate_turn_at(&w, w.due);
        }
        assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
        mediate_answer(&w, PROBLEM, json_object());
    }
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_ASKING);
    mediate_turn_at(&w, w.due);
    assert_string_equal(mediate_asks(&w), REQUEST);
    mediate_serve(&w, 0, false);
    assert_string_equal(vcx_mediate_grant(w.m)->endpoint, ENDPOINT);
    assert_string_equal(mediate_asks(&w), UPDATE);
    mediate_answer(&w, PROBLEM, json_object()); /* they are counted anew */
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
    mediate_settle(&w);
    mediate_turn_at(&w, w.w.now + VCX_MEDIATE_FIRST_MS);
    mediate_settle(&w);
    assert_true(vcx_mediate_has(w.m, key));
    mediate_close(&w);
}

static void test_ended(void **state)
{
    struct mediate_world w;
    char why[VCX_WHY];

    (void)state;
    mediate_open_granted(&w, &plain);
    assert_int_equal(vcx_core_revoke(w.w.sides[ALICE].core, w.id, why), VCX_OK);
    mediate_turn_at(&w, w.due);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_ENDED);
    assert_string_equal(mediate_asks(&w), "");
    assert_true(w.due == INT64_MAX);
    assert_false(vcx_mediate_poll(w.m));
    assert_int_equal(vcx_core_release(w.w.sides[ALICE].core, w.id, why), VCX_OK);
    mediate_turn(&w);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_ENDED);
    mediate_close(&w);
}

/* Others' messages on the same connection stay the caller's. */
static void test_not_ours(void **state)
{
    static const char *const types[] = {
        "https://didcomm.org/basicmessage/1.0/message", "https://didcomm.org/shorten-url/1.0/shortened-url",
        "https://didcomm.org/report-problem/1.0/problem-report", "https://didcomm.org/messagepickup/3.0/delivery"};
    struct mediate_world w;
    struct vcx_action a = {.kind = VCX_MESSAGE};

    (void)state;
    mediate_open_granted(&w, &plain);
    strcpy(a.id, w.id);
    for (size_t i = 0; i < COUNT(types); i++) {
        a.message = json_pack("{s:s, s:{s:s}}", "@type", types[i], "~thread", "thid", "other");
        assert_false(vcx_mediate_receive(w.m, &a, w.w.now));
        vcx_action_fini(&a);
    }
    a.message = json_pack("{s:s, s:[]}", "@type", "https://didcomm.org/messagepickup/2.0/delivery", "~attach");
    assert_true(vcx_mediate_receive(w.m, &a, w.w.now));
    a.kind = VCX_PINGED;
    assert_false(vcx_mediate_receive(w.m, &a, w.w.now));
    a.kind = VCX_MESSAGE;
    strcpy(a.id, "another");
    assert_false(vcx_mediate_receive(w.m, &a, w.w.now));
    vcx_action_fini(&a);
    mediate_close(&w);
}

/* ---- keys ---- */

static void want(struct mediate_world *w, unsigned number)
{
    uint8_t key[VCX_KEY];

    mediate_key(key, number);
    assert_true(vcx_mediate_want(w->m, key));
}

static void drop(struct mediate_world *w, unsigned number)
{
    uint8_t key[VCX_KEY];

    mediate_key(key, number);
    assert_true(vcx_mediate_drop(w->m, key));
}

static enum vcx_mediate_key key_of(const struct mediate_world *w, unsigned number)
{
    uint8_t key[VCX_KEY];

    mediate_key(key, number);
    return vcx_mediate_key(w->m, key);
}

static void test_keys(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open(&w, &holding);
    for (unsigned i = 0; i < 70; i++)
        want(&w, i);
    assert_int_equal(key_of(&w, 0), VCX_MEDIATE_TOLD);
    assert_int_equal(key_of(&w, 70), VCX_MEDIATE_NONE);
    mediate_settle(&w);
    assert_int_equal(w.update_max, VCX_MEDIATE_UPDATE);
    assert_int_equal(json_object_size(w.keys), 70);
    for (unsigned i = 0; i < 70; i++)
        assert_int_equal(key_of(&w, i), VCX_MEDIATE_HAS);

    /* beside the request that the mediator holds, and one at a time */
    assert_int_equal(json_array_size(w.asked), 1);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    drop(&w, 0);
    mediate_turn(&w);
    assert_int_equal(json_array_size(w.asked), 2);
    want(&w, 100);
    drop(&w, 1);
    mediate_turn(&w);
    assert_int_equal(json_array_size(w.asked), 2);
    assert_int_equal(key_of(&w, 0), VCX_MEDIATE_NONE);
    mediate_settle(&w);
    assert_int_equal(json_object_size(w.keys), 69);
    assert_int_equal(key_of(&w, 100), VCX_MEDIATE_HAS);
    assert_int_equal(json_array_size(w.asked), 1);

    /* a restart says all of them again, and the mediator has them */
    mediate_lose(&w, 0);
    mediate_restart(&w);
    want(&w, 100);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 100), VCX_MEDIATE_HAS);
    assert_int_equal(json_object_size(w.keys), 69);
    mediate_close(&w);
}

/* What is wanted changes while the mediator thinks about it. */
static void test_changed_mind(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open_granted(&w, &holding);
    want(&w, 1);
    mediate_turn(&w);
    drop(&w, 1);
    want(&w, 2);
    mediate_serve(&w, 1, false);
    assert_int_equal(json_object_size(w.keys), 1);
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_NONE);
    mediate_settle(&w);
    assert_int_equal(json_object_size(w.keys), 1);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_HAS);
    drop(&w, 2);
    mediate_turn(&w);
    want(&w, 2);
    mediate_serve(&w, 1, false);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_TOLD);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_HAS);
    mediate_close(&w);
}

static void test_refused_keys(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open_granted(&w, &holding);
    w.result = "client_error";
    want(&w, 1);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_REFUSED);
    w.result = "server_error";
    want(&w, 2);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_REFUSED);
    w.result = NULL;
    want(&w, 3); /* at once */
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 3), VCX_MEDIATE_HAS);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_REFUSED);
    mediate_lose(&w, 0);
    mediate_turn_at(&w, w.w.now + VCX_MEDIATE_LAST_MS);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_HAS);
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_REFUSED);
    want(&w, 1);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_HAS);

    /* one that is not wanted any more is let go */
    w.result = "client_error";
    drop(&w, 1);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_NONE);
    mediate_close(&w);
}

/* Half an answer, another's, one that says the opposite: what has no answer is asked again. */
static void test_odd_updates(void **state)
{
    struct mediate_world w;
    char one[VCX_MAX_VERKEY], two[VCX_MAX_VERKEY];
    uint8_t key[VCX_KEY];

    (void)state;
    mediate_open_granted(&w, &holding);
    mediate_lose(&w, 0);
    mediate_key(key, 1);
    vcx_verkey_text(key, one);
    mediate_key(key, 2);
    vcx_verkey_text(key, two);
    want(&w, 1);
    want(&w, 2);
    mediate_turn(&w);
    mediate_answer(&w, UPDATED,
                   json_pack("{s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {}, n, i]}", "updated", "recipient_key", one,
                             "action", "add", "result", "success", "recipient_key", two, "action", "remove", "result",
                             "success", 7));
    assert_int_equal(key_of(&w, 1), VCX_MEDIATE_HAS);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_TOLD);
    mediate_wait_between(&w, 750, 1000);
    assert_int_equal(json_array_size(vcx_of(mediate_question(&w), "updates")), 1);
    mediate_say(&w, UPDATED,
                json_pack("{s:{s:s}, s:[{s:s, s:s, s:s}]}", "~thread", "thid", "another", "updated", "recipient_key",
                          two, "action", "add", "result", "success"));
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_TOLD);
    mediate_answer(&w, UPDATED, json_object());
    mediate_wait_between(&w, 1500, 2000);
    mediate_settle(&w);
    assert_int_equal(key_of(&w, 2), VCX_MEDIATE_HAS);
    mediate_close(&w);
}

/* A mediator that never answers about some keys hears of the others. */
static void test_ignored_keys(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open_granted(&w, &holding);
    mediate_lose(&w, 0);
    for (unsigned i = 0; i <= VCX_MEDIATE_UPDATE; i++)
        want(&w, i);
    mediate_turn(&w);
    mediate_answer(&w, UPDATED, json_object());
    mediate_wait_between(&w, 750, 1000);
    mediate_serve(&w, 0, false);
    assert_int_equal(key_of(&w, VCX_MEDIATE_UPDATE), VCX_MEDIATE_HAS);
    mediate_close(&w);
}

static void test_too_many_keys(void **state)
{
    struct mediate_world w;
    uint8_t key[VCX_KEY];

    (void)state;
    mediate_open(&w, &plain);
    for (unsigned i = 0; i < VCX_MEDIATE_KEYS; i++)
        want(&w, i);
    mediate_key(key, VCX_MEDIATE_KEYS);
    assert_false(vcx_mediate_want(w.m, key));
    assert_false(vcx_mediate_drop(w.m, key));
    want(&w, 0);
    mediate_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grant),       cmocka_unit_test(test_bad_grant),    cmocka_unit_test(test_denied),
        cmocka_unit_test(test_known_grant), cmocka_unit_test(test_ended),        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_keys),        cmocka_unit_test(test_changed_mind), cmocka_unit_test(test_refused_keys),
        cmocka_unit_test(test_odd_updates), cmocka_unit_test(test_ignored_keys), cmocka_unit_test(test_too_many_keys),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
