/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <stdlib.h>
#include <string.h>

fuzz_input fuzz_input_of(const uint8_t *data, size_t len)
{
    return (fuzz_input){ .data = data, .len = len };
}

void fuzz_input_clear(fuzz_input *input)
{
    for (size_t i = 0; i < input->block_count; i++)
        free(input->blocks[i]);
    input->block_count = 0;
}

static void take(fuzz_input *input, void *out, size_t len)
{
    const size_t have = len < input->len ? len : input->len;

    memset(out, 0, len);
    if (have > 0)
        memcpy(out, input->data, have);
    input->data += have;
    input->len -= have;
}

uint8_t fuzz_u8(fuzz_input *input)
{
    uint8_t value = 0;

    take(input, &value, sizeof value);
    return value;
}

uint32_t fuzz_u32(fuzz_input *input)
{
    uint32_t value = 0;

    take(input, &value, sizeof value);
    return value;
}

size_t fuzz_below(fuzz_input *input, size_t bound)
{
    size_t value = fuzz_u8(input);

    if (bound > 256)
        value = value << 8 | fuzz_u8(input);
    return value % bound;
}

void *fuzz_room(fuzz_input *input, size_t len)
{
    if (input->block_count == FUZZ_BLOCKS_MAX)
        return NULL;

    void *block = calloc(1, len > 0 ? len : 1);
    if (block == NULL)
        abort();
    input->blocks[input->block_count++] = block;
    return block;
}

void *fuzz_block(fuzz_input *input, size_t len)
{
    void *block = fuzz_room(input, len);

    if (block != NULL)
        take(input, block, len);
    return block;
}

void *fuzz_rest(fuzz_input *input, size_t max, size_t *out_len)
{
    *out_len = input->len < max ? input->len : max;
    return fuzz_block(input, *out_len);
}
