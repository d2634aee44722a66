/* The format of the stub connection's files: `to,sender,protocol_id,message,` and an optional newline. Pure: bytes in,
 * views out. The rules by which an end of a message is found are in README.md, "Where a message ends". */
#ifndef STUB_LINES_H
#define STUB_LINES_H

#include <sys/uio.h>

#include "pbay_envelope.h"

#define STUB_MAX_MESSAGE     ((size_t)1024 * 1024) /* bytes of one message as it stands in the file */
#define STUB_MAX_FIELD       ((size_t)1024)        /* bytes of a header field with the blanks around it */
#define STUB_MAX_TAIL        16                    /* blanks between the last comma and the newline of a text line */
#define STUB_MAX_PROTO_PARTS 64                    /* top-level fields in one protobuf message; AEA writes one */
#define STUB_MAX_SKIP        ((size_t)16 * 1024 * 1024) /* a too long protobuf message up to this is skipped by its length */

#define STUB_MAX_LINE (3 * (STUB_MAX_FIELD + 1) + STUB_MAX_MESSAGE + 1 + STUB_MAX_TAIL)

#define STUB_LINE_PARTS 8 /* of an encoded line */

enum stub_kind {
    STUB_MORE,     /* not decidable yet: call again with the same bytes and at least one more */
    STUB_BLANK,    /* `used` bytes of blanks or NULs before an envelope */
    STUB_ENVELOPE, /* `used` bytes are the envelope e */
    STUB_SKIP,     /* `used` bytes belong to a reject whose end is not seen yet; do not give them again */
    STUB_REJECT    /* `used` bytes, and those skipped just before, cannot be an envelope: `why` */
};

struct stub_item {
    enum stub_kind kind;
    size_t used;
    const char *why; /* a static string */
    struct pbay_envelope e;
};

/* Where the parser stands; zeroed = at the start of a file. To start anew: zero it. */
struct stub_lines {
    size_t searched; /* so many bytes from the start of what was given hold no newline that matters */
    bool skipping;   /* in the middle of a reject */
    size_t left;     /* of it, when its length is known; 0 = up to the next newline */
    const char *why;
};

/* Look at the n bytes at p, which begin where the last item ended. The views in item point into p; a message with
 * escapes is decoded in place, so that its bytes in p change once it is returned. With n >= STUB_MAX_LINE the answer is
 * never STUB_MORE. */
void stub_lines_next(struct stub_lines *s, char *p, size_t n, struct stub_item *item);

/* The parts of the output line, byte for byte as AEA writes it: no newline at its end. Their total length is returned.
 */
size_t stub_line_encode(const struct pbay_envelope *e, struct iovec parts[STUB_LINE_PARTS]);

/* Why to, sender and protocol_id of e cannot stand in a line, or NULL. */
const char *stub_line_fault(const struct pbay_envelope *e);

#endif
