/* Metrics: added, moved, and written in Prometheus' text format 0.0.4. Pure but for memory.
 *
 *   metrics.c         what there is, and what moves how
 *   metrics_labels.c  which names and labels there may be; one set of labels as a text
 *   metrics_page.c    the page */
#ifndef METRICS_H
#define METRICS_H

#include <uthash.h>

#include "pbay_envelope.h"
#include "schema/buf.h"

#define METRICS_MAX_NAME        256  /* bytes of a title, of a label's name */
#define METRICS_MAX_DESCRIPTION 1024 /* bytes */
#define METRICS_MAX_LABELS      32   /* of one message */
#define METRICS_MAX_LABEL_TEXT  2048 /* bytes of all labels of a series as they are written */
#define METRICS_MAX_WHY         512  /* bytes of a sentence, its NUL included; a title in it is cut */
#define METRICS_BUCKETS         11   /* of a histogram, without that of +Inf */

/* Upper bounds of the buckets, and how they are written: those of Prometheus' own client libraries. */
extern const struct metrics_bucket {
    double le;
    const char *text;
} metrics_buckets[METRICS_BUCKETS];

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM, METRICS_SUMMARY };

struct metrics_label {
    struct pbay_str name, value;
};

/* value: of a counter or gauge; of the others the sum. */
struct metrics_sample {
    double value;
    uint64_t count, buckets[METRICS_BUCKETS]; /* buckets: what fell into this one and no smaller one */
};

/* One set of labels of a metric. */
struct metrics_series {
    char *labels; /* `a="1",b="2"`, by name; the key */
    size_t n;
    struct metrics_sample sample;
    UT_hash_handle hh;
};

struct metrics_metric {
    char *title, *description;
    size_t n; /* of the title */
    enum metrics_type type;
    struct metrics_label labels[METRICS_MAX_LABELS]; /* of every series; views into label_text */
    size_t n_labels;
    char *label_text;
    struct metrics_series *series;
    UT_hash_handle hh;
};

/* Zeroed but for the bounds. */
struct metrics {
    uint32_t max_metrics, max_series;
    uint64_t max_page;
    unsigned n_metrics, n_series;
    uint64_t page; /* bytes that the page cannot be longer than */
    struct metrics_metric *all;
};

/* Words of a message; views. */
struct metrics_words {
    struct pbay_str type, title, description, callable;
    struct metrics_label labels[METRICS_MAX_LABELS];
    size_t n_labels;
};

/* Add a metric; move one. Return the code of the response, and its sentence in why: 200, 400, 404, 409, 429. */
int metrics_add(struct metrics *ms, const struct metrics_words *words, char why[METRICS_MAX_WHY]);
int metrics_update(struct metrics *ms, const struct metrics_words *words, double value, char why[METRICS_MAX_WHY]);

/* Add the page to *page. */
void metrics_write(const struct metrics *ms, struct pb_buf *page);

/* Forget all; idempotent. The bounds stay. */
void metrics_fini(struct metrics *ms);

/* ---- metrics_labels.c ---- */

/* Name of the type as AEA has it, "Counter". */
const char *metrics_type_name(enum metrics_type type);

/* NULL, or what is wrong with it as a title, or with n labels of a metric of this type. */
const char *metrics_title_fault(struct pbay_str title);
const char *metrics_labels_fault(enum metrics_type type, const struct metrics_label *labels, size_t n);

/* Both sets of labels, each without a fault, as one text. NULL, or what is wrong. */
const char *metrics_label_text(const struct metrics_metric *m, const struct metrics_label *labels, size_t n,
                               struct pb_buf *text);

/* ---- metrics_page.c ---- */

/* Bytes on the page, at most: of a metric without series; of one more series whose labels are so long. */
uint64_t metrics_head_size(const struct metrics_metric *m);
uint64_t metrics_series_size(const struct metrics_metric *m, size_t labels);

/* The shortest decimal that is this number again. */
void metrics_number(double v, char text[32]);

#endif
