/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/utf8.h"

#define U64_DIGITS_MAX 20

void hsm_text_u64(hsm_text *text, uint64_t value)
{
    char digits[U64_DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    hsm_text_put(text, hsm_bytes_of(digits + at, sizeof digits - at));
}

void hsm_text_hex(hsm_text *text, hsm_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    text->is_failed = text->is_failed || bytes.len > (text->cap - text->len) / 2;
    if (text->is_failed)
        return;
    char *at = text->data + text->len; /* of its own: a char written could be text->len */
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = digits[bytes.data[i] >> 4];
        *at++ = digits[bytes.data[i] & 15];
    }
    text->len += 2 * bytes.len;
}

static void put_escape(hsm_text *text, uint32_t unit)
{
    const uint8_t bytes[2] = { (uint8_t)(unit >> 8), (uint8_t)unit };

    hsm_text_puts(text, "\\u");
    hsm_text_hex(text, hsm_bytes_of(bytes, sizeof bytes));
}

/* The number of a character of `len` bytes. */
static uint32_t code_point(hsm_bytes text, size_t len)
{
    static const uint8_t first_bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t code = text.data[0] & first_bits[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | (text.data[i] & 0x3f);
    return code;
}

static void put_char(hsm_text *text, uint32_t code)
{
    if (code == '"' || code == '\\') {
        const uint8_t escaped[2] = { '\\', (uint8_t)code };

        hsm_text_put(text, hsm_bytes_of(escaped, sizeof escaped));
    } else if (code >= 0x20 && code < 0x7f) {
        const uint8_t plain = (uint8_t)code;

        hsm_text_put(text, hsm_bytes_of(&plain, 1));
    } else if (code < 0x10000) {
        put_escape(text, code);
    } else {
        put_escape(text, 0xd800 + ((code - 0x10000) >> 10));
        put_escape(text, 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
}

/* How many characters at the front stand for themselves, up to a number of them. */
static size_t plain_len(hsm_bytes text, size_t chars_max)
{
    size_t len = 0;

    while (len < text.len && len < chars_max && text.data[len] >= 0x20 && text.data[len] < 0x7f &&
           text.data[len] != '"' && text.data[len] != '\\')
        len++;
    return len;
}

void hsm_text_json(hsm_text *text, hsm_bytes untrusted, size_t chars_max)
{
    enum { REPLACEMENT = 0xfffd, ELLIPSIS = 0x2026 };
    const size_t plain = plain_len(untrusted, chars_max); /* mostly all of it */

    hsm_text_puts(text, "\"");
    if (plain > 0) {
        hsm_text_put(text, hsm_bytes_of(untrusted.data, plain));
        untrusted = hsm_bytes_of(untrusted.data + plain, untrusted.len - plain);
    }
    for (size_t chars = plain; untrusted.len > 0; chars++) {
        const size_t len = hsm_utf8_char_len(untrusted);
        const size_t step = len > 0 ? len : 1;

        if (chars == chars_max) {
            put_char(text, ELLIPSIS);
            break;
        }
        put_char(text, len > 0 ? code_point(untrusted, len) : REPLACEMENT);
        untrusted = hsm_bytes_of(untrusted.data + step, untrusted.len - step);
    }
    hsm_text_puts(text, "\"");
}
