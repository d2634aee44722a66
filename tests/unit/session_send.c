/* A session as the sender of streams (SPEC 5.4, 6 and 7), from the outside: rounds, credit, ends. */
#include "session_world.h"

#include <string.h>

/* ---- sending ---- */

static uint64_t part_size(struct world *w)
{
    return world_heard(w, PB_PUB)->raw.n;
}

/* SPEC 6.6: within credit; NEED once; CREDIT of this round raises it. */
static void credit_is_kept(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 100);
    uint64_t n;

    (void)state;
    world_link(w);
    for (int i = 0; i < 8; i++)
        world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 3, 1, 1, 10000, 1);
    world_hear(w);
    n = part_size(w);
    assert_int_equal(world_count(w, PB_PUB), 1); /* by number */
    assert_int_equal(world_heard(w, PB_NEED)->used_b, 2 * n);
    assert_int_equal(world_heard(w, PB_NEED)->round, 3);
    world_opened(w, 1, 4, 2, 10, 2 * n, 1);
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 2); /* by bytes, exactly */
    assert_int_equal(world_heard(w, PB_NEED)->used_b, 3 * n);
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(w->n_heard, 0); /* asked once */
    world_say(w, &(struct pb_frame){.verb = PB_CREDIT, .stream = 7, .round = 4, .credit_n = 20, .credit_b = 9 * n});
    world_say(w, &(struct pb_frame){.verb = PB_CREDIT, .stream = 1, .round = 3, .credit_n = 20, .credit_b = 9 * n});
    world_say(w, &(struct pb_frame){.verb = PB_CREDIT, .stream = 1, .round = 4, .credit_n = 9, .credit_b = n});
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    world_say(w, &(struct pb_frame){.verb = PB_CREDIT, .stream = 1, .round = 4, .credit_n = 10, .credit_b = 3 * n - 1});
    world_hear(w);
    assert_int_equal(w->n_heard, 1);
    assert_int_equal(world_heard(w, PB_NEED)->used_b, 3 * n); /* still too little: it may ask again */
    world_say(w, &(struct pb_frame){.verb = PB_CREDIT, .stream = 1, .round = 4, .credit_n = 3, .credit_b = 9 * n});
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 6);
    assert_int_equal(w->heard[w->n_heard - 1].prev, 8);
    assert_int_equal(w->heard[0].prev, 3);
    world_free(w);
}

/* Bodies are filled up to the bound, streams take turns. */
static void streams_take_turns(void **state)
{
    struct world *w = world_new(1000, 1 << 20);
    struct pbay_envelope x = world_envelope("x", 1000), y = world_envelope("y", 1000);
    unsigned first_y = 0;

    (void)state;
    world_link(w);
    for (int i = 0; i < 400; i++) {
        world_put(w, &x);
        world_put(w, &y);
    }
    world_hear(w);
    world_opened(w, 1, 1, 1, 1000, 1 << 20, 1);
    world_opened(w, 2, 2, 1, 1000, 1 << 20, 1);
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 800);
    for (unsigned i = 0; i < w->n_messages; i++)
        assert_true(w->messages[i].n <= PB_BATCH);
    assert_int_equal(w->n_messages, 7); /* 126 fit into one */
    while (w->heard[first_y].stream == 1)
        first_y++;
    assert_true(first_y < 130);
    world_free(w);
}

/* SPEC 5.4: only what was never sent expires here; what is left travels. */
static void time_to_live(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    struct pb_meta m;
    uint64_t late, later;

    (void)state;
    e.ttl_ms = 100;
    world_link(w);
    world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 1, 1, 10000, 1);
    w->now += 40;
    world_hear(w);
    assert_true(pb_meta_read(world_heard(w, PB_PUB)->meta, &m));
    assert_int_equal(m.ttl_ms, 60);
    late = world_put(w, &e);
    e.ttl_ms = 130;
    later = world_put(w, &e);
    w->now += 99;
    pb_session_tick(&w->s, w->now);
    world_expect_no_end(w);
    w->now++;
    pb_session_tick(&w->s, w->now);
    world_expect_end(w, late, PBAY_EXPIRED, PBAY_EXPIRED);
    world_expect_no_end(w);
    w->now += 30;
    pb_session_tick(&w->s, w->now);
    world_expect_end(w, later, PBAY_EXPIRED, PBAY_EXPIRED);
    world_opened(w, 1, 2, 1, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 1);
    assert_true(pb_meta_read(world_heard(w, PB_PUB)->meta, &m));
    assert_int_equal(m.ttl_ms, 1); /* sent once, so it is the broker's to judge */
    world_free(w);
}

/* SPEC 6.3.2: expect may lie anywhere in what is retained, or just behind it. */
static void opened_says_where_to_go_on(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);

    (void)state;
    world_link(w);
    for (int i = 0; i < 3; i++)
        world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 4, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    world_opened(w, 1, 2, 2, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(w->n_heard, 2);
    assert_int_equal(w->heard[0].seq, 2);
    world_opened(w, 9, 1, 9, 10, 10000, 1); /* a stream that it does not know */
    assert_false(w->s.wants_close);
    world_opened(w, 1, 3, 5, 10, 10000, 1);
    world_expect_gap(w, PBAY_BAD_FRAME);
    pb_session_down(&w->s);
    world_link(w);
    world_opened(w, 1, 3, 0, 10, 10000, 1);
    world_expect_gap(w, PBAY_BAD_FRAME);
    world_free(w);
}

/* ---- ends ---- */

static void settlement_by_ranges(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    struct pb_frame f = {.verb = PB_SETTLE, .stream = 1, .wm = 1};
    struct pb_buf list = {0};
    uint64_t tags[7];

    (void)state;
    world_link(w);
    for (int i = 1; i < 7; i++)
        tags[i] = world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 1, 10, 10000, 1);
    world_hear(w);
    pb_put_range(&list, 3, 4);
    pb_put_range(&list, 6, 6);
    f.settled = (struct pb_span){2, {(const char *)list.p, list.n}};
    world_say(w, &f);
    world_say(w, &f);
    world_expect_end(w, tags[1], PBAY_OK, PBAY_OK);
    world_expect_end(w, tags[3], PBAY_OK, PBAY_OK);
    world_expect_end(w, tags[4], PBAY_OK, PBAY_OK);
    world_expect_end(w, tags[6], PBAY_OK, PBAY_OK);
    world_expect_no_end(w);
    world_opened(w, 1, 2, 1, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(w->n_heard, 2);
    assert_int_equal(w->heard[0].seq, 2);
    assert_int_equal(w->heard[1].seq, 5);
    pb_buf_fini(&list);
    world_free(w);
}

/* A broker that settles what was never put settles what there is. */
static void settlement_beyond_what_there_is(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    uint64_t tag;

    (void)state;
    world_link(w);
    tag = world_put(w, &e);
    world_hear(w);
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 1, .wm = 1000});
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 9, .wm = 1});
    world_expect_end(w, tag, PBAY_OK, PBAY_OK);
    world_expect_no_end(w);
    world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 2, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_PUB)->seq, 2);
    world_free(w);
}

/* SPEC 7.1.1: told once; ENDED in every case. */
static void an_end_is_told_once(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    struct pb_frame f = {.verb = PB_END, .stream = 1, .seq = 1, .code = PBAY_OUTCOME_UNKNOWN, .cause = PBAY_REFUSED};
    uint64_t tag;

    (void)state;
    world_link(w);
    tag = world_put(w, &e);
    world_hear(w);
    world_say(w, &f);
    world_say(w, &f);
    world_expect_end(w, tag, PBAY_OUTCOME_UNKNOWN, PBAY_REFUSED);
    world_expect_no_end(w);
    f.stream = 77;
    world_say(w, &f);
    world_hear(w);
    assert_int_equal(world_count(w, PB_ENDED), 3);
    assert_int_equal(w->heard[2].stream, 77);
    assert_int_equal(w->heard[2].seq, 1);
    world_free(w);
}

/* SPEC 7.3.1: what was sent is unknown; the stream is idle, and opens again with a base above all that. */
static void end_0_ends_all(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    uint64_t sent, kept;

    (void)state;
    world_link(w);
    sent = world_put(w, &e);
    kept = world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 1, 1, 10000, 1);
    world_hear(w);
    world_say(w, &(struct pb_frame){
                     .verb = PB_END, .stream = 1, .seq = 0, .code = PBAY_DISCONNECTED, .cause = PBAY_DISCONNECTED});
    world_expect_end(w, sent, PBAY_OUTCOME_UNKNOWN, PBAY_DISCONNECTED);
    world_expect_end(w, kept, PBAY_DISCONNECTED, PBAY_DISCONNECTED);
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(w->n_heard, 1);
    assert_int_equal(world_heard(w, PB_OPEN)->base, 3);
    assert_int_equal(world_heard(w, PB_OPEN)->sent_high, 1);
    world_free(w);
}

/* SPEC 8.3: what may not be repeated ends when another receiver is named; the stricter of both classes holds. */
static void never_is_stamped(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope safe = world_envelope("x", 10), never = safe, keyed = safe, with_id = safe;
    uint64_t tag_never, tag_keyed;

    (void)state;
    never.replay = PBAY_REPLAY_NEVER;
    keyed.replay = with_id.replay = PBAY_REPLAY_KEYED;
    with_id.has_id = true;
    world_link(w);
    world_put(w, &safe);
    tag_never = world_put(w, &never);
    tag_keyed = world_put(w, &keyed);
    world_put(w, &with_id);
    world_hear(w);
    world_opened(w, 1, 1, 1, 10, 10000, 1);
    world_hear(w);
    world_opened(w, 1, 2, 1, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 4);
    world_put(w, &never); /* not sent yet: it may go to the next one */
    world_opened(w, 1, 3, 1, 10, 10000, 2);
    world_expect_end(w, tag_never, PBAY_OUTCOME_UNKNOWN, PBAY_INSTANCE_GONE);
    world_expect_end(w, tag_keyed, PBAY_OUTCOME_UNKNOWN, PBAY_INSTANCE_GONE);
    world_expect_no_end(w);
    world_hear(w);
    assert_int_equal(world_count(w, PB_PUB), 3);
    world_free(w);
}

static void a_text_is_cut(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 10);
    struct pb_outcome o;
    char text[PB_MAX_TEXT + 1] = {0};

    (void)state;
    memset(text, 'x', PB_MAX_TEXT);
    world_link(w);
    world_put(w, &e);
    world_hear(w);
    world_say(
        w,
        &(struct pb_frame){
            .verb = PB_END, .stream = 1, .seq = 1, .code = PBAY_FAILED, .cause = PBAY_FAILED, .text = pbay_str(text)});
    assert_true(pb_session_outcome(&w->s, &o));
    assert_int_equal(strlen(o.text), PB_MAX_TEXT);
    free(o.text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_is_kept),       cmocka_unit_test(streams_take_turns),
        cmocka_unit_test(time_to_live),         cmocka_unit_test(opened_says_where_to_go_on),
        cmocka_unit_test(settlement_by_ranges), cmocka_unit_test(settlement_beyond_what_there_is),
        cmocka_unit_test(an_end_is_told_once),  cmocka_unit_test(end_0_ends_all),
        cmocka_unit_test(never_is_stamped),     cmocka_unit_test(a_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
