/* The keys of the rows: one table for all contestants.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench/rows.h"

static const uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t p521[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };
static const uint8_t brainpool_256[] = { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03,
                                         0x02, 0x08, 0x01, 0x01, 0x07 };
static const uint8_t ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t ed448[] = { 0x06, 0x03, 0x2b, 0x65, 0x71 };
static const uint8_t x25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };
static const uint8_t x448[] = { 0x06, 0x03, 0x2b, 0x65, 0x6f };

#define RSA(size)                                                          \
    {                                                                      \
        .algorithm = "RSA", .bits = size, .gen = CKM_RSA_PKCS_KEY_PAIR_GEN \
    }
#define EC(name, oid)                                                                \
    {                                                                                \
        .algorithm = "EC", .group = name, .gen = CKM_EC_KEY_PAIR_GEN, .params = oid, \
        .params_len = sizeof(oid)                                                    \
    }
#define CURVE(name, what, mech, oid)                                                          \
    {                                                                                         \
        .use = what, .algorithm = name, .gen = mech, .params = oid, .params_len = sizeof(oid) \
    }
#define SET(name, what, mech, number)                              \
    {                                                              \
        .use = what, .algorithm = name, .gen = mech, .set = number \
    }
#define SECRET(mech)                         \
    {                                        \
        .use = BENCH_USE_SECRET, .gen = mech \
    }

const bench_key_kind bench_key_kinds[BENCH_KEY_COUNT] = {
    [BENCH_KEY_RSA_2048] = RSA(2048),
    [BENCH_KEY_RSA_3072] = RSA(3072),
    [BENCH_KEY_RSA_4096] = RSA(4096),
    [BENCH_KEY_P256] = EC("P-256", p256),
    [BENCH_KEY_P384] = EC("P-384", p384),
    [BENCH_KEY_P521] = EC("P-521", p521),
    [BENCH_KEY_BRAINPOOL_256] = EC("brainpoolP256r1", brainpool_256),
    [BENCH_KEY_ED25519] =
        CURVE("ED25519", BENCH_USE_SIGN_MESSAGE, CKM_EC_EDWARDS_KEY_PAIR_GEN, ed25519),
    [BENCH_KEY_ED448] = CURVE("ED448", BENCH_USE_SIGN_MESSAGE, CKM_EC_EDWARDS_KEY_PAIR_GEN, ed448),
    [BENCH_KEY_X25519] = CURVE("X25519", BENCH_USE_DERIVE, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519),
    [BENCH_KEY_X448] = CURVE("X448", BENCH_USE_DERIVE, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x448),
    [BENCH_KEY_ML_DSA_44] =
        SET("ML-DSA-44", BENCH_USE_SIGN_MESSAGE, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44),
    [BENCH_KEY_ML_DSA_65] =
        SET("ML-DSA-65", BENCH_USE_SIGN_MESSAGE, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_65),
    [BENCH_KEY_ML_DSA_87] =
        SET("ML-DSA-87", BENCH_USE_SIGN_MESSAGE, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_87),
    [BENCH_KEY_SLH_DSA_128S] = SET("SLH-DSA-SHA2-128s", BENCH_USE_SIGN_MESSAGE,
                                   CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHA2_128S),
    [BENCH_KEY_SLH_DSA_128F] = SET("SLH-DSA-SHA2-128f", BENCH_USE_SIGN_MESSAGE,
                                   CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHA2_128F),
    [BENCH_KEY_ML_KEM_512] =
        SET("ML-KEM-512", BENCH_USE_KEM, CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_512),
    [BENCH_KEY_ML_KEM_768] =
        SET("ML-KEM-768", BENCH_USE_KEM, CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_768),
    [BENCH_KEY_ML_KEM_1024] =
        SET("ML-KEM-1024", BENCH_USE_KEM, CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_1024),
    [BENCH_KEY_AES_256] = SECRET(CKM_AES_KEY_GEN),
    [BENCH_KEY_CHACHA20] = SECRET(CKM_CHACHA20_KEY_GEN),
    [BENCH_KEY_HMAC] = SECRET(CKM_GENERIC_SECRET_KEY_GEN),
};
