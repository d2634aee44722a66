#include "node/keccak.h"

#define LANES  25 /* of 64 bits, lane x + 5 y */
#define ROUNDS 24
#define RATE   136 /* bytes taken in between two permutations; the other 64 are the capacity of 256 bits of strength */

static uint64_t rotate(uint64_t v, unsigned n)
{
    return n ? v << n | v >> (64 - n) : v;
}

/* Each column's parity goes into its neighbours. */
static void theta(uint64_t a[LANES])
{
    uint64_t parity[5];

    for (unsigned x = 0; x < 5; x++)
        parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (unsigned i = 0; i < LANES; i++)
        a[i] ^= parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1);
}

/* rho and pi: each lane is rotated by its triangular number and goes to another place. */
static void move_lanes(const uint64_t a[LANES], uint64_t b[LANES])
{
    unsigned x = 1, y = 0;

    b[0] = a[0];
    for (unsigned t = 0; t < LANES - 1; t++) {
        unsigned next = (2 * x + 3 * y) % 5;

        b[y + 5 * next] = rotate(a[x + 5 * y], (t + 1) * (t + 2) / 2 % 64);
        x = y;
        y = next;
    }
}

/* chi: the only step that is not linear. */
static void mix_rows(const uint64_t b[LANES], uint64_t a[LANES])
{
    for (unsigned y = 0; y < LANES; y += 5) {
        for (unsigned x = 0; x < 5; x++)
            a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
    }
}

/* The constant of a round, from the shift register that defines it; its state goes from round to round. */
static uint64_t round_constant(uint8_t *state)
{
    uint64_t constant = 0;

    for (unsigned j = 0; j < 7; j++) {
        if (*state & 1)
            constant |= UINT64_C(1) << ((1U << j) - 1);
        *state = (uint8_t)(*state << 1 ^ (*state & 0x80 ? 0x71 : 0));
    }
    return constant;
}

static void permute(uint64_t a[LANES])
{
    uint64_t b[LANES];
    uint8_t state = 1;

    for (unsigned round = 0; round < ROUNDS; round++) {
        theta(a);
        move_lanes(a, b);
        mix_rows(b, a);
        a[0] ^= round_constant(&state);
    }
}

static void take_byte(uint64_t a[LANES], size_t at, uint8_t byte)
{
    a[at / 8] ^= (uint64_t)byte << at % 8 * 8;
}

void pb_keccak256(const void *data, size_t n, uint8_t out[PB_KECCAK_SIZE])
{
    const uint8_t *p = data;
    uint64_t a[LANES] = {0};
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        take_byte(a, at++, p[i]);
        if (at == RATE) {
            permute(a);
            at = 0;
        }
    }
    take_byte(a, at, 0x01);
    take_byte(a, RATE - 1, 0x80);
    permute(a);
    for (size_t i = 0; i < PB_KECCAK_SIZE; i++)
        out[i] = (uint8_t)(a[i / 8] >> i % 8 * 8);
}
