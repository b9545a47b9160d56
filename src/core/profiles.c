/* The profile objects every token shows (PKCS#11 Profiles v3.1).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"

static const CK_ULONG profiles[] = {
    CKP_BASELINE_PROVIDER,
    CKP_EXTENDED_PROVIDER,
    CKP_AUTHENTICATION_TOKEN,
};

static hsm_err add_profile(hsm_core *core, uint32_t slot, CK_ULONG profile)
{
    static const CK_ATTRIBUTE_TYPE never[] = {
        CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE,
    };
    const hsm_ephemeral_owner owner = {
        .slot = slot,
        .session = HSM_HANDLE_NONE,
        .token_serial = hsm_core_serial(core, slot),
    };
    CK_OBJECT_HANDLE handle;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(hsm_draft_create(HSM_KIND_PROFILE, &draft));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_CLASS, CKO_PROFILE));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_PROFILE_ID, profile));
    for (size_t i = 0; i < HSM_ARRAY_LEN(never); i++)
        HSM_TRY(hsm_draft_put_bool(draft, never[i], false));
    HSM_TRY(hsm_ephemeral_add(core->ephemeral, &owner, &draft, 1, &object));
    return hsm_core_handle_of(core, object, &handle);
}

hsm_err hsm_core_add_profiles(hsm_core *core, uint32_t slot)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(profiles); i++)
        HSM_TRY(add_profile(core, slot, profiles[i]));
    return HSM_OK;
}
