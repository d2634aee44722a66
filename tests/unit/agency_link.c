/* Short links; what becomes too old; a database that fails; what lasts over a change of address. */
#include "tests/unit/agency_world.h"

#include "connections/agency/agency_page.h"
#include "connections/vcx/vcx_invite.h"

#include <stdio.h>
#include <string.h>

#define SHORTEN    "shorten-url/1.0/request-shortened-url"
#define INVALIDATE "shorten-url/1.0/invalidate-shortened-url"
#define HOUR       INT64_C(3600000)

/* An invitation's URL: the agency's own will do. */
static void example(struct agency_world *w, struct pb_buf *url)
{
    agency_invitation_url(w->agency, AGENCY_OOB, url);
    pb_buf_add(url, "", 1);
}

static const json_t *shorten(struct world_client *c, const char *url, int validity)
{
    return world_ask(c, SHORTEN,
                     json_pack("{s:s, s:i, s:s}", "url", url, "requested_validity_seconds", validity, "goal_code",
                               "shorten.invite"));
}

/* Make one, and keep its id. */
static void make_link(struct world_client *c, const char *url, int validity, char uid[AGENCY_UID])
{
    const json_t *answer = shorten(c, url, validity);
    const char *link;

    assert_true(world_is(answer, "shorten-url/1.0/shortened-url"));
    link = vcx_text(answer, "shortened_url");
    assert_int_equal(strncmp(link, WORLD_URL "/i/", strlen(WORLD_URL "/i/")), 0);
    assert_int_equal(strlen(link), strlen(WORLD_URL "/i/") + AGENCY_UID - 1);
    snprintf(uid, AGENCY_UID, "%s", link + strlen(WORLD_URL "/i/"));
}

static unsigned open_link(struct agency_world *w, const char *uid, const char *url)
{
    struct pb_buf found = {0};
    unsigned status = agency_open_link(w->agency, uid, w->now, &found);

    assert_int_equal(found.n, status == 200 ? strlen(url) : 0);
    if (status == 200)
        assert_memory_equal(found.p, url, found.n);
    pb_buf_fini(&found);
    return status;
}

static const json_t *invalidate(struct world_client *c, const char *uid)
{
    char link[128];

    snprintf(link, sizeof link, WORLD_URL "/i/%s", uid);
    return world_ask(c, INVALIDATE, json_pack("{s:s}", "shortened_url", link));
}

static void links(void **unused)
{
    struct agency_world w;
    struct world_client *a, *b;
    struct pb_buf url = {0};
    char one[AGENCY_UID], two[AGENCY_UID];
    const char *text;

    (void)unused;
    for (int crashes = 0; crashes < 2; crashes++) {
        agency_world_open(&w);
        agency_world_start(&w);
        w.crashes = crashes;
        example(&w, &url);
        text = (char *)url.p;
        a = world_mediated(&w, 0);
        b = world_mediated(&w, 1);
        make_link(a, text, 0, one);
        assert_string_equal(vcx_text(a->message, "expires_time"), "2023-11-15T22:13:20Z");
        make_link(a, text, 60, two);
        assert_string_equal(vcx_text(a->message, "expires_time"), "2023-11-14T22:14:20Z");
        assert_string_equal(world_problem(shorten(a, text, 0)), "too-many-links");
        assert_int_equal(open_link(&w, one, text), 200);
        assert_int_equal(open_link(&w, "00000000000000000000000000000000", text), 404);
        assert_string_equal(world_problem(invalidate(b, one)), "invalid-shortened-url");
        assert_int_equal(open_link(&w, one, text), 200);
        assert_true(world_is(invalidate(a, one), "notification/1.0/ack"));
        assert_int_equal(open_link(&w, one, text), 410);
        make_link(a, text, 0, one); /* there is room again */
        w.now += 60000;
        assert_int_equal(open_link(&w, two, text), 410);
        assert_int_equal(open_link(&w, one, text), 200);
        w.now += 25 * HOUR;
        (void)agency_tick(w.agency, w.now);
        assert_int_equal(open_link(&w, two, text), 404);
        assert_int_equal(open_link(&w, one, text), 410);
        pb_buf_fini(&url);
        agency_world_close(&w);
    }
}

/* The agency is nobody's cover: only invitations. */
static void no_invitations(void **unused)
{
    static const char *const urls[] = {"https://example.org/", "javascript:alert(1)", "https://example.org/?oob=AAAA",
                                       "", "{\"@type\": \"https://didcomm.org/connections/1.0/invitation\"}"};
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    for (size_t i = 0; i < COUNT(urls); i++)
        assert_string_equal(world_problem(shorten(c, urls[i], 0)), "invalid-url");
    assert_string_equal(world_problem(world_ask(c, SHORTEN, NULL)), "invalid-url");
    assert_string_equal(world_problem(world_ask(c, INVALIDATE, NULL)), "invalid-shortened-url");
    agency_world_close(&w);
}

/* Is the protocol among those that the client is told of? */
static bool has(struct world_client *c, const char *query, const char *protocol)
{
    const json_t *list, *one;
    bool found = false;
    size_t i;

    (void)world_ask(c, "discover-features/1.0/query", json_pack("{s:s}", "query", query));
    assert_true(world_is(c->message, "discover-features/1.0/disclose"));
    list = vcx_of(c->message, "protocols");
    json_array_foreach(list, i, one)
    {
        found |= strcmp(vcx_text(one, "pid"), protocol) == 0;
    }
    return found;
}

/* Clients find out what there is. */
static void discloses(void **unused)
{
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    for (unsigned links = 0; links < 2; links++) {
        agency_world_open(&w);
        w.conf.limits.links = links;
        agency_world_start(&w);
        c = world_mediated(&w, 0);
        assert_int_equal(has(c, "https://didcomm.org/shorten-url/*", "https://didcomm.org/shorten-url/1.0"), links > 0);
        assert_int_equal(has(c, "*", "https://didcomm.org/shorten-url/1.0"), links > 0);
        assert_true(has(c, "https://didcomm.org/messagepickup/2.0", "https://didcomm.org/messagepickup/2.0"));
        assert_false(has(c, "https://didcomm.org/messagepickup/2.0", "https://didcomm.org/messagepickup/1.0"));
        assert_true(has(c, "https://didcomm.org/co*", "https://didcomm.org/coordinate-mediation/1.0"));
        assert_true(has(c, "https://didcomm.org/co*", "https://didcomm.org/connections/1.0"));
        agency_world_close(&w);
    }
}

/* What an invitation says of itself is text, never HTML. */
static void page(void **unused)
{
    json_t *invitation = json_pack("{s:s, s:s, s:s}", "@type", "https://didcomm.org/out-of-band/1.1/invitation", "@id",
                                   "1", "label", "<script>'\"&");
    struct pb_buf page = {0};

    (void)unused;
    assert_true(agency_page(&page, "https://x/", "https://x/i/1", invitation));
    pb_buf_add(&page, "", 1);
    assert_non_null(strstr((char *)page.p, "&lt;script&gt;&#39;&quot;&amp; invites"));
    assert_null(strstr((char *)page.p, "<script"));
    assert_non_null(strstr((char *)page.p, "<a href=\"didcomm://?oob="));
    assert_non_null(strstr((char *)page.p, "src=\"data:image/png;base64,iVBOR"));
    pb_buf_fini(&page);
    json_object_set_new(invitation, "@type", json_string("https://didcomm.org/something/1.0/else"));
    assert_false(agency_page(&page, "https://x/", "https://x/i/1", invitation));
    json_decref(invitation);
    pb_buf_fini(&page);
}

/* ---- time ---- */

static void too_old(void **unused)
{
    struct agency_world w;
    struct world_client *granted, *idle;
    size_t keys;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    granted = world_mediated(&w, 0);
    keys = w.ring.n;
    idle = world_join(&w, 1, AGENCY_OOB, VCX_AUTO, false);
    assert_int_equal(w.ring.n, keys + 1);
    assert_int_equal(world_forward(&w, granted->key, "old"), 202);
    w.now += 23 * HOUR;
    assert_int_equal(world_forward(&w, granted->key, "new"), 202);
    (void)agency_tick(w.agency, w.now);
    assert_int_equal(w.ring.n, keys); /* never granted, and so forgotten with its key */
    (void)world_ask(idle, "messagepickup/2.0/status-request", NULL);
    assert_int_equal(idle->status, 400);
    assert_int_equal(world_count(granted), 2);
    w.now += 2 * HOUR;
    (void)agency_tick(w.agency, w.now);
    assert_int_equal(world_count(granted), 1);
    w.now += 29 * 24 * HOUR; /* it was heard of */
    (void)agency_tick(w.agency, w.now);
    assert_int_equal(world_count(granted), 0);
    w.now += 31 * 24 * HOUR;
    (void)agency_tick(w.agency, w.now);
    assert_int_equal(w.ring.n, keys - 1);
    assert_int_equal(world_forward(&w, granted->key, "x"), 404);
    agency_world_close(&w);
}

/* ---- the disk ---- */

/* Nothing that is not stored is told. */
static void failing(void **unused)
{
    struct agency_world w;
    struct world_client *c, *waiting;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    waiting = world_mediated(&w, 1);
    assert_null(world_ask(waiting, "messagepickup/2.0/status-request", json_pack("{s:i}", "wait_ms", 10000)));
    vcx_db_begin(w.conf.db);
    (void)vcx_db_do(w.conf.db, "DROP TABLE agency_queue", "");
    assert_true(vcx_db_commit(w.conf.db, (char[VCX_WHY]){0}));
    assert_null(agency_failure(w.agency));
    assert_int_equal(world_forward(&w, c->key, "lost"), 503);
    assert_non_null(agency_failure(w.agency));
    assert_int_equal(waiting->status, 503);
    (void)world_ask(c, "messagepickup/2.0/status-request", NULL); /* nothing more happens */
    assert_int_equal(c->status, 503);
    agency_world_close(&w);
}

/* Another address makes other invitations; the old ones are still followed, and clients stay. */
static void moves(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    struct pb_buf before = {0}, after = {0};

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    agency_invitation_url(w.agency, AGENCY_OOB, &before);
    agency_world_restart(&w);
    agency_invitation_url(w.agency, AGENCY_OOB, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.p, after.p, after.n);
    c = world_mediated(&w, 0);
    w.conf.url = "https://moved.example";
    agency_world_restart(&w);
    pb_buf_fini(&after);
    agency_invitation_url(w.agency, AGENCY_OOB, &after);
    assert_memory_equal(after.p, "https://moved.example?oob=", 26);
    assert_string_equal(
        vcx_text(json_array_get(vcx_of(agency_invitation(w.agency, AGENCY_OOB), "services"), 0), "serviceEndpoint"),
        "https://moved.example");
    assert_int_equal(world_count(c), 0);
    assert_int_equal(world_forward(&w, c->key, "x"), 202);
    pb_buf_fini(&before);
    pb_buf_fini(&after);
    agency_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discloses), cmocka_unit_test(links),   cmocka_unit_test(no_invitations),
        cmocka_unit_test(page),      cmocka_unit_test(too_old), cmocka_unit_test(failing),
        cmocka_unit_test(moves),
    };

    return vcx_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
