/* The metrics' answers: whom they go to, how many may be under way, and what becomes of a message whose answer has an
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/rig.h"

#define MAX_ANSWERS 1024

static int setup(void **state)
{
    struct rig *rig = rig_new();

    rig_must_connect(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    rig_destroy(&rig);
    return 0;
}

static enum pbay_err send_one(struct rig *rig)
{
    struct pbay_envelope e;

    rig->package->own(rig, NULL, &e);
    return rig_send(rig, &e);
}

/* As many as the runtime keeps, whether it has taken them or not; one end makes room for one more, and says so. */
static void test_full(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < MAX_ANSWERS; i++)
        assert_int_equal(send_one(rig), PBAY_PENDING);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(send_one(rig), PBAY_AGAIN);
        while (rig_receive(rig) == PBAY_OK)
            ;
    }
    assert_int_equal(rig->n_given, MAX_ANSWERS);
    rig->link.woken = false;
    rig_outcome(rig, 0, PBAY_OK);
    assert_true(rig->link.woken);
    assert_int_equal(send_one(rig), PBAY_PENDING);
    assert_int_equal(send_one(rig), PBAY_AGAIN);
}

/* A message ends when its answer does, and not before. */
static void test_ends(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(send_one(rig), PBAY_PENDING);
        rig_await(rig);
    }
    assert_int_equal(rig->link.settled, 0);
    rig->link.why[0] = '\0';
    rig_outcome(rig, 1, PBAY_OK);
    assert_int_equal(rig->link.settled, 1);
    assert_string_equal(rig->link.why, "");
    rig_outcome(rig, 0, PBAY_INSTANCE_GONE);
    assert_int_equal(rig->link.settled, 2);
    assert_string_equal(rig->link.why, "its answer ended with INSTANCE_GONE");
}

/* The answer goes to the process that asked, among all of the agent's. */
static void test_origin(void **state)
{
    struct rig *rig = *state;
    const struct pbay_envelope *answer;
    struct pbay_envelope e;

    rig->package->own(rig, NULL, &e);
    e.operation = pbay_str("add_metric");
    e.origin = (struct pbay_origin){pbay_str("node"), pbay_str("7"), {1, 2, 3}};
    assert_int_equal(rig_send(rig, &e), PBAY_PENDING);
    rig_await(rig);
    answer = &rig->received->e;
    assert_true(pbay_str_eq(answer->to, e.sender));
    assert_true(pbay_str_eq(answer->sender, e.to));
    assert_true(pbay_str_eq(answer->operation, e.operation));
    assert_true(pbay_str_eq(answer->origin.name, e.origin.name));
    assert_true(pbay_str_eq(answer->origin.instance, e.origin.instance));
    assert_memory_equal(answer->origin.incarnation, e.origin.incarnation, PBAY_ID_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_origin, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_full, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_ends, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
