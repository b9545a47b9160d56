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

#endif
