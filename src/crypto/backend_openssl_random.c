/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_random.h"

#include <openssl/err.h>
#include <openssl/rand.h>

/* One additional input (SP 800-90A, table 2, allows 2^35 bits). */
#define SEED_CHUNK_BYTES 65536u

hsm_err hsm_ossl_random_open(hsm_ossl *ossl)
{
    HSM_CHECK(RAND_set_DRBG_type(ossl->libctx, "HMAC-DRBG", NULL, NULL, "SHA256") == 1,
              HSM_E_CRYPTO);
    return HSM_OK;
}

void hsm_ossl_random_close(hsm_ossl *ossl)
{
    (void)ossl; /* the instances go with the library context */
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
    return random_done(RAND_priv_bytes_ex(hsm_ossl_of(crypto)->libctx, data, len, 0), data, len);
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
