/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* First bytes of characters of one length, and what may follow them. */
static const struct {
    uint8_t first_min, first_max;
    uint8_t second_min, second_max; /* the others are 0x80 .. 0xbf */
    uint8_t len;
} forms[] = {
    { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t hsm_utf8_char_len(hsm_bytes text)
{
    const uint8_t first = text.data[0];
    size_t row = 0;

    while (row < HSM_ARRAY_LEN(forms) &&
           (first < forms[row].first_min || first > forms[row].first_max))
        row++;
    if (row == HSM_ARRAY_LEN(forms) || forms[row].len > text.len)
        return 0;
    for (size_t i = 1; i < forms[row].len; i++) {
        const uint8_t min = i == 1 ? forms[row].second_min : 0x80;
        const uint8_t max = i == 1 ? forms[row].second_max : 0xbf;

        if (text.data[i] < min || text.data[i] > max)
            return 0;
    }
    return forms[row].len;
}

bool hsm_utf8_is_valid(hsm_bytes text)
{
    while (text.len > 0) {
        const size_t len = hsm_utf8_char_len(text);

        if (len == 0)
            return false;
        text = hsm_bytes_of(text.data + len, text.len - len);
    }
    return true;
}
