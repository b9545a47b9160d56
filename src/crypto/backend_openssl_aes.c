/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_aes.h"

#include "crypto/backend_openssl_pkey.h"

/* OpenSSL counts in int. A whole number of blocks, so that no block is split. */
#define FEED_MAX_BYTES ((size_t)1 << 30)

hsm_err hsm_ossl_aes_key(hsm_ossl_aes *aes, const hsm_crypt *crypt, bool *out_is_new)
{
    const bool is_encrypting = hsm_op_encrypts(crypt->op);
    const hsm_bytes key = hsm_secret_view(crypt->key->value);

    *out_is_new = false;
    if (aes->key_serial == crypt->key->serial && aes->alg == crypt->mech->alg &&
        aes->is_encrypting == is_encrypting)
        return HSM_OK;

    HSM_CHECK(key.len == 16 || key.len == 24 || key.len == 32, HSM_E_KEY_SIZE);
    const EVP_CIPHER *cipher =
        hsm_ossl_of(crypt->crypto)->aes[crypt->mech->alg][hsm_aes_size((uint32_t)key.len * 8)];
    HSM_CHECK(cipher != NULL, HSM_E_NOT_SUPPORTED);
    if (aes->ctx == NULL)
        aes->ctx = EVP_CIPHER_CTX_new();
    HSM_CHECK(aes->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    aes->key_serial = 0;
    EVP_CIPHER_CTX_set_flags(aes->ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(aes->ctx, cipher, key.data, NULL, is_encrypting, NULL),
                          HSM_E_CRYPTO));

    aes->key_serial = crypt->key->serial;
    aes->alg = crypt->mech->alg;
    aes->is_encrypting = is_encrypting;
    *out_is_new = true;
    return HSM_OK;
}

hsm_err hsm_ossl_aes_start(hsm_ossl_aes *aes, const uint8_t *iv)
{
    return hsm_ossl_done(EVP_CipherInit_ex2(aes->ctx, NULL, NULL, iv, aes->is_encrypting, NULL),
                         HSM_E_CRYPTO);
}

hsm_err hsm_ossl_aes_feed(hsm_ossl_aes *aes, hsm_bytes in, uint8_t *out, size_t *out_len)
{
    size_t written = 0;

    for (size_t at = 0; at < in.len;) {
        const size_t left = in.len - at;
        const size_t part = left < FEED_MAX_BYTES ? left : FEED_MAX_BYTES;
        int part_written = 0;

        HSM_TRY(hsm_ossl_done(EVP_CipherUpdate(aes->ctx, out == NULL ? NULL : out + written,
                                               &part_written, in.data + at, (int)part),
                              HSM_E_CRYPTO));
        written += (size_t)part_written;
        at += part;
    }
    *out_len = written;
    return HSM_OK;
}

void hsm_ossl_aes_clear(hsm_ossl_aes *aes)
{
    EVP_CIPHER_CTX_free(aes->ctx);
    aes->ctx = NULL;
    aes->key_serial = 0;
}
