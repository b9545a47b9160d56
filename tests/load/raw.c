/* What the signature alone costs, with the same library, in processor time.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#include "load.h"

#define BATCH 500u
#define RAW_SECONDS 1.0

static void sign(EVP_PKEY_CTX *ctx)
{
    static const uint8_t digest[32] = { 1 };
    uint8_t signature[128];
    size_t len = sizeof signature;

    if (EVP_PKEY_sign(ctx, signature, &len, digest, sizeof digest) != 1)
        load_fail("can't sign");
}

double load_raw_sign_us(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    const double start = load_now(CLOCK_PROCESS_CPUTIME_ID);
    double took = 0;
    unsigned long done = 0;

    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
        load_fail("can't sign");
    while (took < RAW_SECONDS) {
        for (unsigned i = 0; i < BATCH; i++)
            sign(ctx);
        done += BATCH;
        took = load_now(CLOCK_PROCESS_CPUTIME_ID) - start;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return took / (double)done * 1e6;
}
