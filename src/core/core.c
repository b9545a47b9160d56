/* Opening and closing everything the core owns, in order.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/async.h"
#include "core/audited.h"
#include "core/integrity.h"
#include "core/internal.h"

/* How long to wait for another process that holds the store, and how many decoded objects to keep:
 * a search that touches a thousand keys reads none of them twice. */
#define STORE_BUSY_MS 10000u
#define OBJECTS_CACHED_MAX 2048u
/* The same for each further application of the process. */
#define SHARED_OBJECTS_CACHED_MAX 1024u

/* Said before anything needs a secret: deeper it would be a random generator that has no seed. */
static hsm_err check_locked_memory(bool is_required)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *probe = NULL;

    hsm_secret_require_locked(is_required);
    return hsm_secret_create(1, &probe);
}

static hsm_err open_crypto(hsm_core *core)
{
    const hsm_config *config = core->config;
    const hsm_crypto_options options = {
        .backend = config->algorithms.crypto_backend,
        .is_approved_only = config->algorithms.fips_approved_only,
        .may_use_pqc = config->algorithms.enable_pqc,
        .may_use_weak_rsa = config->algorithms.allow_weak_rsa,
        .may_sign_sha1 = config->algorithms.allow_sha1_signing,
        .may_decrypt_3des = config->algorithms.allow_3des_decrypt,
        .is_ecdsa_deterministic = config->algorithms.deterministic_ecdsa,
    };

    HSM_TRY(check_locked_memory(options.is_approved_only));
    HSM_TRY(hsm_crypto_create(&options, &core->crypto));
    return hsm_integrity_start(core->crypto, options.is_approved_only);
}

static hsm_err open_ephemeral(hsm_core *core)
{
    hsm_ephemeral *parent = core->parent == NULL ? NULL : core->parent->ephemeral;

    return hsm_ephemeral_create(core->crypto, core->slot_count, parent, &core->ephemeral);
}

static hsm_err open_store(hsm_core *core)
{
    const hsm_config *config = core->config;
    const hsm_store_options options = {
        .directory = config->token.persist_objects ? config->token.storage_path : NULL,
        .crypto = core->crypto,
        .slot_count = core->slot_count,
        .busy_ms = STORE_BUSY_MS,
        .cached_max = OBJECTS_CACHED_MAX,
    };

    HSM_TRY(hsm_store_open(&options, &core->store));
    return open_ephemeral(core);
}

static hsm_err open_slot(hsm_core *core, uint32_t slot)
{
    const hsm_config *config = core->config;
    const hsm_token_options options = {
        .store = core->store,
        .crypto = core->crypto,
        .slot = slot,
        .pin_min_bytes = config->security.pin_min_length,
        .pin_max_bytes = config->security.pin_max_length,
        .tries_max = config->security.max_failed_logins,
        .iterations = config->security.pbkdf2_iterations,
        .serial = config->token.serial_number,
    };

    HSM_TRY(hsm_token_open(&options, &core->slots[slot].token));
    return hsm_core_add_profiles(core, slot);
}

static hsm_err open_slots(hsm_core *core)
{
    core->slots = calloc(core->slot_count, sizeof *core->slots);
    HSM_CHECK(core->slots != NULL, HSM_E_NO_MEMORY);
    for (uint32_t slot = 0; slot < core->slot_count; slot++)
        HSM_CHECK(pthread_mutex_init(&core->slots[slot].login_lock, NULL) == 0, HSM_E_NO_MEMORY);
    for (uint32_t slot = 0; slot < core->slot_count; slot++)
        HSM_TRY(open_slot(core, slot));
    return HSM_OK;
}

static hsm_err open_sessions(hsm_core *core)
{
    const hsm_session_limits limits = {
        .slot_count = core->slot_count,
        .sessions_max = core->config->token.max_sessions,
        .rw_sessions_max = core->config->token.max_rw_sessions,
    };

    HSM_TRY(hsm_handles_create(&core->handles));
    HSM_TRY(hsm_iv_ledger_create(core->crypto, &core->ivs));
    return hsm_session_table_create(&limits, &core->sessions);
}

static void core_drop(hsm_core **core)
{
    hsm_core_close(*core);
    *core = NULL;
}

hsm_err hsm_core_open(const struct hsm_config *config, hsm_core **out_core)
{
    HSM_AUTO(core_drop) hsm_core *core = calloc(1, sizeof *core);

    HSM_CHECK(core != NULL, HSM_E_NO_MEMORY);
    if (config == NULL) {
        HSM_TRY(hsm_config_load(&core->own_config));
        config = core->own_config;
    }
    core->config = config;
    core->slot_count = config->token.slot_count;
    HSM_TRY(open_crypto(core));
    HSM_TRY(open_store(core));
    HSM_TRY(open_sessions(core));
    HSM_TRY(open_slots(core));
    HSM_TRY(hsm_core_audit_start(core));
    *out_core = HSM_MOVE(core);
    return HSM_OK;
}

hsm_err hsm_core_share(hsm_core *parent, hsm_core **out_core)
{
    HSM_CHECK(parent->parent == NULL, HSM_E_ARG);
    HSM_AUTO(core_drop) hsm_core *core = calloc(1, sizeof *core);

    HSM_CHECK(core != NULL, HSM_E_NO_MEMORY);
    core->parent = parent;
    core->config = parent->config;
    core->slot_count = parent->slot_count;
    core->crypto = parent->crypto;
    core->audit = parent->audit;
    HSM_TRY(hsm_store_share(parent->store, SHARED_OBJECTS_CACHED_MAX, &core->store));
    HSM_TRY(open_ephemeral(core));
    HSM_TRY(open_sessions(core));
    HSM_TRY(open_slots(core));
    *out_core = HSM_MOVE(core);
    return HSM_OK;
}

void hsm_core_close(hsm_core *core)
{
    if (core == NULL)
        return;
    hsm_core_stop_jobs(core);
    hsm_core_audit_stop(core);
    hsm_session_table_destroy(core->sessions);
    for (uint32_t slot = 0; core->slots != NULL && slot < core->slot_count; slot++) {
        hsm_token_close(core->slots[slot].token);
        (void)pthread_mutex_destroy(&core->slots[slot].login_lock);
    }
    free(core->slots);
    hsm_handles_destroy(core->handles);
    hsm_iv_ledger_destroy(core->ivs);
    hsm_ephemeral_destroy(core->ephemeral);
    hsm_store_close(core->store);
    if (core->parent == NULL)
        hsm_crypto_destroy(core->crypto);
    hsm_config_destroy(core->own_config);
    free(core);
}

/* The parent's locks may be held by threads that do not exist here, so nothing is torn down: the
 * memory stays as it is, its secrets are zero already, and only descriptors are given up. */
void hsm_core_abandon(hsm_core *core)
{
    if (core == NULL)
        return;
    hsm_audit_abandon(core->audit);
    hsm_store_abandon(core->store);
}

bool hsm_core_has_failed(const hsm_core *core)
{
    return hsm_crypto_has_failed(core->crypto);
}

hsm_err hsm_core_check_slot(const hsm_core *core, CK_SLOT_ID slot)
{
    HSM_CHECK(!hsm_core_has_failed(core), HSM_E_SELF_TEST);
    HSM_CHECK(slot < core->slot_count, HSM_E_SLOT);
    return HSM_OK;
}
