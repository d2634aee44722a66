#include "schema/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void pb_window_init(struct pb_window *w, uint64_t lo)
{
    *w = (struct pb_window){.lo = lo};
}

void pb_window_fini(struct pb_window *w)
{
    free(w->v);
    w->v = NULL;
    w->n = w->cap = 0;
}

static void grow(struct pb_window *w, uint32_t need)
{
    uint32_t cap = w->cap ? w->cap : 16;
    struct pb_slot *v;

    while (cap < need)
        cap *= 2;
    v = pb_realloc(NULL, cap * sizeof *v);
    for (uint32_t i = 0; i < w->n; i++)
        v[i] = w->v[(w->head + i) & (w->cap - 1)];
    free(w->v);
    w->v = v;
    w->cap = cap;
    w->head = 0;
}

bool pb_window_extend(struct pb_window *w, uint64_t seq)
{
    uint32_t need;

    if (seq < w->lo + w->n)
        return true;
    if (seq - w->lo >= PB_MAX_WINDOW)
        return false;
    need = (uint32_t)(seq - w->lo) + 1;
    if (need > w->cap)
        grow(w, need);
    for (; w->n < need; w->n++)
        memset(&w->v[(w->head + w->n) & (w->cap - 1)], 0, sizeof w->v[0]);
    return true;
}

void pb_window_shift(struct pb_window *w)
{
    assert(w->lo < UINT64_MAX);
    w->lo++;
    if (w->n) {
        w->n--;
        w->head = (w->head + 1) & (w->cap - 1);
    }
}
