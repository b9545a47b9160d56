/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_random.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/backend_openssl_random_provider.h"

/* One additional input (SP 800-90A, table 2, allows 2^35 bits). */
#define SEED_CHUNK_BYTES 65536u

hsm_err hsm_ossl_random_open(hsm_ossl *ossl)
{
    HSM_CHECK(
        OSSL_PROVIDER_add_builtin(ossl->libctx, HSM_RANDOM_PROVIDER, hsm_ossl_random_provider) == 1,
        HSM_E_CRYPTO);
    ossl->random_provider = OSSL_PROVIDER_load(ossl->libctx, HSM_RANDOM_PROVIDER);
    HSM_CHECK(ossl->random_provider != NULL, HSM_E_CRYPTO);
    HSM_CHECK(RAND_set_DRBG_type(ossl->libctx, HSM_RANDOM_DRBG, "-fips", NULL, NULL) == 1,
              HSM_E_CRYPTO);
    return HSM_OK;
}

void hsm_ossl_random_close(hsm_ossl *ossl)
{
    if (ossl->random_provider != NULL)
        (void)OSSL_PROVIDER_unload(ossl->random_provider); /* instances keep it until they go */
}

/* A generator that fails may have written something. */
static hsm_err random_done(int ret, uint8_t *data, size_t len)
{
    if (ret == 1)
        return HSM_OK;
    ERR_clear_error();
    explicit_bzero(data, len);
    return HSM_E_RANDOM;
}

hsm_err hsm_ossl_random_check(hsm_ossl *ossl)
{
    uint8_t byte;

    return random_done(RAND_priv_bytes_ex(ossl->libctx, &byte, 1, 0), &byte, 1);
}

hsm_err hsm_ossl_random(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    return random_done(RAND_bytes_ex(hsm_ossl_of(crypto)->libctx, data, len, 0), data, len);
}

hsm_err hsm_ossl_random_secret(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    EVP_RAND_CTX *drbg = RAND_get0_private(hsm_ossl_of(crypto)->libctx);
    const int wants_new_seed = 1; /* prediction resistance (SP 800-90A, 8.8) */

    HSM_CHECK(drbg != NULL, HSM_E_RANDOM);
    return random_done(EVP_RAND_generate(drbg, data, len, 0, wants_new_seed, NULL, 0), data, len);
}

hsm_err hsm_ossl_seed(hsm_crypto *crypto, hsm_bytes seed)
{
    EVP_RAND_CTX *drbg = RAND_get0_public(hsm_ossl_of(crypto)->libctx);

    HSM_CHECK(drbg != NULL, HSM_E_RANDOM);
    for (size_t at = 0; at < seed.len;) {
        const size_t left = seed.len - at;
        const size_t len = left < SEED_CHUNK_BYTES ? left : SEED_CHUNK_BYTES;

        /* A reseed: fresh entropy besides what the caller gives, which may be known to others. */
        if (EVP_RAND_reseed(drbg, 0, NULL, 0, seed.data + at, len) != 1) {
            ERR_clear_error();
            return HSM_E_RANDOM;
        }
        at += len;
    }
    return HSM_OK;
}
