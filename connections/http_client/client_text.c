#include "connections/http_client/client_text.h"

#include <string.h>
#include <strings.h>

#include "connections/http_server/http_text.h"
#include "schema/utf8.h"

#define MIN_STATUS   100
#define MAX_STATUS   999
#define STATUS_SIZE  3
#define LATIN1_LEAD  0xc0 /* of the two bytes that a Latin-1 letter has in UTF-8 */
#define LATIN1_TRAIL 0x80
#define TRAIL_BITS   6
#define TRAIL_MASK   0x3f
#define DELETE       0x7f

static bool begins(struct pbay_str s, const char *with)
{
    size_t n = strlen(with);

    return s.n > n && strncasecmp(s.p, with, n) == 0;
}

bool client_is_url(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return s.n <= CLIENT_MAX_URL && (begins(s, "http://") || begins(s, "https://"));
}

static const char *headers_fault(struct pbay_str text)
{
    struct pbay_str name, value;
    enum http_line line;
    unsigned n = 0;

    while ((line = http_next_line(&text, &name, &value)) == HTTP_LINE) {
        if (++n > CLIENT_MAX_HEADERS)
            return "it has more than 256 headers";
    }
    return line == HTTP_BAD_LINE ? "its headers are not lines of `Name: value`" : NULL;
}

const char *client_fault(struct pbay_str method, struct pbay_str url, struct pbay_str headers, struct pbay_str body)
{
    if (method.n > CLIENT_MAX_METHOD || !http_is_token(method))
        return "its method is no name of a method";
    if (http_is_same(method, "CONNECT"))
        return "CONNECT is no request for a client";
    if (http_is_same(method, "HEAD") && body.n)
        return "HEAD has no body";
    if (!client_is_url(url))
        return "its url is not http:// or https:// in visible ASCII";
    return headers_fault(headers);
}

bool client_is_own_header(struct pbay_str name)
{
    return http_is_own_header(name) || http_is_same(name, "Expect");
}

/* ---- answers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Without blanks and the end of the line. */
static struct pbay_str strip(struct pbay_str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return http_trim(s);
}

unsigned client_status(struct pbay_str line, struct pbay_str *phrase)
{
    const char *blank = begins(line, CLIENT_STATUS_LINE) ? memchr(line.p, ' ', line.n) : NULL;
    size_t left = blank ? line.n - (size_t)(blank + 1 - line.p) : 0;
    unsigned status = 0;

    if (left < STATUS_SIZE)
        return 0;
    for (size_t i = 1; i <= STATUS_SIZE; i++) {
        if (!is_digit(blank[i]))
            return 0;
        status = 10 * status + (unsigned)(blank[i] - '0');
    }
    *phrase = strip((struct pbay_str){blank + 1 + STATUS_SIZE, left - STATUS_SIZE});
    return status >= MIN_STATUS && status <= MAX_STATUS ? status : 0;
}

void client_add_text(struct pb_buf *out, struct pbay_str s)
{
    bool is_utf8 = pb_is_utf8(s);

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        unsigned char two[2] = {(unsigned char)(LATIN1_LEAD | (c >> TRAIL_BITS)),
                                (unsigned char)(LATIN1_TRAIL | (c & TRAIL_MASK))};

        if (c < ' ' || c == DELETE)
            c = ' ';
        if (c > DELETE && !is_utf8)
            pb_buf_add(out, two, sizeof two);
        else
            pb_buf_add(out, &c, 1);
    }
}

void client_add_header(struct pb_buf *out, const char *name, const char *value)
{
    if (!http_is_token(pbay_str(name)))
        return;
    pb_buf_add(out, name, strlen(name));
    pb_buf_add(out, ": ", 2);
    client_add_text(out, strip(pbay_str(value)));
    pb_buf_add(out, "\n", 1);
}
