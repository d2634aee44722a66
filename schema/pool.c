#include "schema/pool.h"

#include <stdlib.h>

#define MAX_KEPT 2048 /* blocks of one size that are kept: 5 MiB at most */

struct pb_pool_block {
    struct pb_pool_block *next;
};

static const size_t sizes[PB_POOL_SIZES] = {512, 2048};

/* A checker of memory is to see each envelope's end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static int size_of(size_t n)
{
    (void)n;
    return PB_POOL_SIZES;
}
#else
static int size_of(size_t n)
{
    int i = 0;

    while (i < PB_POOL_SIZES && n > sizes[i])
        i++;
    return i;
}
#endif

void *pb_pool_take(struct pb_pool *pool, size_t n)
{
    int i = size_of(n);
    struct pb_pool_block *block = i < PB_POOL_SIZES ? pool->free[i] : NULL;

    if (!block)
        return pb_realloc(NULL, i < PB_POOL_SIZES ? sizes[i] : n);
    pool->free[i] = block->next;
    pool->n[i]--;
    return block;
}

void pb_pool_give(struct pb_pool *pool, void *block, size_t n)
{
    int i = size_of(n);
    struct pb_pool_block *b = block;

    if (i == PB_POOL_SIZES || pool->closed || pool->n[i] == MAX_KEPT) {
        free(block);
        return;
    }
    b->next = pool->free[i];
    pool->free[i] = b;
    pool->n[i]++;
}

void pb_pool_fini(struct pb_pool *pool)
{
    for (int i = 0; i < PB_POOL_SIZES; i++) {
        struct pb_pool_block *block = pool->free[i], *next;

        for (; block; block = next) {
            next = block->next;
            free(block);
        }
    }
    *pool = (struct pb_pool){.closed = true};
}
