/* The public key of a private one (PKCS#11 v3.2, CKM_PUB_KEY_FROM_PRIV_KEY).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/derive.h"

/* What the public key takes over where the template is silent. */
static const struct {
    CK_ATTRIBUTE_TYPE of_public;
    CK_ATTRIBUTE_TYPE of_private;
} copied[] = {
    { CKA_ENCRYPT, CKA_DECRYPT }, { CKA_VERIFY, CKA_SIGN },
    { CKA_WRAP, CKA_UNWRAP },     { CKA_VERIFY_RECOVER, CKA_SIGN_RECOVER },
    { CKA_DERIVE, CKA_DERIVE },   { CKA_ID, CKA_ID },
    { CKA_SUBJECT, CKA_SUBJECT }, { CKA_PRIVATE, CKA_PRIVATE },
};

static size_t take_over(const hsm_object *base, const hsm_template *tmpl, hsm_object_kind kind,
                        hsm_attr forced[])
{
    static const CK_BBOOL is_false = CK_FALSE;
    size_t count = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(copied); i++) {
        const CK_ATTRIBUTE_TYPE type = copied[i].of_public;
        hsm_bytes given;

        if (hsm_template_get(tmpl, type) != NULL || hsm_attr_find(type, kind) == NULL)
            continue;
        if (type == CKA_PRIVATE)
            forced[count++] = (hsm_attr){ type, hsm_bytes_of(&is_false, sizeof is_false) };
        else if (hsm_object_get(base, copied[i].of_private, &given))
            forced[count++] = (hsm_attr){ type, given };
    }
    return count;
}

static hsm_err admit(hsm_core *core, hsm_session *session, const hsm_derivation *derivation)
{
    const hsm_key_use use = {
        .mechanism = derivation->request->mechanism,
        .op = HSM_OP_DERIVE,
        .found = derivation->mech,
        .session = session,
    };
    const hsm_mech *mech = NULL;
    hsm_mech_params params;
    hsm_key *none = NULL;

    /* Without the key: CKA_DERIVE does not count here. */
    HSM_TRY(hsm_core_admit(core, &use, &mech, &params, &none));
    HSM_CHECK(derivation->base->object_class == CKO_PRIVATE_KEY, HSM_E_KEY_TYPE);
    return HSM_OK;
}

hsm_err hsm_core_derive_public(hsm_core *core, hsm_session *session,
                               const hsm_derivation *derivation, CK_OBJECT_HANDLE *out_key)
{
    const hsm_template *tmpl = derivation->request->tmpl;
    hsm_object *base = derivation->base;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
    hsm_attr forced[HSM_DERIVE_FORCED_MAX];
    hsm_object_kind kind = 0;

    HSM_TRY(admit(core, session, derivation));
    HSM_TRY(hsm_kind_of(CKO_PUBLIC_KEY, base->key_type, &kind));
    const hsm_derive_start start = {
        .base = base,
        .tmpl = tmpl,
        .forced = forced,
        .forced_count = take_over(base, tmpl, kind, forced),
        .object_class = CKO_PUBLIC_KEY,
        .key_type = base->key_type,
    };
    HSM_TRY(hsm_core_derive_draft(core, session, &start, &draft));
    HSM_CHECK(hsm_draft_kind(draft) == kind, HSM_E_TEMPLATE_INCONSISTENT);
    HSM_TRY(hsm_core_whole_parts(core, base, &bundle));
    bundle.parts.key_class = CKO_PUBLIC_KEY;
    HSM_TRY(hsm_core_put_parts(draft, &bundle.parts));
    HSM_TRY(hsm_core_put_derived(core, draft, NULL));
    const hsm_provenance provenance = {
        .mechanism = hsm_object_ulong(base, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION),
        .is_approved = session->is_approved && hsm_core_was_approved(base),
    };
    HSM_TRY(hsm_core_put_provenance(draft, &provenance));
    HSM_TRY(hsm_core_add(core, session, &draft, 1, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}
