/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/number.h"

hsm_bytes hsm_number_trim(hsm_bytes number)
{
    while (number.len > 0 && number.data[0] == 0)
        number = hsm_bytes_of(number.data + 1, number.len - 1);
    return number;
}

size_t hsm_number_bits(hsm_bytes number)
{
    const hsm_bytes trimmed = hsm_number_trim(number);
    size_t bits = trimmed.len * 8;

    if (trimmed.len == 0)
        return 0;
    for (unsigned top = trimmed.data[0]; (top & 0x80) == 0; top <<= 1)
        bits--;
    return bits;
}

int hsm_number_compare(hsm_bytes a, hsm_bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] != b.data[i])
            return a.data[i] < b.data[i] ? -1 : 1;
    }
    return 0;
}
