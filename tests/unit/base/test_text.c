/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "support/check.h"

/* What hsm_text_json() makes of bytes, in a room that suits. */
static void check_json(const char *untrusted, size_t len, size_t chars_max, const char *want)
{
    char room[256];
    hsm_text text = hsm_text_of(room, sizeof room);

    hsm_text_json(&text, hsm_bytes_of(untrusted, len), chars_max);
    CHECK_THAT(!text.is_failed);
    CHECK_BYTES(text.data, text.len, want, strlen(want));
}

/* The escapes are those of Python's json.dumps(). */
static void json_is_printable_ascii(void)
{
    static const struct {
        const char *untrusted;
        const char *want;
    } rows[] = {
        { "", "\"\"" },
        { "key 1", "\"key 1\"" },
        { " ~", "\" ~\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\"", "\"\\\"\"" },
        { "line\nfeed\x7f\x1f", "\"line\\u000afeed\\u007f\\u001f\"" },
        { "\xc3\xa4", "\"\\u00e4\"" },
        { "plain \xe2\x82\xac plain", "\"plain \\u20ac plain\"" },
        { "\xf0\x9f\x94\x91", "\"\\ud83d\\udd11\"" },
        { "\xff"
          "a\xc3",
          "\"\\ufffda\\ufffd\"" },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++)
        check_json(rows[i].untrusted, strlen(rows[i].untrusted), 64, rows[i].want);
    check_json("a\0b", 3, 64, "\"a\\u0000b\"");
    check_json(NULL, 0, 64, "\"\"");
}

static void json_is_cut_between_characters(void)
{
    check_json("abcd", 4, 4, "\"abcd\"");
    check_json("abcde", 5, 4, "\"abcd\\u2026\"");
    check_json("abc\xc3\xa4", 5, 4, "\"abc\\u00e4\"");
    check_json("abc\xc3\xa4"
               "f",
               6, 4, "\"abc\\u00e4\\u2026\"");
    check_json("abcd\n", 5, 4, "\"abcd\\u2026\"");
    check_json("\nabcde", 6, 4, "\"\\u000aabc\\u2026\"");
    check_json("a", 1, 0, "\"\\u2026\"");
}

static void numbers_and_digits(void)
{
    static const uint8_t bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
    char room[64];
    hsm_text text = hsm_text_of(room, sizeof room);

    hsm_text_u64(&text, 0);
    hsm_text_puts(&text, " ");
    hsm_text_u64(&text, 1234567890);
    hsm_text_puts(&text, " ");
    hsm_text_u64(&text, UINT64_MAX);
    hsm_text_puts(&text, " ");
    hsm_text_hex(&text, hsm_bytes_of(bytes, sizeof bytes));
    CHECK_THAT(!text.is_failed);
    CHECK_BYTES(text.data, text.len, "0 1234567890 18446744073709551615 000fa5ff", 42);
}

/* The first overflow sticks, and nothing is written over the end. */
static void room_is_kept_to(void)
{
    static const uint8_t bytes[] = { 1, 2, 3 };

    for (size_t cap = 0; cap <= 8; cap++) {
        char room[9] = "........";
        hsm_text text = hsm_text_of(room, cap);

        hsm_text_puts(&text, "ab");
        CHECK_EQ(text.is_failed, cap < 2);
        hsm_text_hex(&text, hsm_bytes_of(bytes, sizeof bytes));
        CHECK_EQ(text.is_failed, cap < 8);
        CHECK_EQ(text.len, cap < 2 ? 0 : cap < 8 ? 2 : 8);
        hsm_text_put(&text, hsm_bytes_of(bytes, 1));
        CHECK_THAT(text.is_failed);
        hsm_text_put(&text, hsm_bytes_none());
        CHECK_THAT(text.is_failed);
        for (size_t i = cap; i < 8; i++)
            CHECK_EQ(room[i], '.');
    }
}

static const check_test tests[] = {
    CHECK_TEST(json_is_printable_ascii),
    CHECK_TEST(json_is_cut_between_characters),
    CHECK_TEST(numbers_and_digits),
    CHECK_TEST(room_is_kept_to),
};
CHECK_MAIN(tests)
