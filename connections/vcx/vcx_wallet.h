/* The private keys of an agent, in one encrypted file.
 *
 * The file's key is made from a passphrase by Argon2id, or is given as 32 bytes. What it holds, each a record of
 * crypto_secretstream_xchacha20poly1305 (so none can be changed, left out, moved or cut off):
 *
 *     header    "PBVCXW01", 1 byte: 0 = a raw key, 1 = Argon2id; ops and memory (8 bytes each, least first); salt (16)
 *     stream    libsodium's header (24); the header above is authenticated with the first record
 *     owner     256 bytes, filled up with NUL
 *     a key     its seed (32), for each key, sorted by public key
 *     the end   empty, tagged final
 *
 * A change writes a whole new file beside it, syncs it and renames it over the old one: a crash leaves the one or the
 * other. A lock on PATH.lock keeps other processes away as long as the wallet is open. In memory, keys are in pages
 * that are locked where the system allows it, kept out of core dumps, and wiped.
 *
 * Errors have the numbers of libvcx. Not for several threads at once.
 */
#ifndef VCX_WALLET_H
#define VCX_WALLET_H

#include "connections/vcx/vcx_key.h"

#define VCX_MAX_OWNER 255   /* bytes of an owner's name */
#define VCX_MAX_KEYS  65536 /* in a wallet */

enum vcx_wallet_err {
    VCX_WALLET_OK = 0,
    VCX_WALLET_SETUP = 1062, /* the wallet and the configuration do not belong together */
    VCX_WALLET_ACCESS = 1075 /* a wrong passphrase, a file that cannot be read or written, or was changed */
};

struct vcx_wallet; /* opaque */

struct vcx_wallet_conf {
    const char *path;
    const char *owner;          /* 1 to VCX_MAX_OWNER bytes: whose keys these are, as the configuration says */
    struct pbay_str passphrase; /* not empty, if there is no raw key */
    const uint8_t *raw_key;     /* VCX_KEY bytes instead; NULL = the passphrase */
    bool create;                /* make it when there is none */
    uint64_t ops;               /* Argon2id's cost for a new one; 0 = libsodium's MODERATE (0.7 s, 256 MiB) */
    size_t memory;
};

/* Open it. VCX_WALLET_SETUP = it is another owner's. After an error *wallet is NULL, and why has a sentence. */
enum vcx_wallet_err vcx_wallet_open(struct vcx_wallet **wallet, const struct vcx_wallet_conf *conf, char why[VCX_WHY]);
void vcx_wallet_close(struct vcx_wallet **wallet);

/* A new key, or one from a seed; it is on the disk when this returns. VCX_WALLET_ACCESS = it could not be written and
 * is not in the wallet, or there are VCX_MAX_KEYS. A seed that is there already is no error. */
enum vcx_wallet_err vcx_wallet_new_key(struct vcx_wallet *wallet, uint8_t key[VCX_KEY], char why[VCX_WHY]);
enum vcx_wallet_err vcx_wallet_add_seed(struct vcx_wallet *wallet, const uint8_t seed[VCX_KEY], uint8_t key[VCX_KEY],
                                        char why[VCX_WHY]);

/* Forget a key, on the disk too. VCX_WALLET_ACCESS = that could not be written, and it is still there. One that is not
 * there is no error. */
enum vcx_wallet_err vcx_wallet_drop_key(struct vcx_wallet *wallet, const uint8_t key[VCX_KEY], char why[VCX_WHY]);

/* The VCX_SECRET bytes of a key; they live until a key is added or dropped, or the wallet closed. NULL = not here. */
const uint8_t *vcx_wallet_secret(const struct vcx_wallet *wallet, const uint8_t key[VCX_KEY]);
size_t vcx_wallet_count(const struct vcx_wallet *wallet);

/* The same as a ring for vcx_unpack; it lives as long as the wallet. */
struct vcx_keys vcx_wallet_keys(const struct vcx_wallet *wallet);

#endif
