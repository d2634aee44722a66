#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/prometheus/metrics.h"

#define NUMBER    32 /* bytes of a number as a text */
#define LINE      48 /* bytes of a line beside title and labels: suffix, le, number */
#define HEAD      32 /* bytes of both lines of a head beside titles and description */
#define MIN_EXACT 15 /* significant digits that every double has */
#define MAX_EXACT 17 /* that tell every double from every other */

const struct metrics_bucket metrics_buckets[METRICS_BUCKETS] = {
    {0.005, "0.005"}, {0.01, "0.01"}, {0.025, "0.025"}, {0.05, "0.05"}, {0.1, "0.1"}, {0.25, "0.25"},
    {0.5, "0.5"},     {1, "1"},       {2.5, "2.5"},     {5, "5"},       {10, "10"}};

void metrics_number(double v, char text[NUMBER])
{
    if (isnan(v) || isinf(v)) {
        snprintf(text, NUMBER, "%s", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = MIN_EXACT; digits <= MAX_EXACT; digits++) {
        snprintf(text, NUMBER, "%.*g", digits, v);
        if (!islessgreater(strtod(text, NULL), v))
            return;
    }
}

uint64_t metrics_head_size(const struct metrics_metric *m)
{
    return 2 * (m->n + strlen(m->description)) + HEAD; /* every mark of a description may be escaped */
}

uint64_t metrics_series_size(const struct metrics_metric *m, size_t labels)
{
    unsigned lines = m->type == METRICS_HISTOGRAM ? METRICS_BUCKETS + 3 : m->type == METRICS_SUMMARY ? 2 : 1;

    return lines * (m->n + labels + LINE);
}

/* ---- lines ---- */

static void add(struct pb_buf *page, const char *text)
{
    pb_buf_add(page, text, strlen(text));
}

/* title_suffix{labels,le="BOUND"} */
static void add_name(struct pb_buf *page, const struct metrics_metric *m, const struct metrics_series *s,
                     const char *suffix, const char *le)
{
    add(page, m->title);
    add(page, suffix);
    if (s->n || le)
        add(page, "{");
    pb_buf_add(page, s->labels, s->n);
    if (le) {
        add(page, s->n ? ",le=\"" : "le=\"");
        add(page, le);
        add(page, "\"");
    }
    add(page, s->n || le ? "} " : " ");
}

static void add_number(struct pb_buf *page, const struct metrics_metric *m, const struct metrics_series *s,
                       const char *suffix)
{
    char text[NUMBER];

    metrics_number(s->sample.value, text);
    add_name(page, m, s, suffix, NULL);
    add(page, text);
    add(page, "\n");
}

static void add_count(struct pb_buf *page, const struct metrics_metric *m, const struct metrics_series *s,
                      const char *suffix, const char *le, uint64_t count)
{
    char text[NUMBER];

    snprintf(text, sizeof text, "%" PRIu64 "\n", count);
    add_name(page, m, s, suffix, le);
    add(page, text);
}

/* Each bucket counts what the smaller ones count, too. */
static void add_buckets(struct pb_buf *page, const struct metrics_metric *m, const struct metrics_series *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        sum += s->sample.buckets[i];
        add_count(page, m, s, "_bucket", metrics_buckets[i].text, sum);
    }
    add_count(page, m, s, "_bucket", "+Inf", s->sample.count);
}

static void add_series(struct pb_buf *page, const struct metrics_metric *m, const struct metrics_series *s)
{
    if (m->type == METRICS_COUNTER || m->type == METRICS_GAUGE) {
        add_number(page, m, s, "");
        return;
    }
    if (m->type == METRICS_HISTOGRAM)
        add_buckets(page, m, s);
    add_number(page, m, s, "_sum");
    add_count(page, m, s, "_count", NULL, s->sample.count);
}

static void add_help(struct pb_buf *page, const struct metrics_metric *m)
{
    add(page, "# HELP ");
    add(page, m->title);
    add(page, " ");
    for (const char *p = m->description; *p; p++) {
        if (*p == '\n')
            add(page, "\\n");
        else if (*p == '\\')
            add(page, "\\\\");
        else
            pb_buf_add(page, p, 1);
    }
    add(page, "\n");
}

static void add_type(struct pb_buf *page, const struct metrics_metric *m)
{
    const char *name = metrics_type_name(m->type);

    add(page, "# TYPE ");
    add(page, m->title);
    add(page, " ");
    pb_buf_add(page, &(char){(char)tolower((unsigned char)*name)}, 1);
    add(page, name + 1);
    add(page, "\n");
}

void metrics_write(const struct metrics *ms, struct pb_buf *page)
{
    for (const struct metrics_metric *m = ms->all; m; m = m->hh.next) {
        add_help(page, m);
        add_type(page, m);
        for (const struct metrics_series *s = m->series; s; s = s->hh.next)
            add_series(page, m, s);
    }
}
