/* The stub connection's files, seen from the other side: `to,sender,protocol_id,message,`, written whole under a lock
 * (connections/stub/README.md). Pure: bytes in, views out. */
#ifndef PB_STUB_FILE_H
#define PB_STUB_FILE_H

#include "schema/pbay_envelope.h"

/* Take the first envelope from text, which lines were appended to since it began at the start of one. The message ends
 * where its lengths say if it is AEA's protobuf, else before a comma behind which there is the end, a newline or
 * another header. true = *e has views into what was taken; false = there is none: what was taken, up to the next
 * newline or the end, is something else, unless text was empty. */
bool stub_file_next(struct pbay_str *text, struct pbay_envelope *e);

#endif
