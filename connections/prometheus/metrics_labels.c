#include <stdlib.h>
#include <string.h>

#include "connections/prometheus/metrics.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS  "0123456789"

const char *metrics_type_name(enum metrics_type type)
{
    static const char *const names[] = {"Counter", "Gauge", "Histogram", "Summary"};

    return names[type];
}

static bool is_one_of(char c, const char *marks)
{
    return c && strchr(marks, c);
}

/* [first][first or digit]* */
static bool is_name(struct pbay_str s, const char *first)
{
    if (s.n == 0 || s.n > METRICS_MAX_NAME)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_one_of(s.p[i], first) && (i == 0 || !is_one_of(s.p[i], DIGITS)))
            return false;
    }
    return true;
}

const char *metrics_title_fault(struct pbay_str title)
{
    return is_name(title, LETTERS ":") ? NULL : "its title is not of the form [a-zA-Z_:][a-zA-Z0-9_:]*";
}

/* A scraper takes a NUL for the end of the page. */
const char *metrics_labels_fault(enum metrics_type type, const struct metrics_label *labels, size_t n)
{
    const char *reserved = type == METRICS_HISTOGRAM ? "le" : type == METRICS_SUMMARY ? "quantile" : "";

    for (size_t i = 0; i < n; i++) {
        struct pbay_str name = labels[i].name;

        if (!is_name(name, LETTERS) || (name.n >= 2 && memcmp(name.p, "__", 2) == 0))
            return "a label's name is not of the form [a-zA-Z_][a-zA-Z0-9_]*, or begins with __";
        if (pbay_str_eq(name, pbay_str(reserved)))
            return "the labels le of a Histogram and quantile of a Summary are not free";
        if (labels[i].value.n && memchr(labels[i].value.p, '\0', labels[i].value.n))
            return "a label's value holds a NUL";
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    struct pbay_str x = ((const struct metrics_label *)a)->name, y = ((const struct metrics_label *)b)->name;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order ? order : (x.n > y.n) - (x.n < y.n);
}

static void add_value(struct pb_buf *text, struct pbay_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\n')
            pb_buf_add(text, "\\n", 2);
        else if (value.p[i] == '"' || value.p[i] == '\\')
            pb_buf_add(text, (char[]){'\\', value.p[i]}, 2);
        else
            pb_buf_add(text, &value.p[i], 1);
    }
}

const char *metrics_label_text(const struct metrics_metric *m, const struct metrics_label *labels, size_t n,
                               struct pb_buf *text)
{
    struct metrics_label all[2 * METRICS_MAX_LABELS];
    size_t n_all = m->n_labels + n;

    memcpy(all, m->labels, m->n_labels * sizeof all[0]);
    memcpy(all + m->n_labels, labels, n * sizeof all[0]);
    qsort(all, n_all, sizeof all[0], by_name);
    for (size_t i = 0; i < n_all; i++) {
        if (i && pbay_str_eq(all[i].name, all[i - 1].name)) {
            if (!pbay_str_eq(all[i].value, all[i - 1].value))
                return "a label has another value than the metric was added with";
            continue;
        }
        if (text->n)
            pb_buf_add(text, ",", 1);
        pb_buf_add(text, all[i].name.p, all[i].name.n);
        pb_buf_add(text, "=\"", 2);
        add_value(text, all[i].value);
        pb_buf_add(text, "\"", 1);
    }
    return text->n <= METRICS_MAX_LABEL_TEXT ? NULL : "its labels are longer than 2048 bytes";
}
