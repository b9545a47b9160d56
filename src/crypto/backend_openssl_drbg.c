/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_drbg.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/break.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"

hsm_err hsm_drbg_fetch(OSSL_LIB_CTX *libctx, const char *name, const char *properties,
                       EVP_RAND_CTX *parent, EVP_RAND_CTX **out_rand)
{
    EVP_RAND *algorithm = EVP_RAND_fetch(libctx, name, properties);

    HSM_CHECK(algorithm != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    EVP_RAND_CTX *rand = EVP_RAND_CTX_new(algorithm, parent);
    EVP_RAND_free(algorithm); /* the context has its own reference */
    HSM_CHECK(rand != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    *out_rand = rand;
    return HSM_OK;
}

hsm_err hsm_drbg_create(OSSL_LIB_CTX *libctx, EVP_RAND_CTX *source, EVP_RAND_CTX **out_drbg)
{
    HSM_AUTO(hsm_drbg_drop) EVP_RAND_CTX *drbg = NULL;
    unsigned requests = HSM_DRBG_REQUESTS_MAX + 1; /* OpenSSL counts from 1 */
    time_t no_interval = 0;                        /* else each request reads the clock */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_MAC, (char[]){ "HMAC" }, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_DIGEST, (char[]){ "SHA2-256" }, 0),
        OSSL_PARAM_construct_uint(OSSL_DRBG_PARAM_RESEED_REQUESTS, &requests),
        OSSL_PARAM_construct_time_t(OSSL_DRBG_PARAM_RESEED_TIME_INTERVAL, &no_interval),
        OSSL_PARAM_construct_end(),
    };

    HSM_TRY(hsm_drbg_fetch(libctx, "HMAC-DRBG", NULL, source, &drbg));
    HSM_TRY(hsm_ossl_done(EVP_RAND_CTX_set_params(drbg, params), HSM_E_CRYPTO));
    *out_drbg = HSM_MOVE(drbg);
    return HSM_OK;
}

hsm_err hsm_drbg_instantiate(EVP_RAND_CTX *drbg, hsm_bytes personal)
{
    /* Without a string OpenSSL takes one of its own. */
    const uint8_t *text = personal.len > 0 ? personal.data : (const uint8_t *)"";

    (void)EVP_RAND_uninstantiate(drbg);
    return hsm_ossl_done(
        EVP_RAND_instantiate(drbg, HSM_DRBG_STRENGTH_BITS, 0, text, personal.len, NULL),
        HSM_E_RANDOM);
}

hsm_err hsm_drbg_reseed(EVP_RAND_CTX *drbg, hsm_bytes additional)
{
    return hsm_ossl_done(EVP_RAND_reseed(drbg, 1, NULL, 0, additional.data, additional.len),
                         HSM_E_RANDOM);
}

hsm_err hsm_drbg_generate(EVP_RAND_CTX *drbg, bool wants_new_seed, hsm_bytes additional,
                          uint8_t *out, size_t len)
{
    HSM_TRY(hsm_ossl_done(EVP_RAND_generate(drbg, out, len, HSM_DRBG_STRENGTH_BITS, wants_new_seed,
                                            additional.data, additional.len),
                          HSM_E_RANDOM));
    if (len > 0 && hsm_break("drbg"))
        out[0] ^= 1;
    return HSM_OK;
}

hsm_err hsm_drbg_known_source(OSSL_LIB_CTX *libctx, EVP_RAND_CTX **out_source)
{
    HSM_AUTO(hsm_drbg_drop) EVP_RAND_CTX *source = NULL;
    unsigned strength = HSM_DRBG_STRENGTH_BITS;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
        OSSL_PARAM_construct_end(),
    };

    /* The FIPS provider says of it that it is not approved, as it should. */
    HSM_TRY(hsm_drbg_fetch(libctx, "TEST-RAND", "-fips", NULL, &source));
    HSM_TRY(hsm_ossl_done(EVP_RAND_CTX_set_params(source, params), HSM_E_CRYPTO));
    *out_source = HSM_MOVE(source);
    return HSM_OK;
}

hsm_err hsm_drbg_known_give(EVP_RAND_CTX *source, hsm_bytes entropy, hsm_bytes nonce)
{
    OSSL_PARAM params[3];
    size_t count = 0;

    if (entropy.len > 0)
        params[count++] = hsm_ossl_octets(OSSL_RAND_PARAM_TEST_ENTROPY, entropy);
    if (nonce.len > 0)
        params[count++] = hsm_ossl_octets(OSSL_RAND_PARAM_TEST_NONCE, nonce);
    params[count] = OSSL_PARAM_construct_end();
    return hsm_ossl_done(EVP_RAND_CTX_set_params(source, params), HSM_E_CRYPTO);
}
