/* The envelope of DIDComm 1 (RFC 0019) and its forwarding (RFC 0094).
 *
 * Authcrypt tells the recipient who packed it, and proves that to the recipient only; anoncrypt tells nothing. That an
 * envelope can be opened says nothing about who sent it: compare `sender` with the key that the connection has.
 *
 * `enc` is the text xchacha20poly1305_ietf, but the cipher is chacha20poly1305-ietf with a nonce of 12 bytes; so it is
 * in every implementation. One of them writes the cipher's real name: that is read, and never written. What is
 * authenticated beside the ciphertext is the text of `protected` as it came, never encoded anew.
 */
#ifndef VCX_PACK_H
#define VCX_PACK_H

#include "connections/vcx/vcx_json.h"
#include "connections/vcx/vcx_key.h"

#define VCX_MAX_ENVELOPE   VCX_MAX_JSON /* bytes of an envelope */
#define VCX_MAX_RECIPIENTS 64           /* keys that one envelope is for */
#define VCX_MAX_ROUTING    8            /* routing keys of one service */
#define VCX_MAX_ID         256          /* bytes of an @id */

struct vcx_packing {
    struct pbay_str message;
    const uint8_t *sender;                /* its VCX_SECRET bytes; NULL = anoncrypt */
    const uint8_t (*recipients)[VCX_KEY]; /* 1 to VCX_MAX_RECIPIENTS Ed25519 keys */
    size_t recipient_n;
    const struct vcx_random *random; /* asked for: the content's key (32 bytes); for each recipient with a sender the
                                        nonce (24) and the seal's secret (32), without one the seal's secret; the iv
                                        (12) */
};

/* Append an envelope. false = why: too many recipients, one of them is no key that can be encrypted to, too big; then
 * `out` is as it was. */
bool vcx_pack(struct pb_buf *out, const struct vcx_packing *packing, char why[VCX_WHY]);

struct vcx_opened {
    struct pb_buf message; /* not looked at: any bytes */
    bool has_sender;       /* authcrypt */
    uint8_t sender[VCX_KEY];
    uint8_t recipient[VCX_KEY]; /* for which of our keys it was */
};

/* Open what is for one of these keys. false = why: malformed, for nobody here, forged. On failure too, `opened` is to
 * be ended with vcx_opened_fini, or may be used again after it. */
bool vcx_unpack(struct pbay_str envelope, const struct vcx_keys *keys, struct vcx_opened *opened, char why[VCX_WHY]);
void vcx_opened_fini(struct vcx_opened *opened);

/* ---- forwarding ---- */

/* Wrap an envelope, in place, for a recipient behind mediators: a forward message for each routing key in order, the
 * first one innermost, each packed without a sender. Nothing is done for none. false = why; then it is as it was. */
bool vcx_forward_wrap(struct pb_buf *envelope, const uint8_t recipient[VCX_KEY], const uint8_t (*routing)[VCX_KEY],
                      size_t routing_n, const struct vcx_random *random, char why[VCX_WHY]);

/* What a mediator has to do: `envelope` is for `to`. */
struct vcx_forward {
    uint8_t to[VCX_KEY];
    struct pb_buf envelope;
};

bool vcx_is_forward(const json_t *message);

/* Read a forward message. On failure too, it is to be ended with vcx_forward_fini. */
bool vcx_forward_read(struct vcx_forward *forward, const json_t *message, char why[VCX_WHY]);
void vcx_forward_fini(struct vcx_forward *forward);

#endif
