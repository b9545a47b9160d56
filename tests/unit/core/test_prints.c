/* Sets of prints: found when they are in, wherever; not when one byte differs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/prints.h"

#include "support/check.h"

enum { COUNT = 40 };

static void add(hsm_buf *prints, uint8_t first, uint8_t last)
{
    uint8_t print[HSM_PRINT_BYTES] = { 0 };

    print[0] = first;
    print[HSM_PRINT_BYTES - 1] = last;
    CHECK_ERR(hsm_buf_append(prints, hsm_bytes_of(print, sizeof print)), HSM_OK);
}

static bool has(const hsm_buf *prints, uint8_t first, uint8_t last)
{
    uint8_t print[HSM_PRINT_BYTES] = { 0 };

    print[0] = first;
    print[HSM_PRINT_BYTES - 1] = last;
    return hsm_prints_have(prints, print);
}

static void sets(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf prints = { 0 };

    CASE("nothing is in an empty one");
    hsm_prints_sort(&prints);
    CHECK_THAT(!has(&prints, 0, 0));
    CASE("each is found, in whatever order they came");
    for (unsigned i = 0; i < COUNT; i++)
        add(&prints, (uint8_t)(i * 37), (uint8_t)(255 - i));
    hsm_prints_sort(&prints);
    for (unsigned i = 0; i < COUNT; i++)
        CHECK_THAT(has(&prints, (uint8_t)(i * 37), (uint8_t)(255 - i)));
    CASE("another last byte, another first byte");
    CHECK_THAT(!has(&prints, 37, 255));
    CHECK_THAT(!has(&prints, 1, 255));
}

/* SHA-256("abc"), FIPS 180-4's example. */
static void print_is_sha256(void)
{
    static const uint8_t want[HSM_PRINT_BYTES] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                   0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23 };
    const hsm_crypto_options options = { .backend = "openssl" };
    hsm_crypto *crypto = NULL;
    uint8_t print[HSM_PRINT_BYTES];

    CASE("the first bytes of SHA-256");
    REQUIRE_OK(hsm_crypto_create(&options, &crypto));
    CHECK_ERR(hsm_print_make(crypto, hsm_bytes_of_text("abc"), print), HSM_OK);
    CHECK_THAT(hsm_bytes_equal(hsm_bytes_of(print, sizeof print), hsm_bytes_of(want, sizeof want)));
    hsm_crypto_destroy(crypto);
}

static const check_test tests[] = {
    CHECK_TEST(sets),
    CHECK_TEST(print_is_sha256),
};
CHECK_MAIN(tests)
