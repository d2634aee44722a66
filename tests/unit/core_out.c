/* What the broker sends (SPEC 2.6, 4.0.7): messages that move on whole, parts that are copied together, and their
 * order. */
#include "core_world.h"

/* The agent and one instance of c0. */
static struct core_world *both(void)
{
    struct core_world *w = core_world_new(16U << 20);

    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    core_forget(w);
    return w;
}

static void settle_part(struct pb_buf *b)
{
    pb_frame_write(b, PB_UP, &(struct pb_frame){.verb = PB_SETTLE, .stream = 999});
}

/* A message of so many PUBs of 900 bytes and, before each, something for the broker. */
static struct pb_buf message(const struct core_stream *s, uint64_t first, int n, bool mixed)
{
    struct pb_buf b = {0};

    for (uint64_t q = first; n--; q++) {
        if (mixed)
            settle_part(&b);
        core_put_pub(&b, s, q, q - 1, 900);
    }
    if (mixed)
        settle_part(&b);
    return b;
}

static void large_messages_move(void **state)
{
    struct core_world *w = both();
    struct core_stream s = core_opened(w, CONN, 1, "x", 40);
    struct pb_buf b = message(&s, 1, 5, true);

    (void)state;
    core_bytes(w, AGENT, b.p, b.n);
    assert_int_equal(w->n_messages, 1);
    assert_non_null(w->moved[0]);
    assert_int_equal(w->messages[0].n, b.n);
    assert_int_equal(core_count(w, CONN, PB_PUB), 5);
    assert_int_equal(core_total(w, CONN), 5); /* the others are NOP now */
    pb_buf_fini(&b);
    b = message(&s, 6, 4, true); /* below the bound: copied */
    core_forget(w);
    core_bytes(w, AGENT, b.p, b.n);
    assert_null(w->moved[0]);
    assert_int_equal(core_count(w, CONN, PB_PUB), 4);
    pb_buf_fini(&b);
    core_world_free(w);
}

/* A message of which less than half goes on is copied: it would hold memory for nothing. */
static void a_message_that_is_mostly_for_the_broker_is_copied(void **state)
{
    struct core_world *w = both();
    struct core_stream s = core_opened(w, CONN, 1, "x", 40);
    struct pb_buf b = message(&s, 1, 5, false);
    size_t pubs = b.n;

    (void)state;
    while (b.n < 2 * pubs)
        settle_part(&b);
    core_bytes(w, AGENT, b.p, b.n);
    assert_null(w->moved[0]);
    assert_int_equal(w->messages[0].n, pubs);
    pb_buf_fini(&b);
    b = message(&s, 6, 5, false);
    while (b.n + 22 < 2 * pubs)
        settle_part(&b);
    core_forget(w);
    core_bytes(w, AGENT, b.p, b.n);
    assert_non_null(w->moved[0]);
    pb_buf_fini(&b);
    core_world_free(w);
}

/* Two receivers: nothing is moved, both get theirs in order. */
static void what_goes_two_ways_is_copied(void **state)
{
    struct core_world *w = both();
    struct core_stream x, y;
    struct pb_buf b = {0}, more;

    (void)state;
    core_attach(w, CONN_2, "c0", "1", 3);
    x = core_opened(w, CONN, 1, "x", 40);
    y = core_opened(w, CONN_2, 2, "y", 40);
    for (uint64_t q = 1; q <= 10; q++) {
        core_put_pub(&b, &x, q, q - 1, 900);
        if (q <= 2)
            core_put_pub(&b, &y, q, q - 1, 900);
    }
    core_bytes(w, AGENT, b.p, b.n);
    assert_int_equal(w->n_messages, 2);
    assert_null(w->moved[0]);
    assert_null(w->moved[1]);
    assert_int_equal(core_count(w, CONN, PB_PUB), 10);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 2);
    core_forget(w);
    more = message(&y, 3, 8, false);
    core_bytes(w, AGENT, more.p, more.n);
    assert_non_null(w->moved[0]);
    pb_buf_fini(&b);
    pb_buf_fini(&more);
    core_world_free(w);
}

/* More than 256 runs: the first ones are copied, all arrive in order. */
static void many_runs_keep_their_order(void **state)
{
    enum { COUNT = 600 };
    struct core_world *w = both();
    struct core_stream s = core_opened(w, CONN, 1, "x", COUNT + 1);
    struct pb_buf b = {0};
    uint64_t expected = 1;

    (void)state;
    for (uint64_t q = 1; q <= COUNT; q++) {
        settle_part(&b);
        core_put_pub(&b, &s, q, q - 1, 30);
    }
    core_bytes(w, AGENT, b.p, b.n);
    for (unsigned i = 0; i < w->n_heard; i++) {
        if (w->heard[i].rid == CONN && w->heard[i].f.verb == PB_PUB)
            assert_int_equal(w->heard[i].f.seq, expected++);
    }
    assert_int_equal(expected, COUNT + 1);
    pb_buf_fini(&b);
    core_world_free(w);
}

/* What is copied together for one node fills a message up to the bound, and then the next one. */
static void a_message_has_a_bound(void **state)
{
    enum { COUNT = 198 };
    struct core_world *w = both();
    struct core_stream x[3], y;
    struct pb_buf b = {0};
    unsigned to_conn = 0;

    (void)state;
    x[0] = core_opened(w, CONN, 1, "x", COUNT + 1); /* several, since the first credit of one is half a message */
    x[1] = core_opened(w, CONN, 2, "x1", COUNT + 1);
    x[2] = core_opened(w, CONN, 3, "x2", COUNT + 1);
    core_attach(w, CONN_2, "c0", "1", 3); /* the one with fewer streams gets the next */
    y = core_opened(w, CONN_2, 4, "y", COUNT + 1);
    for (uint64_t q = 1; q <= COUNT; q++) {
        uint64_t r = (q + 2) / 3;

        core_put_pub(&b, &x[q % 3], r, r - 1, 900);
        core_put_pub(&b, &y, q, q - 1, 10);
    }
    core_bytes(w, AGENT, b.p, b.n);
    for (unsigned i = 0; i < w->n_messages; i++) {
        assert_true(w->messages[i].n <= PB_BATCH);
        to_conn += w->messages[i].n > PB_BATCH - 1000;
    }
    assert_int_equal(to_conn, 1);
    assert_int_equal(w->n_messages, 3);
    assert_int_equal(core_count(w, CONN, PB_PUB) + core_count(w, CONN_2, PB_PUB), 2 * COUNT);
    pb_buf_fini(&b);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_messages_move),
        cmocka_unit_test(a_message_that_is_mostly_for_the_broker_is_copied),
        cmocka_unit_test(what_goes_two_ways_is_copied),
        cmocka_unit_test(many_runs_keep_their_order),
        cmocka_unit_test(a_message_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
