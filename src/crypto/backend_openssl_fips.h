/* OpenSSL's FIPS provider in a library context (docs/approved-mode.md, "The FIPS provider").
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_FIPS_H
#define HSM_CRYPTO_BACKEND_OPENSSL_FIPS_H

#include "crypto/backend_openssl.h"

/* The absolute path of a fips.so to take instead of the system's. */
#define HSM_FIPS_MODULE_VARIABLE "CRATON_HSM_FIPS_MODULE"

/* Loads the provider, runs its self-tests (about 65 ms), and makes libctx fetch from it alone.
 * errors  HSM_E_CONFIG (not there, or not good; logged), HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_fips_load(OSSL_LIB_CTX *libctx, OSSL_PROVIDER **out_fips,
                                        OSSL_PROVIDER **out_base);

#endif
