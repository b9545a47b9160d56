/* The layout of our PKCS#11 header against numbers worked out by hand from the standard's
 * structures for a 64-bit system with natural alignment (PKCS#11 v3.2, 3).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pkcs11.h"

#include <stddef.h>

#include "support/check.h"

#define LAYOUT(type, field, want)                     \
    {                                                 \
#type "." #field, offsetof(type, field), want \
    }
#define SIZE(type, want)          \
    {                             \
#type, sizeof(type), want \
    }

static const struct {
    const char *label;
    size_t got;
    size_t want_64;
} layout_cases[] = {
    SIZE(CK_BYTE, 1),
    SIZE(CK_BBOOL, 1),
    SIZE(CK_ULONG, 8),
    SIZE(CK_VERSION, 2),
    SIZE(CK_DATE, 8),
    LAYOUT(CK_INFO, manufacturerID, 2),
    LAYOUT(CK_INFO, flags, 40), /* 2 + 32, then to a multiple of 8 */
    LAYOUT(CK_INFO, libraryVersion, 80),
    SIZE(CK_INFO, 88),
    SIZE(CK_SLOT_INFO, 112),
    LAYOUT(CK_TOKEN_INFO, flags, 96),
    LAYOUT(CK_TOKEN_INFO, utcTime, 188),
    SIZE(CK_TOKEN_INFO, 208),
    SIZE(CK_SESSION_INFO, 32),
    LAYOUT(CK_ATTRIBUTE, ulValueLen, 16),
    SIZE(CK_ATTRIBUTE, 24),
    SIZE(CK_MECHANISM, 24),
    SIZE(CK_INTERFACE, 24),
    SIZE(CK_C_INITIALIZE_ARGS, 48),
    SIZE(CK_RSA_PKCS_PSS_PARAMS, 24),
    SIZE(CK_RSA_PKCS_OAEP_PARAMS, 40),
    SIZE(CK_GCM_PARAMS, 48),
    SIZE(CK_AES_CTR_PARAMS, 24),
    SIZE(CK_ECDH1_DERIVE_PARAMS, 40),
    LAYOUT(CK_EDDSA_PARAMS, ulContextDataLen, 8),
    LAYOUT(CK_HKDF_PARAMS, prfHashMechanism, 8),
    SIZE(CK_HKDF_PARAMS, 64),
    LAYOUT(CK_TLS12_KEY_MAT_PARAMS, RandomInfo, 32),
    LAYOUT(CK_TLS12_KEY_MAT_PARAMS, pReturnedKeyMaterial, 64),
    LAYOUT(CK_FUNCTION_LIST, C_Initialize, 8), /* the version, then pointers */
    LAYOUT(CK_FUNCTION_LIST, C_GetFunctionList, 32),
    LAYOUT(CK_FUNCTION_LIST, C_Sign, 8 + 43 * 8),
    LAYOUT(CK_FUNCTION_LIST, C_WaitForSlotEvent, 8 + 67 * 8),
    SIZE(CK_FUNCTION_LIST, 8 + 68 * 8),
    LAYOUT(CK_FUNCTION_LIST_3_0, C_WaitForSlotEvent, 8 + 67 * 8),
    LAYOUT(CK_FUNCTION_LIST_3_0, C_GetInterfaceList, 8 + 68 * 8),
    SIZE(CK_FUNCTION_LIST_3_0, 8 + 92 * 8),
    LAYOUT(CK_FUNCTION_LIST_3_2, C_EncapsulateKey, 8 + 92 * 8),
    LAYOUT(CK_FUNCTION_LIST_3_2, C_UnwrapKeyAuthenticated, 8 + 103 * 8),
    SIZE(CK_FUNCTION_LIST_3_2, 8 + 104 * 8),
};

static void layout(void)
{
    if (sizeof(void *) != 8)
        SKIP("the numbers are those of a 64-bit system");
    for (size_t i = 0; i < sizeof layout_cases / sizeof layout_cases[0]; i++) {
        CASE(layout_cases[i].label);
        CHECK_EQ(layout_cases[i].got, layout_cases[i].want_64);
    }
}

/* Values that many programs have compiled in. */
static void constants(void)
{
    CHECK_EQ(CK_TRUE, 1);
    CHECK_EQ(CK_FALSE, 0);
    CHECK_EQ(CK_UNAVAILABLE_INFORMATION, (CK_ULONG)-1);
    CHECK_EQ(CKR_BUFFER_TOO_SMALL, 0x150);
    CHECK_EQ(CKA_WRAP_TEMPLATE, 0x40000211);
    CHECK_EQ(CKA_ALLOWED_MECHANISMS, 0x40000600);
    CHECK_EQ(CKA_VENDOR_DEFINED, 0x80000000);
    CHECK_EQ(CKM_ECDSA_SHA256, 0x1044);
    CHECK_EQ(CKM_SHA256_RSA_PKCS_PSS, 0x43);
    CHECK_EQ(CKM_AES_GCM, 0x1087);
    CHECK_EQ(CKK_EC_EDWARDS, 0x40);
    CHECK_EQ(CKU_CONTEXT_SPECIFIC, 2);
    CHECK_EQ(CKF_RW_SESSION | CKF_SERIAL_SESSION, 6);
}

static const check_test tests[] = {
    CHECK_TEST(layout),
    CHECK_TEST(constants),
};
CHECK_MAIN(tests)
