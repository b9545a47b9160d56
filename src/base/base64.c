/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hsm_base64_encode(hsm_bytes data, char *out_text)
{
    for (size_t i = 0; i < data.len; i += 3) {
        const size_t left = data.len - i;
        const uint32_t three = (uint32_t)data.data[i] << 16 |
                               (left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0) |
                               (left > 2 ? data.data[i + 2] : 0u);

        *out_text++ = alphabet[three >> 18];
        *out_text++ = alphabet[three >> 12 & 63];
        *out_text++ = left > 1 ? alphabet[three >> 6 & 63] : '=';
        *out_text++ = left > 2 ? alphabet[three & 63] : '=';
    }
}

/* 0 .. 63, or 64 for what is no digit. */
static uint32_t value_of(uint8_t c)
{
    for (uint32_t i = 0; i < 64; i++) {
        if (alphabet[i] == (char)c)
            return i;
    }
    return 64;
}

static size_t padding_of(hsm_bytes text)
{
    size_t count = 0;

    while (count < 2 && count < text.len && text.data[text.len - 1 - count] == '=')
        count++;
    return count;
}

hsm_err hsm_base64_decode(hsm_bytes text, uint8_t *out_data, size_t *out_len)
{
    const size_t padding = padding_of(text);
    const size_t digits = text.len - padding;
    const size_t len = digits * 3 / 4;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t at = 0;

    HSM_CHECK(text.len % 4 == 0, HSM_E_DATA);
    HSM_CHECK(len <= *out_len, HSM_E_BUFFER_TOO_SMALL);
    for (size_t i = 0; i < digits; i++) {
        const uint32_t value = value_of(text.data[i]);

        HSM_CHECK(value < 64, HSM_E_DATA);
        bits = bits << 6 | value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out_data[at++] = (uint8_t)(bits >> bit_count);
            bits &= (1u << bit_count) - 1;
        }
    }
    HSM_CHECK(bits == 0, HSM_E_DATA);
    *out_len = len;
    return HSM_OK;
}
