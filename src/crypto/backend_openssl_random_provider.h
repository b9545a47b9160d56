/* A provider inside this library that gives OpenSSL our random generator.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_PROVIDER_H
#define HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_PROVIDER_H

#include <openssl/core.h>
#include <openssl/provider.h>
#include <stdatomic.h>

#include "crypto/entropy.h"

/* The names under which it is loaded and under which its generator is found. */
#define HSM_RANDOM_PROVIDER "craton-hsm-random"
#define HSM_RANDOM_DRBG "CRATON-HMAC-DRBG"

/* What the instances of one library context share: where entropy comes from, and that it failed. */
typedef struct hsm_random_state hsm_random_state;
/* Of the loaded provider; borrowed from it, the same until it is unloaded. */
hsm_random_state *hsm_random_state_of(OSSL_PROVIDER *provider);
/* Begins anew: every instance runs the start-up test and takes a new seed before it gives a byte,
 * and an earlier failure is over. source NULL: the kernel's.
 * thread  before anybody else uses the library context */
void hsm_random_state_open(hsm_random_state *state, hsm_entropy_source *source, void *arg);
/* Whether a health test or the source failed: no instance gives anything any more. */
bool hsm_random_state_has_failed(const hsm_random_state *state);
/* The flag itself, for who asks before every operation; lives as long as the state. */
const atomic_bool *hsm_random_state_failure(const hsm_random_state *state);

/* For OSSL_PROVIDER_add_builtin(). */
OSSL_provider_init_fn hsm_ossl_random_provider;

#endif
