#include "schema/buf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
    static const char text[] = "patchbay: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

    (void)ignored;
    abort();
}

void *pb_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *pb_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);

    if (!q)
        out_of_memory();
    return q;
}

char *pb_strndup(struct pbay_str s)
{
    char *p = pb_alloc(s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

uint8_t *pb_buf_grow(struct pb_buf *b, size_t n)
{
    if (b->n + n > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;

        b->cap = cap < b->n + n ? b->n + n : cap;
        b->p = pb_realloc(b->p, b->cap);
    }
    b->n += n;
    return b->p + b->n - n;
}

void pb_buf_add(struct pb_buf *b, const void *p, size_t n)
{
    if (n)
        memcpy(pb_buf_grow(b, n), p, n);
}

void pb_buf_fini(struct pb_buf *b)
{
    free(b->p);
    *b = (struct pb_buf){0};
}
