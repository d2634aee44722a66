#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/exits.h"
#include "node/supervise.h"

#define START 1000
#define SEEDS 200

static struct sv running(bool may_end, uint64_t seed)
{
    struct sv s;

    sv_init(&s, may_end, seed);
    assert_int_equal(s.state, SV_WAITING);
    assert_true(sv_due(&s) == INT64_MAX);
    sv_started(&s, START);
    assert_int_equal(s.state, SV_RUNNING);
    return s;
}

/* Dies at once and is started when due, so many times; returns the time. */
static int64_t die(struct sv *s, int64_t now, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        sv_exited(s, now, 1);
        assert_int_equal(s->state, SV_BACKOFF);
        now = sv_due(s);
        sv_started(s, now);
    }
    return now;
}

static void test_delay_doubles_up_to_its_bound(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sv s = running(false, seed);
        int64_t now = START, full = SV_FIRST_DELAY;

        for (int i = 0; i < 10; i++) {
            sv_exited(&s, now, 1);
            assert_in_range(sv_due(&s) - now, full / 2, full);
            now = sv_due(&s);
            sv_started(&s, now);
            full = full * 2 > SV_MAX_DELAY ? SV_MAX_DELAY : full * 2;
        }
        assert_int_equal(full, SV_MAX_DELAY);
        assert_int_equal(s.restarts, 10);
    }
}

static void test_delays_are_spread(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sv s = running(false, seed * 7919);
        int64_t now = die(&s, START, 8), delay;

        sv_exited(&s, now, SV_UNCLEAN);
        delay = sv_due(&s) - now;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_true(least < SV_MAX_DELAY * 6 / 10);
    assert_true(most > SV_MAX_DELAY * 9 / 10);
}

static void test_long_life_begins_anew(void **state)
{
    struct sv s = running(false, 1);
    int64_t now = die(&s, START, 8);

    (void)state;
    sv_exited(&s, now + SV_LONG_LIFE - 1, 1);
    assert_in_range(sv_due(&s) - (now + SV_LONG_LIFE - 1), SV_MAX_DELAY / 2, SV_MAX_DELAY);
    now = sv_due(&s);
    sv_started(&s, now);
    sv_exited(&s, now + SV_LONG_LIFE, 1);
    assert_in_range(sv_due(&s) - (now + SV_LONG_LIFE), SV_FIRST_DELAY / 2, SV_FIRST_DELAY);
}

/* Whatever the delays turn out to be, the window is long enough for the loop to show. */
static void test_crash_loop_fails(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sv s = running(false, seed);
        int64_t now = die(&s, START, SV_MAX_CRASHES);

        sv_exited(&s, now, SV_UNCLEAN);
        assert_int_equal(s.state, SV_FAILED);
        assert_true(sv_due(&s) == now + SV_RETRY_FAILED);
    }
}

static void test_crashes_far_apart_are_no_loop(void **state)
{
    struct sv s = running(false, 3);
    int64_t now = START, between = SV_CRASH_WINDOW / SV_MAX_CRASHES + 1;

    (void)state;
    for (int i = 0; i < 5 * SV_MAX_CRASHES; i++) {
        sv_exited(&s, now + between, 1);
        assert_int_equal(s.state, SV_BACKOFF);
        now += between;
        sv_started(&s, now);
    }
}

static void test_window_is_exact(void **state)
{
    (void)state;
    for (int late = 0; late <= 1; late++) {
        struct sv s = running(false, 5);

        for (int i = 0; i < SV_MAX_CRASHES; i++) {
            sv_exited(&s, START + i, 1);
            sv_started(&s, START + i);
        }
        sv_exited(&s, START + SV_CRASH_WINDOW + late, 1);
        assert_int_equal(s.state, late ? SV_BACKOFF : SV_FAILED);
    }
}

/* Five attempts after the first death; all of them quick. */
static void test_poison_does_not_fail(void **state)
{
    struct sv s = running(false, 1);

    (void)state;
    assert_in_range(die(&s, START, 6) - START, 1, 5000);
    assert_int_equal(s.state, SV_RUNNING);
}

static void test_exit_zero(void **state)
{
    struct sv connection = running(false, 1), agent = running(true, 1);
    int64_t now = START;

    (void)state;
    for (int i = 0; i < 3 * SV_MAX_CRASHES; i++) {
        sv_exited(&connection, now, 0);
        assert_int_equal(connection.state, SV_BACKOFF);
        now = sv_due(&connection);
        sv_started(&connection, now);
    }
    sv_exited(&agent, START, 0);
    assert_int_equal(agent.state, SV_STOPPED);
    assert_true(sv_due(&agent) == INT64_MAX);
}

static void test_agent_that_crashes_is_started_again(void **state)
{
    struct sv agent = running(true, 1);

    (void)state;
    sv_exited(&agent, START, SV_UNCLEAN);
    assert_int_equal(agent.state, SV_BACKOFF);
}

static void test_fenced_is_final(void **state)
{
    struct sv s = running(false, 1);

    (void)state;
    sv_exited(&s, START, PB_EXIT_FENCED);
    assert_int_equal(s.state, SV_FENCED);
    assert_true(sv_due(&s) == INT64_MAX);
    sv_stop(&s);
    assert_int_equal(s.state, SV_FENCED);
}

static void test_bad_configuration_fails_at_once(void **state)
{
    struct sv s = running(false, 1);

    (void)state;
    sv_exited(&s, START, PB_EXIT_CONFIG);
    assert_int_equal(s.state, SV_FAILED);
    assert_true(sv_due(&s) == START + SV_RETRY_FAILED);
}

static void test_failed_is_tried_once(void **state)
{
    struct sv s = running(false, 1);
    int64_t now;

    (void)state;
    sv_exited(&s, START, PB_EXIT_CONFIG);
    now = sv_due(&s);
    sv_started(&s, now);
    assert_int_equal(s.state, SV_RUNNING);
    sv_exited(&s, now + SV_LONG_LIFE - 1, 1);
    assert_int_equal(s.state, SV_FAILED);
    now = sv_due(&s);
    sv_started(&s, now);
    sv_exited(&s, now + SV_LONG_LIFE, 1);
    assert_int_equal(s.state, SV_BACKOFF);
    now = sv_due(&s);
    sv_started(&s, now);
    sv_exited(&s, now, 1);
    assert_int_equal(s.state, SV_BACKOFF);
}

/* An exit of 0 is no crash, but it does not end the trial either. */
static void test_trial_outlives_exit_zero(void **state)
{
    struct sv s = running(false, 1);
    int64_t now;

    (void)state;
    sv_exited(&s, START, PB_EXIT_CONFIG);
    now = sv_due(&s);
    sv_started(&s, now);
    sv_exited(&s, now, 0);
    assert_int_equal(s.state, SV_BACKOFF);
    now = sv_due(&s);
    sv_started(&s, now);
    sv_exited(&s, now, 1);
    assert_int_equal(s.state, SV_FAILED);
}

/* Asked for: no death, no delay, and a way back for those that were given up. */
static void test_again(void **state)
{
    struct sv s = running(false, 1), fenced = running(false, 1), failed = running(false, 1),
              stopping = running(false, 1);

    (void)state;
    sv_again(&s);
    assert_int_equal(s.state, SV_RUNNING); /* until it has ended */
    sv_exited(&s, START, SV_UNCLEAN);
    assert_int_equal(s.state, SV_WAITING);
    assert_int_equal(s.restarts, 1);
    assert_int_equal(s.crashes, 0);
    sv_started(&s, START);
    sv_exited(&s, START + 1, 1); /* the next one is a death again */
    assert_int_equal(s.state, SV_BACKOFF);
    sv_again(&s);
    assert_int_equal(s.state, SV_WAITING);
    sv_exited(&fenced, START, PB_EXIT_FENCED);
    sv_again(&fenced);
    assert_int_equal(fenced.state, SV_WAITING);
    sv_exited(&failed, START, PB_EXIT_STUCK);
    assert_int_equal(failed.state, SV_FAILED);
    sv_again(&failed);
    sv_started(&failed, START);
    sv_exited(&failed, START, 1); /* not on trial any more */
    assert_int_equal(failed.state, SV_BACKOFF);
    sv_again(&stopping);
    sv_stop(&stopping);
    sv_exited(&stopping, START, 0);
    assert_int_equal(stopping.state, SV_STOPPED);
}

static void test_stop(void **state)
{
    static const int statuses[] = {0, 1, PB_EXIT_CONFIG, PB_EXIT_FENCED, SV_UNCLEAN};
    struct sv waiting, dead = running(false, 1);

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct sv s = running(false, 1);

        sv_stop(&s);
        assert_int_equal(s.state, SV_RUNNING);
        sv_exited(&s, START, statuses[i]);
        assert_int_equal(s.state, SV_STOPPED);
        assert_true(sv_due(&s) == INT64_MAX);
    }
    sv_init(&waiting, false, 1);
    sv_stop(&waiting);
    assert_int_equal(waiting.state, SV_STOPPED);
    sv_exited(&dead, START, 1);
    sv_stop(&dead);
    assert_int_equal(dead.state, SV_STOPPED);
    assert_true(sv_due(&dead) == INT64_MAX);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(sv_state_name(SV_WAITING), "waiting");
    assert_string_equal(sv_state_name(SV_RUNNING), "running");
    assert_string_equal(sv_state_name(SV_BACKOFF), "backoff");
    assert_string_equal(sv_state_name(SV_FAILED), "failed");
    assert_string_equal(sv_state_name(SV_FENCED), "fenced");
    assert_string_equal(sv_state_name(SV_STOPPED), "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_doubles_up_to_its_bound),
        cmocka_unit_test(test_delays_are_spread),
        cmocka_unit_test(test_long_life_begins_anew),
        cmocka_unit_test(test_crash_loop_fails),
        cmocka_unit_test(test_crashes_far_apart_are_no_loop),
        cmocka_unit_test(test_window_is_exact),
        cmocka_unit_test(test_poison_does_not_fail),
        cmocka_unit_test(test_exit_zero),
        cmocka_unit_test(test_agent_that_crashes_is_started_again),
        cmocka_unit_test(test_fenced_is_final),
        cmocka_unit_test(test_bad_configuration_fails_at_once),
        cmocka_unit_test(test_failed_is_tried_once),
        cmocka_unit_test(test_trial_outlives_exit_zero),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
