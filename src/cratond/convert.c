/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/convert.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/keyring.h"
#include "cratond/client.h"
#include "cratond/convert_kdf.h"
#include "cratond/internal.h"

typedef CratonHsm__Mechanism wire;

/* --- parameters: one function per form ------------------------------------------------------------- */

typedef struct form_row {
    hsm_param_form form;
    CratonHsm__Mechanism__TypedCase typed;
    size_t size;
    hsm_err (*read)(const wire *from, wire_mechanism *out);
} form_row;

static hsm_err read_pss(const wire *from, wire_mechanism *out)
{
    out->params.pss = (CK_RSA_PKCS_PSS_PARAMS){
        .hashAlg = from->pss->hash_mechanism,
        .mgf = from->pss->mgf,
        .sLen = from->pss->salt_length,
    };
    return HSM_OK;
}

static hsm_err read_ctr(const wire *from, wire_mechanism *out)
{
    HSM_CHECK(from->ctr->counter_block.len == sizeof out->params.ctr.cb, HSM_E_MECHANISM_PARAM);
    out->params.ctr.ulCounterBits = from->ctr->counter_bits;
    memcpy(out->params.ctr.cb, from->ctr->counter_block.data, sizeof out->params.ctr.cb);
    return HSM_OK;
}

static hsm_err read_gcm(const wire *from, wire_mechanism *out)
{
    CK_GCM_PARAMS *gcm = &out->params.gcm;

    WIRE_PUT(from->gcm->iv, gcm->pIv, gcm->ulIvLen);
    WIRE_PUT(from->gcm->aad, gcm->pAAD, gcm->ulAADLen);
    gcm->ulIvBits = gcm->ulIvLen * 8;
    gcm->ulTagBits = from->gcm->tag_bits == 0 ? 128 : from->gcm->tag_bits;
    return HSM_OK;
}

static hsm_err read_ccm(const wire *from, wire_mechanism *out)
{
    CK_CCM_PARAMS *ccm = &out->params.ccm;

    ccm->ulDataLen = from->ccm->data_length;
    WIRE_PUT(from->ccm->nonce, ccm->pNonce, ccm->ulNonceLen);
    WIRE_PUT(from->ccm->aad, ccm->pAAD, ccm->ulAADLen);
    ccm->ulMACLen = from->ccm->mac_length;
    return HSM_OK;
}

static hsm_err read_chacha20(const wire *from, wire_mechanism *out)
{
    CK_CHACHA20_PARAMS *chacha = &out->params.chacha20;

    WIRE_PUT(from->chacha20->block_counter, chacha->pBlockCounter, chacha->blockCounterBits);
    WIRE_PUT(from->chacha20->nonce, chacha->pNonce, chacha->ulNonceBits);
    chacha->blockCounterBits *= 8;
    chacha->ulNonceBits *= 8;
    return HSM_OK;
}

static hsm_err read_chacha_poly(const wire *from, wire_mechanism *out)
{
    CK_SALSA20_CHACHA20_POLY1305_PARAMS *chacha = &out->params.chacha_poly;

    WIRE_PUT(from->chacha20_poly1305->nonce, chacha->pNonce, chacha->ulNonceLen);
    WIRE_PUT(from->chacha20_poly1305->aad, chacha->pAAD, chacha->ulAADLen);
    chacha->ulNonceLen *= 8;
    return HSM_OK;
}

static void put_oaep(const CratonHsm__OaepParams *from, CK_RSA_PKCS_OAEP_PARAMS *out)
{
    *out = (CK_RSA_PKCS_OAEP_PARAMS){
        .hashAlg = from->hash_mechanism,
        .mgf = from->mgf,
        .source = CKZ_DATA_SPECIFIED,
    };
    WIRE_PUT(from->label, out->pSourceData, out->ulSourceDataLen);
}

static hsm_err read_oaep(const wire *from, wire_mechanism *out)
{
    put_oaep(from->oaep, &out->params.oaep);
    return HSM_OK;
}

static hsm_err read_rsa_aes(const wire *from, wire_mechanism *out)
{
    HSM_CHECK(from->rsa_aes_wrap->oaep != NULL, HSM_E_MECHANISM_PARAM);
    put_oaep(from->rsa_aes_wrap->oaep, &out->room.oaep);
    out->params.rsa_aes.ulAESKeyBits = from->rsa_aes_wrap->aes_key_bits;
    out->params.rsa_aes.pOAEPParams = &out->room.oaep;
    return HSM_OK;
}

static hsm_err read_eddsa(const wire *from, wire_mechanism *out)
{
    out->params.eddsa.phFlag = from->eddsa->prehash ? CK_TRUE : CK_FALSE;
    WIRE_PUT(from->eddsa->context, out->params.eddsa.pContextData,
             out->params.eddsa.ulContextDataLen);
    return HSM_OK;
}

static hsm_err read_ecdh(const wire *from, wire_mechanism *out)
{
    CK_ECDH1_DERIVE_PARAMS *ecdh = &out->params.ecdh;

    ecdh->kdf = from->ecdh->kdf;
    WIRE_PUT(from->ecdh->shared_data, ecdh->pSharedData, ecdh->ulSharedDataLen);
    WIRE_PUT(from->ecdh->public_data, ecdh->pPublicData, ecdh->ulPublicDataLen);
    return HSM_OK;
}

static hsm_err read_x9_42(const wire *from, wire_mechanism *out)
{
    CK_X9_42_DH1_DERIVE_PARAMS *dh = &out->params.x9_42;

    dh->kdf = from->x9_42->kdf;
    WIRE_PUT(from->x9_42->other_info, dh->pOtherInfo, dh->ulOtherInfoLen);
    WIRE_PUT(from->x9_42->public_data, dh->pPublicData, dh->ulPublicDataLen);
    return HSM_OK;
}

static hsm_err read_ecdh_aes(const wire *from, wire_mechanism *out)
{
    CK_ECDH_AES_KEY_WRAP_PARAMS *ecdh = &out->params.ecdh_aes;

    ecdh->ulAESKeyBits = from->ecdh_aes_wrap->aes_key_bits;
    ecdh->kdf = from->ecdh_aes_wrap->kdf;
    WIRE_PUT(from->ecdh_aes_wrap->shared_data, ecdh->pSharedData, ecdh->ulSharedDataLen);
    return HSM_OK;
}

static hsm_err read_context(const wire *from, wire_mechanism *out)
{
    CK_SIGN_ADDITIONAL_CONTEXT *sign = &out->params.context;

    HSM_CHECK(from->sign_context->hash_mechanism == 0, HSM_E_MECHANISM_PARAM);
    sign->hedgeVariant = from->sign_context->hedge_variant;
    WIRE_PUT(from->sign_context->context, sign->pContext, sign->ulContextLen);
    return HSM_OK;
}

static hsm_err read_hash_context(const wire *from, wire_mechanism *out)
{
    CK_HASH_SIGN_ADDITIONAL_CONTEXT *sign = &out->params.hash_context;

    sign->hedgeVariant = from->sign_context->hedge_variant;
    WIRE_PUT(from->sign_context->context, sign->pContext, sign->ulContextLen);
    sign->hash = from->sign_context->hash_mechanism;
    return HSM_OK;
}

static hsm_err read_pbkdf2(const wire *from, wire_mechanism *out)
{
    CK_PKCS5_PBKD2_PARAMS2 *pbkdf2 = &out->params.pbkdf2;

    pbkdf2->saltSource = CKZ_SALT_SPECIFIED;
    WIRE_PUT(from->pbkdf2->salt, pbkdf2->pSaltSourceData, pbkdf2->ulSaltSourceDataLen);
    pbkdf2->iterations = from->pbkdf2->iterations;
    pbkdf2->prf = from->pbkdf2->prf;
    WIRE_PUT(from->pbkdf2->password, pbkdf2->pPassword, pbkdf2->ulPasswordLen);
    return HSM_OK;
}

static hsm_err read_string(const wire *from, wire_mechanism *out)
{
    WIRE_PUT(from->string_data->data, out->params.string.pData, out->params.string.ulLen);
    return HSM_OK;
}

static hsm_err read_cbc(const wire *from, wire_mechanism *out)
{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS *cbc = &out->params.cbc;

    HSM_CHECK(from->cbc_data->iv.len == sizeof cbc->iv, HSM_E_MECHANISM_PARAM);
    memcpy(cbc->iv, from->cbc_data->iv.data, sizeof cbc->iv);
    WIRE_PUT(from->cbc_data->data, cbc->pData, cbc->length);
    return HSM_OK;
}

#define ROW(form, typed, type, read)                                                \
    {                                                                               \
        HSM_FORM_##form, CRATON_HSM__MECHANISM__TYPED_##typed, sizeof(type), (read) \
    }

/* Which typed parameter may stand for which structure: no other pair is ever built. */
static const form_row rows[] = {
    ROW(FLAT, PSS, CK_RSA_PKCS_PSS_PARAMS, read_pss),
    ROW(FLAT, CTR, CK_AES_CTR_PARAMS, read_ctr),
    ROW(GCM, GCM, CK_GCM_PARAMS, read_gcm),
    ROW(CCM, CCM, CK_CCM_PARAMS, read_ccm),
    ROW(CHACHA20, CHACHA20, CK_CHACHA20_PARAMS, read_chacha20),
    ROW(CHACHA_POLY, CHACHA20_POLY1305, CK_SALSA20_CHACHA20_POLY1305_PARAMS, read_chacha_poly),
    ROW(OAEP, OAEP, CK_RSA_PKCS_OAEP_PARAMS, read_oaep),
    ROW(RSA_AES, RSA_AES_WRAP, CK_RSA_AES_KEY_WRAP_PARAMS, read_rsa_aes),
    ROW(EDDSA, EDDSA, CK_EDDSA_PARAMS, read_eddsa),
    ROW(ECDH1, ECDH, CK_ECDH1_DERIVE_PARAMS, read_ecdh),
    ROW(ECDH_AES, ECDH_AES_WRAP, CK_ECDH_AES_KEY_WRAP_PARAMS, read_ecdh_aes),
    ROW(CONTEXT, SIGN_CONTEXT, CK_SIGN_ADDITIONAL_CONTEXT, read_context),
    ROW(HASH_CONTEXT, SIGN_CONTEXT, CK_HASH_SIGN_ADDITIONAL_CONTEXT, read_hash_context),
    ROW(HKDF, HKDF, CK_HKDF_PARAMS, wire_read_hkdf),
    ROW(STRING_DATA, STRING_DATA, CK_KEY_DERIVATION_STRING_DATA, read_string),
    ROW(CBC_DATA, CBC_DATA, CK_AES_CBC_ENCRYPT_DATA_PARAMS, read_cbc),
    ROW(PBKDF2, PBKDF2, CK_PKCS5_PBKD2_PARAMS2, read_pbkdf2),
    ROW(X9_42, X9_42, CK_X9_42_DH1_DERIVE_PARAMS, read_x9_42),
    ROW(KBKDF, KBKDF, CK_SP800_108_KDF_PARAMS, wire_read_kbkdf),
    ROW(KBKDF_FEEDBACK, KBKDF, CK_SP800_108_FEEDBACK_KDF_PARAMS, wire_read_feedback),
    ROW(TLS12_MASTER, TLS12_MASTER, CK_TLS12_MASTER_KEY_DERIVE_PARAMS, wire_read_tls_master),
    ROW(TLS12_EXTENDED, TLS12_MASTER, CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
        wire_read_tls_extended),
    ROW(TLS12_KEYS, TLS12_KEYS, CK_TLS12_KEY_MAT_PARAMS, wire_read_tls_keys),
    ROW(TLS12_SAFE, TLS12_KEYS, CK_TLS12_KEY_MAT_PARAMS, wire_read_tls_keys),
    ROW(TLS_EXPORTER, TLS_EXPORTER, CK_TLS_KDF_PARAMS, wire_read_tls_exporter),
    ROW(IKE_PRF, IKE_PRF, CK_IKE_PRF_DERIVE_PARAMS, wire_read_ike_prf),
    ROW(IKE2_PRF_PLUS, IKE2_PRF_PLUS, CK_IKE2_PRF_PLUS_DERIVE_PARAMS, wire_read_ike2_prf_plus),
    ROW(IKE1_PRF, IKE1_PRF, CK_IKE1_PRF_DERIVE_PARAMS, wire_read_ike1_prf),
    ROW(IKE1_EXTENDED, IKE1_EXTENDED, CK_IKE1_EXTENDED_DERIVE_PARAMS, wire_read_ike1_extended),
};

/* Raw bytes: of a structure without pointers, or the IV of AES-GCM. None at all is no parameter,
 * which some of the others allow as well. */
static hsm_err read_raw(const wire *from, hsm_param_form form, wire_mechanism *out)
{
    if (form == HSM_FORM_FLAT || from->parameter.len == 0) {
        WIRE_PUT(from->parameter, out->view.pParameter, out->view.ulParameterLen);
        return HSM_OK;
    }
    HSM_CHECK(form == HSM_FORM_GCM, HSM_E_MECHANISM_PARAM);
    WIRE_PUT(from->parameter, out->params.gcm.pIv, out->params.gcm.ulIvLen);
    out->params.gcm.ulIvBits = out->params.gcm.ulIvLen * 8;
    out->params.gcm.ulTagBits = 128;
    out->view.pParameter = &out->params;
    out->view.ulParameterLen = sizeof out->params.gcm;
    return HSM_OK;
}

hsm_err wire_mechanism_read(const wire *from, wire_mechanism *out)
{
    hsm_mechanism_facts facts;

    HSM_CHECK(from != NULL, HSM_E_ARG);
    memset(out, 0, offsetof(wire_mechanism, room));
    HSM_CHECK(from->mechanism_type <= (CK_ULONG)-1, HSM_E_MECHANISM);
    out->view.mechanism = (CK_MECHANISM_TYPE)from->mechanism_type;
    HSM_TRY(hsm_core_mechanism_facts(out->view.mechanism, &facts));
    HSM_CHECK(facts.form != HSM_FORM_UNSERVED, HSM_E_MECHANISM);
    out->form = facts.form;
    if (from->typed_case == CRATON_HSM__MECHANISM__TYPED__NOT_SET)
        return read_raw(from, facts.form, out);
    HSM_CHECK(from->parameter.len == 0, HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        if (rows[i].form != facts.form || rows[i].typed != from->typed_case)
            continue;
        HSM_TRY(rows[i].read(from, out));
        out->view.pParameter = &out->params;
        out->view.ulParameterLen = rows[i].size;
        return HSM_OK;
    }
    return HSM_E_MECHANISM_PARAM;
}

/* --- templates ------------------------------------------------------------------------------------ */

/* A nested template goes on in the core's own encoding; what claims to be in it is looked at first. */
static hsm_err read_nested(rpc_context *context, const CratonHsm__Attribute *from, hsm_attr *out)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    ProtobufCBinaryData copy;

    HSM_CHECK(from->value.len == 0, HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(from->n_nested <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ATTRIBUTE_VALUE);
    hsm_attr *attrs = arena_alloc(context->memory, (from->n_nested + 1) * sizeof *attrs);
    HSM_CHECK(attrs != NULL, HSM_E_NO_MEMORY);
    const hsm_template nested = { .attrs = attrs, .count = from->n_nested };
    for (size_t i = 0; i < from->n_nested; i++) {
        attrs[i].type = (CK_ATTRIBUTE_TYPE)from->nested[i]->attr_type;
        attrs[i].value = wire_bytes(from->nested[i]->value);
    }
    HSM_TRY(hsm_core_template_encode(&nested, &encoded));
    HSM_TRY(arena_put(context->memory, hsm_buf_view(&encoded), &copy));
    out->value = wire_bytes(copy);
    return HSM_OK;
}

static hsm_err read_attribute(rpc_context *context, const CratonHsm__Attribute *from, hsm_attr *out)
{
    HSM_CHECK(from->attr_type <= (CK_ULONG)-1, HSM_E_ATTRIBUTE_TYPE);
    out->type = (CK_ATTRIBUTE_TYPE)from->attr_type;
    if (hsm_core_attr_is_template(out->type))
        return read_nested(context, from, out);
    HSM_CHECK(from->n_nested == 0, HSM_E_ATTRIBUTE_VALUE);
    out->value = wire_bytes(from->value);
    return HSM_OK;
}

hsm_err wire_template_read(rpc_context *context, size_t count, CratonHsm__Attribute *const *from,
                           hsm_template *out)
{
    HSM_CHECK(count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ARG);
    hsm_attr *attrs = arena_alloc(context->memory, (count + 1) * sizeof *attrs);
    HSM_CHECK(attrs != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        HSM_TRY(read_attribute(context, from[i], &attrs[i]));
    *out = (hsm_template){ .attrs = attrs, .count = count };
    return HSM_OK;
}

static hsm_err write_nested(rpc_context *context, hsm_bytes encoded, CratonHsm__Attribute *out)
{
    HSM_AUTO(hsm_core_template_clear) hsm_template_owned tmpl = { 0 };

    HSM_TRY(hsm_core_template_decode(encoded, &tmpl));
    out->nested = arena_alloc(context->memory, (tmpl.count + 1) * sizeof *out->nested);
    HSM_CHECK(out->nested != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < tmpl.count; i++) {
        CratonHsm__NestedAttribute *nested = arena_alloc(context->memory, sizeof *nested);

        HSM_CHECK(nested != NULL, HSM_E_NO_MEMORY);
        craton_hsm__nested_attribute__init(nested);
        out->nested[out->n_nested++] = nested;
        nested->attr_type = tmpl.attrs[i].type;
        HSM_TRY(arena_put(context->memory, tmpl.attrs[i].value, &nested->value));
    }
    return HSM_OK;
}

hsm_err wire_attribute_write(rpc_context *context, CK_ATTRIBUTE_TYPE type, hsm_bytes value,
                             bool is_template, CratonHsm__Attribute **out_attribute)
{
    CratonHsm__Attribute *made = arena_alloc(context->memory, sizeof *made);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    craton_hsm__attribute__init(made);
    *out_attribute = made; /* it hangs on the response from now on, whole or not */
    made->attr_type = type;
    if (is_template)
        return write_nested(context, value, made);
    return arena_put(context->memory, value, &made->value);
}

/* --- the client's rules ---------------------------------------------------------------------------- */

/* Whether any rule hides objects from the client. */
static bool is_restricted(const rpc_context *context)
{
    return !client_sees_all_keys(context->client) ||
           atomic_load(&context->server->token_key_id) != 0;
}

/* Whether an object is the daemon's own key; also where that can't be said. */
static bool is_own_key(rpc_context *context, hsm_session *session, CK_OBJECT_HANDLE handle)
{
    const uint64_t own = atomic_load(&context->server->token_key_id);
    HSM_AUTO(hsm_buf_clear) hsm_buf id = { 0 };
    char own_id[sizeof "0123456789abcdef"];

    if (own == 0)
        return false;
    const hsm_err err = hsm_core_get_value(context->core, session, handle, "UNIQUE_ID", &id);
    if (err == HSM_E_OBJECT_HANDLE || err == HSM_E_ATTRIBUTE_TYPE)
        return false;
    (void)snprintf(own_id, sizeof own_id, "%016" PRIx64, own);
    return err != HSM_OK || hsm_bytes_equal(hsm_buf_view(&id), hsm_bytes_of_text(own_id));
}

hsm_err wire_may_use(rpc_context *context, hsm_session *session, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf label = { 0 };

    if (!is_restricted(context))
        return HSM_OK;
    const bool is_own = is_own_key(context, session, handle);
    if (!is_own && client_sees_all_keys(context->client))
        return HSM_OK;
    HSM_TRY(hsm_core_object_label(context->core, session, handle, &label));
    const bool may = is_own ? client_is_given_label(context->client, hsm_buf_view(&label))
                            : client_may_label(context->client, hsm_buf_view(&label));
    return may ? HSM_OK : HSM_E_OBJECT_HANDLE;
}

hsm_err wire_refuse(const rpc_context *context, const char *what)
{
    HSM_TRY(hsm_core_refused(context->core, context->client->name, what));
    return HSM_E_ACTION_PROHIBITED;
}

hsm_err wire_may_make(const rpc_context *context, const hsm_template *tmpl)
{
    hsm_bytes label = hsm_bytes_none();

    (void)hsm_core_template_label(tmpl, &label);
    return client_may_label(context->client, label)
               ? HSM_OK
               : wire_refuse(context, "an object with a label not its own");
}

hsm_err wire_may_slot(const rpc_context *context, uint64_t slot)
{
    HSM_CHECK(slot <= UINT32_MAX, HSM_E_SLOT);
    return client_may_slot(context->client, slot) ? HSM_OK
                                                  : wire_refuse(context, "a slot not its own");
}

hsm_err wire_may_use_parameter(rpc_context *context, hsm_session *session,
                               const wire_mechanism *mechanism)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    if (!is_restricted(context))
        return HSM_OK;
    for (size_t i = 0; i < mechanism->named_count; i++)
        HSM_TRY(wire_may_use(context, session, mechanism->named[i]));
    if (mechanism->view.ulParameterLen != sizeof handle)
        return HSM_OK;
    memcpy(&handle, mechanism->view.pParameter, sizeof handle);
    /* What has the size of a handle may be something else: then no object has that number, or one
     * does that this client sees, or it is refused for nothing. */
    return handle == CK_INVALID_HANDLE ? HSM_OK : wire_may_use(context, session, handle);
}
