/* The one place where entropy comes in. What fails for one generator fails for all.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_seed.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "os/fork.h"

/* In OpenSSL's memory, as what it makes of the seed is (crypto/backend_openssl_memory.c). */
typedef struct seed_source {
    hsm_random_state *state;
    hsm_entropy entropy;
    hsm_random_era era; /* of entropy */
    uint8_t seed[HSM_SEED_BYTES];
} seed_source;

hsm_random_era hsm_random_era_now(const hsm_random_state *state)
{
    return (hsm_random_era){ .generation = hsm_fork_generation(),
                             .opened = atomic_load_explicit(&state->opened, memory_order_acquire) };
}

bool hsm_random_era_is_now(const hsm_random_state *state, hsm_random_era era)
{
    const hsm_random_era now = hsm_random_era_now(state);

    return era.generation == now.generation && era.opened == now.opened;
}

static bool draw(seed_source *self, uint8_t *out, size_t len)
{
    hsm_random_state *state = self->state;

    if (!hsm_random_era_is_now(state, self->era)) {
        self->era = hsm_random_era_now(state);
        hsm_entropy_init(&self->entropy, state->source, state->source_arg);
    }
    if (hsm_entropy_draw(&self->entropy, out, len) == HSM_OK)
        return true;
    atomic_store(&state->has_failed, true);
    return false;
}

static void *new_source(void *provider, void *parent, const OSSL_DISPATCH *parent_calls)
{
    seed_source *self = OPENSSL_zalloc(sizeof *self);

    (void)parent;
    (void)parent_calls;
    if (self != NULL)
        self->state = provider;
    return self;
}

static void free_source(void *context)
{
    OPENSSL_clear_free(context, sizeof(seed_source));
}

static int instantiate(void *context, unsigned strength, int prediction_resistance,
                       const unsigned char *personal, size_t personal_len,
                       const OSSL_PARAM params[])
{
    (void)context; /* it has no state of its own but the tests', which begin when they must */
    (void)prediction_resistance;
    (void)personal;
    (void)personal_len;
    (void)params;
    return strength <= HSM_DRBG_STRENGTH_BITS;
}

static int uninstantiate(void *context)
{
    (void)context;
    return 1;
}

/* Each byte carries what HSM_ENTROPY_BITS_A_BYTE says only: for a generator's seed there is
 * get_seed(). OpenSSL wants both. */
static int generate(void *context, unsigned char *out, size_t len, unsigned strength,
                    int prediction_resistance, const unsigned char *additional,
                    size_t additional_len)
{
    (void)prediction_resistance;
    (void)additional;
    (void)additional_len;
    return strength <= HSM_DRBG_STRENGTH_BITS && draw(context, out, len);
}

static size_t get_seed(void *context, unsigned char **out_seed, int entropy_bits, size_t min_len,
                       size_t max_len, int prediction_resistance, const unsigned char *additional,
                       size_t additional_len)
{
    seed_source *self = context;

    (void)prediction_resistance; /* it is always fresh */
    (void)additional;
    (void)additional_len;
    if (entropy_bits > (int)HSM_DRBG_STRENGTH_BITS || min_len > sizeof self->seed ||
        max_len < sizeof self->seed || !draw(self, self->seed, sizeof self->seed))
        return 0;
    *out_seed = self->seed;
    return sizeof self->seed;
}

static void clear_seed(void *context, unsigned char *seed, size_t len)
{
    (void)context;
    if (seed != NULL)
        explicit_bzero(seed, len);
}

/* out NULL: only asks for the length. */
static size_t nonce(void *context, unsigned char *out, unsigned strength, size_t min_len,
                    size_t max_len)
{
    const size_t len = HSM_SEED_NONCE_BYTES;

    if (strength > HSM_DRBG_STRENGTH_BITS || min_len > len || max_len < len ||
        (out != NULL && !draw(context, out, len)))
        return 0;
    return len;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    (void)context;
    for (OSSL_PARAM *param = params; param != NULL && param->key != NULL; param++) {
        int is_set = 1; /* what it does not know stays as it is */

        if (strcmp(param->key, OSSL_RAND_PARAM_MAX_REQUEST) == 0)
            is_set = OSSL_PARAM_set_size_t(param, HSM_ENTROPY_DRAW_MAX_BYTES);
        else if (strcmp(param->key, OSSL_RAND_PARAM_STATE) == 0)
            is_set = OSSL_PARAM_set_int(param, EVP_RAND_STATE_READY);
        else if (strcmp(param->key, OSSL_RAND_PARAM_STRENGTH) == 0)
            is_set = OSSL_PARAM_set_uint(param, HSM_DRBG_STRENGTH_BITS);
        if (!is_set)
            return 0;
    }
    return 1;
}

const OSSL_DISPATCH hsm_ossl_seed_calls[] = {
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_NEWCTX, new_source),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_FREECTX, free_source),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GENERATE, generate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GET_SEED, get_seed),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_CLEAR_SEED, clear_seed),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_NONCE, nonce),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_params),
    OSSL_DISPATCH_END,
};
