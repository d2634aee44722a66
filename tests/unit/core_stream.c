/* Streams and envelopes of senders in the broker (SPEC 4.6, 4.9 and 6), from the outside: what is checked and admitted.
 */
#include "core_world.h"

#include <stdlib.h>
#include <string.h>

#include "schema/pbay_pubid.h"
#include "schema/window.h"

#define PLENTY (16U << 20)
#define MAX    ((UINT64_C(1) << 62) - 1)

/* The agent and one instance of c0. */
static struct core_world *both(uint64_t budget)
{
    struct core_world *w = core_world_new(budget);

    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    core_forget(w);
    return w;
}

/* ---- OPEN ---- */

/* SPEC 4.6.1 */
static void open_is_checked(void **state)
{
    static const struct {
        uint64_t base, next;
        enum pbay_err code;
    } rows[] = {
        {1, 2, PBAY_OK},         {0, 2, PBAY_BAD_FRAME},          {2, 2, PBAY_BAD_FRAME},
        {3, 2, PBAY_BAD_FRAME},  {1, 1 + PB_MAX_WINDOW, PBAY_OK}, {1, 2 + PB_MAX_WINDOW, PBAY_BAD_FRAME},
        {MAX - 1, MAX, PBAY_OK}, {MAX, MAX + 1, PBAY_BAD_FRAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct core_world *w = both(PLENTY);
        struct pb_frame f = core_open(1, "x", rows[i].base, rows[i].next, 0);

        core_say(w, AGENT, &f);
        if (rows[i].code)
            core_expect_gap(w, AGENT, rows[i].code);
        else
            assert_int_equal(core_heard(w, CONN, PB_OPEN)->base, rows[i].base);
        core_world_free(w);
    }
}

static void expect_bad_open(struct pb_frame f, struct pb_frame again)
{
    struct core_world *w = both(PLENTY);

    core_say(w, AGENT, &f);
    if (again.verb)
        core_say(w, AGENT, &again);
    core_expect_gap(w, AGENT, PBAY_BAD_FRAME);
    core_world_free(w);
}

static void open_needs_names_and_a_number(void **state)
{
    struct pb_frame f, none = {0};

    (void)state;
    f = core_open(0, "x", 1, 2, 0);
    expect_bad_open(f, none);
    f = core_open(1, "", 1, 2, 0);
    expect_bad_open(f, none);
    f = core_open(1, "x", 1, 2, 0);
    f.sender = pbay_str("");
    expect_bad_open(f, none);
}

/* What a stream was routed by stays, and what was announced is not taken back. */
static void open_again_is_the_same_stream(void **state)
{
    struct pb_frame f = core_open(1, "x", 1, 3, 0), again = f;

    (void)state;
    again.next = 2;
    expect_bad_open(f, again);
    again = f;
    again.to = pbay_str("y");
    expect_bad_open(f, again);
    again = f;
    again.sender = pbay_str("you");
    expect_bad_open(f, again);
    again = f;
    again.connection = pbay_str("t/c0:1.0.0");
    expect_bad_open(f, again);
    again = f;
    again.conn_instance = pbay_str("0");
    expect_bad_open(f, again);
    again = f;
    again.origin = core_id(4);
    expect_bad_open(f, again);
}

static void open_again_asks_again(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);
    uint32_t round;

    (void)state;
    core_say(w, AGENT, &f);
    round = core_heard(w, CONN, PB_OPEN)->round;
    core_forget(w);
    f.next = 9;
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, CONN, PB_OPEN)->next, 9);
    assert_true(core_heard(w, CONN, PB_OPEN)->round > round);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_ANSWER, .stream = core_heard(w, CONN, PB_OPEN)->stream, .round = round});
    assert_null(core_heard(w, AGENT, PB_OPENED)); /* of the former round */
    core_world_free(w);
}

static void a_protocol_must_be_a_public_id(void **state)
{
    static const uint8_t bad[] = "\xaat/p0:1.0.0\xa1p";
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    (void)state;
    f.protocols = (struct pb_span){2, {(const char *)bad, sizeof bad - 1}};
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_INVALID);
    assert_int_equal(core_heard(w, AGENT, PB_END)->seq, 0);
    core_forget(w);
    f.protocols = (struct pb_span){0};
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_INVALID);
    core_world_free(w);
}

/* SPEC 7.4.2: a stream of which every protocol is forbidden; the text names the rule, also when its path is long. */
static void expect_refusal(const char *file, const char *text)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pbay_rule rule = {.text = "t/p0:1.0.0", .at = {file, 7}};
    struct pb_event config = {.kind = PB_EV_CONFIG, .agents = w->list, .n_agents = 1};
    struct pb_frame f = core_open(1, "x", 1, 3, 0);

    assert_true(pbay_pubid_parse(pbay_str(rule.text), &rule.id));
    w->conns[0].excluded = &rule;
    w->conns[0].n_excluded = 1;
    core_event(w, &config);
    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    core_forget(w);
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_REFUSED);
    assert_int_equal(core_heard(w, AGENT, PB_END)->seq, 0);
    assert_memory_equal(core_heard(w, AGENT, PB_END)->text.p, text, strlen(text));
    assert_int_equal(core_total(w, CONN), 0);
    core_world_free(w);
}

static void a_forbidden_stream_ends(void **state)
{
    char path[140];

    (void)state;
    memset(path, 'd', sizeof path);
    memcpy(path + sizeof path - 12, "/agent.yaml", 12);
    expect_refusal("dir/agent.yaml", "dir/agent.yaml:7: excluded");
    expect_refusal(path, "agent.yaml:7: excluded");
    memset(path, 'd', sizeof path);
    path[sizeof path - 1] = 0;
    expect_refusal(path, "dddddddd");
}

/* SPEC 10: 32 protocols, each of them for use. */
static void protocols_have_a_bound(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_frame f = core_open(1, "x", 1, 3, 0);
    struct core_stream s = {.no = 1};
    struct pb_buf list = {0};

    (void)state;
    for (int i = 0; i < PB_MAX_PROTOCOLS; i++)
        pb_put_str(&list, pbay_str("t/p0:1.0.0"));
    f.protocols = (struct pb_span){PB_MAX_PROTOCOLS, {(const char *)list.p, list.n}};
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, CONN, PB_OPEN)->protocols.n, PB_MAX_PROTOCOLS);
    core_answer(w, CONN, &s);
    assert_int_equal(core_view(w, "x").protocols, PB_MAX_PROTOCOLS);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_PUB, .stream = 1, .round = s.sround, .seq = 1, .proto = 31});
    assert_int_equal(core_heard(w, CONN, PB_PUB)->proto, 31);
    core_say(w, AGENT,
             &(struct pb_frame){.verb = PB_PUB, .stream = 1, .round = s.sround, .seq = 2, .prev = 1, .proto = 32});
    core_expect_gap(w, AGENT, PBAY_BAD_FRAME);
    pb_buf_fini(&list);
    core_world_free(w);
}

static void streams_have_a_bound(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_core_view v;

    (void)state;
    for (uint32_t i = 1; i <= PB_MAX_STREAMS; i++) {
        struct pb_frame f = core_open(i, "x", 1, 2, 0);

        core_forget(w);
        core_say(w, AGENT, &f);
        assert_null(core_heard(w, AGENT, PB_GAP));
        if (i == PB_MAX_STREAMS) {
            f.stream++;
            core_say(w, AGENT, &f);
        }
    }
    core_expect_gap(w, AGENT, PBAY_BAD_FRAME);
    pb_core_view(w->core, &v);
    assert_int_equal(v.streams, PB_MAX_STREAMS);
    core_world_free(w);
}

static void close_forgets(void **state)
{
    struct core_world *w = both(PLENTY);
    struct pb_core_view v;

    (void)state;
    core_opened(w, CONN, 5, "x", 2);
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_CLOSE, .stream = 6});
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_CLOSE, .stream = 5});
    assert_int_equal(core_heard(w, CONN, PB_CLOSE)->origin_stream, 5);
    assert_int_equal(core_heard(w, CONN, PB_CLOSE)->origin.p[0], 1);
    pb_core_view(w->core, &v);
    assert_int_equal(v.streams, 0);
    core_world_free(w);
}

/* ---- PUB ---- */

/* SPEC 4.9.1, after 1 and 2 */
static void pub_is_checked(void **state)
{
    static const struct {
        struct pb_frame f;
        uint32_t round; /* added */
        enum pbay_err code;
    } rows[] = {
        {{.seq = 3, .prev = 2}, 0, PBAY_OK},
        {{.seq = 9, .prev = 9}, 1, PBAY_OK}, /* another round: dropped */
        {{.seq = 3, .prev = 1}, 0, PBAY_GAP},
        {{.seq = 3, .prev = 0}, 0, PBAY_GAP},
        {{.seq = 2, .prev = 2}, 0, PBAY_BAD_FRAME},
        {{.seq = 3, .prev = 2, .proto = 1}, 0, PBAY_BAD_FRAME},
        {{.seq = 3, .prev = 2, .meta = {"\x81\xa3ttl\xc0", 6}}, 0, PBAY_BAD_FRAME},
        {{.seq = PB_MAX_WINDOW, .prev = 2}, 0, PBAY_OK},
        {{.seq = PB_MAX_WINDOW + 1, .prev = 2}, 0, PBAY_BAD_FRAME},
        {{.seq = MAX + 1, .prev = 2}, 0, PBAY_BAD_FRAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct core_world *w = both(PLENTY);
        struct core_stream s = core_opened(w, CONN, 1, "x", 4);
        struct pb_frame f = rows[i].f;

        core_pub(w, &s, 1, 0, 10);
        core_pub(w, &s, 2, 1, 10);
        core_forget(w);
        f.verb = PB_PUB;
        f.stream = 1;
        f.round = s.sround + rows[i].round;
        core_say(w, AGENT, &f);
        if (rows[i].code)
            core_expect_gap(w, AGENT, rows[i].code);
        else
            assert_null(core_heard(w, AGENT, PB_GAP));
        assert_int_equal(core_count(w, CONN, PB_PUB), rows[i].code || rows[i].round ? 0 : 1);
        core_world_free(w);
    }
}

/* SPEC 6.4.2: what lies between has ended, however much that is. */
static void holes_are_final(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 2);

    (void)state;
    core_pub(w, &s, 5 * PB_MAX_WINDOW, 0, 10);
    assert_int_equal(core_heard(w, CONN, PB_PUB)->seq, 5 * PB_MAX_WINDOW);
    core_pub(w, &s, 5 * PB_MAX_WINDOW + 7, 5 * PB_MAX_WINDOW, 10);
    core_settle(w, CONN, &s, 5 * PB_MAX_WINDOW);
    assert_int_equal(core_heard(w, AGENT, PB_SETTLE)->wm, 5 * PB_MAX_WINDOW + 6);
    assert_int_equal(core_view(w, "x").next, 5 * PB_MAX_WINDOW + 8);
    core_world_free(w);
}

static void a_payload_has_a_bound(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 4);

    (void)state;
    core_pub(w, &s, 1, 0, WORLD_ENVELOPE);
    assert_int_equal(core_count(w, CONN, PB_PUB), 1);
    core_pub(w, &s, 2, 1, WORLD_ENVELOPE + 1);
    assert_int_equal(core_heard(w, AGENT, PB_END)->code, PBAY_TOO_BIG);
    assert_int_equal(core_heard(w, AGENT, PB_END)->seq, 2);
    assert_int_equal(core_count(w, CONN, PB_PUB), 1);
    core_pub(w, &s, 3, 2, 10);
    assert_int_equal(core_count(w, CONN, PB_PUB), 1); /* the barrier: SPEC 7.2.1 */
    core_say(w, AGENT, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 2});
    assert_int_equal(core_count(w, CONN, PB_PUB), 2);
    assert_int_equal(w->heard[w->n_heard - 1].f.prev, 1);
    core_world_free(w);
}

/* SPEC 4.9.1: below `expect` of this round nothing is wanted. */
static void nothing_below_expect(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 6);
    struct pb_frame again = core_open(1, "x", 1, 6, 0);

    (void)state;
    core_settle(w, CONN, &s, 3);
    core_forget(w);
    core_say(w, AGENT, &again);
    core_answer(w, CONN, &s);
    assert_int_equal(core_heard(w, AGENT, PB_OPENED)->expect, 4);
    core_pub(w, &s, 3, 0, 10);
    core_expect_gap(w, AGENT, PBAY_BAD_FRAME);
    core_world_free(w);
}

/* SPEC 4.0.6: one integer at a time in another width than that of 4.9.2, with bytes behind it that look right. */
static void one_other_width(void **state)
{
    static const uint8_t at[] = {2, 7, 12, 21, 30, 32}, was[] = {4, 4, 8, 8, 1, 1};

    (void)state;
    for (size_t i = 0; i < sizeof at; i++) {
        struct core_world *w = both(PLENTY);
        struct core_stream s = core_opened(w, CONN, 1, "x", 4);
        struct pb_buf pub = {0}, other = {0};
        uint8_t wide[9] = {0xcf};

        core_put_pub(&pub, &s, 1, 0, 400);
        memcpy(wide + 9 - was[i], pub.p + at[i] + 1, was[i]);
        if (was[i] == 8) { /* shorter then */
            wide[0] = 0xcc;
            wide[1] = wide[8];
        }
        pb_buf_add(&other, pub.p, at[i]);
        pb_buf_add(&other, wide, was[i] == 8 ? 2 : 9);
        pb_buf_add(&other, pub.p + at[i] + 1 + was[i], pub.n - at[i] - 1 - was[i]);
        core_bytes(w, AGENT, other.p, other.n);
        assert_int_equal(core_heard(w, CONN, PB_PUB)->stream, s.sid);
        assert_int_equal(core_heard(w, CONN, PB_PUB)->round, s.rround);
        assert_int_equal(core_heard(w, CONN, PB_PUB)->seq, 1);
        assert_int_equal(core_heard(w, CONN, PB_PUB)->payload.n, 400);
        pb_buf_fini(&pub);
        pb_buf_fini(&other);
        core_world_free(w);
    }
}

/* What is wider than our writer writes means the same, and goes on in our widths. */
static void other_widths_are_written_anew(void **state)
{
    struct core_world *w = both(PLENTY);
    struct core_stream s = core_opened(w, CONN, 1, "x", 4);
    uint8_t pub[] = {0x99, 9, 1, 0xce, 0, 0, 0, 0, 1, 0, 0, 0, 0xc0, 0xc4, 2, 'h', 'i'};

    (void)state;
    pub[7] = (uint8_t)s.sround;
    core_bytes(w, AGENT, pub, sizeof pub);
    assert_int_equal(core_heard(w, CONN, PB_PUB)->stream, s.sid);
    assert_int_equal(core_heard(w, CONN, PB_PUB)->round, s.rround);
    assert_true(core_heard(w, CONN, PB_PUB)->fixed);
    assert_true(pbay_str_eq(core_heard(w, CONN, PB_PUB)->payload, pbay_str("hi")));
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_is_checked),
        cmocka_unit_test(open_needs_names_and_a_number),
        cmocka_unit_test(open_again_is_the_same_stream),
        cmocka_unit_test(open_again_asks_again),
        cmocka_unit_test(a_protocol_must_be_a_public_id),
        cmocka_unit_test(a_forbidden_stream_ends),
        cmocka_unit_test(protocols_have_a_bound),
        cmocka_unit_test(streams_have_a_bound),
        cmocka_unit_test(close_forgets),
        cmocka_unit_test(pub_is_checked),
        cmocka_unit_test(holes_are_final),
        cmocka_unit_test(a_payload_has_a_bound),
        cmocka_unit_test(nothing_below_expect),
        cmocka_unit_test(one_other_width),
        cmocka_unit_test(other_widths_are_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
