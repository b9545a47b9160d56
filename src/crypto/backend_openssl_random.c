/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_random.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/backend_openssl_drbg.h"
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
    ossl->random_state = hsm_random_state_of(ossl->random_provider);
    hsm_ossl_random_start(ossl, NULL, NULL);
    return HSM_OK;
}

void hsm_ossl_random_start(hsm_ossl *ossl, hsm_entropy_source *source, void *arg)
{
    hsm_random_state_open(ossl->random_state, source, arg);
}

bool hsm_ossl_random_has_failed(const hsm_ossl *ossl)
{
    return hsm_random_state_has_failed(ossl->random_state);
}

const atomic_bool *hsm_ossl_random_failure(const hsm_ossl *ossl)
{
    return hsm_random_state_failure(ossl->random_state);
}

void hsm_ossl_random_close(hsm_ossl *ossl)
{
    if (ossl->random_provider != NULL)
        (void)OSSL_PROVIDER_unload(ossl->random_provider); /* instances keep it until they go */
}

/* Why the generator gave nothing: its source failed for good, or there is no memory for it. */
static hsm_err cause(const hsm_ossl *ossl)
{
    ERR_clear_error();
    return hsm_ossl_random_has_failed(ossl) ? HSM_E_SELF_TEST : HSM_E_RANDOM;
}

/* A new seed before each request (prediction resistance, SP 800-90A, 8.8): also after this virtual
 * machine was copied, where the state would be the same but the kernel's is not. */
static hsm_err fill(const hsm_ossl *ossl, EVP_RAND_CTX *drbg, uint8_t *data, size_t len)
{
    const int wants_new_seed = 1;

    HSM_CHECK(drbg != NULL, cause(ossl));
    if (EVP_RAND_generate(drbg, data, len, 0, wants_new_seed, NULL, 0) == 1)
        return HSM_OK;
    if (len > 0)
        explicit_bzero(data, len); /* it may have written something */
    return cause(ossl);
}

hsm_err hsm_ossl_random_check(hsm_ossl *ossl)
{
    uint8_t byte;

    return fill(ossl, RAND_get0_private(ossl->libctx), &byte, 1);
}

hsm_err hsm_ossl_random(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    const hsm_ossl *ossl = hsm_ossl_of(crypto);

    return fill(ossl, RAND_get0_public(ossl->libctx), data, len);
}

hsm_err hsm_ossl_random_secret(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    const hsm_ossl *ossl = hsm_ossl_of(crypto);

    return fill(ossl, RAND_get0_private(ossl->libctx), data, len);
}

hsm_err hsm_ossl_seed(hsm_crypto *crypto, hsm_bytes seed)
{
    const hsm_ossl *ossl = hsm_ossl_of(crypto);
    EVP_RAND_CTX *drbg = RAND_get0_public(ossl->libctx);

    HSM_CHECK(drbg != NULL, cause(ossl));
    for (size_t at = 0; at < seed.len;) {
        const size_t left = seed.len - at;
        const size_t len = left < SEED_CHUNK_BYTES ? left : SEED_CHUNK_BYTES;

        /* A reseed: fresh entropy besides what the caller gives, which may be known to others. */
        HSM_CHECK(EVP_RAND_reseed(drbg, 0, NULL, 0, seed.data + at, len) == 1, cause(ossl));
        at += len;
    }
    return HSM_OK;
}

hsm_err hsm_ossl_drbg_answer(hsm_crypto *crypto, const hsm_drbg_question *question, uint8_t *out,
                             size_t len)
{
    OSSL_LIB_CTX *libctx = hsm_ossl_of(crypto)->libctx;
    HSM_AUTO(hsm_drbg_drop) EVP_RAND_CTX *source = NULL;
    HSM_AUTO(hsm_drbg_drop) EVP_RAND_CTX *drbg = NULL;

    HSM_TRY(hsm_drbg_known_source(libctx, &source));
    HSM_TRY(hsm_drbg_create(libctx, source, &drbg));
    HSM_TRY(hsm_drbg_known_give(source, question->entropy, question->nonce));
    HSM_TRY(hsm_drbg_instantiate(drbg, question->personal));
    for (size_t i = 0; i < 2; i++) {
        HSM_TRY(hsm_drbg_known_give(source, question->fresh[i], hsm_bytes_none()));
        HSM_TRY(hsm_drbg_generate(drbg, true, question->additional[i], out, len));
    }
    return HSM_OK;
}
