/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <stdlib.h>

#include "base/log.h"
#include "crypto/internal.h"

/* Every backend there is, under its name in the configuration. */
static const hsm_backend *const backends[] = {
    &hsm_backend_openssl,
    &hsm_backend_openssl_fips,
};

static const hsm_backend *find_backend(const char *name)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return NULL;
}

hsm_err hsm_crypto_create(const hsm_crypto_options *options, hsm_crypto **out_crypto)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = calloc(1, sizeof *crypto);

    HSM_CHECK(crypto != NULL, HSM_E_NO_MEMORY);
    (void)pthread_mutex_init(&crypto->selftest_lock, NULL);
    crypto->options = *options;
    crypto->source_failed = &crypto->has_failed; /* until there is a source */
    crypto->backend = find_backend(options->backend);
    if (crypto->backend == NULL) {
        hsm_log(HSM_LOG_ERROR, "no cryptographic backend \"%s\" in this build", options->backend);
        return HSM_E_CONFIG;
    }
    /* The caller's text may go away; the table's stays. */
    crypto->options.backend = crypto->backend->name;
    HSM_TRY(crypto->backend->open(crypto));
    *out_crypto = HSM_MOVE(crypto);
    return HSM_OK;
}

void hsm_crypto_destroy(hsm_crypto *crypto)
{
    if (crypto == NULL)
        return;
    if (crypto->backend != NULL)
        crypto->backend->close(crypto); /* also what a failed open left */
    (void)pthread_mutex_destroy(&crypto->selftest_lock);
    free(crypto);
}

bool hsm_crypto_has_failed(const hsm_crypto *crypto)
{
    return atomic_load_explicit(&crypto->has_failed, memory_order_relaxed) ||
           atomic_load_explicit(crypto->source_failed, memory_order_relaxed);
}

hsm_err hsm_crypto_fail(hsm_crypto *crypto, const char *what)
{
    if (!atomic_exchange(&crypto->has_failed, true))
        hsm_log(HSM_LOG_ERROR, "self-test failed: %s", what);
    return HSM_E_SELF_TEST;
}

const char *hsm_crypto_version(const hsm_crypto *crypto)
{
    return crypto->backend->version();
}

const hsm_crypto_options *hsm_crypto_rules(const hsm_crypto *crypto)
{
    return &crypto->options;
}

hsm_err hsm_crypto_random(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    HSM_CHECK(!hsm_crypto_has_failed(crypto), HSM_E_SELF_TEST);
    return crypto->backend->random(crypto, data, len);
}

hsm_err hsm_crypto_seed(hsm_crypto *crypto, hsm_bytes seed)
{
    HSM_CHECK(!hsm_crypto_has_failed(crypto), HSM_E_SELF_TEST);
    return crypto->backend->seed(crypto, seed);
}
