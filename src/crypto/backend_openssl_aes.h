/* A cipher context that stays keyed, shared by the families of AES modes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_AES_H
#define HSM_CRYPTO_BACKEND_OPENSSL_AES_H

#include "crypto/backend_openssl.h"

#define HSM_AES_BLOCK_BYTES 16u

typedef struct hsm_ossl_aes {
    EVP_CIPHER_CTX *ctx;
    uint64_t key_serial; /* 0: not keyed */
    hsm_alg alg;
    bool is_encrypting;
} hsm_ossl_aes;

/* Keys the context for crypt's key, mechanism and direction, unless it is keyed for them already.
 * Returns in *out_is_new whether it was not.
 * errors  HSM_E_KEY_SIZE (not an AES key), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_aes_key(hsm_ossl_aes *aes, const hsm_crypt *crypt, bool *out_is_new);
/* Starts a message; iv NULL for modes that have none. errors HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_aes_start(hsm_ossl_aes *aes, const uint8_t *iv);
/* Adds data of any length; out NULL: it is associated data. Sets *out_len to what was written.
 * errors  HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_aes_feed(hsm_ossl_aes *aes, hsm_bytes in, uint8_t *out,
                                       size_t *out_len);
/* Forgets the key and frees the context. */
void hsm_ossl_aes_clear(hsm_ossl_aes *aes);

#endif
