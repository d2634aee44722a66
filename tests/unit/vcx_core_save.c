/* What is stored of a connection, read again: the same; and refused, when it is not what a core has written. Bounds. */
#include "tests/unit/vcx_core_world.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* ---- round trips ---- */

static void check_same(const struct core_world *w)
{
    for (int i = 0; i < SIDES; i++) {
        const char *id;
        json_t *json, *again;
        struct vcx_conn conn;
        char why[VCX_WHY];

        json_object_foreach(w->sides[i].disk, id, json)
        {
            if (!vcx_conn_load(&conn, json, why))
                fail_msg("%s", why);
            again = vcx_conn_save(&conn);
            assert_true(json_equal(json, again));
            json_decref(again);
            vcx_conn_fini(&conn);
        }
    }
}

static void test_round_trip(void **state)
{
    static const enum vcx_protocol handshakes[] = {VCX_CONNECTIONS, VCX_DIDEXCHANGE};

    (void)state;
    for (size_t i = 0; i < COUNT(handshakes); i++) {
        struct core_world w;
        struct core_pair p = {.inviter = ALICE};
        char why[VCX_WHY];

        world_open(&w, i);
        world_offer(&w, &p, VCX_AUTO);
        world_follow(&w, &p, handshakes[i]);
        check_same(&w);
        while (w.mail_n) {
            assert_true(world_deliver(&w, 0, false, why));
            check_same(&w);
        }
        world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
        assert_int_equal(vcx_core_revoke(w.sides[BOB].core, p.invitee_id, why), VCX_OK);
        world_turn(&w, BOB);
        check_same(&w);
        assert_string_equal(vcx_core_find(w.sides[BOB].core, p.invitee_id)->source_id, "invitee's");
        world_close(&w);
    }
}

/* The last VCX_MAX_SEEN are known, before a restart and after it. */
static void test_seen(void **state)
{
    struct vcx_conn *c = pb_alloc(sizeof *c), *again = pb_alloc(sizeof *again);
    json_t *json;
    char id[16], why[VCX_WHY];

    (void)state;
    memcpy(c->id, "x", 2);
    for (int i = 0; i < VCX_MAX_SEEN + 3; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        assert_false(vcx_conn_has_seen(c, pbay_str(id)));
        vcx_conn_see(c, pbay_str(id));
        assert_true(vcx_conn_has_seen(c, pbay_str(id)));
    }
    json = vcx_conn_save(c);
    assert_true(vcx_conn_load(again, json, why));
    for (int i = 0; i < VCX_MAX_SEEN + 3; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        assert_int_equal(vcx_conn_has_seen(c, pbay_str(id)), i >= 3);
        assert_int_equal(vcx_conn_has_seen(again, pbay_str(id)), i >= 3);
    }
    vcx_conn_see(again, pbay_str("new")); /* in the place of the oldest */
    assert_false(vcx_conn_has_seen(again, pbay_str("3")));
    assert_true(vcx_conn_has_seen(again, pbay_str("4")));
    json_decref(json);
    free(c);
    free(again);
}

/* ---- refusals ---- */

static void test_refused(void **state)
{
    static const struct {
        const char *member, *value, *words;
    } rows[] = {
        {"form", "2", "another form"},
        {"id", "null", "without an id"},
        {"id", "7", "id is not a string"},
        {"id", "\"0123456789012345678901234567890123456\"", "id: expected 1 to 36 bytes"},
        {"own", "\"x\"", "own is not a verkey"},
        {"inviter", "null", "inviter is missing"},
        {"role", "2", "role is out of range"},
        {"wish", "3", "wish is out of range"},
        {"state", "8", "state is out of range"},
        {"state", "-1", "state is out of range"},
        {"expires_at", "-1", "expires_at is out of range"},
        {"on_expiry", "4", "on_expiry is out of range"},
        {"on_expiry", "7", "on_expiry is out of range"},
        {"seen", "\"A\"", "seen"},
        {"seen", "\"AAAA\"", "seen"},
        {"seen", "null", "seen"},
        {"theirs", "{}", "serviceEndpoint"},
        {"theirs", "null", ""},
        {"request_id", "null", "without what belongs"},
        {"handshake", "0", "without what belongs"},
        {"last", "null", "last is not an object"},
        {"invitation", "[]", "invitation is not an object"},
        {"invitation_id", "\"\"", "invitation_id: expected 1"},
    };
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    const json_t *good;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 1);
    world_offer(&w, &p, VCX_AUTO);
    world_follow(&w, &p, VCX_AUTO);
    good = vcx_of(w.sides[BOB].disk, p.invitee_id);
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *bad = json_deep_copy(good), *value = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        struct vcx_conn conn;

        assert_non_null(value);
        json_object_set_new(bad, rows[i].member, value);
        vcx_expect(rows[i].member, !vcx_conn_load(&conn, bad, why), why, rows[i].words);
        vcx_conn_fini(&conn);
        json_decref(bad);
    }
    assert_int_equal(vcx_core_load(w.sides[BOB].core, good, why), VCX_E_SERIALIZE); /* it is there */
    assert_int_equal(vcx_core_load(w.sides[ALICE].core, good, why), VCX_E_WALLET);
    assert_int_equal(vcx_core_load(w.sides[ALICE].core, w.sides[ALICE].disk, why), VCX_E_SERIALIZE);
    world_close(&w);
}

/* ---- bounds ---- */

static bool count_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    (void)ephemeral;
    (void)why;
    memset(key, 0, VCX_KEY);
    memcpy(key, self, sizeof(uint32_t));
    ++*(uint32_t *)self;
    return true;
}

static bool no_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    (void)ephemeral;
    (void)self;
    (void)key;
    return vcx_why(why, "the disk is full");
}

static const uint8_t *any_secret(const void *self, const uint8_t key[VCX_KEY])
{
    static const uint8_t secret[VCX_SECRET] = {1};

    (void)self;
    (void)key;
    return secret;
}

static void take_all(struct vcx_core *core)
{
    struct vcx_action a;

    while (vcx_core_take(core, &a))
        vcx_action_fini(&a);
}

static void test_connections(void **state)
{
    uint32_t n = 0;
    struct vcx_core_conf conf = {
        .label = "x", .endpoint = "http://x/", .keys = {any_secret, NULL}, .new_key = count_key, .self = &n};
    struct vcx_core *core = vcx_core_new(&conf);
    char id[VCX_UUID], why[VCX_WHY];

    (void)state;
    while (n < VCX_MAX_CONNECTIONS) {
        assert_int_equal(
            vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str(""), .wish = VCX_AUTO}, id, why), VCX_OK);
        take_all(core);
    }
    assert_int_equal(vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str(""), .wish = VCX_AUTO}, id, why),
                     VCX_E_NOT_READY);
    vcx_core_destroy(&core);
    assert_null(core);
    vcx_core_destroy(&core);
    conf.new_key = no_key;
    core = vcx_core_new(&conf);
    assert_int_equal(vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str(""), .wish = VCX_AUTO}, id, why),
                     VCX_E_ACCESS);
    vcx_core_destroy(&core);
}

/* Who does not take the actions is not heard any more, and nothing is lost: neither envelopes nor ticks. */
static void test_actions(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct vcx_core *core;
    char why[VCX_WHY];
    int n = 0;

    (void)state;
    world_open(&w, 2);
    world_offer(&w, &p, VCX_AUTO);
    world_follow(&w, &p, VCX_AUTO);
    core = w.sides[ALICE].core;
    for (char id[VCX_UUID]; n < VCX_MAX_ACTIONS; n++) {
        if (vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str(""), .wish = VCX_AUTO}, id, why))
            break;
    }
    assert_int_equal(n, VCX_MAX_ACTIONS - VCX_MAX_TURN + 1);
    assert_false(vcx_core_receive(core, vcx_view(&w.mail[0].envelope), w.now, why));
    assert_non_null(strstr(why, "taken first"));
    assert_int_equal(vcx_core_revoke(core, p.inviter_id, why), VCX_E_NOT_READY);
    assert_int_equal(vcx_core_tick(core, w.now + 3600 * 1000), START + 3600 * 1000);
    assert_int_equal(world_state(&w, ALICE, p.inviter_id), VCX_OFFERED);
    world_turn(&w, ALICE);
    world_settle(&w);
    world_expect(&w, &p, VCX_ACCEPTED, VCX_ACCEPTED);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_seen),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connections), cmocka_unit_test(test_actions),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
