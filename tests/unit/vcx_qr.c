/* QR codes, read back by somebody else's reader and, module by module, from the terminal's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/vcx/vcx_qr.h"

#define M_OF_40 2331 /* bytes at level M */
#define LOW     "\u2584"
#define HIGH    "\u2580"
#define BOTH    "\u2588"

/* A URL of n bytes. */
static struct pbay_str text_of(size_t n)
{
    static const char start[] = "https://a.b/?oob=", alphabet[] = "ABCDEFGHabcdefgh0123456789-_";
    char *text = pb_alloc(n);

    for (size_t i = 0; i < n; i++)
        text[i] = i < sizeof start - 1 ? start[i] : alphabet[(i * 7 + i / 13) % (sizeof alphabet - 1)];
    return (struct pbay_str){text, n};
}

static void make(struct vcx_qr *qr, size_t n)
{
    struct pbay_str text = text_of(n);
    char why[VCX_WHY];

    assert_true(vcx_qr_make(qr, text, why));
    free((char *)text.p);
}

/* ---- PNG ---- */

/* Byte for byte: without `binary` zbar guesses at a charset, and not always UTF-8. */
static void check_scan(const struct pb_buf *png, struct pbay_str text)
{
    char path[] = "/tmp/pbay-qr-XXXXXX", command[128];
    char *read = pb_alloc(text.n + 64);
    int fd = mkstemp(path);
    FILE *scanner;
    size_t n;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, png->p, png->n), png->n);
    close(fd);
    snprintf(command, sizeof command, "zbarimg --nodbus --quiet --raw --oneshot -Sbinary PNG:%s", path);
    scanner = popen(command, "r");
    assert_non_null(scanner);
    n = fread(read, 1, text.n + 63, scanner);
    assert_int_equal(pclose(scanner), 0);
    unlink(path);
    assert_int_equal(n, text.n);
    assert_memory_equal(read, text.p, text.n);
    free(read);
}

/* Size, and white at the border up to the first dark module. */
static void check_picture(const struct pb_buf *png, const struct vcx_qr *qr)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    unsigned scale, side;
    uint8_t *pixels;

    assert_true(png_image_begin_read_from_memory(&image, png->p, png->n));
    image.format = PNG_FORMAT_GRAY;
    side = image.width;
    assert_int_equal(image.height, side);
    assert_true(side >= VCX_QR_MIN_PNG);
    scale = side / (qr->side + 2 * VCX_QR_QUIET);
    assert_int_equal(side, scale * (qr->side + 2 * VCX_QR_QUIET));
    assert_true(scale >= VCX_QR_SCALE);
    pixels = pb_alloc((size_t)side * side);
    assert_true(png_image_finish_read(&image, NULL, pixels, (png_int_32)side, NULL));
    for (unsigned y = 0; y < side; y++) {
        for (unsigned x = 0; x < side; x++) {
            unsigned column = x / scale - VCX_QR_QUIET, row = y / scale - VCX_QR_QUIET;
            bool dark = column < qr->side && row < qr->side && qr->modules[row * qr->side + column];

            assert_int_equal(pixels[y * side + x], dark ? 0 : 255);
        }
    }
    free(pixels);
}

static void round_trip(struct pbay_str text)
{
    char why[VCX_WHY];
    struct vcx_qr qr;
    struct pb_buf png = {0};

    assert_true(vcx_qr_make(&qr, text, why));
    pb_buf_add(&png, "before", 6);
    assert_true(vcx_qr_png(&png, &qr, why));
    assert_memory_equal(png.p, "before", 6);
    png.n -= 6;
    memmove(png.p, png.p + 6, png.n);
    check_picture(&png, &qr);
    check_scan(&png, text);
    pb_buf_fini(&png);
    vcx_qr_fini(&qr);
}

static void test_png(void **state)
{
    static const size_t sizes[] = {1, 20, 350, 596, M_OF_40, M_OF_40 + 1, VCX_MAX_QR};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pbay_str text = text_of(sizes[i]);

        round_trip(text);
        free((char *)text.p);
    }
    round_trip(pbay_str("{\"label\":\"Fab\u00e9r \u20ac\",\"n\":[1,2]}\n\ttwo lines"));
}

/* ---- sizes ---- */

/* Modules of a side: 17 + 4 * version. Capacities of bytes are those of ISO 18004. */
static void test_versions(void **state)
{
    static const struct {
        size_t n;
        unsigned version, level; /* level: 0 = L, 1 = M; of the format's bits */
    } cases[] = {{14, 1, 1},   {15, 1, 0},   {17, 1, 0},   {18, 2, 1},           {350, 12, 0},
                 {367, 12, 0}, {368, 13, 0}, {596, 17, 0}, {M_OF_40 + 1, 36, 0}, {VCX_MAX_QR, 40, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vcx_qr qr;
        unsigned level;

        make(&qr, cases[i].n);
        assert_int_equal(qr.side, 17 + 4 * cases[i].version);
        /* The first two bits of row 8 are the level's, 01 = L and 00 = M, masked with 10. */
        level = ((unsigned)qr.modules[8 * qr.side] << 1 | qr.modules[8 * qr.side + 1]) ^ 2U;
        assert_int_equal(level, cases[i].level ? 0 : 1);
        vcx_qr_fini(&qr);
    }
}

static void test_refused(void **state)
{
    struct vcx_qr qr;
    char why[VCX_WHY] = "";
    struct pbay_str text = text_of(VCX_MAX_QR + 1);

    (void)state;
    assert_false(vcx_qr_make(&qr, text, why));
    assert_string_equal(why, "a QR code holds 1 to 2953 bytes, not 2954");
    vcx_qr_fini(&qr);
    assert_false(vcx_qr_make(&qr, pbay_str(""), why));
    assert_string_equal(why, "a QR code holds 1 to 2953 bytes, not 0");
    vcx_qr_fini(&qr);
    free((char *)text.p);
}

/* ---- terminal ---- */

/* Bit 0: the upper half is drawn, bit 1: the lower one. */
static unsigned read_block(const char **p)
{
    static const char *const blocks[] = {" ", HIGH, LOW, BOTH};

    for (unsigned i = 0; i < 4; i++) {
        if (strncmp(*p, blocks[i], strlen(blocks[i])) == 0) {
            *p += strlen(blocks[i]);
            return i;
        }
    }
    fail_msg("no half block: %.8s", *p);
    return 0;
}

static void check_terminal(const struct vcx_qr *qr, enum vcx_qr_ink ink)
{
    unsigned side = qr->side + 2 * VCX_QR_QUIET;
    struct pb_buf out = {0};
    const char *p;

    pb_buf_add(&out, ">", 1);
    vcx_qr_text(&out, qr, ink);
    pb_buf_add(&out, "", 1);
    p = (char *)out.p;
    assert_int_equal(*p++, '>');
    for (unsigned y = 0; y < side; y += 2) {
        for (unsigned x = 0; x < side; x++) {
            unsigned drawn = read_block(&p);

            for (unsigned half = 0; half < 2; half++, drawn >>= 1) {
                unsigned column = x - VCX_QR_QUIET, row = y + half - VCX_QR_QUIET;
                bool dark = column < qr->side && row < qr->side && qr->modules[row * qr->side + column];

                assert_int_equal(drawn & 1, ink == VCX_QR_DARK_ON_LIGHT ? dark : !dark);
            }
        }
        assert_int_equal(*p++, '\n');
    }
    assert_string_equal(p, "");
    pb_buf_fini(&out);
}

static void test_terminal(void **state)
{
    static const size_t sizes[] = {20, 596, VCX_MAX_QR};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct vcx_qr qr;

        make(&qr, sizes[i]);
        check_terminal(&qr, VCX_QR_DARK_ON_LIGHT);
        check_terminal(&qr, VCX_QR_LIGHT_ON_DARK);
        vcx_qr_fini(&qr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
