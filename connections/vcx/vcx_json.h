/* JSON of strangers: bounded before it is parsed, no key twice, no NUL in a string, an object outside. */
#ifndef VCX_JSON_H
#define VCX_JSON_H

#include <jansson.h>

#include "connections/vcx/vcx_base.h"

#define VCX_MAX_JSON   (1 << 20) /* bytes of a text */
#define VCX_MAX_DEPTH  32        /* objects and arrays within each other */
#define VCX_MAX_VALUES 16384     /* values and keys of a text, about: a value may cost 100 times its bytes */

/* An object, which the caller ends with json_decref; NULL = why, which begins with `what`. */
json_t *vcx_json_read(struct pbay_str text, const char *what, char why[VCX_WHY]);

/* Append the JSON, without blanks and the keys in the order in which they came. false = out of memory. */
bool vcx_json_write(struct pb_buf *out, const json_t *json);

/* A member that must be a string of 1 to max bytes; p is NULL = why. Lives as long as the object. */
struct pbay_str vcx_json_str(const json_t *object, const char *key, size_t max, char why[VCX_WHY]);

/* Is it there, and not null? Other libraries write null for what is absent. */
bool vcx_json_has(const json_t *object, const char *key);

/* Is an @type of this family, major version and name: "https://didcomm.org/FAMILY/MAJOR.any/NAME", or the same with the
 * prefix of indy's time? name = NULL: a protocol, without one. NULL as a type is none. Minor versions are ignored. */
bool vcx_json_is_type(const json_t *type, const char *family, unsigned major, const char *name);

#endif
