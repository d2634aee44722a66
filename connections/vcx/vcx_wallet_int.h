/* Between vcx_wallet.c (keys in memory) and vcx_wallet_file.c (their file). */
#ifndef VCX_WALLET_INT_H
#define VCX_WALLET_INT_H

#include <sodium.h>

#include "connections/vcx/vcx_wallet.h"

#define WALLET_MAGIC "PBVCXW01"

enum wallet_kdf { WALLET_RAW = 0, WALLET_ARGON2ID = 1 };

struct wallet_header {
    uint8_t magic[8];
    uint8_t kdf;
    uint8_t ops[8], memory[8];
    uint8_t salt[crypto_pwhash_SALTBYTES];
};

_Static_assert(sizeof(struct wallet_header) == 8 + 1 + 8 + 8 + crypto_pwhash_SALTBYTES, "bytes only, no gaps");

struct vcx_wallet {
    char *path, *next, *lock; /* the file, the one beside it, and the lock's */
    char owner[VCX_MAX_OWNER + 1];
    int lock_fd; /* -1 = none */
    struct wallet_header header;
    uint8_t *key;                   /* the file's; in secure memory */
    uint8_t (*secrets)[VCX_SECRET]; /* sorted by public key; in secure memory */
    size_t n, cap;
};

/* Take the lock. */
enum vcx_wallet_err wallet_lock(struct vcx_wallet *wallet, char why[VCX_WHY]);

/* Make the file's key, read the file if there is one, else, if it is to be created, write one. */
enum vcx_wallet_err wallet_load(struct vcx_wallet *wallet, const struct vcx_wallet_conf *conf, char why[VCX_WHY]);

/* Write it all anew. */
enum vcx_wallet_err wallet_store(const struct vcx_wallet *wallet, char why[VCX_WHY]);

/* Put a key in its place in memory; false = it was there. The seed is copied. */
bool wallet_insert(struct vcx_wallet *wallet, const uint8_t seed[VCX_KEY], uint8_t key[VCX_KEY]);

#endif
