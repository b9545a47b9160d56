/* Building bounded text: numbers, hexadecimal, JSON strings, without a format to interpret.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_TEXT_H
#define HSM_BASE_TEXT_H

#include "base/bytes.h"

/* Text in a room of fixed size. The first overflow sticks: nothing is added after it. Not ended by a
 * NUL. */
typedef struct hsm_text {
    char *data;
    size_t cap;
    size_t len;
    bool is_failed;
} hsm_text;

static inline hsm_text hsm_text_of(char *data, size_t cap)
{
    return (hsm_text){ .data = data, .cap = cap, .len = 0, .is_failed = false };
}
static inline hsm_bytes hsm_text_view(const hsm_text *text)
{
    return hsm_bytes_of(text->data, text->len);
}

static inline void hsm_text_put(hsm_text *text, hsm_bytes bytes)
{
    text->is_failed = text->is_failed || bytes.len > text->cap - text->len;
    if (text->is_failed || bytes.len == 0)
        return;
    memcpy(text->data + text->len, bytes.data, bytes.len);
    text->len += bytes.len;
}
/* Inline, so that the length of a literal is known when it is compiled. */
static inline void hsm_text_puts(hsm_text *text, const char *string)
{
    hsm_text_put(text, hsm_bytes_of_text(string));
}
void hsm_text_u64(hsm_text *text, uint64_t value);
/* Two lower-case digits a byte. */
void hsm_text_hex(hsm_text *text, hsm_bytes bytes);
/* A JSON string with its quotes, of at most chars_max characters (what is cut off leaves an ellipsis)
 * in printable ASCII: quotes, backslashes, controls and everything over U+007E become escapes, so
 * that no terminal or line reader is led astray; bytes that are not UTF-8 become U+FFFD. */
void hsm_text_json(hsm_text *text, hsm_bytes untrusted, size_t chars_max);

#endif
