/* A pattern becomes a program whose jumps are relative, so that a part of it can be copied for each repeat, and moved
 * to make room in front of it. The matcher keeps the set of all places where the program can be. */
#include "connections/http_server/api_pattern.h"

#include <assert.h>
#include <string.h>

#define MAX_RANGES  64 /* of one pattern, in all its classes */
#define MAX_GROUPS  16 /* within each other */
#define MAX_REPEATS 512
#define NO_LIMIT    UINT32_MAX

enum op { OP_RANGES, OP_SPLIT, OP_BEGIN, OP_END, OP_MATCH };

struct step {
    enum op op;
    bool negated;
    uint16_t range, n;   /* OP_RANGES */
    int16_t next, other; /* where to go on, relative to this step; other: of OP_SPLIT; 0 = nowhere */
};

struct range {
    uint32_t from, to;
};

struct api_pattern {
    struct step steps[API_MAX_PATTERN];
    struct range ranges[MAX_RANGES];
    uint16_t n, n_ranges;
};

struct parser {
    struct api_pattern *p;
    struct pbay_str left;
    const char *why;
    unsigned depth;
};

uint32_t api_next_char(struct pbay_str *text)
{
    const unsigned char *p = (const unsigned char *)text->p;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xFFU >> (n + 1));

    assert(text->n >= n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    text->p += n;
    text->n -= n;
    return c;
}

/* ---- from a text to a program ---- */

static bool fail(struct parser *r, const char *why)
{
    r->why = why;
    return false;
}

static bool is_next(const struct parser *r, char c)
{
    return r->left.n && r->left.p[0] == c;
}

static bool skip(struct parser *r, char c)
{
    if (!is_next(r, c))
        return false;
    r->left.p++;
    r->left.n--;
    return true;
}

/* Room for n steps at that place; what is behind it moves, and its jumps with it. */
static bool insert(struct parser *r, uint16_t at, uint16_t n)
{
    struct api_pattern *p = r->p;

    if (p->n + n >= API_MAX_PATTERN) /* one is kept for OP_MATCH */
        return fail(r, "a pattern as long as this, with its repeats written out");
    memmove(&p->steps[at + n], &p->steps[at], (size_t)(p->n - at) * sizeof p->steps[0]);
    memset(&p->steps[at], 0, n * sizeof p->steps[0]);
    p->n = (uint16_t)(p->n + n);
    return true;
}

static bool put(struct parser *r, uint16_t at, enum op op, int next, int other)
{
    if (!insert(r, at, 1))
        return false;
    r->p->steps[at] = (struct step){.op = op, .next = (int16_t)next, .other = (int16_t)other};
    return true;
}

static bool add_range(struct parser *r, uint32_t from, uint32_t to)
{
    if (r->p->n_ranges == MAX_RANGES)
        return fail(r, "so many classes of characters");
    r->p->ranges[r->p->n_ranges++] = (struct range){from, to};
    return true;
}

/* A class that a letter behind a backslash means. */
static bool add_class(struct parser *r, uint32_t letter)
{
    if (letter == 'd')
        return add_range(r, '0', '9');
    if (letter == 'w')
        return add_range(r, '0', '9') && add_range(r, 'A', 'Z') && add_range(r, '_', '_') && add_range(r, 'a', 'z');
    return add_range(r, '\t', '\r') && add_range(r, ' ', ' ') && add_range(r, 0xA0, 0xA0) &&
           add_range(r, 0x1680, 0x1680) && add_range(r, 0x2000, 0x200A) && add_range(r, 0x2028, 0x2029) &&
           add_range(r, 0x202F, 0x202F) && add_range(r, 0x205F, 0x205F) && add_range(r, 0x3000, 0x3000) &&
           add_range(r, 0xFEFF, 0xFEFF);
}

/* What stands behind a backslash: a class, *is_class, or one character. */
static bool read_escape(struct parser *r, uint32_t *c, bool *is_class)
{
    static const char marks[] = "\\^$.*+?()[]{}|/-\"'#&,:;<=>@_`~!% ";
    static const char controls[] = "ntr", meant[] = "\n\t\r";
    const char *control;

    if (r->left.n == 0)
        return fail(r, "a backslash at the end");
    *c = api_next_char(&r->left);
    *is_class = *c == 'd' || *c == 'w' || *c == 's';
    if (*is_class)
        return true;
    control = *c < 0x80 && *c ? strchr(controls, (int)*c) : NULL;
    if (control)
        *c = (unsigned char)meant[control - controls];
    else if (*c >= 0x80 || !strchr(marks, (int)*c))
        return fail(r, "this letter behind a backslash");
    return true;
}

static bool read_class_end(struct parser *r, uint32_t from)
{
    bool is_class = false;
    uint32_t to = from;

    if (r->left.n > 1 && r->left.p[0] == '-' && r->left.p[1] != ']') {
        skip(r, '-');
        to = api_next_char(&r->left);
        if (to == '\\' && !read_escape(r, &to, &is_class))
            return false;
        if (is_class || to < from)
            return fail(r, "this range of characters");
    }
    return add_range(r, from, to);
}

/* Behind the opening bracket. */
static bool read_class(struct parser *r, struct step *step)
{
    bool is_class = false;
    uint32_t c;

    step->negated = skip(r, '^');
    if (is_next(r, ']'))
        return fail(r, "a class without characters");
    while (!is_next(r, ']')) {
        if (r->left.n == 0)
            return fail(r, "a bracket that is not closed");
        c = api_next_char(&r->left);
        if (c == '[')
            return fail(r, "a bracket within brackets, without a backslash");
        is_class = false;
        if (c == '\\' && !read_escape(r, &c, &is_class))
            return false;
        if (!(is_class ? add_class(r, c) : read_class_end(r, c)))
            return false;
    }
    return skip(r, ']');
}

/* One character, or a class of them. */
static bool read_char(struct parser *r)
{
    uint16_t first = r->p->n_ranges, at = r->p->n;
    struct step step = {.op = OP_RANGES, .range = first, .next = 1};
    uint32_t c = api_next_char(&r->left);
    bool is_class = false, good;

    if (c == '[') {
        good = read_class(r, &step);
    } else if (c == '.') {
        step.negated = true;
        good = add_range(r, '\n', '\n') && add_range(r, '\r', '\r') && add_range(r, 0x2028, 0x2029);
    } else if (c < 0x80 && c && strchr("*+?{}])", (int)c)) {
        return fail(r, "a mark that needs a backslash here");
    } else {
        good = (c != '\\' || read_escape(r, &c, &is_class)) && (is_class ? add_class(r, c) : add_range(r, c, c));
    }
    step.n = (uint16_t)(r->p->n_ranges - first);
    if (!good || !insert(r, at, 1))
        return false;
    r->p->steps[at] = step;
    return true;
}

static bool read_alternatives(struct parser *r);

static bool read_atom(struct parser *r)
{
    if (skip(r, '^'))
        return put(r, r->p->n, OP_BEGIN, 1, 0);
    if (skip(r, '$'))
        return put(r, r->p->n, OP_END, 1, 0);
    if (!skip(r, '('))
        return read_char(r);
    if (skip(r, '?') && !(skip(r, ':')))
        return fail(r, "a group that begins with (?");
    if (++r->depth > MAX_GROUPS)
        return fail(r, "groups as deep as this");
    if (!read_alternatives(r))
        return false;
    r->depth--;
    return skip(r, ')') || fail(r, "a group that is not closed");
}

static bool read_number(struct parser *r, uint32_t *n)
{
    size_t digits = 0;

    for (*n = 0; r->left.n && r->left.p[0] >= '0' && r->left.p[0] <= '9' && *n <= MAX_REPEATS; digits++) {
        *n = *n * 10 + (uint32_t)(r->left.p[0] - '0');
        skip(r, r->left.p[0]);
    }
    return digits > 0 && *n <= MAX_REPEATS;
}

/* How often; false = once, and nothing is said of it, or r->why. */
static bool read_repeat(struct parser *r, uint32_t *min, uint32_t *max)
{
    *min = is_next(r, '+');
    *max = is_next(r, '?') ? 1 : NO_LIMIT;
    if (skip(r, '*') || skip(r, '+') || skip(r, '?'))
        return true;
    if (!skip(r, '{'))
        return false;
    if (!read_number(r, min))
        return fail(r, "these braces: expected {n}, {n,} or {n,m}, at most 512");
    *max = *min;
    if (skip(r, ',') && !read_number(r, max))
        *max = NO_LIMIT;
    return (skip(r, '}') && *max >= *min) || fail(r, "these braces: expected {n}, {n,} or {n,m}, at most 512");
}

/* The same steps once more at the end. */
static bool copy(struct parser *r, uint16_t from, uint16_t n)
{
    uint16_t at = r->p->n;

    if (!insert(r, at, n))
        return false;
    memcpy(&r->p->steps[at], &r->p->steps[from], n * sizeof r->p->steps[0]);
    return true;
}

/* As many copies as there must be, and behind them those that may be. */
static bool repeat(struct parser *r, uint16_t from, uint32_t min, uint32_t max)
{
    uint16_t n = (uint16_t)(r->p->n - from), at;

    for (uint32_t i = 1; i < (max == NO_LIMIT ? min + 1 : max); i++) {
        if (!copy(r, from, n))
            return false;
    }
    at = (uint16_t)(from + min * n);
    if (max == NO_LIMIT)
        return put(r, at, OP_SPLIT, 1, n + 2) && put(r, r->p->n, OP_SPLIT, -(n + 1), 0);
    for (uint32_t i = min; i < max; i++, at = (uint16_t)(at + n + 1)) {
        if (!put(r, at, OP_SPLIT, 1, n + 1))
            return false;
    }
    if (max == 0)
        r->p->n = from;
    return true;
}

static bool read_sequence(struct parser *r)
{
    while (r->left.n && !is_next(r, '|') && !is_next(r, ')')) {
        uint16_t from = r->p->n;
        uint32_t min, max;

        if (!read_atom(r))
            return false;
        if (read_repeat(r, &min, &max) && !repeat(r, from, min, max))
            return false;
        if (r->why)
            return false;
        if (is_next(r, '*') || is_next(r, '+') || is_next(r, '?') || is_next(r, '{'))
            return fail(r, "a lazy, possessive or second repeat");
    }
    return true;
}

/* a|b|c: a split before each but the last, a jump to the end behind it. */
static bool read_alternatives(struct parser *r)
{
    uint16_t from = r->p->n, jump;

    if (!read_sequence(r))
        return false;
    if (!skip(r, '|'))
        return true;
    if (!put(r, from, OP_SPLIT, 1, r->p->n - from + 2) || !put(r, r->p->n, OP_SPLIT, 0, 0))
        return false;
    jump = (uint16_t)(r->p->n - 1);
    if (!read_alternatives(r))
        return false;
    r->p->steps[jump].next = (int16_t)(r->p->n - jump);
    return true;
}

const struct api_pattern *api_pattern_new(struct pb_arena *arena, const char *text, const char **why)
{
    struct parser r = {.p = pb_arena_alloc(arena, sizeof *r.p), .left = pbay_str(text)};
    bool good = r.left.n <= API_MAX_PATTERN || fail(&r, "a pattern of more than 512 bytes");

    good = good && read_alternatives(&r) && (r.left.n == 0 || fail(&r, "a parenthesis that was not opened"));
    *why = r.why;
    if (!good)
        return NULL;
    r.p->steps[r.p->n++] = (struct step){.op = OP_MATCH};
    return r.p;
}

/* ---- matching ---- */

struct places {
    uint16_t at[API_MAX_PATTERN];
    bool has[API_MAX_PATTERN];
    uint16_t n;
};

struct matcher {
    const struct api_pattern *p;
    struct places places[2];
    uint16_t open[2 * API_MAX_PATTERN]; /* each place is entered once, and leads to two at most */
    bool at_begin, at_end, matched;
};

/* Enter a place, and those that are reached from it without a character. */
static void enter(struct matcher *m, struct places *places, uint16_t first)
{
    size_t n = 0;

    m->open[n++] = first;
    while (n > 0) {
        uint16_t at = m->open[--n];
        const struct step *step = &m->p->steps[at];
        bool goes_on =
            step->op == OP_SPLIT || (step->op == OP_BEGIN && m->at_begin) || (step->op == OP_END && m->at_end);

        if (places->has[at])
            continue;
        places->has[at] = true;
        places->at[places->n++] = at;
        m->matched = m->matched || step->op == OP_MATCH;
        if (goes_on && step->next)
            m->open[n++] = (uint16_t)(at + step->next);
        if (goes_on && step->other)
            m->open[n++] = (uint16_t)(at + step->other);
    }
}

static bool is_in(const struct api_pattern *p, const struct step *step, uint32_t c)
{
    for (size_t i = 0; i < step->n; i++) {
        const struct range *range = &p->ranges[step->range + i];

        if (c >= range->from && c <= range->to)
            return !step->negated;
    }
    return step->negated;
}

static void forget(struct places *places)
{
    for (size_t i = 0; i < places->n; i++)
        places->has[places->at[i]] = false;
    places->n = 0;
}

/* From the places before a character to those behind it. */
static void advance(struct matcher *m, struct places *from, struct places *to, uint32_t c)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct step *step = &m->p->steps[from->at[i]];

        if (step->op == OP_RANGES && is_in(m->p, step, c))
            enter(m, to, (uint16_t)(from->at[i] + step->next));
    }
    forget(from);
}

enum api_matched api_pattern_match(const struct api_pattern *p, struct pbay_str text, uint64_t *budget)
{
    struct matcher m = {.p = p, .at_begin = true, .at_end = text.n == 0};
    struct places *now = &m.places[0], *then = &m.places[1], *other;

    enter(&m, now, 0);
    while (!m.matched && text.n) {
        uint32_t c = api_next_char(&text);

        if (*budget <= now->n)
            return API_TOO_MUCH;
        *budget -= now->n + 1U;
        m.at_begin = false;
        m.at_end = text.n == 0;
        advance(&m, now, then, c);
        enter(&m, then, 0);
        other = now;
        now = then;
        then = other;
    }
    return m.matched ? API_MATCH : API_NO_MATCH;
}
