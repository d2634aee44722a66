#include "connections/vcx/vcx_ring.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <uthash.h>

struct vcx_ring_key {
    uint8_t key[VCX_KEY], secret[VCX_SECRET];
    UT_hash_handle hh;
};

_Static_assert(VCX_SECRET == crypto_sign_SECRETKEYBYTES, "secrets are Ed25519's");

static void forget(struct vcx_ring *ring, struct vcx_ring_key *key)
{
    assert(ring->keys);
    HASH_DELETE(hh, ring->keys, key);
    sodium_free(key); /* wipes it */
}

void vcx_ring_fini(struct vcx_ring *ring)
{
    struct vcx_ring_key *key, *next;

    HASH_ITER (hh, ring->keys, key, next)
        forget(ring, key);
    ring->wallet = NULL;
}

bool vcx_ring_new_key(struct vcx_ring *ring, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct vcx_ring_key *made;

    if (!ephemeral)
        return vcx_wallet_new_key(ring->wallet, key, why) == VCX_WALLET_OK;
    made = sodium_malloc(sizeof *made);
    if (!made)
        return vcx_why(why, "there is no memory for one more ephemeral key");
    memset(made, 0, sizeof *made);
    crypto_sign_keypair(made->key, made->secret);
    memcpy(key, made->key, VCX_KEY);
    HASH_ADD(hh, ring->keys, key, VCX_KEY, made);
    return true;
}

static struct vcx_ring_key *find(const struct vcx_ring *ring, const uint8_t key[VCX_KEY])
{
    struct vcx_ring_key *found;

    HASH_FIND(hh, ring->keys, key, VCX_KEY, found);
    return found;
}

bool vcx_ring_drop(struct vcx_ring *ring, const uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct vcx_ring_key *found = find(ring, key);

    if (!found)
        return vcx_wallet_drop_key(ring->wallet, key, why) == VCX_WALLET_OK;
    forget(ring, found);
    return true;
}

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct vcx_ring *ring = self;
    const struct vcx_ring_key *found = find(ring, key);

    return found ? found->secret : vcx_wallet_secret(ring->wallet, key);
}

struct vcx_keys vcx_ring_keys(const struct vcx_ring *ring)
{
    return (struct vcx_keys){.secret = secret_of, .self = ring};
}
