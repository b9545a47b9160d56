/* Derivation functions of the OpenSSL backend.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_KDF_H
#define HSM_CRYPTO_BACKEND_OPENSSL_KDF_H

#include "crypto/backend_openssl.h"
#include "crypto/kdf.h"

/* Fills out from the base key's value. kdf was read and planned for as many bytes. */
HSM_MUST_USE hsm_err hsm_ossl_kdf(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                                  hsm_bytes base, hsm_secret *out);
/* The three modes of SP 800-108. */
HSM_MUST_USE hsm_err hsm_ossl_kbkdf(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                                    hsm_bytes base, hsm_secret *out);
/* IKEv1 and IKEv2. */
HSM_MUST_USE hsm_err hsm_ossl_ike(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                                  hsm_bytes base, hsm_secret *out);
/* The pseudo-random function of kdf under a key, ready for its input.
 * errors  HSM_E_KEY_SIZE (CMAC: no AES key), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_prf_open(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes key,
                                       EVP_MAC_CTX **out_mac);

#endif
