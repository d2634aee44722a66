#include <string.h>

#include "node/stub_file.h"
#include "schema/pbay_pubid.h"

#define MAX_VARINT 5    /* bytes of a length */
#define MAX_FIELD  1024 /* bytes, as the stub has it */

static struct pbay_str from(struct pbay_str s, size_t n)
{
    return (struct pbay_str){s.p + n, s.n - n};
}

/* The three fields; their length with the commas, 0 = there is no header. */
static size_t header(struct pbay_str s, struct pbay_envelope *e)
{
    struct pbay_str *const fields[] = {&e->to, &e->sender, &e->protocol_id};
    struct pbay_pubid id;
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t room = s.n - n > MAX_FIELD ? MAX_FIELD + 1 : s.n - n;
        const char *comma = room ? memchr(s.p + n, ',', room) : NULL;

        if (!comma)
            return 0;
        *fields[i] = (struct pbay_str){s.p + n, (size_t)(comma - s.p) - n};
        if (!fields[i]->n || memchr(fields[i]->p, '\n', fields[i]->n))
            return 0;
        n = (size_t)(comma - s.p) + 1;
    }
    return pbay_pubid_parse(e->protocol_id, &id) ? n : 0;
}

/* Length of a protobuf Message - fields 1 and 2, each with its length - behind which there is a comma; 0 = it is none.
 */
static size_t protobuf(struct pbay_str s)
{
    size_t n = 0;

    while (n < s.n && (s.p[n] == 0x0a || s.p[n] == 0x12)) {
        size_t length = 0, i = 0;
        unsigned char c = 0x80;

        for (n++; c >= 0x80 && i < MAX_VARINT && n < s.n; i++) {
            c = (unsigned char)s.p[n++];
            length |= (size_t)(c & 0x7F) << (7 * i);
        }
        if (c >= 0x80 || length > s.n - n)
            return 0;
        n += length;
    }
    return n < s.n && s.p[n] == ',' ? n : 0;
}

static size_t other(struct pbay_str s)
{
    struct pbay_envelope next = {.to = {0}};

    for (size_t n = 0; n < s.n; n++) {
        if (s.p[n] == ',' && (n + 1 == s.n || s.p[n + 1] == '\n' || header(from(s, n + 1), &next)))
            return n;
    }
    return s.n;
}

bool stub_file_next(struct pbay_str *text, struct pbay_envelope *e)
{
    struct pbay_str s = *text;
    const char *newline;
    size_t n, end;

    while (s.n && *s.p == '\n')
        s = from(s, 1);
    *e = (struct pbay_envelope){.to = {0}};
    n = header(s, e);
    if (n) {
        end = n + protobuf(from(s, n));
        if (end == n)
            end += other(from(s, n));
        if (end < s.n) {
            e->message = (struct pbay_str){s.p + n, end - n};
            *text = from(s, end + 1);
            return true;
        }
    }
    newline = s.n ? memchr(s.p, '\n', s.n) : NULL;
    *text = newline ? from(s, (size_t)(newline - s.p) + 1) : from(s, s.n);
    return false;
}
