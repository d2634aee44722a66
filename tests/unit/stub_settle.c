/* The stub connection with real files: what stays in the file, what is rejected, what comes back after a restart. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/stub/stub.h"
#include "stub_world.h"

#define LINES 2000

static void settle_three_of_five(struct pbay_link *w)
{
    world_wait(w, 5, false);
    for (size_t i = 0; i < 3; i++)
        world_settle(w, i, PBAY_OK);
    world_settle(w, 4, PBAY_OK);
}

static void test_killed_and_started(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        world_numbered(w, i);
    world_killed(w, settle_three_of_five);
    world_numbered(w, 5);
    world_wait(w, 3, false);
    for (unsigned i = 3; i < 6; i++)
        world_assert_numbered(w, i - 3, i);
    world_free(w);
}

static void settle_nothing(struct pbay_link *w)
{
    world_wait(w, 5, false);
}

static void test_killed_with_nothing_settled(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        world_numbered(w, i);
    world_killed(w, settle_nothing);
    world_wait(w, 5, true);
    world_assert_numbered(w, 0, 0);
    world_stop(w);
    world_start(w);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 0);
    world_free(w);
}

/* The record is of a file that had other bytes: begin at its start. */
static void test_stale_record(void **state)
{
    struct pbay_link *w = world_new();
    int fd;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        world_numbered(w, i);
    world_killed(w, settle_three_of_five);
    world_stop(w);
    fd = open(w->input, O_WRONLY);
    assert_int_equal(pwrite(fd, "A", 1, 3 * 22 - 5), 1);
    close(fd);
    world_start(w);
    world_wait(w, 5, false);
    world_assert_numbered(w, 0, 0);
    world_free(w);
}

static void test_failed_envelope(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        world_numbered(w, i);
    world_wait(w, 4, false);
    world_settle(w, 1, PBAY_NO_ROUTE);
    world_settle(w, 0, PBAY_OK);
    world_settle(w, 3, PBAY_OK);
    assert_true(world_size(w->input) > 0);
    world_settle(w, 2, PBAY_OK);
    assert_int_equal(world_size(w->input), 0);
    world_assert_file(w->rejected, HEAD "line 1,\n", 22);
    assert_non_null(strstr(w->log, "22 bytes at offset 22 moved to"));
    assert_non_null(strstr(w->log, "NO_ROUTE"));
    world_free(w);
}

/* A message that was decoded in memory is rejected with the bytes of the file. */
static void test_failed_escaped_envelope(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_line(w, HEAD "\\x41\\n,\n");
    world_wait(w, 1, false);
    assert_string_equal(w->got[0].message, "A\n");
    world_settle(w, 0, PBAY_FAILED);
    world_assert_file(w->rejected, HEAD "\\x41\\n,\n", 22);
    world_free(w);
}

static void test_shutdown_leaves_the_rest(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        world_numbered(w, i);
    world_wait(w, 4, false);
    world_settle(w, 0, PBAY_OK);
    for (size_t i = 1; i < 4; i++)
        world_settle(w, i, PBAY_SHUTDOWN);
    world_stop(w);
    assert_int_equal(world_size(w->rejected), -1);
    world_start(w);
    world_wait(w, 3, true);
    world_assert_numbered(w, 0, 1);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

/* Ends of the time before a new connect change nothing: the lines are given again. */
static void test_connect_twice(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_numbered(w, 0);
    world_numbered(w, 1);
    world_wait(w, 2, false);
    assert_int_equal(stub_ops.connect(w->self, w), PBAY_OK);
    world_wait(w, 4, false);
    world_assert_numbered(w, 2, 0);
    world_settle(w, 0, PBAY_OK);
    world_settle(w, 1, PBAY_FAILED);
    assert_non_null(strstr(w->log, "ended with FAILED"));
    stub_ops.disconnect(w->self);
    stub_ops.disconnect(w->self);
    world_settle(w, 2, PBAY_OK);
    assert_int_equal(world_size(w->input), 44);
    assert_int_equal(world_size(w->rejected), -1);
    world_free(w);
}

/* Everything has ended while a writer holds the lock: the file is emptied when the timer fires. */
static void test_settles_after_the_lock(void **state)
{
    struct pbay_link *w = world_new();
    int fd = open(w->input, O_RDWR);

    (void)state;
    world_numbered(w, 0);
    world_wait(w, 1, false);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    w->timer = -1;
    world_settle(w, 0, PBAY_OK);
    assert_int_equal(world_size(w->input), 22);
    assert_int_equal(w->timer, STUB_LOCK_RETRY_MS);
    close(fd);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

static void settle_first_half(struct pbay_link *w)
{
    assert_int_equal(world_receive(w), PBAY_OK);
    while (w->settled < LINES) {
        world_settle(w, w->settled++, PBAY_OK);
        if (w->woken || w->settled == w->n)
            assert_int_equal(world_receive(w), PBAY_OK);
    }
}

/* Set: the next pwrite, which writes the record, is followed by an append of somebody who does not take the lock. */
static struct pbay_link *intruder;

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    struct pbay_link *w = intruder;
    ssize_t put = syscall(SYS_pwrite64, fd, bytes, n, at);

    intruder = NULL;
    if (w)
        world_append(w->input, HEAD "late,\n", 20, false);
    return put;
}

/* The record says 0 before the file is emptied, and a line that came at the last moment is not cut off. */
static void test_append_before_the_cut(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_numbered(w, 0);
    world_numbered(w, 1);
    world_wait(w, 2, false);
    world_settle(w, 0, PBAY_OK);
    intruder = w;
    world_settle(w, 1, PBAY_OK);
    assert_null(intruder);
    assert_int_equal(world_size(w->input), 64);
    w->settled = 2;
    world_wait(w, 3, true);
    assert_string_equal(w->got[2].message, "late");
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

/* More than half of the file and more than 64 KiB are dead: it shrinks, nothing is lost, nothing comes twice. */
static void test_compaction(void **state)
{
    struct pbay_link *w = world_new();
    char line[128];
    off_t before;

    (void)state;
    for (unsigned i = 0; i < LINES + 500; i++) {
        snprintf(line, sizeof line, HEAD "%070u,\n", i);
        world_line(w, line);
    }
    before = world_size(w->input);
    world_killed(w, settle_first_half);
    assert_true(world_size(w->input) < before / 2);
    assert_true(world_size(w->input) >= 500 * 86);
    world_wait(w, 256, false);
    snprintf(line, sizeof line, "%070u", LINES);
    assert_string_equal(w->got[0].message, line);
    world_numbered(w, 7);
    world_wait(w, 501, true);
    world_assert_numbered(w, 500, 7);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

static void test_replaced_file(void **state)
{
    struct pbay_link *w = world_new();
    char other[160];

    (void)state;
    snprintf(other, sizeof other, "%s/other", w->dir);
    world_numbered(w, 0);
    world_line(w, HEAD "half");
    world_wait(w, 1, false);
    world_append(other, HEAD "new,\n", 19, true);
    assert_int_equal(rename(other, w->input), 0);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 1); /* what was given from the old file has not ended */
    w->woken = false;
    world_settle(w, 0, PBAY_OK);
    assert_true(w->woken);
    world_wait(w, 2, true);
    assert_string_equal(w->got[1].message, "new");
    world_assert_file(w->rejected, HEAD "half", 18);
    world_numbered(w, 3);
    world_wait(w, 3, true);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

/* The old file has more to give, which a writer keeps from us just now: the new one has to wait. */
static void test_replaced_while_locked(void **state)
{
    struct pbay_link *w = world_new();
    int fd = open(w->input, O_RDWR | O_APPEND);
    char other[160];

    (void)state;
    snprintf(other, sizeof other, "%s/other", w->dir);
    world_append(other, HEAD "new,\n", 19, true);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(write(fd, HEAD "old,\n", 19), 19);
    assert_int_equal(rename(other, w->input), 0);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 0);
    close(fd);
    world_wait(w, 1, true);
    world_wait(w, 2, true);
    assert_string_equal(w->got[0].message, "old");
    assert_string_equal(w->got[1].message, "new");
    world_free(w);
}

static void test_cut_by_somebody_else(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        world_numbered(w, i);
    world_wait(w, 5, false);
    assert_int_equal(truncate(w->input, 0), 0);
    assert_int_equal(world_receive(w), PBAY_OK);
    world_numbered(w, 9);
    world_wait(w, 6, true);
    world_assert_numbered(w, 5, 9);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

/* What cannot be kept is not thrown away: the connection fails and the line is still there. */
static void test_reject_cannot_be_written(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    assert_int_equal(mkdir(w->rejected, 0755), 0);
    world_line(w, "garbage\n" HEAD "next,\n");
    assert_int_equal(world_receive(w), PBAY_IO);
    assert_non_null(strstr(w->why, "input_file.rejected cannot be written"));
    assert_int_equal(world_receive(w), PBAY_IO);
    stub_ops.disconnect(w->self);
    assert_int_equal(world_size(w->input), 28);
    assert_int_equal(rmdir(w->rejected), 0);
    assert_int_equal(stub_ops.connect(w->self, w), PBAY_OK);
    world_wait(w, 1, true);
    world_assert_file(w->rejected, "garbage\n", 8);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_and_started),
        cmocka_unit_test(test_killed_with_nothing_settled),
        cmocka_unit_test(test_stale_record),
        cmocka_unit_test(test_failed_envelope),
        cmocka_unit_test(test_failed_escaped_envelope),
        cmocka_unit_test(test_shutdown_leaves_the_rest),
        cmocka_unit_test(test_connect_twice),
        cmocka_unit_test(test_settles_after_the_lock),
        cmocka_unit_test(test_append_before_the_cut),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_replaced_file),
        cmocka_unit_test(test_replaced_while_locked),
        cmocka_unit_test(test_cut_by_somebody_else),
        cmocka_unit_test(test_reject_cannot_be_written),
    };

    return cmocka_run_group_tests_name("stub_settle", tests, NULL, NULL);
}
