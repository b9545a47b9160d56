/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "support/check.h"

/* The borders of RFC 3629, 4. */
static const struct {
    const char *label;
    const char *text;
    size_t want; /* bytes of the first character, 0: none */
} rows[] = {
    { "NUL is a character", "\0", 1 },
    { "last of one byte", "\x7f", 1 },
    { "continuation alone", "\x80", 0 },
    { "overlong of two", "\xc1\xbf", 0 },
    { "first of two", "\xc2\x80", 2 },
    { "last of two", "\xdf\xbf", 2 },
    { "two, cut short", "\xdf", 0 },
    { "two, wrong second", "\xdf\xc0", 0 },
    { "overlong of three", "\xe0\x9f\xbf", 0 },
    { "first of three", "\xe0\xa0\x80", 3 },
    { "last before surrogates", "\xed\x9f\xbf", 3 },
    { "surrogate", "\xed\xa0\x80", 0 },
    { "first after surrogates", "\xee\x80\x80", 3 },
    { "three, wrong third", "\xee\x80\x7f", 0 },
    { "overlong of four", "\xf0\x8f\xbf\xbf", 0 },
    { "first of four", "\xf0\x90\x80\x80", 4 },
    { "last of all", "\xf4\x8f\xbf\xbf", 4 },
    { "over U+10FFFF", "\xf4\x90\x80\x80", 0 },
    { "four, cut short", "\xf4\x8f\xbf", 0 },
    { "no such byte", "\xf5\x80\x80\x80", 0 },
};

static size_t text_len(size_t row)
{
    return rows[row].text[0] == '\0' ? 1 : strlen(rows[row].text);
}

static void characters(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        CASE(rows[i].label);
        CHECK_EQ(hsm_utf8_char_len(hsm_bytes_of(rows[i].text, text_len(i))), rows[i].want);
        CHECK_EQ(hsm_utf8_is_valid(hsm_bytes_of(rows[i].text, text_len(i))), rows[i].want != 0);
    }
}

static void whole_texts(void)
{
    CHECK_THAT(hsm_utf8_is_valid(hsm_bytes_none()));
    CHECK_THAT(hsm_utf8_is_valid(hsm_bytes_of_text("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91z")));
    CHECK_THAT(!hsm_utf8_is_valid(hsm_bytes_of_text("a\xc3\xa4\xe2\x82")));
    CHECK_THAT(!hsm_utf8_is_valid(hsm_bytes_of_text("a\xff")));
}

static const check_test tests[] = {
    CHECK_TEST(characters),
    CHECK_TEST(whole_texts),
};
CHECK_MAIN(tests)
