/* Metrics: what each message is answered, and the page to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "connections/prometheus/metrics.h"
#include "schema/utf8.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int setup(void **state)
{
    struct metrics *ms = pb_alloc(sizeof *ms);

    ms->max_metrics = ms->max_series = 100;
    ms->max_page = 1U << 20;
    *state = ms;
    return 0;
}

static int teardown(void **state)
{
    metrics_fini(*state);
    free(*state);
    return 0;
}

/* labels: "name=value name=value" */
static void set_labels(struct metrics_words *words, const char *labels)
{
    while (*labels) {
        size_t name = strcspn(labels, "="), value = strcspn(labels + name + 1, " ");

        words->labels[words->n_labels++] = (struct metrics_label){{labels, name}, {labels + name + 1, value}};
        labels += name + 1 + value;
        labels += *labels == ' ';
    }
}

static void say_add(struct metrics *ms, const char *type, const char *title, const char *labels, int code,
                    const char *why)
{
    struct metrics_words words = {
        .type = pbay_str(type), .title = pbay_str(title), .description = pbay_str("what it is")};
    char found[METRICS_MAX_WHY] = "";
    int n;

    set_labels(&words, labels);
    n = metrics_add(ms, &words, found);
    if (n != code || !strstr(found, why))
        fail_msg("add %s %s {%s}: %d %s, expected %d %s", type, title, labels, n, found, code, why);
}

static void say_move(struct metrics *ms, const char *title, const char *callable, double value, const char *labels,
                     int code, const char *why)
{
    struct metrics_words words = {.title = pbay_str(title), .callable = pbay_str(callable)};
    char found[METRICS_MAX_WHY] = "";
    int n;

    set_labels(&words, labels);
    n = metrics_update(ms, &words, value, found);
    if (n != code || !strstr(found, why))
        fail_msg("%s %s %g {%s}: %d %s, expected %d %s", callable, title, value, labels, n, found, code, why);
}

static void check_page(const struct metrics *ms, const char *expected)
{
    struct pb_buf page = {0};

    metrics_write(ms, &page);
    assert_true(page.n <= ms->page);
    pb_buf_add(&page, "", 1);
    assert_string_equal((char *)page.p, expected);
    pb_buf_fini(&page);
}

/* ---- add ---- */

static void test_add(void **state)
{
    static const char *const bad_titles[] = {"", "1x", "a-b", "a b", "\xc3\xbc", "a\n"};
    static const char *const bad_labels[] = {"1x=v", "a-b=v", "__x=v", "x:y=v", "=v", "a=1 a=2"};
    struct metrics *ms = *state;

    say_add(ms, "Counter", "a:total_1", "", 200, "New Counter successfully added: a:total_1.");
    say_add(ms, "Gauge", "a:total_1", "", 409, "Metric already exists.");
    say_add(ms, "Gauge", "g", "job=x _a1=y", 200, "New Gauge successfully added: g.");
    say_add(ms, "counter", "x", "", 404, "counter is not a recognized prometheus metric.");
    say_add(ms, "", "x", "", 404, " is not a recognized prometheus metric.");
    for (size_t i = 0; i < COUNT(bad_titles); i++)
        say_add(ms, "Gauge", bad_titles[i], "", 400, "its title is not of the form");
    for (size_t i = 0; i < COUNT(bad_labels); i++)
        say_add(ms, "Gauge", "x", bad_labels[i], 400, "label");
    say_add(ms, "Histogram", "x", "le=1", 400, "not free");
    say_add(ms, "Summary", "x", "quantile=1", 400, "not free");
    say_add(ms, "Gauge", "x", "le=1 quantile=2 a=1 a=1", 200, "");
    assert_int_equal(ms->n_metrics, 3);
}

static void test_clashes(void **state)
{
    static const char *const of_histogram[] = {"h_bucket", "h_sum", "h_count"};
    struct metrics *ms = *state;

    say_add(ms, "Histogram", "h", "", 200, "");
    for (size_t i = 0; i < COUNT(of_histogram); i++)
        say_add(ms, "Gauge", of_histogram[i], "", 409, "h has lines of the same name");
    say_add(ms, "Gauge", "x_sum", "", 200, "");
    say_add(ms, "Summary", "x", "", 409, "x_sum has lines of the same name");
    say_add(ms, "Gauge", "x", "", 200, "");
    say_add(ms, "Gauge", "x_count", "", 200, "");
    say_add(ms, "Gauge", "_sum", "", 200, "");
}

/* ---- move ---- */

static void test_moves(void **state)
{
    static const char *const callables[] = {"set", "inc", "dec", "add", "sub", "observe", "clear", ""};
    static const struct {
        const char *type, *takes;
    } types[] = {
        {"Counter", "inc add set"}, {"Gauge", "inc dec add sub set"}, {"Histogram", "observe"}, {"Summary", "observe"}};
    struct metrics *ms = *state;

    say_move(ms, "none", "inc", 1, "", 404, "Metric none not found.");
    for (size_t i = 0; i < COUNT(types); i++) {
        say_add(ms, types[i].type, types[i].type, "", 200, "");
        for (size_t j = 0; j < COUNT(callables); j++) {
            if (*callables[j] && strstr(types[i].takes, callables[j]))
                say_move(ms, types[i].type, callables[j], 7, "", 200, " successfully updated.");
            else
                say_move(ms, types[i].type, callables[j], 7, "", 400, " not found for metric ");
        }
    }
    assert_int_equal(ms->n_series, 4);
}

static void test_counter(void **state)
{
    struct metrics *ms = *state;

    say_add(ms, "Counter", "c", "", 200, "");
    say_move(ms, "c", "add", -1, "", 400, "Failed to update metric c: a Counter grows");
    say_move(ms, "c", "add", NAN, "", 400, "a Counter grows");
    say_move(ms, "c", "set", -1, "", 400, "not smaller");
    check_page(ms, "# HELP c what it is\n# TYPE c counter\n"); /* nothing has moved, nothing is there */
    say_move(ms, "c", "inc", 99, "", 200, "");
    say_move(ms, "c", "add", 0.5, "", 200, "");
    say_move(ms, "c", "set", 1, "", 400, "not smaller");
    say_move(ms, "c", "set", INFINITY, "", 400, "not smaller");
    say_move(ms, "c", "add", 0, "", 200, "");
    check_page(ms, "# HELP c what it is\n# TYPE c counter\nc 1.5\n");
    say_move(ms, "c", "set", 4, "", 200, "");
    check_page(ms, "# HELP c what it is\n# TYPE c counter\nc 4\n");
}

static void test_gauge(void **state)
{
    struct metrics *ms = *state;

    say_add(ms, "Gauge", "g", "", 200, "");
    say_move(ms, "g", "dec", 5, "", 200, "");
    say_move(ms, "g", "sub", 1.5, "b=2 a=1", 200, "");
    say_move(ms, "g", "add", 3, "a=1 b=2", 200, "");
    say_move(ms, "g", "inc", 3, "a=1", 200, "");
    say_move(ms, "g", "set", -INFINITY, "a=2", 200, "");
    say_move(ms, "g", "set", NAN, "a=3", 200, "");
    check_page(ms, "# HELP g what it is\n# TYPE g gauge\n"
                   "g -1\ng{a=\"1\",b=\"2\"} 1.5\ng{a=\"1\"} 1\ng{a=\"2\"} -Inf\ng{a=\"3\"} NaN\n");
}

static void test_histogram(void **state)
{
    static const double values[] = {0.005, 0.0051, 10, 10.5, -1};
    struct metrics *ms = *state;

    say_add(ms, "Histogram", "h", "job=x", 200, "");
    for (size_t i = 0; i < COUNT(values); i++)
        say_move(ms, "h", "observe", values[i], "", 200, "");
    say_move(ms, "h", "observe", INFINITY, "", 400, "only finite");
    say_move(ms, "h", "observe", 1, "le=x", 400, "not free");
    check_page(ms, "# HELP h what it is\n# TYPE h histogram\n"
                   "h_bucket{job=\"x\",le=\"0.005\"} 2\nh_bucket{job=\"x\",le=\"0.01\"} 3\n"
                   "h_bucket{job=\"x\",le=\"0.025\"} 3\nh_bucket{job=\"x\",le=\"0.05\"} 3\n"
                   "h_bucket{job=\"x\",le=\"0.1\"} 3\nh_bucket{job=\"x\",le=\"0.25\"} 3\n"
                   "h_bucket{job=\"x\",le=\"0.5\"} 3\nh_bucket{job=\"x\",le=\"1\"} 3\n"
                   "h_bucket{job=\"x\",le=\"2.5\"} 3\nh_bucket{job=\"x\",le=\"5\"} 3\n"
                   "h_bucket{job=\"x\",le=\"10\"} 4\nh_bucket{job=\"x\",le=\"+Inf\"} 5\n"
                   "h_sum{job=\"x\"} 19.5101\nh_count{job=\"x\"} 5\n");
}

static void test_summary(void **state)
{
    struct metrics *ms = *state;

    say_add(ms, "Summary", "s", "", 200, "");
    say_move(ms, "s", "observe", 1.25, "", 200, "");
    say_move(ms, "s", "observe", -0.25, "", 200, "");
    check_page(ms, "# HELP s what it is\n# TYPE s summary\ns_sum 1\ns_count 2\n");
}

/* ---- texts ---- */

static void test_labels(void **state)
{
    struct metrics *ms = *state;

    say_add(ms, "Gauge", "g", "job=x", 200, "");
    say_move(ms, "g", "set", 1, "job=x", 200, "");
    say_move(ms, "g", "set", 2, "", 200, "");
    say_move(ms, "g", "set", 3, "job=y", 400, "another value");
    say_move(ms, "g", "set", 4, "__x=y", 400, "label's name");
    assert_int_equal(ms->n_series, 1);
    check_page(ms, "# HELP g what it is\n# TYPE g gauge\ng{job=\"x\"} 2\n");
}

static void test_escapes(void **state)
{
    struct metrics *ms = *state;
    struct metrics_words words = {.type = pbay_str("Gauge"),
                                  .title = pbay_str("g"),
                                  .description = pbay_str("a \"b\"\nc\\d \xc3\xbc"),
                                  .callable = pbay_str("set"),
                                  .labels = {{pbay_str("l"), pbay_str("a \"b\"\nc\\d \xc3\xbc")}}};
    char why[METRICS_MAX_WHY];

    assert_int_equal(metrics_add(ms, &words, why), 200);
    words.n_labels = 1;
    assert_int_equal(metrics_update(ms, &words, 1, why), 200);
    check_page(ms, "# HELP g a \"b\"\\nc\\\\d \xc3\xbc\n# TYPE g gauge\ng{l=\"a \\\"b\\\"\\nc\\\\d \xc3\xbc\"} 1\n");
    words.labels[0].value = (struct pbay_str){"a\0b", 3};
    assert_int_equal(metrics_update(ms, &words, 1, why), 400);
    words.title = pbay_str("h");
    assert_int_equal(metrics_add(ms, &words, why), 400);
    words.n_labels = 0;
    words.description = (struct pbay_str){"a\0b", 3};
    assert_int_equal(metrics_add(ms, &words, why), 400);
}

static void test_numbers(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "-0"},
                {0.1, "0.1"},
                {1.0 / 3, "0.3333333333333333"},
                {1e21, "1e+21"},
                {1e-7, "1e-07"},
                {123456789012, "123456789012"},
                {0.1 + 0.2, "0.30000000000000004"},
                {NAN, "NaN"},
                {INFINITY, "+Inf"},
                {-INFINITY, "-Inf"},
                {-2.2250738585072014e-308, "-2.2250738585072014e-308"}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        metrics_number(rows[i].v, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* A sentence shows a part of what was sent, and is UTF-8 still. */
static void test_long_words(void **state)
{
    struct metrics *ms = *state;
    char word[1000], why[METRICS_MAX_WHY];

    for (size_t at = 0; at < 4; at++) {
        struct metrics_words words = {.type = {word, sizeof word - at}, .title = pbay_str("g")};

        memset(word, 'x', sizeof word);
        for (size_t i = at; i + 1 < sizeof word; i += 2)
            memcpy(word + i, "\xc3\xbc", 2);
        assert_int_equal(metrics_add(ms, &words, why), 404);
        assert_true(pb_is_utf8(pbay_str(why)));
        assert_true(strlen(why) < 200);
    }
}

/* ---- bounds ---- */

static void test_max_metrics(void **state)
{
    struct metrics *ms = *state;

    ms->max_metrics = 1;
    say_add(ms, "Gauge", "g", "", 200, "");
    say_add(ms, "Gauge", "h", "", 429, "max_metrics");
    say_add(ms, "Gauge", "g", "", 409, "");
}

static void test_max_series(void **state)
{
    struct metrics *ms = *state;

    ms->max_series = 2;
    say_add(ms, "Gauge", "g", "", 200, "");
    say_move(ms, "g", "set", 1, "a=1", 200, "");
    say_move(ms, "g", "set", 1, "a=2", 200, "");
    say_move(ms, "g", "set", 1, "a=3", 429, "max_series");
    say_move(ms, "g", "set", 2, "a=1", 200, "");
    assert_int_equal(ms->n_series, 2);
}

static void test_max_page(void **state)
{
    struct metrics *ms = *state;

    ms->max_page = 1000;
    say_add(ms, "Gauge", "g", "", 200, "");
    say_add(ms, "Histogram", "h", "", 200, "");
    say_move(ms, "h", "observe", 1, "a=1", 200, "");
    say_move(ms, "h", "observe", 1, "a=2", 429, "max_page_bytes");
    say_move(ms, "h", "observe", 1, "a=1", 200, "");
    ms->max_page = ms->page;
    say_add(ms, "Gauge", "x", "", 429, "max_page_bytes");
}

static void test_lengths(void **state)
{
    struct metrics *ms = *state;
    char name[METRICS_MAX_NAME + 2], value[METRICS_MAX_LABEL_TEXT + 1], why[METRICS_MAX_WHY];
    struct metrics_words words = {.type = pbay_str("Summary"), .callable = pbay_str("observe")};

    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value);
    words.title = (struct pbay_str){name, METRICS_MAX_NAME + 1};
    assert_int_equal(metrics_add(ms, &words, why), 400);
    words.title.n = METRICS_MAX_NAME;
    words.description = (struct pbay_str){value, METRICS_MAX_DESCRIPTION + 1};
    assert_int_equal(metrics_add(ms, &words, why), 400);
    words.description.n = METRICS_MAX_DESCRIPTION;
    assert_int_equal(metrics_add(ms, &words, why), 200);
    words.n_labels = 1;
    words.labels[0] = (struct metrics_label){pbay_str("a"), {value, METRICS_MAX_LABEL_TEXT - 3}}; /* a="" */
    assert_int_equal(metrics_update(ms, &words, 1, why), 400);
    words.labels[0].value.n--;
    assert_int_equal(metrics_update(ms, &words, 1, why), 200);
    words.title = pbay_str("other");
    words.labels[0].value.n++;
    assert_int_equal(metrics_add(ms, &words, why), 400);
    assert_int_equal(ms->n_metrics, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_add),        T(test_clashes),   T(test_moves),      T(test_counter),
                                       T(test_gauge),      T(test_histogram), T(test_summary),    T(test_labels),
                                       T(test_escapes),    T(test_numbers),   T(test_long_words), T(test_max_metrics),
                                       T(test_max_series), T(test_max_page),  T(test_lengths)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
