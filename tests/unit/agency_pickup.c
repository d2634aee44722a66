/* What is forwarded waits until it is picked up; nobody else's hands are on it. */
#include "tests/unit/agency_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERY "messagepickup/2.0/delivery"
#define STATUS   "messagepickup/2.0/status"
#define RECEIVED "messagepickup/2.0/messages-received"
#define BATCH    "messagepickup/1.0/batch"

static const json_t *fetch(struct world_client *c, int limit)
{
    return world_ask(c, "messagepickup/2.0/delivery-request", json_pack("{s:i}", "limit", limit));
}

static void expect(const json_t *delivery, size_t at, const char *text)
{
    char *found = world_delivered(delivery, at);

    assert_string_equal(found, text);
    free(found);
}

static size_t count_of(const json_t *delivery)
{
    assert_true(world_is(delivery, DELIVERY));
    return json_array_size(vcx_of(delivery, "~attach"));
}

static void pickup(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    const json_t *answer;
    char first[32], second[32];

    (void)unused;
    for (int crashes = 0; crashes < 2; crashes++) {
        agency_world_open(&w);
        agency_world_start(&w);
        w.crashes = crashes;
        c = world_mediated(&w, 0);
        assert_true(world_is(fetch(c, 10), STATUS));
        assert_int_equal(world_forward(&w, c->key, "one"), 202);
        w.now += 5000;
        assert_int_equal(world_forward(&w, c->key, "two"), 202);
        assert_int_equal(world_forward(&w, c->key, "three"), 202);
        assert_int_equal(world_count(c), 3);
        assert_int_equal(json_integer_value(vcx_of(c->message, "longest_waited_seconds")), 5);
        assert_string_equal(vcx_text(c->message, "oldest_received_time"), "2023-11-14T22:13:20Z");
        assert_string_equal(vcx_text(c->message, "newest_received_time"), "2023-11-14T22:13:25Z");
        answer = fetch(c, 2);
        assert_int_equal(count_of(answer), 2);
        expect(answer, 0, "one");
        expect(answer, 1, "two");
        answer = fetch(c, 10); /* nothing is removed before it was received */
        assert_int_equal(count_of(answer), 3);
        snprintf(first, sizeof first, "%s", world_id(answer, 0));
        snprintf(second, sizeof second, "%s", world_id(answer, 1));
        answer = world_ask(c, RECEIVED, json_pack("{s:[s, s, s]}", "message_id_list", second, "99", "x"));
        assert_true(world_is(answer, STATUS));
        assert_int_equal(json_integer_value(vcx_of(answer, "message_count")), 2);
        (void)world_ask(c, RECEIVED, json_pack("{s:[s, s]}", "message_id_list", second, first));
        answer = fetch(c, 10);
        assert_int_equal(count_of(answer), 1);
        expect(answer, 0, "three");
        agency_world_close(&w);
    }
}

static void bad_requests(void **unused)
{
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    assert_string_equal(world_problem(fetch(c, 0)), "invalid-limit");
    assert_string_equal(world_problem(world_ask(c, RECEIVED, NULL)), "invalid-message-id-list");
    assert_string_equal(
        world_problem(world_ask(c, "messagepickup/2.0/status-request", json_pack("{s:s}", "recipient_key", "no key"))),
        "invalid-recipient-key");
    assert_string_equal(world_problem(world_ask(c, "messagepickup/1.0/batch-pickup", NULL)), "invalid-batch-size");
    assert_true(world_is(world_ask(c, "messagepickup/2.0/live-delivery-change", json_pack("{s:b}", "live_delivery", 1)),
                         "notification/1.0/problem-report"));
    assert_string_equal(vcx_text(vcx_of(c->message, "description"), "code"), "e.m.live-mode-not-supported");
    assert_true(world_is(world_ask(c, "messagepickup/2.0/live-delivery-change", json_pack("{s:b}", "live_delivery", 0)),
                         STATUS));
    assert_null(world_ask(c, "messagepickup/1.0/noop", NULL));
    assert_int_equal(c->status, 202);
    agency_world_close(&w);
}

/* With a key only what is for it. */
static void filter(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    uint8_t key[VCX_KEY];
    char text[VCX_MAX_VERKEY], did_key[VCX_MAX_DID_KEY];
    const json_t *answer;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    memset(key, 7, sizeof key);
    vcx_verkey_text(key, text);
    assert_string_equal(world_update(c, "add", text), "success");
    assert_int_equal(world_forward(&w, c->key, "first"), 202);
    assert_int_equal(world_forward(&w, key, "second"), 202);
    vcx_did_key_text(VCX_ED25519, key, did_key);
    answer = world_ask(c, "messagepickup/2.0/status-request", json_pack("{s:s}", "recipient_key", text));
    assert_int_equal(json_integer_value(vcx_of(answer, "message_count")), 1);
    assert_string_equal(vcx_text(answer, "recipient_key"), did_key);
    answer = world_ask(c, "messagepickup/2.0/delivery-request",
                       json_pack("{s:i, s:s}", "limit", 5, "recipient_key", did_key));
    assert_int_equal(count_of(answer), 1);
    expect(answer, 0, "second");
    agency_world_close(&w);
}

/* A delivery holds what fits into an envelope, and at least one. */
static void large(void **unused)
{
    const size_t n = AGENCY_MAX_ENVELOPE - 100;
    char *text = malloc(n + 200);
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    memset(text, 'x', n + 200);
    text[n] = 0;
    assert_int_equal(world_forward(&w, c->key, text), 202);
    assert_int_equal(world_forward(&w, c->key, text), 202);
    assert_int_equal(world_forward(&w, c->key, "small"), 202);
    assert_int_equal(count_of(fetch(c, 10)), 1);
    assert_true(world_is(world_ask(c, "messagepickup/1.0/batch-pickup", json_pack("{s:i}", "batch_size", 10)), BATCH));
    assert_int_equal(json_array_size(vcx_of(c->message, "messages~attach")), 1);
    assert_int_equal(world_count(c), 2);
    text[n] = 'x';
    text[n + 101] = 0;
    assert_int_equal(world_forward(&w, c->key, text), 413);
    free(text);
    agency_world_close(&w);
}

static void old_pickup(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    const json_t *answer, *one;

    (void)unused;
    for (int crashes = 0; crashes < 2; crashes++) {
        agency_world_open(&w);
        agency_world_start(&w);
        w.crashes = crashes;
        c = world_mediated(&w, 0);
        assert_int_equal(world_forward(&w, c->key, "one"), 202);
        assert_int_equal(world_forward(&w, c->key, "two"), 202);
        answer = world_ask(c, "messagepickup/1.0/status-request", NULL);
        assert_true(world_is(answer, "messagepickup/1.0/status"));
        assert_int_equal(json_integer_value(vcx_of(answer, "message_count")), 2);
        answer = world_ask(c, "messagepickup/1.0/batch-pickup", json_pack("{s:i}", "batch_size", 1));
        assert_true(world_is(answer, BATCH));
        assert_int_equal(json_array_size(vcx_of(answer, "messages~attach")), 1);
        one = json_array_get(vcx_of(answer, "messages~attach"), 0);
        assert_string_equal(vcx_text(one, "id"), vcx_text(one, "@id"));
        assert_true(strlen(vcx_text(one, "id")) >= 8);
        assert_string_equal(vcx_text(vcx_of(one, "message"), "ciphertext"), "one");
        answer = world_ask(c, "messagepickup/1.0/batch-pickup", json_pack("{s:i}", "batch_size", 9));
        one = json_array_get(vcx_of(answer, "messages~attach"), 0);
        assert_string_equal(vcx_text(vcx_of(one, "message"), "ciphertext"), "two");
        assert_int_equal(world_count(c), 0);
        agency_world_close(&w);
    }
}

/* Without a way for the answer nothing is given out: the message says "none" itself, as a queued core would not. */
static void nowhere(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    const struct vcx_conn *conn;
    json_t *batch = json_pack("{s:s, s:s, s:i}", "@type", "https://didcomm.org/messagepickup/1.0/batch-pickup", "@id",
                              "b", "batch_size", 9);

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    assert_int_equal(world_forward(&w, c->key, "kept"), 202);
    conn = vcx_core_find(c->core, c->id);
    assert_int_equal(world_post(&w, world_secret(&c->ring, conn->own), conn->theirs.recipients[0], batch), 202);
    json_decref(batch);
    assert_int_equal(world_count(c), 1);
    agency_world_close(&w);
}

/* ---- each for itself ---- */

static void isolation(void **unused)
{
    struct agency_world w;
    struct world_client *a, *b;
    char text[VCX_MAX_VERKEY], id[32];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    a = world_mediated(&w, 0);
    b = world_mediated(&w, 1);
    assert_int_equal(world_forward(&w, a->key, "for a"), 202);
    snprintf(id, sizeof id, "%s", world_id(fetch(a, 1), 0));
    vcx_verkey_text(a->key, text);
    assert_true(world_is(fetch(b, 10), STATUS));
    assert_true(world_is(
        world_ask(b, "messagepickup/2.0/delivery-request", json_pack("{s:i, s:s}", "limit", 5, "recipient_key", text)),
        STATUS));
    (void)world_ask(b, RECEIVED, json_pack("{s:[s]}", "message_id_list", id));
    (void)world_ask(b, "messagepickup/1.0/batch-pickup", json_pack("{s:i}", "batch_size", 9));
    assert_int_equal(json_array_size(vcx_of(b->message, "messages~attach")), 0);
    expect(fetch(a, 10), 0, "for a");
    agency_world_close(&w);
}

static void no_envelopes(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    json_t *more =
        json_pack("{s:s, s:s, s:s, s:s, s:[]}", "protected", "p", "iv", "i", "ciphertext", "c", "tag", "t", "more");

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    assert_int_equal(world_forward_json(&w, c->key, more), 400);
    assert_int_equal(world_forward_json(&w, c->key, json_object()), 400);
    assert_int_equal(world_forward_json(&w, c->key, json_string("text")), 400);
    assert_int_equal(world_forward(&w, agency_key(w.agency), "x"), 404);
    assert_int_equal(world_count(c), 0);
    agency_world_close(&w);
}

static void quotas(void **unused)
{
    struct agency_world w;
    struct world_client *a, *b;
    char text[300];

    (void)unused;
    agency_world_open(&w);
    w.conf.limits.bytes = 1024;
    w.conf.limits.total_bytes = 1200;
    w.conf.limits.envelope = 400;
    agency_world_start(&w);
    a = world_mediated(&w, 0);
    b = world_mediated(&w, 1);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(world_forward(&w, a->key, "x"), 202);
    assert_int_equal(world_forward(&w, a->key, "x"), 507); /* messages */
    assert_int_equal(world_forward(&w, b->key, text), 202);
    assert_int_equal(world_forward(&w, b->key, text), 202);
    assert_int_equal(world_forward(&w, b->key, text), 507); /* bytes */
    (void)world_ask(a, "messagepickup/1.0/batch-pickup", json_pack("{s:i}", "batch_size", 9));
    assert_int_equal(world_forward(&w, a->key, text), 202);
    assert_int_equal(world_forward(&w, a->key, text), 507); /* of all of them */
    assert_int_equal(world_count(a), 1);
    agency_world_close(&w);
}

/* ---- waiting ---- */

static void ask_and_wait(struct world_client *c, const char *type, int ms)
{
    assert_null(world_ask(c, type, json_pack("{s:i, s:i}", "wait_ms", ms, "limit", 5)));
    assert_int_equal(c->status, 0);
}

static void waits(void **unused)
{
    struct agency_world w;
    struct world_client *c, *other;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    other = world_mediated(&w, 1);
    ask_and_wait(c, "messagepickup/2.0/delivery-request", 10000);
    assert_int_equal(world_forward(&w, other->key, "no"), 202);
    assert_int_equal(c->status, 0);
    assert_int_equal(world_forward(&w, c->key, "now"), 202);
    assert_int_equal(c->status, 200);
    expect(c->message, 0, "now");
    (void)world_ask(c, RECEIVED, json_pack("{s:[s]}", "message_id_list", world_id(c->message, 0)));
    ask_and_wait(c, "messagepickup/2.0/status-request", 99999);
    assert_int_equal(agency_tick(w.agency, w.now), w.now + 20000); /* no longer than the agency wants */
    w.now += 20000;
    (void)agency_tick(w.agency, w.now);
    world_deliver(&w);
    assert_int_equal(c->status, 200);
    assert_int_equal(json_integer_value(vcx_of(c->message, "message_count")), 0);
    agency_world_close(&w);
}

/* With a key only what is for it ends the waiting. */
static void waits_for_key(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    uint8_t key[VCX_KEY];
    char text[VCX_MAX_VERKEY];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    memset(key, 7, sizeof key);
    vcx_verkey_text(key, text);
    assert_string_equal(world_update(c, "add", text), "success");
    assert_null(world_ask(c, "messagepickup/2.0/delivery-request",
                          json_pack("{s:i, s:i, s:s}", "wait_ms", 9000, "limit", 5, "recipient_key", text)));
    assert_int_equal(world_forward(&w, c->key, "other"), 202);
    assert_int_equal(c->status, 0);
    assert_int_equal(world_forward(&w, key, "this"), 202);
    assert_int_equal(c->status, 200);
    assert_int_equal(count_of(c->message), 1);
    expect(c->message, 0, "this");
    agency_world_close(&w);
}

/* One at a time: the next request ends the one before. */
static void one_wait(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    struct vcx_action a;
    char why[VCX_WHY];
    int tags[2];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    for (int i = 0; i < 2; i++) {
        const char *text = "{\"@type\": \"https://didcomm.org/messagepickup/2.0/status-request\", \"wait_ms\": 9000}";

        assert_int_equal(vcx_core_send(c->core, c->id, pbay_str(text), NULL, w.now, NULL, why), VCX_OK);
        assert_true(vcx_core_take(c->core, &a));
        agency_receive(w.agency, &tags[i], vcx_view(&a.envelope), w.now);
        vcx_action_fini(&a);
    }
    for (int i = 0; i < 2; i++) {
        struct agency_out *out = agency_take(w.agency);

        assert_non_null(out);
        assert_ptr_equal(out->tag, &tags[i]);
        assert_int_equal(out->status, 200);
        assert_true(vcx_core_receive(c->core, vcx_view(&out->envelope), w.now, why));
        agency_out_destroy(&out);
        assert_null(agency_take(w.agency));
        agency_end_waits(w.agency, w.now);
    }
    agency_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickup),    cmocka_unit_test(bad_requests), cmocka_unit_test(filter),
        cmocka_unit_test(large),     cmocka_unit_test(old_pickup),   cmocka_unit_test(nowhere),
        cmocka_unit_test(isolation), cmocka_unit_test(no_envelopes), cmocka_unit_test(quotas),
        cmocka_unit_test(waits),     cmocka_unit_test(one_wait),     cmocka_unit_test(waits_for_key),
    };

    return vcx_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
