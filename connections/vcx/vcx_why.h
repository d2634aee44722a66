/* Why something was refused: a sentence for the log and for the peer that sent it. It never has a stranger's bytes in
 * it, and nothing of a key. */
#ifndef VCX_WHY_H
#define VCX_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VCX_WHY 256 /* bytes of a reason, NUL included */

/* Functions of this folder that return bool and have `why` fill it with a sentence when they return false. This one
 * writes it, as much as has room, and returns false. */
bool vcx_why(char why[VCX_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
