/* What comes out of a wrapped key: the input is encrypted as the wrapping mechanism does, so that the
 * token opens it and meets any bytes at all as a key, with any template.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "params.h"
#include "world.h"

enum { PLAIN_MAX_BYTES = 8192, TEMPLATE_MAX = 16 };

static CK_BYTE zero_iv[16];

/* Mechanisms that encrypt what they would wrap. */
static CK_MECHANISM mechanisms[] = {
    { CKM_AES_CBC_PAD, zero_iv, sizeof zero_iv },
    { CKM_AES_KEY_WRAP_KWP, NULL, 0 },
    { CKM_AES_KEY_WRAP, NULL, 0 },
    { CKM_AES_CTR, NULL, 0 }, /* no wrapping mechanism: refused */
};

static CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_SECRET_KEY };
static CK_KEY_TYPE types[] = {
    CKK_RSA,    CKK_EC,     CKK_EC_EDWARDS, CKK_EC_MONTGOMERY,  CKK_DH, CKK_X9_42_DH, CKK_AES,
    CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA,    CKK_GENERIC_SECRET,
};

static void use(const fuzz_world *world, CK_OBJECT_HANDLE key)
{
    CK_BYTE value[256];
    CK_ATTRIBUTE attrs[] = { { CKA_PUBLIC_KEY_INFO, NULL, 0 },
                             { CKA_CHECK_VALUE, value, sizeof value } };
    CK_MECHANISM wrap = mechanisms[0];
    CK_ULONG len = 0;

    (void)C_GetAttributeValue(world->session, key, attrs, 2);
    (void)C_WrapKey(world->session, &wrap, world->aes, key, NULL, &len);
    FUZZ_REQUIRE(C_DestroyObject(world->session, key) == CKR_OK);
}

static void unwrap(const fuzz_world *world, fuzz_input *input, const CK_BYTE *wrapped, CK_ULONG len,
                   CK_MECHANISM *mechanism)
{
    CK_ATTRIBUTE tmpl[TEMPLATE_MAX];
    CK_ULONG count = 0;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    tmpl[0] = (CK_ATTRIBUTE){ CKA_CLASS, &classes[fuzz_below(input, 2)], sizeof classes[0] };
    tmpl[1] =
        (CK_ATTRIBUTE){ CKA_KEY_TYPE, &types[fuzz_below(input, sizeof types / sizeof types[0])],
                        sizeof types[0] };
    const CK_ATTRIBUTE *more = fuzz_template(input, &count);
    for (CK_ULONG i = 0; i < count; i++) {
        tmpl[2 + i] = more[i];
        /* Every key goes again at once. */
        if (more[i].type == CKA_DESTROYABLE || more[i].type == CKA_TOKEN)
            tmpl[2 + i].type = CKA_MODIFIABLE;
    }

    const CK_RV rv = C_UnwrapKey(world->session, mechanism, world->aes,
                                 (CK_BYTE *)(uintptr_t)wrapped, len, tmpl, 2 + count, &key);
    FUZZ_REQUIRE(rv != CKR_GENERAL_ERROR);
    if (rv == CKR_OK)
        use(world, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fuzz_world *world = fuzz_world_get();
    fuzz_input input = fuzz_input_of(data, size);
    CK_BYTE wrapped[PLAIN_MAX_BYTES + 64];
    CK_ULONG wrapped_len = sizeof wrapped;
    const size_t which = fuzz_below(&input, sizeof mechanisms / sizeof mechanisms[0]);
    size_t plain_len = fuzz_below(&input, PLAIN_MAX_BYTES);
    plain_len = plain_len < input.len ? plain_len : input.len;
    CK_BYTE *plain = fuzz_block(&input, plain_len);

    if (C_EncryptInit(world->session, &mechanisms[which], world->aes) == CKR_OK &&
        C_Encrypt(world->session, plain, plain_len, wrapped, &wrapped_len) == CKR_OK)
        unwrap(world, &input, wrapped, wrapped_len, &mechanisms[which]);
    fuzz_input_clear(&input);
    return 0;
}
