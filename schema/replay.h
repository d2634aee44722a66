/* Which envelopes may be given to a second receiver: sender and broker decide it alike (SPEC 8.3). */
#ifndef PB_REPLAY_H
#define PB_REPLAY_H

#include "schema/pbay_envelope.h"

/* The stricter of the receiver's class and the envelope's own counts; `keyed` without an id is as `never`. */
static inline bool pb_never_again(enum pbay_replay receiver, enum pbay_replay own, bool has_id)
{
    enum pbay_replay class = own > receiver ? own : receiver;

    return class == PBAY_REPLAY_NEVER || (class == PBAY_REPLAY_KEYED && !has_id);
}

#endif
