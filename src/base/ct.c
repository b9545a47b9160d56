/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"

/* Hides a value from the optimiser, which would turn masks back into branches. */
static uint32_t opaque(uint32_t value)
{
    __asm__("" : "+r"(value));
    return value;
}

/* All ones where choice is true, else zero. */
static uint32_t mask_of(bool choice)
{
    return opaque(0u - (uint32_t)choice);
}

bool hsm_ct_equal(hsm_bytes a, hsm_bytes b)
{
    uint32_t difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference = opaque(difference | (uint32_t)(a.data[i] ^ b.data[i]));
    return ((difference - 1) >> 31) != 0; /* difference is at most 255: only 0 - 1 has bit 31 */
}

uint32_t hsm_ct_select_u32(bool choice, uint32_t a, uint32_t b)
{
    const uint32_t mask = mask_of(choice);

    return (a & mask) | (b & ~mask);
}

void hsm_ct_copy_if(bool choice, uint8_t *dst, const uint8_t *src, size_t len)
{
    const uint8_t mask = (uint8_t)mask_of(choice);

    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)((src[i] & mask) | (dst[i] & (uint8_t)~mask));
}

/* All ones where a < b, else zero; both below 2^31. */
static uint32_t mask_less(uint32_t a, uint32_t b)
{
    return opaque(0u - ((a - b) >> 31));
}

size_t hsm_ct_padding(const uint8_t *block, size_t len)
{
    const uint32_t pad = block[len - 1];
    uint32_t wrong = mask_less(pad, 1) | mask_less((uint32_t)len, pad);

    for (size_t i = 0; i < len; i++) {
        const uint32_t is_inside = mask_less((uint32_t)(len - 1 - i), pad);

        wrong = opaque(wrong | (is_inside & (block[i] ^ pad)));
    }
    return pad & mask_less(opaque(wrong | (0u - wrong)) >> 31, 1);
}
