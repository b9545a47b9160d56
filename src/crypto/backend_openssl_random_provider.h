/* A provider inside this library that gives OpenSSL our random generator.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_PROVIDER_H
#define HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_PROVIDER_H

#include <openssl/core.h>

/* The names under which it is loaded and under which its generator is found. */
#define HSM_RANDOM_PROVIDER "craton-hsm-random"
#define HSM_RANDOM_DRBG "CRATON-HMAC-DRBG"

/* For OSSL_PROVIDER_add_builtin(). */
OSSL_provider_init_fn hsm_ossl_random_provider;

#endif
