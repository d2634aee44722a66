/* What every asynchronous package must do, whatever it is for. Each case begins with a package that was never connected
 * and ends with the same descriptors as before; the sanitizers watch the memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buf.h"
#include "tests/conformance/rig.h"
#include "tests/conformance/walk.h"

#define PROTOCOL "fetchai/default:1.0.0"
#define CYCLES   50
#define WARM     5 /* cycles after which no more memory may be taken */
#define BIG      ((size_t)1 << 20)
#define WALKS    8 /* each from a seed of its own */

/* The bench, and how many descriptors there were before it. */
struct bench {
    struct rig *rig;
    unsigned fds;
};

static unsigned count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int setup(void **state)
{
    struct bench *b = pb_alloc(sizeof *b);

    b->fds = count_fds();
    b->rig = rig_new();
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    unsigned fds;

    rig_destroy(&b->rig);
    fds = count_fds();
    if (fds != b->fds)
        print_error("%u descriptors before, %u after\n", b->fds, fds);
    fds -= b->fds;
    free(b);
    return fds ? -1 : 0;
}

static struct rig *rig_of(void **state)
{
    return ((struct bench *)*state)->rig;
}

static struct pbay_envelope plain(const char *message)
{
    return (struct pbay_envelope){.to = pbay_str("somebody"),
                                  .sender = pbay_str("conformance"),
                                  .protocol_id = pbay_str(PROTOCOL),
                                  .message = pbay_str(message)};
}

/* ---- the package and its connection.yaml ---- */

static void test_declared(void **state)
{
    struct rig *rig = rig_of(state);

    assert_string_equal(rig->ops->class_name, rig->link.conf->class_name);
    for (const struct bad_option *bad = rig->package->bad; bad->option.name; bad++)
        assert_non_null(pbay_conn_conf_find(rig->link.conf, bad->option.name));
    for (const struct fake_option *good = rig->package->good; good->name; good++)
        assert_non_null(pbay_conn_conf_find(rig->link.conf, good->name));
}

/* ---- connect and disconnect ---- */

static void test_connect_twice(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    rig_disconnect(rig);
    rig_must_connect(rig);
    assert_int_equal(rig_receive(rig), PBAY_AGAIN);
}

/* Without disconnect between: it works or says why not, and nothing of the first time is left behind. */
static void test_connect_connected(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    (void)rig_connect(rig);
    rig_disconnect(rig);
    rig_must_connect(rig);
    assert_int_equal(rig_receive(rig), PBAY_AGAIN);
}

static void test_disconnect_unconnected(void **state)
{
    struct rig *rig = rig_of(state);

    rig_disconnect(rig);
    rig_disconnect(rig);
    assert_int_equal(rig_fd(rig), -1);
    rig_must_connect(rig);
}

static void test_disconnect_twice(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    rig_disconnect(rig);
    rig_disconnect(rig);
    rig_must_connect(rig);
    rig_disconnect(rig);
}

/* Neither a descriptor nor a byte more, however often. Where mallinfo2 says nothing (sanitizers), the leak checker
 * does.
 */
static void test_nothing_left(void **state)
{
    struct bench *b = *state;
    struct mallinfo2 before = {0}, after;
    unsigned fds = 0;

    for (unsigned i = 0; i < CYCLES; i++) {
        rig_must_connect(b->rig);
        assert_int_equal(rig_receive(b->rig), PBAY_AGAIN);
        rig_disconnect(b->rig);
        if (i == 0)
            fds = count_fds();
        if (i == WARM)
            before = mallinfo2();
    }
    after = mallinfo2();
    assert_int_equal(count_fds(), fds);
    assert_int_equal(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd);
}

static void test_fd(void **state)
{
    struct rig *rig = rig_of(state);

    assert_int_equal(rig_fd(rig), -1);
    rig_must_connect(rig);
    if (rig->ops->fd)
        assert_true(rig_fd(rig) >= 0);
    rig_disconnect(rig);
    assert_int_equal(rig_fd(rig), -1);
}

/* ---- configuration ---- */

/* The text tells which option, and what was found there. Then it is mended, and the same process goes on. */
static void test_bad_options(void **state)
{
    struct rig *rig = rig_of(state);

    for (const struct bad_option *bad = rig->package->bad; bad->option.name; bad++) {
        rig->link.spoilt = &bad->option;
        assert_int_equal(rig_connect(rig), PBAY_CONFIG);
        if (!strstr(rig->link.why, bad->option.name) || !strstr(rig->link.why, bad->told))
            fail_msg("%s: '%s' does not tell of '%s'", bad->option.name, rig->link.why, bad->told);
        assert_int_equal(rig_fd(rig), -1);
        rig_disconnect(rig);
        rig->link.spoilt = NULL;
        rig_must_connect(rig);
        rig_disconnect(rig);
    }
}

/* ---- envelopes in ---- */

static void test_nothing_comes(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(rig_receive(rig), PBAY_AGAIN);
}

static void test_outcome_of_nothing(void **state)
{
    static const uint64_t tags[] = {0, 1, 255, 256, UINT64_C(1) << 32, UINT64_MAX};
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    for (unsigned round = 0; rig->ops->outcome && round < 2; round++) {
        for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
            rig->ops->outcome(rig->self, tags[i], PBAY_OK);
            rig->ops->outcome(rig->self, tags[i], PBAY_OUTCOME_UNKNOWN);
        }
        rig_disconnect(rig); /* the ends of what an earlier connect received */
    }
    rig_must_connect(rig);
    rig->package->feed(rig);
    rig_await(rig);
}

static void test_in_and_out(void **state)
{
    struct rig *rig = rig_of(state);
    struct pbay_envelope e;

    rig_must_connect(rig);
    for (unsigned i = 0; i < 3; i++) {
        enum pbay_err err;

        assert_true(rig->package->feed(rig));
        rig_await(rig);
        rig_outcome(rig, 0, PBAY_OK);
        if (!rig->package->own)
            continue;
        rig->package->own(rig, &rig->received->e, &e);
        err = rig_send(rig, &e);
        if (err != PBAY_OK && err != PBAY_PENDING && rig->ops->send)
            fail_msg("%s: %s", pbay_err_name(err), rig->link.why);
    }
}

/* An end may come after disconnect, and after the next connect. */
static void test_late_outcome(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rig->package->feed(rig));
        rig_await(rig);
    }
    rig_disconnect(rig);
    rig_outcome(rig, 0, PBAY_OK);
    rig_outcome(rig, 0, PBAY_FAILED);
    rig_must_connect(rig);
    rig_outcome(rig, 0, PBAY_OUTCOME_UNKNOWN);
    assert_true(rig->package->feed(rig));
    rig_await(rig);
}

/* What is on its way in when disconnect comes is nobody's yet. */
static void test_disconnect_meanwhile(void **state)
{
    struct rig *rig = rig_of(state);

    for (unsigned round = 0; round < 3; round++) {
        rig_must_connect(rig);
        for (unsigned i = 0; i < 3; i++)
            assert_true(rig->package->feed(rig));
        if (round)
            (void)rig_receive(rig);
        rig_disconnect(rig);
    }
    rig_must_connect(rig);
    assert_true(rig->package->feed(rig));
    rig_await(rig);
}

/* ---- envelopes out ---- */

static void test_foreign(void **state)
{
    struct rig *rig = rig_of(state);
    struct pbay_envelope e;

    rig_must_connect(rig);
    for (unsigned i = 0; rig->package->foreign(rig, i, &e); i++) {
        enum pbay_err err = rig_send(rig, &e);

        if (err == PBAY_OK || err == PBAY_PENDING || err == PBAY_AGAIN)
            fail_msg("foreign envelope %u: %s", i, pbay_err_name(err));
    }
    assert_true(rig->package->feed(rig)); /* and the rest goes on */
    rig_await(rig);
}

/* Legal, but nothing that anybody would send. Any end will do, as long as an error has its text. */
static void test_strange(void **state)
{
    static const char all[] = "\0\1\xff\xfe\x80,\n\\x";
    struct rig *rig = rig_of(state);
    char *big = pb_alloc(BIG), long_name[PBAY_MAX_ADDRESS];
    struct pbay_envelope e[] = {plain(""),  plain("x"), plain("\xff\xfe"), plain("x"),
                                plain("x"), plain("x"), plain(""),         plain("")};

    e[3].protocol_id = pbay_str("nobody/knows:9.9.9");
    memset(long_name, 'n', sizeof long_name);
    e[4].to = e[4].sender = (struct pbay_str){long_name, sizeof long_name};
    e[5].operation = pbay_str("no_such_operation");
    e[6].message = (struct pbay_str){all, sizeof all - 1};
    e[7].message = (struct pbay_str){big, BIG};
    rig_must_connect(rig);
    for (size_t i = 0; i < sizeof e / sizeof e[0]; i++)
        (void)rig_send(rig, &e[i]);
    free(big);
}

/* ---- drain ---- */

static void test_drain(void **state)
{
    struct rig *rig = rig_of(state);

    rig_must_connect(rig);
    rig_await_drained(rig);
    rig_disconnect(rig);
    rig_restart(rig);
    rig_must_connect(rig);
    assert_true(rig->package->feed(rig));
    rig_await(rig);
    rig_outcome(rig, 0, PBAY_FAILED); /* that was all of it: nobody will answer */
    if (rig->ops->answers)
        assert_true(rig->package->feed(rig)); /* its answer is waited for */
    rig_await_drained(rig);
    assert_int_equal(rig->n_given, rig->ops->answers ? 1 : 0);
}

/* ---- any order ---- */

static void test_walk(void **state)
{
    struct rig *rig = rig_of(state);

    for (unsigned seed = 1; seed <= WALKS; seed++)
        walk(rig, seed);
    rig_restart(rig);
    rig_must_connect(rig); /* it has survived that */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_declared),
                                       T(test_connect_twice),
                                       T(test_connect_connected),
                                       T(test_disconnect_unconnected),
                                       T(test_disconnect_twice),
                                       T(test_nothing_left),
                                       T(test_fd),
                                       T(test_bad_options),
                                       T(test_nothing_comes),
                                       T(test_outcome_of_nothing),
                                       T(test_in_and_out),
                                       T(test_late_outcome),
                                       T(test_disconnect_meanwhile),
                                       T(test_foreign),
                                       T(test_strange),
                                       T(test_drain),
                                       T(test_walk)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
