/* Names that come and go do not use up their places, and none is lost between HELLO and CONFIRM. */
#include <stdio.h>

#include "core_world.h"

static enum pb_verb hello(struct core_world *w, uint32_t rid, unsigned instance)
{
    static const enum pb_verb verbs[] = {PB_WELCOME, PB_REJECT};
    char name[16], id[PBAY_ID_SIZE] = {(char)rid, (char)(rid >> 8), 1};
    struct pb_frame f;

    snprintf(name, sizeof name, "%u", instance);
    f = core_hello(NULL, name, 0, 1);
    f.incarnation = (struct pbay_str){id, sizeof id};
    core_say(w, rid, &f);
    for (size_t i = 0; i < 2; i++) {
        if (core_heard(w, rid, verbs[i]))
            return verbs[i];
    }
    return PB_NOP;
}

static void confirm(struct core_world *w, uint32_t rid)
{
    core_say(w, rid, &(struct pb_frame){.verb = PB_CONFIRM, .attach = core_heard(w, rid, PB_WELCOME)->attach});
}

/* As many HELLOs as there are places, none of them ever confirmed, lock nobody out once their sockets are silent. */
static void unconfirmed_give_way(void **state)
{
    struct core_world *w = core_world_new(1U << 20);

    (void)state;
    for (uint32_t i = 1; i <= PBAY_MAX_INSTANCES; i++)
        assert_int_equal(hello(w, i, i), PB_WELCOME);
    assert_int_equal(hello(w, 1000, 0), PB_REJECT);
    core_tick(w, 4 * WORLD_TIMEOUT + 1); /* their links are forgotten */
    core_tick(w, WORLD_HEARTBEAT);
    assert_int_equal(hello(w, 1001, 0), PB_WELCOME);
    core_world_free(w);
}

/* One that said BYE is about to be forgotten, and a new process of that name has said HELLO meanwhile. */
static void asked_for_stays(void **state)
{
    struct core_world *w = core_world_new(1U << 20);

    (void)state;
    hello(w, 1, 7);
    confirm(w, 1);
    core_say(w, 1,
             &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN, .text = pbay_str("")});
    assert_int_equal(hello(w, 2, 7), PB_WELCOME);
    core_tick(w, WORLD_HEARTBEAT);
    confirm(w, 2);
    core_say(w, 2, &(struct pb_frame){.verb = PB_PING, .count = 3, .clock = 1});
    assert_non_null(core_heard(w, 2, PB_PONG));
    core_world_free(w);
}

/* Instances that died without a word have their places until those are needed, ten minutes later. */
static void forgotten_give_way(void **state)
{
    struct core_world *w = core_world_new(1U << 20);

    (void)state;
    for (uint32_t i = 1; i <= PBAY_MAX_INSTANCES; i++) {
        hello(w, i, i);
        confirm(w, i);
    }
    for (int i = 0; i < 70; i++)
        core_tick(w, 10000);
    assert_int_equal(hello(w, 1000, 100), PB_WELCOME);
    core_world_free(w);
}

/* The agent goes out of the configuration between WELCOME and CONFIRM (SPEC 3.3.3). */
static void taken_away_meanwhile(void **state)
{
    struct core_world *w = core_world_new(1U << 20);
    struct pbay_agent_conf other = w->agent;
    const struct pbay_agent_conf *list[] = {&other};

    (void)state;
    other.agent_name = "b";
    hello(w, 1, 0);
    core_event(w, &(struct pb_event){.kind = PB_EV_CONFIG, .agents = list, .n_agents = 1});
    confirm(w, 1);
    core_expect_gap(w, 1, PBAY_UNKNOWN_NAME);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(unconfirmed_give_way), cmocka_unit_test(asked_for_stays),
                                       cmocka_unit_test(forgotten_give_way), cmocka_unit_test(taken_away_meanwhile)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
