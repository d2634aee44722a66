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

        w->keys[100 + i] = pbay_str(rows[i].key == -1 ? "" : rows[i].key == -2 ? "nobody's" : keys[rows[i].key]);
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
    w->keys[CONN] = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    w->keys[CONN_2] = pbay_str(keys[NEW_KEY]);
    core_attach(w, CONN_2, "c0", "1", 2);
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
    w->keys[CONN] = w->keys[CONN_2] = pbay_str(keys[CONN_KEY]);
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
    w->keys[CONN] = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    assert_true(core_node(w, "c0")->linked);
    w->keys[CONN] = pbay_str(keys[AGENT_KEY]);
    core_say(w, CONN, &said);
    assert_false(core_node(w, "c0")->linked);
    assert_int_equal(core_node(w, "c0")->code, PBAY_OK);
    w->keys[CONN] = pbay_str("");
    core_say(w, CONN, &said);
    assert_false(core_node(w, "c0")->linked);
    core_world_free(w);
}

/* ---- what they may send ---- */

/* The agent with its key, by the AGENT's routing id; a connection of this machine. */
static struct core_world *linked(struct pbay_principal policy[3])
{
    struct core_world *w = core_world_new(PLENTY);

    set_policy(w, policy);
    configure(w);
    core_attach(w, CONN, "c0", "0", 1);
    w->keys[AGENT] = pbay_str(keys[AGENT_KEY]);
    core_attach(w, AGENT, NULL, "0", 2);
    return w;
}

static void expect_end(const struct core_world *w, uint64_t seq, enum pbay_err code, const char *words)
{
    const struct pb_frame *f = core_heard(w, AGENT, PB_END);

    assert_non_null(f);
    assert_int_equal(f->seq, seq);
    assert_int_equal(f->code, code);
    assert_non_null(memmem(f->text.p, f->text.n, words, strlen(words)));
}

static void where_to(void **state)
{
    static const char *here[] = {"y", "z"};
    struct pbay_principal policy[3];
    struct core_world *w = linked(policy);
    struct pb_frame open = core_open(1, "x", 1, 2, 0), other = core_open(2, "z", 1, 2, 0);

    (void)state;
    policy[1].to = here;
    policy[1].n_to = 2;
    configure(w);
    core_forget(w);
    core_say(w, AGENT, &open);
    expect_end(w, 0, PBAY_DENIED, "the policy of a does not name that address");
    core_say(w, AGENT, &other);
    assert_non_null(core_heard(w, CONN, PB_OPEN));
    core_world_free(w);
}

/* Of the sender, and of the receiver, whose key is looked at when it is given. */
static void which_protocol(void **state)
{
    struct pbay_principal policy[3];
    struct core_world *w = linked(policy);
    struct core_stream s = {0};
    struct pbay_pubid other, same;

    (void)state;
    assert_true(pbay_pubid_parse(pbay_str("t/p1:1.0.0"), &other) && pbay_pubid_parse(pbay_str("t/p0:1.0.0"), &same));
    s = core_opened(w, CONN, 1, "x", 3);
    policy[1].protocols = &other;
    policy[1].n_protocols = 1;
    configure(w);
    core_forget(w);
    core_pub(w, &s, 1, 0, 10);
    expect_end(w, 1, PBAY_REFUSED, "the policy of a does not name that protocol");
    assert_null(core_heard(w, CONN, PB_PUB));
    core_world_free(w);

    w = core_world_new(PLENTY);
    set_policy(w, policy);
    policy[0].protocols = &other;
    policy[0].n_protocols = 1;
    configure(w);
    core_attach(w, AGENT, NULL, "0", 2);
    w->keys[CONN] = pbay_str(keys[CONN_KEY]);
    core_attach(w, CONN, "c0", "0", 1);
    s = core_opened(w, CONN, 1, "x", 3);
    core_pub(w, &s, 1, 0, 10);
    expect_end(w, 1, PBAY_REFUSED, "the policy of web, who would receive it, does not name that protocol");
    policy[0].protocols = &same;
    configure(w);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = s.no, .seq = 1});
    core_pub(w, &s, 2, 1, 10);
    assert_non_null(core_heard(w, CONN, PB_PUB));
    core_world_free(w);
}

static void how_large(void **state)
{
    struct pbay_principal policy[3];
    struct core_world *w = linked(policy);
    struct core_stream s;

    (void)state;
    policy[1].max_envelope = 100;
    configure(w);
    s = core_opened(w, CONN, 1, "x", 4);
    core_pub(w, &s, 1, 0, 100);
    assert_non_null(core_heard(w, CONN, PB_PUB));
    assert_null(core_heard(w, AGENT, PB_END));
    core_pub(w, &s, 2, 1, 101);
    expect_end(w, 2, PBAY_TOO_BIG, "the policy's max_envelope");
    core_world_free(w);
}

static void how_many(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_principal policy[3];
    struct pb_frame second = core_hello("c0", "1", 2, 1), again = core_hello("c0", "0", 1, 1000);

    (void)state;
    set_policy(w, policy);
    policy[0].instances = 1;
    configure(w);
    w->keys[CONN] = w->keys[OTHER] = pbay_str(keys[CONN_KEY]);
    w->keys[CONN_2] = pbay_str(keys[NEW_KEY]); /* of the same principal */
    core_attach(w, CONN, "c0", "0", 1);
    core_forget(w);
    core_say(w, CONN_2, &second);
    assert_int_equal(core_heard(w, CONN_2, PB_REJECT)->code, PBAY_LIMIT);
    core_say(w, OTHER, &again); /* the one that is there, on its next link */
    assert_non_null(core_heard(w, OTHER, PB_WELCOME));
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_be_what), cmocka_unit_test(what_a_new_policy_does),
        cmocka_unit_test(what_expires),    cmocka_unit_test(whose_routing_id_it_is),
        cmocka_unit_test(where_to),        cmocka_unit_test(which_protocol),
        cmocka_unit_test(how_large),       cmocka_unit_test(how_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
