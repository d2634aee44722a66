/* What a mediator keeps is picked up, whole and once, from a mediator that is honest, forgetful, or worse. */
#include "tests/unit/vcx_mediate_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERY "messagepickup/2.0/delivery-request"
#define GIVEN    "messagepickup/2.0/delivery"
#define RECEIVED "messagepickup/2.0/messages-received"
#define STATUS   "messagepickup/2.0/status"
#define BATCH    "messagepickup/1.0/batch-pickup"
#define PROBLEM  "report-problem/1.0/problem-report"

static const struct vcx_mediate_conf plain = {0}, holding = {.wait_ms = 20000};

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* ---- pickup ---- */

static json_int_t given(const struct mediate_world *w, const char *envelope)
{
    char text[64];

    (void)snprintf(text, sizeof text, "{\"protected\":\"%s\"}", envelope);
    return json_integer_value(json_object_get(w->given, text));
}

static void check_pickup(const struct vcx_mediate_conf *conf, bool as_base64, bool new_unknown)
{
    struct mediate_world w;
    char name[16];

    mediate_open(&w, conf);
    w.as_base64 = as_base64;
    w.new_unknown = new_unknown;
    for (int i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof name, "e%d", i);
        mediate_post(&w, name);
    }
    mediate_settle(&w);
    while (json_array_size(w.queue)) { /* the old pickup is tried a moment after the new one */
        mediate_turn_at(&w, w.due);
        mediate_settle(&w);
    }
    assert_int_equal(json_object_size(w.given), 25);
    for (int i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof name, "e%d", i);
        assert_int_equal(given(&w, name), 1);
    }
    assert_true(vcx_mediate_rounds(w.m) >= 1);
    mediate_close(&w);
}

static void test_pickup(void **state)
{
    static const struct vcx_mediate_conf old = {.pickup_1 = true};

    (void)state;
    check_pickup(&plain, false, false);
    check_pickup(&plain, true, false);
    check_pickup(&holding, false, false);
    check_pickup(&plain, false, true);
    check_pickup(&holding, false, true);
    check_pickup(&old, false, false);
    check_pickup(&old, false, true);
}

/* The mediator is told when the caller says so, and is asked for no more before. */
static void test_stored_first(void **state)
{
    struct mediate_world w;
    struct vcx_action a = {.kind = VCX_MESSAGE};
    struct pb_buf envelope;

    (void)state;
    mediate_open_granted(&w, &plain);
    mediate_turn_at(&w, w.due);
    strcpy(a.id, w.id);
    a.message = json_pack("{s:s, s:[{s:s, s:{s:{}}}, {s:s, s:{s:{}}}], s:{s:s}}", "@type",
                          "https://didcomm.org/messagepickup/2.0/delivery", "~attach", "@id", "one", "data", "json",
                          "@id", "two", "data", "json", "~thread", "thid", vcx_text(mediate_question(&w), "@id"));
    mediate_lose(&w, 0);
    assert_true(vcx_mediate_receive(w.m, &a, w.w.now));
    assert_true(vcx_mediate_receive(w.m, &a, w.w.now)); /* the same ones: nothing new */
    vcx_action_fini(&a);
    assert_true(vcx_mediate_tick(w.m, w.w.now) == INT64_MAX);
    assert_true(vcx_mediate_take(w.m, &envelope));
    pb_buf_fini(&envelope);
    assert_true(vcx_mediate_tick(w.m, w.w.now) == INT64_MAX);
    vcx_mediate_done(w.m);
    (void)vcx_mediate_tick(w.m, w.w.now);
    assert_true(vcx_mediate_take(w.m, &envelope));
    pb_buf_fini(&envelope);
    assert_false(vcx_mediate_take(w.m, &envelope));
    mediate_turn(&w);
    assert_string_equal(mediate_asks(&w), RECEIVED);
    assert_string_equal(json_string_value(json_array_get(vcx_of(mediate_question(&w), "message_id_list"), 0)), "one");

    /* the second one was stored while the mediator heard of the first: it is told next */
    mediate_answer(&w, STATUS, json_pack("{s:i}", "message_count", 1));
    assert_string_equal(mediate_asks(&w), RECEIVED);
    assert_string_equal(json_string_value(json_array_get(vcx_of(mediate_question(&w), "message_id_list"), 0)), "two");
    mediate_answer(&w, STATUS, json_pack("{s:i}", "message_count", 0));
    mediate_wait_between(&w, 750, 1000);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    mediate_close(&w);
}

/* What is no envelope is told as if it was stored, what has no @id cannot be. */
static void test_bad_attachments(void **state)
{
    static const char *const texts[] = {
        "{\"~attach\": [{\"@id\": \"x\"}]}",
        "{\"~attach\": [{\"@id\": \"x\", \"data\": {\"json\": 7}}]}",
        "{\"~attach\": [{\"@id\": \"x\", \"data\": {\"base64\": \"\"}}]}",
        "{\"~attach\": [{\"@id\": \"x\", \"data\": {\"base64\": \"a$\"}}]}",
        "{\"~attach\": [{\"@id\": \"x\", \"data\": {\"links\": [\"http://e/\"]}}]}",
        "{\"~attach\": [{\"@id\": 7, \"data\": {\"json\": {}}}]}",
        "{\"~attach\": [{\"data\": {\"json\": {}}}, 7, null]}",
        "{\"~attach\": {\"@id\": \"x\"}}",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct mediate_world w;

        mediate_open_granted(&w, &plain);
        mediate_turn_at(&w, w.due);
        mediate_answer(&w, GIVEN, json_loads(texts[i], 0, NULL));
        assert_int_equal(json_object_size(w.given), 0);
        if (i < 5)
            assert_string_equal(mediate_asks(&w), RECEIVED);
        else
            mediate_wait_between(&w, 1500, 2000);
        mediate_close(&w);
    }
}

static json_t *many_attachments(int n, const char *data)
{
    json_t *list = json_array();
    char id[16];

    for (int i = 0; i < n; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        json_array_append_new(list, json_pack("{s:s, s:{s:{s:s}}}", "@id", id, "data", "json", "protected", data));
    }
    return json_pack("{s:o}", "~attach", list);
}

static size_t take_all(struct vcx_mediate *m)
{
    struct pb_buf envelope;
    size_t n = 0;

    for (; vcx_mediate_take(m, &envelope); n++)
        pb_buf_fini(&envelope);
    return n;
}

static void push(struct mediate_world *w, json_t *json)
{
    struct vcx_action a = {.kind = VCX_MESSAGE, .message = json};

    strcpy(a.id, w->id);
    json_object_set_new(json, "@type", json_string("https://didcomm.org/messagepickup/2.0/delivery"));
    assert_true(vcx_mediate_receive(w->m, &a, w->w.now));
    vcx_action_fini(&a);
}

/* A mediator that pushes what nobody asked for does not fill the memory. */
static void test_flood(void **state)
{
    const size_t size = 600000;
    char *big = malloc(size + 1);
    struct mediate_world w;

    (void)state;
    assert_non_null(big);
    memset(big, 'a', size);
    big[size] = 0;
    mediate_open_granted(&w, &plain);
    push(&w, many_attachments(100, "small"));
    assert_int_equal(take_all(w.m), VCX_MEDIATE_ITEMS);
    push(&w, many_attachments(100, "small"));
    assert_int_equal(take_all(w.m), 0);
    vcx_mediate_done(w.m);
    push(&w, many_attachments(100, "small"));
    assert_int_equal(take_all(w.m), 0);
    mediate_close(&w);
    mediate_open_granted(&w, &plain);
    push(&w, many_attachments(20, big));
    assert_int_equal(take_all(w.m), VCX_MEDIATE_BYTES / size + 1);
    push(&w, many_attachments(20, big));
    assert_int_equal(take_all(w.m), VCX_MEDIATE_BYTES / size + 1);
    mediate_close(&w);
    free(big);
}

static void test_back_off(void **state)
{
    struct mediate_world w;
    int64_t pause = VCX_MEDIATE_FIRST_MS;

    (void)state;
    mediate_open_granted(&w, &plain);
    for (int i = 0; i < 8; i++) {
        mediate_wait_between(&w, pause - pause / 4, pause);
        assert_string_equal(mediate_asks(&w), DELIVERY);
        assert_false(vcx_json_has(mediate_question(&w), "wait_ms"));
        mediate_settle(&w);
        pause = pause * 2 < VCX_MEDIATE_LAST_MS ? pause * 2 : VCX_MEDIATE_LAST_MS;
    }
    mediate_post(&w, "e");
    mediate_wait_between(&w, pause - pause / 4, pause);
    mediate_settle(&w);
    mediate_wait_between(&w, 750, 1000);
    mediate_close(&w);
}

static void test_long_poll(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open_granted(&w, &holding);
    assert_int_equal(json_integer_value(vcx_of(mediate_question(&w), "wait_ms")), 20000);
    assert_false(vcx_mediate_poll(w.m));

    /* held to the end: asked again at once */
    w.w.now += 20000;
    mediate_serve(&w, 0, false);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    assert_int_equal(vcx_mediate_rounds(w.m), 1);

    /* an envelope comes; what the mediator holds is asked for without waiting for more */
    mediate_post(&w, "e");
    mediate_serve(&w, 0, false);
    assert_int_equal(given(&w, "e"), 1);
    assert_string_equal(mediate_asks(&w), RECEIVED);
    mediate_settle(&w);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    assert_int_equal(json_integer_value(vcx_of(mediate_question(&w), "wait_ms")), 20000);

    /* it is not held any more: asked later and later */
    w.w.now += 100;
    mediate_serve(&w, 0, false);
    mediate_wait_between(&w, 750, 1000);
    mediate_serve(&w, 0, false);
    mediate_wait_between(&w, 1500, 2000);

    /* or has it waited longer than it may? */
    assert_true(w.due == w.w.now + 20000 + VCX_MEDIATE_ANSWER_MS);
    mediate_lose(&w, 0);
    mediate_turn_at(&w, w.due);
    mediate_wait_between(&w, 3000, 4000);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    mediate_close(&w);
}

static void test_lost(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open(&w, &plain);
    mediate_turn(&w);
    vcx_mediate_lost(w.m, "another", w.w.now);
    mediate_turn(&w);
    assert_int_equal(json_array_size(w.asked), 1);
    vcx_mediate_lost(w.m, vcx_text(mediate_question(&w), "@id"), w.w.now);
    mediate_lose(&w, 0);
    mediate_turn(&w);
    mediate_wait_between(&w, 750, 1000);
    vcx_mediate_lost(w.m, vcx_text(mediate_question(&w), "@id"), w.w.now);
    mediate_lose(&w, 0);
    mediate_turn(&w);
    mediate_wait_between(&w, 1500, 2000);
    mediate_settle(&w);
    assert_int_equal(vcx_mediate_state(w.m), VCX_MEDIATE_GRANTED);
    mediate_close(&w);
}

static void test_poll(void **state)
{
    struct mediate_world w;
    uint64_t rounds;

    (void)state;
    mediate_open_granted(&w, &plain);
    for (int i = 0; i < 5; i++) {
        mediate_turn_at(&w, w.due);
        mediate_settle(&w);
    }
    assert_true(w.due > w.w.now + 10000);
    rounds = vcx_mediate_rounds(w.m);
    mediate_post(&w, "e");
    assert_true(vcx_mediate_poll(w.m));
    mediate_settle(&w);
    assert_int_equal(given(&w, "e"), 1);
    assert_true(vcx_mediate_rounds(w.m) > rounds);
    mediate_close(&w);

    /* with a mediator that holds: now, while it was to be asked later */
    mediate_open_granted(&w, &holding);
    mediate_answer(&w, STATUS, json_pack("{s:i}", "message_count", 0));
    assert_string_equal(mediate_asks(&w), "");
    assert_true(vcx_mediate_poll(w.m));
    mediate_turn(&w);
    assert_false(vcx_json_has(mediate_question(&w), "wait_ms"));
    mediate_close(&w);
}

static void test_problems(void **state)
{
    struct mediate_world w;

    (void)state;

    /* one that has answered the new pickup is not asked for the old one */
    mediate_open_granted(&w, &plain);
    mediate_turn_at(&w, w.due);
    mediate_answer(&w, PROBLEM, json_object());
    mediate_wait_between(&w, 1500, 2000);
    assert_string_equal(mediate_asks(&w), DELIVERY);

    /* ids that it does not take are not said for ever */
    mediate_post(&w, "e");
    mediate_serve(&w, 0, false);
    assert_string_equal(mediate_asks(&w), RECEIVED);
    mediate_answer(&w, PROBLEM, json_object());
    mediate_wait_between(&w, 750, 1000);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    mediate_close(&w);

    /* one that knows neither is asked for both, in turn */
    mediate_open(&w, &plain);
    mediate_turn(&w);
    mediate_serve(&w, 0, false);
    mediate_answer(&w, PROBLEM, json_object());
    mediate_wait_between(&w, 750, 1000);
    assert_string_equal(mediate_asks(&w), BATCH);
    mediate_answer(&w, "messagepickup/1.0/problem_report", json_object());
    mediate_wait_between(&w, 1500, 2000);
    assert_string_equal(mediate_asks(&w), DELIVERY);
    mediate_close(&w);

    /* one that is said to know the old one, not */
    mediate_open(&w, &(struct vcx_mediate_conf){.pickup_1 = true});
    mediate_turn(&w);
    mediate_serve(&w, 0, false);
    mediate_answer(&w, PROBLEM, json_object());
    mediate_wait_between(&w, 750, 1000);
    assert_string_equal(mediate_asks(&w), BATCH);
    mediate_close(&w);
}

/* The old pickup's mediator has forgotten what it gave: a late batch is taken too. */
static void test_late_batch(void **state)
{
    struct mediate_world w;

    (void)state;
    mediate_open(&w, &(struct vcx_mediate_conf){.pickup_1 = true});
    mediate_settle(&w);
    mediate_say(&w, "messagepickup/1.0/batch",
                json_pack("{s:{s:s}, s:[{s:s, s:{s:s}}, {s:s}, {s:s, s:i}]}", "~thread", "thid", "late",
                          "messages~attach", "id", "1", "message", "protected", "late", "id", "2", "id", "3", "message",
                          7));
    assert_int_equal(given(&w, "late"), 1);
    assert_int_equal(json_object_size(w.given), 1);
    mediate_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickup),     cmocka_unit_test(test_stored_first), cmocka_unit_test(test_bad_attachments),
        cmocka_unit_test(test_flood),      cmocka_unit_test(test_back_off),     cmocka_unit_test(test_long_poll),
        cmocka_unit_test(test_lost),       cmocka_unit_test(test_poll),         cmocka_unit_test(test_problems),
        cmocka_unit_test(test_late_batch),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
