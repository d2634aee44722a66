#include "connections/vcx/vcx_base.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool vcx_why(char why[VCX_WHY], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, VCX_WHY, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- base58 ---- */

static const char digits58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* A number of n digits to the base `base`, the least one first: multiply it by `by`, and add. Returns its new length.
 */
static size_t multiply(uint8_t *digits, size_t n, unsigned base, unsigned by, unsigned add)
{
    for (size_t i = 0; i < n; i++) {
        add += digits[i] * by;
        digits[i] = (uint8_t)(add % base);
        add /= base;
    }
    for (; add; add /= base)
        digits[n++] = (uint8_t)(add % base);
    return n;
}

static size_t count_leading(const void *bytes, size_t n, int what)
{
    const uint8_t *p = bytes;
    size_t same = 0;

    while (same < n && p[same] == what)
        same++;
    return same;
}

bool vcx_b58_decode(struct pb_buf *out, struct pbay_str text)
{
    size_t zeros = text.n ? count_leading(text.p, text.n, digits58[0]) : 0, n = 0;
    uint8_t number[VCX_MAX_B58], *to; /* a digit of 58 is less than a byte */

    if (text.n > VCX_MAX_B58)
        return false;
    for (size_t i = zeros; i < text.n; i++) {
        const char *digit = text.p[i] ? strchr(digits58, text.p[i]) : NULL;

        if (!digit)
            return false;
        n = multiply(number, n, 256, 58, (unsigned)(digit - digits58));
    }
    if (zeros + n == 0)
        return true;
    to = pb_buf_grow(out, zeros + n);
    memset(to, 0, zeros);
    for (size_t i = 0; i < n; i++)
        to[zeros + i] = number[n - 1 - i];
    return true;
}

bool vcx_b58_encode(struct pb_buf *out, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    size_t zeros = n ? count_leading(from, n, 0) : 0, length = 0;
    uint8_t number[VCX_MAX_B58 + 2], *to; /* a byte makes at most two digits more */

    for (size_t i = zeros; i < n && zeros + length <= VCX_MAX_B58; i++)
        length = multiply(number, length, 58, 256, from[i]);
    if (zeros + length > VCX_MAX_B58)
        return false;
    if (zeros + length == 0)
        return true;
    to = pb_buf_grow(out, zeros + length);
    memset(to, digits58[0], zeros);
    for (size_t i = 0; i < length; i++)
        to[zeros + i] = (uint8_t)digits58[number[length - 1 - i]];
    return true;
}

/* ---- base64 ---- */

void vcx_b64_encode(struct pb_buf *out, const void *bytes, size_t n, bool padded)
{
    int variant = padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t length = sodium_base64_encoded_len(n, variant); /* the NUL included */
    char *to = (char *)pb_buf_grow(out, length);

    sodium_bin2base64(to, length, n ? bytes : "", n, variant);
    out->n--;
}

/* libsodium 1.0.18 takes some bytes that are not ASCII for digits. */
static bool is_ascii(struct pbay_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((uint8_t)text.p[i] >= 0x80)
            return false;
    }
    return true;
}

/* All of the text; n = how many bytes it stands for. */
static bool decode(uint8_t *bytes, size_t room, size_t *n, struct pbay_str text, int variant)
{
    return is_ascii(text) && sodium_base642bin(bytes, room, text.p, text.n, NULL, n, NULL, variant) == 0;
}

static int variant_of(struct pbay_str text, enum vcx_b64 alphabet)
{
    bool padded = text.n && text.p[text.n - 1] == '=';

    if (alphabet == VCX_B64_ANY && (memchr(text.p, '+', text.n) || memchr(text.p, '/', text.n)))
        return padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    return padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
}

bool vcx_b64_decode(struct pb_buf *out, struct pbay_str text, enum vcx_b64 alphabet)
{
    size_t before = out->n, room = text.n / 4 * 3 + 2, n = 0;

    if (text.n == 0)
        return true;
    pb_buf_grow(out, room);
    out->n = before;
    if (!decode(out->p + before, room, &n, text, variant_of(text, alphabet)))
        return false;
    out->n += n;
    return true;
}

bool vcx_b64_exactly(struct pbay_str text, uint8_t *bytes, size_t n)
{
    size_t found = 0;

    return text.n && decode(bytes, n, &found, text, variant_of(text, VCX_B64_URL)) && found == n;
}
