/* What an operator sees of the broker (SPEC 11.1), from the outside. */
#include "core_world.h"

#include <stdio.h>
#include <string.h>

#define PLENTY (16U << 20)

static void views_tell_what_is(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    const struct pb_node_view *n;
    struct pb_stream_view v;
    struct pb_core_view core;
    struct core_stream s;

    (void)state;
    core_attach(w, AGENT, NULL, "0", 1);
    core_attach(w, CONN, "c0", "0", 2);
    s = core_opened(w, CONN, 1, "x", 4);
    for (uint64_t q = 1; q <= 3; q++)
        core_pub(w, &s, q, q - 1, 100);
    core_settle(w, CONN, &s, 1);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_END, .stream = s.sid, .seq = 2, .code = PBAY_FAILED, .cause = PBAY_FAILED});
    n = core_node(w, "a");
    assert_true(n->linked && n->role == PB_AGENT && n->in == 3 && n->ended == 1 && n->streams_from == 1);
    n = core_node(w, "c0");
    assert_true(n->linked && n->role == PB_CONNECTION && n->out == 3 && n->settled == 1 && n->streams_to == 1);
    assert_true(n->given == 1 && n->attached == 1 && n->state == PB_ST_CONNECTED && !n->stuck);
    n = core_node(w, "c1");
    assert_true(!n->linked && n->role == PB_CONNECTION && n->state == PB_ST_DISCONNECTED);
    v = core_view(w, "x");
    assert_string_equal(v.state, "open");
    assert_true(v.base == 2 && v.next == 4 && v.watermark == 1 && v.given == 1 && v.ending == 1 && v.parked == 0);
    assert_true(v.credit >= v.used && v.used > 300 && v.held > 100 && v.held < 200 && v.protocols == 1 && !v.lone);
    assert_true(pbay_str_eq(v.to_name, pbay_str("c0")) && pbay_str_eq(v.to_instance, pbay_str("0")));
    assert_true(pbay_str_eq(v.from, pbay_str("a")) && pbay_str_eq(v.sender, pbay_str("me")));
    pb_core_view(w->core, &core);
    assert_true(core.nodes == 2 && core.streams == 1 && core.links == 2 && core.waiting == 0 && !core.in_grace);
    assert_int_equal(core.pool, PLENTY / 5 * 4);
    core_world_free(w);
}

/* SPEC 11.2.1: an envelope goes to another version than the one it names, and somebody is told. */
static void another_version_is_noted(void **state)
{
    static const struct {
        const char *connection;
        unsigned notes;
    } rows[] = {{"t/c0:1.0.0", 0}, {"t/c0:any", 0}, {"t/c0:latest", 0}, {"t/c0:2.0.0", 1}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct core_world *w = core_world_new(PLENTY);
        struct pb_frame f = core_open(1, "x", 1, 3, 0);

        f.connection = pbay_str(rows[i].connection);
        core_attach(w, AGENT, NULL, "0", 1);
        core_attach(w, CONN, "c0", "0", 2);
        core_forget(w);
        core_say(w, AGENT, &f);
        assert_non_null(core_heard(w, CONN, PB_OPEN));
        assert_int_equal(core_noted(w, PB_NOTE_VERSION), rows[i].notes);
        if (rows[i].notes) {
            assert_string_equal(w->notes[0].to, "t/c0:2.0.0");
            assert_string_equal(w->notes[0].text, "t/c0:1.0.0");
        }
        core_world_free(w);
    }
}

static void a_stuck_connection_is_seen(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_attach(w, CONN, "c1", "0", 2);
    core_say(w, CONN,
             &(struct pb_frame){.verb = PB_STATE,
                                .state = PB_ST_CONNECTED,
                                .code = PBAY_TIMEOUT,
                                .text = pbay_str("slow"),
                                .retry_ms = 70});
    assert_true(core_node(w, "c1")->stuck);
    assert_int_equal(core_node(w, "c1")->retry_ms, 70);
    assert_true(pbay_str_eq(core_node(w, "c1")->text, pbay_str("slow")));
    assert_true(core_node(w, "c1")->text.p != NULL);
    core_world_free(w);
}

/* The supervisor gave it up: seen at once, also of one that never came. */
static void a_failed_connection_is_seen(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_event ev = {
        .kind = PB_EV_FAILED, .agent = pbay_str("a"), .name = pbay_str("c1"), .text = pbay_str("crash loop")};

    (void)state;
    core_event(w, &ev);
    assert_int_equal(w->notes[0].kind, PB_NOTE_STATE);
    assert_int_equal(w->notes[0].state, PB_ST_FAILED);
    assert_int_equal(core_node(w, "c1")->state, PB_ST_FAILED);
    assert_int_equal(core_node(w, "c1")->code, PBAY_FAILED);
    assert_true(pbay_str_eq(core_node(w, "c1")->text, pbay_str("crash loop")));
    ev.text = pbay_str("");
    core_event(w, &ev);
    assert_int_equal(core_node(w, "c1")->state, PB_ST_DISCONNECTED);
    ev.name = pbay_str("nobody");
    core_event(w, &ev);
    core_world_free(w);
}

/* SPEC 10: nobody takes the notes: the oldest goes. */
static void notes_have_a_bound(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_note note = {0};
    unsigned n = 0;

    (void)state;
    for (uint32_t i = 0; i < 1030; i++) {
        char text[8];
        struct pb_event ev = {.kind = PB_EV_FAILED, .now = w->now, .agent = pbay_str("a"), .name = pbay_str("c1")};

        snprintf(text, sizeof text, "%u", i);
        ev.text = pbay_str(text);
        pb_core_step(w->core, &ev);
    }
    while (pb_core_note(w->core, &note)) {
        if (n++ == 0)
            assert_string_equal(note.text, "6");
    }
    assert_int_equal(n, 1024);
    assert_string_equal(note.text, "1029");
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_tell_what_is),         cmocka_unit_test(another_version_is_noted),
        cmocka_unit_test(a_stuck_connection_is_seen), cmocka_unit_test(a_failed_connection_is_seen),
        cmocka_unit_test(notes_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
