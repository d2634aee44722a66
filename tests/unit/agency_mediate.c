/* Who becomes a client, who is granted mediation, and whose a key is. */
#include "tests/unit/agency_world.h"

#include <string.h>

#define GRANT  "coordinate-mediation/1.0/mediate-grant"
#define DENY   "coordinate-mediation/1.0/mediate-deny"
#define ASK    "coordinate-mediation/1.0/mediate-request"
#define UPDATE "coordinate-mediation/1.0/keylist-update"

static int64_t clients(struct agency_world *w)
{
    struct agency_totals totals;
    char why[VCX_WHY];

    vcx_db_begin(w->conf.db);
    store_totals(w->conf.db, &totals);
    assert_true(vcx_db_commit(w->conf.db, why));
    return totals.clients;
}

static enum vcx_state state(const struct world_client *c)
{
    return vcx_core_find(c->core, c->id)->state;
}

/* Every invitation and handshake, with answers in the reply or at an endpoint; the agency may die in between. */
static void joins(void **unused)
{
    static const struct {
        enum agency_invitation invitation;
        enum vcx_protocol handshake;
    } rows[] = {{AGENCY_OOB, VCX_DIDEXCHANGE}, {AGENCY_OOB, VCX_CONNECTIONS}, {AGENCY_CONNECTIONS, VCX_CONNECTIONS}};

    (void)unused;
    for (unsigned i = 0; i < COUNT(rows) * 4; i++) {
        struct agency_world w;
        struct world_client *c;

        agency_world_open(&w);
        agency_world_start(&w);
        w.crashes = i & 1;
        c = world_join(&w, 0, rows[i / 4].invitation, rows[i / 4].handshake, i & 2);
        assert_int_equal(state(c), VCX_ACCEPTED);
        assert_int_equal(c->posted != 0, (i & 2) != 0);
        assert_int_equal(clients(&w), 1);
        assert_true(world_is(world_ask(c, ASK, NULL), GRANT));
        agency_world_close(&w);
    }
}

static void grant(void **unused)
{
    struct agency_world w;
    struct world_client *c;
    const json_t *answer;
    uint8_t key[VCX_KEY];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_join(&w, 0, AGENCY_OOB, VCX_AUTO, false);
    assert_string_equal(world_problem(world_ask(c, UPDATE, json_pack("{s:[]}", "updates"))), "not-granted");
    assert_string_equal(world_problem(world_ask(c, "coordinate-mediation/1.0/keylist-query", NULL)), "not-granted");
    answer = world_ask(c, ASK, NULL);
    assert_true(world_is(answer, GRANT));
    assert_int_equal(c->status, 200);
    assert_string_equal(vcx_text(answer, "endpoint"), WORLD_URL);
    assert_int_equal(json_array_size(vcx_of(answer, "routing_keys")), 1);
    assert_true(vcx_key_parse(pbay_str(json_string_value(json_array_get(vcx_of(answer, "routing_keys"), 0))), key));
    assert_memory_equal(key, agency_key(w.agency), VCX_KEY);
    assert_true(world_is(world_ask(c, ASK, NULL), GRANT));
    assert_string_equal(world_problem(world_ask(c, "nothing/1.0/known", NULL)), "message-type-not-supported");
    assert_null(world_ask(c, "notification/1.0/problem-report", json_pack("{s:{s:s}}", "~thread", "pthid", "x")));
    assert_null(world_ask(c, "notification/1.0/ack", json_pack("{s:{s:s}}", "~thread", "thid", "x")));
    agency_world_close(&w);
}

static void known(void **unused)
{
    struct agency_world w;
    struct world_client *c, *other;
    uint8_t keys[1][VCX_KEY];
    char text[VCX_MAX_VERKEY];

    (void)unused;
    agency_world_open(&w);
    w.conf.policy = AGENCY_KNOWN;
    agency_world_start(&w);
    c = world_join(&w, 0, AGENCY_OOB, VCX_AUTO, false);
    other = world_join(&w, 1, AGENCY_OOB, VCX_AUTO, false);
    assert_true(world_is(world_ask(c, ASK, NULL), DENY));
    vcx_verkey_text(vcx_core_find(c->core, c->id)->own, text);
    assert_non_null(strstr(w.log, text));
    assert_string_equal(world_problem(world_ask(c, UPDATE, json_pack("{s:[]}", "updates"))), "not-granted");
    memcpy(keys[0], vcx_core_find(c->core, c->id)->own, VCX_KEY);
    w.conf.known = (const uint8_t(*)[VCX_KEY])keys;
    w.conf.known_n = 1;
    agency_world_restart(&w);
    assert_true(world_is(world_ask(c, ASK, NULL), GRANT));
    assert_true(world_is(world_ask(other, ASK, NULL), DENY));
    w.conf.known_n = 0; /* what was granted stays so */
    agency_world_restart(&w);
    assert_true(world_is(world_ask(c, ASK, NULL), GRANT));
    agency_world_close(&w);
}

static void keys(void **unused)
{
    struct agency_world w;
    struct world_client *a, *b;
    char did_key[VCX_MAX_DID_KEY], verkey[VCX_MAX_VERKEY];
    uint8_t key[VCX_KEY];

    (void)unused;
    for (int crashes = 0; crashes < 2; crashes++) {
        agency_world_open(&w);
        agency_world_start(&w);
        w.crashes = crashes;
        a = world_mediated(&w, 0);
        b = world_mediated(&w, 1);
        vcx_did_key_text(VCX_ED25519, a->key, did_key);
        vcx_verkey_text(a->key, verkey);
        assert_string_equal(world_update(a, "add", verkey), "no_change");
        assert_string_equal(world_update(b, "add", did_key), "client_error");
        assert_string_equal(world_update(b, "remove", did_key), "no_change");
        assert_string_equal(world_update(a, "add", "not a key"), "client_error");
        assert_string_equal(world_update(a, "destroy", did_key), "client_error");
        vcx_did_key_text(VCX_ED25519, agency_key(w.agency), did_key);
        assert_string_equal(world_update(a, "add", did_key), "client_error");
        assert_int_equal(world_forward(&w, a->key, "x"), 202);
        assert_int_equal(world_count(a), 1);
        assert_int_equal(world_count(b), 0);
        assert_string_equal(world_update(a, "remove", verkey), "success");
        assert_string_equal(world_update(a, "remove", verkey), "no_change");
        assert_int_equal(world_forward(&w, a->key, "y"), 404);
        assert_string_equal(world_update(b, "add", verkey), "success");
        assert_int_equal(world_forward(&w, a->key, "z"), 202);
        assert_int_equal(world_count(a), 1);
        assert_int_equal(world_count(b), 1);
        for (uint8_t i = 1; i < 4; i++) { /* three in all */
            memset(key, i, sizeof key);
            vcx_verkey_text(key, verkey);
            assert_string_equal(world_update(a, "add", verkey), "success");
        }
        memset(key, 9, sizeof key);
        vcx_verkey_text(key, verkey);
        assert_string_equal(world_update(a, "add", verkey), "client_error");
        agency_world_close(&w);
    }
}

/* The limit holds within one message, too; what is removed makes room. */
static void many_keys(void **unused)
{
    static const char *const actions[] = {"add", "add", "add", "remove", "add"};
    static const char *const results[] = {"success", "success", "client_error", "success", "success"};
    struct agency_world w;
    struct world_client *c;
    json_t *updates = json_array();
    const json_t *updated;
    char text[VCX_MAX_VERKEY];
    uint8_t key[VCX_KEY];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_mediated(&w, 0);
    for (size_t i = 0; i < COUNT(actions); i++) {
        memset(key, actions[i][0] == 'r' ? 1 : (int)i + 1, sizeof key);
        vcx_verkey_text(key, text);
        json_array_append_new(updates, json_pack("{s:s, s:s}", "recipient_key", text, "action", actions[i]));
    }
    updated = vcx_of(world_ask(c, UPDATE, json_pack("{s:o}", "updates", updates)), "updated");
    assert_int_equal(json_array_size(updated), COUNT(results));
    for (size_t i = 0; i < COUNT(results); i++)
        assert_string_equal(vcx_text(json_array_get(updated, i), "result"), results[i]);
    agency_world_close(&w);
}

static void check_page(struct world_client *c, json_t *query, int64_t count, int64_t offset, int64_t remaining)
{
    const json_t *answer = world_ask(c, "coordinate-mediation/1.0/keylist-query", query), *page;

    assert_true(world_is(answer, "coordinate-mediation/1.0/keylist"));
    page = vcx_of(answer, "pagination");
    assert_int_equal(json_array_size(vcx_of(answer, "keys")), count);
    assert_int_equal(json_integer_value(vcx_of(page, "count")), count);
    assert_int_equal(json_integer_value(vcx_of(page, "offset")), offset);
    assert_int_equal(json_integer_value(vcx_of(page, "remaining")), remaining);
}

static void keylist(void **unused)
{
    struct agency_world w;
    struct world_client *a, *b;
    char text[VCX_MAX_VERKEY];
    uint8_t key[VCX_KEY];

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    a = world_mediated(&w, 0);
    b = world_mediated(&w, 1);
    for (uint8_t i = 1; i < 3; i++) {
        memset(key, i, sizeof key);
        vcx_verkey_text(key, text);
        assert_string_equal(world_update(a, "add", text), "success");
    }
    check_page(a, NULL, 3, 0, 0);
    check_page(a, json_pack("{s:{s:i, s:i}}", "paginate", "limit", 2, "offset", 0), 2, 0, 1);
    check_page(a, json_pack("{s:{s:i, s:i}}", "paginate", "limit", 2, "offset", 2), 1, 2, 0);
    check_page(a, json_pack("{s:{s:i, s:i}}", "paginate", "limit", -1, "offset", 9), 0, 3, 0);
    check_page(b, NULL, 1, 0, 0);
    agency_world_close(&w);
}

/* ---- attacks ---- */

static void refused(struct agency_world *w, const uint8_t *sender, const uint8_t key[VCX_KEY], json_t *message)
{
    assert_int_equal(world_post(w, sender, key, message), 400);
    json_decref(message);
}

/* What is opened proves nothing: only the client itself is heard. */
static void strangers(void **unused)
{
    const char *ask = "https://didcomm.org/messagepickup/2.0/status-request";
    struct agency_world w;
    struct world_client *a, *b;
    struct vcx_person other;
    const struct vcx_conn *mine;
    uint8_t theirs[VCX_KEY];
    json_t *all;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    a = world_mediated(&w, 0);
    b = world_mediated(&w, 1);
    mine = vcx_core_find(b->core, b->id);
    memcpy(theirs, vcx_core_find(a->core, a->id)->theirs.recipients[0], VCX_KEY); /* the agency's, for a */
    memcpy(other.secret, world_secret(&b->ring, mine->own), VCX_SECRET);
    all = json_pack("{s:s}", "return_route", "all");
    refused(&w, other.secret, theirs, json_pack("{s:s, s:s, s:O}", "@type", ask, "@id", "1", "~transport", all));
    refused(&w, NULL, theirs, json_pack("{s:s, s:s, s:O}", "@type", ask, "@id", "2", "~transport", all));
    refused(&w, other.secret, agency_key(w.agency), json_pack("{s:s, s:s}", "@type", ask, "@id", "3"));
    refused(&w, NULL, agency_key(w.agency), json_pack("{s:s}", "@type", "https://didcomm.org/routing/1.0/forward"));
    json_decref(all);
    agency_receive(w.agency, &w, pbay_str("{}"), w.now);
    world_deliver(&w);
    assert_int_equal(w.status, 400);
    agency_world_close(&w);
}

static void too_many(void **unused)
{
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(state(world_join(&w, i, AGENCY_OOB, VCX_AUTO, false)), VCX_ACCEPTED);
    c = world_join(&w, 3, AGENCY_OOB, VCX_AUTO, false);
    assert_int_equal(c->status, 507);
    assert_int_equal(state(c), VCX_REQUESTED);
    assert_int_equal(clients(&w), 3);
    agency_world_close(&w);
}

/* RFC 0092: only who asks for it gets the answer with the reply. */
static void routes(void **unused)
{
    static const struct {
        const char *route, *thread;
        unsigned status;
    } rows[] = {
        {"all", NULL, 200}, {"thread", "m", 200}, {"thread", "n", 202}, {"thread", NULL, 202}, {"none", NULL, 202}};
    struct agency_world w;
    struct world_client *c;

    (void)unused;
    agency_world_open(&w);
    agency_world_start(&w);
    c = world_join(&w, 0, AGENCY_OOB, VCX_AUTO, true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t posted = c->posted;
        char id[8] = "m";
        json_t *transport = json_pack("{s:s}", "return_route", rows[i].route);

        if (i > 1) /* the same @id is not heard twice */
            id[1] = (char)('0' + i);
        if (rows[i].thread)
            json_object_set_new(transport, "return_route_thread", json_string(rows[i].thread));
        assert_true(world_is(world_ask(c, ASK,
                                       json_pack("{s:s, s:{s:s}, s:o}", "@id", i ? id : "0", "~thread", "thid",
                                                 i > 1 ? "x" : "m", "~transport", transport)),
                             GRANT));
        assert_int_equal(c->status, rows[i].status);
        assert_int_equal(c->posted - posted, rows[i].status == 202);
    }
    agency_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),     cmocka_unit_test(grant),    cmocka_unit_test(known),
        cmocka_unit_test(keys),      cmocka_unit_test(keylist),  cmocka_unit_test(many_keys),
        cmocka_unit_test(strangers), cmocka_unit_test(too_many), cmocka_unit_test(routes),
    };

    return vcx_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
