/* The local connection's answers: what they say and to whom, what has none, and how many may wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "connections/local/local.h"
#include "schema/protocols/default.h"
#include "tests/conformance/rig.h"

#define TEXT "Destination not available"

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

static enum pbay_err send_from(struct rig *rig, const char *sender, struct pbay_str message)
{
    struct pbay_envelope e = {.to = pbay_str("nobody"),
                              .sender = pbay_str(sender),
                              .protocol_id = pbay_str(PBAY_DEFAULT_ID),
                              .message = message};

    return rig_send(rig, &e);
}

/* AEA's, field by field. */
static void test_answer(void **state)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_message m = {0};
    struct rig *rig = *state;
    const struct pbay_envelope *e;

    assert_int_equal(send_from(rig, "asker", pbay_str("a message")), PBAY_FAILED);
    assert_string_equal(rig->link.why, TEXT);
    assert_int_equal(rig_receive(rig), PBAY_OK);
    e = &rig->received->e;
    assert_true(pbay_str_eq(e->to, pbay_str("asker")));
    assert_true(pbay_str_eq(e->sender, pbay_str("oef_local_node")));
    assert_true(pbay_str_eq(e->protocol_id, pbay_str(PBAY_DEFAULT_ID)));
    assert_int_equal(pbay_message_decode(&m, protocols, e->protocol_id, e->message), PBAY_OK);
    assert_true(pbay_message_is(&m, PBAY_DEFAULT_PERFORMATIVE_ERROR));
    assert_int_equal(m.encoding, PBAY_PROTOBUF);
    assert_int_equal(m.message_id, 1);
    assert_int_equal(m.target, 0);
    assert_int_equal(m.starter.n + m.responder.n, 0);
    assert_int_equal(pbay_message_int(&m, PBAY_DEFAULT_CONTENT_ERROR_CODE),
                     PBAY_DEFAULT_ENUM_ERRORCODE_INVALID_DIALOGUE);
    assert_true(pbay_str_eq(pbay_message_str(&m, PBAY_DEFAULT_CONTENT_ERROR_MSG), pbay_str(TEXT)));
    assert_int_equal(pbay_message_count(&m, PBAY_DEFAULT_CONTENT_ERROR_DATA), 0);
    assert_int_equal(rig_receive(rig), PBAY_AGAIN);
    pbay_message_fini(&m);
    pbay_protocols_destroy(&protocols);
}

/* An error ends as everything does, and is not answered with another one. */
static void test_error(void **state)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_message m = {0};
    struct rig *rig = *state;
    struct pbay_str bytes;

    assert_int_equal(pbay_default_error_init(&m, protocols, 0, pbay_str("no")), PBAY_OK);
    assert_int_equal(pbay_message_encode(&m, &bytes), PBAY_OK);
    assert_int_equal(send_from(rig, "asker", bytes), PBAY_FAILED);
    assert_int_equal(rig_receive(rig), PBAY_AGAIN);
    assert_int_equal(pbay_default_bytes_init(&m, protocols, pbay_str("no")), PBAY_OK);
    assert_int_equal(pbay_message_encode(&m, &bytes), PBAY_OK);
    assert_int_equal(send_from(rig, "asker", bytes), PBAY_FAILED);
    assert_int_equal(rig_receive(rig), PBAY_OK);
    pbay_message_fini(&m);
    pbay_protocols_destroy(&protocols);
}

static void assert_next_is_for(struct rig *rig, unsigned number)
{
    char name[16];

    snprintf(name, sizeof name, "asker_%u", number);
    assert_int_equal(rig_receive(rig), PBAY_OK);
    assert_true(pbay_str_eq(rig->received->e.to, pbay_str(name)));
}

/* Then what comes waits, and hears of it when there is room; in order, round and round. */
static void test_full(void **state)
{
    struct rig *rig = *state;
    unsigned sent = 0, received = 0;
    char name[16];

    for (unsigned round = 0; round < 3; round++) {
        for (; sent - received < LOCAL_MAX_ANSWERS; sent++) {
            snprintf(name, sizeof name, "asker_%u", sent);
            assert_int_equal(send_from(rig, name, pbay_str("a message")), PBAY_FAILED);
        }
        assert_int_equal(send_from(rig, "too much", pbay_str("a message")), PBAY_AGAIN);
        rig->link.woken = false;
        assert_next_is_for(rig, received++);
        assert_true(rig->link.woken);
        rig->link.woken = false;
        assert_next_is_for(rig, received++);
        assert_false(rig->link.woken);
    }
    while (received < sent)
        assert_next_is_for(rig, received++);
    assert_int_equal(rig_receive(rig), PBAY_AGAIN);
}

static void test_drain(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(send_from(rig, "asker", pbay_str("a message")), PBAY_FAILED);
    assert_false(rig_drain(rig));
    assert_int_equal(rig_receive(rig), PBAY_OK);
    assert_true(rig_drain(rig));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_error, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_full, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_drain, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
