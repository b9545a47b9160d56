/* What OpenSSL's i2d_... functions write, into our buffers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_ENCODE_H
#define HSM_CRYPTO_BACKEND_OPENSSL_ENCODE_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/secret.h"

typedef int (*hsm_ossl_encoder)(const void *object, unsigned char **at);
/* Appends an object's DER. errors HSM_E_DATA (it can't be written), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_put_der(hsm_ossl_encoder encode, const void *object, hsm_buf *out);
/* PrivateKeyInfo, into secret memory. errors as above */
HSM_MUST_USE hsm_err hsm_ossl_put_info(const PKCS8_PRIV_KEY_INFO *info, hsm_secret **out_pkcs8);

#endif
