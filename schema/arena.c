#include "schema/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pb_arena_block {
    struct pb_arena_block *next;
    _Alignas(max_align_t) unsigned char data[];
};

void *pb_arena_alloc(struct pb_arena *a, size_t n)
{
    struct pb_arena_block *block = pb_alloc(sizeof *block + n);

    block->next = a->blocks;
    a->blocks = block;
    return block->data;
}

char *pb_arena_str(struct pb_arena *a, struct pbay_str s)
{
    char *p = pb_arena_alloc(a, s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

char *pb_arena_printf(struct pb_arena *a, const char *format, ...)
{
    va_list args;
    char *p;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    p = pb_arena_alloc(a, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return p;
}

void pb_arena_fini(struct pb_arena *a)
{
    while (a->blocks) {
        struct pb_arena_block *next = a->blocks->next;

        free(a->blocks);
        a->blocks = next;
    }
}
