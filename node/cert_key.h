/* Keys and signatures of the ledgers, in the texts that AEA has for them:
 *
 *   ethereum   public key 0x and the 64 bytes of the point; signature 0x and r, s, v (27 or 28) over the Keccak-256 of
 *              "\x19Ethereum Signed Message:\n", the length in decimal and the message
 *   cosmos     public key the 33 bytes of the compressed point, without 0x; signature r, s in base64 over SHA-256
 *   ed25519    public key 0x and 32 bytes; signature 0x and 64 bytes (our own: AEA has no such ledger)
 *
 * All signatures are deterministic (RFC 6979, RFC 8032). Nothing here reads a file or a clock.
 */
#ifndef PB_CERT_KEY_H
#define PB_CERT_KEY_H

#include "schema/cert_request.h"

#define PB_SECRET_SIZE        32
#define PB_MAX_KEY_TEXT       136 /* bytes of a public key as text, NUL included */
#define PB_MAX_SIGNATURE_TEXT 136 /* the same of a signature */

/* A private key. It is wiped by pb_key_fini and never printed. */
struct pb_key {
    enum pb_scheme scheme;
    uint8_t secret[PB_SECRET_SIZE];
    char public_key[PB_MAX_KEY_TEXT];
};

/* From the text of a key file: 64 hexadecimal digits, with or without 0x, one line. false = it is no key; then there is
 * nothing to wipe. */
bool pb_key_parse(struct pb_key *key, enum pb_scheme scheme, struct pbay_str text);
void pb_key_fini(struct pb_key *key);

/* Sign; false = the library refuses, which it does not for a key that was parsed. */
bool pb_key_sign(const struct pb_key *key, struct pbay_str message, char signature[PB_MAX_SIGNATURE_TEXT]);

/* Is it this key's signature of the message? Malformed texts are none. */
bool pb_key_verify(enum pb_scheme scheme, const char *public_key, struct pbay_str message, const char *signature);

/* The text of a signature of that scheme, whoever made it? */
bool pb_key_is_signature(enum pb_scheme scheme, const char *text);

#endif
