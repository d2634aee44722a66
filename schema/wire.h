/* A bounded msgpack reader: a cursor over bytes that a stranger sent. It allocates nothing, reads each byte at most
 * once and never past `end`; every function returns false, with the cursor anywhere, when the bytes are not what it
 * reads. */
#ifndef PB_WIRE_H
#define PB_WIRE_H

#include "schema/buf.h"

#define PB_MAX_WIRE_DEPTH 8 /* nesting in what pb_rd_skip passes over */

struct pb_rd {
    const uint8_t *p, *end;
};

/* A reader of n bytes; p may be NULL when n is 0. */
static inline struct pb_rd pb_rd_of(const void *p, size_t n)
{
    return (struct pb_rd){(const uint8_t *)p, n ? (const uint8_t *)p + n : (const uint8_t *)p};
}

bool pb_rd_array(struct pb_rd *r, uint32_t *n);
bool pb_rd_map(struct pb_rd *r, uint32_t *n);
bool pb_rd_uint(struct pb_rd *r, uint64_t *v); /* any unsigned width */
bool pb_rd_int(struct pb_rd *r, int64_t *v);   /* any signed or unsigned width, within int64 */
bool pb_rd_float(struct pb_rd *r, double *v);  /* float 32 or 64 */
bool pb_rd_str(struct pb_rd *r, struct pbay_str *s);
bool pb_rd_bin(struct pb_rd *r, struct pbay_str *s);
bool pb_rd_nil(
    struct pb_rd *r); /* true and consumed if the next value is nil; otherwise false and nothing is consumed */
bool pb_rd_skip(struct pb_rd *r); /* one value of any type */

#endif
