/* Numbers, booleans, dates and times. Each is a short run of characters; the form decides.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "config/internal.h"

#define TOKEN_MAX_CHARS 128u

typedef struct token {
    char text[TOKEN_MAX_CHARS + 1];
    size_t len;
} token;

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_token_char(int c)
{
    return toml_is_bare(c) || c == '+' || c == '.' || c == ':';
}

/* --- dates and times (RFC 3339, 5.6, with TOML's local forms) ------------------------------ */

/* `count` digits at *at as a number of low .. high; moves *at behind them. */
static bool take_number(const char **at, unsigned count, unsigned low, unsigned high)
{
    unsigned value = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!is_digit((*at)[i]))
            return false;
        value = value * 10 + (unsigned)((*at)[i] - '0');
    }
    *at += count;
    return value >= low && value <= high;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(const char **at)
{
    const char *start = *at;

    if (!take_number(at, 4, 0, 9999) || !take_char(at, '-') || !take_number(at, 2, 1, 12) ||
        !take_char(at, '-'))
        return false;
    const unsigned year = (unsigned)strtoul(start, NULL, 10);
    const unsigned month = (unsigned)strtoul(start + 5, NULL, 10);
    return take_number(at, 2, 1, days_in(year, month));
}

static bool take_time(const char **at)
{
    if (!take_number(at, 2, 0, 23) || !take_char(at, ':') || !take_number(at, 2, 0, 59) ||
        !take_char(at, ':') || !take_number(at, 2, 0, 60)) /* 60: a leap second */
        return false;
    if (!take_char(at, '.'))
        return true;
    if (!is_digit(**at))
        return false;
    while (is_digit(**at))
        (*at)++;
    return true;
}

static bool take_offset(const char **at)
{
    if (take_char(at, 'Z') || take_char(at, 'z'))
        return true;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    return take_number(at, 2, 0, 23) && take_char(at, ':') && take_number(at, 2, 0, 59);
}

static bool is_date_time(const char *text)
{
    const char *at = text;

    if (text[0] != '\0' && text[1] != '\0' && text[2] == ':')
        return take_time(&at) && *at == '\0';
    if (!take_date(&at))
        return false;
    if (*at == '\0')
        return true;
    if (!take_char(&at, 'T') && !take_char(&at, 't') && !take_char(&at, ' '))
        return false;
    return take_time(&at) && (*at == '\0' || (take_offset(&at) && *at == '\0'));
}

static bool looks_like_date_time(const token *word)
{
    return word->len >= 5 && is_digit(word->text[0]) && is_digit(word->text[1]) &&
           (word->text[2] == ':' ||
            (is_digit(word->text[2]) && is_digit(word->text[3]) && word->text[4] == '-'));
}

/* --- numbers ------------------------------------------------------------------------------ */

static int digit_value(int c, unsigned base)
{
    int value = -1;

    if (is_digit(c))
        value = c - '0';
    else if (c >= 'a' && c <= 'f')
        value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
        value = c - 'A' + 10;
    return value >= 0 && (unsigned)value < base ? value : -1;
}

/* Digits with single underscores between them; returns how many characters, 0 if malformed.
 * is_fitting becomes false if the value is over UINT64_MAX. */
static size_t scan_digits(const char *text, unsigned base, uint64_t *out_value, bool *is_fitting)
{
    uint64_t value = 0;
    size_t at = 0;

    for (;;) {
        const int digit = digit_value(text[at], base);

        if (digit < 0)
            return 0; /* nothing, two underscores, or one at the end */
        if (value > (UINT64_MAX - (uint64_t)digit) / base)
            *is_fitting = false;
        value = value * base + (uint64_t)digit;
        at++;
        if (text[at] == '_')
            at++;
        else if (digit_value(text[at], base) < 0)
            break;
    }
    *out_value = value;
    return at;
}

static bool has_sign(const char *text)
{
    return text[0] == '+' || text[0] == '-';
}

/* A decimal integer part: no leading zero. */
static size_t scan_integer_part(const char *text, uint64_t *out_value, bool *is_fitting)
{
    const size_t len = scan_digits(text, 10, out_value, is_fitting);

    return len > 1 && text[0] == '0' ? 0 : len;
}

static bool is_float(const char *text)
{
    const char *at = has_sign(text) ? text + 1 : text;
    uint64_t ignored = 0;
    bool is_fitting = true;

    if (strcmp(at, "inf") == 0 || strcmp(at, "nan") == 0)
        return true;
    size_t len = scan_integer_part(at, &ignored, &is_fitting);
    at += len;
    if (len > 0 && take_char(&at, '.')) {
        len = scan_digits(at, 10, &ignored, &is_fitting);
        at += len;
    }
    if (len > 0 && (take_char(&at, 'e') || take_char(&at, 'E'))) {
        at += has_sign(at) ? 1 : 0;
        len = scan_digits(at, 10, &ignored, &is_fitting);
        at += len;
    }
    return len > 0 && *at == '\0';
}

static unsigned base_of_prefix(const char *text)
{
    if (text[0] != '0')
        return 10;
    switch (text[1]) {
    case 'x':
        return 16;
    case 'o':
        return 8;
    case 'b':
        return 2;
    default:
        return 10;
    }
}

static hsm_err read_integer(toml_parser *parser, const token *word, hsm_toml_node *node)
{
    const bool is_negative = word->text[0] == '-';
    const unsigned base = base_of_prefix(word->text);
    const char *digits = word->text + (has_sign(word->text) ? 1 : 0) + (base == 10 ? 0 : 2);
    const uint64_t max = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    uint64_t value = 0;
    bool is_fitting = true;
    const size_t len = base == 10 ? scan_integer_part(digits, &value, &is_fitting)
                                  : scan_digits(digits, base, &value, &is_fitting);

    if (len == 0 || digits[len] != '\0')
        return toml_fail(parser, "not a value (strings need quotes)");
    if (!is_fitting || value > max)
        return toml_fail(parser, "the number does not fit in 64 bits");
    node->type = HSM_TOML_INTEGER;
    node->integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return HSM_OK;
}

/* --- all of them -------------------------------------------------------------------------- */

static hsm_err read_token(toml_parser *parser, token *out_word)
{
    size_t len = 0;

    while (is_token_char(toml_peek_at(parser, len)))
        len++;
    /* "1979-05-27 07:32:00": the only value with a space in it */
    if (len == 10 && toml_peek_at(parser, 4) == '-' && toml_peek_at(parser, 10) == ' ' &&
        is_digit(toml_peek_at(parser, 11))) {
        len++;
        while (is_token_char(toml_peek_at(parser, len)))
            len++;
    }
    if (len == 0)
        return toml_fail(parser, "a value expected");
    if (len > TOKEN_MAX_CHARS)
        return toml_fail(parser, "not a value: more than 128 characters");
    memcpy(out_word->text, parser->at, len);
    out_word->text[len] = '\0';
    out_word->len = len;
    return HSM_OK;
}

static hsm_err keep_text(hsm_toml_node *node, hsm_toml_type type, const token *word)
{
    node->text = hsm_text_dup(word->text);
    HSM_CHECK(node->text != NULL, HSM_E_NO_MEMORY);
    node->text_len = word->len;
    node->type = type;
    return HSM_OK;
}

static hsm_err classify(toml_parser *parser, const token *word, hsm_toml_node *node)
{
    if (strcmp(word->text, "true") == 0 || strcmp(word->text, "false") == 0) {
        node->type = HSM_TOML_BOOLEAN;
        node->boolean = word->text[0] == 't';
        return HSM_OK;
    }
    if (looks_like_date_time(word)) {
        if (!is_date_time(word->text))
            return toml_fail(parser, "not a date or time");
        return keep_text(node, HSM_TOML_DATE_TIME, word);
    }
    const bool may_be_float =
        base_of_prefix(word->text) == 10 && strpbrk(word->text, ".eEni") != NULL;
    if (may_be_float && is_float(word->text))
        return keep_text(node, HSM_TOML_FLOAT, word);
    return read_integer(parser, word, node);
}

hsm_err toml_read_scalar(toml_parser *parser, hsm_toml_node *node)
{
    token word = { 0 };

    HSM_TRY(read_token(parser, &word));
    HSM_TRY(classify(parser, &word, node)); /* fails at the beginning of the value */
    for (size_t i = 0; i < word.len; i++)
        toml_advance(parser);
    return HSM_OK;
}
