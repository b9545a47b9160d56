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

const bench_row bench_rows[] = {
    SIGN_ROWS("RSA-2048 SHA-256", BENCH_KEY_RSA_2048, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("RSA-3072 SHA-256", BENCH_KEY_RSA_3072, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("RSA-4096 SHA-256", BENCH_KEY_RSA_4096, CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROWS("P-256", BENCH_KEY_P256, CKM_ECDSA, 32),
    SIGN_ROWS("P-384", BENCH_KEY_P384, CKM_ECDSA, 48),
    SIGN_ROWS("Ed25519", BENCH_KEY_ED25519, CKM_EDDSA, 64),
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
