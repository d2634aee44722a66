/* What a session takes to send, and on which stream (SPEC 5, 6.1 and 6.8), from the outside. */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

static struct pbay_str text_of(size_t n)
{
    static char text[PBAY_MAX_META + 1];

    if (text[0] == 0)
        memset(text, 'x', sizeof text);
    return (struct pbay_str){text, n};
}

/* "t/" and as many letters, a public id of n bytes. */
static struct pbay_str pubid_of(size_t n, char *text)
{
    snprintf(text, n + 1, "t/%.*s:1.0.0", (int)(n - 8), text_of(n).p);
    return pbay_str(text);
}

/* SPEC 5.1, 5.2: each bound, and one beyond. */
static void put_checks_its_bounds(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope good = world_envelope("to", 10), e;
    char id[64];

    (void)state;
    good.connection_id = pbay_str("t/c:any");
#define EXPECT(code, change)                                             \
    do {                                                                 \
        e = good;                                                        \
        change;                                                          \
        assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), code); \
    } while (0)
    EXPECT(PBAY_OK, (void)0);
    EXPECT(PBAY_OK, e.to = text_of(1));
    EXPECT(PBAY_INVALID, e.to = text_of(0));
    EXPECT(PBAY_OK, e.to = text_of(PBAY_MAX_ADDRESS));
    EXPECT(PBAY_INVALID, e.to = text_of(PBAY_MAX_ADDRESS + 1));
    EXPECT(PBAY_OK, e.sender = text_of(1));
    EXPECT(PBAY_INVALID, e.sender = text_of(0));
    EXPECT(PBAY_OK, e.sender = text_of(PBAY_MAX_ADDRESS));
    EXPECT(PBAY_INVALID, e.sender = text_of(PBAY_MAX_ADDRESS + 1));
    EXPECT(PBAY_INVALID, e.protocol_id = pbay_str(""));
    EXPECT(PBAY_INVALID, e.protocol_id = pbay_str("p"));
    EXPECT(PBAY_OK, e.protocol_id = pubid_of(40, id));
    EXPECT(PBAY_OK, e.connection_id = pbay_str(""));
    EXPECT(PBAY_INVALID, e.connection_id = pbay_str("c"));
    EXPECT(PBAY_OK, e.instance = text_of(PBAY_MAX_INSTANCE));
    EXPECT(PBAY_INVALID, e.instance = text_of(PBAY_MAX_INSTANCE + 1));
    EXPECT(PBAY_OK, e.origin.name = text_of(PBAY_MAX_NAME));
    EXPECT(PBAY_INVALID, e.origin.name = text_of(PBAY_MAX_NAME + 1));
    EXPECT(PBAY_OK, e.origin.instance = text_of(PBAY_MAX_INSTANCE));
    EXPECT(PBAY_INVALID, e.origin.instance = text_of(PBAY_MAX_INSTANCE + 1));
    EXPECT(PBAY_OK, e.replay = PBAY_REPLAY_NEVER);
    EXPECT(PBAY_INVALID, e.replay = (enum pbay_replay)(PBAY_REPLAY_NEVER + 1));
    EXPECT(PBAY_OK, e.uri = text_of(PBAY_MAX_META - 128));
    EXPECT(PBAY_INVALID, e.uri = text_of(PBAY_MAX_META - 127));
    EXPECT(PBAY_INVALID, (e.uri = text_of(PBAY_MAX_META - 128), e.operation = text_of(1)));
    EXPECT(PBAY_INVALID, (e.uri = text_of(PBAY_MAX_META - 128), e.traceparent = text_of(1)));
#undef EXPECT
    world_free(w);
}

/* SPEC 5.1.1: both are public ids or neither, and with them there is no connection. */
static void components_write_to_components(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("t/c:1.0.0", 10);

    (void)state;
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_INVALID);
    e.sender = pbay_str("t/skill:1.0.0");
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_OK);
    e.connection_id = pbay_str("t/c:1.0.0");
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_INVALID);
    e = world_envelope("x", 10);
    e.sender = pbay_str("t/skill:1.0.0");
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_INVALID);
    world_free(w);
}

static void a_message_has_a_bound(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", WORLD_ENVELOPE);

    (void)state;
    world_link(w);
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_OK);
    e.message.n++;
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_TOO_BIG);
    world_free(w);
}

static void what_is_retained_has_bounds(void **state)
{
    struct world *w = world_new(3, 2000);
    struct pbay_envelope e = world_envelope("x", 10);

    (void)state;
    world_link(w);
    for (int i = 0; i < 3; i++)
        world_put(w, &e);
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN);
    world_hear(w);
    world_opened(w, 1, 1, 1, 10, 10000, 1);
    world_hear(w);
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 1, .wm = 2});
    world_put(w, &e);
    e.message.n = WORLD_ENVELOPE;
    world_put(w, &e);
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 1, .wm = 3});
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN); /* now it is the bytes */
    e.message.n = 100;
    world_put(w, &e);
    world_free(w);
}

/* However small the bound: one envelope fits. */
static void one_always_fits(void **state)
{
    struct world *w = world_new(5, 20);
    struct pbay_envelope e = world_envelope("x", 500);

    (void)state;
    world_put(w, &e);
    e.message.n = 1;
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN);
    world_free(w);
}

static void a_window_has_a_bound(void **state)
{
    struct world *w = world_new(PB_MAX_WINDOW + 10, SIZE_MAX / 2);
    struct pbay_envelope e = world_envelope("x", 1);

    (void)state;
    for (unsigned i = 0; i < PB_MAX_WINDOW; i++)
        world_put(w, &e);
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN);
    e.to = pbay_str("y");
    world_put(w, &e);
    world_free(w);
}

/* ---- streams ---- */

static void protocols_share_a_stream_up_to_a_bound(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 1);
    char id[32];

    (void)state;
    for (int i = 0; i <= PB_MAX_PROTOCOLS; i++) {
        snprintf(id, sizeof id, "t/q%d:1.0.0", i);
        e.protocol_id = pbay_str(id);
        assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), i < PB_MAX_PROTOCOLS ? PBAY_OK : PBAY_INVALID);
    }
    world_link(w);
    assert_int_equal(world_count(w, PB_OPEN), 1);
    assert_int_equal(world_heard(w, PB_OPEN)->protocols.n, PB_MAX_PROTOCOLS);
    assert_int_equal(world_heard(w, PB_OPEN)->next, PB_MAX_PROTOCOLS + 1);
    world_free(w);
}

/* SPEC 6.1.2: a new protocol is announced before its first PUB. */
static void a_new_protocol_opens_again(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 1);

    (void)state;
    world_link(w);
    world_put(w, &e);
    world_hear(w);
    world_opened(w, 1, 1, 1, 10, 10000, 1);
    world_hear(w);
    e.protocol_id = pbay_str("t/p9:1.0.0");
    world_put(w, &e);
    world_hear(w);
    assert_null(world_heard(w, PB_PUB));
    assert_int_equal(world_heard(w, PB_OPEN)->protocols.n, 2);
    assert_int_equal(world_heard(w, PB_OPEN)->sent_high, 1);
    world_opened(w, 1, 2, 2, 10, 10000, 1);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_PUB)->proto, 1);
    assert_int_equal(world_heard(w, PB_PUB)->prev, 0);
    world_free(w);
}

/* Streams that an envelope makes: to, sender, context and handle are the key. */
static void what_makes_a_stream(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 1), other = e;

    (void)state;
    world_put(w, &e);
    world_put(w, &e);
    other.sender = pbay_str("me2");
    world_put(w, &other);
    other = e;
    other.connection_id = pbay_str("t/c:any");
    world_put(w, &other);
    other.instance = pbay_str("1");
    world_put(w, &other);
    other = e;
    other.origin = (struct pbay_origin){pbay_str("n"), pbay_str("0"), {4}};
    world_put(w, &other);
    other.origin.incarnation[15] = 5;
    world_put(w, &other);
    world_link(w);
    assert_int_equal(world_count(w, PB_OPEN), 6);
    assert_int_equal(w->heard[w->n_heard - 1].origin.p[15], 5);
    assert_int_equal(w->heard[w->n_heard - 1].connection.n, 1);
    world_free(w);
}

/* SPEC 6.1.3: a protocol with a route of its own is a stream of its own, unless the envelope says where to go. */
static void routed_protocols_are_split(void **state)
{
    struct world *w = world_new(100, 100000);
    struct pbay_envelope e = world_envelope("x", 1);
    struct pb_buf list = {0};

    (void)state;
    world_link(w);
    pb_put_str(&list, pbay_str("t/p7:1.0.0"));
    pb_put_str(&list, pbay_str("t/p8:1.0.0"));
    world_say(w, &(struct pb_frame){.verb = PB_WELCOME,
                                    .boot = {"0123456789abcdef", PBAY_ID_SIZE},
                                    .max_envelope = WORLD_ENVELOPE,
                                    .routed = {2, {(const char *)list.p, list.n}}});
    world_put(w, &e);
    e.protocol_id = pbay_str("t/p8:1.0.0");
    world_put(w, &e);
    e.protocol_id = pbay_str("t/p9:1.0.0");
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(world_count(w, PB_OPEN), 2);
    e.connection_id = pbay_str("t/c:any");
    world_put(w, &e);
    e.protocol_id = pbay_str("t/p8:1.0.0");
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(world_count(w, PB_OPEN), 1);
    e = world_envelope("y", 1); /* the same envelope twice, and between them its protocol gets a route of its own */
    world_put(w, &e);
    list.n = 0;
    pb_put_str(&list, e.protocol_id);
    world_say(w, &(struct pb_frame){.verb = PB_WELCOME,
                                    .boot = {"0123456789abcdef", PBAY_ID_SIZE},
                                    .max_envelope = WORLD_ENVELOPE,
                                    .routed = {1, {(const char *)list.p, list.n}}});
    world_hear(w);
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(world_count(w, PB_OPEN), 1);
    pb_buf_fini(&list);
    world_free(w);
}

/* SPEC 6.8.2: at the bound the one used longest ago with nothing unsettled is closed, and its number never used again.
 */
static void streams_have_a_bound(void **state)
{
    struct world *w = world_new(2 * PB_MAX_STREAMS, 1 << 24);
    struct pbay_envelope e;
    char to[16];

    (void)state;
    for (unsigned i = 1; i <= PB_MAX_STREAMS; i++) {
        snprintf(to, sizeof to, "x%u", i);
        e = world_envelope(to, 1);
        world_put(w, &e);
    }
    e = world_envelope("one more", 1);
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN); /* not linked */
    world_link(w);
    assert_int_equal(pb_session_put(&w->s, w->now, &e, NULL), PBAY_AGAIN); /* all have something */
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 9, .wm = 1});
    world_say(w, &(struct pb_frame){.verb = PB_SETTLE, .stream = 7, .wm = 1});
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_CLOSE)->stream, 7);
    assert_int_equal(world_heard(w, PB_OPEN)->stream, PB_MAX_STREAMS + 1);
    e.to = pbay_str("and another");
    world_put(w, &e);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_CLOSE)->stream, 9);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_checks_its_bounds),
        cmocka_unit_test(components_write_to_components),
        cmocka_unit_test(a_message_has_a_bound),
        cmocka_unit_test(what_is_retained_has_bounds),
        cmocka_unit_test(one_always_fits),
        cmocka_unit_test(a_window_has_a_bound),
        cmocka_unit_test(protocols_share_a_stream_up_to_a_bound),
        cmocka_unit_test(a_new_protocol_opens_again),
        cmocka_unit_test(what_makes_a_stream),
        cmocka_unit_test(routed_protocols_are_split),
        cmocka_unit_test(streams_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
