/* SPDX-License-Identifier: Apache-2.0 */
#include "params.h"

#include <stdbool.h>
#include <string.h>

#include "crypto/mech.h"

enum {
    SPAN_MAX_BYTES = 300,
    ELEMENTS_MAX = 12,
    ATTRS_MAX = 12,
    POINTERS_MAX = 4,
    DEPTH_MAX = 3,
};

/* What a pointer leads to. */
typedef enum target_kind {
    NOTHING,  /* the end of a row */
    BYTES,    /* as many bytes as the length field says */
    FIXED,    /* room of a fixed size, whose length is nowhere */
    ELEMENTS, /* as many structures as the length field says */
    TEMPLATE, /* as many attributes as the length field says */
} target_kind;

#define NO_LENGTH SIZE_MAX

typedef struct pointer_row {
    target_kind kind;
    size_t at;        /* of the pointer in the structure */
    size_t length_at; /* of the CK_ULONG that counts, or NO_LENGTH */
    size_t size;      /* FIXED: bytes */
    size_t layout;    /* ELEMENTS: index into layouts */
} pointer_row;

typedef struct layout_row {
    size_t size;
    pointer_row pointers[POINTERS_MAX];
} layout_row;

enum {
    LAYOUT_PRF_DATA,
    LAYOUT_DERIVED_KEY,
    LAYOUT_OAEP,
    LAYOUT_MATERIAL,
    LAYOUT_RSA_PKCS_PSS,
    LAYOUT_ECDH1_DERIVE,
    LAYOUT_X9_42_DH1_DERIVE,
    LAYOUT_AES_CBC_ENCRYPT_DATA,
    LAYOUT_KEY_DERIVATION_STRING_DATA,
    LAYOUT_PKCS5_PBKD2,
    LAYOUT_GCM,
    LAYOUT_GCM_WRAP,
    LAYOUT_CCM,
    LAYOUT_CCM_WRAP,
    LAYOUT_GCM_MESSAGE,
    LAYOUT_CCM_MESSAGE,
    LAYOUT_SALSA20_CHACHA20_POLY1305_MSG,
    LAYOUT_SALSA20_CHACHA20_POLY1305,
    LAYOUT_CHACHA20,
    LAYOUT_AES_CTR,
    LAYOUT_ECDH_AES_KEY_WRAP,
    LAYOUT_RSA_AES_KEY_WRAP,
    LAYOUT_TLS12_MASTER_KEY_DERIVE,
    LAYOUT_TLS12_EXTENDED_MASTER_KEY_DERIVE,
    LAYOUT_TLS12_KEY_MAT,
    LAYOUT_TLS_KDF,
    LAYOUT_SP800_108_KDF,
    LAYOUT_SP800_108_FEEDBACK_KDF,
    LAYOUT_EDDSA,
    LAYOUT_HKDF,
    LAYOUT_IKE2_PRF_PLUS_DERIVE,
    LAYOUT_IKE_PRF_DERIVE,
    LAYOUT_IKE1_PRF_DERIVE,
    LAYOUT_IKE1_EXTENDED_DERIVE,
    LAYOUT_SIGN_ADDITIONAL_CONTEXT,
    LAYOUT_HASH_SIGN_ADDITIONAL_CONTEXT,
    LAYOUT_COUNT,
};

#define SPAN(type, pointer, length)                                  \
    {                                                                \
        BYTES, offsetof(type, pointer), offsetof(type, length), 0, 0 \
    }
#define ROOM(type, pointer, bytes)                          \
    {                                                       \
        FIXED, offsetof(type, pointer), NO_LENGTH, bytes, 0 \
    }
#define LIST(type, pointer, length, of)                                  \
    {                                                                    \
        ELEMENTS, offsetof(type, pointer), offsetof(type, length), 0, of \
    }
#define ONE(type, pointer, of)                              \
    {                                                       \
        ELEMENTS, offsetof(type, pointer), NO_LENGTH, 0, of \
    }
#define RANDOMS(type)                                                   \
    SPAN(type, RandomInfo.pClientRandom, RandomInfo.ulClientRandomLen), \
        SPAN(type, RandomInfo.pServerRandom, RandomInfo.ulServerRandomLen)

static const layout_row layouts[] = {
    [LAYOUT_PRF_DATA] = { sizeof(CK_PRF_DATA_PARAM),
                          { SPAN(CK_PRF_DATA_PARAM, pValue, ulValueLen) } },
    [LAYOUT_DERIVED_KEY] = { sizeof(CK_DERIVED_KEY),
                             { { TEMPLATE, offsetof(CK_DERIVED_KEY, pTemplate),
                                 offsetof(CK_DERIVED_KEY, ulAttributeCount), 0, 0 },
                               ROOM(CK_DERIVED_KEY, phKey, sizeof(CK_OBJECT_HANDLE)) } },
    [LAYOUT_OAEP] = { sizeof(CK_RSA_PKCS_OAEP_PARAMS),
                      { SPAN(CK_RSA_PKCS_OAEP_PARAMS, pSourceData, ulSourceDataLen) } },
    [LAYOUT_MATERIAL] = { sizeof(CK_SSL3_KEY_MAT_OUT),
                          { ROOM(CK_SSL3_KEY_MAT_OUT, pIVClient, 64),
                            ROOM(CK_SSL3_KEY_MAT_OUT, pIVServer, 64) } },
    [LAYOUT_RSA_PKCS_PSS] = { sizeof(CK_RSA_PKCS_PSS_PARAMS), { { .kind = NOTHING } } },
    [LAYOUT_ECDH1_DERIVE] = { sizeof(CK_ECDH1_DERIVE_PARAMS),
                              { SPAN(CK_ECDH1_DERIVE_PARAMS, pSharedData, ulSharedDataLen),
                                SPAN(CK_ECDH1_DERIVE_PARAMS, pPublicData, ulPublicDataLen) } },
    [LAYOUT_X9_42_DH1_DERIVE] = { sizeof(CK_X9_42_DH1_DERIVE_PARAMS),
                                  { SPAN(CK_X9_42_DH1_DERIVE_PARAMS, pOtherInfo, ulOtherInfoLen),
                                    SPAN(CK_X9_42_DH1_DERIVE_PARAMS, pPublicData,
                                         ulPublicDataLen) } },
    [LAYOUT_AES_CBC_ENCRYPT_DATA] = { sizeof(CK_AES_CBC_ENCRYPT_DATA_PARAMS),
                                      { SPAN(CK_AES_CBC_ENCRYPT_DATA_PARAMS, pData, length) } },
    [LAYOUT_KEY_DERIVATION_STRING_DATA] = { sizeof(CK_KEY_DERIVATION_STRING_DATA),
                                            { SPAN(CK_KEY_DERIVATION_STRING_DATA, pData, ulLen) } },
    [LAYOUT_PKCS5_PBKD2] = { sizeof(CK_PKCS5_PBKD2_PARAMS2),
                             { SPAN(CK_PKCS5_PBKD2_PARAMS2, pSaltSourceData, ulSaltSourceDataLen),
                               SPAN(CK_PKCS5_PBKD2_PARAMS2, pPrfData, ulPrfDataLen),
                               SPAN(CK_PKCS5_PBKD2_PARAMS2, pPassword, ulPasswordLen) } },
    [LAYOUT_GCM] = { sizeof(CK_GCM_PARAMS),
                     { SPAN(CK_GCM_PARAMS, pIv, ulIvLen), SPAN(CK_GCM_PARAMS, pAAD, ulAADLen) } },
    [LAYOUT_GCM_WRAP] = { sizeof(CK_GCM_WRAP_PARAMS),
                          { SPAN(CK_GCM_WRAP_PARAMS, pIv, ulIvLen),
                            SPAN(CK_GCM_WRAP_PARAMS, pAAD, ulAADLen) } },
    [LAYOUT_CCM] = { sizeof(CK_CCM_PARAMS),
                     { SPAN(CK_CCM_PARAMS, pNonce, ulNonceLen),
                       SPAN(CK_CCM_PARAMS, pAAD, ulAADLen) } },
    [LAYOUT_CCM_WRAP] = { sizeof(CK_CCM_WRAP_PARAMS),
                          { SPAN(CK_CCM_WRAP_PARAMS, pNonce, ulNonceLen),
                            SPAN(CK_CCM_WRAP_PARAMS, pAAD, ulAADLen) } },
    [LAYOUT_GCM_MESSAGE] = { sizeof(CK_GCM_MESSAGE_PARAMS),
                             { SPAN(CK_GCM_MESSAGE_PARAMS, pIv, ulIvLen),
                               ROOM(CK_GCM_MESSAGE_PARAMS, pTag, 16) } },
    [LAYOUT_CCM_MESSAGE] = { sizeof(CK_CCM_MESSAGE_PARAMS),
                             { SPAN(CK_CCM_MESSAGE_PARAMS, pNonce, ulNonceLen),
                               ROOM(CK_CCM_MESSAGE_PARAMS, pMAC, 16) } },
    [LAYOUT_SALSA20_CHACHA20_POLY1305_MSG] = { sizeof(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS),
                                               { SPAN(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
                                                      pNonce, ulNonceLen),
                                                 ROOM(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, pTag,
                                                      16) } },
    [LAYOUT_SALSA20_CHACHA20_POLY1305] = { sizeof(CK_SALSA20_CHACHA20_POLY1305_PARAMS),
                                           { SPAN(CK_SALSA20_CHACHA20_POLY1305_PARAMS, pNonce,
                                                  ulNonceLen),
                                             SPAN(CK_SALSA20_CHACHA20_POLY1305_PARAMS, pAAD,
                                                  ulAADLen) } },
    [LAYOUT_CHACHA20] = { sizeof(CK_CHACHA20_PARAMS),
                          { ROOM(CK_CHACHA20_PARAMS, pBlockCounter, 8),
                            ROOM(CK_CHACHA20_PARAMS, pNonce, 24) } },
    [LAYOUT_AES_CTR] = { sizeof(CK_AES_CTR_PARAMS), { { .kind = NOTHING } } },
    [LAYOUT_ECDH_AES_KEY_WRAP] = { sizeof(CK_ECDH_AES_KEY_WRAP_PARAMS),
                                   { SPAN(CK_ECDH_AES_KEY_WRAP_PARAMS, pSharedData,
                                          ulSharedDataLen) } },
    [LAYOUT_RSA_AES_KEY_WRAP] = { sizeof(CK_RSA_AES_KEY_WRAP_PARAMS),
                                  { ONE(CK_RSA_AES_KEY_WRAP_PARAMS, pOAEPParams, LAYOUT_OAEP) } },
    [LAYOUT_TLS12_MASTER_KEY_DERIVE] = { sizeof(CK_TLS12_MASTER_KEY_DERIVE_PARAMS),
                                         { RANDOMS(CK_TLS12_MASTER_KEY_DERIVE_PARAMS),
                                           ROOM(CK_TLS12_MASTER_KEY_DERIVE_PARAMS, pVersion,
                                                sizeof(CK_VERSION)) } },
    [LAYOUT_TLS12_EXTENDED_MASTER_KEY_DERIVE] = { sizeof(
                                                      CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS),
                                                  { SPAN(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
                                                         pSessionHash, ulSessionHashLen),
                                                    ROOM(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
                                                         pVersion, sizeof(CK_VERSION)) } },
    [LAYOUT_TLS12_KEY_MAT] = { sizeof(CK_TLS12_KEY_MAT_PARAMS),
                               { RANDOMS(CK_TLS12_KEY_MAT_PARAMS),
                                 ONE(CK_TLS12_KEY_MAT_PARAMS, pReturnedKeyMaterial,
                                     LAYOUT_MATERIAL) } },
    [LAYOUT_TLS_KDF] = { sizeof(CK_TLS_KDF_PARAMS),
                         { RANDOMS(CK_TLS_KDF_PARAMS),
                           SPAN(CK_TLS_KDF_PARAMS, pLabel, ulLabelLength),
                           SPAN(CK_TLS_KDF_PARAMS, pContextData, ulContextDataLength) } },
    [LAYOUT_SP800_108_KDF] = { sizeof(CK_SP800_108_KDF_PARAMS),
                               { LIST(CK_SP800_108_KDF_PARAMS, pDataParams, ulNumberOfDataParams,
                                      LAYOUT_PRF_DATA),
                                 LIST(CK_SP800_108_KDF_PARAMS, pAdditionalDerivedKeys,
                                      ulAdditionalDerivedKeys, LAYOUT_DERIVED_KEY) } },
    [LAYOUT_SP800_108_FEEDBACK_KDF] = { sizeof(CK_SP800_108_FEEDBACK_KDF_PARAMS),
                                        { LIST(CK_SP800_108_FEEDBACK_KDF_PARAMS, pDataParams,
                                               ulNumberOfDataParams, LAYOUT_PRF_DATA),
                                          SPAN(CK_SP800_108_FEEDBACK_KDF_PARAMS, pIV, ulIVLen),
                                          LIST(CK_SP800_108_FEEDBACK_KDF_PARAMS,
                                               pAdditionalDerivedKeys, ulAdditionalDerivedKeys,
                                               LAYOUT_DERIVED_KEY) } },
    [LAYOUT_EDDSA] = { sizeof(CK_EDDSA_PARAMS),
                       { SPAN(CK_EDDSA_PARAMS, pContextData, ulContextDataLen) } },
    [LAYOUT_HKDF] = { sizeof(CK_HKDF_PARAMS),
                      { SPAN(CK_HKDF_PARAMS, pSalt, ulSaltLen),
                        SPAN(CK_HKDF_PARAMS, pInfo, ulInfoLen) } },
    [LAYOUT_IKE2_PRF_PLUS_DERIVE] = { sizeof(CK_IKE2_PRF_PLUS_DERIVE_PARAMS),
                                      { SPAN(CK_IKE2_PRF_PLUS_DERIVE_PARAMS, pSeedData,
                                             ulSeedDataLen) } },
    [LAYOUT_IKE_PRF_DERIVE] = { sizeof(CK_IKE_PRF_DERIVE_PARAMS),
                                { SPAN(CK_IKE_PRF_DERIVE_PARAMS, pNi, ulNiLen),
                                  SPAN(CK_IKE_PRF_DERIVE_PARAMS, pNr, ulNrLen) } },
    [LAYOUT_IKE1_PRF_DERIVE] = { sizeof(CK_IKE1_PRF_DERIVE_PARAMS),
                                 { SPAN(CK_IKE1_PRF_DERIVE_PARAMS, pCKYi, ulCKYiLen),
                                   SPAN(CK_IKE1_PRF_DERIVE_PARAMS, pCKYr, ulCKYrLen) } },
    [LAYOUT_IKE1_EXTENDED_DERIVE] = { sizeof(CK_IKE1_EXTENDED_DERIVE_PARAMS),
                                      { SPAN(CK_IKE1_EXTENDED_DERIVE_PARAMS, pExtraData,
                                             ulExtraDataLen) } },
    [LAYOUT_SIGN_ADDITIONAL_CONTEXT] = { sizeof(CK_SIGN_ADDITIONAL_CONTEXT),
                                         { SPAN(CK_SIGN_ADDITIONAL_CONTEXT, pContext,
                                                ulContextLen) } },
    [LAYOUT_HASH_SIGN_ADDITIONAL_CONTEXT] = { sizeof(CK_HASH_SIGN_ADDITIONAL_CONTEXT),
                                              { SPAN(CK_HASH_SIGN_ADDITIONAL_CONTEXT, pContext,
                                                     ulContextLen) } },
};

CK_ULONG fuzz_number(fuzz_input *input)
{
    static const CK_ULONG odd[] = { 0, 1, CK_UNAVAILABLE_INFORMATION, 0x80000000UL, 0xffffffffUL };
    const uint8_t kind = fuzz_u8(input);

    if (kind < 5)
        return odd[kind];
    return kind < 200 ? fuzz_u8(input) : fuzz_u32(input);
}

static void fill(fuzz_input *input, size_t layout, unsigned depth, void *out);

static CK_ATTRIBUTE *make_template(fuzz_input *input, CK_ULONG count, unsigned depth);

/* What the pointer leads to, and how much of it there is; NULL with any count at all. */
static void *make_target(fuzz_input *input, const pointer_row *row, unsigned depth, CK_ULONG *count)
{
    if (fuzz_u8(input) % 16 == 15 || depth == DEPTH_MAX) {
        *count = fuzz_number(input);
        return NULL;
    }
    if (row->kind == FIXED)
        return fuzz_block(input, row->size);
    if (row->kind == BYTES) {
        *count = fuzz_below(input, SPAN_MAX_BYTES);
        return fuzz_block(input, *count);
    }
    *count = row->length_at == NO_LENGTH ? 1 : fuzz_below(input, ELEMENTS_MAX);
    if (row->kind == TEMPLATE)
        return make_template(input, *count, depth + 1);

    const size_t size = layouts[row->layout].size;
    uint8_t *list = fuzz_room(input, *count * size);
    for (CK_ULONG i = 0; list != NULL && i < *count; i++)
        fill(input, row->layout, depth + 1, list + i * size);
    return list;
}

static void fill(fuzz_input *input, size_t layout, unsigned depth, void *out)
{
    for (size_t i = 0; i < POINTERS_MAX; i++) {
        const pointer_row *row = &layouts[layout].pointers[i];
        CK_ULONG count = 0;

        if (row->kind == NOTHING)
            return;
        const void *target = make_target(input, row, depth, &count);
        memcpy((uint8_t *)out + row->at, &target, sizeof target);
        if (row->length_at != NO_LENGTH)
            memcpy((uint8_t *)out + row->length_at, &count, sizeof count);
    }
}

/* Fields that are no pointers: CK_ULONG or smaller, all of them taken as numbers. */
static void fill_numbers(fuzz_input *input, size_t size, uint8_t *out)
{
    for (size_t at = 0; at + sizeof(CK_ULONG) <= size; at += sizeof(CK_ULONG)) {
        const CK_ULONG number = fuzz_number(input);

        memcpy(out + at, &number, sizeof number);
    }
}

/* Which structure a mechanism's parameter is: it must be the right one, because a number where the
 * mechanism has a pointer is not a caller's mistake that a module could notice. */
#define ANY_ALG HSM_ALG_COUNT
static const struct {
    hsm_param_shape shape;
    hsm_alg alg;
    size_t layout;
} shapes[] = {
    { HSM_PARAM_CTR, ANY_ALG, LAYOUT_AES_CTR },
    { HSM_PARAM_GCM, ANY_ALG, LAYOUT_GCM },
    { HSM_PARAM_GCM, ANY_ALG, LAYOUT_GCM_WRAP },
    { HSM_PARAM_PSS, ANY_ALG, LAYOUT_RSA_PKCS_PSS },
    { HSM_PARAM_OAEP, ANY_ALG, LAYOUT_OAEP },
    { HSM_PARAM_EDDSA, ANY_ALG, LAYOUT_EDDSA },
    { HSM_PARAM_ECDH1, ANY_ALG, LAYOUT_ECDH1_DERIVE },
    { HSM_PARAM_X9_42, ANY_ALG, LAYOUT_X9_42_DH1_DERIVE },
    { HSM_PARAM_CCM, ANY_ALG, LAYOUT_CCM },
    { HSM_PARAM_CCM, ANY_ALG, LAYOUT_CCM_WRAP },
    { HSM_PARAM_CHACHA20, ANY_ALG, LAYOUT_CHACHA20 },
    { HSM_PARAM_CHACHA20_POLY1305, ANY_ALG, LAYOUT_SALSA20_CHACHA20_POLY1305 },
    { HSM_PARAM_PBKDF2, ANY_ALG, LAYOUT_PKCS5_PBKD2 },
    { HSM_PARAM_RSA_AES_WRAP, ANY_ALG, LAYOUT_RSA_AES_KEY_WRAP },
    { HSM_PARAM_ECDH_AES_WRAP, ANY_ALG, LAYOUT_ECDH_AES_KEY_WRAP },
    { HSM_PARAM_SIGN_CONTEXT, ANY_ALG, LAYOUT_SIGN_ADDITIONAL_CONTEXT },
    { HSM_PARAM_HASH_SIGN_CONTEXT, ANY_ALG, LAYOUT_HASH_SIGN_ADDITIONAL_CONTEXT },
    { HSM_PARAM_KDF, HSM_ALG_CONCAT_BASE_DATA, LAYOUT_KEY_DERIVATION_STRING_DATA },
    { HSM_PARAM_KDF, HSM_ALG_CONCAT_DATA_BASE, LAYOUT_KEY_DERIVATION_STRING_DATA },
    { HSM_PARAM_KDF, HSM_ALG_XOR_BASE_DATA, LAYOUT_KEY_DERIVATION_STRING_DATA },
    { HSM_PARAM_KDF, HSM_ALG_ENCRYPT_DATA_ECB, LAYOUT_KEY_DERIVATION_STRING_DATA },
    { HSM_PARAM_KDF, HSM_ALG_ENCRYPT_DATA_CBC, LAYOUT_AES_CBC_ENCRYPT_DATA },
    { HSM_PARAM_KDF, HSM_ALG_HKDF, LAYOUT_HKDF },
    { HSM_PARAM_KDF, HSM_ALG_KBKDF_COUNTER, LAYOUT_SP800_108_KDF },
    { HSM_PARAM_KDF, HSM_ALG_KBKDF_PIPELINE, LAYOUT_SP800_108_KDF },
    { HSM_PARAM_KDF, HSM_ALG_KBKDF_FEEDBACK, LAYOUT_SP800_108_FEEDBACK_KDF },
    { HSM_PARAM_KDF, HSM_ALG_TLS12_MASTER, LAYOUT_TLS12_MASTER_KEY_DERIVE },
    { HSM_PARAM_KDF, HSM_ALG_TLS12_EXTENDED, LAYOUT_TLS12_EXTENDED_MASTER_KEY_DERIVE },
    { HSM_PARAM_KDF, HSM_ALG_TLS12_KEYS, LAYOUT_TLS12_KEY_MAT },
    { HSM_PARAM_KDF, HSM_ALG_TLS12_SAFE_KEYS, LAYOUT_TLS12_KEY_MAT },
    { HSM_PARAM_KDF, HSM_ALG_TLS12_EXPORTER, LAYOUT_TLS_KDF },
    { HSM_PARAM_KDF, HSM_ALG_IKE_PRF, LAYOUT_IKE_PRF_DERIVE },
    { HSM_PARAM_KDF, HSM_ALG_IKE1_PRF, LAYOUT_IKE1_PRF_DERIVE },
    { HSM_PARAM_KDF, HSM_ALG_IKE1_EXTENDED, LAYOUT_IKE1_EXTENDED_DERIVE },
    { HSM_PARAM_KDF, HSM_ALG_IKE2_PRF_PLUS, LAYOUT_IKE2_PRF_PLUS_DERIVE },
};

/* One of the structures that fit; LAYOUT_COUNT: the mechanism has none. */
static size_t layout_of(fuzz_input *input, const hsm_mech *mech)
{
    size_t found = LAYOUT_COUNT;

    for (size_t i = 0; mech != NULL && i < sizeof shapes / sizeof shapes[0]; i++) {
        if (shapes[i].shape != mech->params ||
            (shapes[i].alg != ANY_ALG && shapes[i].alg != mech->alg))
            continue;
        if (found == LAYOUT_COUNT || fuzz_u8(input) % 4 == 3)
            found = shapes[i].layout;
    }
    return found;
}

static void make_struct(fuzz_input *input, size_t layout, CK_VOID_PTR *out_param, CK_ULONG *out_len)
{
    uint8_t *made = fuzz_room(input, layouts[layout].size);

    *out_param = made;
    *out_len = 0;
    if (made == NULL)
        return;
    fill_numbers(input, layouts[layout].size, made);
    fill(input, layout, 0, made);
    *out_len = layouts[layout].size - (fuzz_u8(input) == 255);
}

/* Plain bytes. Where the mechanism has a structure they must not be taken for one: no structure with
 * a pointer has an odd size. */
static void make_bytes(fuzz_input *input, bool is_odd, CK_VOID_PTR *out_param, CK_ULONG *out_len)
{
    const size_t len = fuzz_below(input, 65) | (is_odd ? 1 : 0);

    *out_param = fuzz_block(input, len);
    *out_len = *out_param != NULL ? len : 0;
}

/* Shapes that are read as bytes or numbers; not of a shape that is not known here. */
static bool is_plain(const hsm_mech *mech)
{
    return mech == NULL || mech->params == HSM_PARAM_NONE || mech->params == HSM_PARAM_IV8 ||
           mech->params == HSM_PARAM_IV16 || mech->params == HSM_PARAM_KW_IV ||
           mech->params == HSM_PARAM_MAC_LEN || mech->params == HSM_PARAM_DH ||
           mech->alg == HSM_ALG_EXTRACT || mech->alg == HSM_ALG_CONCAT_BASE_KEY;
}

void fuzz_param(fuzz_input *input, CK_MECHANISM_TYPE mechanism, CK_VOID_PTR *out_param,
                CK_ULONG *out_len)
{
    const hsm_mech *mech = hsm_mech_find(mechanism);
    const size_t layout = layout_of(input, mech);
    const uint8_t choice = fuzz_u8(input);

    *out_param = NULL;
    *out_len = 0;
    if (choice % 16 == 15)
        return;
    if (layout < LAYOUT_COUNT && choice % 16 < 14)
        make_struct(input, layout, out_param, out_len);
    else
        make_bytes(input, !is_plain(mech), out_param, out_len);
}

void fuzz_message_param(fuzz_input *input, CK_VOID_PTR *out_param, CK_ULONG *out_len)
{
    static const size_t messages[] = { LAYOUT_GCM_MESSAGE, LAYOUT_CCM_MESSAGE,
                                       LAYOUT_SALSA20_CHACHA20_POLY1305_MSG };

    /* Their sizes differ, so the wrong one is refused. */
    make_struct(input, messages[fuzz_below(input, sizeof messages / sizeof messages[0])], out_param,
                out_len);
}

static const CK_ATTRIBUTE_TYPE types[] = {
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_TRUSTED,
    CKA_CHECK_VALUE,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_PUBLIC_KEY_INFO,
    CKA_PRIME,
    CKA_BASE,
    CKA_VALUE_LEN,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_PARAMETER_SET,
    CKA_SEED,
    CKA_PROFILE_ID,
};

static bool is_template(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_WRAP_TEMPLATE || type == CKA_UNWRAP_TEMPLATE || type == CKA_DERIVE_TEMPLATE;
}

static void make_attribute(fuzz_input *input, unsigned depth, CK_ATTRIBUTE *out)
{
    const size_t which = fuzz_below(input, sizeof types / sizeof types[0] + 1);
    const uint8_t form = fuzz_u8(input);
    CK_ULONG number = 0;

    out->type = which < sizeof types / sizeof types[0] ? types[which] : fuzz_number(input);
    if (is_template(out->type) && depth < DEPTH_MAX) {
        number = fuzz_below(input, 4);
        out->pValue = make_template(input, number, depth + 1);
        out->ulValueLen = out->pValue != NULL ? number * sizeof(CK_ATTRIBUTE) : 0;
        return;
    }
    out->ulValueLen = form < 100   ? sizeof(CK_BBOOL)
                      : form < 200 ? sizeof(CK_ULONG)
                                   : fuzz_below(input, SPAN_MAX_BYTES);
    if (form >= 100 && form < 200)
        number = fuzz_number(input);
    out->pValue = form == 255 ? NULL : fuzz_block(input, out->ulValueLen);
    if (out->pValue != NULL && form >= 100 && form < 200)
        memcpy(out->pValue, &number, sizeof number);
    if (out->pValue == NULL && form != 255)
        out->ulValueLen = 0;
}

static CK_ATTRIBUTE *make_template(fuzz_input *input, CK_ULONG count, unsigned depth)
{
    CK_ATTRIBUTE *list = fuzz_room(input, count * sizeof *list);

    for (CK_ULONG i = 0; list != NULL && i < count; i++)
        make_attribute(input, depth, &list[i]);
    return list;
}

CK_ATTRIBUTE *fuzz_template(fuzz_input *input, CK_ULONG *out_count)
{
    const CK_ULONG count = fuzz_below(input, ATTRS_MAX + 1);
    CK_ATTRIBUTE *list = make_template(input, count, 0);

    *out_count = list != NULL ? count : 0;
    return list;
}
