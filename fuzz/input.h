/* Reads a fuzzer's input as choices, numbers and blocks of memory of exactly the size asked for, so
 * that a sanitizer sees one byte too far.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_BLOCKS_MAX = 1024 };

typedef struct fuzz_input {
    const uint8_t *data;
    size_t len; /* bytes left; at the end everything reads as zero */
    void *blocks[FUZZ_BLOCKS_MAX];
    size_t block_count;
} fuzz_input;

fuzz_input fuzz_input_of(const uint8_t *data, size_t len);
/* Frees every block. */
void fuzz_input_clear(fuzz_input *input);

uint8_t fuzz_u8(fuzz_input *input);
uint32_t fuzz_u32(fuzz_input *input);
/* 0 .. bound - 1; bound 1 .. 65536. */
size_t fuzz_below(fuzz_input *input, size_t bound);
/* A block of len bytes, filled from the input, then with zeros; freed by fuzz_input_clear(). NULL
 * when FUZZ_BLOCKS_MAX are out. */
void *fuzz_block(fuzz_input *input, size_t len);
/* The same, all zeros. */
void *fuzz_room(fuzz_input *input, size_t len);
/* The rest of the input, or its first max bytes, as a block. */
void *fuzz_rest(fuzz_input *input, size_t max, size_t *out_len);

#endif
