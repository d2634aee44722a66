#include "schema/outcomes.h"

#include <stdlib.h>

#define FIRST_CAP 64

struct pb_outcome *pb_outcomes_at(const struct pb_outcomes *q, uint32_t i)
{
    return &q->v[(q->head + i) & (q->cap - 1)];
}

static void grow(struct pb_outcomes *q)
{
    uint32_t cap = q->cap ? 2 * q->cap : FIRST_CAP;
    struct pb_outcome *v = pb_alloc(cap * sizeof *v);

    for (uint32_t i = 0; i < q->n; i++)
        v[i] = *pb_outcomes_at(q, i);
    free(q->v);
    q->v = v;
    q->cap = cap;
    q->head = 0;
}

void pb_outcomes_push(struct pb_outcomes *q, const struct pb_outcome *o)
{
    if (q->n == q->cap)
        grow(q);
    *pb_outcomes_at(q, q->n++) = *o;
}

bool pb_outcomes_pop(struct pb_outcomes *q, struct pb_outcome *o)
{
    if (q->n == 0)
        return false;
    *o = *pb_outcomes_at(q, 0);
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
    return true;
}

void pb_outcomes_drop(struct pb_outcomes *q)
{
    struct pb_outcome dropped;
    uint32_t i = 0;

    while (i < q->n && pb_outcomes_at(q, i)->err)
        i++;
    if (i == q->n)
        i = 0;
    if (q->n == 0)
        return;
    dropped = *pb_outcomes_at(q, i);
    for (; i > 0; i--)
        *pb_outcomes_at(q, i) = *pb_outcomes_at(q, i - 1);
    *pb_outcomes_at(q, 0) = dropped;
    pb_outcomes_pop(q, &dropped);
    free(dropped.text);
}

void pb_outcomes_fini(struct pb_outcomes *q)
{
    struct pb_outcome o;

    while (pb_outcomes_pop(q, &o))
        free(o.text);
    free(q->v);
    *q = (struct pb_outcomes){0};
}
