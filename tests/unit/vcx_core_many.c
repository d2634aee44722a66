/* Invitations of many uses, peers that cannot be reached, connections that leave the core and come back. */
#include "tests/unit/vcx_core_world.h"

#include "connections/vcx/vcx_serial.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

/* ---- many uses ---- */

static void offer_many(struct core_world *w, struct core_pair *p)
{
    const struct vcx_create how = {.source_id = pbay_str("everybody"), .multi_use = true};
    char why[VCX_WHY];

    *p = (struct core_pair){.inviter = ALICE, .invitee = BOB};
    assert_int_equal(vcx_core_create(w->sides[ALICE].core, &how, p->inviter_id, why), VCX_OK);
    assert_int_equal(vcx_core_connect(w->sides[ALICE].core, p->inviter_id, &(struct vcx_connect){0}, w->now, why),
                     VCX_OK);
    world_turn(w, ALICE);
}

/* Those that came of the invitation, the peer of which is this connection of Bob's. */
static const struct vcx_conn *child_of(const struct core_world *w, const struct core_pair *p)
{
    const struct vcx_conn *bob = vcx_core_find(w->sides[BOB].core, p->invitee_id), *found = NULL;

    for (const struct vcx_conn *c = vcx_core_next(w->sides[ALICE].core, NULL); c;
         c = vcx_core_next(w->sides[ALICE].core, c)) {
        if (c->multi_use || !vcx_conn_knows(c, bob->own))
            continue;
        assert_null(found); /* one at most */
        found = c;
    }
    return found;
}

static size_t count(const struct vcx_core *core)
{
    size_t n = 0;

    for (const struct vcx_conn *c = vcx_core_next(core, NULL); c; c = vcx_core_next(core, c))
        n++;
    return n;
}

/* Every letter comes twice, and Alice dies after each. */
static void settle_twice(struct core_world *w)
{
    char why[VCX_WHY];

    while (w->mail_n) {
        (void)world_deliver(w, 0, true, why);
        world_restart(w, ALICE);
        (void)world_deliver(w, 0, false, why);
    }
}

static void use(struct core_world *w, struct core_pair *p, enum vcx_protocol handshake)
{
    const struct vcx_conn *child;
    char why[VCX_WHY];

    world_follow(w, p, handshake);
    settle_twice(w);
    assert_int_equal(world_state(w, BOB, p->invitee_id), VCX_ACCEPTED);
    assert_int_equal(world_state(w, ALICE, p->inviter_id), VCX_OFFERED);
    child = child_of(w, p);
    assert_non_null(child);
    assert_int_equal(child->state, VCX_ACCEPTED);
    assert_string_equal(child->source_id, "everybody");
    assert_true(memcmp(child->own, vcx_core_find(w->sides[ALICE].core, p->inviter_id)->own, VCX_KEY) != 0);
    w->sides[BOB].trace[0] = 0;
    assert_int_equal(vcx_core_ping(w->sides[ALICE].core, child->id, NULL, NULL, why), VCX_OK);
    world_turn(w, ALICE);
    world_settle(w);
    assert_string_equal(w->sides[BOB].trace, "pinged ");
}

static void test_many(void **state)
{
    struct core_world w;
    struct core_pair p;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 21);
    offer_many(&w, &p);
    use(&w, &p, VCX_CONNECTIONS);
    use(&w, &p, VCX_DIDEXCHANGE);
    use(&w, &p, VCX_AUTO);
    assert_int_equal(count(w.sides[ALICE].core), 4);
    assert_non_null(strstr(w.sides[ALICE].trace, "0>1 1>2 0>3 3>4 "));
    w.now += 1000 * VCX_MAX_EXPIRES_IN;
    (void)world_tick(&w);
    assert_int_equal(world_state(&w, ALICE, p.inviter_id), VCX_OFFERED);
    assert_int_equal(vcx_core_revoke(w.sides[ALICE].core, p.inviter_id, why), VCX_OK);
    world_follow(&w, &p, VCX_AUTO);
    world_settle(&w);
    assert_int_equal(count(w.sides[ALICE].core), 4);
    assert_int_equal(world_state(&w, BOB, p.invitee_id), VCX_NONE);
    world_close(&w);
}

/* The one request of a connection that has ended does not begin another one. */
static void test_ended(void **state)
{
    struct core_world w;
    struct core_pair p;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 22);
    offer_many(&w, &p);
    world_follow(&w, &p, VCX_AUTO);
    assert_true(world_deliver(&w, 0, true, why));
    assert_int_equal(vcx_core_revoke(w.sides[ALICE].core, child_of(&w, &p)->id, why), VCX_OK);
    world_turn(&w, ALICE);
    assert_false(world_deliver(&w, 0, true, why));
    assert_string_equal(why, "the request's connection has ended");
    assert_int_equal(count(w.sides[ALICE].core), 2);
    world_close(&w);
}

/* ---- queued ---- */

static void test_queued(void **state)
{
    const struct vcx_create how = {.source_id = pbay_str("mediator"), .queued = true};
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct pb_buf text = {0};
    json_t *invitation, *request, *info;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 23);
    world_offer(&w, &p, VCX_CONNECTIONS);
    assert_int_equal(vcx_core_invite(w.sides[ALICE].core, p.inviter_id, &invitation, why), VCX_OK);
    assert_true(vcx_json_write(&text, invitation));
    assert_int_equal(vcx_core_create_with_invite(w.sides[BOB].core, &how, vcx_view(&text), p.invitee_id, why), VCX_OK);
    assert_int_equal(vcx_core_connect(w.sides[BOB].core, p.invitee_id, &(struct vcx_connect){0}, w.now, why), VCX_OK);
    world_turn(&w, BOB);
    world_restart(&w, BOB);
    request = world_read(&w, 0);
    assert_string_equal(vcx_text(vcx_of(request, "~transport"), "return_route"), "all");
    assert_int_equal(vcx_core_info(w.sides[BOB].core, p.invitee_id, &info, why), VCX_OK);
    assert_string_equal(vcx_text(vcx_of(info, "my"), "serviceEndpoint"), "didcomm:transport/queue");
    assert_int_equal(json_array_size(vcx_of(vcx_of(info, "my"), "routingKeys")), 0);
    json_decref(info);
    json_decref(request);
    w.now += VCX_RESEND_MS; /* it is said again, and asks for a reply again */
    (void)world_tick(&w);
    request = world_read(&w, 1);
    assert_string_equal(vcx_text(vcx_of(request, "~transport"), "return_route"), "all");
    json_decref(request);
    assert_true(world_deliver(&w, 0, false, why));
    assert_int_equal(w.sides[ALICE].lost, 1); /* the response: this world has no replies */
    assert_string_equal(vcx_core_find(w.sides[ALICE].core, p.inviter_id)->theirs.endpoint, "didcomm:transport/queue");
    json_decref(invitation);
    pb_buf_fini(&text);
    world_close(&w);
}

static void test_address(void **state)
{
    const uint8_t routing[2][VCX_KEY] = {{1}, {2}};
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    const json_t *my;
    json_t *info, *invitation;
    char why[VCX_WHY];

    (void)state;
    world_open(&w, 24);
    vcx_core_set_address(w.sides[ALICE].core, "https://mediator.example/", routing, 2);
    world_offer(&w, &p, VCX_CONNECTIONS);
    assert_int_equal(vcx_core_invite(w.sides[ALICE].core, p.inviter_id, &invitation, why), VCX_OK);
    assert_string_equal(vcx_text(invitation, "serviceEndpoint"), "https://mediator.example/");
    assert_int_equal(json_array_size(vcx_of(invitation, "routingKeys")), 2);
    assert_int_equal(vcx_core_info(w.sides[ALICE].core, p.inviter_id, &info, why), VCX_OK);
    my = vcx_of(info, "my");
    assert_string_equal(vcx_text(my, "serviceEndpoint"), "https://mediator.example/");
    assert_int_equal(json_array_size(vcx_of(my, "routingKeys")), 2);
    json_decref(info);
    json_decref(invitation);
    world_close(&w);
}

/* ---- what is sent has a name ---- */

static void test_uid(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct vcx_action a;
    char uid[VCX_MAX_ID + 1], why[VCX_WHY];

    (void)state;
    world_open(&w, 25);
    world_connect(&w, &p, VCX_AUTO);
    assert_int_equal(vcx_core_send(w.sides[BOB].core, p.invitee_id, pbay_str("x"), "t", w.now, uid, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_string_equal(vcx_text(w.sides[ALICE].message, "@id"), uid);
    assert_string_equal(vcx_text(vcx_of(w.sides[ALICE].message, "~thread"), "thid"), "t");
    assert_int_equal(vcx_core_send(w.sides[BOB].core, p.invitee_id,
                                   pbay_str("{\"@type\":\"https://a/b/1.0/c\",\"@id\":\"i\"}"), NULL, w.now, uid, why),
                     VCX_OK);
    assert_string_equal(uid, "i");
    assert_true(vcx_core_take(w.sides[BOB].core, &a));
    assert_int_equal(a.kind, VCX_SEND);
    assert_string_equal(a.message_id, "i");
    vcx_action_fini(&a);
    assert_int_equal(vcx_core_send(w.sides[BOB].core, p.invitee_id,
                                   pbay_str("{\"@type\":\"https://a/b/1.0/c\",\"@id\":1}"), NULL, w.now, uid, why),
                     VCX_E_OPTION);
    assert_false(vcx_core_take(w.sides[BOB].core, &a));
    world_close(&w);
}

/* ---- serialized ---- */

struct tamper {
    const char *member, *value;
    enum vcx_error code;
};

static enum vcx_error tampered(struct core_world *w, const char *text, const struct tamper *t)
{
    json_t *root = json_loads(text, 0, NULL), *data = json_object_get(root, "data");
    char *changed, id[VCX_UUID], why[VCX_WHY];
    enum vcx_error code;

    json_object_set_new(data, t->member, t->value ? json_loads(t->value, JSON_DECODE_ANY, NULL) : json_null());
    changed = json_dumps(root, 0);
    code = vcx_core_deserialize(w->sides[BOB].core, pbay_str(changed), id, why);
    free(changed);
    json_decref(root);
    return code;
}

static void check_tampered(struct core_world *w, const char *text)
{
    static const struct tamper rows[] = {
        {"state", "3", VCX_E_SERIALIZE},
        {"state", "8", VCX_E_STATE},
        {"source_id", "\"other\"", VCX_E_SERIALIZE},
        {"uuid", "\"other\"", VCX_E_SERIALIZE},
        {"pw_did", "\"SnDwvw7QoMJusLJi93mYfZ\"", VCX_E_DID},
        {"pw_verkey", "\"x\"", VCX_E_VERKEY},
        {"patchbay", "{}", VCX_E_SERIALIZE},
        {"patchbay", NULL, VCX_E_ACTION}, /* then it is libvcx's own; and its key is here */
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(tampered(w, text, &rows[i]), rows[i].code);
}

static void test_serialized(void **state)
{
    struct core_world w;
    struct core_pair p = {.inviter = ALICE};
    struct pb_buf text = {0};
    json_t *root;
    const json_t *data;
    enum vcx_error code;
    char id[VCX_UUID], why[VCX_WHY];

    (void)state;
    world_open(&w, 26);
    world_connect(&w, &p, VCX_DIDEXCHANGE);
    assert_int_equal(vcx_core_serialize(w.sides[BOB].core, "none", "https://x/", NULL, &text, why), VCX_E_HANDLE);
    assert_int_equal(vcx_core_serialize(w.sides[BOB].core, p.invitee_id, "https://x/", NULL, &text, why), VCX_OK);
    root = vcx_serial_read(vcx_view(&text), &code, why);
    data = vcx_of(root, "data");
    assert_string_equal(vcx_text(data, "source_id"), "invitee's");
    assert_int_equal(json_integer_value(vcx_of(data, "state")), 4);
    assert_int_equal(strncmp(vcx_text(data, "invite_url"), "https://x/?oob=", 15), 0);
    assert_int_equal(strlen(vcx_text(data, "their_pw_verkey")) > 40, true);
    json_decref(root);
    pb_buf_fini(&text);
    assert_int_equal(vcx_core_serialize(w.sides[BOB].core, p.invitee_id, "https://x/", "https://x/i/1", &text, why),
                     VCX_OK);
    root = vcx_serial_read(vcx_view(&text), &code, why);
    assert_string_equal(vcx_text(vcx_of(root, "data"), "invite_url"), "https://x/i/1");
    json_decref(root);
    pb_buf_add(&text, "", 1);
    assert_int_equal(vcx_core_deserialize(w.sides[BOB].core, pbay_str((char *)text.p), id, why), VCX_E_SERIALIZE);
    assert_int_equal(vcx_core_deserialize(w.sides[ALICE].core, pbay_str((char *)text.p), id, why), VCX_E_WALLET);
    assert_int_equal(vcx_core_release(w.sides[BOB].core, p.invitee_id, why), VCX_OK);
    assert_int_equal(vcx_core_release(w.sides[BOB].core, p.invitee_id, why), VCX_E_HANDLE);
    assert_null(vcx_core_find(w.sides[BOB].core, p.invitee_id));
    check_tampered(&w, (char *)text.p);
    if (vcx_core_deserialize(w.sides[BOB].core, pbay_str((char *)text.p), id, why))
        fail_msg("%s", why);
    assert_string_equal(id, p.invitee_id);
    assert_non_null(vcx_core_dirty(w.sides[BOB].core));
    assert_int_equal(vcx_core_ping(w.sides[BOB].core, id, NULL, NULL, why), VCX_OK);
    world_turn(&w, BOB);
    world_settle(&w);
    assert_non_null(strstr(w.sides[BOB].trace, "ponged"));
    pb_buf_fini(&text);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),    cmocka_unit_test(test_ended), cmocka_unit_test(test_queued),
        cmocka_unit_test(test_address), cmocka_unit_test(test_uid),   cmocka_unit_test(test_serialized),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
