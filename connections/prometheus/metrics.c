#include "connections/prometheus/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define OK           200
#define BAD          400
#define NOT_FOUND    404
#define CONFLICT     409
#define TOO_MANY     429
#define SHOWN        128 /* bytes of a word of the message that a sentence shows */

/* For "%.*s". */
#define WORD(s) shown(s), (s).p ? (s).p : ""

/* Bytes of a word that a sentence shows: whole characters. */
static int shown(struct pbay_str s)
{
    size_t n = s.n < SHOWN ? s.n : SHOWN;

    while (n < s.n && n > 0 && (s.p[n] & 0xc0) == 0x80)
        n--;
    return (int)n;
}

/* ---- how they move ---- */

static const char *grow(struct metrics_sample *s, double v)
{
    if (!isfinite(v) || v < 0)
        return "a Counter grows by finite numbers that are not negative";
    s->value += v;
    return NULL;
}

static const char *grow_by_one(struct metrics_sample *s, double v)
{
    (void)v;
    return grow(s, 1);
}

static const char *raise_to(struct metrics_sample *s, double v)
{
    if (!isfinite(v) || v < s->value)
        return "a Counter is set to finite numbers that are not smaller than before";
    s->value = v;
    return NULL;
}

static const char *plus(struct metrics_sample *s, double v)
{
    s->value += v;
    return NULL;
}

static const char *minus(struct metrics_sample *s, double v)
{
    return plus(s, -v);
}

static const char *plus_one(struct metrics_sample *s, double v)
{
    (void)v;
    return plus(s, 1);
}

static const char *minus_one(struct metrics_sample *s, double v)
{
    (void)v;
    return plus(s, -1);
}

static const char *set(struct metrics_sample *s, double v)
{
    s->value = v;
    return NULL;
}

static const char *observe(struct metrics_sample *s, double v)
{
    if (!isfinite(v))
        return "only finite numbers can be observed";
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        if (v <= metrics_buckets[i].le) {
            s->buckets[i]++;
            break;
        }
    }
    s->value += v;
    s->count++;
    return NULL;
}

/* NULL, or why it cannot be: then nothing has changed. */
typedef const char *move_fn(struct metrics_sample *s, double v);

static const struct {
    enum metrics_type type;
    const char *callable;
    move_fn *move;
} moves[] = {{METRICS_COUNTER, "inc", grow_by_one},   {METRICS_COUNTER, "add", grow},
             {METRICS_COUNTER, "set", raise_to},      {METRICS_GAUGE, "inc", plus_one},
             {METRICS_GAUGE, "dec", minus_one},       {METRICS_GAUGE, "add", plus},
             {METRICS_GAUGE, "sub", minus},           {METRICS_GAUGE, "set", set},
             {METRICS_HISTOGRAM, "observe", observe}, {METRICS_SUMMARY, "observe", observe}};

static move_fn *move_of(enum metrics_type type, struct pbay_str callable)
{
    for (size_t i = 0; i < COUNT(moves); i++) {
        if (moves[i].type == type && pbay_str_eq(callable, pbay_str(moves[i].callable)))
            return moves[i].move;
    }
    return NULL;
}

/* ---- metrics ---- */

static struct metrics_metric *find(const struct metrics *ms, struct pbay_str title)
{
    struct metrics_metric *m = NULL;

    if (title.n)
        HASH_FIND(hh, ms->all, title.p, title.n, m);
    return m;
}

static bool type_of(struct pbay_str name, enum metrics_type *type)
{
    for (*type = METRICS_COUNTER; *type <= METRICS_SUMMARY; (*type)++) {
        if (pbay_str_eq(name, pbay_str(metrics_type_name(*type))))
            return true;
    }
    return false;
}

static const char *const suffixes[] = {"_bucket", "_sum", "_count"};

static bool has_suffixes(enum metrics_type type)
{
    return type == METRICS_HISTOGRAM || type == METRICS_SUMMARY;
}

/* The metric whose lines would be called as some of the new one, or NULL: x_count beside a Summary x. */
static const struct metrics_metric *clash(const struct metrics *ms, struct pbay_str title, enum metrics_type type)
{
    char name[METRICS_MAX_NAME + 8];

    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct pbay_str suffix = pbay_str(suffixes[i]), longer = {name, title.n + suffix.n};
        struct pbay_str shorter = {title.p, title.n > suffix.n ? title.n - suffix.n : 0};
        const struct metrics_metric *m;

        memcpy(name, title.p, title.n);
        memcpy(name + title.n, suffix.p, suffix.n);
        m = has_suffixes(type) ? find(ms, longer) : NULL;
        if (m)
            return m;
        m = find(ms, shorter);
        if (m && has_suffixes(m->type) && memcmp(title.p + shorter.n, suffix.p, suffix.n) == 0)
            return m;
    }
    return NULL;
}

static void metric_destroy(struct metrics_metric *m)
{
    struct metrics_series *s = m->series, *next;

    HASH_CLEAR(hh, m->series);
    for (; s; s = next) {
        next = s->hh.next;
        free(s->labels);
        free(s);
    }
    free(m->title);
    free(m->description);
    free(m->label_text);
    free(m);
}

/* The labels, in one block of their own. */
static void keep_labels(struct metrics_metric *m, const struct metrics_words *words)
{
    struct pb_buf text = {0};
    size_t at = 0;

    for (size_t i = 0; i < words->n_labels; i++) {
        pb_buf_add(&text, words->labels[i].name.p, words->labels[i].name.n);
        pb_buf_add(&text, words->labels[i].value.p, words->labels[i].value.n);
    }
    m->label_text = (char *)text.p;
    m->n_labels = words->n_labels;
    for (size_t i = 0; i < words->n_labels; i++) {
        m->labels[i].name = (struct pbay_str){m->label_text + at, words->labels[i].name.n};
        at += m->labels[i].name.n;
        m->labels[i].value = (struct pbay_str){m->label_text + at, words->labels[i].value.n};
        at += m->labels[i].value.n;
    }
}

static struct metrics_metric *metric_new(const struct metrics_words *words, enum metrics_type type)
{
    struct metrics_metric *m = pb_alloc(sizeof *m);

    m->title = pb_strndup(words->title);
    m->n = words->title.n;
    m->description = pb_strndup(words->description);
    m->type = type;
    keep_labels(m, words);
    return m;
}

/* NULL, or what is wrong with what is to be added. */
static const char *words_fault(const struct metrics_words *words, enum metrics_type type)
{
    const char *fault = metrics_title_fault(words->title);

    if (!fault)
        fault = metrics_labels_fault(type, words->labels, words->n_labels);
    if (!fault && words->description.n > METRICS_MAX_DESCRIPTION)
        fault = "its description is longer than 1024 bytes";
    if (!fault && words->description.n && memchr(words->description.p, '\0', words->description.n))
        fault = "its description holds a NUL";
    return fault;
}

static int say(char why[METRICS_MAX_WHY], int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int say(char why[METRICS_MAX_WHY], int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, METRICS_MAX_WHY, format, args);
    va_end(args);
    return code;
}

/* Put it in, or say what there is too much of. */
static int insert(struct metrics *ms, struct metrics_metric *m, char why[METRICS_MAX_WHY])
{
    uint64_t size = metrics_head_size(m);
    struct pb_buf labels = {0};
    const char *fault = metrics_label_text(m, m->labels, 0, &labels);

    pb_buf_fini(&labels);
    if (!fault && ms->page + size <= ms->max_page) {
        ms->page += size;
        ms->n_metrics++;
        HASH_ADD_KEYPTR(hh, ms->all, m->title, m->n, m);
        return say(why, OK, "New %s successfully added: %.*s.", metrics_type_name(m->type), SHOWN, m->title);
    }
    metric_destroy(m);
    if (fault)
        return say(why, BAD, "Metric not added: %s.", fault);
    return say(why, TOO_MANY, "Metric not added: the page would be longer than max_page_bytes.");
}

int metrics_add(struct metrics *ms, const struct metrics_words *words, char why[METRICS_MAX_WHY])
{
    const struct metrics_metric *other;
    enum metrics_type type;
    const char *fault;

    if (find(ms, words->title))
        return say(why, CONFLICT, "Metric already exists.");
    if (!type_of(words->type, &type))
        return say(why, NOT_FOUND, "%.*s is not a recognized prometheus metric.", WORD(words->type));
    fault = words_fault(words, type);
    if (fault)
        return say(why, BAD, "Metric not added: %s.", fault);
    other = clash(ms, words->title, type);
    if (other)
        return say(why, CONFLICT, "Metric not added: %.*s has lines of the same name.", SHOWN, other->title);
    if (ms->n_metrics >= ms->max_metrics)
        return say(why, TOO_MANY, "Metric not added: there are %u metrics, as many as max_metrics allows.",
                   ms->n_metrics);
    return insert(ms, metric_new(words, type), why);
}

/* ---- series ---- */

/* The series with these labels: one that is there, or a new one; NULL = there are too many. */
static struct metrics_series *series_of(struct metrics *ms, struct metrics_metric *m, const struct pb_buf *labels)
{
    uint64_t size = metrics_series_size(m, labels->n);
    struct metrics_series *s;

    HASH_FIND(hh, m->series, labels->n ? (const char *)labels->p : "", labels->n, s);
    if (s || ms->n_series >= ms->max_series || ms->page + size > ms->max_page)
        return s;
    s = pb_alloc(sizeof *s);
    s->labels = pb_strndup((struct pbay_str){(const char *)labels->p, labels->n});
    s->n = labels->n;
    HASH_ADD_KEYPTR(hh, m->series, s->labels, s->n, s);
    ms->n_series++;
    ms->page += size;
    return s;
}

static int move(struct metrics *ms, struct metrics_metric *m, const struct pb_buf *labels, move_fn *fn, double value,
                char why[METRICS_MAX_WHY])
{
    struct metrics_sample fresh = {0};
    const char *fault = fn(&fresh, value);
    struct metrics_series *s;

    if (!fault) {
        s = series_of(ms, m, labels);
        if (!s)
            return say(why, TOO_MANY,
                       "Failed to update metric %.*s: max_series or max_page_bytes allows no more labels.", SHOWN,
                       m->title);
        fault = fn(&s->sample, value);
    }
    if (fault)
        return say(why, BAD, "Failed to update metric %.*s: %s.", SHOWN, m->title, fault);
    return say(why, OK, "Metric %.*s successfully updated.", SHOWN, m->title);
}

int metrics_update(struct metrics *ms, const struct metrics_words *words, double value, char why[METRICS_MAX_WHY])
{
    struct metrics_metric *m = find(ms, words->title);
    struct pb_buf labels = {0};
    const char *fault;
    move_fn *fn;
    int code;

    if (!m)
        return say(why, NOT_FOUND, "Metric %.*s not found.", WORD(words->title));
    fn = move_of(m->type, words->callable);
    if (!fn)
        return say(why, BAD, "Update function %.*s not found for metric %.*s.", WORD(words->callable), SHOWN, m->title);
    fault = metrics_labels_fault(m->type, words->labels, words->n_labels);
    if (!fault)
        fault = metrics_label_text(m, words->labels, words->n_labels, &labels);
    if (fault)
        code = say(why, BAD, "Failed to update metric %.*s: %s.", SHOWN, m->title, fault);
    else
        code = move(ms, m, &labels, fn, value, why);
    pb_buf_fini(&labels);
    return code;
}

void metrics_fini(struct metrics *ms)
{
    struct metrics_metric *m = ms->all, *next;

    HASH_CLEAR(hh, ms->all);
    for (; m; m = next) {
        next = m->hh.next;
        metric_destroy(m);
    }
    ms->n_metrics = ms->n_series = 0;
    ms->page = 0;
}
