/* Who may attach: names that come and go do not use up their places, and none is lost between HELLO and CONFIRM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core.h"
#include "schema/pbay_pubid.h"

struct world {
    struct pb_core *core;
    int64_t now;
    uint64_t attach; /* of the last WELCOME */
    enum pb_verb answer;
    struct pbay_agent_conf agent;
    const struct pbay_agent_conf *agents[1];
};

static void step(struct world *w, struct pb_event ev)
{
    struct pb_note note;
    struct pb_out out;
    struct pb_frame f;

    ev.now = w->now;
    w->answer = PB_NOP;
    pb_core_step(w->core, &ev);
    pb_core_flush(w->core);
    while (pb_core_next(w->core, &out)) {
        struct pb_rd r = pb_rd_of(out.p, out.n);

        assert_true(pb_frame_read(&r, PB_DOWN, &f));
        w->answer = f.verb;
        if (f.verb == PB_WELCOME)
            w->attach = f.attach;
        free(out.msg);
    }
    while (pb_core_note(w->core, &note))
        ;
}

static void tick(struct world *w, int64_t ms)
{
    w->now += ms;
    step(w, (struct pb_event){.kind = PB_EV_TICK});
}

static void say(struct world *w, unsigned rid, const struct pb_frame *f)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_UP, f);
    step(w, (struct pb_event){
                .kind = PB_EV_FRAME, .rid = {(const char *)&rid, sizeof rid}, .p = b.p, .n = b.n, .msg = NULL});
    pb_buf_fini(&b);
}

/* A process of the agent, each time another one. */
static void hello(struct world *w, unsigned rid, unsigned instance)
{
    char name[16], incarnation[PBAY_ID_SIZE] = {0};

    snprintf(name, sizeof name, "%u", instance);
    memcpy(incarnation, &rid, sizeof rid);
    say(w, rid,
        &(struct pb_frame){.verb = PB_HELLO,
                           .version_min = PB_VERSION,
                           .version_max = PB_VERSION,
                           .role = PB_AGENT,
                           .agent = pbay_str("A"),
                           .name = pbay_str("A"),
                           .instance = pbay_str(name),
                           .public_id = pbay_str(""),
                           .incarnation = {incarnation, PBAY_ID_SIZE},
                           .link = 1});
}

static void confirm(struct world *w, unsigned rid)
{
    say(w, rid, &(struct pb_frame){.verb = PB_CONFIRM, .attach = w->attach});
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->now = 1;
    w->agent = (struct pbay_agent_conf){.agent_name = "A",
                                        .default_connection = -1,
                                        .memory_budget = 1U << 20,
                                        .max_envelope = 16384,
                                        .heartbeat_ms = 1000,
                                        .timeout_ms = 5000,
                                        .gone_ms = 11000,
                                        .hold_ms = 3000,
                                        .grace_ms = 100,
                                        .max_attempts = 5};
    w->agents[0] = &w->agent;
    w->core = pb_core_new(w->now, 1, w->agents, 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pb_core_destroy(&w->core);
    free(w);
    return 0;
}

/* As many HELLOs as there are places, none of them ever confirmed, lock nobody out once their sockets are silent. */
static void unconfirmed_give_way(void **state)
{
    struct world *w = *state;

    for (unsigned i = 1; i <= PBAY_MAX_INSTANCES; i++) {
        hello(w, i, i);
        assert_int_equal(w->answer, PB_WELCOME);
    }
    hello(w, 1000, 0);
    assert_int_equal(w->answer, PB_REJECT);
    tick(w, 4 * (int64_t)w->agent.timeout_ms + 1); /* their links are forgotten */
    tick(w, 1);
    hello(w, 1001, 0);
    assert_int_equal(w->answer, PB_WELCOME);
}

/* One that said BYE is about to be forgotten, and a new process of that name has said HELLO meanwhile. */
static void asked_for_stays(void **state)
{
    struct world *w = *state;

    hello(w, 1, 7);
    confirm(w, 1);
    say(w, 1, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN, .text = pbay_str("")});
    hello(w, 2, 7);
    assert_int_equal(w->answer, PB_WELCOME);
    tick(w, 1000);
    confirm(w, 2);
    say(w, 2, &(struct pb_frame){.verb = PB_PING, .count = 3, .clock = 1});
    assert_int_equal(w->answer, PB_PONG);
}

/* Instances that died without a word have their places until those are needed ten minutes later. */
static void forgotten_give_way(void **state)
{
    struct world *w = *state;

    for (unsigned i = 1; i <= PBAY_MAX_INSTANCES; i++) {
        hello(w, i, i);
        confirm(w, i);
    }
    for (int i = 0; i < 70; i++)
        tick(w, 10000);
    hello(w, 1000, 100);
    assert_int_equal(w->answer, PB_WELCOME);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(unconfirmed_give_way), T(asked_for_stays), T(forgotten_give_way)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
