/* SPDX-License-Identifier: Apache-2.0 */
#include "core/remote.h"

#include "audit/log.h"
#include "core/internal.h"

/* A shape that is not here is not served: a new one must be looked at first. */
static const hsm_param_form forms[] = {
    [HSM_PARAM_NONE] = HSM_FORM_FLAT,
    [HSM_PARAM_IV16] = HSM_FORM_FLAT,
    [HSM_PARAM_CTR] = HSM_FORM_FLAT,
    [HSM_PARAM_KW_IV] = HSM_FORM_FLAT,
    [HSM_PARAM_MAC_LEN] = HSM_FORM_FLAT,
    [HSM_PARAM_PSS] = HSM_FORM_FLAT,
    [HSM_PARAM_DH] = HSM_FORM_FLAT,
    [HSM_PARAM_GCM] = HSM_FORM_GCM,
    [HSM_PARAM_CCM] = HSM_FORM_CCM,
    [HSM_PARAM_CHACHA20] = HSM_FORM_CHACHA20,
    [HSM_PARAM_CHACHA20_POLY1305] = HSM_FORM_CHACHA_POLY,
    [HSM_PARAM_OAEP] = HSM_FORM_OAEP,
    [HSM_PARAM_RSA_AES_WRAP] = HSM_FORM_RSA_AES,
    [HSM_PARAM_EDDSA] = HSM_FORM_EDDSA,
    [HSM_PARAM_ECDH1] = HSM_FORM_ECDH1,
    [HSM_PARAM_ECDH_AES_WRAP] = HSM_FORM_ECDH_AES,
    [HSM_PARAM_SIGN_CONTEXT] = HSM_FORM_CONTEXT,
    [HSM_PARAM_HASH_SIGN_CONTEXT] = HSM_FORM_HASH_CONTEXT,
    [HSM_PARAM_PBKDF2] = HSM_FORM_PBKDF2,
    [HSM_PARAM_X9_42] = HSM_FORM_X9_42,
};

/* Derivations share one shape; what their parameter is, the algorithm says (mech_kdf.c). */
static const struct {
    hsm_alg alg;
    hsm_param_form form;
} kdf_forms[] = {
    { HSM_ALG_CONCAT_BASE_KEY, HSM_FORM_FLAT },
    { HSM_ALG_CONCAT_BASE_DATA, HSM_FORM_STRING_DATA },
    { HSM_ALG_CONCAT_DATA_BASE, HSM_FORM_STRING_DATA },
    { HSM_ALG_XOR_BASE_DATA, HSM_FORM_STRING_DATA },
    { HSM_ALG_EXTRACT, HSM_FORM_FLAT },
    { HSM_ALG_HASH_DERIVE, HSM_FORM_FLAT },
    { HSM_ALG_SHAKE_DERIVE, HSM_FORM_FLAT },
    { HSM_ALG_PUBLIC_FROM_PRIVATE, HSM_FORM_FLAT },
    { HSM_ALG_ENCRYPT_DATA_ECB, HSM_FORM_STRING_DATA },
    { HSM_ALG_ENCRYPT_DATA_CBC, HSM_FORM_CBC_DATA },
    { HSM_ALG_HKDF, HSM_FORM_HKDF },
    { HSM_ALG_KBKDF_COUNTER, HSM_FORM_KBKDF },
    { HSM_ALG_KBKDF_FEEDBACK, HSM_FORM_KBKDF_FEEDBACK },
    { HSM_ALG_KBKDF_PIPELINE, HSM_FORM_KBKDF },
    { HSM_ALG_TLS12_MASTER, HSM_FORM_TLS12_MASTER },
    { HSM_ALG_TLS12_EXTENDED, HSM_FORM_TLS12_EXTENDED },
    { HSM_ALG_TLS12_KEYS, HSM_FORM_TLS12_KEYS },
    { HSM_ALG_TLS12_SAFE_KEYS, HSM_FORM_TLS12_SAFE },
    { HSM_ALG_TLS12_EXPORTER, HSM_FORM_TLS_EXPORTER },
    { HSM_ALG_IKE_PRF, HSM_FORM_IKE_PRF },
    { HSM_ALG_IKE2_PRF_PLUS, HSM_FORM_IKE2_PRF_PLUS },
    { HSM_ALG_IKE1_PRF, HSM_FORM_IKE1_PRF },
    { HSM_ALG_IKE1_EXTENDED, HSM_FORM_IKE1_EXTENDED },
};

static hsm_param_form form_of(const hsm_mech *mech)
{
    if (mech->params != HSM_PARAM_KDF)
        return (size_t)mech->params < HSM_ARRAY_LEN(forms) ? forms[mech->params]
                                                           : HSM_FORM_UNSERVED;
    for (size_t i = 0; i < HSM_ARRAY_LEN(kdf_forms); i++) {
        if (kdf_forms[i].alg == mech->alg)
            return kdf_forms[i].form;
    }
    return HSM_FORM_UNSERVED;
}

hsm_err hsm_core_mechanism_facts(CK_MECHANISM_TYPE id, hsm_mechanism_facts *out_facts)
{
    const hsm_mech *mech = hsm_mech_find(id);

    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    *out_facts = (hsm_mechanism_facts){
        .name = mech->name,
        .form = form_of(mech),
        .is_slow = mech->alg == HSM_ALG_SLH_DSA || mech->alg == HSM_ALG_PBKDF2,
    };
    return HSM_OK;
}

static void close_view(hsm_attr_view **view)
{
    if (*view != NULL)
        hsm_core_attributes_close(*view);
}

hsm_err hsm_core_object_label(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                              hsm_buf *out_label)
{
    HSM_AUTO(close_view) hsm_attr_view *view = NULL;
    hsm_bytes label = hsm_bytes_none();
    bool is_template = false;

    HSM_TRY(hsm_core_attributes_open(core, session, handle, &view));
    const hsm_err err = hsm_core_attributes_get(view, CKA_LABEL, &label, &is_template);
    if (err == HSM_E_ATTRIBUTE_TYPE) /* a kind of object without one */
        return HSM_OK;
    HSM_TRY(err);
    return hsm_buf_append(out_label, label);
}

bool hsm_core_template_label(const hsm_template *tmpl, hsm_bytes *out_label)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->attrs[i].type == CKA_LABEL) {
            *out_label = tmpl->attrs[i].value;
            return true;
        }
    }
    return false;
}

hsm_err hsm_core_find_signer(hsm_core *core, hsm_session *session, hsm_bytes label, hsm_bytes id,
                             CK_OBJECT_HANDLE *out_key)
{
    static const CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE found[2];
    hsm_attr attrs[3] = { { CKA_SIGN, hsm_bytes_of(&yes, sizeof yes) } };
    hsm_template tmpl = { .attrs = attrs, .count = 1 };
    size_t count = 0;

    HSM_CHECK(label.len > 0 || id.len > 0, HSM_E_ARG);
    if (label.len > 0)
        attrs[tmpl.count++] = (hsm_attr){ CKA_LABEL, label };
    if (id.len > 0)
        attrs[tmpl.count++] = (hsm_attr){ CKA_ID, id };
    HSM_TRY(hsm_core_find_init(core, session, &tmpl));
    const hsm_err err = hsm_core_find(core, session, found, HSM_ARRAY_LEN(found), &count);
    HSM_TRY(hsm_core_find_final(core, session));
    HSM_TRY(err);
    HSM_CHECK(count == 1, HSM_E_KEY_HANDLE);
    *out_key = found[0];
    return HSM_OK;
}

/* --- threads ------------------------------------------------------------------------------------ */

hsm_err hsm_core_start_clerks(hsm_core *core)
{
    HSM_TRY(hsm_store_start_clerk(core->store));
    return core->audit == NULL ? HSM_OK : hsm_audit_start_clerk(core->audit);
}
