/* A message as JSON, as `patchbay decode` prints it and `patchbay encode` reads it. Bytes are {"hex": "00ff"}; floats
 * that JSON has no words for are "NaN", "Infinity" and "-Infinity", as in protobuf's own JSON. */
#ifndef PB_MESSAGE_JSON_H
#define PB_MESSAGE_JSON_H

#include <jansson.h>

#include "schema/message.h"

/* A new reference. m is whole: decoded, or encoded. */
json_t *message_to_json(const struct pbay_message *m);

/* Fill m, which has been begun with the object's performative, with everything but that. What is left out stays as it
 * is. false: m->why. */
bool message_from_json(struct pbay_message *m, json_t *object);

json_t *bytes_to_json(struct pbay_str bytes);

/* Appended to b. false = v is not the JSON of bytes. */
bool bytes_from_json(const json_t *v, struct pb_buf *b);

/* "" for what is no string. */
struct pbay_str text_from_json(const json_t *v);

#endif
