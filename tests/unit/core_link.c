/* The broker's end of links (SPEC 3), from the outside: who gets a session, and who is told to go. */
#include "core_world.h"

#include <stdio.h>
#include <string.h>

#define PLENTY     (16U << 20)
#define CLAIM_SIZE 24

/* ---- HELLO ---- */

static void what_is_rejected(void **state)
{
    static const struct {
        struct pb_frame change;
        enum pbay_err code; /* OK = WELCOME */
    } rows[] = {
        {{.name.p = NULL}, PBAY_OK},
        {{.version_min = 2, .version_max = 3}, PBAY_VERSION},
        {{.version_min = 1, .version_max = 9}, PBAY_OK},
        {{.role = 3}, PBAY_UNKNOWN_NAME},
        {{.agent = {"b", 1}}, PBAY_UNKNOWN_NAME},
        {{.name = {"c9", 2}}, PBAY_UNKNOWN_NAME},
        {{.public_id = {"t/c9:1.0.0", 10}}, PBAY_UNKNOWN_NAME},
        {{.public_id = {"u/c0:1.0.0", 10}}, PBAY_UNKNOWN_NAME},
        {{.public_id = {"nonsense", 8}}, PBAY_UNKNOWN_NAME},
        {{.public_id = {"t/c0:2.5.0", 10}}, PBAY_OK},
        {{.instance = {"", 0}}, PBAY_UNKNOWN_NAME},
        {{.instance = {"a\0b", 3}}, PBAY_UNKNOWN_NAME},
    };
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct pb_frame *change = &rows[i].change;
        struct pb_frame f = core_hello("c0", "0", 1, i + 1);

        f.version_min = change->version_min ? change->version_min : f.version_min;
        f.version_max = change->version_max ? change->version_max : f.version_max;
        f.role = change->role ? change->role : f.role;
        f.agent = change->agent.p ? change->agent : f.agent;
        f.name = change->name.p ? change->name : f.name;
        f.public_id = change->public_id.p ? change->public_id : f.public_id;
        f.instance = change->instance.p ? change->instance : f.instance;
        core_forget(w);
        core_say(w, 100 + i, &f);
        assert_int_equal(core_total(w, 100 + i), 1);
        if (rows[i].code == PBAY_OK) {
            assert_non_null(core_heard(w, 100 + i, PB_WELCOME));
        } else {
            assert_int_equal(core_heard(w, 100 + i, PB_REJECT)->code, rows[i].code);
            assert_int_equal(core_noted(w, PB_NOTE_REJECTED), 1);
        }
    }
    core_world_free(w);
}

static void an_agent_needs_a_name(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame f = core_hello(NULL, "0", 1, 1);

    (void)state;
    f.name = pbay_str("");
    core_say(w, AGENT, &f);
    assert_int_equal(core_heard(w, AGENT, PB_REJECT)->code, PBAY_UNKNOWN_NAME);
    core_world_free(w);
}

static void instances_have_a_bound(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    for (uint32_t i = 0; i <= PB_MAX_INSTANCES; i++) {
        char instance[8];
        struct pb_frame f;

        snprintf(instance, sizeof instance, "%u", i);
        f = core_hello("c0", instance, (uint8_t)(i + 1), 1);
        core_forget(w);
        core_say(w, 100 + i, &f);
        assert_non_null(core_heard(w, 100 + i, i < PB_MAX_INSTANCES ? PB_WELCOME : PB_REJECT));
    }
    assert_int_equal(core_heard(w, 100 + PB_MAX_INSTANCES, PB_REJECT)->code, PBAY_LIMIT);
    core_world_free(w);
}

/* SPEC 3.3.1, 6.1.3 */
static void welcome_tells_times_and_routes(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame agent = core_hello(NULL, "0", 1, 1), conn = core_hello("c0", "0", 2, 1);
    const struct pb_frame *f;
    struct pb_rd r;
    struct pbay_str id;

    (void)state;
    core_say(w, AGENT, &agent);
    f = core_heard(w, AGENT, PB_WELCOME);
    assert_int_equal(f->version_max, PB_VERSION);
    assert_int_equal(f->clock, 5);
    assert_int_equal(f->heartbeat_ms, WORLD_HEARTBEAT);
    assert_int_equal(f->timeout_ms, WORLD_TIMEOUT);
    assert_int_equal(f->max_envelope, WORLD_ENVELOPE);
    assert_int_equal(f->routed.n, 1);
    r = pb_span_reader(f->routed);
    assert_true(pb_span_str(&r, &id) && pbay_str_eq(id, pbay_str("t/p7:1.0.0")));
    core_say(w, CONN, &conn);
    assert_int_equal(core_heard(w, CONN, PB_WELCOME)->routed.n, 0);
    core_world_free(w);
}

/* SPEC 3.3: a counter that has moved gets another WELCOME, with clock 0; one incarnation is fenced. */
static void only_confirm_takes_effect(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame first = core_hello("c0", "0", 1, 1), second = core_hello("c0", "0", 2, 1);

    (void)state;
    core_say(w, CONN, &first);
    core_say(w, CONN_2, &second);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_CONFIRM, .attach = 0});
    assert_int_equal(core_noted(w, PB_NOTE_ATTACHED), 1);
    core_forget(w);
    core_say(w, CONN_2, &(struct pb_frame){.verb = PB_CONFIRM, .attach = 0});
    assert_int_equal(core_total(w, CONN), 0);
    assert_int_equal(core_heard(w, CONN_2, PB_WELCOME)->attach, 1);
    assert_int_equal(core_heard(w, CONN_2, PB_WELCOME)->clock, 0);
    core_say(w, CONN_2, &(struct pb_frame){.verb = PB_CONFIRM, .attach = 1});
    assert_int_equal(core_heard(w, CONN, PB_BYE)->code, PBAY_FENCED);
    assert_int_equal(core_noted(w, PB_NOTE_FENCED), 1);
    assert_int_equal(core_noted(w, PB_NOTE_DEAD), 1);
    core_world_free(w);
}

/* SPEC 3.9.1: the fenced hears it, on that socket and on others, at most once a second. */
static void the_fenced_stay_fenced(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame again = core_hello("c0", "0", 1, 50);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_attach(w, CONN_2, "c0", "0", 2);
    core_forget(w);
    core_tick(w, 999);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_total(w, CONN), 0);
    core_tick(w, 1);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
    core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, CONN, PB_BYE), 1);
    core_say(w, OTHER, &again);
    assert_int_equal(core_heard(w, OTHER, PB_BYE)->code, PBAY_FENCED);
    assert_null(core_heard(w, OTHER, PB_WELCOME));
    core_world_free(w);
}

/* Also if it has heard WHO on that socket just now. */
static void who_does_not_keep_fenced_back(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, CONN, PB_WHO), 1);
    core_attach(w, CONN, "c0", "0", 1);
    core_attach(w, CONN_2, "c0", "0", 2);
    assert_int_equal(core_count(w, CONN, PB_BYE), 1);
    core_world_free(w);
}

/* SPEC 3.1.3: the same incarnation replaces itself; a late HELLO of its older socket does nothing. */
static void a_process_replaces_its_own_session(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame late = core_hello("c0", "0", 1, 1);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_attach(w, CONN_2, "c0", "0", 1);
    assert_int_equal(core_noted(w, PB_NOTE_DEAD) + core_noted(w, PB_NOTE_FENCED), 0);
    core_forget(w);
    core_say(w, OTHER, &late);
    assert_int_equal(core_total(w, OTHER), 0);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, CONN, PB_WHO), 1);
    core_world_free(w);
}

/* SPEC 10: claims of one link, and claims in the wrong place. */
static void claims_have_a_bound(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame f = core_hello("c0", "0", 1, 1);
    struct pb_buf list = {0};
    unsigned frames = 0;

    (void)state;
    for (uint32_t i = 0; i < PB_MAX_CLAIMS; i++)
        pb_put_claim(&list, (const uint8_t *)core_id(9).p, UINT32_MAX - i);
    assert_int_equal(list.n, PB_MAX_CLAIMS * CLAIM_SIZE);
    f.claims = (struct pb_span){PB_MAX_CLAIMS, {(const char *)list.p, list.n}};
    core_say(w, CONN, &f);
    f.verb = PB_RESUME;
    while (!core_heard(w, CONN, PB_GAP)) {
        core_say(w, CONN, &f);
        frames++;
    }
    core_expect_gap(w, CONN, PBAY_LIMIT);
    assert_int_equal(frames, 131072 / (PB_MAX_CLAIMS * CLAIM_SIZE));
    pb_buf_fini(&list);
    core_world_free(w);
}

/* SPEC 10: claims of all who have not confirmed, together. */
static void pending_claims_have_a_bound(void **state)
{
    enum { LINKS = 16777216 / 131072 };
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame f = core_hello("c0", "0", 1, 1);
    struct pb_buf list = {0};

    (void)state;
    for (uint32_t i = 0; i < PB_MAX_CLAIMS; i++)
        pb_put_claim(&list, (const uint8_t *)core_id(9).p, UINT32_MAX - i);
    f.claims = (struct pb_span){PB_MAX_CLAIMS, {(const char *)list.p, list.n}};
    for (uint32_t i = 0; i < 2 * LINKS && !core_heard(w, 100 + i - 1, PB_GAP); i++) {
        core_forget(w);
        f.verb = PB_HELLO;
        for (int j = 0; j < 21; j++) {
            core_say(w, 100 + i, &f);
            f.verb = PB_RESUME;
        }
        assert_int_equal(core_count(w, 100 + i, PB_GAP), i < LINKS + 2 ? 0 : 1); /* 21 of them are some bytes less */
    }
    core_expect_gap(w, 100 + LINKS + 2, PBAY_LIMIT);
    pb_buf_fini(&list);
    core_world_free(w);
}

/* Once confirmed they count no more. */
static void confirmed_claims_are_not_pending(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame f = core_hello("c0", "0", 1, 1);
    struct pb_buf list = {0};

    (void)state;
    for (uint32_t i = 0; i < PB_MAX_CLAIMS; i++)
        pb_put_claim(&list, (const uint8_t *)core_id(9).p, UINT32_MAX - i);
    f.claims = (struct pb_span){PB_MAX_CLAIMS, {(const char *)list.p, list.n}};
    for (f.link = 1; f.link <= 2 * 16777216 / list.n; f.link++) {
        core_forget(w);
        core_say(w, 100, &f);
        core_say(w, 100, &(struct pb_frame){.verb = PB_CONFIRM, .attach = f.link - 1});
        core_say(w, 100, &(struct pb_frame){.verb = PB_GAP, .code = PBAY_GAP, .cause = PBAY_GAP});
        core_tick(w, 4 * WORLD_TIMEOUT + 1); /* the routing id is new again */
        assert_null(core_heard(w, 100, PB_GAP));
        assert_int_equal(core_noted(w, PB_NOTE_ATTACHED), 1);
    }
    pb_buf_fini(&list);
    core_world_free(w);
}

/* ---- malformed, unknown, late ---- */

static void a_stranger_hears_who(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_say(w, OTHER, &(struct pb_frame){.verb = PB_DRAIN});
    core_say(w, OTHER, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, OTHER, PB_WHO), 1);
    w->now += 999;
    core_say(w, OTHER, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, OTHER, PB_WHO), 1);
    w->now++;
    core_say(w, OTHER, &(struct pb_frame){.verb = PB_DRAIN});
    assert_int_equal(core_count(w, OTHER, PB_WHO), 2);
    core_world_free(w);
}

/* SPEC 3.1.3, 3.4.1: GAP in every state but the last two; then the socket is superseded. */
static void malformed_messages(void **state)
{
    static const uint8_t bad[] = {0x91, 0x16, 0xc1};
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame hello = core_hello("c0", "1", 2, 1);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_say(w, CONN_2, &hello);
    core_forget(w);
    for (uint32_t rid = CONN; rid <= OTHER; rid++) { /* a session, a pending one, a new one */
        core_bytes(w, rid, bad, sizeof bad);
        core_expect_gap(w, rid, PBAY_BAD_FRAME);
        core_forget(w);
        core_bytes(w, rid, bad + 2, 1);
        assert_int_equal(core_total(w, rid), 0);
        core_say(w, rid, &(struct pb_frame){.verb = PB_DRAIN});
        assert_int_equal(core_count(w, rid, PB_WHO), rid == OTHER ? 0 : 1); /* a new one heard it for the good frame */
        core_forget(w);
    }
    core_world_free(w);
}

static void a_body_has_a_bound(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_buf b = {0};

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    for (int i = 0; i < PB_MAX_PARTS; i++)
        pb_frame_write(&b, PB_UP, &(struct pb_frame){.verb = PB_DRAIN});
    core_bytes(w, CONN, b.p, b.n);
    assert_null(core_heard(w, CONN, PB_GAP));
    pb_frame_write(&b, PB_UP, &(struct pb_frame){.verb = PB_DRAIN});
    core_bytes(w, CONN, b.p, b.n);
    core_expect_gap(w, CONN, PBAY_BAD_FRAME);
    pb_buf_fini(&b);
    core_world_free(w);
}

static void routing_ids_have_a_length(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    char rid[PB_MAX_RID + 1] = {OTHER};

    (void)state;
    for (size_t n = 0; n <= sizeof rid; n += n ? 1 : sizeof rid - 1) {
        struct pb_core_view v;
        uint8_t *p = memcpy(pb_alloc(2), "\x91\x16", 2);
        struct pb_event ev = {.kind = PB_EV_FRAME, .rid = {rid, n}, .p = p, .n = 2, .msg = p};

        core_event(w, &ev);
        pb_core_view(w->core, &v);
        assert_int_equal(v.links, n == 0 ? 0 : 1); /* the second one is good, the third too long */
    }
    assert_int_equal(core_count(w, OTHER, PB_WHO), 1);
    core_world_free(w);
}

static void hello_twice_on_a_socket(void **state)
{
    struct core_world *w = core_world_new(PLENTY);
    struct pb_frame again = core_hello("c0", "0", 1, 100);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_say(w, CONN, &again);
    core_expect_gap(w, CONN, PBAY_BAD_FRAME);
    core_world_free(w);
}

static void a_state_has_a_bound(void **state)
{
    struct core_world *w = core_world_new(PLENTY);

    (void)state;
    core_attach(w, CONN, "c0", "0", 1);
    core_say(w, CONN, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_FAILED});
    assert_null(core_heard(w, CONN, PB_GAP));
    core_say(w, CONN, &(struct pb_frame){.verb = PB_STATE, .state = PB_ST_FAILED + 1});
    core_expect_gap(w, CONN, PBAY_BAD_FRAME);
    core_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_rejected),
        cmocka_unit_test(an_agent_needs_a_name),
        cmocka_unit_test(instances_have_a_bound),
        cmocka_unit_test(welcome_tells_times_and_routes),
        cmocka_unit_test(only_confirm_takes_effect),
        cmocka_unit_test(the_fenced_stay_fenced),
        cmocka_unit_test(who_does_not_keep_fenced_back),
        cmocka_unit_test(a_process_replaces_its_own_session),
        cmocka_unit_test(claims_have_a_bound),
        cmocka_unit_test(pending_claims_have_a_bound),
        cmocka_unit_test(confirmed_claims_are_not_pending),
        cmocka_unit_test(a_stranger_hears_who),
        cmocka_unit_test(malformed_messages),
        cmocka_unit_test(a_body_has_a_bound),
        cmocka_unit_test(routing_ids_have_a_length),
        cmocka_unit_test(hello_twice_on_a_socket),
        cmocka_unit_test(a_state_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
