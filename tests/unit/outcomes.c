/* The queue of outcomes: a ring that grows, and what gives way in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/outcomes.h"

static void push(struct pb_outcomes *q, uint64_t tag, enum pbay_err err)
{
    pb_outcomes_push(q, &(struct pb_outcome){.tag = tag, .err = err, .text = err ? pb_strndup(pbay_str("why")) : NULL});
}

static uint64_t pop(struct pb_outcomes *q)
{
    struct pb_outcome o;

    assert_true(pb_outcomes_pop(q, &o));
    free(o.text);
    return o.tag;
}

/* Whatever the place of its first element is when it grows. */
static void order_survives_growth(void **state)
{
    (void)state;
    for (uint64_t first = 0; first < 64; first++) {
        struct pb_outcomes q = {0};

        for (uint64_t tag = 0; tag < first; tag++) {
            push(&q, tag, PBAY_OK);
            assert_int_equal(pop(&q), tag);
        }
        for (uint64_t tag = 0; tag < 200; tag++)
            push(&q, tag, PBAY_OK);
        for (uint64_t tag = 0; tag < 200; tag++)
            assert_int_equal(pop(&q), tag);
        assert_false(pb_outcomes_pop(&q, &(struct pb_outcome){0}));
        pb_outcomes_fini(&q);
    }
}

static void good_news_gives_way(void **state)
{
    struct pb_outcomes q = {0};

    (void)state;
    pb_outcomes_drop(&q); /* nothing to drop */
    push(&q, 1, PBAY_FAILED);
    push(&q, 2, PBAY_OK);
    push(&q, 3, PBAY_REFUSED);
    push(&q, 4, PBAY_OK);
    pb_outcomes_drop(&q);
    assert_int_equal(q.n, 3);
    assert_int_equal(pb_outcomes_at(&q, 1)->tag, 3);
    pb_outcomes_drop(&q);
    pb_outcomes_drop(&q); /* only bad news is left: the oldest goes */
    assert_int_equal(pop(&q), 3);
    assert_int_equal(q.n, 0);
    push(&q, 5, PBAY_FAILED);
    pb_outcomes_fini(&q); /* with what is in it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order_survives_growth), cmocka_unit_test(good_news_gives_way)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
