/* The private keys of a process: those of its wallet, and those of ephemeral connections, which are in memory only. */
#ifndef VCX_RING_H
#define VCX_RING_H

#include "connections/vcx/vcx_wallet.h"

struct vcx_ring_key; /* opaque */

struct vcx_ring {
    struct vcx_wallet *wallet; /* borrowed */
    struct vcx_ring_key *keys; /* in memory */
};

/* Forget all that is in memory. */
void vcx_ring_fini(struct vcx_ring *ring);

/* A new key, in memory or in the wallet. false = why. */
bool vcx_ring_new_key(struct vcx_ring *ring, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY]);

/* Forget a key, wherever it is. false = why: it is still there. */
bool vcx_ring_drop(struct vcx_ring *ring, const uint8_t key[VCX_KEY], char why[VCX_WHY]);

/* Both as one ring; it lives as long as `ring`. */
struct vcx_keys vcx_ring_keys(const struct vcx_ring *ring);

#endif
