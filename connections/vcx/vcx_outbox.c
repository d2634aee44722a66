#include "connections/vcx/vcx_outbox.h"

#include <assert.h>

#define MAX_DOUBLINGS 30 /* of the first pause */

int64_t vcx_outbox_pause(const struct vcx_outbox_limits *limits, uint32_t attempts, uint32_t random)
{
    int64_t pause = limits->first;

    assert(attempts > 0);
    for (uint32_t i = 1; i < attempts && i < MAX_DOUBLINGS && pause < limits->most; i++)
        pause *= 2;
    if (pause > limits->most)
        pause = limits->most;
    return pause - (pause / 4) * random / UINT32_MAX;
}

enum vcx_outbox_next vcx_outbox_next(const struct vcx_outbox_limits *limits, enum vcx_post_result result,
                                     uint32_t attempts, int64_t expires_at, int64_t now)
{
    if (result == VCX_POST_OK)
        return VCX_OUTBOX_GONE;
    if (result == VCX_POST_NEVER || attempts >= limits->max_attempts || now >= expires_at)
        return VCX_OUTBOX_GIVEN_UP;
    return VCX_OUTBOX_LATER;
}
