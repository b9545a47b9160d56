/* Parameters of OpenSSL that are only read. OpenSSL takes what they point to as writable.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_PARAMS_H
#define HSM_CRYPTO_BACKEND_OPENSSL_PARAMS_H

#include <openssl/params.h>

#include "base/bytes.h"

static inline OSSL_PARAM hsm_ossl_text(const char *key, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

static inline OSSL_PARAM hsm_ossl_octets(const char *key, hsm_bytes value)
{
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)value.data, value.len);
}

#endif
