#include "connections/vcx/vcx_wallet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connections/vcx/vcx_wallet_int.h"

#define FIRST_CAP 16 /* keys that there is room for at first */

static const uint8_t *public_of(const uint8_t *secret)
{
    return secret + VCX_SECRET - VCX_KEY;
}

/* ---- keys in memory ---- */

/* Where it is, or would be. */
static size_t place_of(const struct vcx_wallet *w, const uint8_t key[VCX_KEY])
{
    size_t low = 0, high = w->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(public_of(w->secrets[middle]), key, VCX_KEY) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct vcx_wallet *w, size_t at, const uint8_t key[VCX_KEY])
{
    return at < w->n && memcmp(public_of(w->secrets[at]), key, VCX_KEY) == 0;
}

static void *secure(size_t n)
{
    void *p = sodium_malloc(n);

    if (!p)
        abort(); /* as pb_alloc does */
    return p;
}

static void make_room(struct vcx_wallet *w)
{
    size_t cap = w->cap ? 2 * w->cap : FIRST_CAP;
    uint8_t(*more)[VCX_SECRET];

    if (w->n < w->cap)
        return;
    more = secure(cap * sizeof *more);
    if (w->n)
        memcpy(more, w->secrets, w->n * sizeof *more);
    sodium_free(w->secrets);
    w->secrets = more;
    w->cap = cap;
}

bool wallet_insert(struct vcx_wallet *w, const uint8_t seed[VCX_KEY], uint8_t key[VCX_KEY])
{
    uint8_t secret[VCX_SECRET];
    size_t at;

    crypto_sign_seed_keypair(key, secret, seed);
    at = place_of(w, key);
    if (is_at(w, at, key)) {
        sodium_memzero(secret, sizeof secret);
        return false;
    }
    make_room(w);
    memmove(w->secrets + at + 1, w->secrets + at, (w->n - at) * sizeof *w->secrets);
    memcpy(w->secrets[at], secret, sizeof secret);
    w->n++;
    sodium_memzero(secret, sizeof secret);
    return true;
}

static void take_out(struct vcx_wallet *w, size_t at)
{
    assert(at < w->n);
    w->n--;
    memmove(w->secrets + at, w->secrets + at + 1, (w->n - at) * sizeof *w->secrets);
    sodium_memzero(w->secrets[w->n], sizeof *w->secrets);
}

/* ---- changes ---- */

enum vcx_wallet_err vcx_wallet_add_seed(struct vcx_wallet *w, const uint8_t seed[VCX_KEY], uint8_t key[VCX_KEY],
                                        char why[VCX_WHY])
{
    enum vcx_wallet_err err;

    if (w->n == VCX_MAX_KEYS) {
        vcx_why(why, "the wallet has %d keys, which is the most", VCX_MAX_KEYS);
        return VCX_WALLET_ACCESS;
    }
    if (!wallet_insert(w, seed, key))
        return VCX_WALLET_OK;
    err = wallet_store(w, why);
    if (err)
        take_out(w, place_of(w, key));
    return err;
}

enum vcx_wallet_err vcx_wallet_new_key(struct vcx_wallet *w, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    enum vcx_wallet_err err;
    uint8_t seed[VCX_KEY];

    randombytes_buf(seed, sizeof seed);
    err = vcx_wallet_add_seed(w, seed, key, why);
    sodium_memzero(seed, sizeof seed);
    return err;
}

enum vcx_wallet_err vcx_wallet_drop_key(struct vcx_wallet *w, const uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    size_t at = place_of(w, key);
    uint8_t seed[VCX_KEY], same[VCX_KEY];
    enum vcx_wallet_err err;

    if (!is_at(w, at, key))
        return VCX_WALLET_OK;
    memcpy(seed, w->secrets[at], sizeof seed);
    take_out(w, at);
    err = wallet_store(w, why);
    if (err)
        wallet_insert(w, seed, same);
    sodium_memzero(seed, sizeof seed);
    return err;
}

/* ---- looking ---- */

const uint8_t *vcx_wallet_secret(const struct vcx_wallet *w, const uint8_t key[VCX_KEY])
{
    size_t at = place_of(w, key);

    return is_at(w, at, key) ? w->secrets[at] : NULL;
}

size_t vcx_wallet_count(const struct vcx_wallet *w)
{
    return w->n;
}

static const uint8_t *ring_secret(const void *self, const uint8_t key[VCX_KEY])
{
    return vcx_wallet_secret(self, key);
}

struct vcx_keys vcx_wallet_keys(const struct vcx_wallet *w)
{
    return (struct vcx_keys){ring_secret, w};
}

/* ---- begin and end ---- */

static char *path_with(const char *path, const char *end)
{
    size_t n = strlen(path) + strlen(end) + 1;
    char *made = pb_alloc(n);

    (void)snprintf(made, n, "%s%s", path, end);
    return made;
}

enum vcx_wallet_err vcx_wallet_open(struct vcx_wallet **wallet, const struct vcx_wallet_conf *conf, char why[VCX_WHY])
{
    struct vcx_wallet *w = pb_alloc(sizeof *w);
    enum vcx_wallet_err err;

    assert(*conf->owner && strlen(conf->owner) <= VCX_MAX_OWNER);
    assert(conf->raw_key || conf->passphrase.n);
    w->lock_fd = -1;
    w->path = path_with(conf->path, "");
    w->next = path_with(conf->path, ".new");
    w->lock = path_with(conf->path, ".lock");
    memcpy(w->owner, conf->owner, strlen(conf->owner));
    w->key = secure(crypto_secretstream_xchacha20poly1305_KEYBYTES);
    err = wallet_lock(w, why);
    if (!err)
        err = wallet_load(w, conf, why);
    if (err)
        vcx_wallet_close(&w);
    *wallet = w;
    return err;
}

void vcx_wallet_close(struct vcx_wallet **wallet)
{
    struct vcx_wallet *w = *wallet;

    *wallet = NULL;
    if (!w)
        return;
    sodium_free(w->secrets); /* these wipe */
    sodium_free(w->key);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    free(w->path);
    free(w->next);
    free(w->lock);
    free(w);
}
