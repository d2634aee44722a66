/* A window of sequences: one slot for each sequence from `lo` on, in a ring. Sender, broker and receiver of a stream
 * keep their state per envelope in one of these. */
#ifndef PB_WINDOW_H
#define PB_WINDOW_H

#include "schema/buf.h"

#define PB_MAX_WINDOW 16384 /* sequences between the lowest unfinished and the highest known one (SPEC 10) */

struct pb_slot {
    void *p;       /* the envelope, if this end has it */
    uint32_t size; /* bytes it counts for credit */
    uint8_t state; /* the owner's enum; 0 = nothing known */
    uint8_t flags;
    uint16_t tries; /* broker: deaths on it; sender and broker while ending: the END code */
};

struct pb_window {
    uint64_t lo; /* sequence of the first slot */
    uint32_t n, head, cap;
    struct pb_slot *v;
};

void pb_window_init(struct pb_window *w, uint64_t lo);
void pb_window_fini(struct pb_window *w);

/* The slot of a sequence, or NULL outside the window; valid until the window grows. */
static inline struct pb_slot *pb_window_at(const struct pb_window *w, uint64_t seq)
{
    if (seq < w->lo || seq - w->lo >= w->n)
        return NULL;
    return &w->v[(w->head + (uint32_t)(seq - w->lo)) & (w->cap - 1)];
}

/* Slots up to and including seq exist, new ones zeroed; false if that would be more than PB_MAX_WINDOW. */
bool pb_window_extend(struct pb_window *w, uint64_t seq);

/* Drop the first slot; lo moves up by one, also when the window is empty. */
void pb_window_shift(struct pb_window *w);

/* First sequence above the window. */
static inline uint64_t pb_window_end(const struct pb_window *w)
{
    return w->lo + w->n;
}

#endif
