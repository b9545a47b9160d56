/* Recipients: whoever has a recipient's public key can seal something that only the private key opens.
 * Keys are ML-KEM-768 with X25519 (docs/hybrid.md); who wants what is sealed must break both.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_RECIPIENT_H
#define HSM_CRYPTO_RECIPIENT_H

#include "base/buf.h"
#include "crypto/crypto.h"

#define HSM_RECIPIENT_CIPHERTEXT_BYTES 1120u
#define HSM_RECIPIENT_SECRET_BYTES 32u

/* Makes a key pair: PrivateKeyInfo and SubjectPublicKeyInfo (appended).
 * errors  HSM_E_MECHANISM (approved mode, or post-quantum algorithms are off), HSM_E_RANDOM, ... */
HSM_MUST_USE hsm_err hsm_recipient_generate(hsm_crypto *crypto, hsm_secret **out_pkcs8,
                                            hsm_buf *out_spki);
/* A fresh secret for the holder of the private key.
 * errors  HSM_E_MECHANISM, HSM_E_KEY_TYPE (spki is of another kind), HSM_E_DATA, ... */
HSM_MUST_USE hsm_err hsm_recipient_seal(hsm_crypto *crypto, hsm_bytes spki,
                                        uint8_t ciphertext[HSM_RECIPIENT_CIPHERTEXT_BYTES],
                                        hsm_secret **out_secret);
/* The secret of the ciphertext; of a wrong one, another secret or HSM_E_WRAPPED_KEY.
 * errors  HSM_E_MECHANISM, HSM_E_KEY_TYPE, HSM_E_WRAPPED_KEY (also: pkcs8 is none), ... */
HSM_MUST_USE hsm_err hsm_recipient_open(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_bytes ciphertext,
                                        hsm_secret **out_secret);
/* The SubjectPublicKeyInfo of a private key, appended. errors as above */
HSM_MUST_USE hsm_err hsm_recipient_public(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_buf *out_spki);

#endif
