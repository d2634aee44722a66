/* What receivers tell the broker of streams (SPEC 6.3, 6.5 and 7.2), from the outside: what is checked, believed,
 * passed on. */
#include "core_world.h"

#define PLENTY (16U << 20)

/* The agent and one instance of c0. */
static struct core_world *both(uint64_t budget)
{
    struct core_world *w = core_world_new(budget);

    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    core_forget(w);
    return w;
}

/* SPEC 6.4.3: about a sequence at or above `next` nothing is believed. */
static void receivers_speak_of_what_there_is(void **state)
{
    static const enum pb_verb verbs[] = {PB_SETTLE, PB_ANSWER, PB_RELEASED, PB_END};
    uint8_t range[] = {0x92, 3, 3};

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        enum pb_verb verb = verbs[i % 4];
        bool beyond = i & 4, by_range = i & 8 && verb != PB_END;
        struct core_world *w = both(PLENTY);
        struct core_stream s = core_opened(w, CONN, 1, "x", 4);
        struct pb_frame f = {
            .verb = verb, .stream = s.sid, .round = s.rround, .code = PBAY_FAILED, .cause = PBAY_FAILED};

        if (verb == PB_ANSWER) {
            struct pb_frame again = core_open(1, "x", 1, 4, 0);

            core_say(w, AGENT, &again);
            f.round = core_heard(w, CONN, PB_OPEN)->round;
        }
        if (verb == PB_RELEASED)
            core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
        f.wm = by_range ? 0 : beyond ? 4 : 3;
        f.seq = beyond ? 4 : 3;
        range[1] = range[2] = beyond ? 4 : 3;
        if (by_range)
            f.settled = (struct pb_span){1, {(const char *)range, sizeof range}};
        core_forget(w);
        core_say(w, CONN, &f);
        if (beyond)
            core_expect_gap(w, CONN, PBAY_BAD_FRAME);
        else
            assert_null(core_heard(w, CONN, PB_GAP));
        core_world_free(w);
    }
}

static void held_is_checked_too(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 4, 0);
    static const char range[] = {'\x92', 3, 4};

    (void)state;
    core_say(w, AGENT, &f);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_ANSWER,
                                .stream = core_heard(w, CONN, PB_OPEN)->stream,
                                .round = core_heard(w, CONN, PB_OPEN)->round,
                                .held = {1, {range, sizeof range}}});
    core_expect_gap(w, CONN, PBAY_BAD_FRAME);
    core_world_free(w);
}

/* SPEC 9: with what an END may end. */
static void ends_have_codes(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < PBAY_ERR_COUNT; code++) {
        bool good = code == PBAY_TOO_BIG || (code >= PBAY_NO_ROUTE && code <= PBAY_FAILED) || code == PBAY_MALFORMED;

        for (int i = 0; i < 2; i++) {
            struct core_world *w = both(PLENTY);
            struct core_stream s = core_opened(w, CONN, 1, "x", 4);

            core_pub(w, &s, 1, 0, 10);
            core_say(w, CONN,
                     &(struct pb_frame){.verb = PB_END,
                                        .stream = s.sid,
                                        .seq = 1,
                                        .code = i ? code : PBAY_FAILED,
                                        .cause = i ? PBAY_FAILED : code});
            assert_int_equal(core_count(w, AGENT, PB_END), good);
            assert_int_equal(core_count(w, CONN, PB_GAP), !good);
            core_world_free(w);
        }
    }
}

/* SPEC 7.2.3: ENDED when the sender has answered; at once for what had ended. */
static void the_receiver_hears_ended(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 4);
    struct pb_frame end = {.verb = PB_END, .stream = s.sid, .seq = 1, .code = PBAY_FAILED, .cause = PBAY_FAILED};

    (void)state;
    end.text = pbay_str("no");
    core_pub(w, &s, 1, 0, 10);
    core_say(w, CONN, &end);
    assert_true(pbay_str_eq(core_heard(w, AGENT, PB_END)->text, pbay_str("no")));
    assert_null(core_heard(w, CONN, PB_ENDED));
    core_say(w, CONN, &end);
    assert_int_equal(core_count(w, AGENT, PB_END), 1);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 1});
    assert_int_equal(core_count(w, CONN, PB_ENDED), 1);
    assert_int_equal(core_view(w, "x").base, 2);
    core_say(w, CONN, &end);
    assert_int_equal(core_count(w, CONN, PB_ENDED), 2);
    assert_int_equal(core_count(w, AGENT, PB_END), 1);
    assert_null(core_heard(w, AGENT, PB_SETTLE));
    core_world_free(w);
}

/* SPEC 7.2.1: an OPEN whose base lies above the END answers it. */
static void a_base_answers_an_end(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 4);
    struct pb_frame again = core_open(1, "x", 2, 4, 2);

    (void)state;
    core_pub(w, &s, 1, 0, 10);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_END, .stream = s.sid, .seq = 1, .code = PBAY_FAILED, .cause = PBAY_FAILED});
    core_forget(w);
    core_say(w, AGENT, &again);
    assert_int_equal(core_heard(w, CONN, PB_ENDED)->seq, 1);
    assert_int_equal(core_view(w, "x").ending, 0);
    core_world_free(w);
}

/* ---- a broker that has just started (SPEC 3.7, 4.9.3, 6.3.3) ---- */

/* Watermark, ranges and held of a receiver that knows more than we do. */
static void an_answer_tells_what_we_forgot(void **state)
{
    static const char settled[] = {'\x92', 5, 6}, held[] = {'\x92', 3, 4};
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 9, 7);
    struct core_stream s = {.no = 1};
    struct pb_rd r;
    uint64_t lo, hi;

    (void)state;
    core_say(w, AGENT, &f);
    s.sid = core_heard(w, CONN, PB_OPEN)->stream;
    s.rround = core_heard(w, CONN, PB_OPEN)->round;
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_ANSWER,
                                .stream = s.sid,
                                .round = s.rround,
                                .wm = 2,
                                .settled = {1, {settled, sizeof settled}},
                                .held = {1, {held, sizeof held}}});
    assert_int_equal(core_heard(w, AGENT, PB_OPENED)->expect, 7);
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->wm, 2);
    r = pb_span_reader(core_heard(w, AGENT, PB_SETTLE)->settled);
    assert_true(pb_span_range(&r, &lo, &hi) && lo == 5 && hi == 6 && r.p == r.end);
    s.sround = core_heard(w, AGENT, PB_OPENED)->round;
    assert_int_equal(core_view(w, "x").given, 2);
    core_forget(w);
    core_pub(w, &s, 7, 0, 10);
    core_pub(w, &s, 8, 7, 10);
    assert_int_equal(w->heard[0].f.flags, PB_FLAG_REDELIVERED);
    assert_int_equal(w->heard[1].f.flags, 0);
    core_settle(w, CONN, &s, 6);
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->wm, 6);
    core_world_free(w);
}

/* What a receiver settles that we have not seen given: its ranges count, and the sender hears of them. */
static void settle_of_what_we_never_saw(void **state)
{
    static const char range[] = {'\x92', 4, 5};
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 9);

    (void)state;
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_SETTLE, .stream = s.sid, .wm = 1, .settled = {1, {range, sizeof range}}});
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->wm, 1);
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->settled.n, 1);
    core_settle(w, CONN, &s, 3);
    assert_int_equal(core_view(w, "x").base, 6);
    core_world_free(w);
}

/* SPEC 4.10.1: more than 64 ranges are cut off at the top, and follow later. */
static void ranges_are_cut(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 400);
    struct pb_buf list = {0};

    (void)state;
    for (uint64_t first = 2; first < 300; first += 2 * PB_MAX_RANGES) {
        list.n = 0;
        for (uint64_t q = first; q < first + 2 * PB_MAX_RANGES; q += 2)
            pb_put_range(&list, q, q);
        core_forget(w);
        core_say(w, CONN,
                 &(struct pb_frame){
                     .verb = PB_SETTLE, .stream = s.sid, .settled = {PB_MAX_RANGES, {(const char *)list.p, list.n}}});
        assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->settled.n, PB_MAX_RANGES);
    }
    core_forget(w);
    core_settle(w, CONN, &s, 399);
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->wm, 399);
    pb_buf_fini(&list);
    core_world_free(w);
}

/* Nothing is said twice, and nothing that the sender knows itself. */
static void settlement_is_said_once(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 9);

    (void)state;
    core_pub(w, &s, 1, 0, 10);
    core_settle(w, CONN, &s, 1);
    core_settle(w, CONN, &s, 1);
    assert_int_equal(core_count(w, AGENT, PB_SETTLE), 1);
    core_settle(w, OTHER, &s, 2);
    assert_int_equal(core_count(w, AGENT, PB_SETTLE), 1);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receivers_speak_of_what_there_is),
        cmocka_unit_test(held_is_checked_too),
        cmocka_unit_test(ends_have_codes),
        cmocka_unit_test(the_receiver_hears_ended),
        cmocka_unit_test(a_base_answers_an_end),
        cmocka_unit_test(an_answer_tells_what_we_forgot),
        cmocka_unit_test(settle_of_what_we_never_saw),
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(settlement_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
