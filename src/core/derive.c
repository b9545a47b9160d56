/* Deriving keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/derive.h"
#include "core/async.h"
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
    const hsm_bytes encoded = hsm_object_value(start->base, CKA_DERIVE_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned own = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_UNINITIALIZED hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS + HSM_DERIVE_FORCED_MAX + 2];
    size_t count = 0;

    HSM_CHECK(start->forced_count <= HSM_DERIVE_FORCED_MAX, HSM_E_INTERNAL);
    if (encoded.len > 0)
        HSM_TRY(hsm_template_decode(encoded, &own));
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

hsm_err hsm_core_derive_finish(hsm_core *core, hsm_draft *draft, const hsm_provenance *provenance)
{
    HSM_TRY(hsm_core_complete_secret(core, draft));
    return hsm_core_put_provenance(draft, provenance);
}

void hsm_agreement_clear(hsm_agreement *agreement)
{
    hsm_secret_destroy(agreement->value);
    hsm_draft_destroy(agreement->draft);
    hsm_object_release(agreement->base);
    hsm_buf_clear(&agreement->kept);
    *agreement = (hsm_agreement){ 0 };
}

hsm_err hsm_core_agreement_begin(hsm_core *core, hsm_session *session,
                                 const hsm_derivation *derivation, hsm_agreement *agreement)
{
    const hsm_derive_start start = {
        .base = agreement->base,
        .tmpl = derivation->request->tmpl,
        .object_class = CKO_SECRET_KEY,
        .key_type = CKK_GENERIC_SECRET,
    };
    const hsm_key_use use = {
        .mechanism = derivation->request->mechanism,
        .op = HSM_OP_DERIVE,
        .object = agreement->base,
        .found = derivation->mech,
        .session = session,
    };

    agreement->was_logged_in = hsm_core_is_logged_in(core, session);
    HSM_TRY(hsm_core_derive_draft(core, session, &start, &agreement->draft));
    agreement->value_len = hsm_draft_ulong(agreement->draft, CKA_VALUE_LEN, 0);
    HSM_CHECK(agreement->value_len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(hsm_core_admit(core, &use, &agreement->mech, &agreement->params, &agreement->key));
    agreement->is_approved = session->is_approved;
    return HSM_OK;
}

/* The rules for the length that came out, which is known only now. */
static hsm_err rule_value(hsm_core *core, hsm_session *session, hsm_agreement *agreement)
{
    static const hsm_kdf none;
    const hsm_kdf_slice slice = { .len = hsm_secret_len(agreement->value) };

    session->is_approved = agreement->is_approved;
    HSM_TRY(hsm_core_rule(core, session,
                          hsm_approval_of_derivation(agreement->mech, &none, &slice, 1)));
    agreement->is_approved = session->is_approved;
    return HSM_OK;
}

hsm_err hsm_core_agreement_end(hsm_core *core, hsm_session *session, hsm_agreement *agreement,
                               CK_OBJECT_HANDLE *out_key)
{
    const hsm_object *base = agreement->base;
    /* A derived key was always safe only if its base was (PKCS#11 v3.2, 6.3.17 and the notes of
     * each derivation mechanism). */
    hsm_provenance provenance = {
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .may_be_always_sensitive = hsm_object_bool(base, CKA_ALWAYS_SENSITIVE, false),
        .may_be_never_extractable = hsm_object_bool(base, CKA_NEVER_EXTRACTABLE, false),
    };

    HSM_TRY(rule_value(core, session, agreement));
    provenance.is_approved = agreement->is_approved && hsm_core_was_approved(base);
    HSM_TRY(hsm_draft_take(agreement->draft, CKA_VALUE, &agreement->value));
    HSM_TRY(hsm_core_derive_finish(core, agreement->draft, &provenance));
    HSM_TRY(hsm_core_add(core, session, &agreement->draft, 1, out_key));
    hsm_core_completed(session, agreement->is_approved);
    return HSM_OK;
}

/* Key agreement: one secret key. */
static hsm_err derive_shared(hsm_core *core, hsm_session *session, const hsm_derivation *derivation,
                             CK_OBJECT_HANDLE *out_key)
{
    HSM_AUTO(hsm_agreement_clear)
    hsm_agreement agreement = { .base = hsm_object_acquire(derivation->base) };

    HSM_TRY(hsm_core_agreement_begin(core, session, derivation, &agreement));
    if (hsm_core_is_job(session, agreement.mech, HSM_OP_DERIVE))
        return hsm_core_begin_derive_job(core, session, &agreement);
    HSM_TRY(hsm_derive_run(core->crypto, agreement.mech, &agreement.params, agreement.key,
                           agreement.value_len, &agreement.value));
    return hsm_core_agreement_end(core, session, &agreement, out_key);
}

/* HKDF also takes data as its base. */
static bool is_base(const hsm_object *object, const hsm_mech *mech)
{
    return object->key_type != HSM_KEY_TYPE_NONE ||
           (object->object_class == CKO_DATA && mech != NULL && mech->alg == HSM_ALG_HKDF);
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
    HSM_CHECK(is_base(base, mech), HSM_E_KEY_HANDLE);
    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    const hsm_derivation derivation = { request, mech, base };
    if (mech->alg == HSM_ALG_PUBLIC_FROM_PRIVATE)
        return hsm_core_derive_public(core, session, &derivation, out_key);
    if (!hsm_kdf_is(mech))
        return derive_shared(core, session, &derivation, out_key);
    HSM_TRY(hsm_core_derive_secrets(core, session, &derivation, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}
