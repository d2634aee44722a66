#ifndef PB_UTF8_H
#define PB_UTF8_H

#include "schema/pbay_envelope.h"

/* Well-formed UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF. */
bool pb_is_utf8(struct pbay_str text);

#endif
