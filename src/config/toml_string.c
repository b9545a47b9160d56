/* Keys and strings.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "base/utf8.h"
#include "config/internal.h"

#define QUOTES_OF_MULTILINE 3u

/* --- the encoding of the file ------------------------------------------------------------- */

static bool is_forbidden_control(hsm_bytes text)
{
    const uint8_t c = text.data[0];

    if (c == '\r')
        return text.len < 2 || text.data[1] != '\n';
    return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
}

hsm_err toml_check_encoding(hsm_bytes text, size_t *out_bad_at, const char **out_reason)
{
    for (size_t at = 0; at < text.len;) {
        const hsm_bytes rest = hsm_bytes_of(text.data + at, text.len - at);
        const size_t len = hsm_utf8_char_len(rest);

        if (len == 0 || is_forbidden_control(rest)) {
            *out_bad_at = at;
            *out_reason = len == 0 ? "not UTF-8 text" : "a control character";
            return HSM_E_CONFIG;
        }
        at += len;
    }
    return HSM_OK;
}

/* --- escapes ------------------------------------------------------------------------------ */

static hsm_err put_byte(hsm_buf *out, int c)
{
    const uint8_t byte = (uint8_t)c;

    return hsm_buf_append(out, hsm_bytes_of(&byte, 1));
}

static hsm_err put_scalar(hsm_buf *out, uint32_t value)
{
    const uint8_t low = (uint8_t)(0x80 | (value & 0x3f));
    const uint8_t middle = (uint8_t)(0x80 | (value >> 6 & 0x3f));
    const uint8_t high = (uint8_t)(0x80 | (value >> 12 & 0x3f));

    if (value < 0x80)
        return put_byte(out, (int)value);
    if (value < 0x800) {
        const uint8_t two[] = { (uint8_t)(0xc0 | value >> 6), low };
        return hsm_buf_append(out, hsm_bytes_of(two, sizeof two));
    }
    if (value < 0x10000) {
        const uint8_t three[] = { (uint8_t)(0xe0 | value >> 12), middle, low };
        return hsm_buf_append(out, hsm_bytes_of(three, sizeof three));
    }
    const uint8_t four[] = { (uint8_t)(0xf0 | value >> 18), high, middle, low };
    return hsm_buf_append(out, hsm_bytes_of(four, sizeof four));
}

static hsm_err read_unicode(toml_parser *parser, unsigned digits, hsm_buf *out)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < digits; i++) {
        const int digit = hsm_hex_digit(toml_peek(parser));

        if (digit < 0)
            return toml_fail(parser, digits == 4 ? "4 hexadecimal digits expected after \\u"
                                                 : "8 hexadecimal digits expected after \\U");
        value = value << 4 | (uint32_t)digit;
        toml_advance(parser);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return toml_fail(parser, "the escape is no Unicode character");
    return put_scalar(out, value);
}

/* After the backslash. */
static hsm_err read_escape(toml_parser *parser, hsm_buf *out)
{
    static const char names[] = "btnfr\"\\";
    static const char values[] = "\b\t\n\f\r\"\\";
    const int c = toml_peek(parser);

    if (c == 'u' || c == 'U') {
        toml_advance(parser);
        return read_unicode(parser, c == 'u' ? 4 : 8, out);
    }
    for (size_t i = 0; i < sizeof names - 1; i++) {
        if (c == names[i]) {
            toml_advance(parser);
            return put_byte(out, values[i]);
        }
    }
    return toml_fail(parser, "unknown escape after the backslash");
}

/* A backslash at the end of a line takes the line end and all blanks and line ends after it. */
static bool skip_line_continuation(toml_parser *parser)
{
    size_t blanks = 0;

    while (toml_peek_at(parser, blanks) == ' ' || toml_peek_at(parser, blanks) == '\t')
        blanks++;
    if (toml_peek_at(parser, blanks) != '\n' && toml_peek_at(parser, blanks) != '\r')
        return false;
    for (int c = toml_peek(parser); c == ' ' || c == '\t' || c == '\n' || c == '\r';
         c = toml_peek(parser))
        toml_advance(parser);
    return true;
}

/* --- strings ------------------------------------------------------------------------------ */

static unsigned count_quotes(const toml_parser *parser, int quote)
{
    unsigned count = 0;

    while (count < 2 * QUOTES_OF_MULTILINE && toml_peek_at(parser, count) == quote)
        count++;
    return count;
}

static void advance_by(toml_parser *parser, unsigned count)
{
    for (; count > 0; count--)
        toml_advance(parser);
}

static hsm_err read_line_string(toml_parser *parser, int quote, hsm_buf *out)
{
    toml_advance(parser);
    for (;;) {
        const int c = toml_peek(parser);

        if (c == TOML_END || c == '\n' || c == '\r')
            return toml_fail(parser, "the string does not end on its line");
        toml_advance(parser);
        if (c == quote)
            return HSM_OK;
        if (c == '\\' && quote == '"')
            HSM_TRY(read_escape(parser, out));
        else
            HSM_TRY(put_byte(out, c));
    }
}

/* Quotes within a multi-line string: up to two belong to the text, also right before the end.
 * out_is_end: the string is over. */
static hsm_err read_inner_quotes(toml_parser *parser, int quote, hsm_buf *out, bool *out_is_end)
{
    const unsigned count = count_quotes(parser, quote);
    const bool is_end = count >= QUOTES_OF_MULTILINE;
    unsigned inner = is_end ? count - QUOTES_OF_MULTILINE : count;

    if (inner >= QUOTES_OF_MULTILINE)
        inner = QUOTES_OF_MULTILINE - 1; /* a sixth quote is left over and fails as such */
    for (unsigned i = 0; i < inner; i++)
        HSM_TRY(put_byte(out, quote));
    advance_by(parser, is_end ? inner + QUOTES_OF_MULTILINE : inner);
    *out_is_end = is_end;
    return HSM_OK;
}

static hsm_err read_block_string(toml_parser *parser, int quote, hsm_buf *out)
{
    bool is_end = false;

    advance_by(parser, QUOTES_OF_MULTILINE);
    if (toml_peek(parser) == '\r')
        toml_advance(parser);
    if (toml_peek(parser) == '\n')
        toml_advance(parser); /* a line end right after the quotes is not part of it */
    while (!is_end) {
        const int c = toml_peek(parser);

        if (c == TOML_END)
            return toml_fail(parser, "the file ends within a string");
        if (c == quote) {
            HSM_TRY(read_inner_quotes(parser, quote, out, &is_end));
            continue;
        }
        toml_advance(parser);
        if (c == '\\' && quote == '"') {
            if (!skip_line_continuation(parser))
                HSM_TRY(read_escape(parser, out));
        } else if (c != '\r') {
            HSM_TRY(put_byte(out, c)); /* line ends become LF */
        }
    }
    return HSM_OK;
}

hsm_err toml_read_string(toml_parser *parser, hsm_buf *out)
{
    const int quote = toml_peek(parser);

    if (count_quotes(parser, quote) >= QUOTES_OF_MULTILINE)
        return read_block_string(parser, quote, out);
    return read_line_string(parser, quote, out);
}

/* --- keys --------------------------------------------------------------------------------- */

bool toml_is_bare(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

hsm_err toml_read_key(toml_parser *parser, hsm_buf *out)
{
    const int first = toml_peek(parser);

    toml_mark(parser);
    if (first == '"' || first == '\'')
        return read_line_string(parser, first, out);
    if (!toml_is_bare(first))
        return toml_fail(parser, "a key expected");
    while (toml_is_bare(toml_peek(parser))) {
        HSM_TRY(put_byte(out, toml_peek(parser)));
        toml_advance(parser);
    }
    return HSM_OK;
}
