/* OpenSSL has this generator too, but its own asks for the process id before each request, which is
 * a system call in every signature.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_drbg.h"

#include "base/break.h"
#include "crypto/backend_openssl_pkey.h"

#define HASH_BYTES 32u

hsm_err hsm_drbg_init(hsm_drbg *drbg, OSSL_LIB_CTX *libctx)
{
    EVP_MAC *hmac = EVP_MAC_fetch(libctx, "HMAC", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA2-256" }, 0),
        OSSL_PARAM_construct_end(),
    };

    HSM_CHECK(hmac != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    drbg->hmac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the context has its own reference */
    HSM_CHECK(drbg->hmac != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_MAC_CTX_set_params(drbg->hmac, params), HSM_E_CRYPTO);
}

void hsm_drbg_uninstantiate(hsm_drbg *drbg)
{
    hsm_secret_destroy(drbg->value);
    drbg->value = NULL;
}

void hsm_drbg_clear(hsm_drbg *drbg)
{
    hsm_drbg_uninstantiate(drbg);
    EVP_MAC_CTX_free(drbg->hmac);
    drbg->hmac = NULL;
}

static hsm_err add(hsm_drbg *drbg, hsm_bytes data)
{
    return hsm_ossl_done(EVP_MAC_update(drbg->hmac, data.data, data.len), HSM_E_CRYPTO);
}

static hsm_err finish(hsm_drbg *drbg, uint8_t out[HASH_BYTES])
{
    size_t len = 0;

    return hsm_ossl_done(EVP_MAC_final(drbg->hmac, out, &len, HASH_BYTES), HSM_E_CRYPTO);
}

/* Begins an HMAC: under a new key, or, with NULL, under the key there is. */
static hsm_err start(hsm_drbg *drbg, const uint8_t *key)
{
    return hsm_ossl_done(EVP_MAC_init(drbg->hmac, key, key == NULL ? 0 : HASH_BYTES, NULL),
                         HSM_E_CRYPTO);
}

/* V = HMAC(K, V), after start() */
static hsm_err step_value(hsm_drbg *drbg)
{
    HSM_TRY(add(drbg, hsm_secret_view(drbg->value)));
    return finish(drbg, hsm_secret_data(drbg->value));
}

/* K = HMAC(K, V || mark || data), V = HMAC(K, V) */
static hsm_err mix(hsm_drbg *drbg, uint8_t mark, const hsm_bytes data[3], uint8_t key[HASH_BYTES])
{
    HSM_TRY(start(drbg, NULL));
    HSM_TRY(add(drbg, hsm_secret_view(drbg->value)));
    HSM_TRY(add(drbg, hsm_bytes_of(&mark, 1)));
    for (int i = 0; i < 3; i++)
        HSM_TRY(add(drbg, data[i]));
    HSM_TRY(finish(drbg, key));
    HSM_TRY(start(drbg, key));
    return step_value(drbg);
}

/* 10.1.2.2; the data is given in up to three pieces. */
static hsm_err update(hsm_drbg *drbg, const hsm_bytes data[3])
{
    const bool has_data = data[0].len + data[1].len + data[2].len > 0;
    uint8_t key[HASH_BYTES];

    hsm_err err = mix(drbg, 0x00, data, key);
    if (err == HSM_OK && has_data)
        err = mix(drbg, 0x01, data, key);
    explicit_bzero(key, sizeof key);
    return err;
}

static hsm_err instantiate(hsm_drbg *drbg, const hsm_bytes seed[3])
{
    static const uint8_t zero_key[HASH_BYTES];

    HSM_TRY(hsm_secret_create(HASH_BYTES, &drbg->value));
    memset(hsm_secret_data(drbg->value), 0x01, HASH_BYTES);
    HSM_TRY(start(drbg, zero_key));
    HSM_TRY(update(drbg, seed));
    drbg->requests = 0;
    return HSM_OK;
}

hsm_err hsm_drbg_instantiate(hsm_drbg *drbg, hsm_bytes entropy, hsm_bytes nonce, hsm_bytes personal)
{
    const hsm_bytes seed[3] = { entropy, nonce, personal };

    hsm_drbg_uninstantiate(drbg);
    const hsm_err err = instantiate(drbg, seed);
    if (err != HSM_OK)
        hsm_drbg_uninstantiate(drbg);
    return err;
}

hsm_err hsm_drbg_reseed(hsm_drbg *drbg, hsm_bytes entropy, hsm_bytes additional)
{
    const hsm_bytes seed[3] = { entropy, additional, hsm_bytes_none() };

    HSM_CHECK(drbg->value != NULL, HSM_E_RANDOM);
    HSM_TRY(update(drbg, seed));
    drbg->requests = 0;
    return HSM_OK;
}

static hsm_err fill(hsm_drbg *drbg, uint8_t *out, size_t len)
{
    for (size_t at = 0; at < len; at += HASH_BYTES) {
        const size_t part = len - at < HASH_BYTES ? len - at : HASH_BYTES;

        HSM_TRY(start(drbg, NULL));
        HSM_TRY(step_value(drbg));
        memcpy(out + at, hsm_secret_data(drbg->value), part);
    }
    return HSM_OK;
}

hsm_err hsm_drbg_generate(hsm_drbg *drbg, hsm_bytes additional, uint8_t *out, size_t len)
{
    const hsm_bytes data[3] = { additional, hsm_bytes_none(), hsm_bytes_none() };

    HSM_CHECK(drbg->value != NULL && len <= HSM_DRBG_REQUEST_MAX_BYTES, HSM_E_RANDOM);
    if (additional.len > 0)
        HSM_TRY(update(drbg, data));
    HSM_TRY(fill(drbg, out, len));
    if (len > 0 && hsm_break("drbg"))
        out[0] ^= 1;
    HSM_TRY(update(drbg, data));
    drbg->requests++;
    return HSM_OK;
}
