/* Blocks for envelopes: what one thread frees the other will want next, so they are kept instead of going through the
 * allocator, whose arenas would make the two wait for each other. Not thread-safe: the owner's mutex is held. */
#ifndef PB_POOL_H
#define PB_POOL_H

#include "schema/buf.h"

#define PB_POOL_SIZES 2 /* sizes of blocks; larger ones are not kept */

struct pb_pool {
    struct pb_pool_block *free[PB_POOL_SIZES];
    unsigned n[PB_POOL_SIZES];
    bool closed;
};

/* A block of n bytes, not zeroed. */
void *pb_pool_take(struct pb_pool *pool, size_t n);

/* Give it back with the n it was taken for. */
void pb_pool_give(struct pb_pool *pool, void *block, size_t n);

/* Blocks that are still out may be given back afterwards. */
void pb_pool_fini(struct pb_pool *pool);

#endif
