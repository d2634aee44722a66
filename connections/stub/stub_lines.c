/* How the end of an envelope is found. The format does not frame the message, so the order of questions matters:
 *   1. blanks and NULs before `to` are an item of their own; so is the newline that may follow a protobuf message;
 *   2. the header ends at the third comma; a newline before it, or a field too long, is a reject up to the next
 * newline;
 *   3. a message that walks like AEA's protobuf Message ends where its lengths say, whatever bytes it holds;
 *   4. an empty message ends at once when another valid header follows it;
 *   5. everything else is text and ends at the last comma of its line.
 * Only then are the header fields judged: a bad field with a message of known extent costs just that envelope.
 */
#include "connections/stub/stub_lines.h"

#include <assert.h>
#include <string.h>

#include "connections/stub/stub_text.h"
#include "pbay_pubid.h"
#include "schema/utf8.h"

#define MAX_VARINT 10 /* bytes */

enum extent {
    EXTENT_FOUND, /* the message is [from, to) and its comma stands at to */
    EXTENT_MORE,
    EXTENT_OTHER, /* not of this kind */
    EXTENT_LONG   /* to = where it would end: too long */
};

struct window {
    const char *p;
    size_t n;
};

/* Walk a varint at *at. */
static enum extent varint(struct window w, size_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < MAX_VARINT; i++) {
        if (*at >= w.n)
            return EXTENT_MORE;
        uint8_t c = (uint8_t)w.p[(*at)++];

        *value |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c < 0x80)
            return EXTENT_FOUND;
    }
    return EXTENT_OTHER;
}

/* One top-level field at *at: body (0x0a, a Struct) or dialogue_message (0x12). A newline is 0x0a too, so that a text
 * line which lacks its message would look like a Struct; but what a Struct holds begins with 0x0a again. */
static enum extent proto_field(struct window w, size_t *at)
{
    char tag = w.p[(*at)++];
    uint64_t length;
    enum extent found = varint(w, at, &length);

    if (found != EXTENT_FOUND)
        return found;
    if (length > STUB_MAX_SKIP)
        return EXTENT_OTHER;
    if (tag == '\n' && length > 0) {
        if (*at >= w.n)
            return EXTENT_MORE;
        if (w.p[*at] != '\n')
            return EXTENT_OTHER;
    }
    *at += (size_t)length;
    return EXTENT_FOUND;
}

static enum extent proto_extent(struct window w, size_t from, size_t *to)
{
    size_t at = from;

    for (unsigned parts = 0; parts <= STUB_MAX_PROTO_PARTS; parts++) {
        if (at >= w.n)
            return EXTENT_MORE;
        if (w.p[at] != 0x0a && w.p[at] != 0x12)
            break;
        if (parts == STUB_MAX_PROTO_PARTS)
            return EXTENT_OTHER;
        enum extent found = proto_field(w, &at);

        if (found != EXTENT_FOUND)
            return found;
        *to = at;
        if (at - from > STUB_MAX_MESSAGE)
            return EXTENT_LONG;
    }
    return at > from && w.p[at] == ',' ? EXTENT_FOUND : EXTENT_OTHER;
}

/* The three header fields, as they stand between the commas; *end = where the message begins. */
static enum extent header(struct window w, size_t from, struct pbay_str field[3], size_t *end)
{
    size_t at = from;

    for (unsigned i = 0; i < 3; i++) {
        size_t room = w.n - at < STUB_MAX_FIELD + 1 ? w.n - at : STUB_MAX_FIELD + 1;
        const char *comma = memchr(w.p + at, ',', room);
        size_t length = comma ? (size_t)(comma - (w.p + at)) : room;

        if (memchr(w.p + at, '\n', length) || (!comma && room > STUB_MAX_FIELD))
            return EXTENT_OTHER;
        if (!comma)
            return EXTENT_MORE;
        field[i] = (struct pbay_str){w.p + at, length};
        at += length + 1;
    }
    *end = at;
    return EXTENT_FOUND;
}

/* Strip the fields and judge them as AEA does: NULL, or why they cannot be an envelope's. */
static const char *header_fault(struct pbay_str field[3], struct pbay_envelope *e)
{
    struct pbay_pubid id;

    *e = (struct pbay_envelope){
        .to = stub_strip(field[0]), .sender = stub_strip(field[1]), .protocol_id = stub_strip(field[2])};
    if (!pb_is_utf8(e->to) || !pb_is_utf8(e->sender) || !pb_is_utf8(e->protocol_id))
        return "a header field is not UTF-8";
    if (e->to.n == 0)
        return "`to` is empty";
    if (e->to.n > PBAY_MAX_ADDRESS || e->sender.n > PBAY_MAX_ADDRESS || e->protocol_id.n > PBAY_MAX_PUBLIC_ID)
        return "a header field is longer than its limit";
    if (!pbay_pubid_parse(e->protocol_id, &id))
        return "the protocol id is not a public id";
    if (pbay_pubid_parse(e->to, &id) != pbay_pubid_parse(e->sender, &id))
        return "`to` and `sender` must both be addresses or both be public ids";
    return NULL;
}

/* The comma at `from` ends an empty message if a valid header comes after it. (Before a newline it is the last of a
 * text line.) */
static enum extent empty_extent(struct window w, size_t from, size_t *to)
{
    struct pbay_str field[3];
    struct pbay_envelope e;
    size_t end;

    if (from >= w.n)
        return EXTENT_MORE;
    if (w.p[from] != ',')
        return EXTENT_OTHER;
    if (from + 1 >= w.n)
        return EXTENT_MORE;
    *to = from;
    enum extent found = header(w, from + 1, field, &end);

    return found == EXTENT_FOUND && header_fault(field, &e) ? EXTENT_OTHER : found;
}

/* The newline at or after `from`, at most STUB_MAX_LINE from the start; *at = its place. */
static enum extent newline(struct stub_lines *s, struct window w, size_t from, size_t *at)
{
    size_t start = s->searched > from ? s->searched : from;
    size_t limit = w.n < STUB_MAX_LINE ? w.n : STUB_MAX_LINE;
    const char *found = start < limit ? memchr(w.p + start, '\n', limit - start) : NULL;

    if (found) {
        *at = (size_t)(found - w.p);
        return EXTENT_FOUND;
    }
    s->searched = limit;
    return limit == STUB_MAX_LINE ? EXTENT_LONG : EXTENT_MORE;
}

static void finish(struct stub_lines *s, struct stub_item *item, enum stub_kind kind, size_t used)
{
    *s = (struct stub_lines){0};
    item->kind = kind;
    item->used = used;
}

static void reject(struct stub_lines *s, struct stub_item *item, size_t used, const char *why)
{
    item->why = why;
    finish(s, item, STUB_REJECT, used);
}

/* Go on with a reject: up to its known length, or up to the next newline. */
static void skip(struct stub_lines *s, struct window w, struct stub_item *item)
{
    const char *end = s->left ? NULL : memchr(w.p, '\n', w.n);

    if (s->left && s->left <= w.n)
        reject(s, item, s->left, s->why);
    else if (end)
        reject(s, item, (size_t)(end - w.p) + 1, s->why);
    else {
        s->left -= s->left ? w.n : 0;
        item->kind = w.n ? STUB_SKIP : STUB_MORE;
        item->used = w.n;
    }
}

static void skip_begin(struct stub_lines *s, struct window w, struct stub_item *item, size_t length, const char *why)
{
    *s = (struct stub_lines){.skipping = true, .left = length, .why = why};
    skip(s, w, item);
}

/* A reject up to the next newline, wherever that is. */
static void cut(struct stub_lines *s, struct window w, struct stub_item *item, const char *why)
{
    size_t at;
    enum extent found = newline(s, w, 0, &at);

    if (found == EXTENT_FOUND)
        reject(s, item, at + 1, why);
    else if (found == EXTENT_LONG)
        skip_begin(s, w, item, 0, why);
    else
        item->kind = STUB_MORE;
}

/* The line that a text message ends with; *used = the whole of it. */
static enum extent text_extent(struct stub_lines *s, struct window w, size_t from, size_t *to, size_t *used,
                               const char **why)
{
    size_t at;
    enum extent found = newline(s, w, from, &at);

    if (found != EXTENT_FOUND)
        return found;
    const char *comma = memrchr(w.p + from, ',', at - from);

    *used = at + 1;
    if (!comma) {
        *why = "no comma ends the message";
        return EXTENT_OTHER;
    }
    *to = (size_t)(comma - w.p);
    if (at - *to - 1 > STUB_MAX_TAIL || stub_strip((struct pbay_str){comma + 1, at - *to - 1}).n > 0)
        *why = "text stands after the comma that ends the message";
    else if (*to - from > STUB_MAX_MESSAGE)
        *why = "the message is longer than the limit";
    return *why ? EXTENT_OTHER : EXTENT_FOUND;
}

/* The extent of an envelope is known: judge its fields, decode its message. */
static void give(struct stub_lines *s, struct stub_item *item, struct pbay_str field[3], char *message, size_t n,
                 size_t used)
{
    const char *fault = header_fault(field, &item->e);

    if (fault) {
        reject(s, item, used, fault);
        return;
    }
    if (stub_is_escaped((struct pbay_str){message, n}) && !stub_unescape(message, &n)) {
        reject(s, item, used, "the message holds an escape that is not legal");
        return;
    }
    item->e.message = (struct pbay_str){message, n};
    finish(s, item, STUB_ENVELOPE, used);
}

static size_t blanks(struct window w)
{
    size_t n = 0;

    while (n < w.n && stub_is_blank(w.p[n]))
        n++;
    return n;
}

/* The header is whole and the message begins at `from`. */
static void message(struct stub_lines *s, struct window w, char *p, struct stub_item *item, struct pbay_str field[3],
                    size_t from)
{
    static const char too_long[] = "the message is longer than the limit";
    const char *why = NULL;
    size_t to = 0, used = 0;
    enum extent found = proto_extent(w, from, &to);

    if (found == EXTENT_LONG) {
        skip_begin(s, w, item, to + 1, too_long);
        return;
    }
    if (found == EXTENT_OTHER)
        found = empty_extent(w, from, &to);
    used = to + 1;
    if (found == EXTENT_OTHER)
        found = text_extent(s, w, from, &to, &used, &why);
    if (found == EXTENT_FOUND)
        give(s, item, field, p + from, to - from, used);
    else if (found == EXTENT_OTHER)
        reject(s, item, used, why);
    else if (found == EXTENT_LONG)
        skip_begin(s, w, item, 0, too_long);
}

void stub_lines_next(struct stub_lines *s, char *p, size_t n, struct stub_item *item)
{
    struct window w = {p, n};
    struct pbay_str field[3];
    size_t blank = s->skipping ? 0 : blanks(w), from;

    *item = (struct stub_item){.kind = STUB_MORE};
    if (n == 0)
        return;
    if (s->skipping) {
        skip(s, w, item);
    } else if (blank) {
        finish(s, item, STUB_BLANK, blank);
    } else {
        enum extent found = header(w, 0, field, &from);

        if (found == EXTENT_FOUND)
            message(s, w, p, item, field, from);
        else if (found == EXTENT_OTHER)
            cut(s, w, item, "fewer than three commas, or a header field that is too long");
    }
    assert(item->kind != STUB_MORE || n < STUB_MAX_LINE);
}

size_t stub_line_encode(const struct pbay_envelope *e, struct iovec parts[STUB_LINE_PARTS])
{
    static char comma[] = ",";
    const struct pbay_str fields[STUB_LINE_PARTS / 2] = {e->to, e->sender, e->protocol_id, e->message};
    size_t n = 0;

    for (size_t i = 0; i < STUB_LINE_PARTS / 2; i++) {
        union {
            const char *in;
            void *out;
        } view = {.in = fields[i].p};

        parts[2 * i] = (struct iovec){view.out, fields[i].n};
        parts[2 * i + 1] = (struct iovec){comma, 1};
        n += fields[i].n + 1;
    }
    return n;
}

static bool breaks_line(struct pbay_str field)
{
    return field.n > 0 && (memchr(field.p, ',', field.n) || memchr(field.p, '\n', field.n));
}

const char *stub_line_fault(const struct pbay_envelope *e)
{
    struct pbay_pubid id;

    if (pbay_pubid_parse(e->to, &id) || pbay_pubid_parse(e->sender, &id))
        return "Sender and to field of envelope is public id, needs to be address.";
    if (breaks_line(e->to) || breaks_line(e->sender) || breaks_line(e->protocol_id))
        return "A comma or newline in to, sender or protocol id cannot be written to the file.";
    return NULL;
}
