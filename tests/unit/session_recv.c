/* A session as the receiver of streams (SPEC 6 and 7.2), from the outside: what it answers, holds, shows and settles.
 */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

#define MAX_RECEIVERS 16384 /* SPEC 10 */

static struct world *linked(void)
{
    struct world *w = world_new(10, 10000);

    world_link(w);
    return w;
}

/* OPEN and PUBs 1 to n of stream 1 in round 1, all without prev missing. */
static struct world *given(uint64_t n)
{
    struct world *w = linked();

    world_open(w, 1, 5, 1, 1, n + 1);
    for (uint64_t q = 1; q <= n; q++)
        world_pub(w, 1, 1, q, q - 1);
    world_hear(w);
    return w;
}

static void finish(struct world *w, struct pb_held *h)
{
    pb_session_finish(&w->s, h, PBAY_OK, "");
}

/* What ANSWER, SETTLE or RELEASED says now: "wm | settled | held". */
static const char *says(struct world *w, enum pb_verb verb)
{
    static char text[2048];
    const struct pb_frame *f;
    int n;

    world_hear(w);
    if (!(f = world_heard(w, verb)))
        return "nothing";
    n = snprintf(text, sizeof text, "%llu | %s", (unsigned long long)f->wm, world_ranges(f->settled));
    snprintf(text + n, sizeof text - (size_t)n, "| %s", world_ranges(f->held));
    return text;
}

static void an_unknown_stream_begins_at_base(void **state)
{
    struct world *w = linked();

    (void)state;
    world_open(w, 3, 5, 8, 41, 50);
    assert_string_equal(says(w, PB_ANSWER), "40 | | ");
    assert_int_equal(world_heard(w, PB_ANSWER)->stream, 3);
    assert_int_equal(world_heard(w, PB_ANSWER)->round, 8);
    world_free(w);
}

/* SPEC 4.6.2, 6.3.6: base equal to next is well, anything else is not. */
static void open_is_checked(void **state)
{
    static const struct {
        uint32_t no;
        uint64_t base, next;
        bool good;
    } rows[] = {{1, 1, 2, true}, {1, 4, 4, true}, {1, 4, 3, false}, {1, 0, 3, false}, {0, 1, 3, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = linked();

        world_open(w, rows[i].no, 5, 1, rows[i].base, rows[i].next);
        if (rows[i].good)
            assert_string_not_equal(says(w, PB_ANSWER), "nothing");
        else
            world_expect_gap(w, PBAY_BAD_FRAME);
        world_free(w);
    }
}

/* SPEC 6.4.5 */
static void pub_is_checked(void **state)
{
    static const struct {
        struct pb_frame f;
        enum pbay_err code;
    } rows[] = {
        {{.round = 2, .seq = 9, .prev = 9}, PBAY_OK}, /* another round: passed over */
        {{.stream = 9, .round = 1, .seq = 9, .prev = 9}, PBAY_OK},
        {{.round = 1, .seq = 3, .prev = 2}, PBAY_OK},
        {{.round = 1, .seq = 3, .prev = 1}, PBAY_GAP},
        {{.round = 1, .seq = 3, .prev = 0}, PBAY_GAP},
        {{.round = 1, .seq = 2, .prev = 2}, PBAY_BAD_FRAME},
        {{.round = 1, .seq = 3, .prev = 2, .proto = 1}, PBAY_OK},
        {{.round = 1, .seq = 3, .prev = 2, .proto = 2}, PBAY_BAD_FRAME},
        {{.round = 1, .seq = 3, .prev = 2, .meta = {"\x81\xa3ttl\x01", 6}}, PBAY_OK},
        {{.round = 1, .seq = 3, .prev = 2, .meta = {"\x81\xa3ttl\xc0", 6}}, PBAY_BAD_FRAME},
        {{.round = 1, .seq = PB_MAX_WINDOW, .prev = 2}, PBAY_OK},
        {{.round = 1, .seq = PB_MAX_WINDOW + 1, .prev = 2}, PBAY_BAD_FRAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = given(2);
        struct pb_frame f = rows[i].f;

        f.verb = PB_PUB;
        f.stream = f.stream ? f.stream : 1;
        world_say(w, &f);
        if (rows[i].code)
            world_expect_gap(w, rows[i].code);
        assert_false(w->s.wants_close && !rows[i].code);
        world_free(w);
    }
}

/* Holes, however many, are no reason to refuse when nothing is held. */
static void a_long_way_of_holes(void **state)
{
    struct world *w = linked();

    (void)state;
    world_open(w, 1, 5, 1, 1, 2);
    world_pub(w, 1, 1, 5 * PB_MAX_WINDOW, 0);
    assert_false(w->s.wants_close);
    finish(w, world_start(w, 5 * PB_MAX_WINDOW));
    assert_string_equal(says(w, PB_SETTLE), "81920 | | ");
    world_free(w);
}

/* What is held is shown once; a settled one that comes again is settled again. */
static void nothing_is_shown_twice(void **state)
{
    struct world *w = given(3);
    struct pb_held *first = world_start(w, 1), *third;

    (void)state;
    finish(w, world_start(w, 2));
    assert_string_equal(says(w, PB_SETTLE), "0 | 2 | ");
    world_open(w, 1, 5, 2, 1, 4);
    assert_string_equal(says(w, PB_ANSWER), "0 | 2 | 1 3 ");
    for (uint64_t q = 1; q <= 3; q++)
        world_pub(w, 1, 2, q, q - 1);
    assert_string_equal(says(w, PB_SETTLE), "0 | 2 | ");
    third = world_start(w, 3);
    assert_null(pb_session_next(&w->s, w->now));
    finish(w, first);
    assert_string_equal(says(w, PB_SETTLE), "2 | | ");
    pb_session_down(&w->s);
    world_link(w);
    world_open(w, 1, 5, 3, 1, 4);
    assert_string_equal(says(w, PB_ANSWER), "2 | | 3 ");
    world_pub(w, 1, 3, 2, 0);
    assert_string_equal(says(w, PB_SETTLE), "2 | | ");
    finish(w, third);
    world_free(w);
}

/* SPEC 6.3.6: the sender has finished with what lies below base, whatever we hold of it. */
static void base_drops_what_is_held(void **state)
{
    struct world *w = given(4);
    struct pb_held *first = world_start(w, 1);

    (void)state;
    finish(w, world_start(w, 2));
    world_open(w, 1, 5, 2, 4, 5);
    assert_string_equal(says(w, PB_ANSWER), "3 | | 4 ");
    finish(w, first); /* nobody's business any more */
    assert_string_equal(says(w, PB_SETTLE), "nothing");
    finish(w, world_start(w, 4));
    assert_string_equal(says(w, PB_SETTLE), "4 | | ");
    world_free(w);
}

/* SPEC 3.1.2: with the link the unstarted are forgotten, and the watermark must not pass them. */
static void the_unstarted_are_forgotten_with_the_link(void **state)
{
    struct world *w = given(3);
    struct pb_held *first = world_start(w, 1);

    (void)state;
    pb_session_down(&w->s);
    finish(w, first);
    world_link(w);
    assert_null(pb_session_next(&w->s, w->now));
    world_open(w, 1, 5, 2, 1, 4);
    assert_string_equal(says(w, PB_ANSWER), "1 | | ");
    world_pub(w, 1, 2, 2, 0);
    finish(w, world_start(w, 2));
    assert_string_equal(says(w, PB_SETTLE), "2 | | ");
    world_free(w);
}

/* SPEC 6.5.2: holes are passed up to the highest received. */
static void holes_are_passed(void **state)
{
    struct world *w = linked();
    struct pb_held *second;

    (void)state;
    world_open(w, 1, 5, 1, 1, 20);
    world_pub(w, 1, 1, 3, 0);
    world_pub(w, 1, 1, 7, 3);
    finish(w, world_start(w, 3));
    assert_string_equal(says(w, PB_SETTLE), "6 | | ");
    second = world_start(w, 7);
    world_pub(w, 1, 1, 9, 7);
    finish(w, world_start(w, 9));
    assert_string_equal(says(w, PB_SETTLE), "6 | 9 | ");
    finish(w, second);
    assert_string_equal(says(w, PB_SETTLE), "9 | | ");
    world_free(w);
}

/* SPEC 6.5.3: one SETTLE for each stream in a message. */
static void one_settle_for_each_stream(void **state)
{
    struct world *w = given(2);

    (void)state;
    world_open(w, 2, 6, 1, 1, 2);
    world_pub(w, 2, 1, 1, 0);
    world_hear(w);
    finish(w, world_start(w, 1));
    finish(w, world_start(w, 2));
    finish(w, world_start(w, 1));
    world_hear(w);
    assert_int_equal(w->n_heard, 2);
    assert_int_equal(world_count(w, PB_SETTLE), 2);
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    world_free(w);
}

/* SPEC 4.10.1: more than 64 ranges are cut off at the top. */
static void ranges_are_cut(void **state)
{
    enum { COUNT = 2 * PB_MAX_RANGES + 20 };
    struct world *w = given(COUNT);
    struct pb_held *held[COUNT + 1];

    (void)state;
    for (uint64_t q = 1; q <= COUNT; q++)
        held[q] = world_start(w, q);
    for (uint64_t q = 2; q <= COUNT; q += 2)
        finish(w, held[q]);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_SETTLE)->settled.n, PB_MAX_RANGES);
    finish(w, held[1]);
    assert_int_equal(strncmp(says(w, PB_SETTLE), "2 | 4 6 8 ", 10), 0);
    for (uint64_t q = 3; q <= COUNT; q += 2)
        finish(w, held[q]);
    world_free(w);
}

/* SPEC 10: the oldest that is neither open nor holds anything gives way. */
static void states_of_streams_have_a_bound(void **state)
{
    struct world *w = linked();
    struct pb_held *first;

    (void)state;
    for (uint32_t i = 1; i <= MAX_RECEIVERS; i++)
        world_open(w, i, 5, 1, 1, 2);
    world_pub(w, 1, 1, 1, 0);
    first = world_start(w, 1);
    pb_session_down(&w->s);
    world_link(w);
    world_open(w, MAX_RECEIVERS + 1, 6, 1, 1, 2);
    world_hear(w);
    assert_int_equal(w->s.n_receivers, MAX_RECEIVERS);
    finish(w, first);
    world_open(w, 1, 5, 2, 1, 2); /* it held something, so it stayed */
    assert_string_equal(says(w, PB_ANSWER), "1 | | ");
    world_open(w, 2, 5, 2, 1, 2); /* this one did not: 1 and 2 are the oldest */
    assert_int_equal(w->s.n_receivers, MAX_RECEIVERS);
    world_free(w);
}

/* An application that takes nothing now: the stream waits, others go on, and it is first again. */
static void give_back_blocks_one_stream(void **state)
{
    struct world *w = given(2);

    (void)state;
    world_open(w, 2, 6, 1, 1, 2);
    world_pub(w, 2, 1, 1, 0);
    pb_session_give_back(&w->s, world_start(w, 1));
    finish(w, world_start(w, 1));
    assert_int_equal(w->s.n_started, 0);
    assert_null(pb_session_next(&w->s, w->now));
    pb_session_unblock(&w->s);
    finish(w, world_start(w, 1));
    finish(w, world_start(w, 2));
    assert_true(pb_session_drained(&w->s) == (w->s.dirty == NULL));
    world_free(w);
}

/* What the application sees of it. */
static void an_envelope_is_whole(void **state)
{
    struct world *w = linked();
    struct pbay_envelope meta = {.has_id = true,
                                 .id = {9},
                                 .operation = pbay_str("op"),
                                 .traceparent = pbay_str("trace"),
                                 .uri = pbay_str("uri"),
                                 .ttl_ms = 77,
                                 .replay = PBAY_REPLAY_KEYED};
    const struct pbay_envelope *e;
    struct pb_buf map = {0};
    struct pb_held *h;

    (void)state;
    pb_meta_write(&map, &meta);
    world_open(w, 1, 5, 1, 1, 2);
    world_say(w, &(struct pb_frame){.verb = PB_PUB,
                                    .stream = 1,
                                    .round = 1,
                                    .seq = 1,
                                    .proto = 1,
                                    .flags = PB_FLAG_REDELIVERED,
                                    .meta = {(const char *)map.p, map.n},
                                    .payload = pbay_str("bytes")});
    h = world_start(w, 1);
    e = &h->e;
    assert_true(pbay_str_eq(e->to, pbay_str("me")) && pbay_str_eq(e->sender, pbay_str("peer")));
    assert_true(pbay_str_eq(e->protocol_id, pbay_str("t/p1:1.0.0")) && pbay_str_eq(e->message, pbay_str("bytes")));
    assert_true(pbay_str_eq(e->origin.name, pbay_str("n")) && pbay_str_eq(e->origin.instance, pbay_str("0")));
    assert_true(pbay_str_eq(e->operation, pbay_str("op")) && pbay_str_eq(e->uri, pbay_str("uri")));
    assert_true(pbay_str_eq(e->traceparent, pbay_str("trace")) && e->has_id && e->id[0] == 9);
    assert_int_equal(e->origin.incarnation[0], 5);
    assert_int_equal(e->ttl_ms, 77);
    assert_int_equal(e->replay, PBAY_REPLAY_KEYED);
    assert_true(e->redelivered);
    pb_session_finish(&w->s, h, PBAY_OK, "");
    pb_buf_fini(&map);
    world_free(w);
}

/* SPEC 3.8.1: a draining node starts nothing more. */
static void nothing_starts_while_draining(void **state)
{
    struct world *w = given(2);
    struct pb_held *first = world_start(w, 1);

    (void)state;
    pb_session_drain(&w->s);
    assert_null(pb_session_next(&w->s, w->now));
    assert_false(pb_session_drained(&w->s));
    finish(w, first);
    assert_false(pb_session_drained(&w->s)); /* SETTLE is owed */
    pb_session_bye(&w->s);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_SETTLE)->wm, 1);
    assert_int_equal(w->heard[w->n_heard - 1].verb, PB_BYE);
    world_free(w);
}

/* What comes for a stream that is closed finds none, though it was the last that anything came for. */
static void a_closed_stream_is_not_found(void **state)
{
    struct world *w = world_new(10, 10000);

    (void)state;
    world_link(w);
    world_open(w, 5, 7, 1, 1, 4);
    world_pub(w, 5, 1, 1, 0);
    assert_true(pb_session_ready(&w->s));
    world_say(w, &(struct pb_frame){
                     .verb = PB_CLOSE, .origin = {"\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0", PBAY_ID_SIZE}, .origin_stream = 5});
    assert_false(pb_session_ready(&w->s));
    world_pub(w, 5, 1, 2, 1);
    assert_false(pb_session_ready(&w->s));
    world_open(w, 6, 8, 1, 1, 4);
    world_pub(w, 6, 1, 1, 0);
    assert_true(pb_session_ready(&w->s));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_stream_begins_at_base),
        cmocka_unit_test(a_closed_stream_is_not_found),
        cmocka_unit_test(open_is_checked),
        cmocka_unit_test(pub_is_checked),
        cmocka_unit_test(a_long_way_of_holes),
        cmocka_unit_test(nothing_is_shown_twice),
        cmocka_unit_test(base_drops_what_is_held),
        cmocka_unit_test(the_unstarted_are_forgotten_with_the_link),
        cmocka_unit_test(holes_are_passed),
        cmocka_unit_test(one_settle_for_each_stream),
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(states_of_streams_have_a_bound),
        cmocka_unit_test(give_back_blocks_one_stream),
        cmocka_unit_test(an_envelope_is_whole),
        cmocka_unit_test(nothing_starts_while_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
