/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_aes.h"

#include "crypto/backend_openssl_pkey.h"

/* OpenSSL counts in int. A whole number of blocks, so that no block is split. */
#define FEED_MAX_BYTES ((size_t)1 << 30)

/* A key of XTS is two AES keys; ChaCha20's is as long as AES-256's. NULL: the length does not fit. */
static const EVP_CIPHER *cipher_for(const hsm_crypt *crypt, size_t key_len)
{
    const hsm_alg alg = crypt->mech->alg;
    const size_t len = alg == HSM_ALG_AES_XTS ? key_len / 2 : key_len;

    if (len != 16 && len != 24 && len != 32)
        return NULL;
    return hsm_ossl_of(crypt->crypto)->aes[alg][hsm_aes_size((uint32_t)len * 8)];
}

hsm_err hsm_ossl_aes_key(hsm_ossl_aes *aes, const hsm_crypt *crypt, bool *out_is_new)
{
    /* GMAC is the tag of an encryption, also where it is checked. */
    const bool is_encrypting = hsm_op_encrypts(crypt->op) || crypt->mech->alg == HSM_ALG_AES_GMAC;
    const hsm_bytes key = hsm_secret_view(crypt->key->value);

    *out_is_new = false;
    if (aes->key_serial == crypt->key->serial && aes->alg == crypt->mech->alg &&
        aes->is_encrypting == is_encrypting)
        return HSM_OK;

    const EVP_CIPHER *cipher = cipher_for(crypt, key.len);
    HSM_CHECK(cipher != NULL, HSM_E_KEY_SIZE);
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
