/* Signatures in messages.
 *
 * connection~sig (RFC 0234): a time in 8 bytes, the most significant first, and JSON, both signed. The RFC says
 * seconds; one library writes milliseconds. What is neither, within this century or so, is refused.
 *
 * Attachments (RFC 0017) with a JWS of EdDSA: the signer's key stands as `jwk` in the protected header, or as a did:key
 * in a `kid` of either header. Where several say it they must say the same.
 *
 * A signature alone proves nothing: each reader is told whose it must be.
 */
#ifndef VCX_SIG_H
#define VCX_SIG_H

#include "connections/vcx/vcx_json.h"
#include "connections/vcx/vcx_key.h"

/* The decorator for a JSON value; `secret` is the signer's VCX_SECRET bytes. The caller ends it with json_decref; NULL
 * = out of memory, or a string is not UTF-8. */
json_t *vcx_sig_make(const json_t *value, int64_t seconds, const uint8_t *secret);

/* What was signed, and when, in seconds. `signer` must be named as the signer and have signed. The caller ends it with
 * json_decref; NULL = why. */
json_t *vcx_sig_read(const json_t *decorator, const uint8_t signer[VCX_KEY], int64_t *seconds, char why[VCX_WHY]);

/* An attachment with its signature. `id` and `mime` are ours. NULL as above. */
json_t *vcx_attach_make(const char *id, const char *mime, struct pbay_str content, const uint8_t *secret);

/* Append an attachment's content, which `signer` must have signed. The attachment may be in base64url or base64, as
 * peers have it. false = why; then `out` is as it was. */
bool vcx_attach_read(struct pb_buf *out, const json_t *attachment, const uint8_t signer[VCX_KEY], char why[VCX_WHY]);

#endif
