/* How envelopes and streams leave a receiving session (SPEC 6.3 and 7.2), from the outside: refusals, RELEASE, CLOSE.
 */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

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

/* ---- refusals (SPEC 7.2) ---- */

static void a_refusal_is_said_until_ended(void **state)
{
    struct world *w = given(2);
    struct pb_held *h = world_start(w, 1);
    char text[PB_MAX_TEXT + 20];

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    finish(w, world_start(w, 2));
    world_hear(w);
    pb_session_finish(&w->s, h, PBAY_FAILED, text);
    world_hear(w);
    assert_int_equal(world_heard(w, PB_END)->code, PBAY_FAILED);
    assert_int_equal(world_heard(w, PB_END)->text.n, PB_MAX_TEXT);
    world_open(w, 1, 5, 2, 1, 3);
    assert_string_equal(says(w, PB_ANSWER), "0 | 2 | 1 ");
    assert_int_equal(world_heard(w, PB_END)->seq, 1);
    world_say(
        w, &(struct pb_frame){
               .verb = PB_RELEASE, .stream = 1, .origin = {"\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}, .origin_stream = 1});
    world_hear(w);
    assert_non_null(world_heard(w, PB_END));
    assert_null(world_heard(w, PB_RELEASED));
    world_say(w, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 2}); /* not a refused one */
    world_say(w, &(struct pb_frame){.verb = PB_ENDED, .stream = 1, .seq = 1});
    assert_string_equal(says(w, PB_RELEASED), "2 | | ");
    assert_null(world_heard(w, PB_SETTLE));
    world_free(w);
}

/* Refused without a link: said with the next OPEN. */
static void a_refusal_waits_for_a_link(void **state)
{
    struct world *w = given(1);
    struct pb_held *h = world_start(w, 1);

    (void)state;
    pb_session_down(&w->s);
    pb_session_finish(&w->s, h, PBAY_FAILED, "no");
    world_link(w);
    assert_null(world_heard(w, PB_END));
    world_open(w, 1, 5, 2, 1, 2);
    assert_string_equal(says(w, PB_ANSWER), "0 | | 1 ");
    assert_string_equal(world_heard(w, PB_END)->text.n == 2 ? "no" : "", "no");
    world_free(w);
}

/* ---- leaving ---- */

static void release(struct world *w, uint32_t no)
{
    world_say(w, &(struct pb_frame){.verb = PB_RELEASE,
                                    .stream = no,
                                    .origin = {"\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0", PBAY_ID_SIZE},
                                    .origin_stream = 1});
}

/* SPEC 6.3.5: the unstarted are forgotten, RELEASED comes when the started are finished. */
static void release_waits_for_the_started(void **state)
{
    struct world *w = given(4);
    struct pb_held *first = world_start(w, 1), *second = world_start(w, 2);

    (void)state;
    release(w, 1);
    assert_string_equal(says(w, PB_RELEASED), "nothing");
    assert_null(pb_session_next(&w->s, w->now));
    world_pub(w, 1, 1, 5, 4); /* was on its way */
    assert_null(pb_session_next(&w->s, w->now));
    finish(w, second);
    assert_string_equal(says(w, PB_RELEASED), "nothing");
    finish(w, first);
    assert_string_equal(says(w, PB_RELEASED), "2 | | ");
    assert_null(world_heard(w, PB_SETTLE));
    world_free(w);
}

static void release_of_what_is_not_known(void **state)
{
    struct world *w = linked();

    (void)state;
    release(w, 33);
    assert_string_equal(says(w, PB_RELEASED), "0 | | ");
    assert_int_equal(world_heard(w, PB_RELEASED)->stream, 33);
    world_free(w);
}

/* SPEC 3.2.3: what was released is not claimed. */
static void what_was_released_is_not_claimed(void **state)
{
    struct world *w = given(1);

    (void)state;
    finish(w, world_start(w, 1));
    world_open(w, 2, 6, 1, 1, 2);
    release(w, 1);
    world_hear(w);
    pb_session_down(&w->s);
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->heard[0].claims.n, 1);
    world_free(w);
}

/* SPEC 4.17.2: forgotten; what is started finishes, and nobody is told. */
static void close_forgets(void **state)
{
    struct world *w = given(2);
    struct pb_held *first = world_start(w, 1);

    (void)state;
    world_say(w, &(struct pb_frame){
                     .verb = PB_CLOSE, .origin = {"\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0", PBAY_ID_SIZE}, .origin_stream = 1});
    assert_int_equal(w->s.n_receivers, 0);
    assert_null(pb_session_next(&w->s, w->now));
    finish(w, first);
    world_hear(w);
    assert_int_equal(w->n_heard, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_said_until_ended),    cmocka_unit_test(a_refusal_waits_for_a_link),
        cmocka_unit_test(release_waits_for_the_started),    cmocka_unit_test(release_of_what_is_not_known),
        cmocka_unit_test(what_was_released_is_not_claimed), cmocka_unit_test(close_forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
