/* SPDX-License-Identifier: Apache-2.0 */
#include "core/operator.h"

#include "core/audited.h"
#include "core/internal.h"

hsm_err hsm_core_get_facts(hsm_core *core, hsm_core_facts *out_facts)
{
    hsm_core_facts facts = {
        .crypto_version = hsm_crypto_version(core->crypto),
        .storage_path =
            core->config->token.persist_objects ? core->config->token.storage_path : NULL,
        .is_read_only = hsm_store_is_read_only(core->store),
    };

    HSM_TRY(hsm_store_space(core->store, &facts.used_bytes, &facts.free_bytes));
    *out_facts = facts;
    return HSM_OK;
}

hsm_err hsm_core_pin_status(hsm_core *core, CK_SLOT_ID slot, hsm_pin_status *out_status)
{
    hsm_token_info info;

    HSM_TRY(hsm_core_check_slot(core, slot));
    HSM_TRY(hsm_token_get_info(core->slots[slot].token, &info));
    *out_status = (hsm_pin_status){
        .is_initialized = info.is_initialized,
        .has_user_pin = info.has_user_pin,
        .must_change_user_pin = info.must_change_user_pin,
        .user_tries_left = info.user_tries_left,
        .so_tries_left = info.so_tries_left,
        .tries_max = info.tries_max,
        .pin_min_bytes = info.pin_min_bytes,
        .pin_max_bytes = info.pin_max_bytes,
    };
    return HSM_OK;
}

hsm_err hsm_core_count_objects(hsm_core *core, CK_SLOT_ID slot, uint64_t *out_count)
{
    HSM_TRY(hsm_core_check_slot(core, slot));
    return hsm_store_count(core->store, (uint32_t)slot, out_count);
}

static hsm_err destroy_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin)
{
    HSM_TRY(hsm_core_check_slot(core, slot));
    hsm_slot *target = &core->slots[slot];

    (void)pthread_mutex_lock(&target->login_lock);
    hsm_err err = HSM_E_SESSION_EXISTS;
    if (hsm_session_count(core->sessions, (uint32_t)slot).sessions == 0)
        err = hsm_token_remove(target->token, so_pin);
    (void)pthread_mutex_unlock(&target->login_lock);
    return err;
}

hsm_err hsm_core_destroy_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_DESTROY_TOKEN))
        return destroy_token(core, slot, so_pin);
    hsm_audited_begin_slot(&call, core, slot, HSM_AUDITED_DESTROY_TOKEN);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = destroy_token(core, slot, so_pin);
    return hsm_audited_end(&call, err);
}
