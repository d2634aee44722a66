#include "schema/utf8.h"

/* Length of the sequence that the byte begins and the smallest code point that needs it; 0 = none begins so. */
static size_t utf8_lead(uint8_t c, uint32_t *bits, uint32_t *least)
{
    static const struct {
        uint8_t mask, lead, length;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((c & forms[i].mask) == forms[i].lead) {
            *bits = c & (uint32_t)(uint8_t)~forms[i].mask;
            *least = forms[i].least;
            return forms[i].length;
        }
    }
    return 0;
}

static bool is_scalar(uint32_t point)
{
    return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

bool pb_is_utf8(struct pbay_str text)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t point = 0, least = 0;
        size_t length = utf8_lead((uint8_t)text.p[i], &point, &least);

        if (length == 0 || length > text.n - i)
            return false;
        for (size_t k = 1; k < length; k++) {
            if (((uint8_t)text.p[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | ((uint8_t)text.p[i + k] & 0x3f);
        }
        if (point < least || !is_scalar(point))
            return false;
        i += length;
    }
    return true;
}
