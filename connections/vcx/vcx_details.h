/* Invite details as libvcx has them, and their short form for QR codes: every known key by one or two letters. */
#ifndef VCX_DETAILS_H
#define VCX_DETAILS_H

#include <jansson.h>
#include <stdbool.h>

/* A copy with short keys, or with full ones; keys that are not known stay as they are, and so does their order. A key
 * that is known in both forms is taken in the form that comes last. NULL = details is no object, or nested deeper than
 * what invite details have. The caller owns it. */
json_t *vcx_details_abbreviate(const json_t *details);
json_t *vcx_details_expand(const json_t *details);

/* Is it the short form? Of what has neither form's first keys, no. */
bool vcx_details_is_short(const json_t *details);

#endif
