/* The source that our generators take their seeds from, as OpenSSL wants one: an algorithm of the
 * provider in crypto/backend_openssl_random_provider.h. Each generator has one of its own, so that no
 * thread waits for another.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_SEED_H
#define HSM_CRYPTO_BACKEND_OPENSSL_SEED_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <stdatomic.h>

#include "crypto/backend_openssl_drbg.h"
#include "crypto/entropy.h"

/* The name under which the provider has it. */
#define HSM_RANDOM_SEED "CRATON-SEED"

/* Bytes that carry the strength of the generator, and half as much for the nonce. */
#define HSM_SEED_BYTES HSM_ENTROPY_BYTES(HSM_DRBG_STRENGTH_BITS)
#define HSM_SEED_NONCE_BYTES HSM_ENTROPY_BYTES(HSM_DRBG_STRENGTH_BITS / 2)

/* The provider's context: what the generators and sources of one library context share. */
typedef struct hsm_random_state {
    OSSL_LIB_CTX *libctx;
    hsm_entropy_source *source; /* NULL: the kernel's */
    void *source_arg;
    atomic_uint_least64_t opened; /* how often the service was: instances of before start anew */
    atomic_bool has_failed;
} hsm_random_state;

/* Which process and which opening something was made in: elsewhere it starts anew. */
typedef struct hsm_random_era {
    uint64_t generation; /* os/fork.h */
    uint64_t opened;
} hsm_random_era;
hsm_random_era hsm_random_era_now(const hsm_random_state *state);
bool hsm_random_era_is_now(const hsm_random_state *state, hsm_random_era era);

/* OpenSSL's tables hold functions of any kind under one type. */
#define HSM_RANDOM_CALL(id, function)    \
    {                                    \
        (id), (void (*)(void))(function) \
    }

extern const OSSL_DISPATCH hsm_ossl_seed_calls[];

#endif
