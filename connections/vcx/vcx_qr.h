/* Text as a QR code: a PNG, or half blocks for a terminal. Knows nothing of invitations. */
#ifndef VCX_QR_H
#define VCX_QR_H

#include "connections/vcx/vcx_why.h"
#include "schema/buf.h"

#define VCX_MAX_QR     2953 /* bytes of a text: version 40 at level L */
#define VCX_QR_QUIET   4    /* light modules on every side, as the standard has it */
#define VCX_QR_MIN_PNG 300  /* pixels of a side, at least */
#define VCX_QR_SCALE   4    /* pixels of a module's side, at least */

struct vcx_qr {
    unsigned side;    /* modules, without the quiet zone */
    uint8_t *modules; /* side * side, row after row: 1 = dark, 0 = light. Owned */
};

/* The code of the smallest version that holds the bytes at level L; at level M where that version has the room. false =
 * why: the text is empty or too long, no memory. It is fit for fini in any case. */
bool vcx_qr_make(struct vcx_qr *qr, struct pbay_str text, char why[VCX_WHY]);
void vcx_qr_fini(struct vcx_qr *qr);

/* Append a PNG with the quiet zone: black on white, grey of 8 bits. false = why; then `out` is as it was. */
bool vcx_qr_png(struct pb_buf *out, const struct vcx_qr *qr, char why[VCX_WHY]);

/* Which colours the terminal has: what is drawn are the dark modules, or the light ones. */
enum vcx_qr_ink { VCX_QR_DARK_ON_LIGHT, VCX_QR_LIGHT_ON_DARK };

/* Append lines of UTF-8 half blocks with the quiet zone, two rows of modules to a line; the side being odd, the last
 * line has a row of quiet zone more. */
void vcx_qr_text(struct pb_buf *out, const struct vcx_qr *qr, enum vcx_qr_ink ink);

#endif
