/* A session's link: HELLO, WELCOME, lease, counts, silence, bodies (SPEC 2 and 3), from the outside. */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

static void welcome(struct world *w, uint64_t clock, uint32_t max_envelope)
{
    static const char boot[PBAY_ID_SIZE] = "bootbootbootboo";

    world_say(w, &(struct pb_frame){.verb = PB_WELCOME,
                                    .version_max = PB_VERSION,
                                    .boot = {boot, sizeof boot},
                                    .attach = 8,
                                    .clock = clock,
                                    .heartbeat_ms = WORLD_HEARTBEAT,
                                    .timeout_ms = WORLD_TIMEOUT,
                                    .max_envelope = max_envelope});
}

static void pong(struct world *w, int64_t clock)
{
    world_say(w, &(struct pb_frame){.verb = PB_PONG, .count = w->s.received + 1, .clock = (uint64_t)clock});
}

static void hello_counts_links_and_tells_the_boot(void **state)
{
    struct world *w = world_new(10, 10000);

    (void)state;
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->n_heard, 1);
    assert_int_equal(w->heard[0].link, 1);
    assert_int_equal(w->heard[0].clock, w->now);
    assert_int_equal(w->heard[0].boot.n, 0);
    pb_session_down(&w->s);
    world_link(w);
    pb_session_down(&w->s);
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->heard[0].link, 3);
    assert_int_equal(w->heard[0].boot.n, PBAY_ID_SIZE);
    world_free(w);
}

/* SPEC 3.6.4: from WELCOME on, for less than one timeout; the greatest clock counts. */
static void lease_begins_with_welcome(void **state)
{
    struct world *w = world_new(10, 10000);

    (void)state;
    world_link(w);
    world_open(w, 1, 5, 1, 1, 9);
    for (uint64_t q = 1; q <= 5; q++)
        world_pub(w, 1, 1, q, q - 1);
    pb_session_finish(&w->s, world_start(w, 1), PBAY_OK, "");
    w->now += WORLD_TIMEOUT - 1;
    pb_session_finish(&w->s, world_start(w, 2), PBAY_OK, "");
    w->now++;
    assert_null(pb_session_next(&w->s, w->now));
    pong(w, w->now);
    pong(w, w->now - 400); /* an older one takes nothing back */
    w->now += WORLD_TIMEOUT - 1;
    pb_session_finish(&w->s, world_start(w, 3), PBAY_OK, "");
    welcome(w, 0, WORLD_ENVELOPE); /* a repeated WELCOME neither */
    pb_session_finish(&w->s, world_start(w, 4), PBAY_OK, "");
    w->now++;
    assert_null(pb_session_next(&w->s, w->now));
    world_free(w);
}

/* SPEC 3.6.3: silence longer than the timeout, not before; 1,000 ms for HELLO. */
static void silence_ends_the_link(void **state)
{
    struct world *w = world_new(10, 10000);

    (void)state;
    pb_session_up(&w->s, w->now);
    pb_session_tick(&w->s, w->now + 1000);
    assert_false(w->s.wants_close);
    assert_int_equal(pb_session_tick(&w->s, w->now), w->now + 1001);
    pb_session_tick(&w->s, w->now + 1001);
    assert_true(w->s.wants_close);
    pb_session_down(&w->s);
    world_link(w);
    pb_session_tick(&w->s, w->now + WORLD_TIMEOUT);
    assert_false(w->s.wants_close);
    pb_session_tick(&w->s, w->now + WORLD_TIMEOUT + 1);
    world_expect_gap(w, PBAY_TIMEOUT);
    world_free(w);
}

/* SPEC 3.6.1: a PING at once and each heartbeat; it counts the messages of this socket, its own included. */
static void ping_counts_messages(void **state)
{
    struct world *w = world_new(10, 10000);
    struct pb_buf b = {0};
    struct pb_frame f;
    struct pb_rd r;

    (void)state;
    world_link(w); /* HELLO, CONFIRM */
    assert_int_equal(pb_session_tick(&w->s, w->now), w->now + WORLD_HEARTBEAT);
    assert_true(pb_session_pack(&w->s, w->now, &b));
    r = (struct pb_rd){b.p, b.p + b.n};
    assert_true(pb_frame_read(&r, PB_UP, &f));
    assert_int_equal(f.verb, PB_PING);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.clock, w->now);
    b.n = 0;
    pb_session_tick(&w->s, w->now + WORLD_HEARTBEAT - 1);
    assert_false(pb_session_pack(&w->s, w->now, &b));
    pb_session_tick(&w->s, w->now + WORLD_HEARTBEAT);
    assert_true(pb_session_pack(&w->s, w->now, &b));
    pb_buf_fini(&b);
    world_say(w, &(struct pb_frame){.verb = PB_PONG, .count = w->s.received + 2});
    world_expect_gap(w, PBAY_GAP);
    world_free(w);
}

/* SPEC 3.3.2: a repeated WELCOME voids all rounds; streams with something retained are opened again. */
static void welcome_again_opens_again(void **state)
{
    struct world *w = world_new(10, 10000);
    struct pbay_envelope e = world_envelope("x", 10), other = world_envelope("y", 10);

    (void)state;
    world_link(w);
    world_put(w, &e);
    world_put(w, &other);
    world_hear(w);
    world_opened(w, 1, 5, 1, 10, 1000, 1);
    world_opened(w, 2, 6, 1, 10, 1000, 1);
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 2, .wm = 1});
    welcome(w, 0, WORLD_ENVELOPE);
    world_hear(w);
    assert_int_equal(world_count(w, PB_OPEN), 1);
    assert_int_equal(world_heard(w, PB_OPEN)->stream, 1);
    assert_null(world_heard(w, PB_PUB));
    world_free(w);
}

/* SPEC 5.2.1: a broker with a smaller limit. */
static void a_smaller_limit_ends_what_is_larger(void **state)
{
    struct world *w = world_new(10, 10000);
    struct pbay_envelope e = world_envelope("x", 600);
    uint64_t sent, kept, fits;

    (void)state;
    world_link(w);
    sent = world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 5, 1, 10, 1000, 1);
    world_hear(w);
    kept = world_put(w, &e);
    e.message.n = 599;
    fits = world_put(w, &e);
    welcome(w, 0, 599);
    world_expect_end(w, sent, PBAY_OUTCOME_UNKNOWN, PBAY_TOO_BIG);
    world_expect_end(w, kept, PBAY_TOO_BIG, PBAY_TOO_BIG);
    world_expect_no_end(w);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_OPEN)->base, 3);
    assert_int_equal(world_heard(w, PB_OPEN)->next, 4);
    assert_true(fits > kept);
    world_free(w);
}

/* SPEC 2.6: many OPENs are several bodies, in order, none lost. */
static void many_opens_are_several_bodies(void **state)
{
    enum { COUNT = 4000 };
    struct world *w = world_new(COUNT, 2 << 20);
    unsigned opens = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char to[80];
        struct pbay_envelope e;

        snprintf(to, sizeof to, "x%060d", i);
        e = world_envelope(to, 1);
        world_put(w, &e);
    }
    world_link(w);
    assert_true(w->n_messages > 2);
    for (unsigned i = 0; i < w->n_messages; i++)
        assert_true(w->messages[i].n < PB_BATCH + 200);
    for (unsigned i = 0; i < w->n_heard; i++) {
        if (w->heard[i].verb == PB_OPEN)
            assert_int_equal(w->heard[i].stream, ++opens);
    }
    assert_int_equal(opens, COUNT);
    world_free(w);
}

/* SPEC 2.5: 4,096 frames are a body, one more is malformed. */
static void a_body_has_a_bound(void **state)
{
    struct world *w = world_new(10, 10000);
    struct pb_buf b = {0};

    (void)state;
    world_link(w);
    for (int i = 0; i < PB_MAX_PARTS; i++)
        pb_frame_write(&b, PB_DOWN, &(struct pb_frame){.verb = PB_DRAIN});
    pb_session_frame(&w->s, w->now, b.p, b.n);
    assert_false(w->s.wants_close);
    pb_frame_write(&b, PB_DOWN, &(struct pb_frame){.verb = PB_DRAIN});
    pb_session_frame(&w->s, w->now, b.p, b.n);
    world_expect_gap(w, PBAY_BAD_FRAME);
    pb_buf_fini(&b);
    world_free(w);
}

/* SPEC 3.2.3, 3.7.2: 256 claims in HELLO, the others before CONFIRM, of streams that were served last. */
static void claims_are_said_in_parts(void **state)
{
    struct world *w = world_new(10, 10000);
    unsigned resumed = 0;

    (void)state;
    world_link(w);
    for (uint32_t i = 1; i <= PB_MAX_CLAIMS + 44; i++)
        world_open(w, i, 5, 1, 1, 2);
    world_hear(w);
    pb_session_down(&w->s);
    world_link(w);
    pb_session_down(&w->s);
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->heard[0].claims.n, 0); /* nothing was opened on the link between */
    welcome(w, 1, WORLD_ENVELOPE);
    for (uint32_t i = 1; i <= PB_MAX_CLAIMS + 44; i++)
        world_open(w, i, 5, 1, 1, 2);
    world_hear(w);
    pb_session_down(&w->s);
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->heard[0].claims.n, PB_MAX_CLAIMS);
    welcome(w, 1, WORLD_ENVELOPE);
    world_hear(w);
    for (unsigned i = 0; w->heard[i].verb != PB_CONFIRM; i++)
        resumed += w->heard[i].claims.n;
    assert_int_equal(resumed, 44);
    world_free(w);
}

/* SPEC 3.1.1: what ends a link, and what is said then. */
static void what_ends_a_link(void **state)
{
    static const struct {
        struct pb_frame f;
        bool fatal;
    } rows[] = {
        {{.verb = PB_WHO}, false},
        {{.verb = PB_REJECT, .code = PBAY_LIMIT, .cause = PBAY_LIMIT}, false},
        {{.verb = PB_GAP, .code = PBAY_GAP, .cause = PBAY_GAP}, false},
        {{.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN}, false},
        {{.verb = PB_BYE, .code = PBAY_FENCED, .cause = PBAY_FENCED}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world_new(10, 10000);

        if (i % 2)
            world_link(w);
        else
            pb_session_up(&w->s, w->now);
        world_say(w, &rows[i].f);
        assert_true(w->s.wants_close);
        assert_int_equal(w->s.fatal, rows[i].fatal);
        assert_int_equal(w->s.why, i == 0 ? PBAY_GAP : rows[i].f.code); /* after WHO at once, after REJECT later: 2.4 */
        world_hear(w);
        assert_int_equal(w->n_heard, 0);
        world_free(w);
    }
}

/* SPEC 3.8: DRAIN is said again on each link; a draining broker gets no PUB; nothing follows BYE. */
static void drain_and_bye(void **state)
{
    struct world *w = world_new(10, 10000);
    struct pbay_envelope e = world_envelope("x", 10);

    (void)state;
    world_link(w);
    pb_session_drain(&w->s);
    pb_session_drain(&w->s);
    world_hear(w);
    assert_int_equal(world_count(w, PB_DRAIN), 1);
    assert_true(pb_session_drained(&w->s));
    pb_session_down(&w->s);
    world_link(w);
    assert_int_equal(world_count(w, PB_DRAIN), 1);
    world_put(w, &e);
    assert_false(pb_session_drained(&w->s));
    world_hear(w);
    world_opened(w, 1, 1, 1, 10, 1000, 1);
    world_say(w, &(struct pb_frame){.verb = PB_DRAIN});
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    pb_session_bye(&w->s);
    pb_session_bye(&w->s);
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(w->n_heard, 1);
    assert_int_equal(w->heard[0].verb, PB_BYE);
    world_free(w);
}

/* SPEC 4.25: repeated on each link, the text cut at its bound. */
static void a_state_is_said_again(void **state)
{
    struct world *w = world_new(10, 10000);
    char text[PB_MAX_TEXT + 50];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    pb_session_report(&w->s, PB_ST_CONNECTING, PBAY_IO, text, 70);
    world_link(w);
    for (int i = 0; i < 2; i++) {
        const struct pb_frame *f = world_heard(w, PB_STATE);

        assert_int_equal(f->state, PB_ST_CONNECTING);
        assert_int_equal(f->code, PBAY_IO);
        assert_int_equal(f->text.n, PB_MAX_TEXT);
        assert_memory_equal(f->text.p, text, PB_MAX_TEXT);
        assert_int_equal(f->retry_ms, 70);
        pb_session_down(&w->s);
        world_link(w);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_counts_links_and_tells_the_boot),
        cmocka_unit_test(lease_begins_with_welcome),
        cmocka_unit_test(silence_ends_the_link),
        cmocka_unit_test(ping_counts_messages),
        cmocka_unit_test(welcome_again_opens_again),
        cmocka_unit_test(a_smaller_limit_ends_what_is_larger),
        cmocka_unit_test(many_opens_are_several_bodies),
        cmocka_unit_test(a_body_has_a_bound),
        cmocka_unit_test(claims_are_said_in_parts),
        cmocka_unit_test(what_ends_a_link),
        cmocka_unit_test(drain_and_bye),
        cmocka_unit_test(a_state_is_said_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
