#include "connections/http_server/http_text.h"

#include <string.h>
#include <strings.h>

#include "schema/utf8.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char token_marks[] = DIGITS LETTERS "!#$%&'*+-.^_`|~";
static const char host_marks[] = DIGITS LETTERS "-._~%!$&'()*+,;=:[]";

static bool is_made_of(struct pbay_str s, const char *marks)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || !strchr(marks, s.p[i]))
            return false;
    }
    return s.n > 0;
}

bool http_is_token(struct pbay_str s)
{
    return is_made_of(s, token_marks);
}

bool http_is_value(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return pb_is_utf8(s);
}

bool http_is_host(struct pbay_str s)
{
    return is_made_of(s, host_marks);
}

bool http_is_target(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    }
    return s.n > 0 && s.p[0] == '/';
}

bool http_is_length(struct pbay_str s, uint64_t *length)
{
    uint64_t n = 0;

    if (!is_made_of(s, DIGITS))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (__builtin_mul_overflow(n, 10U, &n) || __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
            return false;
    }
    *length = n;
    return true;
}

bool http_is_traceparent(struct pbay_str s)
{
    static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    static const char zeros[] = "00000000000000000000000000000000";

    if (s.n != sizeof form - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (form[i] == 'h' ? s.p[i] == '\0' || !strchr("0123456789abcdef", s.p[i]) : s.p[i] != form[i])
            return false;
    }
    return memcmp(s.p + 3, zeros, 32) != 0 && memcmp(s.p + 36, zeros, 16) != 0;
}

bool http_is_idempotent(struct pbay_str method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

    for (size_t i = 0; i < COUNT(methods); i++) {
        if (pbay_str_eq(method, pbay_str(methods[i])))
            return true;
    }
    return false;
}

bool http_is_same(struct pbay_str s, const char *text)
{
    return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct pbay_str http_trim(struct pbay_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* 16 = it is no digit. */
static unsigned hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at ? (unsigned)(at - digits) : 16;
}

char http_next_byte(struct pbay_str *text, bool *escaped)
{
    char c = text->p[0];
    size_t used = 1;

    *escaped = text->n > 2 && c == '%' && hex(text->p[1]) < 16 && hex(text->p[2]) < 16;
    if (*escaped) {
        c = (char)(hex(text->p[1]) << 4 | hex(text->p[2]));
        used = 3;
    }
    text->p += used;
    text->n -= used;
    return c;
}

static struct pbay_str cut_line(struct pbay_str *text)
{
    const char *newline = memchr(text->p, '\n', text->n);
    struct pbay_str line = {text->p, newline ? (size_t)(newline - text->p) : text->n};
    size_t used = line.n + (newline != NULL);

    text->p += used;
    text->n -= used;
    if (newline && line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

enum http_line http_next_line(struct pbay_str *text, struct pbay_str *name, struct pbay_str *value)
{
    struct pbay_str line;
    const char *colon;

    if (text->n == 0)
        return HTTP_LAST_LINE;
    line = cut_line(text);
    if (line.n == 0)
        return text->n == 0 ? HTTP_LAST_LINE : HTTP_BAD_LINE;
    colon = memchr(line.p, ':', line.n);
    if (!colon)
        return HTTP_BAD_LINE;
    *name = (struct pbay_str){line.p, (size_t)(colon - line.p)};
    *value = http_trim((struct pbay_str){colon + 1, line.n - name->n - 1});
    return http_is_token(*name) && http_is_value(*value) ? HTTP_LINE : HTTP_BAD_LINE;
}

bool http_is_own_header(struct pbay_str name)
{
    static const char *const names[] = {
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
        "Upgrade"};

    for (size_t i = 0; i < COUNT(names); i++) {
        if (http_is_same(name, names[i]))
            return true;
    }
    return false;
}

unsigned http_status_of(enum pbay_err err)
{
    static const struct {
        enum pbay_err err;
        unsigned status;
    } statuses[] = {{PBAY_OK, 200},           {PBAY_TIMEOUT, 504},       {PBAY_EXPIRED, 504}, {PBAY_TOO_BIG, 413},
                    {PBAY_DISCONNECTED, 503}, {PBAY_INSTANCE_GONE, 503}, {PBAY_SHUTDOWN, 503}};

    for (size_t i = 0; i < COUNT(statuses); i++) {
        if (statuses[i].err == err)
            return statuses[i].status;
    }
    return 502; /* REFUSED, DENIED, NO_ROUTE, FAILED, MALFORMED, POISON, OUTCOME_UNKNOWN: whoever is behind us has a
                   fault */
}
