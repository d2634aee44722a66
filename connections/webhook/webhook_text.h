/* What a webhook brings besides its body: headers as JSON, and who has signed it. Pure. */
#ifndef WEBHOOK_TEXT_H
#define WEBHOOK_TEXT_H

#include <jansson.h>

#include "pbay_envelope.h"

/* Add a header to an object of name: value. One that is there, in whatever case, gets a comma and this value too. */
void webhook_add_header(json_t *headers, struct pbay_str name, struct pbay_str value);

/* Is this the HMAC-SHA256 of body, in hexadecimal, with or without "sha256=" before it? Takes as long whatever is wrong
 * with the digits. */
bool webhook_is_signed(struct pbay_str key, struct pbay_str body, struct pbay_str signature);

#endif
