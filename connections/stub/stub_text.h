/* Text in the stub connection's files: blanks and the escapes that people type with echo. */
#ifndef STUB_TEXT_H
#define STUB_TEXT_H

#include "pbay_envelope.h"

/* White space of ASCII (with the separators 0x1c to 0x1f) or NUL. */
bool stub_is_blank(char c);

/* The text without blanks at both ends. */
struct pbay_str stub_strip(struct pbay_str text);

/* What AEA does for lines written with `echo`: printable ASCII that holds backslash-x somewhere. */
bool stub_is_escaped(struct pbay_str text);

/* Decode in place as Python's unicode-escape does, the result being UTF-8; it is never longer. false = not a legal
 * escape. */
bool stub_unescape(char *p, size_t *n);

#endif
