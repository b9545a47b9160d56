/* Attributes by name, and what may be written for their values.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/keyring.h"
#include "support/check.h"

/* The value's bytes, as the standard has them; ulongs are in this machine's order. */
static const struct {
    const char *label;
    const char *name;
    const char *text;
    CK_ATTRIBUTE_TYPE type;
    hsm_err want;
    size_t len;
    const char *value;
} rows[] = {
    { "a flag", "sign", "yes", CKA_SIGN, HSM_OK, 1, "\1" },
    { "by its whole name", "CKA_SIGN", "true", CKA_SIGN, HSM_OK, 1, "\1" },
    { "in any writing", "Always-Authenticate", "1", CKA_ALWAYS_AUTHENTICATE, HSM_OK, 1, "\1" },
    { "no", "sign", "no", CKA_SIGN, HSM_OK, 1, "\0" },
    { "false", "sign", "false", CKA_SIGN, HSM_OK, 1, "\0" },
    { "0", "sign", "0", CKA_SIGN, HSM_OK, 1, "\0" },
    { "another word", "sign", "perhaps", CKA_SIGN, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "a flag without a word", "sign", "", CKA_SIGN, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "a number", "key_type", "31", CKA_KEY_TYPE, HSM_OK, 8, "\x1f\0\0\0\0\0\0\0" },
    { "the largest", "key_type", "18446744073709551615", CKA_KEY_TYPE, HSM_OK, 8,
      "\xff\xff\xff\xff\xff\xff\xff\xff" },
    { "one more", "key_type", "18446744073709551616", CKA_KEY_TYPE, HSM_E_ATTRIBUTE_VALUE, 0,
      NULL },
    { "no digit", "key_type", "", CKA_KEY_TYPE, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "below zero", "key_type", "-1", CKA_KEY_TYPE, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "a letter", "key_type", "3f", CKA_KEY_TYPE, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "bytes", "id", "00fFa9", CKA_ID, HSM_OK, 3, "\0\xff\xa9" },
    { "no bytes", "id", "", CKA_ID, HSM_OK, 0, "" },
    { "half a byte", "id", "abc", CKA_ID, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "no hexadecimal, first digit", "id", "g0", CKA_ID, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "no hexadecimal, second digit", "id", "0g", CKA_ID, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "a date", "start_date", "2026-11-27", CKA_START_DATE, HSM_OK, 8, "20261127" },
    { "a date without lines", "start_date", "20261127", CKA_START_DATE, HSM_OK, 8, "20261127" },
    { "no date", "start_date", "", CKA_START_DATE, HSM_OK, 0, "" },
    { "a short date", "start_date", "2026-11", CKA_START_DATE, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "a long date", "start_date", "2026-11-271", CKA_START_DATE, HSM_E_ATTRIBUTE_VALUE, 0, NULL },
    { "lines elsewhere", "start_date", "20-26-11-27", CKA_START_DATE, HSM_E_ATTRIBUTE_VALUE, 0,
      NULL },
    { "a month's name", "start_date", "2026-nov-27", CKA_START_DATE, HSM_E_ATTRIBUTE_VALUE, 0,
      NULL },
    { "text", "label", "a label", CKA_LABEL, HSM_OK, 7, "a label" },
    { "no such attribute", "colour", "red", 0, HSM_E_ATTRIBUTE_TYPE, 0, NULL },
    { "the beginning of a name", "sig", "yes", 0, HSM_E_ATTRIBUTE_TYPE, 0, NULL },
    { "more than a name", "signs", "yes", 0, HSM_E_ATTRIBUTE_TYPE, 0, NULL },
    { "no name", "", "yes", 0, HSM_E_ATTRIBUTE_TYPE, 0, NULL },
};

static void values_as_text(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        HSM_AUTO(hsm_named_clear) hsm_named named = { .count = 0 };

        CASE(rows[i].label);
        CHECK_ERR(hsm_named_put_text(&named, rows[i].name, rows[i].text), rows[i].want);
        CHECK_EQ(named.count, rows[i].want == HSM_OK);
        if (named.count != 1 || rows[i].value == NULL)
            continue;
        CHECK_EQ(named.attrs[0].type, rows[i].type);
        CHECK_BYTES(named.attrs[0].value.data, named.attrs[0].value.len, rows[i].value,
                    rows[i].len);
    }
}

static void defaults_give_way(void)
{
    HSM_AUTO(hsm_named_clear) hsm_named named = { .count = 0 };

    CHECK_OK(hsm_named_put_bool(&named, "sign", false));
    CHECK_OK(hsm_named_put_default(&named, "sign", true));
    CHECK_EQ(named.count, 1);
    CHECK_OK(hsm_named_put_default(&named, "verify", true));
    CHECK_EQ(named.count, 2);
    CHECK_ERR(hsm_named_put_default(&named, "colour", true), HSM_E_ATTRIBUTE_TYPE);
    CHECK_ERR(hsm_named_put(&named, "colour", hsm_bytes_none()), HSM_E_ATTRIBUTE_TYPE);
}

static void limits(void)
{
    static char hex[2 * 256 + 3];
    HSM_AUTO(hsm_named_clear) hsm_named named = { .count = 0 };

    CASE("bytes: 256");
    memset(hex, 'a', 2 * 256);
    CHECK_OK(hsm_named_put_text(&named, "id", hex));
    memset(hex, 'a', 2 * 256 + 2);
    CHECK_ERR(hsm_named_put_text(&named, "id", hex), HSM_E_ATTRIBUTE_VALUE);
    CASE("attributes");
    while (named.count < HSM_NAMED_MAX)
        REQUIRE_OK(hsm_named_put_ulong(&named, "key-type", CKK_AES));
    CHECK_ERR(hsm_named_put_ulong(&named, "key-type", CKK_AES), HSM_E_LIMIT);
    CHECK_EQ(named.count, HSM_NAMED_MAX);
}

static const check_test tests[] = {
    CHECK_TEST(values_as_text),
    CHECK_TEST(defaults_give_way),
    CHECK_TEST(limits),
};
CHECK_MAIN(tests)
