/* The generator that OpenSSL draws from: OpenSSL's own HMAC_DRBG on a source of ours, one pair of them
 * for each instance; the parent that OpenSSL offers is not used.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_random_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/backend_openssl_drbg.h"
#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_seed.h"

/* Half of what a short request costs is the update of the state that ends it (10.1.2.5). So short
 * requests that need no new seed, nonces of signatures above all, are served from output that was
 * made at once. Most seeds are for one operation, which makes a few requests: those come first. */
#define AHEAD_BYTES 512u
#define AHEAD_REQUEST_MAX_BYTES 64u
#define AHEAD_AFTER_REQUESTS 8u

/* A new seed is four HMACs and its first request three more. One hash is enough to put fresh entropy into
 * a short request (SP 800-133, 4: an approved generator's output XOR a value independent of it). */
#define FRESH_MAX_BYTES 32u /* SHA-256 of a seed's worth of samples */

typedef struct instance {
    hsm_random_state *state;
    EVP_RAND_CTX *drbg;
    EVP_RAND_CTX *source; /* the generator's */
    EVP_MD_CTX *hash;     /* SHA-256 */
    hsm_random_era era;   /* of the seed */
    uint64_t seeded_in; /* the scope that the seed was taken in (crypto/backend_openssl_fresh.h) */
    uint8_t *ahead;     /* output that nobody had; its end counts; in OpenSSL's memory */
    size_t ahead_left;
    unsigned short_requests; /* since the last seed, up to AHEAD_AFTER_REQUESTS */
    bool is_instantiated;    /* by OpenSSL */
    bool is_shared;
    pthread_mutex_t lock; /* where OpenSSL shares an instance between threads */
} instance;

hsm_random_state *hsm_random_state_of(OSSL_PROVIDER *provider)
{
    return OSSL_PROVIDER_get0_provider_ctx(provider);
}

void hsm_random_state_open(hsm_random_state *state, hsm_entropy_source *source, void *arg)
{
    state->source = source;
    state->source_arg = arg;
    (void)atomic_fetch_add(&state->opened, 1);
    atomic_store(&state->has_failed, false);
}

bool hsm_random_state_has_failed(const hsm_random_state *state)
{
    return atomic_load_explicit(&state->has_failed, memory_order_relaxed);
}

const atomic_bool *hsm_random_state_failure(const hsm_random_state *state)
{
    return &state->has_failed;
}

/* With a new seed, what the old one made is given to nobody. */
static void forget_ahead(instance *self)
{
    explicit_bzero(self->ahead, AHEAD_BYTES);
    self->ahead_left = 0;
    self->short_requests = 0;
}

static bool may_take_ahead(instance *self, size_t len, size_t additional_len)
{
    if (len > AHEAD_REQUEST_MAX_BYTES || additional_len > 0)
        return false;
    if (self->short_requests == AHEAD_AFTER_REQUESTS)
        return true;
    self->short_requests++;
    return false;
}

static hsm_err take_ahead(instance *self, uint8_t *out, size_t len)
{
    if (self->ahead_left < len) {
        self->ahead_left = 0;
        HSM_TRY(hsm_drbg_generate(self->drbg, false, hsm_bytes_none(), self->ahead, AHEAD_BYTES));
        self->ahead_left = AHEAD_BYTES;
    }
    uint8_t *taken = self->ahead + AHEAD_BYTES - self->ahead_left;
    memcpy(out, taken, len);
    explicit_bzero(taken, len);
    self->ahead_left -= len;
    return HSM_OK;
}

static hsm_err draw_fresh(instance *self, uint8_t out[FRESH_MAX_BYTES])
{
    uint8_t samples[HSM_SEED_BYTES];
    const bool is_done =
        EVP_RAND_generate(self->source, samples, sizeof samples, 0, 0, NULL, 0) == 1 &&
        EVP_DigestInit_ex2(self->hash, NULL, NULL) == 1 &&
        EVP_DigestUpdate(self->hash, samples, sizeof samples) == 1 &&
        EVP_DigestFinal_ex(self->hash, out, NULL) == 1;

    explicit_bzero(samples, sizeof samples);
    return is_done ? HSM_OK : HSM_E_RANDOM;
}

/* What was made ahead, XOR fresh entropy. */
static hsm_err take_fresh(instance *self, uint8_t *out, size_t len)
{
    uint8_t fresh[FRESH_MAX_BYTES];

    HSM_TRY(draw_fresh(self, fresh));
    const hsm_err err = take_ahead(self, out, len);
    for (size_t i = 0; err == HSM_OK && i < len; i++)
        out[i] ^= fresh[i];
    explicit_bzero(fresh, sizeof fresh);
    return err;
}

/* Whose seed it is is noted only when the seed is new: until then the old must not be used. */
static hsm_err seed_first(instance *self, hsm_bytes personal)
{
    const hsm_random_era now = hsm_random_era_now(self->state);

    forget_ahead(self);
    HSM_TRY(hsm_drbg_instantiate(self->drbg, personal));
    self->era = now;
    self->seeded_in = hsm_fresh_scope();
    return HSM_OK;
}

/* In a forked child the state is the parent's, and after another opening it is of before: it starts
 * anew. out_is_new: with the additional input, if there was any. */
static hsm_err make_current(instance *self, hsm_bytes additional, bool *out_is_new)
{
    HSM_CHECK(!hsm_random_state_has_failed(self->state), HSM_E_SELF_TEST);
    HSM_CHECK(self->is_instantiated, HSM_E_RANDOM);
    const bool is_current = hsm_random_era_is_now(self->state, self->era);
    if (!is_current)
        HSM_TRY(seed_first(self, additional));
    *out_is_new = !is_current;
    return HSM_OK;
}

static void free_instance(void *context)
{
    instance *self = context;

    if (self == NULL)
        return;
    EVP_RAND_CTX_free(self->drbg);
    EVP_RAND_CTX_free(self->source);
    EVP_MD_CTX_free(self->hash);
    OPENSSL_clear_free(self->ahead, AHEAD_BYTES);
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

static hsm_err create_hash(OSSL_LIB_CTX *libctx, EVP_MD_CTX **out_hash)
{
    EVP_MD *md = EVP_MD_fetch(libctx, "SHA2-256", NULL);
    const bool is_done = md != NULL && (*out_hash = EVP_MD_CTX_new()) != NULL &&
                         EVP_DigestInit_ex2(*out_hash, md, NULL) == 1;

    EVP_MD_free(md); /* the context has its own reference */
    return is_done ? HSM_OK : HSM_E_RANDOM;
}

static hsm_err create_parts(instance *self)
{
    OSSL_LIB_CTX *libctx = self->state->libctx;

    self->ahead = OPENSSL_zalloc(AHEAD_BYTES);
    HSM_CHECK(self->ahead != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_drbg_fetch(libctx, HSM_RANDOM_SEED, "-fips", NULL, &self->source));
    HSM_TRY(hsm_drbg_create(libctx, self->source, &self->drbg));
    return create_hash(libctx, &self->hash);
}

static void *new_instance(void *provider, void *parent, const OSSL_DISPATCH *parent_calls)
{
    instance *self = calloc(1, sizeof *self);

    (void)parent;
    (void)parent_calls;
    if (self == NULL)
        return NULL;
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    self->state = provider;
    if (create_parts(self) != HSM_OK) {
        free_instance(self);
        return NULL;
    }
    return self;
}

static int instantiate(void *context, unsigned strength, int prediction_resistance,
                       const unsigned char *personal, size_t personal_len,
                       const OSSL_PARAM params[])
{
    instance *self = context;

    (void)prediction_resistance; /* the seed is fresh */
    (void)params;                /* digest and intervals are ours */
    if (strength > HSM_DRBG_STRENGTH_BITS || hsm_random_state_has_failed(self->state) ||
        seed_first(self, hsm_bytes_of(personal, personal_len)) != HSM_OK)
        return 0;
    self->is_instantiated = true;
    return 1;
}

static int uninstantiate(void *context)
{
    instance *self = context;

    self->is_instantiated = false;
    forget_ahead(self);
    return EVP_RAND_uninstantiate(self->drbg);
}

/* Whether the request must have fresh entropy in it, of which the seed has none. */
static bool wants_fresh(const instance *self, bool is_prediction_resistant)
{
    const uint64_t scope = hsm_fresh_scope();

    return is_prediction_resistant || (scope != 0 && self->seeded_in != scope);
}

static hsm_err generate_seeded(instance *self, hsm_bytes additional, uint8_t *out, size_t len)
{
    forget_ahead(self);
    HSM_TRY(hsm_drbg_generate(self->drbg, true, additional, out, len));
    self->seeded_in = hsm_fresh_scope();
    return HSM_OK;
}

static hsm_err generate_any(instance *self, bool is_prediction_resistant, hsm_bytes additional,
                            uint8_t *out, size_t len)
{
    bool is_new = false;

    HSM_TRY(make_current(self, hsm_bytes_none(), &is_new));
    if (!is_new && wants_fresh(self, is_prediction_resistant))
        return len <= FRESH_MAX_BYTES && additional.len == 0
                   ? take_fresh(self, out, len)
                   : generate_seeded(self, additional, out, len);
    if (may_take_ahead(self, len, additional.len))
        return take_ahead(self, out, len);
    return hsm_drbg_generate(self->drbg, false, additional, out, len);
}

static int generate(void *context, unsigned char *out, size_t len, unsigned strength,
                    int prediction_resistance, const unsigned char *additional,
                    size_t additional_len)
{
    return strength <= HSM_DRBG_STRENGTH_BITS &&
           generate_any(context, prediction_resistance != 0,
                        hsm_bytes_of(additional, additional_len), out, len) == HSM_OK;
}

/* What the caller calls entropy is added to what we draw, never in its place. */
static int reseed(void *context, int prediction_resistance, const unsigned char *entropy,
                  size_t entropy_len, const unsigned char *additional, size_t additional_len)
{
    instance *self = context;
    const hsm_bytes added = hsm_bytes_of(additional, additional_len);
    bool is_new = false;

    (void)prediction_resistance;
    forget_ahead(self);
    return make_current(self, added, &is_new) == HSM_OK &&
           (is_new || hsm_drbg_reseed(self->drbg, added) == HSM_OK) &&
           (entropy_len == 0 ||
            hsm_drbg_reseed(self->drbg, hsm_bytes_of(entropy, entropy_len)) == HSM_OK);
}

static int enable_locking(void *context)
{
    instance *self = context;

    self->is_shared = true;
    return 1;
}

static int lock(void *context)
{
    instance *self = context;

    return !self->is_shared || pthread_mutex_lock(&self->lock) == 0;
}

static void unlock(void *context)
{
    instance *self = context;

    if (self->is_shared)
        (void)pthread_mutex_unlock(&self->lock);
}

static const OSSL_PARAM *gettable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return params;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    const instance *self = context;
    const int state = !self->is_instantiated ? EVP_RAND_STATE_UNINITIALISED : EVP_RAND_STATE_READY;

    for (OSSL_PARAM *param = params; param != NULL && param->key != NULL; param++) {
        int is_set = 1;

        if (strcmp(param->key, OSSL_RAND_PARAM_MAX_REQUEST) == 0)
            is_set = OSSL_PARAM_set_size_t(param, HSM_DRBG_REQUEST_MAX_BYTES);
        else if (strcmp(param->key, OSSL_RAND_PARAM_STATE) == 0)
            is_set = OSSL_PARAM_set_int(param, state);
        else if (strcmp(param->key, OSSL_RAND_PARAM_STRENGTH) == 0)
            is_set = OSSL_PARAM_set_uint(param, HSM_DRBG_STRENGTH_BITS);
        if (!is_set)
            return 0;
    }
    return 1;
}

static const OSSL_DISPATCH drbg_calls[] = {
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_NEWCTX, new_instance),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_FREECTX, free_instance),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GENERATE, generate),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_RESEED, reseed),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_ENABLE_LOCKING, enable_locking),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_LOCK, lock),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_UNLOCK, unlock),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, gettable),
    HSM_RANDOM_CALL(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_params),
    OSSL_DISPATCH_END,
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM generators[] = {
        { HSM_RANDOM_DRBG, "provider=" HSM_RANDOM_PROVIDER, drbg_calls, "SP 800-90A, 10.1.2" },
        { HSM_RANDOM_SEED, "provider=" HSM_RANDOM_PROVIDER, hsm_ossl_seed_calls,
          "SP 800-90B, 4.4" },
        { NULL, NULL, NULL, NULL },
    };

    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_RAND ? generators : NULL;
}

static const OSSL_DISPATCH provider_calls[] = {
    HSM_RANDOM_CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    HSM_RANDOM_CALL(OSSL_FUNC_PROVIDER_TEARDOWN, free),
    OSSL_DISPATCH_END,
};

/* The context of a provider that is linked in would be the library context it was loaded into. */
int hsm_ossl_random_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core_calls,
                             const OSSL_DISPATCH **out_calls, void **out_provider)
{
    for (; core_calls->function_id != 0; core_calls++) {
        if (core_calls->function_id != OSSL_FUNC_CORE_GET_LIBCTX)
            continue;
        hsm_random_state *state = calloc(1, sizeof *state);
        if (state == NULL)
            return 0;
        state->libctx = (OSSL_LIB_CTX *)OSSL_FUNC_core_get_libctx(core_calls)(handle);
        *out_provider = state;
        *out_calls = provider_calls;
        return 1;
    }
    return 0;
}
