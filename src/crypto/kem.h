/* Key encapsulation: a fresh secret and the ciphertext that carries it to the holder of the private
 * key (PKCS#11 v3.2, C_EncapsulateKey and C_DecapsulateKey).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_KEM_H
#define HSM_CRYPTO_KEM_H

#include "crypto/key.h"
#include "crypto/mech.h"

/* The longest ciphertext: RSA with 16384 bits. */
#define HSM_KEM_CIPHERTEXT_MAX_BYTES 2048u

/* One encapsulation or decapsulation; all borrowed. */
typedef struct hsm_kem_use {
    const hsm_mech *mech; /* a row with HSM_OP_ENCAPSULATE, admitted for key */
    const hsm_mech_params *params;
    hsm_key *key;     /* public to encapsulate, private to decapsulate */
    size_t value_len; /* bytes wanted of the secret; 0: what the mechanism gives */
} hsm_kem_use;

/* Bytes of ciphertext for the key, at most HSM_KEM_CIPHERTEXT_MAX_BYTES. */
size_t hsm_kem_ciphertext_len(const hsm_kem_use *use);

/**
 * Makes a secret and its ciphertext.
 *
 * ML-KEM    32 bytes, FIPS 203, algorithm 20
 * ECDH      an ephemeral key pair, whose public point is the ciphertext (EC: uncompressed), and the
 *           key derivation of the parameter, which has no public data
 * DH        the same in the key's group; the ciphertext is as long as the prime
 * RSA PKCS, OAEP  value_len random bytes, encrypted
 * RSA X.509 RSASVE (SP 800-56B, 7.2.1): as long as the modulus; value_len bytes of its end
 *
 * out     ciphertext  hsm_kem_ciphertext_len() bytes
 * errors  HSM_E_KEY_SIZE (no secret of this length), HSM_E_TEMPLATE_INCOMPLETE (RSA: value_len is
 *         0), HSM_E_MECHANISM_PARAM, HSM_E_RANDOM, HSM_E_NO_MEMORY, HSM_E_CRYPTO
 */
HSM_MUST_USE hsm_err hsm_kem_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext,
                                         hsm_secret **out_value);

/* The same secret from its ciphertext. A wrong ML-KEM ciphertext of the right length gives another
 * secret and no error (FIPS 203, 6.3), and so does PKCS #1 v1.5 padding.
 * errors  HSM_E_WRAPPED_KEY_LEN, HSM_E_WRAPPED_KEY, HSM_E_KEY_SIZE, HSM_E_MECHANISM_PARAM, ... */
HSM_MUST_USE hsm_err hsm_kem_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext,
                                         hsm_secret **out_value);

#endif
