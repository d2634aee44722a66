/* A disk that takes no more: whatever could not be committed was not done, nothing goes on with what the disk does not
 * know, and the next connect begins with what it does. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "schema/buf.h"
#include "schema/protocols/vcx_connection.h"
#include "tests/conformance/rig.h"

struct bench {
    struct rig *rig;
    struct pbay_protocols *protocols;
    struct pbay_message m; /* the command, and then its reply */
    unsigned n;
};

static int setup(void **state)
{
    struct bench *b = pb_alloc(sizeof *b);

    b->rig = rig_new();
    b->protocols = pbay_protocols_new();
    rig_must_connect(b->rig);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    pbay_message_fini(&b->m);
    pbay_protocols_destroy(&b->protocols);
    rig_destroy(&b->rig);
    free(b);
    return 0;
}

/* The command that b->m is. */
static enum pbay_err send_command(struct bench *b)
{
    struct pbay_envelope e = {.to = pbay_str("patchbay/vcx:0.1.0"),
                              .sender = pbay_str("test/skill:0.1.0"),
                              .protocol_id = pbay_str(PBAY_VCX_CONNECTION_ID)};
    char starter[16];

    snprintf(starter, sizeof starter, "%u", ++b->n);
    b->m.starter = pbay_str(starter);
    assert_int_equal(pbay_message_encode(&b->m, &e.message), PBAY_OK);
    return rig_send(b->rig, &e);
}

/* Its reply is b->m. */
static void await_reply(struct bench *b, const char *performative)
{
    const struct pbay_envelope *e;

    rig_await(b->rig);
    e = &b->rig->received->e;
    assert_int_equal(pbay_message_decode(&b->m, b->protocols, e->protocol_id, e->message), PBAY_OK);
    assert_string_equal(b->m.performative, performative);
    rig_outcome(b->rig, 0, PBAY_OK);
}

static void create(struct bench *b, char id[64])
{
    struct pbay_str text;

    assert_int_equal(pbay_vcx_connection_create_init(&b->m, b->protocols, pbay_str("x")), PBAY_OK);
    assert_int_equal(send_command(b), PBAY_PENDING);
    await_reply(b, "created");
    text = pbay_message_str(&b->m, "connection_id");
    snprintf(id, 64, "%.*s", (int)text.n, text.p);
}

static enum pbay_err send_revoke(struct bench *b, const char *id)
{
    assert_int_equal(pbay_vcx_connection_revoke_init(&b->m, b->protocols, pbay_str(id)), PBAY_OK);
    return send_command(b);
}

static int64_t state_of(struct bench *b, const char *id)
{
    assert_int_equal(pbay_vcx_connection_get_state_init(&b->m, b->protocols, pbay_str(id)), PBAY_OK);
    assert_int_equal(send_command(b), PBAY_PENDING);
    await_reply(b, "state");
    return pbay_message_int(&b->m, "state");
}

/* No file may become longer than that. */
static rlim_t limit_files(rlim_t bytes)
{
    struct rlimit limit;
    rlim_t before;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

static void test_full_disk(void **state)
{
    struct bench *b = *state;
    char id[64];
    rlim_t before;
    enum pbay_err sent, received;

    signal(SIGXFSZ, SIG_IGN);
    create(b, id);
    before = limit_files(1);
    sent = send_revoke(b, id);
    received = rig_receive(b->rig);
    (void)limit_files(before);
    assert_int_equal(sent, PBAY_AGAIN);
    assert_int_equal(received, PBAY_IO);
    assert_non_null(strstr(b->rig->link.why, "the database"));
    assert_int_equal(send_revoke(b, id), PBAY_AGAIN); /* the disk has room again, but the core is not the disk's */
    rig_disconnect(b->rig);
    rig_must_connect(b->rig);
    assert_int_equal(state_of(b, id), 1);
    assert_int_equal(send_revoke(b, id), PBAY_PENDING);
    await_reply(b, "state");
    assert_int_equal(state_of(b, id), 7);
    rig_disconnect(b->rig);
    rig_must_connect(b->rig);
    assert_int_equal(state_of(b, id), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
