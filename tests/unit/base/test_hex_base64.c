/* Bytes as text: hexadecimal and base64, by the test vectors of RFC 4648, 10.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "support/check.h"

static const struct {
    const char *plain;
    const char *base64;
    const char *hex; /* the RFC has capitals */
} vectors[] = {
    { "", "", "" },
    { "f", "Zg==", "66" },
    { "fo", "Zm8=", "666f" },
    { "foo", "Zm9v", "666f6f" },
    { "foob", "Zm9vYg==", "666f6f62" },
    { "fooba", "Zm9vYmE=", "666f6f6261" },
    { "foobar", "Zm9vYmFy", "666f6f626172" },
};

static void encodes(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(vectors); i++) {
        const hsm_bytes plain = hsm_bytes_of_text(vectors[i].plain);
        char text[16];

        CASE(vectors[i].plain);
        CHECK_EQ(HSM_BASE64_CHARS(plain.len), strlen(vectors[i].base64));
        memset(text, '#', sizeof text);
        hsm_base64_encode(plain, text);
        CHECK_BYTES(text, strlen(vectors[i].base64), vectors[i].base64, strlen(vectors[i].base64));
        CHECK_EQ(text[strlen(vectors[i].base64)], '#');
        memset(text, '#', sizeof text);
        hsm_hex_encode(plain, text);
        CHECK_BYTES(text, 2 * plain.len, vectors[i].hex, strlen(vectors[i].hex));
        CHECK_EQ(text[2 * plain.len], '#');
    }
}

static void decodes_base64(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(vectors); i++) {
        uint8_t plain[8];
        size_t len = strlen(vectors[i].plain);

        CASE(vectors[i].plain);
        CHECK_OK(hsm_base64_decode(hsm_bytes_of_text(vectors[i].base64), plain, &len));
        CHECK_BYTES(plain, len, vectors[i].plain, strlen(vectors[i].plain));
        if (len == 0)
            continue;
        len--;
        CHECK_ERR(hsm_base64_decode(hsm_bytes_of_text(vectors[i].base64), plain, &len),
                  HSM_E_BUFFER_TOO_SMALL);
    }
}

static void refuses_base64(void)
{
    static const char *const bad[] = { "Z",    "Zg",   "Zg=",    "Zh==",  "Zm9=", "Zg==Zg==",
                                       "Z===", "====", "Zm9v\n", "Zm 9v", "Zm9-", "=Zm9" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(bad); i++) {
        uint8_t plain[8];
        size_t len = sizeof plain;

        CASE(bad[i]);
        CHECK_ERR(hsm_base64_decode(hsm_bytes_of_text(bad[i]), plain, &len), HSM_E_DATA);
    }
}

static void digits(void)
{
    static const char in_order[] = "0123456789abcdef";
    static const char capitals[] = "ABCDEF";

    for (int c = -1; c <= 256; c++) {
        const char *small = c > 0 && c < 256 ? strchr(in_order, c) : NULL;
        const char *capital = c > 0 && c < 256 ? strchr(capitals, c) : NULL;
        const long want = small != NULL     ? small - in_order
                          : capital != NULL ? 10 + (capital - capitals)
                                            : -1;
        CHECK_EQ(hsm_hex_digit(c), want);
    }
}

static const check_test tests[] = {
    CHECK_TEST(encodes),
    CHECK_TEST(decodes_base64),
    CHECK_TEST(refuses_base64),
    CHECK_TEST(digits),
};
CHECK_MAIN(tests)
