/* How envelopes that were put have ended, in that order: a queue in a ring, since most of them say only "settled". */
#ifndef PB_OUTCOMES_H
#define PB_OUTCOMES_H

#include "schema/buf.h"
#include "schema/pbay_err.h"

struct pb_outcome {
    uint64_t tag;
    enum pbay_err err, cause;
    char *text; /* NUL-ended, at most PB_MAX_TEXT bytes; NULL = none. Whoever takes the outcome frees it. */
};

struct pb_outcomes {
    struct pb_outcome *v;
    uint32_t n, head, cap;
};

/* Append; o->text is the queue's from now on. */
void pb_outcomes_push(struct pb_outcomes *q, const struct pb_outcome *o);

/* Take the oldest; false = there is none. */
bool pb_outcomes_pop(struct pb_outcomes *q, struct pb_outcome *o);

/* The i-th, 0 = the oldest; valid until the next push. */
struct pb_outcome *pb_outcomes_at(const struct pb_outcomes *q, uint32_t i);

/* Drop the oldest that is settled, or the oldest of all if none is. */
void pb_outcomes_drop(struct pb_outcomes *q);

void pb_outcomes_fini(struct pb_outcomes *q);

#endif
