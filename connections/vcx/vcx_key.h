/* Public keys and their texts.
 *
 *   verkey    base58 of the 32 bytes of an Ed25519 key, as indy has it
 *   did       base58 of its first 16 bytes: the unqualified DID of a verkey
 *   multikey  "z" and base58 of a multicodec prefix and the key
 *   did:key   "did:key:" and the multikey; perhaps "#" and the multikey once more
 */
#ifndef VCX_KEY_H
#define VCX_KEY_H

#include "connections/vcx/vcx_base.h"

#define VCX_KEY          32 /* bytes of a public key, a seed, or an X25519 secret */
#define VCX_SECRET       64 /* bytes of an Ed25519 secret as libsodium has it: seed and public key */
#define VCX_DID          16 /* bytes of an unqualified DID */
#define VCX_MAX_VERKEY   45 /* bytes of a verkey's text, NUL included */
#define VCX_MAX_SOV      23 /* the same of an unqualified DID */
#define VCX_MAX_MULTIKEY 52 /* of a multikey */
#define VCX_MAX_DID_KEY  60 /* of a did:key without a fragment */
#define VCX_UUID         37 /* of a UUID */

enum vcx_curve { VCX_ED25519, VCX_X25519 };

/* Once in a process, before anything else of this folder. false = libsodium does not work here. */
bool vcx_init(void);

/* ---- random numbers ---- */

/* Where they come from. NULL instead of one = libsodium; tests have their own. */
struct vcx_random {
    void (*fill)(void *self, void *bytes, size_t n);
    void *self;
};

void vcx_random_fill(const struct vcx_random *random, void *bytes, size_t n);

/* A UUID of version 4. */
void vcx_uuid(const struct vcx_random *random, char text[VCX_UUID]);

/* ---- texts ---- */

void vcx_verkey_text(const uint8_t key[VCX_KEY], char text[VCX_MAX_VERKEY]);
bool vcx_verkey_parse(struct pbay_str text, uint8_t key[VCX_KEY]);

void vcx_sov_text(const uint8_t key[VCX_KEY], char text[VCX_MAX_SOV]);
bool vcx_is_sov(struct pbay_str text); /* base58 of 16 bytes? */

void vcx_multikey_text(enum vcx_curve curve, const uint8_t key[VCX_KEY], char text[VCX_MAX_MULTIKEY]);
bool vcx_multikey_parse(struct pbay_str text, enum vcx_curve *curve, uint8_t key[VCX_KEY]);

void vcx_did_key_text(enum vcx_curve curve, const uint8_t key[VCX_KEY], char text[VCX_MAX_DID_KEY]);

/* A fragment must name this very key: did:key documents have another one, for key agreement, under its own fragment. */
bool vcx_did_key_parse(struct pbay_str text, enum vcx_curve *curve, uint8_t key[VCX_KEY]);

/* An Ed25519 key as peers write it in messages: verkey or did:key. */
bool vcx_key_parse(struct pbay_str text, uint8_t key[VCX_KEY]);

/* ---- secrets ---- */

/* Those of this process. NULL = it has not that one; else VCX_SECRET bytes that live as long as the ring says. */
struct vcx_keys {
    const uint8_t *(*secret)(const void *self, const uint8_t key[VCX_KEY]);
    const void *self;
};

#endif
