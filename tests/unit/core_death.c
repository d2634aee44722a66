/* Heartbeats, silence, death and going down in the broker (SPEC 3.6 and 3.8), from the outside. */
#include "core_world.h"

#define PLENTY    (16U << 20)
#define FORGET_MS 600000

/* SPEC 3.6.2: messages are counted, not frames; PONG counts itself. */
static void ping_is_compared(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1); /* HELLO, CONFIRM, STATE; WELCOME came down */
    core_say(w, CONN, &(struct pb_frame){.verb = PB_PING, .count = 4, .clock = 77});
    assert_int_equal(core_heard(w, CONN, PB_PONG)->count, 2);
    assert_int_equal(core_heard(w, CONN, PB_PONG)->clock, 77);
    core_forget(w);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_PING, .count = 5, .clock = 78});
    assert_int_equal(core_heard(w, CONN, PB_PONG)->count, 3);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_PING, .count = 7, .clock = 78});
    core_expect_gap(w, CONN, PBAY_GAP);
    core_world_free(w);
}

/* SPEC 3.6.3, 3.6.6: the link after one timeout, the node after `gone`. */
static void silence_and_death(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_tick(w, WORLD_TIMEOUT);
    assert_true(core_node(w, "c0")->linked);
    core_tick(w, 1);
    assert_false(core_node(w, "c0")->linked);
    assert_int_equal(core_node(w, "c0")->state, PB_ST_CONNECTING);
    core_tick(w, WORLD_GONE);
    assert_false(core_node(w, "c0")->dead);
    core_forget(w);
    core_tick(w, 1);
    assert_true(core_node(w, "c0")->dead);
    assert_int_equal(core_node(w, "c0")->state, PB_ST_DISCONNECTED);
    assert_int_equal(core_noted(w, PB_NOTE_DEAD), 1);
    core_tick(w, WORLD_GONE);
    assert_int_equal(core_noted(w, PB_NOTE_DEAD), 1);
    core_world_free(w);
}

/* SPEC 3.6.7: dead, but back with the same incarnation, until ten minutes have passed. */
static void a_dead_node_may_come_back(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame hello = core_hello(NULL, "0", 1, 100);
    struct core_stream s;

    (void)state;
    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    s = core_opened(w, CONN, 1, "x", 2);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_PING, .count = 5});
    core_tick(w, WORLD_TIMEOUT + 1); /* the agent's link is over */
    core_tick(w, FORGET_MS - 1);
    core_say(w, OTHER, &hello);
    assert_non_null(core_heard(w, OTHER, PB_WELCOME));
    core_tick(w, 1);
    assert_int_equal(core_view(w, "x").next, 2);
    core_tick(w, 1);
    assert_int_equal(core_view(w, "x").next, 0);
    core_forget(w);
    core_say(w, 50, &hello);
    assert_int_equal(core_heard(w, 50, PB_BYE)->code, PBAY_FENCED);
    (void)s;
    core_world_free(w);
}

/* SPEC 3.1.4 */
static void idle_routing_ids_are_forgotten(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_core_view v;

    (void)state;
    core_say(w, OTHER, &(struct pb_frame){.verb = PB_DRAIN});
    core_tick(w, 4 * WORLD_TIMEOUT);
    pb_core_view(w->core, &v);
    assert_int_equal(v.links, 1);
    core_tick(w, 1);
    pb_core_view(w->core, &v);
    assert_int_equal(v.links, 0);
    core_world_free(w);
}

/* A node that said BYE and left nothing behind needs no name. */
static void who_left_is_forgotten(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_core_view v;

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_forget(w);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
    assert_int_equal(core_noted(w, PB_NOTE_DEAD), 1);
    core_tick(w, 1);
    pb_core_view(w->core, &v);
    assert_int_equal(v.nodes, 0);
    assert_int_equal(core_node(w, "c0")->linked, false);
    assert_string_equal(core_node(w, "c0")->instance.p, "0");
    core_world_free(w);
}

/* SPEC 3.8.2 */
static void a_broker_that_goes_down(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_event drain = {.kind = PB_EV_DRAIN}, bye = {.kind = PB_EV_BYE};
    struct pb_frame hello = core_hello("c1", "0", 3, 1);
    struct pb_core_view v;
    struct core_stream s;

    (void)state;
    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    s = core_opened(w, CONN, 1, "x", 3);
    core_pub(w, &s, 1, 0, 10);
    assert_false(pb_core_idle(w->core));
    core_event(w, &drain);
    assert_int_equal(core_count(w, AGENT, PB_DRAIN) + core_count(w, CONN, PB_DRAIN), 2);
    core_pub(w, &s, 2, 1, 10);
    assert_int_equal(core_count(w, CONN, PB_PUB), 1);
    core_settle(w, CONN, &s, 1);
    assert_true(pb_core_idle(w->core));
    core_say(w, OTHER, &hello);
    assert_int_equal(core_heard(w, OTHER, PB_REJECT)->code, PBAY_SHUTDOWN);
    pb_core_view(w->core, &v);
    assert_true(v.draining);
    core_event(w, &bye);
    assert_int_equal(core_heard(w, AGENT, PB_BYE)->code, PBAY_SHUTDOWN);
    assert_null(core_heard(w, OTHER, PB_BYE));
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_is_compared),          cmocka_unit_test(silence_and_death),
        cmocka_unit_test(a_dead_node_may_come_back), cmocka_unit_test(idle_routing_ids_are_forgotten),
        cmocka_unit_test(who_left_is_forgotten),     cmocka_unit_test(a_broker_that_goes_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
