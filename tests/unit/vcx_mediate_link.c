/* Short links of a mediator that makes them, refuses, says nothing, or says it too late or wrong. */
#include "tests/unit/vcx_mediate_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY      "discover-features/1.0/query"
#define DISCLOSE   "discover-features/1.0/disclose"
#define SHORTEN    "shorten-url/1.0/request-shortened-url"
#define SHORTENED  "shorten-url/1.0/shortened-url"
#define INVALIDATE "shorten-url/1.0/invalidate-shortened-url"
#define PROBLEM    "report-problem/1.0/problem-report"
#define PROTOCOL   "https://didcomm.org/shorten-url/1.0"
#define INVITE     "http://mediator.example?oob=e30"

static const struct vcx_mediate_conf linking = {.wait_ms = 20000, .links = true};

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* The request that the mediator holds is put aside. */
static void open_offering(struct mediate_world *w, const char *protocol)
{
    mediate_open(w, &linking);
    w->offers = protocol;
    mediate_settle(w);
    assert_int_equal(json_array_size(w->asked), 1);
    mediate_lose(w, 0);
}

static struct vcx_mediate_link link_of(const struct mediate_world *w, const char *invitation, int64_t ms)
{
    struct vcx_mediate_link link = {.connection = "connection", .expires_at = w->w.now + ms};

    (void)snprintf(link.invitation, sizeof link.invitation, "%s", invitation);
    return link;
}

static bool shorten(struct mediate_world *w, const char *invitation)
{
    const struct vcx_mediate_link link = link_of(w, invitation, 90500);
    bool asked = vcx_mediate_shorten(w->m, &link, pbay_str(INVITE), w->w.now);

    mediate_turn(w);
    return asked;
}

static void expect_link(struct mediate_world *w, const char *invitation, const char *url)
{
    struct vcx_mediate_link link;

    assert_false(vcx_mediate_is_shortening(w->m, invitation));
    assert_true(vcx_mediate_take_link(w->m, &link));
    assert_string_equal(link.connection, "connection");
    assert_string_equal(link.invitation, invitation);
    assert_string_equal(link.url, url);
}

static void expect_none(struct mediate_world *w, const char *invitation)
{
    struct vcx_mediate_link link;

    assert_false(vcx_mediate_is_shortening(w->m, invitation));
    assert_false(vcx_mediate_take_link(w->m, &link));
}

/* ---- whether there are any ---- */

static void test_offered(void **state)
{
    static const struct {
        const char *protocol;
        bool offered;
    } rows[] = {{PROTOCOL, true},
                {"did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/shorten-url/1.1", true},
                {NULL, false},
                {"https://didcomm.org/shorten-url/2.0", false},
                {"https://didcomm.org/shorten-urls/1.0", false}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mediate_world w;

        open_offering(&w, rows[i].protocol);
        assert_int_equal(vcx_mediate_has_links(w.m), rows[i].offered);
        assert_int_equal(shorten(&w, "one"), rows[i].offered);
        assert_string_equal(mediate_asks(&w), rows[i].offered ? SHORTEN : "");
        mediate_close(&w);
    }
}

/* Nothing waits for the answer. */
static void test_unanswered(void **state)
{
    struct mediate_world w;
    uint8_t key[VCX_KEY];
    int64_t last = 0;

    (void)state;
    mediate_open(&w, &linking);
    w.offers = PROTOCOL;
    mediate_turn(&w);
    assert_int_equal(json_array_size(w.asked), 1);
    mediate_serve(&w, 0, false);
    assert_int_equal(json_array_size(w.asked), 2);
    mediate_lose(&w, 0);
    assert_string_equal(mediate_asks(&w), QUERY);
    assert_false(shorten(&w, "one"));
    mediate_key(key, 1);
    assert_true(vcx_mediate_want(w.m, key));
    mediate_turn(&w);
    mediate_serve(&w, 1, false);
    assert_true(vcx_mediate_has(w.m, key));
    for (int i = 0; i < 20; i++) {
        vcx_mediate_lost(w.m, vcx_text(mediate_question(&w), "@id"), w.w.now);
        mediate_lose(&w, 0);
        last = w.w.now;
        do {
            mediate_turn_at(&w, w.w.now + 1000);
            while (json_array_size(w.asked) && strcmp(mediate_asks(&w), QUERY) != 0)
                mediate_lose(&w, 0);
        } while (!json_array_size(w.asked));
    }
    assert_true(w.w.now - last > VCX_MEDIATE_QUERY_MS * 3 / 4 - 1000 && w.w.now - last <= VCX_MEDIATE_QUERY_MS + 1000);
    mediate_serve(&w, 0, false);
    assert_true(vcx_mediate_has_links(w.m));
    mediate_close(&w);
}

/* One that knows nothing of features is not asked again; neither is one that has answered. */
static void test_once(void **state)
{
    struct mediate_world w;

    (void)state;
    for (int i = 0; i < 2; i++) {
        mediate_open(&w, &linking);
        mediate_turn(&w);
        mediate_serve(&w, 0, false);
        mediate_lose(&w, 0);
        if (i)
            mediate_answer(&w, DISCLOSE, json_object());
        else
            mediate_answer(&w, PROBLEM, json_object());
        assert_false(vcx_mediate_has_links(w.m));
        for (int hours = 0; hours < 5; hours++) {
            mediate_turn_at(&w, w.w.now + VCX_MEDIATE_QUERY_MS);
            for (; json_array_size(w.asked); mediate_lose(&w, 0))
                assert_string_not_equal(mediate_asks(&w), QUERY);
        }
        mediate_close(&w);
    }
}

/* ---- asking for one ---- */

static void test_shorten(void **state)
{
    struct mediate_world w;
    const json_t *question;

    (void)state;
    open_offering(&w, PROTOCOL);
    assert_true(shorten(&w, "one"));
    assert_true(vcx_mediate_is_shortening(w.m, "one"));
    assert_false(vcx_mediate_is_shortening(w.m, "two"));
    question = mediate_question(&w);
    assert_string_equal(vcx_text(question, "@type"), "https://didcomm.org/" SHORTEN);
    assert_string_equal(vcx_text(question, "url"), INVITE);
    assert_string_equal(vcx_text(question, "goal_code"), "shorten.invite");
    assert_int_equal(json_integer_value(vcx_of(question, "requested_validity_seconds")), 90);
    assert_int_equal(json_object_size(question), 6); /* with @type, @id and ~transport: no word of who gets it */
    mediate_serve(&w, 0, false);
    expect_link(&w, "one", ORIGIN "/i/1");
    expect_none(&w, "one");

    /* one after the other, each with its own */
    assert_true(shorten(&w, "two"));
    assert_true(shorten(&w, "three"));
    assert_int_equal(json_array_size(w.asked), 1);
    mediate_serve(&w, 0, false);
    assert_true(vcx_mediate_is_shortening(w.m, "three"));
    mediate_serve(&w, 0, false);
    expect_link(&w, "two", ORIGIN "/i/2");
    expect_link(&w, "three", ORIGIN "/i/3");
    mediate_close(&w);
}

static void test_refused(void **state)
{
    struct mediate_world w;

    (void)state;
    open_offering(&w, PROTOCOL);
    assert_true(shorten(&w, "one"));
    mediate_answer(&w, PROBLEM, json_object());
    expect_none(&w, "one");
    assert_true(shorten(&w, "two"));
    vcx_mediate_lost(w.m, vcx_text(mediate_question(&w), "@id"), w.w.now);
    mediate_lose(&w, 0);
    expect_none(&w, "two");
    assert_true(shorten(&w, "three"));
    mediate_serve(&w, 0, false);
    expect_link(&w, "three", ORIGIN "/i/1");
    mediate_close(&w);
}

/* What comes too late is nobody's: it is invalidated. */
static void test_silent(void **state)
{
    struct mediate_world w;
    char *id;
    int64_t began;

    (void)state;
    open_offering(&w, PROTOCOL);
    began = w.w.now;
    assert_true(shorten(&w, "one"));
    id = strdup(vcx_text(mediate_question(&w), "@id"));
    mediate_lose(&w, 0);
    assert_true(shorten(&w, "two"));
    assert_true(w.due <= began + VCX_MEDIATE_LINK_MS);
    mediate_turn_at(&w, began + VCX_MEDIATE_LINK_MS - 1);
    assert_true(vcx_mediate_is_shortening(w.m, "one"));
    mediate_turn_at(&w, began + VCX_MEDIATE_LINK_MS);
    expect_none(&w, "one");
    expect_none(&w, "two");
    assert_string_equal(mediate_asks(&w), "");

    assert_true(shorten(&w, "three"));
    json_object_set_new(w.links, ORIGIN "/i/9", json_object());
    mediate_say(&w, SHORTENED, json_pack("{s:{s:s}, s:s}", "~thread", "thid", id, "shortened_url", ORIGIN "/i/9"));
    assert_true(vcx_mediate_is_shortening(w.m, "three"));
    assert_int_equal(json_array_size(w.asked), 2);
    assert_string_equal(vcx_text(json_array_get(w.asked, 1), "shortened_url"), ORIGIN "/i/9");
    mediate_serve(&w, 1, false);
    assert_true(json_is_null(json_object_get(w.links, ORIGIN "/i/9")));
    mediate_serve(&w, 0, false);
    expect_link(&w, "three", ORIGIN "/i/2");
    free(id);
    mediate_close(&w);
}

/* Of another thread, or of none: whose invitation would it be? */
static void test_foreign_thread(void **state)
{
    struct mediate_world w;

    (void)state;
    open_offering(&w, PROTOCOL);
    assert_true(shorten(&w, "one"));
    mediate_say(&w, SHORTENED, json_pack("{s:s}", "shortened_url", ORIGIN "/i/8"));
    mediate_say(&w, SHORTENED, json_pack("{s:{s:s}, s:s}", "~thread", "thid", "x", "shortened_url", ORIGIN "/i/9"));
    mediate_say(&w, SHORTENED, json_pack("{s:s}", "shortened_url", "javascript:alert(1)"));
    assert_true(vcx_mediate_is_shortening(w.m, "one"));
    mediate_serve(&w, 0, false);
    expect_link(&w, "one", ORIGIN "/i/1");
    expect_none(&w, "one");
    assert_string_equal(vcx_text(mediate_question(&w), "shortened_url"), ORIGIN "/i/8");
    mediate_serve(&w, 0, false);
    assert_string_equal(vcx_text(mediate_question(&w), "shortened_url"), ORIGIN "/i/9");
    mediate_serve(&w, 0, false);
    assert_string_equal(mediate_asks(&w), "");
    mediate_close(&w);
}

static void check_url(struct mediate_world *w, json_t *answer, const char *expected)
{
    assert_true(shorten(w, "one"));
    mediate_answer(w, SHORTENED, answer);
    if (expected)
        expect_link(w, "one", expected);
    else
        expect_none(w, "one");
    assert_string_equal(mediate_asks(w), "");
}

static void test_urls(void **state)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "/i/1",
                                      "javascript:alert(1)",
                                      "ftp://mediator.example/i/1",
                                      "https://mediator.example/i/1",
                                      "http://other.example/i/1",
                                      "http://mediator.example.evil/i/1",
                                      "http://mediator.example@evil/i/1",
                                      "http://mediator.example:81/i/1",
                                      "http://mediator.example",
                                      "http://mediator.example/",
                                      "http://mediator.example?i=1",
                                      "http://mediator.example/i/1 2",
                                      "http://mediator.example/i/1\nCome",
                                      "http://mediator.example/i/\x7f",
                                      "http://mediator.example/i/\xc3\xbc"};
    struct mediate_world w;
    char longest[VCX_MEDIATE_LINK + 2] = ORIGIN "/";

    (void)state;
    open_offering(&w, PROTOCOL);
    for (size_t i = 0; i < COUNT(bad); i++)
        check_url(&w, json_pack("{s:s}", "shortened_url", bad[i]), NULL);
    check_url(&w, json_object(), NULL);
    check_url(&w, json_pack("{s:i}", "shortened_url", 7), NULL);
    memset(longest + strlen(longest), 'a', sizeof longest - 1 - strlen(longest));
    check_url(&w, json_pack("{s:s}", "shortened_url", longest), NULL);
    longest[VCX_MEDIATE_LINK] = 0;
    check_url(&w, json_pack("{s:s}", "shortened_url", longest), longest);
    check_url(&w, json_pack("{s:s}", "shortened_url", "HTTP://Mediator.example/i/1"), "HTTP://Mediator.example/i/1");
    mediate_close(&w);
}

/* ---- ending one ---- */

static void invalidate(struct mediate_world *w, const char *url, int64_t ms)
{
    struct vcx_mediate_link link = link_of(w, "one", ms);

    (void)snprintf(link.url, sizeof link.url, "%s", url);
    vcx_mediate_invalidate(w->m, &link);
}

static void expect_dead(struct mediate_world *w, const char *url)
{
    struct vcx_mediate_link link;

    assert_true(vcx_mediate_take_dead(w->m, &link));
    assert_string_equal(link.url, url);
    assert_false(vcx_mediate_take_dead(w->m, &link));
}

static void test_invalidate(void **state)
{
    struct mediate_world w;
    struct vcx_mediate_link link;

    (void)state;
    open_offering(&w, PROTOCOL);
    assert_true(shorten(&w, "one"));
    mediate_serve(&w, 0, false);
    expect_link(&w, "one", ORIGIN "/i/1");
    invalidate(&w, ORIGIN "/i/1", 100000);
    invalidate(&w, ORIGIN "/i/1", 100000);
    mediate_turn(&w);
    invalidate(&w, ORIGIN "/i/1", 100000);
    assert_false(vcx_mediate_take_dead(w.m, &link));
    assert_string_equal(mediate_asks(&w), INVALIDATE);

    /* the answer is lost, and then the second question's is a problem: the link is gone already */
    vcx_mediate_lost(w.m, vcx_text(mediate_question(&w), "@id"), w.w.now);
    mediate_serve(&w, 0, true);
    assert_true(json_is_null(json_object_get(w.links, ORIGIN "/i/1")));
    mediate_turn(&w);
    assert_string_equal(mediate_asks(&w), "");
    mediate_turn_at(&w, w.w.now + VCX_MEDIATE_FIRST_MS);
    assert_string_equal(mediate_asks(&w), INVALIDATE);
    assert_false(vcx_mediate_take_dead(w.m, &link));
    mediate_serve(&w, 0, false);
    expect_dead(&w, ORIGIN "/i/1");
    mediate_turn(&w);
    assert_string_equal(mediate_asks(&w), "");

    /* an acknowledgement of something else says nothing */
    json_object_set_new(w.links, ORIGIN "/i/2", json_object());
    invalidate(&w, ORIGIN "/i/2", 100000);
    mediate_turn(&w);
    mediate_say(&w, "notification/1.0/ack", json_pack("{s:{s:s}}", "~thread", "thid", "x"));
    assert_false(vcx_mediate_take_dead(w.m, &link));
    mediate_serve(&w, 0, false);
    expect_dead(&w, ORIGIN "/i/2");
    mediate_close(&w);
}

static void test_expired(void **state)
{
    struct mediate_world w;

    (void)state;
    open_offering(&w, PROTOCOL);
    invalidate(&w, ORIGIN "/i/1", 0);
    mediate_turn(&w);
    assert_string_equal(mediate_asks(&w), "");
    expect_dead(&w, ORIGIN "/i/1");
    invalidate(&w, ORIGIN "/i/2", 30000);
    mediate_turn(&w);
    mediate_lose(&w, 0);
    mediate_turn_at(&w, w.w.now + VCX_MEDIATE_ANSWER_MS);
    mediate_turn_at(&w, w.w.now + 10000);
    expect_dead(&w, ORIGIN "/i/2");
    mediate_close(&w);
}

/* There is room for so many, and then again. */
static void test_bound(void **state)
{
    struct mediate_world w;
    const struct vcx_mediate_link link = {.invitation = "x", .expires_at = INT64_MAX};
    char url[64];

    (void)state;
    open_offering(&w, PROTOCOL);
    for (int i = 0; i < VCX_MEDIATE_LINKS + 10; i++) {
        (void)snprintf(url, sizeof url, ORIGIN "/i/%d", i);
        invalidate(&w, url, 0);
    }
    assert_false(vcx_mediate_shorten(w.m, &link, pbay_str(INVITE), w.w.now));
    mediate_turn(&w);
    for (int i = 0; i < VCX_MEDIATE_LINKS; i++) {
        struct vcx_mediate_link dead;

        assert_true(vcx_mediate_take_dead(w.m, &dead));
    }
    expect_none(&w, "x");
    assert_true(vcx_mediate_shorten(w.m, &link, pbay_str(INVITE), w.w.now));
    mediate_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offered), cmocka_unit_test(test_unanswered),     cmocka_unit_test(test_once),
        cmocka_unit_test(test_shorten), cmocka_unit_test(test_refused),        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_urls),    cmocka_unit_test(test_foreign_thread), cmocka_unit_test(test_invalidate),
        cmocka_unit_test(test_expired), cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
