/* The objects every token shows: its profiles (PKCS#11 Profiles v3.1) and what is to be said of its
 * validation (PKCS#11 v3.2, 4.16).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"

static const CK_ULONG profiles[] = {
    CKP_BASELINE_PROVIDER,
    CKP_EXTENDED_PROVIDER,
    CKP_AUTHENTICATION_TOKEN,
};

/* The facts. There is no certificate: the object is there to say so, and what the flag of sessions and
 * keys means. */
static const struct {
    CK_ULONG type;
    CK_VERSION version; /* of the rules: FIPS 140-3 */
    CK_ULONG level;
    CK_ULONG authority;
    CK_FLAGS flag; /* of C_GetSessionValidationFlags */
    const char *module_id;
    const char *profile;
} validation = {
    .type = CKV_TYPE_SOFTWARE,
    .version = { 140, 3 },
    .level = 0,
    .authority = CKV_AUTHORITY_TYPE_UNSPECIFIED,
    .flag = CKF_CRATON_APPROVED,
    .module_id = "Craton HSM",
    .profile = "not validated: the token's own word",
};

static hsm_err add_built_in(hsm_core *core, uint32_t slot, hsm_draft *draft)
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
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    for (size_t i = 0; i < HSM_ARRAY_LEN(never); i++)
        HSM_TRY(hsm_draft_put_bool(draft, never[i], false));
    HSM_TRY(hsm_ephemeral_add(core->ephemeral, &owner, &draft, 1, &object));
    return hsm_core_handle_of(core, object, &handle);
}

static hsm_err add_profile(hsm_core *core, uint32_t slot, CK_ULONG profile)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(hsm_draft_create(HSM_KIND_PROFILE, &draft));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_CLASS, CKO_PROFILE));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_PROFILE_ID, profile));
    return add_built_in(core, slot, draft);
}

static hsm_err put_validation(hsm_draft *draft)
{
    const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_ULONG value;
    } numbers[] = {
        { CKA_CLASS, CKO_VALIDATION },
        { CKA_VALIDATION_TYPE, validation.type },
        { CKA_VALIDATION_LEVEL, validation.level },
        { CKA_VALIDATION_FLAG, validation.flag },
        { CKA_VALIDATION_AUTHORITY_TYPE, validation.authority },
    };
    const struct {
        CK_ATTRIBUTE_TYPE type;
        const char *value;
    } texts[] = {
        { CKA_VALIDATION_MODULE_ID, validation.module_id },
        { CKA_VALIDATION_COUNTRY, "" },
        { CKA_VALIDATION_CERTIFICATE_IDENTIFIER, "" },
        { CKA_VALIDATION_CERTIFICATE_URI, "" },
        { CKA_VALIDATION_VENDOR_URI, "" },
        { CKA_VALIDATION_PROFILE, validation.profile },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(numbers); i++)
        HSM_TRY(hsm_draft_put_ulong(draft, numbers[i].type, numbers[i].value));
    for (size_t i = 0; i < HSM_ARRAY_LEN(texts); i++)
        HSM_TRY(hsm_draft_put(draft, texts[i].type, hsm_bytes_of_text(texts[i].value)));
    return hsm_draft_put(draft, CKA_VALIDATION_VERSION,
                         hsm_bytes_of(&validation.version, sizeof validation.version));
}

static hsm_err add_validation(hsm_core *core, uint32_t slot)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(hsm_draft_create(HSM_KIND_VALIDATION, &draft));
    HSM_TRY(put_validation(draft));
    return add_built_in(core, slot, draft);
}

hsm_err hsm_core_add_profiles(hsm_core *core, uint32_t slot)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(profiles); i++)
        HSM_TRY(add_profile(core, slot, profiles[i]));
    return add_validation(core, slot);
}
