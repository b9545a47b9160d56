/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rows.h"

#include <time.h>

#define SIGN_ROWS(text, key_id, mech, bytes)                                            \
    { .name = text " sign",                                                             \
      .kind = BENCH_SIGN,                                                               \
      .key = key_id,                                                                    \
      .mechanism = mech,                                                                \
      .data_bytes = bytes,                                                              \
      .target_ratio = 0.95 },                                                           \
    {                                                                                   \
        .name = text " verify", .kind = BENCH_VERIFY, .key = key_id, .mechanism = mech, \
        .data_bytes = bytes, .target_ratio = 0.95                                       \
    }

#define KEM_ROWS(text, key_id)                                                 \
    { .name = text " encapsulate",                                             \
      .kind = BENCH_ENCAPSULATE,                                               \
      .key = key_id,                                                           \
      .mechanism = CKM_ML_KEM,                                                 \
      .target_ratio = 0.95 },                                                  \
    {                                                                          \
        .name = text " decapsulate", .kind = BENCH_DECAPSULATE, .key = key_id, \
        .mechanism = CKM_ML_KEM, .target_ratio = 0.95                          \
    }

#define DERIVE_ROW(text, key_id, mech)                                                             \
    {                                                                                              \
        .name = text, .kind = BENCH_DERIVE, .key = key_id, .mechanism = mech, .target_ratio = 0.80 \
    }

#define WRAP_ROWS(text, key_id, mech)                                                   \
    { .name = text " wrap",                                                             \
      .kind = BENCH_WRAP,                                                               \
      .key = key_id,                                                                    \
      .mechanism = mech,                                                                \
      .target_ratio = 0.80 },                                                           \
    {                                                                                   \
        .name = text " unwrap", .kind = BENCH_UNWRAP, .key = key_id, .mechanism = mech, \
        .target_ratio = 0.80                                                            \
    }

#define CIPHER_ROW(text, row_kind, key_id, mech, target)                           \
    {                                                                              \
        .name = text " 1 KiB", .kind = row_kind, .key = key_id, .mechanism = mech, \
        .data_bytes = 1024, .target_ratio = target                                 \
    }

const bench_row bench_rows[] = {
    SIGN_ROWS("RSA-2048 SHA-256", BENCH_KEY_RSA_2048, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("RSA-3072 SHA-256", BENCH_KEY_RSA_3072, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("RSA-4096 SHA-256", BENCH_KEY_RSA_4096, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("P-256", BENCH_KEY_P256, CKM_ECDSA, 32),
    SIGN_ROWS("P-384", BENCH_KEY_P384, CKM_ECDSA, 48),
    SIGN_ROWS("Ed25519", BENCH_KEY_ED25519, CKM_EDDSA, 64),
    SIGN_ROWS("RSA-2048 PSS SHA-256", BENCH_KEY_RSA_2048, CKM_SHA256_RSA_PKCS_PSS, 64),
    SIGN_ROWS("P-521", BENCH_KEY_P521, CKM_ECDSA, 64),
    SIGN_ROWS("brainpoolP256r1", BENCH_KEY_BRAINPOOL_256, CKM_ECDSA, 32),
    SIGN_ROWS("Ed448", BENCH_KEY_ED448, CKM_EDDSA, 64),
    SIGN_ROWS("ML-DSA-44", BENCH_KEY_ML_DSA_44, CKM_ML_DSA, 64),
    SIGN_ROWS("ML-DSA-65", BENCH_KEY_ML_DSA_65, CKM_ML_DSA, 64),
    SIGN_ROWS("ML-DSA-87", BENCH_KEY_ML_DSA_87, CKM_ML_DSA, 64),
    SIGN_ROWS("SLH-DSA-SHA2-128s", BENCH_KEY_SLH_DSA_128S, CKM_SLH_DSA, 64),
    SIGN_ROWS("SLH-DSA-SHA2-128f", BENCH_KEY_SLH_DSA_128F, CKM_SLH_DSA, 64),
    KEM_ROWS("ML-KEM-512", BENCH_KEY_ML_KEM_512),
    KEM_ROWS("ML-KEM-768", BENCH_KEY_ML_KEM_768),
    KEM_ROWS("ML-KEM-1024", BENCH_KEY_ML_KEM_1024),
    { .name = "RSA-2048 OAEP encrypt",
      .kind = BENCH_ENCRYPT,
      .key = BENCH_KEY_RSA_2048,
      .mechanism = CKM_RSA_PKCS_OAEP,
      .data_bytes = 32,
      .target_ratio = 0.95 },
    { .name = "RSA-2048 OAEP decrypt",
      .kind = BENCH_DECRYPT,
      .key = BENCH_KEY_RSA_2048,
      .mechanism = CKM_RSA_PKCS_OAEP,
      .data_bytes = 32,
      .target_ratio = 0.95 },
    DERIVE_ROW("P-256 ECDH", BENCH_KEY_P256, CKM_ECDH1_DERIVE),
    DERIVE_ROW("P-384 ECDH", BENCH_KEY_P384, CKM_ECDH1_DERIVE),
    DERIVE_ROW("X25519", BENCH_KEY_X25519, CKM_ECDH1_DERIVE),
    DERIVE_ROW("X448", BENCH_KEY_X448, CKM_ECDH1_DERIVE),
    DERIVE_ROW("HKDF SHA-256", BENCH_KEY_HMAC, CKM_HKDF_DERIVE),
    DERIVE_ROW("KBKDF counter HMAC", BENCH_KEY_HMAC, CKM_SP800_108_COUNTER_KDF),
    DERIVE_ROW("PBKDF2, 10,000 rounds", BENCH_KEY_HMAC, CKM_PKCS5_PBKD2),
    WRAP_ROWS("AES-256 KW", BENCH_KEY_AES_256, CKM_AES_KEY_WRAP),
    WRAP_ROWS("AES-256 KWP", BENCH_KEY_AES_256, CKM_AES_KEY_WRAP_KWP),
    WRAP_ROWS("RSA-2048 AES KWP", BENCH_KEY_RSA_2048, CKM_RSA_AES_KEY_WRAP),
    CIPHER_ROW("ChaCha20-Poly1305", BENCH_ENCRYPT, BENCH_KEY_CHACHA20, CKM_CHACHA20_POLY1305, 0),
    CIPHER_ROW("AES-256-CCM", BENCH_ENCRYPT, BENCH_KEY_AES_256, CKM_AES_CCM, 0),
    CIPHER_ROW("AES-256-CTR", BENCH_ENCRYPT, BENCH_KEY_AES_256, CKM_AES_CTR, 0),
    CIPHER_ROW("AES-256-GCM message", BENCH_MESSAGE, BENCH_KEY_AES_256, CKM_AES_GCM, 0.70),
    { .name = "AES-256-GCM 1 KiB",
      .kind = BENCH_ENCRYPT,
      .key = BENCH_KEY_AES_256,
      .mechanism = CKM_AES_GCM,
      .data_bytes = 1024,
      .target_ratio = 0.70 },
    { .name = "AES-256-GCM 16 B",
      .kind = BENCH_ENCRYPT,
      .key = BENCH_KEY_AES_256,
      .mechanism = CKM_AES_GCM,
      .data_bytes = 16,
      .target_per_sec = 2e6 },
    { .name = "SHA-256 64 B",
      .kind = BENCH_DIGEST,
      .mechanism = CKM_SHA256,
      .data_bytes = 64,
      .target_per_sec = 6e6 },
    { .name = "HMAC-SHA256 64 B",
      .kind = BENCH_SIGN,
      .key = BENCH_KEY_HMAC,
      .mechanism = CKM_SHA256_HMAC,
      .data_bytes = 64,
      .target_per_sec = 2e6 },
    { .name = "P-256 key pair (session)",
      .kind = BENCH_GENERATE_PAIR,
      .key = BENCH_KEY_P256,
      .mechanism = CKM_EC_KEY_PAIR_GEN,
      .target_ratio = 0.80 },
    { .name = "session open and close", .kind = BENCH_SESSION, .target_per_sec = 5e6 },
    { .name = "the same, 10,000 open",
      .kind = BENCH_SESSION,
      .target_per_sec = 5e6,
      .sessions_open = 10000 },
};
const size_t bench_row_count = sizeof bench_rows / sizeof bench_rows[0];

static double seconds_of(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double bench_repeat(bool (*one)(void *arg), void *arg, double (*clock)(void), double seconds)
{
    const double batch_seconds = 0.001;
    const double start = clock();
    unsigned long batch = 1;
    unsigned long done = 0;
    double elapsed = 0;

    while (elapsed < seconds) {
        for (unsigned long i = 0; i < batch; i++) {
            if (!one(arg))
                return -1;
        }
        done += batch;
        elapsed = clock() - start;
        if (elapsed / (double)done * (double)batch < batch_seconds)
            batch *= 2;
    }
    return (double)done / elapsed;
}
