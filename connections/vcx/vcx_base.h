/* Bytes as text: base58 (Bitcoin's alphabet) and base64. */
#ifndef VCX_BASE_H
#define VCX_BASE_H

#include "connections/vcx/vcx_why.h"
#include "schema/buf.h"

#define VCX_MAX_B58 4096 /* characters: the work grows with their square */

/* Append to `out`. false = a character that is none of base58, or more than VCX_MAX_B58; then `out` is as it was. */
bool vcx_b58_decode(struct pb_buf *out, struct pbay_str text);

/* Append to `out`. false = the text would have more than VCX_MAX_B58 characters; then `out` is as it was. */
bool vcx_b58_encode(struct pb_buf *out, const void *bytes, size_t n);

/* What vcx_b64_decode takes: only the alphabet of base64url, or that of plain base64 too (not both in one text). */
enum vcx_b64 { VCX_B64_URL, VCX_B64_ANY };

/* Append base64url to `out`. */
void vcx_b64_encode(struct pb_buf *out, const void *bytes, size_t n, bool padded);

/* Append to `out`. All of the padding or none of it may be there; bits beyond the last byte must be 0, so that there is
 * one text without padding for some bytes, and one with it. false = it is not base64; then `out` is as it was. */
bool vcx_b64_decode(struct pb_buf *out, struct pbay_str text, enum vcx_b64 alphabet);

/* base64url of exactly n bytes? */
bool vcx_b64_exactly(struct pbay_str text, uint8_t *bytes, size_t n);

#endif
