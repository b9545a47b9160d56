/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

void hsm_hex_encode(hsm_bytes data, char *out_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < data.len; i++) {
        *out_text++ = digits[data.data[i] >> 4];
        *out_text++ = digits[data.data[i] & 15];
    }
}

int hsm_hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
