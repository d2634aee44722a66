/* Formats: those that ask for something, and those that only tell a program how to hold a value. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "connections/http_server/api_schema.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct api_format {
    const char *name;
    enum api_type type;
    bool (*is_text)(struct pbay_str text); /* NULL = any */
    int64_t min, max;                      /* of an integer; equal = any */
};

/* Does it begin with this form? d is a digit, h one of hexadecimal, T and Z may be small, anything else is itself. */
static bool begins(struct pbay_str text, const char *form)
{
    static const char digits[] = "0123456789";

    if (text.n < strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++) {
        const char same[] = {form[i], form[i] == 'T' ? 't' : form[i] == 'Z' ? 'z' : form[i], '\0'};
        const char *allowed = form[i] == 'd' ? digits : form[i] == 'h' ? "0123456789abcdefABCDEF" : same;

        if (!text.p[i] || !strchr(allowed, text.p[i]))
            return false;
    }
    return true;
}

static bool is_form(struct pbay_str text, const char *form)
{
    return text.n == strlen(form) && begins(text, form);
}

static unsigned two(struct pbay_str text, size_t at)
{
    return (unsigned)(text.p[at] - '0') * 10 + (unsigned)(text.p[at + 1] - '0');
}

static bool is_date(struct pbay_str text)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;

    if (!is_form(text, "dddd-dd-dd"))
        return false;
    year = two(text, 0) * 100 + two(text, 2);
    month = two(text, 5);
    day = two(text, 8);
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
        return false;
    return month != 2 || day != 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* RFC 3339 5.6. */
static bool is_date_time(struct pbay_str text)
{
    struct pbay_str zone = text;
    size_t at = 19; /* bytes of a date, T and a time */

    if (!begins(text, "dddd-dd-ddTdd:dd:dd") || !is_date((struct pbay_str){text.p, 10}) || two(text, 11) > 23 ||
        two(text, 14) > 59 || two(text, 17) > 60)
        return false;
    if (at < text.n && text.p[at] == '.') {
        size_t first = ++at;

        while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
            at++;
        if (at == first)
            return false;
    }
    zone.p += at;
    zone.n -= at;
    if (is_form(zone, "Z"))
        return true;
    return (is_form(zone, "+dd:dd") || is_form(zone, "-dd:dd")) && two(zone, 1) <= 23 && two(zone, 4) <= 59;
}

static bool is_uuid(struct pbay_str text)
{
    return is_form(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
}

/* RFC 4648 4. */
static bool is_base64(struct pbay_str text)
{
    static const char marks[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = text.n;

    if (n % 4)
        return false;
    for (size_t i = 0; i < 2 && n && text.p[n - 1] == '='; i++)
        n--;
    for (size_t i = 0; i < n; i++) {
        if (!text.p[i] || !strchr(marks, text.p[i]))
            return false;
    }
    return true;
}

static const struct api_format formats[] = {
    {"int32", API_INTEGER, NULL, INT32_MIN, INT32_MAX},
    {"int64", API_INTEGER, NULL, 0, 0}, /* jansson has no others */
    {"float", API_NUMBER, NULL, 0, 0},
    {"double", API_NUMBER, NULL, 0, 0},
    {"binary", API_STRING, NULL, 0, 0},
    {"password", API_STRING, NULL, 0, 0},
    {"byte", API_STRING, is_base64, 0, 0},
    {"date", API_STRING, is_date, 0, 0},
    {"date-time", API_STRING, is_date_time, 0, 0},
    {"uuid", API_STRING, is_uuid, 0, 0},
};

const struct api_format *api_format_find(const char *name)
{
    for (size_t i = 0; i < COUNT(formats); i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

const char *api_format_name(const struct api_format *f)
{
    return f->name;
}

enum api_type api_format_type(const struct api_format *f)
{
    return f->type;
}

bool api_format_is_free(const struct api_format *f)
{
    return !f->is_text && f->min == f->max;
}

bool api_format_check(const struct api_format *f, const json_t *value)
{
    if (json_is_string(value))
        return !f->is_text || f->is_text((struct pbay_str){json_string_value(value), json_string_length(value)});
    if (json_is_integer(value))
        return f->min == f->max || (json_integer_value(value) >= f->min && json_integer_value(value) <= f->max);
    return true;
}
