/* What a key may be (SPEC 2.8), and what becomes of those who may not be it any more. */
#include "core_world.h"

#include <string.h>

#define PLENTY (16U << 20)

static const char *const keys[] = {"conn.key", "conn.new", "agent.key", "other.key"};
enum { CONN_KEY, NEW_KEY, AGENT_KEY, OTHER_KEY };
static const char *names[] = {"c0"};

/* c0 with two keys; the agent itself; and somebody of another agent. */
static void set_policy(struct core_world *w, struct pbay_principal policy[3])
{
    policy[0] = (struct pbay_principal){.name = "web",
                                        .keys = {keys[CONN_KEY], keys[NEW_KEY]},
                                        .n_keys = 2,
                                        .agent = "a",
                                        .connections = names,
                                        .n_connections = 1};
    policy[1] =
        (struct pbay_principal){.name = "a", .keys = {keys[AGENT_KEY]}, .n_keys = 1, .agent = "a", .is_agent = true};
    policy[2] =
        (struct pbay_principal){.name = "b", .keys = {keys[OTHER_KEY]}, .n_keys = 1, .agent = "b", .is_agent = true};
    w->agent.principals = policy;
    w->agent.n_principals = 3;
}

static void configure(struct core_world *w)
{
    struct pb_event ev = {.kind = PB_EV_CONFIG, .agents = w->list, .n_agents = 1, .wall = w->wall};

    core_event(w, &ev);
}

static void who_may_be_what(void **state)
{
    static const struct {
        int key; /* -1 = none, by ipc; -2 = one that nobody has */
        const char *conn;
        bool may;
    } rows[] = {{CONN_KEY, "c0", true},  {NEW_KEY, "c0", true},    {CONN_KEY, "c1", false},  {CONN_KEY, NULL, false},
                {AGENT_KEY, NULL, true}, {AGENT_KEY, "c0", false}, {OTHER_KEY, NULL, false}, {OTHER_KEY, "c0", false},
                {-2, "c0", false},       {-1, "c0", true},         {-1, NULL, true}};
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_principal policy[3];

    (void)state;
    set_policy(w, policy);
    configure(w);
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pb_frame f = core_hello(rows[i].conn, "0", 1, i + 1);

        w->key = pbay_str(rows[i].key == -1 ? "" : rows[i].key == -2 ? "nobody's" : keys[rows[i].key]);
        core_forget(w);
        core_say(w, 100 + i, &f);
        assert_int_equal(core_total(w, 100 + i), 1);
        assert_int_equal(core_heard(w, 100 + i, PB_WELCOME) != NULL, rows[i].may);
        if (!rows[i].may)
            assert_int_equal(core_heard(w, 100 + i, PB_REJECT)->code, PBAY_DENIED);
    }
    core_world_free(w);
}

/* Its session ends; that of the other key does not. */
static void what_a_new_policy_does(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_principal policy[3];

    (void)state;
    set_policy(w, policy);
    configure(w);
    w->key = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    w->key = pbay_str(keys[NEW_KEY]);
    core_attach(w, CONN_2, "c0", "1", 2);
    w->key = pbay_str("");
    core_attach(w, OTHER, "c1", "0", 3);
    core_forget(w);
    policy[0].keys[0] = keys[NEW_KEY];
    policy[0].n_keys = 1;
    configure(w);
    core_expect_gap(w, CONN, PBAY_DENIED);
    assert_int_equal(core_total(w, CONN_2), 0);
    assert_int_equal(core_total(w, OTHER), 0);
    w->agent.n_principals = 0; /* nobody */
    configure(w);
    core_expect_gap(w, CONN_2, PBAY_DENIED);
    assert_int_equal(core_total(w, OTHER), 0);
    core_world_free(w);
}

static void what_expires(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_principal policy[3];
    struct pb_frame again = core_hello("c0", "0", 1, 9);

    (void)state;
    set_policy(w, policy);
    policy[0].expires = 1001;
    w->wall = 1000;
    configure(w);
    w->key = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    core_forget(w);
    core_tick(w, 10);
    assert_int_equal(core_count(w, CONN, PB_GAP), 0);
    w->wall = 1001;
    core_tick(w, 10);
    core_expect_gap(w, CONN, PBAY_DENIED);
    core_say(w, CONN_2, &again);
    assert_int_equal(core_heard(w, CONN_2, PB_REJECT)->code, PBAY_DENIED);
    core_world_free(w);
}

/* What another key says under a session's routing id is not looked at, and the session is over. */
static void whose_routing_id_it_is(void **state)
{
    const struct pb_frame said = {
        .verb = PB_STATE, .state = PB_ST_FAILED, .code = PBAY_FAILED, .text = pbay_str("stolen")};
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_principal policy[3];

    (void)state;
    set_policy(w, policy);
    configure(w);
    w->key = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    assert_true(core_node(w, "c0")->linked);
    w->key = pbay_str(keys[AGENT_KEY]);
    core_say(w, CONN, &said);
    assert_false(core_node(w, "c0")->linked);
    assert_int_equal(core_node(w, "c0")->code, PBAY_OK);
    w->key = pbay_str("");
    core_say(w, CONN, &said);
    assert_false(core_node(w, "c0")->linked);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_be_what),
        cmocka_unit_test(what_a_new_policy_does),
        cmocka_unit_test(what_expires),
        cmocka_unit_test(whose_routing_id_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
