#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/up_log.h"

struct world {
    struct up_log log;
    struct up_lines lines;
    int read_fd;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    int ends[2];

    assert_non_null(w);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    w->read_fd = ends[0];
    up_log_init(&w->log, ends[1], 6);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    close(w->log.fd);
    close(w->read_fd);
    up_log_fini(&w->log);
    free(w);
    return 0;
}

static void take(struct world *w, const char *text)
{
    up_log_take(&w->log, "stub.0", &w->lines, text, strlen(text));
}

static void expect_queue(const struct world *w, const char *text)
{
    assert_int_equal(w->log.n, strlen(text));
    assert_memory_equal(w->log.queue, text, w->log.n);
}

static void test_lines_are_put_together(void **state)
{
    struct world *w = *state;

    take(w, "on");
    take(w, "e\n\ntwo\r");
    expect_queue(w, "stub.0 | one\nstub.0 | \n");
    take(w, "\nthr");
    expect_queue(w, "stub.0 | one\nstub.0 | \nstub.0 | two\n");
    assert_string_equal(w->lines.last, "two");
    up_log_end(&w->log, "stub.0", &w->lines);
    expect_queue(w, "stub.0 | one\nstub.0 | \nstub.0 | two\nstub.0 | thr\n");
    assert_string_equal(w->lines.last, "thr");
    up_log_end(&w->log, "stub.0", &w->lines);
    expect_queue(w, "stub.0 | one\nstub.0 | \nstub.0 | two\nstub.0 | thr\n");
}

static void test_names_are_a_column(void **state)
{
    struct world *w = *state;

    up_log_line(&w->log, "up", "x", 1);
    up_log_line(&w->log, "a_name_that_is_longer_than_the_column_may_be", "y", 1);
    expect_queue(w, "up     | x\na_name_that_is_longer_th | y\n");
}

static void test_long_line_is_cut_once(void **state)
{
    struct world *w = *state;
    char *text = malloc(3 * UP_MAX_LINE + 1);

    memset(text, 'x', 3 * UP_MAX_LINE);
    text[3 * UP_MAX_LINE] = 0;
    take(w, text);
    take(w, "tail\nnext\n");
    assert_int_equal(w->log.n, strlen("stub.0 | ") + UP_MAX_LINE + 1 + strlen("stub.0 | next\n"));
    assert_memory_equal(w->log.queue + strlen("stub.0 | ") + UP_MAX_LINE - strlen("x [cut]"),
                        "x [cut]\nstub.0 | next\n", strlen("x [cut]\nstub.0 | next\n"));
    free(text);
}

static void test_line_of_the_greatest_length_is_whole(void **state)
{
    struct world *w = *state;
    char *text = malloc(UP_MAX_LINE + 2);

    memset(text, 'x', UP_MAX_LINE);
    memcpy(text + UP_MAX_LINE, "\n", 2);
    take(w, text);
    assert_int_equal(w->log.n, strlen("stub.0 | ") + UP_MAX_LINE + 1);
    assert_int_equal(w->log.queue[w->log.n - 2], 'x');
    free(text);
}

static size_t read_all(struct world *w, char *text, size_t size)
{
    size_t n = 0;
    ssize_t got;

    do {
        up_log_write(&w->log);
        got = read(w->read_fd, text + n, size - n);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    return n;
}

/* Nothing is written beyond what the queue can hold; what is lost is counted in its place. */
static void test_no_reader_costs_lines_only(void **state)
{
    static const char note[] = "up     | 100 lines are missing here: nobody read them\nstub.0 | after\n";
    struct world *w = *state;
    size_t size = 2 * UP_MAX_QUEUE, n;
    char *text = malloc(size);

    while (w->log.lost < 100) {
        take(w, "again and again\n");
        assert_in_range(w->log.n, 1, UP_MAX_QUEUE);
    }
    n = read_all(w, text, size);
    assert_int_equal(n % strlen("stub.0 | again and again\n"), 0);
    assert_false(up_log_waits(&w->log));
    take(w, "after\n");
    assert_int_equal(w->log.lost, 0);
    n = read_all(w, text, size);
    assert_int_equal(n, strlen(note));
    assert_memory_equal(text, note, n);
    free(text);
}

static void test_flush_waits_no_longer_than_told(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 8000; i++)
        take(w, "more than a pipe holds\n");
    up_log_flush(&w->log, 1);
    assert_true(up_log_waits(&w->log));
}

static void test_reader_that_is_gone(void **state)
{
    struct world *w = *state;

    close(w->read_fd);
    w->read_fd = -1;
    take(w, "one\n");
    up_log_write(&w->log);
    assert_false(up_log_waits(&w->log));
    take(w, "two\n");
    assert_false(up_log_waits(&w->log));
    assert_string_equal(w->lines.last, "two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_put_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_are_a_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_line_is_cut_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_of_the_greatest_length_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_reader_costs_lines_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flush_waits_no_longer_than_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reader_that_is_gone, set_up, tear_down),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
