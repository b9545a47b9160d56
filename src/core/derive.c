/* Deriving keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"

static hsm_err start_draft(hsm_core *core, hsm_session *session, const hsm_object *base,
                           const hsm_template *tmpl, hsm_draft **out_draft)
{
    const hsm_attr *encoded = hsm_object_attr(base, CKA_DERIVE_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned forced = { 0 };

    if (encoded != NULL && encoded->value.len > 0)
        HSM_TRY(hsm_template_decode(encoded->value, &forced));
    const hsm_template implied = { forced.attrs, forced.count };
    return hsm_draft_from_template(HSM_ORIGIN_DERIVE, tmpl, &implied, hsm_core_is_so(core, session),
                                   out_draft);
}

static hsm_err derive_value(hsm_core *core, const hsm_key_use *use, const hsm_draft *draft,
                            hsm_secret **out_value)
{
    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, 0);
    const hsm_mech *mech = NULL;
    hsm_mech_params params;
    hsm_key *key = NULL;

    HSM_CHECK(value_len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(hsm_core_admit(core, use, &mech, &params, &key));
    return hsm_derive_run(core->crypto, mech, &params, key, value_len, out_value);
}

hsm_err hsm_core_derive_key(hsm_core *core, hsm_session *session, const hsm_derive_request *request,
                            CK_OBJECT_HANDLE *out_key)
{
    HSM_AUTO(hsm_object_drop) hsm_object *base = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts;

    const hsm_err err = hsm_core_object(core, session, request->base_key, &base);
    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);
    HSM_CHECK(base->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_TRY(start_draft(core, session, base, request->tmpl, &draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));

    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = HSM_OP_DERIVE,
        .object = base,
    };
    /* A derived key was always safe only if its base was (PKCS#11 v3.2, 6.3.17 and the notes of
     * each derivation mechanism). */
    const hsm_provenance provenance = {
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .may_be_always_sensitive = hsm_object_bool(base, CKA_ALWAYS_SENSITIVE, false),
        .may_be_never_extractable = hsm_object_bool(base, CKA_NEVER_EXTRACTABLE, false),
    };
    HSM_TRY(derive_value(core, &use, draft, &value));
    HSM_TRY(hsm_draft_put(draft, CKA_VALUE, hsm_secret_view(value)));
    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key)); /* the length fits the key type */
    HSM_TRY(hsm_core_put_derived(core, draft, NULL));
    HSM_TRY(hsm_core_put_provenance(draft, &provenance));
    return hsm_core_add(core, session, &draft, 1, out_key);
}
