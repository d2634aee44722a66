#include "schema/wire.h"

#include <string.h>

/* n big-endian bytes; the cursor moves past them. */
static bool take(struct pb_rd *r, unsigned n, uint64_t *v)
{
    uint64_t x = 0;

    if ((size_t)(r->end - r->p) < n)
        return false;
    for (unsigned i = 0; i < n; i++)
        x = x << 8 | r->p[i];
    r->p += n;
    *v = x;
    return true;
}

static bool tag(struct pb_rd *r, uint8_t *t)
{
    if (r->p >= r->end)
        return false;
    *t = *r->p++;
    return true;
}

/* A count or length in the 1 << width bytes behind a tag. */
static bool count(struct pb_rd *r, unsigned width, uint32_t *n)
{
    uint64_t v;

    if (!take(r, 1U << width, &v))
        return false;
    *n = (uint32_t)v;
    return true;
}

static bool bytes(struct pb_rd *r, uint32_t n, struct pbay_str *s)
{
    if ((size_t)(r->end - r->p) < n)
        return false;
    *s = (struct pbay_str){(const char *)r->p, n};
    r->p += n;
    return true;
}

bool pb_rd_array(struct pb_rd *r, uint32_t *n)
{
    uint8_t t;

    if (!tag(r, &t))
        return false;
    if ((t & 0xf0) == 0x90) {
        *n = t & 0x0f;
        return true;
    }
    return (t == 0xdc || t == 0xdd) && count(r, t - 0xdcU + 1, n);
}

bool pb_rd_map(struct pb_rd *r, uint32_t *n)
{
    uint8_t t;

    if (!tag(r, &t))
        return false;
    if ((t & 0xf0) == 0x80) {
        *n = t & 0x0f;
        return true;
    }
    return (t == 0xde || t == 0xdf) && count(r, t - 0xdeU + 1, n);
}

bool pb_rd_uint(struct pb_rd *r, uint64_t *v)
{
    uint8_t t;

    if (!tag(r, &t))
        return false;
    if (t < 0x80) {
        *v = t;
        return true;
    }
    return t >= 0xcc && t <= 0xcf && take(r, 1U << (t - 0xcc), v);
}

/* The sign of an integer of 8 << width bits. */
static int64_t extend(uint64_t v, unsigned width)
{
    uint64_t sign = 1ULL << ((8U << width) - 1);
    uint64_t wide = (v ^ sign) - sign;
    int64_t result;

    memcpy(&result, &wide, sizeof result);
    return result;
}

bool pb_rd_int(struct pb_rd *r, int64_t *v)
{
    uint64_t u;

    if (r->p >= r->end)
        return false;
    if (*r->p >= 0xe0) {
        *v = extend(*r->p++, 0);
        return true;
    }
    if (*r->p >= 0xd0 && *r->p <= 0xd3) {
        unsigned width = *r->p++ - 0xd0U;

        if (!take(r, 1U << width, &u))
            return false;
        *v = extend(u, width);
        return true;
    }
    if (!pb_rd_uint(r, &u) || u > INT64_MAX)
        return false;
    *v = (int64_t)u;
    return true;
}

bool pb_rd_float(struct pb_rd *r, double *v)
{
    uint64_t u;
    uint32_t u32;
    uint8_t t;
    float f;

    if (!tag(r, &t) || (t != 0xca && t != 0xcb) || !take(r, t == 0xca ? 4 : 8, &u))
        return false;
    if (t == 0xcb) {
        memcpy(v, &u, sizeof *v);
        return true;
    }
    u32 = (uint32_t)u;
    memcpy(&f, &u32, sizeof f);
    *v = (double)f;
    return true;
}

bool pb_rd_str(struct pb_rd *r, struct pbay_str *s)
{
    uint8_t t;
    uint32_t n;

    if (!tag(r, &t))
        return false;
    if ((t & 0xe0) == 0xa0)
        n = t & 0x1f;
    else if (t < 0xd9 || t > 0xdb || !count(r, t - 0xd9U, &n))
        return false;
    return bytes(r, n, s);
}

bool pb_rd_bin(struct pb_rd *r, struct pbay_str *s)
{
    uint8_t t;
    uint32_t n;

    return tag(r, &t) && t >= 0xc4 && t <= 0xc6 && count(r, t - 0xc4U, &n) && bytes(r, n, s);
}

bool pb_rd_nil(struct pb_rd *r)
{
    if (r->p >= r->end || *r->p != 0xc0)
        return false;
    r->p++;
    return true;
}

/* Bytes of a scalar's body: what follows its tag. false = not a scalar with a fixed body. */
static bool fixed_body(uint8_t t, uint32_t *n)
{
    static const uint8_t body[0x20] = {
        [0x0a] = 4, [0x0b] = 8, [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8, [0x10] = 1,  [0x11] = 2,
        [0x12] = 4, [0x13] = 8, [0x14] = 2, [0x15] = 3, [0x16] = 5, [0x17] = 9, [0x18] = 17,
    };

    if (t < 0x80 || t >= 0xe0 || t == 0xc0 || t == 0xc2 || t == 0xc3) {
        *n = 0;
        return true;
    }
    if (t < 0xca || t > 0xd8)
        return false;
    *n = body[t - 0xc0];
    return true;
}

/* A value's own bytes; *children = how many values follow inside it. */
static bool skip_one(struct pb_rd *r, uint64_t *children)
{
    struct pbay_str s;
    uint8_t t = *r->p;
    uint32_t n = 0;

    *children = 0;
    if ((t & 0xf0) == 0x90 || t == 0xdc || t == 0xdd) {
        if (!pb_rd_array(r, &n))
            return false;
        *children = n;
        return true;
    }
    if ((t & 0xf0) == 0x80 || t == 0xde || t == 0xdf) {
        if (!pb_rd_map(r, &n))
            return false;
        *children = 2ULL * n;
        return true;
    }
    if ((t & 0xe0) == 0xa0 || (t >= 0xd9 && t <= 0xdb))
        return pb_rd_str(r, &s);
    if (t >= 0xc4 && t <= 0xc6)
        return pb_rd_bin(r, &s);
    r->p++;
    if (t >= 0xc7 && t <= 0xc9)
        return count(r, t - 0xc7U, &n) && bytes(r, 1, &s) && bytes(r, n, &s);
    return fixed_body(t, &n) && bytes(r, n, &s);
}

bool pb_rd_skip(struct pb_rd *r)
{
    uint64_t left[PB_MAX_WIRE_DEPTH] = {1};
    int depth = 0;

    while (depth >= 0) {
        uint64_t children;

        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        if (r->p >= r->end || !skip_one(r, &children))
            return false;
        if (children == 0)
            continue;
        /* Each value takes a byte at least: a count beyond what is left is a lie, known before any work is done for it.
         */
        if (depth + 1 == PB_MAX_WIRE_DEPTH || children > (uint64_t)(r->end - r->p))
            return false;
        left[++depth] = children;
    }
    return true;
}
