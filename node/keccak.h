/* Keccak-256 as Ethereum has it: the padding is that of before it became SHA-3. */
#ifndef PB_KECCAK_H
#define PB_KECCAK_H

#include <stddef.h>
#include <stdint.h>

#define PB_KECCAK_SIZE 32

void pb_keccak256(const void *data, size_t n, uint8_t out[PB_KECCAK_SIZE]);

#endif
