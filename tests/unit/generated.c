/* A protocol that `patchbay generate protocol` wrote: it compiles, and its names, functions and table work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "everything.h"
#include "schema/protocols/default.h"
#include "schema/protocols/http.h"
#include "schema/protocols/ledger_api.h"
#include "schema/protocols/prometheus.h"
#include "schema/protocols/signing.h"
#include "schema/protocols/state_update.h"

#define SPECIFICATION SOURCE_DIR "/tests/protocols/everything.yaml"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(EVERYTHING_ID, "acme/all_of_it:1.0.0");
    assert_string_equal(EVERYTHING_PERFORMATIVE_OPTIONALS, "optionals");
    assert_string_equal(EVERYTHING_PERFORMATIVE_NOTHING, "Nothing");
    assert_string_equal(EVERYTHING_CONTENT_MAYBE_INT, "maybe_int");
    assert_string_equal(EVERYTHING_ROLE_BUYER, "buyer");
    assert_string_equal(EVERYTHING_END_STATE_FAILED_1, "failed_1");
    assert_int_equal(EVERYTHING_ENUM_COLOUR_BLUE, 2);
    assert_string_equal(everything_protocol.id, EVERYTHING_ID);
}

/* Begun by the functions, through bytes and back. */
static void test_messages(void **state)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_message m = {0}, other = {0};
    struct pbay_str bytes;

    (void)state;
    assert_int_equal(everything_Nothing_init(&m, protocols), PBAY_INVALID); /* not added yet */
    assert_int_equal(pbay_protocols_add(protocols, &everything_protocol), PBAY_OK);
    assert_int_equal(everything_custom_init(&m, protocols, EVERYTHING_ENUM_COLOUR_GREEN, pbay_str("\x10\x01")),
                     PBAY_OK);
    assert_int_equal(pbay_message_encode(&m, &bytes), PBAY_OK);
    assert_int_equal(pbay_message_decode(&other, protocols, pbay_str(EVERYTHING_ID), bytes), PBAY_OK);
    assert_true(pbay_message_is(&other, EVERYTHING_PERFORMATIVE_CUSTOM));
    assert_int_equal(pbay_message_int(&other, EVERYTHING_CONTENT_COLOUR), EVERYTHING_ENUM_COLOUR_GREEN);
    assert_int_equal(everything_custom_init(&m, protocols, 3, pbay_str("")), PBAY_INVALID);
    assert_string_equal(m.why, "all_of_it/custom: colour: expected an integer 0..2");
    assert_int_equal(everything_plain_init(&m, protocols, pbay_str("b"), 1, 2.0, true, pbay_str("s")), PBAY_OK);
    assert_int_equal(pbay_message_encode(&m, &bytes), PBAY_OK);
    assert_int_equal(everything_lists_init(&m, protocols), PBAY_OK); /* lists are set behind it */
    assert_int_equal(pbay_default_error_init(&m, protocols, PBAY_DEFAULT_ENUM_ERRORCODE_DECODING_ERROR, pbay_str("")),
                     PBAY_OK);
    assert_int_equal(
        pbay_http_request_init(&m, protocols, pbay_str("get"), pbay_str("/"), pbay_str(""), pbay_str(""), pbay_str("")),
        PBAY_OK);
    assert_int_equal(pbay_message_encode(&m, &bytes), PBAY_OK);
    pbay_message_fini(&m);
    pbay_message_fini(&other);
    pbay_protocols_destroy(&protocols);
}

/* ---- the table is what the loader makes ---- */

static void same_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void same_content(const struct pbay_content *a, const struct pbay_content *b)
{
    same_text(a->name, b->name);
    same_text(a->kind, b->kind);
    assert_int_equal(a->field, b->field);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->form, b->form);
    assert_int_equal(a->key, b->key);
    assert_int_equal(a->optional, b->optional);
    assert_int_equal(!a->custom, !b->custom);
    if (a->custom) {
        same_text(a->custom->name, b->custom->name);
        assert_int_equal(a->custom->n, b->custom->n);
        for (size_t i = 0; i < a->custom->n; i++)
            same_text(a->custom->values[i], b->custom->values[i]);
    }
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        same_content(&a->members[i], &b->members[i]);
}

static void same_performative(const struct pbay_performative *a, const struct pbay_performative *b)
{
    same_text(a->name, b->name);
    assert_int_equal(a->field, b->field);
    assert_int_equal(a->replies, b->replies);
    assert_int_equal(a->initial, b->initial);
    assert_int_equal(a->terminal, b->terminal);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        same_content(&a->contents[i], &b->contents[i]);
}

static void test_table(void **state)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    const struct pbay_protocol *a = &everything_protocol, *b = NULL;
    char error[PBAY_MAX_PROTOCOL_ERROR] = "";

    (void)state;
    if (pbay_protocols_load(protocols, SPECIFICATION, &b, error))
        fail_msg("%s", error);
    same_text(a->name, b->name);
    same_text(a->id, b->id);
    assert_int_equal(a->keep_terminal, b->keep_terminal);
    assert_int_equal(a->n_roles, b->n_roles);
    for (size_t i = 0; i < a->n_roles; i++)
        same_text(a->roles[i], b->roles[i]);
    assert_int_equal(a->n_end_states, b->n_end_states);
    for (size_t i = 0; i < a->n_end_states; i++)
        same_text(a->end_states[i], b->end_states[i]);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        same_performative(&a->performatives[i], &b->performatives[i]);
    pbay_protocols_destroy(&protocols);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
