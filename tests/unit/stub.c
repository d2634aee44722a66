/* The stub connection with real files: what is given, when, and what is written. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/stub/stub.h"
#include "stub_world.h"

#define LINES 2000
#define FLOOD 5000

static void test_files_are_made(void **state)
{
    struct pbay_link *w = world_new();
    struct stat st;
    mode_t mask = umask(0);

    (void)state;
    umask(mask);
    assert_int_equal(stat(w->input, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644 & ~mask);
    assert_int_equal(stat(w->output, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644 & ~mask);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 0);
    world_free(w);
}

/* There before connect: no event will tell of it. */
static void test_present_at_connect(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_stop(w);
    world_line(w, "\n\na,b,x/y:1.0.0,hello,\n");
    world_start(w);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 1);
    assert_string_equal(w->got[0].to, "a");
    assert_string_equal(w->got[0].sender, "b");
    assert_string_equal(w->got[0].protocol_id, "x/y:1.0.0");
    assert_string_equal(w->got[0].message, "hello");
    assert_int_equal(world_size(w->input), 23);
    world_settle_all(w);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

static void test_lines_one_by_one(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < LINES; i++) {
        world_numbered(w, i);
        if (i % 3 == 0)
            world_wait(w, i + 1, i % 2 == 0);
        world_settle_all(w);
    }
    world_wait(w, LINES, true);
    for (unsigned i = 0; i < LINES; i++)
        world_assert_numbered(w, i, i);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

static void test_two_in_one_write(void **state)
{
    static const char both[] = HEAD "\x12\x09"
                                    "x,\n\0,y,\nz," HEAD "\x12\x05\n,\n,\n,";
    struct pbay_link *w = world_new();

    (void)state;
    world_append(w->input, both, sizeof both - 1, true);
    world_wait(w, 2, false);
    assert_int_equal(w->got[0].n, 11);
    assert_memory_equal(w->got[0].message, "\x12\x09x,\n\0,y,\nz", 11);
    assert_int_equal(w->got[1].n, 7);
    assert_memory_equal(w->got[1].message, "\x12\x05\n,\n,\n", 7);
    world_free(w);
}

static void test_half_a_line_waits(void **state)
{
    static const char whole[] = HEAD "\x12\x05\n,\n,\n," HEAD "text,\n";
    struct pbay_link *w = world_new();

    (void)state;
    for (size_t i = 0; i < sizeof whole - 1; i++) {
        assert_int_equal(w->n, (i >= 22) + 0u);
        world_append(w->input, whole + i, 1, false);
        assert_int_equal(world_receive(w), PBAY_OK);
    }
    assert_int_equal(w->n, 2);
    assert_string_equal(w->got[1].message, "text");
    world_free(w);
}

static void test_garbage_between(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_line(w, HEAD "one,\ngarbage\n" HEAD "two,\n,b,x/y:1.0.0,three,\n" HEAD "four,\n");
    world_wait(w, 3, false);
    assert_string_equal(w->got[1].message, "two");
    assert_string_equal(w->got[2].message, "four");
    assert_non_null(strstr(w->log, "8 bytes at offset 19 moved to"));
    assert_non_null(strstr(w->log, "20 bytes at offset 46 moved to"));
    assert_int_equal(w->logged, 2);
    world_assert_file(w->rejected, "garbage\n,b,x/y:1.0.0,three,\n", 28);
    world_settle_all(w);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

static void test_only_garbage(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_line(w, "garbage\n \n");
    assert_int_equal(world_receive(w), PBAY_OK);
    world_assert_file(w->rejected, "garbage\n", 8);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

/* A line that never ends is not kept in memory, and what follows it comes. */
static void test_endless_line(void **state)
{
    struct pbay_link *w = world_new();
    size_t n = 2 * STUB_MAX_LINE;
    char *junk = malloc(n + 1);

    (void)state;
    assert_non_null(junk);
    memset(junk, 'j', n);
    junk[n] = '\n';
    world_append(w->input, junk, n, true);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->logged, 0);
    world_line(w, "\n" HEAD "next,\n");
    world_wait(w, 1, true);
    assert_string_equal(w->got[0].message, "next");
    world_assert_file(w->rejected, junk, n + 1);
    assert_int_equal(w->logged, 1);
    assert_int_equal(world_size(w->input), 0);
    free(junk);
    world_free(w);
}

static void test_reads_ahead_within_bounds(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    for (unsigned i = 0; i < STUB_MAX_AHEAD + 10; i++)
        world_numbered(w, i);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, STUB_MAX_AHEAD);
    world_settle(w, 1, PBAY_OK);
    assert_false(w->woken);
    world_settle(w, 0, PBAY_OK);
    assert_true(w->woken);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, STUB_MAX_AHEAD + 2);
    world_free(w);
}

static void test_reads_ahead_within_bytes(void **state)
{
    struct pbay_link *w = world_new();
    size_t n = 1000 * 1000, lines = 8;
    char *line = malloc(n);

    (void)state;
    assert_non_null(line);
    memset(line, 'm', n);
    memcpy(line, HEAD, strlen(HEAD));
    memcpy(line + n - 2, ",\n", 2);
    for (size_t i = 0; i < lines; i++)
        world_append(w->input, line, n, true);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 5); /* the first at which 4 MiB are passed */
    world_wait(w, w->n, true);
    world_wait(w, lines, true);
    assert_int_equal(world_size(w->input), 0);
    free(line);
    world_free(w);
}

/* A thread that appends as AEA does. */
static void *flood(void *arg)
{
    for (unsigned i = 0; i < FLOOD; i++)
        world_numbered(arg, i);
    return NULL;
}

static void test_concurrent_writer(void **state)
{
    struct pbay_link *w = world_new();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, flood, w), 0);
    world_wait(w, FLOOD, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (unsigned i = 0; i < FLOOD; i++)
        world_assert_numbered(w, i, i);
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(world_size(w->input), 0);
    assert_int_equal(world_size(w->rejected), -1);
    world_free(w);
}

static void test_writer_holds_the_lock(void **state)
{
    struct pbay_link *w = world_new();
    int fd = open(w->input, O_RDWR | O_APPEND);

    (void)state;
    world_numbered(w, 0);
    world_wait(w, 1, false);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(write(fd, HEAD "half", 18), 18);
    w->timer = -1;
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 1);
    assert_int_equal(w->timer, STUB_LOCK_RETRY_MS);
    assert_int_equal(write(fd, ",\n", 2), 2);
    w->timer = -1;
    world_settle(w, 0, PBAY_OK);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    world_wait(w, 2, true);
    assert_string_equal(w->got[1].message, "half");
    assert_int_equal(world_size(w->input), 0);
    close(fd);
    world_free(w);
}

static bool is_readable(struct pbay_link *w)
{
    struct pollfd p = {.fd = stub_ops.fd(w->self), .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* Our own truncation is an event; looking at it makes no further one. */
static void test_no_busy_loop(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    world_numbered(w, 0);
    assert_true(is_readable(w));
    world_wait(w, 1, true);
    assert_true(is_readable(w));
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_false(is_readable(w));
    for (unsigned i = 0; i < STUB_MAX_AHEAD + 1; i++)
        world_numbered(w, i);
    assert_int_equal(world_receive(w), PBAY_OK);
    world_numbered(w, 0);
    assert_true(is_readable(w));
    assert_int_equal(world_receive(w), PBAY_OK);
    assert_int_equal(w->n, 1 + STUB_MAX_AHEAD);
    assert_false(is_readable(w)); /* full, and data in the file */
    world_free(w);
}

static enum pbay_err send_text(struct pbay_link *w, const char *to, const char *sender, struct pbay_str message)
{
    struct pbay_envelope e = {.to = {to, strlen(to)},
                              .sender = {sender, strlen(sender)},
                              .protocol_id = {"x/y:1.0.0", 9},
                              .message = message};

    return stub_ops.send(w->self, &e, 1);
}

static void test_send(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"one\0,\n", 6}), PBAY_OK);
    world_stop(w);
    world_start(w);
    assert_int_equal(send_text(w, "c", "", (struct pbay_str){NULL, 0}), PBAY_OK);
    world_assert_file(w->output, "a,b,x/y:1.0.0,one\0,\n,c,,x/y:1.0.0,,", 35);
    world_free(w);
}

static void test_send_refuses(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    assert_int_equal(send_text(w, "c/d:1.0.0", "b", (struct pbay_str){"m", 1}), PBAY_INVALID);
    assert_string_equal(w->why, "Sender and to field of envelope is public id, needs to be address. Found: sender=b, "
                                "to=c/d:1.0.0");
    assert_int_equal(send_text(w, "a", "c/d:1.0.0", (struct pbay_str){"m", 1}), PBAY_INVALID);
    assert_int_equal(send_text(w, "a,b", "c", (struct pbay_str){"m", 1}), PBAY_INVALID);
    assert_int_equal(world_size(w->output), 0);
    world_free(w);
}

static void test_send_waits_for_the_lock(void **state)
{
    struct pbay_link *w = world_new();
    int fd = open(w->output, O_RDWR);

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"m", 1}), PBAY_AGAIN);
    close(fd);
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"m", 1}), PBAY_OK);
    assert_int_equal(world_size(w->output), 16);
    world_free(w);
}

static void test_send_to_a_replaced_file(void **state)
{
    struct pbay_link *w = world_new();

    (void)state;
    assert_int_equal(unlink(w->output), 0);
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"m", 1}), PBAY_OK);
    world_assert_file(w->output, "a,b,x/y:1.0.0,m,", 16);
    assert_int_equal(rename(w->output, w->rejected), 0);
    world_append(w->output, "x", 1, true);
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"n", 1}), PBAY_OK);
    world_assert_file(w->output, "xa,b,x/y:1.0.0,n,", 17);
    world_assert_file(w->rejected, "a,b,x/y:1.0.0,m,", 16);
    world_free(w);
}

/* The file may grow to 20 bytes: the second line fits in part, and nothing of it stays. */
static void test_send_short_write_is_undone(void **state)
{
    struct pbay_link *w = world_new();
    struct rlimit before, small;
    enum pbay_err err[3];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (size_t i = 0; i < 3; i++)
        err[i] = send_text(w, "a", "b", (struct pbay_str){"m", 1});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err[0], PBAY_OK);
    assert_int_equal(err[1], PBAY_IO);
    assert_int_equal(err[2], PBAY_IO);
    assert_non_null(strstr(w->why, "no room for the whole line"));
    world_assert_file(w->output, "a,b,x/y:1.0.0,m,", 16);
    assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"m", 1}), PBAY_OK);
    assert_int_equal(world_size(w->output), 32);
    world_free(w);
}

/* What one stub wrote another one reads. */
static void test_output_is_input(void **state)
{
    struct pbay_link *w = world_new();
    char *bytes;
    size_t n;

    (void)state;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(send_text(w, "a", "b", (struct pbay_str){"\x12\x06" HEAD, 8}), PBAY_OK);
    bytes = world_read(w->output, &n);
    world_append(w->input, bytes, n, true);
    free(bytes);
    world_wait(w, 20, true);
    assert_memory_equal(w->got[19].message, "\x12\x06" HEAD, 8);
    assert_int_equal(world_size(w->input), 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_made),
        cmocka_unit_test(test_present_at_connect),
        cmocka_unit_test(test_lines_one_by_one),
        cmocka_unit_test(test_two_in_one_write),
        cmocka_unit_test(test_half_a_line_waits),
        cmocka_unit_test(test_garbage_between),
        cmocka_unit_test(test_only_garbage),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_reads_ahead_within_bounds),
        cmocka_unit_test(test_reads_ahead_within_bytes),
        cmocka_unit_test(test_concurrent_writer),
        cmocka_unit_test(test_writer_holds_the_lock),
        cmocka_unit_test(test_no_busy_loop),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_send_refuses),
        cmocka_unit_test(test_send_waits_for_the_lock),
        cmocka_unit_test(test_send_to_a_replaced_file),
        cmocka_unit_test(test_send_short_write_is_undone),
        cmocka_unit_test(test_output_is_input),
    };

    return cmocka_run_group_tests_name("stub", tests, NULL, NULL);
}
