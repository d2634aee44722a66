/* When a message that did not reach its peer is sent again. Pure. */
#ifndef VCX_OUTBOX_H
#define VCX_OUTBOX_H

#include "connections/vcx/vcx_post.h"

struct vcx_outbox_limits {
    uint32_t first, most;  /* milliseconds of the first pause, and of the longest */
    uint32_t max_attempts; /* then it is given up */
};

/* What has become of an attempt. */
enum vcx_outbox_next { VCX_OUTBOX_GONE, VCX_OUTBOX_LATER, VCX_OUTBOX_GIVEN_UP };

/* The pause after so many attempts (1 = the first one has failed): twice as long each time, and of that a part between
 * three quarters and all, as `random` says. */
int64_t vcx_outbox_pause(const struct vcx_outbox_limits *limits, uint32_t attempts, uint32_t random);

/* What follows from the result of an attempt, which was number `attempts`, for a message that lives until expires_at.
 */
enum vcx_outbox_next vcx_outbox_next(const struct vcx_outbox_limits *limits, enum vcx_post_result result,
                                     uint32_t attempts, int64_t expires_at, int64_t now);

#endif
