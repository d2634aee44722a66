/* Every message of every link in a file, for tests and for the hunt after a fault: PATCHBAY_CAPTURE=DIR makes
 * DIR/PID.frames, readable by its user only. It holds payloads. tests/e2e/frames.py reads it.
 *
 * A record: 'u' (from a node) or 'd' (to a node), the routing id's length (1 byte) and bytes, the body's length (4
 * bytes, little-endian) and bytes. */
#ifndef PB_CAPTURE_H
#define PB_CAPTURE_H

#include "schema/buf.h"

struct pb_capture;

/* NULL if the environment does not ask for it, or the file cannot be made (then a message says so). */
struct pb_capture *pb_capture_open(void);

/* Nothing happens without a capture. */
void pb_capture_add(struct pb_capture *c, char direction, struct pbay_str rid, const void *p, size_t n);
void pb_capture_flush(struct pb_capture *c);
void pb_capture_close(struct pb_capture **c);

#endif
