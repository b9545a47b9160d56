/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>

#include "base/ct.h"
#include "support/check.h"

static const struct {
    const char *label;
    const char *a;
    const char *b;
    bool want;
} equal_cases[] = {
    { "same", "abc", "abc", true },
    { "first byte differs", "xbc", "abc", false },
    { "last byte differs", "abx", "abc", false },
    { "one bit differs", "abb", "abc", false },
    { "shorter", "ab", "abc", false },
    { "longer", "abcd", "abc", false },
    { "both empty", "", "", true },
    { "one empty", "", "a", false },
};

static void equal_cases_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(equal_cases); i++) {
        const hsm_bytes a = hsm_bytes_of_text(equal_cases[i].a);
        const hsm_bytes b = hsm_bytes_of_text(equal_cases[i].b);

        CASE(equal_cases[i].label);
        CHECK_EQ(hsm_bytes_equal(a, b), equal_cases[i].want);
        CHECK_EQ(hsm_ct_equal(a, b), equal_cases[i].want);
    }
    CHECK_THAT(hsm_bytes_equal(hsm_bytes_none(), hsm_bytes_none()));
    CHECK_THAT(hsm_ct_equal(hsm_bytes_none(), hsm_bytes_none()));
}

static void ct_equal_sees_every_bit(void)
{
    uint8_t a[33] = { 0 };
    uint8_t b[33] = { 0 };

    for (size_t bit = 0; bit < sizeof a * 8; bit++) {
        b[bit / 8] = (uint8_t)(1u << bit % 8);
        CHECK_THAT(!hsm_ct_equal(hsm_bytes_of(a, sizeof a), hsm_bytes_of(b, sizeof b)));
        b[bit / 8] = 0;
    }
    CHECK_THAT(hsm_ct_equal(hsm_bytes_of(a, sizeof a), hsm_bytes_of(b, sizeof b)));
}

static void ct_selects(void)
{
    uint8_t dst[4] = { 1, 2, 3, 4 };
    const uint8_t src[4] = { 0xff, 0, 0x80, 7 };

    CHECK_EQ(hsm_ct_select_u32(true, 0xdeadbeef, 1), 0xdeadbeef);
    CHECK_EQ(hsm_ct_select_u32(false, 0xdeadbeef, 1), 1);
    hsm_ct_copy_if(false, dst, src, 4);
    CHECK_BYTES(dst, 4, "\1\2\3\4", 4);
    hsm_ct_copy_if(true, dst, src, 3);
    CHECK_BYTES(dst, 4, "\xff\0\x80\4", 4);
}

static void out_follows_the_length_rules(void)
{
    uint8_t room[4] = { 9, 9, 9, 9 };
    const hsm_bytes value = hsm_bytes_of_text("abc");

    hsm_out ask = hsm_out_of(NULL, 0);
    CHECK_OK(hsm_out_put(&ask, value));
    CHECK_EQ(ask.len, 3);

    hsm_out small = hsm_out_of(room, 2);
    CHECK_ERR(hsm_out_put(&small, value), HSM_E_BUFFER_TOO_SMALL);
    CHECK_EQ(small.len, 3);
    CHECK_BYTES(room, 4, "\x9\x9\x9\x9", 4);

    hsm_out exact = hsm_out_of(room, 3);
    CHECK_OK(hsm_out_put(&exact, value));
    CHECK_EQ(exact.len, 3);
    CHECK_BYTES(room, 4, "abc\x9", 4);

    hsm_out in_place = hsm_out_of(room + 1, 3);
    CHECK_OK(hsm_out_put(&in_place, hsm_bytes_of(room, 3)));
    CHECK_BYTES(room, 4, "aabc", 4);

    hsm_out nothing = hsm_out_of(room, 0);
    CHECK_OK(hsm_out_put(&nothing, hsm_bytes_none()));
    CHECK_EQ(nothing.len, 0);
}

static void overlap_cases(void)
{
    const uint8_t area[8] = { 0 };
    const hsm_bytes middle = hsm_bytes_of(area + 2, 3);

    CHECK_THAT(hsm_bytes_overlap(middle, middle));
    CHECK_THAT(hsm_bytes_overlap(middle, hsm_bytes_of(area + 4, 1)));
    CHECK_THAT(hsm_bytes_overlap(hsm_bytes_of(area, 3), middle));
    CHECK_THAT(hsm_bytes_overlap(hsm_bytes_of(area, 8), middle));
    CHECK_THAT(!hsm_bytes_overlap(middle, hsm_bytes_of(area + 5, 1)));
    CHECK_THAT(!hsm_bytes_overlap(hsm_bytes_of(area, 2), middle));
    CHECK_THAT(!hsm_bytes_overlap(hsm_bytes_of(area + 3, 0), middle));
    CHECK_THAT(hsm_bytes_overlap(hsm_bytes_of(area, SIZE_MAX), middle)); /* would wrap */
}

static void text_is_copied(void)
{
    char text[] = "some text";
    char *copy = hsm_text_dup(text);
    char *empty = hsm_text_dup("");

    REQUIRE_THAT(copy != NULL && empty != NULL);
    text[0] = 'S';
    CHECK_STR(copy, "some text");
    CHECK_STR(empty, "");
    free(copy);
    free(empty);
}

static const check_test tests[] = {
    CHECK_TEST(equal_cases_hold), CHECK_TEST(ct_equal_sees_every_bit),
    CHECK_TEST(ct_selects),       CHECK_TEST(out_follows_the_length_rules),
    CHECK_TEST(overlap_cases),    CHECK_TEST(text_is_copied),
};
CHECK_MAIN(tests)
