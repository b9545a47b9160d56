/* Deriving keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/derive.h"
#include "core/audited.h"
#include "crypto/approval.h"

static void add_default(const hsm_template *tmpl, hsm_attr *attrs, size_t *count, hsm_attr attr)
{
    const hsm_template made = { attrs, *count };

    if (hsm_template_get(tmpl, attr.type) == NULL && hsm_template_get(&made, attr.type) == NULL)
        attrs[(*count)++] = attr;
}

hsm_err hsm_core_derive_draft(hsm_core *core, hsm_session *session, const hsm_derive_start *start,
                              hsm_draft **out_draft)
{
    const hsm_attr *encoded = hsm_object_attr(start->base, CKA_DERIVE_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned own = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS + HSM_DERIVE_FORCED_MAX + 2];
    size_t count = 0;

    HSM_CHECK(start->forced_count <= HSM_DERIVE_FORCED_MAX, HSM_E_INTERNAL);
    if (encoded != NULL && encoded->value.len > 0)
        HSM_TRY(hsm_template_decode(encoded->value, &own));
    for (size_t i = 0; i < own.count && i < HSM_TEMPLATE_MAX_ATTRS; i++)
        attrs[count++] = own.attrs[i];
    for (size_t i = 0; i < start->forced_count; i++)
        attrs[count++] = start->forced[i];
    const hsm_attr object_class = { CKA_CLASS, hsm_bytes_of(&start->object_class,
                                                            sizeof start->object_class) };
    const hsm_attr key_type = { CKA_KEY_TYPE,
                                hsm_bytes_of(&start->key_type, sizeof start->key_type) };
    add_default(start->tmpl, attrs, &count, object_class);
    if (start->key_type != HSM_KEY_TYPE_NONE)
        add_default(start->tmpl, attrs, &count, key_type);

    const hsm_template implied = { attrs, count };
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_DERIVE, start->tmpl, &implied,
                                    hsm_core_is_so(core, session), &draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

hsm_err hsm_core_derive_finish(hsm_core *core, hsm_draft *draft, hsm_bytes value,
                               const hsm_provenance *provenance)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts;

    HSM_TRY(hsm_draft_put(draft, CKA_VALUE, value));
    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key)); /* the length fits the key type */
    HSM_TRY(hsm_core_put_derived(core, draft, key));
    return hsm_core_put_provenance(draft, provenance);
}

static hsm_err derive_value(hsm_core *core, const hsm_key_use *use, const hsm_draft *draft,
                            hsm_secret **out_value)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    const hsm_kdf none = { 0 };
    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, 0);
    const hsm_mech *mech = NULL;
    hsm_mech_params params;
    hsm_key *key = NULL;

    HSM_CHECK(value_len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(hsm_core_admit(core, use, &mech, &params, &key));
    HSM_TRY(hsm_derive_run(core->crypto, mech, &params, key, value_len, &value));
    const hsm_kdf_slice slice = { .len = hsm_secret_len(value) };
    const hsm_err ruling = hsm_approval_of_derivation(mech, &none, &slice, 1);
    HSM_TRY(hsm_core_rule(core, use->session, ruling));
    *out_value = HSM_MOVE(value);
    return HSM_OK;
}

/* Key agreement: one secret key. */
static hsm_err derive_shared(hsm_core *core, hsm_session *session,
                             const hsm_derive_request *request, hsm_object *base,
                             CK_OBJECT_HANDLE *out_key)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    const hsm_derive_start start = {
        .base = base,
        .tmpl = request->tmpl,
        .object_class = CKO_SECRET_KEY,
        .key_type = CKK_GENERIC_SECRET,
    };
    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = HSM_OP_DERIVE,
        .object = base,
        .session = session,
    };
    /* A derived key was always safe only if its base was (PKCS#11 v3.2, 6.3.17 and the notes of
     * each derivation mechanism). */
    hsm_provenance provenance = {
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .may_be_always_sensitive = hsm_object_bool(base, CKA_ALWAYS_SENSITIVE, false),
        .may_be_never_extractable = hsm_object_bool(base, CKA_NEVER_EXTRACTABLE, false),
    };

    HSM_TRY(hsm_core_derive_draft(core, session, &start, &draft));
    HSM_TRY(derive_value(core, &use, draft, &value));
    provenance.is_approved = session->is_approved && hsm_core_was_approved(base);
    HSM_TRY(hsm_core_derive_finish(core, draft, hsm_secret_view(value), &provenance));
    return hsm_core_add(core, session, &draft, 1, out_key);
}

hsm_err hsm_core_do_derive_key(hsm_core *core, hsm_session *session,
                               const hsm_derive_request *request, CK_OBJECT_HANDLE *out_key)
{
    const hsm_mech *mech = hsm_mech_find(request->mechanism->mechanism);
    HSM_AUTO(hsm_object_drop) hsm_object *base = NULL;

    const bool returns_in_param =
        mech != NULL && (mech->alg == HSM_ALG_TLS12_KEYS || mech->alg == HSM_ALG_TLS12_SAFE_KEYS);
    HSM_CHECK(!request->has_no_handle || returns_in_param, HSM_E_ARG);
    const hsm_err err = hsm_core_object(core, session, request->base_key, &base);
    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);
    HSM_CHECK(base->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    if (mech->alg == HSM_ALG_PUBLIC_FROM_PRIVATE)
        return hsm_core_derive_public(core, session, request, base, out_key);
    if (hsm_kdf_is(mech))
        HSM_TRY(hsm_core_derive_secrets(core, session, request, base, out_key));
    else
        HSM_TRY(derive_shared(core, session, request, base, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}
