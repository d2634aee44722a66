#include "connections/stub/stub_text.h"

#include <string.h>

bool stub_is_blank(char c)
{
    return c == ' ' || c == '\0' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

struct pbay_str stub_strip(struct pbay_str text)
{
    while (text.n && stub_is_blank(text.p[0])) {
        text.p++;
        text.n--;
    }
    while (text.n && stub_is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

bool stub_is_escaped(struct pbay_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
    }
    return text.n > 0 && memmem(text.p, text.n, "\\x", 2) != NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* At least `least` and at most `most` digits of the base at p; their count, or 0 when there are too few. */
static size_t number(const char *p, size_t n, size_t least, size_t most, int base, uint32_t *value)
{
    size_t i = 0;

    *value = 0;
    while (i < most && i < n && digit(p[i]) < base)
        *value = *value * (uint32_t)base + (uint32_t)digit(p[i++]);
    return i < least ? 0 : i;
}

static bool is_scalar(uint32_t point)
{
    return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

static size_t put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = length - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)((0xf00 >> length & 0xff) | point);
    return length;
}

/* The digits after \x, \u, \U, or of an octal escape that begins at p; 0 = not a legal one. */
static size_t numbered(const char *p, size_t n, uint32_t *point)
{
    static const struct {
        char letter;
        size_t digits;
    } hex[] = {{'x', 2}, {'u', 4}, {'U', 8}};

    for (size_t i = 0; i < sizeof hex / sizeof hex[0]; i++) {
        if (p[0] == hex[i].letter) {
            size_t used = number(p + 1, n - 1, hex[i].digits, hex[i].digits, 16, point);

            return used ? used + 1 : 0;
        }
    }
    return number(p, n, 1, 3, 8, point);
}

/* One escape; p is after the backslash. Bytes used, 0 = illegal; *made bytes are written to `to`, which may overlap p.
 */
static size_t escape(char *to, const char *p, size_t n, size_t *made)
{
    static const char simple[] = "abfnrtv\\'\"", meant[] = "\a\b\f\n\r\t\v\\'\"";
    const char *known = n ? strchr(simple, p[0]) : NULL;
    uint32_t point;

    *made = 1;
    if (n == 0 || p[0] == 'N')
        return 0;
    if (known) {
        to[0] = meant[known - simple];
        return 1;
    }
    if (strchr("xuU01234567", p[0])) {
        size_t used = numbered(p, n, &point);

        if (used == 0 || !is_scalar(point))
            return 0;
        *made = put_utf8(to, point);
        return used;
    }
    to[0] = '\\'; /* an unknown escape stands for itself */
    to[1] = p[0];
    *made = 2;
    return 1;
}

bool stub_unescape(char *p, size_t *n)
{
    size_t made = 0;

    for (size_t i = 0; i < *n;) {
        size_t used, out;

        if (p[i] != '\\') {
            p[made++] = p[i++];
            continue;
        }
        used = escape(p + made, p + i + 1, *n - i - 1, &out);
        if (used == 0)
            return false;
        i += used + 1;
        made += out;
    }
    *n = made;
    return true;
}
