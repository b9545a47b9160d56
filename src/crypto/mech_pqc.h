/* Rows of the mechanism table for ML-DSA, ML-KEM and SLH-DSA; included by mech.c only. Sizes are
 * those of the public key in bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_MECH_PQC_H
#define HSM_CRYPTO_MECH_PQC_H

#include "crypto/mech.h"

#define PQC_ROW(NAME, SOURCE, KEY, MIN_BYTES, MAX_BYTES)                                       \
    .id = CKM_##NAME, .name = #NAME, .source = SOURCE "; PKCS#11 v3.2", .key_type = CKK_##KEY, \
    .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = (MIN_BYTES)*8,                          \
    .key_max_bits = (MAX_BYTES)*8, .is_size_in_bytes = true, .approval = HSM_APPROVED
#define ML_KEM_KEY(NAME) PQC_ROW(NAME, "FIPS 203", ML_KEM, 800, 1568)
#define ML_DSA_KEY(NAME) PQC_ROW(NAME, "FIPS 204", ML_DSA, 1312, 2592)
#define SLH_DSA_KEY(NAME) PQC_ROW(NAME, "FIPS 205", SLH_DSA, 32, 64)

#define PQC_KEY_GEN .ops = HSM_OP_GENERATE_PAIR, .alg = HSM_ALG_KEYGEN, .params = HSM_PARAM_NONE
#define PQC_SIGN(ALG, PARAMS, HASH, IS_MULTI_PART)                          \
    .ops = SIGN_VERIFY, .alg = HSM_ALG_##ALG, .params = HSM_PARAM_##PARAMS, \
    .hash = HSM_HASH_##HASH, .is_multi_part = IS_MULTI_PART

#define ML_KEM_KEY_PAIR_GEN_ROW                       \
    {                                                 \
        ML_KEM_KEY(ML_KEM_KEY_PAIR_GEN), PQC_KEY_GEN, \
    }
#define ML_KEM_ROW                                                                                 \
    {                                                                                              \
        ML_KEM_KEY(ML_KEM), .ops = HSM_OP_ENCAPSULATE | HSM_OP_DECAPSULATE, .alg = HSM_ALG_ML_KEM, \
                            .params = HSM_PARAM_NONE,                                              \
    }

/* Not approved: no validated module has the combiner. */
#define COMP_KEM_ROW(NAME)                                                                        \
    .id = CKM_##NAME, .name = #NAME,                                                              \
    .source = "draft-ietf-lamps-pq-composite-kem; docs/hybrid.md",                                \
    .key_type = CKK_CRATON_COMP_KEM, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 1216 * 8, \
    .key_max_bits = 1665 * 8, .is_size_in_bytes = true, .params = HSM_PARAM_NONE
#define COMP_KEM_ROWS                                                                  \
    { COMP_KEM_ROW(CRATON_COMP_KEM_KEY_PAIR_GEN), .ops = HSM_OP_GENERATE_PAIR,         \
      .alg = HSM_ALG_KEYGEN },                                                         \
    {                                                                                  \
        COMP_KEM_ROW(CRATON_COMP_KEM), .ops = HSM_OP_ENCAPSULATE | HSM_OP_DECAPSULATE, \
                                       .alg = HSM_ALG_COMP_KEM                         \
    }

#define COMP_SIG_ROW(NAME)                                                                        \
    .id = CKM_##NAME, .name = #NAME,                                                              \
    .source = "draft-ietf-lamps-pq-composite-sigs; docs/hybrid.md",                               \
    .key_type = CKK_CRATON_COMP_SIG, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 1344 * 8, \
    .key_max_bits = 2725 * 8, .is_size_in_bytes = true
#define COMP_SIG_ROWS                                                                              \
    { COMP_SIG_ROW(CRATON_COMP_SIG_KEY_PAIR_GEN), PQC_KEY_GEN },                                   \
        { COMP_SIG_ROW(CRATON_COMP_SIG), PQC_SIGN(COMP_SIG, SIGN_CONTEXT, NONE, true) },           \
    {                                                                                              \
        COMP_SIG_ROW(CRATON_COMP_SIG_EXTERNAL_HASH), PQC_SIGN(COMP_SIG, SIGN_CONTEXT, NONE, false) \
    }

#define ML_DSA_HASH_ROW(HASH)                                                       \
    {                                                                               \
        ML_DSA_KEY(HASH_ML_DSA_##HASH), PQC_SIGN(ML_DSA, SIGN_CONTEXT, HASH, true), \
    }
#define ML_DSA_ROWS                                                               \
    { ML_DSA_KEY(ML_DSA_KEY_PAIR_GEN), PQC_KEY_GEN },                             \
        { ML_DSA_KEY(ML_DSA), PQC_SIGN(ML_DSA, SIGN_CONTEXT, NONE, true) },       \
    {                                                                             \
        ML_DSA_KEY(HASH_ML_DSA), PQC_SIGN(ML_DSA, HASH_SIGN_CONTEXT, NONE, false) \
    }
/* DH's numbers lie between. */
#define HASH_ML_DSA_ROWS                                                                 \
    ML_DSA_HASH_ROW(SHA224), ML_DSA_HASH_ROW(SHA256), ML_DSA_HASH_ROW(SHA384),           \
        ML_DSA_HASH_ROW(SHA512), ML_DSA_HASH_ROW(SHA3_224), ML_DSA_HASH_ROW(SHA3_256),   \
        ML_DSA_HASH_ROW(SHA3_384), ML_DSA_HASH_ROW(SHA3_512), ML_DSA_HASH_ROW(SHAKE128), \
        ML_DSA_HASH_ROW(SHAKE256)

#define SLH_DSA_HASH_ROW(HASH)                                                         \
    {                                                                                  \
        SLH_DSA_KEY(HASH_SLH_DSA_##HASH), PQC_SIGN(SLH_DSA, SIGN_CONTEXT, HASH, true), \
    }
#define SLH_DSA_ROWS                                                      \
    { SLH_DSA_KEY(SLH_DSA_KEY_PAIR_GEN), PQC_KEY_GEN },                   \
    {                                                                     \
        SLH_DSA_KEY(SLH_DSA), PQC_SIGN(SLH_DSA, SIGN_CONTEXT, NONE, true) \
    }
/* X9.42's numbers lie between. */
#define HASH_SLH_DSA_ROWS                                                                   \
    { SLH_DSA_KEY(HASH_SLH_DSA), PQC_SIGN(SLH_DSA, HASH_SIGN_CONTEXT, NONE, false) },       \
        SLH_DSA_HASH_ROW(SHA224), SLH_DSA_HASH_ROW(SHA256), SLH_DSA_HASH_ROW(SHA384),       \
        SLH_DSA_HASH_ROW(SHA512), SLH_DSA_HASH_ROW(SHA3_224), SLH_DSA_HASH_ROW(SHA3_256),   \
        SLH_DSA_HASH_ROW(SHA3_384), SLH_DSA_HASH_ROW(SHA3_512), SLH_DSA_HASH_ROW(SHAKE128), \
        SLH_DSA_HASH_ROW(SHAKE256)

#endif
