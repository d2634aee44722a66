/* A growable byte buffer and the allocator. Running out of memory ends the process with a message, as libzmq does:
 * every amount that a peer can make us hold is bounded elsewhere (SPEC section 10). */
#ifndef PB_BUF_H
#define PB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/pbay_envelope.h"

struct pb_buf {
    uint8_t *p;
    size_t n, cap;
};

void *pb_alloc(size_t n);            /* zeroed */
void *pb_realloc(void *p, size_t n); /* not zeroed */
char *pb_strndup(struct pbay_str s); /* NUL-ended copy */

uint8_t *pb_buf_grow(struct pb_buf *b, size_t n); /* n more bytes at the end; returns their start */
void pb_buf_add(struct pb_buf *b, const void *p, size_t n);
void pb_buf_fini(struct pb_buf *b);

#endif
