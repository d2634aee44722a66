/* Credit, waiting and suspects in the broker (SPEC 5.4, 6.6, 6.7.4, 6.7.8 and 8.2), from the outside. */
#include "core_world.h"

#include <string.h>

#define PLENTY (16U << 20)
#define FIRST  65536  /* SPEC 6.6.2 */
#define WINDOW 131072 /* granted and unsettled */
#define COUNT  4096   /* envelopes */
#define EXTRA  4160   /* SPEC 6.6.4 */
#define PART   40     /* bytes of a PUB beside its payload */

static struct core_world *both(uint64_t budget)
{
    struct core_world *w = core_world_new(budget);

    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    core_forget(w);
    return w;
}

static void need(struct core_world *w, const struct core_stream *s, uint64_t used)
{
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_NEED, .stream = s->no, .round = s->sround, .used_b = used});
}

/* PUBs of 1,000 bytes, payload and all, from sequence q up to and including last. */
static void pubs(struct core_world *w, const struct core_stream *s, uint64_t q, uint64_t last)
{
    for (; q <= last; q++)
        core_pub(w, s, q, q - 1, 1000 - PART);
}

/* ---- credit ---- */

/* SPEC 6.6.2: at first, and in steps that are worth a frame. */
static void credit_grows_with_settlement(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s;

    (void)state;
    s = core_opened(w, CONN, 1, "x", 200);
    assert_int_equal(core_view(w, "x").credit, FIRST);
    pubs(w, &s, 1, 10);
    assert_int_equal(core_view(w, "x").used, 10000);
    core_settle(w, CONN, &s, 10);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, 10000 + WINDOW);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->round, s.sround);
    core_forget(w);
    pubs(w, &s, 11, 42);
    core_settle(w, CONN, &s, 42); /* 32,000 more: no step yet */
    assert_null(core_heard(w, AGENT, PB_CREDIT));
    pubs(w, &s, 43, 43);
    core_settle(w, CONN, &s, 43);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, 43000 + WINDOW);
    core_world_free(w);
}

/* SPEC 6.6.2: a 128th of the pool, which is four fifths of the budget, within its bounds. */
static void the_window_follows_the_pool(void **state)
{
    static const struct {
        uint64_t budget, window;
    } rows[] = {{PLENTY, WINDOW}, {UINT64_C(100) << 20, 655360}, {UINT64_C(256) << 20, 1048576}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct core_world *w = both(rows[i].budget);
        struct core_stream s = core_opened(w, CONN, 1, "x", 200);

        pubs(w, &s, 1, 10);
        core_settle(w, CONN, &s, 10);
        assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, 10000 + rows[i].window);
        core_world_free(w);
    }
}

/* By number, too: granted and unsettled ones are 4,096. */
static void envelopes_are_counted(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 2);

    (void)state;
    for (uint64_t q = 1; q <= 1000; q++)
        core_pub(w, &s, q, q - 1, 0);
    core_forget(w);
    core_settle(w, CONN, &s, 900);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_n, 900 + COUNT);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, 900 * PART + WINDOW);
    core_world_free(w);
}

/* SPEC 4.9.1: exactly its credit, and not a byte more. */
static void beyond_credit(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 200);

    (void)state;
    pubs(w, &s, 1, 65);
    core_pub(w, &s, 66, 65, 536 - PART); /* 65,536 */
    assert_null(core_heard(w, AGENT, PB_GAP));
    core_pub(w, &s, 67, 66, 0);
    core_expect_gap(w, AGENT, PBAY_BAD_FRAME);
    core_world_free(w);
}

/* SPEC 6.6.4 */
static void a_need_has_a_bound(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 200);

    (void)state;
    pubs(w, &s, 1, 1);
    need(w, &s, 1000 + WORLD_ENVELOPE + EXTRA);
    assert_null(core_heard(w, AGENT, PB_GAP));
    need(w, &s, 1000 + WORLD_ENVELOPE + EXTRA + 1);
    core_expect_gap(w, AGENT, PBAY_TOO_BIG);
    core_world_free(w);
}

/* SPEC 6.6.5: an empty pool: what others have and do not use is revoked. */
static void a_need_revokes(void **state)
{
    struct core_world *w = both(80000); /* a pool of 64,000 */
    struct core_stream x, y;
    struct pb_core_view v;
    const struct pb_frame *opened;

    (void)state;
    x = core_opened(w, CONN, 1, "x", 200);
    assert_int_equal(core_view(w, "x").credit, 64000);
    y = core_opened(w, CONN, 2, "y", 200);
    assert_int_equal(core_view(w, "y").credit, 0);
    pubs(w, &x, 1, 2);
    core_forget(w);
    need(w, &y, 1000);
    opened = core_heard(w, AGENT, PB_OPENED);
    assert_int_equal(opened->stream, 1);
    assert_int_equal(opened->credit_b, 0);
    assert_int_equal(opened->expect, 3);
    assert_int_equal(opened->credit_n, COUNT);
    assert_true(opened->round > y.sround);
    assert_int_equal(opened->incarnation.p[0], 2);
    assert_int_equal(opened->replay, PBAY_REPLAY_SAFE);
    assert_true(core_heard(w, AGENT, PB_CREDIT)->credit_b >= 1000);
    pb_core_view(w->core, &v);
    assert_true(v.pool_used <= v.pool && v.pool == 64000);
    core_world_free(w);
}

/* SPEC 6.6.5: first in, first out; while one waits nothing else grows. */
static void needs_are_served_in_order(void **state)
{
    struct core_world *w = both(80000);
    struct core_stream x = core_opened(w, CONN, 1, "x", 200), y, z;

    (void)state;
    y = core_opened(w, CONN, 2, "y", 200);
    z = core_opened(w, CONN, 3, "z", 200);
    pubs(w, &x, 1, 64); /* the pool is full */
    core_forget(w);
    need(w, &y, 4000);
    need(w, &z, 1000);
    assert_int_equal(core_total(w, AGENT), 0);
    core_settle(w, CONN, &x, 2); /* enough for z, but y comes first */
    assert_null(core_heard(w, AGENT, PB_CREDIT));
    core_settle(w, CONN, &x, 5);
    assert_int_equal(core_count(w, AGENT, PB_CREDIT), 2);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->stream, 2);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, 4000);
    assert_int_equal(core_view(w, "z").credit, 1000);
    core_world_free(w);
}

/* SPEC 6.6.3: one with an END pending keeps its place, and holds up nobody. */
static void a_need_behind_an_end_holds_up_nobody(void **state)
{
    struct core_world *w = both(80000);
    struct core_stream x = core_opened(w, CONN, 1, "x", 200), y, z;

    (void)state;
    y = core_opened(w, CONN, 2, "y", 200);
    z = core_opened(w, CONN, 3, "z", 200);
    pubs(w, &x, 1, 64);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_END, .stream = y.sid, .seq = 1, .code = PBAY_FAILED, .cause = PBAY_FAILED});
    need(w, &y, 1000);
    need(w, &z, 1000);
    core_forget(w);
    core_settle(w, CONN, &x, 5);
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->stream, 3);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = 2, .seq = 1});
    assert_int_equal(core_count(w, AGENT, PB_CREDIT), 2);
    assert_int_equal(core_view(w, "y").credit, 1000);
    core_world_free(w);
}

/* One that cannot use it any more loses its place. */
static void a_need_ends_with_its_link(void **state)
{
    struct core_world *w = both(80000);
    struct core_stream x, y;
    struct pb_event gone = {.kind = PB_EV_GONE, .rid = {"\1\0\0\0", 4}};

    (void)state;
    x = core_opened(w, CONN, 1, "x", 200);
    y = core_opened(w, CONN, 2, "y", 200);
    pubs(w, &x, 1, 64);
    need(w, &y, 4000);
    core_event(w, &gone);
    core_forget(w);
    core_settle(w, CONN, &x, 64);
    assert_int_equal(core_total(w, AGENT), 0);
    assert_int_equal(core_view(w, "y").credit, 0);
    core_world_free(w);
}

/* SPEC 6.6.2: a stream that has its window unsettled is granted nothing in its next round. */
static void a_full_window_opens_with_nothing(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 200);
    struct pb_frame again = core_open(1, "x", 1, 200, 132);
    static const char held[] = {'\x92', 1, '\xcc', '\x84'};

    (void)state;
    pubs(w, &s, 1, 65);
    need(w, &s, 66000);
    pubs(w, &s, 66, 131);
    core_pub(w, &s, 132, 131, WINDOW - 131000 - PART);
    assert_int_equal(core_view(w, "x").held, WINDOW);
    core_forget(w);
    core_say(w, AGENT, &again);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_ANSWER,
                                .stream = s.sid,
                                .round = core_heard(w, CONN, PB_OPEN)->round,
                                .held = {1, {held, sizeof held}}});
    assert_int_equal(core_heard(w, AGENT, PB_OPENED)->expect, 133);
    assert_int_equal(core_heard(w, AGENT, PB_OPENED)->credit_b, 0);
    core_world_free(w);
}

/* ---- waiting ---- */

/* SPEC 6.7.8 */
static void hold_ends(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    (void)state;
    core_attach(w, AGENT, NULL, "0", 1);
    core_forget(w);
    core_say(w, AGENT, &f);
    w->now += WORLD_HOLD - WORLD_HEARTBEAT;
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_PING, .count = 4});
    core_forget(w);
    core_tick(w, WORLD_HEARTBEAT);
    assert_int_equal(core_total(w, AGENT), 0);
    assert_string_equal(core_view(w, "x").state, "waiting");
    core_tick(w, 1);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_DISCONNECTED);
    assert_int_equal(core_noted(w, PB_NOTE_END), 1);
    assert_null(core_view(w, "x").state);
    core_world_free(w);
}

static void a_failed_connection_ends_at_once(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    (void)state;
    core_say(w, CONN, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_FAILED});
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_DISCONNECTED);
    core_world_free(w);
}

/* While one instance may still come to itself, it waits. */
static void one_failed_instance_is_not_all(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    (void)state;
    core_attach(w, CONN_2, "c0", "1", 3);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_FAILED});
    core_say(w, CONN_2, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTING});
    core_forget(w);
    core_say(w, AGENT, &f);
    assert_int_equal(core_total(w, AGENT), 0);
    core_say(w, CONN_2, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTED});
    assert_non_null(core_heard(w, CONN_2, PB_OPEN));
    core_world_free(w);
}

/* SPEC 6.7.5: in the turn in which the process says BYE, also if nothing was under way. */
static void a_handle_ends_with_its_process(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    (void)state;
    f.connection = pbay_str("c0");
    f.conn_instance = pbay_str("0");
    f.origin = core_id(2);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_CONNECTING});
    core_say(w, AGENT, &f);
    assert_int_equal(core_total(w, AGENT), 0);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_INSTANCE_GONE);
    core_world_free(w);
}

/* SPEC 6.7.5: a process of the agent that only sends gets replies, and nothing else. */
static void who_only_sends_gets_replies(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame any = core_open(1, "a", 1, 3, 0), reply = core_open(2, "a", 1, 3, 0);

    (void)state;
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_DISCONNECTING});
    core_forget(w);
    core_say(w, CONN, &any);
    assert_null(core_heard(w, AGENT, PB_OPEN));
    reply.conn_instance = pbay_str("0");
    reply.origin = core_id(1);
    core_say(w, CONN, &reply);
    assert_int_equal(core_count(w, AGENT, PB_OPEN), 1);
    assert_int_equal(core_heard(w, AGENT, PB_OPEN)->origin_stream, 2);
    core_world_free(w);
}

static void streams_move_at_once(void **state)
{
    struct core_world *w = both(PLENTY);

    (void)state;
    core_opened(w, CONN, 1, "x", 9);
    core_attach(w, CONN_2, "c0", "1", 3);
    assert_null(core_heard(w, CONN_2, PB_OPEN));
    core_say(w, CONN, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
    assert_int_equal(core_heard(w, CONN_2, PB_OPEN)->origin_stream, 1);
    core_world_free(w);
}

/* SPEC 6.7.4: the ready one with the fewest streams, or the one that is named. */
static void instances_share(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f;

    (void)state;
    core_attach(w, CONN_2, "c0", "1", 3);
    for (uint32_t i = 1; i <= 6; i++) {
        f = core_open(i, "x", 1, 3, 0);
        core_say(w, AGENT, &f);
    }
    assert_int_equal(core_count(w, CONN, PB_OPEN), 3);
    assert_int_equal(core_count(w, CONN_2, PB_OPEN), 3);
    for (uint32_t i = 7; i <= 9; i++) {
        f = core_open(i, "x", 1, 3, 0);
        f.conn_instance = pbay_str("1");
        core_say(w, AGENT, &f);
    }
    assert_int_equal(core_count(w, CONN_2, PB_OPEN), 6);
    core_say(w, CONN_2, &(struct pb_frame){.verb = PB_DRAIN});
    core_forget(w);
    f = core_open(10, "x", 1, 3, 0);
    core_say(w, AGENT, &f);
    assert_int_equal(core_count(w, CONN, PB_OPEN), 1);
    core_world_free(w);
}

/* SPEC 5.4.2: what waited here too long was given to nobody; of what may have been, nobody knows. */
static void what_waits_may_expire(void **state)
{
    static const char ttl[] = "\x81\xa3ttl\x32"; /* 50 ms */
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 9);
    struct pb_event gone = {.kind = PB_EV_GONE, .rid = {"\2\0\0\0", 4}};
    struct pb_frame f = {.verb = PB_PUB, .stream = 1, .round = s.sround, .seq = 1, .meta = {ttl, sizeof ttl - 1}};

    (void)state;
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_END, .stream = s.sid, .seq = 8, .code = PBAY_FAILED, .cause = PBAY_FAILED});
    core_say(w, AGENT, &f); /* parked behind the END */
    f.seq = 2;
    f.prev = 1;
    f.meta.n = 0;
    core_say(w, AGENT, &f);
    assert_int_equal(core_view(w, "x").parked, 2);
    w->now += 50;
    core_forget(w);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 8});
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_EXPIRED);
    assert_int_equal(core_heard(w, AGENT, PB_END)->seq, 1);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 1});
    assert_int_equal(core_heard(w, CONN, PB_PUB)->seq, 2);
    core_event(w, &gone);
    core_world_free(w);
}

/* ---- suspects (SPEC 8.2) ---- */

static void die_and_come_back(struct core_world *w, uint32_t rid, uint8_t incarnation)
{
    core_attach(w, rid, "c0", "0", incarnation);
    assert_true(core_count(w, rid, PB_OPEN) > 0);
}

/* The frames of that verb to rid, one for each stream number that is asked. */
static void answer_all(struct core_world *w, uint32_t rid, struct core_stream *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned k = 0;

        while (w->heard[k].rid != rid || w->heard[k].f.verb != PB_OPEN || w->heard[k].f.origin_stream != s[i].no)
            assert_true(++k < w->n_heard);
        s[i].sid = w->heard[k].f.stream;
        s[i].rround = w->heard[k].f.round;
    }
    for (unsigned i = 0; i < n; i++) {
        core_forget(w);
        core_say(w, rid, &(struct pb_frame){.verb = PB_ANSWER, .stream = s[i].sid, .round = s[i].rround});
        s[i].sround = core_heard(w, AGENT, PB_OPENED)->round;
        assert_int_equal(core_heard(w, AGENT, PB_OPENED)->expect, 1);
    }
    core_forget(w);
}

/* Both streams had something given: then one envelope of one of them at a time, in the same turn as the settlement of
 * the one before. */
static void suspects_are_given_one_by_one(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s[2];

    (void)state;
    s[0] = core_opened(w, CONN, 1, "x", 9);
    s[1] = core_opened(w, CONN, 2, "y", 9);
    pubs(w, &s[0], 1, 2);
    pubs(w, &s[1], 1, 1);
    die_and_come_back(w, CONN_2, 3);
    answer_all(w, CONN_2, s, 2);
    assert_true(core_view(w, "x").lone && core_view(w, "y").lone);
    pubs(w, &s[0], 1, 3);
    pubs(w, &s[1], 1, 2);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 1);
    assert_int_equal(core_heard(w, CONN_2, PB_PUB)->flags, PB_FLAG_REDELIVERED);
    core_settle(w, CONN_2, &s[0], 1);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 2);
    core_settle(w, CONN_2, &s[0], 2);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 3);
    assert_int_equal(w->heard[w->n_heard - 1].f.stream == s[1].sid || w->heard[w->n_heard - 2].f.stream == s[1].sid, 1);
    core_settle(w, CONN_2, &s[1], 1);
    core_tick(w, 1);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 5); /* past the extent: as before */
    assert_true(!core_view(w, "x").lone && !core_view(w, "y").lone);
    core_world_free(w);
}

/* SPEC 8.2.3: a lone one's death counts. */
static void poison_ends(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 9);

    (void)state;
    pubs(w, &s, 1, 1);
    for (uint8_t i = 0; i <= WORLD_ATTEMPTS; i++) {
        assert_null(core_heard(w, AGENT, PB_END));
        core_attach(w, 50U + i, "c0", "0", (uint8_t)(10 + i));
        if (core_heard(w, AGENT, PB_END))
            break;
        answer_all(w, 50U + i, &s, 1);
        pubs(w, &s, 1, 1);
    }
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_POISON);
    assert_int_equal(core_heard(w, AGENT, PB_END)->seq, 1);
    core_world_free(w);
}

/* SPEC 3.8.3: BYE makes no suspect. */
static void a_clean_end_makes_no_suspect(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 9);

    (void)state;
    pubs(w, &s, 1, 2);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
    core_attach(w, CONN_2, "c0", "0", 3);
    answer_all(w, CONN_2, &s, 1);
    assert_false(core_view(w, "x").lone);
    pubs(w, &s, 1, 2);
    assert_int_equal(core_count(w, CONN_2, PB_PUB), 2);
    assert_int_equal(core_heard(w, CONN_2, PB_PUB)->flags, PB_FLAG_REDELIVERED);
    core_world_free(w);
}

/* SPEC 6.6.5: an envelope larger than the window goes alone. */
static void one_larger_than_the_window(void **state)
{
    struct core_world *w = core_world_new(4U << 20);
    struct core_stream s;

    (void)state;
    w->agent.max_envelope = 2 * WINDOW;
    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    s = core_opened(w, CONN, 1, "x", 4);
    core_forget(w);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_NEED, .stream = s.no, .round = s.sround, .used_b = WINDOW + 5000});
    assert_int_equal(core_heard(w, AGENT, PB_CREDIT)->credit_b, WINDOW + 5000);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_grows_with_settlement),
        cmocka_unit_test(the_window_follows_the_pool),
        cmocka_unit_test(envelopes_are_counted),
        cmocka_unit_test(beyond_credit),
        cmocka_unit_test(a_need_has_a_bound),
        cmocka_unit_test(a_need_revokes),
        cmocka_unit_test(needs_are_served_in_order),
        cmocka_unit_test(a_need_behind_an_end_holds_up_nobody),
        cmocka_unit_test(a_need_ends_with_its_link),
        cmocka_unit_test(a_full_window_opens_with_nothing),
        cmocka_unit_test(hold_ends),
        cmocka_unit_test(a_handle_ends_with_its_process),
        cmocka_unit_test(who_only_sends_gets_replies),
        cmocka_unit_test(streams_move_at_once),
        cmocka_unit_test(a_failed_connection_ends_at_once),
        cmocka_unit_test(one_failed_instance_is_not_all),
        cmocka_unit_test(instances_share),
        cmocka_unit_test(what_waits_may_expire),
        cmocka_unit_test(suspects_are_given_one_by_one),
        cmocka_unit_test(poison_ends),
        cmocka_unit_test(a_clean_end_makes_no_suspect),
        cmocka_unit_test(one_larger_than_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
