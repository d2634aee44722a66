#include "connections/vcx/vcx_qr.h"

#include <png.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#define WHITE 255

/* The same text at level M, if its code is no bigger. */
static QRcode *stronger(QRcode *code, const uint8_t *bytes, int n)
{
    QRcode *other = QRcode_encodeData(n, bytes, 0, QR_ECLEVEL_M);

    if (!other || other->version > code->version) {
        QRcode_free(other);
        return code;
    }
    QRcode_free(code);
    return other;
}

bool vcx_qr_make(struct vcx_qr *qr, struct pbay_str text, char why[VCX_WHY])
{
    const uint8_t *bytes = (const uint8_t *)text.p;
    size_t n;
    QRcode *code;

    *qr = (struct vcx_qr){0};
    if (text.n == 0 || text.n > VCX_MAX_QR)
        return vcx_why(why, "a QR code holds 1 to %d bytes, not %zu", VCX_MAX_QR, text.n);
    code = QRcode_encodeData((int)text.n, bytes, 0, QR_ECLEVEL_L);
    if (!code)
        return vcx_why(why, "libqrencode cannot encode %zu bytes", text.n);
    code = stronger(code, bytes, (int)text.n);
    qr->side = (unsigned)code->width;
    n = (size_t)qr->side * qr->side;
    qr->modules = pb_alloc(n);
    for (size_t i = 0; i < n; i++)
        qr->modules[i] = code->data[i] & 1; /* the other bits say what the module is there for */
    QRcode_free(code);
    return true;
}

void vcx_qr_fini(struct vcx_qr *qr)
{
    free(qr->modules);
    *qr = (struct vcx_qr){0};
}

/* x and y count from the corner of the quiet zone; outside, everything is light. */
static bool is_dark(const struct vcx_qr *qr, unsigned x, unsigned y)
{
    x -= VCX_QR_QUIET; /* wraps around: then it is more than any side */
    y -= VCX_QR_QUIET;
    return x < qr->side && y < qr->side && qr->modules[(size_t)y * qr->side + x];
}

/* ---- PNG ---- */

static unsigned scale_of(unsigned modules)
{
    unsigned scale = (VCX_QR_MIN_PNG + modules - 1) / modules;

    return scale > VCX_QR_SCALE ? scale : VCX_QR_SCALE;
}

bool vcx_qr_png(struct pb_buf *out, const struct vcx_qr *qr, char why[VCX_WHY])
{
    unsigned modules = qr->side + 2 * VCX_QR_QUIET, scale = scale_of(modules), side = modules * scale;
    png_image image = {.version = PNG_IMAGE_VERSION, .width = side, .height = side, .format = PNG_FORMAT_GRAY};
    png_alloc_size_t n = 0;
    uint8_t *pixels = pb_alloc((size_t)side * side);
    size_t before = out->n;
    bool ok;

    for (unsigned y = 0; y < side; y++) {
        for (unsigned x = 0; x < side; x++)
            pixels[(size_t)y * side + x] = is_dark(qr, x / scale, y / scale) ? 0 : WHITE;
    }
    ok = png_image_write_get_memory_size(image, n, 0, pixels, (png_int_32)side, NULL) &&
         png_image_write_to_memory(&image, pb_buf_grow(out, n), &n, 0, pixels, (png_int_32)side, NULL);
    if (!ok) {
        out->n = before;
        vcx_why(why, "PNG: %s", image.message);
    }
    png_image_free(&image);
    free(pixels);
    return ok;
}

/* ---- terminal ---- */

void vcx_qr_text(struct pb_buf *out, const struct vcx_qr *qr, enum vcx_qr_ink ink)
{
    static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}}; /* [upper][lower] is drawn */
    unsigned modules = qr->side + 2 * VCX_QR_QUIET;
    bool drawn = ink == VCX_QR_DARK_ON_LIGHT; /* is a dark module? */

    for (unsigned y = 0; y < modules; y += 2) {
        for (unsigned x = 0; x < modules; x++) {
            const char *block = blocks[is_dark(qr, x, y) == drawn][is_dark(qr, x, y + 1) == drawn];

            pb_buf_add(out, block, strlen(block));
        }
        pb_buf_add(out, "\n", 1);
    }
}
