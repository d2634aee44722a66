#include "schema/cert_request.h"

#include <assert.h>
#include <string.h>

#define DAY 86400

static const struct {
    const char *ledger_id;
    enum pb_scheme scheme;
} ledgers[] = {
    {"ethereum", PB_SCHEME_ETHEREUM}, {"ethereum_flashbots", PB_SCHEME_ETHEREUM},
    {"fetchai", PB_SCHEME_COSMOS},    {"cosmos", PB_SCHEME_COSMOS},
    {"ed25519", PB_SCHEME_ED25519},
};

int pb_ledger_scheme(const char *ledger_id)
{
    for (size_t i = 0; i < sizeof ledgers / sizeof *ledgers; i++) {
        if (strcmp(ledgers[i].ledger_id, ledger_id) == 0)
            return (int)ledgers[i].scheme;
    }
    return -1;
}

/* ---- dates ---- */

/* Exactly n digits, min .. max; *p moves behind them. */
static bool read_digits(const char **p, int n, int min, int max, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (**p < '0' || **p > '9')
            return false;
        *out = *out * 10 + (*(*p)++ - '0');
    }
    return *out >= min && *out <= max;
}

static bool skip(const char **p, char c)
{
    if (**p != c)
        return false;
    ++*p;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t day_number(int year, int month, int day)
{
    int before = year - 1;
    int64_t n = (int64_t)before * 365 + before / 4 - before / 100 + before / 400;

    for (int m = 1; m < month; m++)
        n += days_in(year, m);
    return n + day - 1 - 719162; /* that many lie between 0001-01-01 and 1970-01-01 */
}

static bool read_day(const char **p, int64_t *seconds)
{
    int year, month, day;

    if (!read_digits(p, 4, 1, 9999, &year) || !skip(p, '-') || !read_digits(p, 2, 1, 12, &month) || !skip(p, '-') ||
        !read_digits(p, 2, 1, days_in(year, month), &day))
        return false;
    *seconds = day_number(year, month, day) * DAY;
    return true;
}

/* HH:MM or HH:MM:SS */
static bool read_clock(const char **p, bool with_seconds, int64_t *seconds)
{
    int hour, minute, second = 0;

    if (!read_digits(p, 2, 0, 23, &hour) || !skip(p, ':') || !read_digits(p, 2, 0, 59, &minute))
        return false;
    if (with_seconds && skip(p, ':') && !read_digits(p, 2, 0, 59, &second))
        return false;
    *seconds = (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    return true;
}

bool pb_cert_date(const char *text, int64_t *seconds)
{
    const char *p = text;
    int64_t clock = 0, offset = 0;
    bool west;

    if (!read_day(&p, seconds))
        return false;
    if (*p == 0)
        return true;
    if ((!skip(&p, 'T') && !skip(&p, ' ')) || !read_clock(&p, true, &clock))
        return false;
    west = *p == '-';
    if (!skip(&p, 'Z') && (skip(&p, '+') || skip(&p, '-')) && !read_clock(&p, false, &offset))
        return false;
    *seconds += clock + (west ? offset : -offset);
    return *p == 0;
}

/* ---- the message ---- */

enum part { PART_END, PART_TEXT, PART_PUBLIC_KEY, PART_IDENTIFIER, PART_NOT_BEFORE, PART_NOT_AFTER, PART_BAD };

static enum part part_of_name(struct pbay_str name)
{
    static const char *const names[PART_BAD] = {[PART_PUBLIC_KEY] = "public_key",
                                                [PART_IDENTIFIER] = "identifier",
                                                [PART_NOT_BEFORE] = "not_before",
                                                [PART_NOT_AFTER] = "not_after"};

    for (enum part i = PART_PUBLIC_KEY; i < PART_BAD; i++) {
        if (pbay_str_eq(name, pbay_str(names[i])))
            return i;
    }
    return PART_BAD;
}

/* The next part of a format; *p moves behind it. *text is set for PART_TEXT. */
static enum part next_part(const char **p, struct pbay_str *text)
{
    const char *start = *p, *end;
    size_t n = strcspn(start, "{}");

    if (*start == 0)
        return PART_END;
    *text = (struct pbay_str){start, n};
    *p = start + n;
    if (n > 0)
        return PART_TEXT;
    if (start[0] == start[1]) { /* {{ or }} */
        *text = (struct pbay_str){start, 1};
        *p = start + 2;
        return PART_TEXT;
    }
    end = *start == '{' ? strchr(start, '}') : NULL;
    if (!end)
        return PART_BAD;
    *p = end + 1;
    return part_of_name((struct pbay_str){start + 1, (size_t)(end - start - 1)});
}

bool pb_cert_format_ok(const char *format)
{
    struct pbay_str text;
    enum part part;

    for (const char *p = format; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            return false;
    }
    do {
        part = next_part(&format, &text);
    } while (part != PART_END && part != PART_BAD);
    return part == PART_END;
}

bool pb_cert_is_hex_key(const char *text)
{
    const char *digits = text + (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0);

    return *digits && strlen(text) <= PBAY_MAX_PUBLIC_KEY && strspn(digits, "0123456789abcdefABCDEF") == strlen(digits);
}

void pb_cert_message(const struct pbay_cert_request *request, const char *public_key, struct pb_buf *out)
{
    const char *const values[PART_BAD] = {[PART_PUBLIC_KEY] = public_key,
                                          [PART_IDENTIFIER] = request->identifier,
                                          [PART_NOT_BEFORE] = request->not_before,
                                          [PART_NOT_AFTER] = request->not_after};
    const char *p = request->message_format;
    struct pbay_str text = {0};
    enum part part;

    while ((part = next_part(&p, &text)) != PART_END) {
        assert(part != PART_BAD);
        if (part != PART_TEXT)
            text = pbay_str(values[part]);
        pb_buf_add(out, text.p, text.n);
    }
}
