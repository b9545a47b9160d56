/* Generating keys and key pairs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"
#include "core/audited.h"
#include "core/internal.h"
#include "crypto/approval.h"

#define RSA_BITS_MAX 65536u

/* The row of a key generation mechanism, allowed and with its parameter checked. */
static hsm_err admit_generation(hsm_core *core, const hsm_key_use *use, const hsm_mech **out_mech,
                                hsm_mech_params *out_params)
{
    hsm_key *none = NULL;

    return hsm_core_admit(core, use, out_mech, out_params, &none);
}

/* Starts a draft whose class and key type the mechanism gives. Generic secrets may be asked for
 * under the key type of an HMAC; the template's own type is then kept. */
static hsm_err start_draft(const hsm_core *core, const hsm_session *session,
                           const hsm_template *tmpl, CK_OBJECT_CLASS object_class,
                           const hsm_mech *mech, hsm_draft **out_draft)
{
    const CK_ULONG asked = hsm_template_ulong(tmpl, CKA_KEY_TYPE, mech->key_type);
    const CK_ULONG key_type = mech->key_type == HSM_KEY_TYPE_NONE ? asked : mech->key_type;
    static const CK_ULONG chacha20_len = 32;
    const hsm_attr implied[] = {
        { CKA_CLASS, hsm_bytes_of(&object_class, sizeof object_class) },
        { CKA_KEY_TYPE, hsm_bytes_of(&key_type, sizeof key_type) },
        { CKA_VALUE_LEN, hsm_bytes_of(&chacha20_len, sizeof chacha20_len) },
    };
    /* PBKDF2 needs no length for a type that has one (PKCS#11 v3.2, PBKDF2 key generation). */
    const bool has_len = mech->key_type == HSM_KEY_TYPE_NONE && key_type == CKK_CHACHA20;
    const hsm_template all = { implied, HSM_ARRAY_LEN(implied) - (has_len ? 0 : 1) };

    return hsm_draft_from_template(HSM_ORIGIN_GENERATE, tmpl, &all, hsm_core_is_so(core, session),
                                   out_draft);
}

/* What every generated key says of itself. */
static hsm_provenance provenance_of(bool is_approved, const hsm_mech *mech)
{
    return (hsm_provenance){
        .is_local = true,
        .mechanism = mech->id,
        .may_be_always_sensitive = true,
        .may_be_never_extractable = true,
        .is_approved = is_approved,
    };
}

static hsm_err finish_draft(hsm_draft *draft, const hsm_key_parts *parts,
                            const hsm_provenance *provenance)
{
    HSM_TRY(hsm_core_put_parts(draft, parts));
    return hsm_core_put_provenance(draft, provenance);
}

/* Whether the session may make this object, asked before time goes into making the key. */
static hsm_err may_make(hsm_core *core, hsm_session *session, const hsm_draft *draft)
{
    return hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                              hsm_draft_bool(draft, CKA_PRIVATE, true));
}

hsm_err hsm_core_do_generate_key(hsm_core *core, hsm_session *session,
                                 const CK_MECHANISM *mechanism, const hsm_template *tmpl,
                                 CK_OBJECT_HANDLE *out_key)
{
    const hsm_mech *mech = NULL;
    hsm_mech_params params;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    const hsm_key_use use = { .mechanism = mechanism, .op = HSM_OP_GENERATE, .session = session };
    HSM_TRY(admit_generation(core, &use, &mech, &params));
    /* The mechanism leaves the type open. */
    HSM_CHECK(mech->key_type != HSM_KEY_TYPE_NONE || hsm_template_get(tmpl, CKA_KEY_TYPE) != NULL,
              HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(start_draft(core, session, tmpl, CKO_SECRET_KEY, mech, &draft));
    HSM_TRY(may_make(core, session, draft));

    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, 0);
    HSM_CHECK(value_len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(value_len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    const hsm_keygen request = {
        .mech = mech,
        .key_type = hsm_draft_ulong(draft, CKA_KEY_TYPE, mech->key_type),
        .bits = (uint32_t)value_len * 8,
        .params = &params,
    };
    HSM_TRY(hsm_core_rule(core, session, hsm_approval_of_generation(&request)));
    HSM_TRY(hsm_keygen_run(core->crypto, &request, &bundle));
    const hsm_provenance provenance = provenance_of(session->is_approved, mech);
    HSM_TRY(finish_draft(draft, &bundle.parts, &provenance));
    HSM_TRY(hsm_core_complete_secret(core, draft));
    HSM_TRY(hsm_core_add(core, session, &draft, 1, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}

/* A length of the private value that nothing can have is left to the backend to refuse. */
static void read_dh_request(const hsm_draft *public_draft, const hsm_draft *private_draft,
                            hsm_keygen *request)
{
    const CK_ULONG bits = hsm_draft_ulong(private_draft, CKA_VALUE_BITS, 0);

    request->value_bits = bits > UINT32_MAX ? UINT32_MAX : (uint32_t)bits;
    (void)hsm_draft_get(public_draft, CKA_PRIME, &request->prime);
    (void)hsm_draft_get(public_draft, CKA_BASE, &request->base);
    (void)hsm_draft_get(public_draft, CKA_SUBPRIME, &request->subprime);
}

static hsm_err read_pair_request(const hsm_mech *mech, const hsm_draft *public_draft,
                                 const hsm_draft *private_draft, hsm_keygen *out_request)
{
    const bool is_kept = hsm_draft_bool(private_draft, CKA_TOKEN, false);
    hsm_keygen request = { .mech = mech,
                           .key_type = mech->key_type,
                           .pair_test = is_kept ? HSM_PAIR_TEST_NOW : HSM_PAIR_TEST_ON_USE };

    if (hsm_draft_kind(public_draft) == HSM_KIND_RSA_PUBLIC) {
        const CK_ULONG bits = hsm_draft_ulong(public_draft, CKA_MODULUS_BITS, 0);

        HSM_CHECK(bits <= RSA_BITS_MAX, HSM_E_KEY_SIZE);
        request.bits = (uint32_t)bits;
        (void)hsm_draft_get(public_draft, CKA_PUBLIC_EXPONENT, &request.public_exponent);
    } else if (hsm_draft_kind(public_draft) == HSM_KIND_PQC_PUBLIC) {
        request.parameter_set =
            hsm_draft_ulong(public_draft, CKA_PARAMETER_SET, CK_UNAVAILABLE_INFORMATION);
    } else if (hsm_draft_kind(public_draft) == HSM_KIND_DH_PUBLIC) {
        read_dh_request(public_draft, private_draft, &request);
    } else {
        HSM_CHECK(hsm_draft_get(public_draft, CKA_EC_PARAMS, &request.ec_params),
                  HSM_E_TEMPLATE_INCOMPLETE);
    }
    *out_request = request;
    return HSM_OK;
}

/* The two halves carry the same SubjectPublicKeyInfo; it is made once. */
static hsm_err finish_pair(hsm_core *core, hsm_draft *drafts[2], const hsm_key_bundle *bundle,
                           const hsm_provenance *provenance)
{
    hsm_key_parts public_parts = bundle->parts;
    hsm_bytes spki;

    public_parts.key_class = CKO_PUBLIC_KEY;
    HSM_TRY(finish_draft(drafts[0], &public_parts, provenance));
    HSM_TRY(hsm_core_put_derived(core, drafts[0], bundle->key));
    HSM_TRY(finish_draft(drafts[1], &bundle->parts, provenance));
    if (!hsm_draft_get(drafts[0], CKA_PUBLIC_KEY_INFO, &spki))
        return HSM_OK;
    return hsm_draft_put(drafts[1], CKA_PUBLIC_KEY_INFO, spki);
}

void hsm_pair_work_clear(hsm_pair_work *work)
{
    hsm_key_bundle_clear(&work->bundle);
    hsm_draft_destroy(work->drafts[0]);
    hsm_draft_destroy(work->drafts[1]);
    *work = (hsm_pair_work){ 0 };
}

hsm_err hsm_core_pair_begin(hsm_core *core, hsm_session *session, const hsm_pair_request *request,
                            hsm_pair_work *work)
{
    hsm_draft **drafts = work->drafts;
    hsm_mech_params params;
    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = HSM_OP_GENERATE_PAIR,
        .session = session,
    };

    work->was_logged_in = hsm_core_is_logged_in(core, session);
    HSM_TRY(admit_generation(core, &use, &work->mech, &params));
    HSM_TRY(start_draft(core, session, request->public_template, CKO_PUBLIC_KEY, work->mech,
                        &drafts[0]));
    HSM_TRY(start_draft(core, session, request->private_template, CKO_PRIVATE_KEY, work->mech,
                        &drafts[1]));
    HSM_TRY(may_make(core, session, drafts[0]));
    HSM_TRY(may_make(core, session, drafts[1]));
    HSM_TRY(read_pair_request(work->mech, drafts[0], drafts[1], &work->keygen));
    HSM_TRY(hsm_core_rule(core, session, hsm_approval_of_generation(&work->keygen)));
    work->is_approved = session->is_approved;
    return HSM_OK;
}

hsm_err hsm_core_pair_end(hsm_core *core, hsm_session *session, hsm_pair_work *work,
                          CK_OBJECT_HANDLE *out_public, CK_OBJECT_HANDLE *out_private)
{
    const hsm_provenance provenance = provenance_of(work->is_approved, work->mech);
    CK_OBJECT_HANDLE handles[2];

    HSM_TRY(finish_pair(core, work->drafts, &work->bundle, &provenance));
    HSM_TRY(hsm_core_add(core, session, work->drafts, 2, handles));
    hsm_core_completed(session, work->is_approved);
    *out_public = handles[0];
    *out_private = handles[1];
    return HSM_OK;
}

hsm_err hsm_core_do_generate_pair(hsm_core *core, hsm_session *session,
                                  const hsm_pair_request *request, CK_OBJECT_HANDLE *out_public,
                                  CK_OBJECT_HANDLE *out_private)
{
    HSM_AUTO(hsm_pair_work_clear) hsm_pair_work work = { 0 };

    HSM_TRY(hsm_core_pair_begin(core, session, request, &work));
    if (hsm_core_is_job(session, work.mech, HSM_OP_GENERATE_PAIR))
        return hsm_core_begin_pair_job(core, session, &work);
    HSM_TRY(hsm_keygen_run(core->crypto, &work.keygen, &work.bundle));
    return hsm_core_pair_end(core, session, &work, out_public, out_private);
}
