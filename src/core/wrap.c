/* Wrapping keys to leave the token, and unwrapping keys that come in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"
#include "crypto/approval.h"

/* Renames an error about "the key" to the one about the key's part in wrapping. */
static hsm_err about(hsm_err err, hsm_op op)
{
    static const struct {
        hsm_err plain;
        hsm_err wrapping;
        hsm_err unwrapping;
    } names[] = {
        { HSM_E_OBJECT_HANDLE, HSM_E_WRAPPING_KEY_HANDLE, HSM_E_UNWRAPPING_KEY_HANDLE },
        { HSM_E_KEY_HANDLE, HSM_E_WRAPPING_KEY_HANDLE, HSM_E_UNWRAPPING_KEY_HANDLE },
        { HSM_E_KEY_SIZE, HSM_E_WRAPPING_KEY_SIZE, HSM_E_UNWRAPPING_KEY_SIZE },
        { HSM_E_KEY_TYPE, HSM_E_WRAPPING_KEY_TYPE, HSM_E_UNWRAPPING_KEY_TYPE },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (names[i].plain == err)
            return op == HSM_OP_WRAP ? names[i].wrapping : names[i].unwrapping;
    }
    return err;
}

/* A wrapping key with its operation context open. */
typedef struct wrapper {
    hsm_object *object;
    hsm_crypt *crypt;
    const hsm_mech *mech;
    hsm_key *key;
    hsm_mech_params params; /* borrowed from the caller's */
} wrapper;

static void wrapper_clear(wrapper *w)
{
    hsm_crypt_destroy(w->crypt);
    hsm_object_release(w->object);
}

static hsm_err open_wrapper(hsm_core *core, hsm_session *session, const hsm_key_use *asked,
                            CK_OBJECT_HANDLE handle, wrapper *out_wrapper)
{
    hsm_key_use use = *asked;
    wrapper *w = out_wrapper;

    HSM_TRY(hsm_core_object(core, session, handle, &w->object));
    use.object = w->object;
    use.session = session;
    HSM_CHECK(use.object->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_TRY(hsm_core_admit(core, &use, &w->mech, &w->params, &w->key));
    HSM_TRY(hsm_crypt_create(core->crypto, &w->crypt));
    return hsm_crypt_begin(w->crypt, use.op, w->mech, &w->params, w->key);
}

/* Whether the wrapping key may take this key out: extractable, trusted where asked for, and fitting
 * the wrapping key's template (PKCS#11 v3.2, C_WrapKey). */
static hsm_err may_wrap(hsm_core *core, const hsm_object *wrapping, const hsm_object *key)
{
    const hsm_attr *encoded = hsm_object_attr(wrapping, CKA_WRAP_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned tmpl = { 0 };
    bool matches = true;

    HSM_CHECK(key->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_CHECK(key->object_class == CKO_SECRET_KEY || key->object_class == CKO_PRIVATE_KEY,
              HSM_E_KEY_NOT_WRAPPABLE);
    HSM_CHECK(hsm_object_bool(key, CKA_EXTRACTABLE, false), HSM_E_KEY_UNEXTRACTABLE);
    HSM_CHECK(!hsm_object_bool(key, CKA_WRAP_WITH_TRUSTED, false) ||
                  hsm_object_bool(wrapping, CKA_TRUSTED, false),
              HSM_E_KEY_NOT_WRAPPABLE);
    if (encoded == NULL || encoded->value.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_template_decode(encoded->value, &tmpl));
    const hsm_template wanted = { tmpl.attrs, tmpl.count };
    HSM_TRY(hsm_object_matches(key, hsm_core_serial(core, key->slot), &wanted, &matches));
    HSM_CHECK(matches, HSM_E_KEY_HANDLE);
    return HSM_OK;
}

/* A key leaves under one that is at least as strong. */
static hsm_err rule_strength(hsm_core *core, hsm_session *session, const wrapper *w,
                             hsm_object *object)
{
    const hsm_approval_case use = { w->mech, HSM_OP_WRAP, w->key, &w->params };
    hsm_key *key = NULL;

    HSM_TRY(hsm_core_key(core, object, &key));
    return hsm_core_rule(core, session, hsm_approval_of_wrapping(&use, key));
}

/* What is wrapped: a secret key's value, filled up with zeros to whole blocks where the mode asks
 * for it, or a private key's PrivateKeyInfo. */
static hsm_err payload_of(hsm_core *core, hsm_object *object, const hsm_mech *mech,
                          hsm_secret **out_payload)
{
    enum { BLOCK = 16 };
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *payload = NULL;
    hsm_key *key = NULL;

    HSM_TRY(hsm_core_key(core, object, &key));
    if (object->object_class == CKO_PRIVATE_KEY)
        return hsm_key_pkcs8_encode(key, out_payload);

    HSM_TRY(hsm_object_open_secrets(object, hsm_core_serial(core, object->slot), &secrets));
    for (size_t i = 0; i < secrets.attr_count; i++) {
        const hsm_bytes value = secrets.attrs[i].value;
        const bool is_padded = mech->alg == HSM_ALG_AES_ECB || mech->alg == HSM_ALG_AES_CBC;

        if (secrets.attrs[i].type != CKA_VALUE)
            continue;
        HSM_CHECK(value.len > 0 && value.len <= HSM_SECRET_MAX_BYTES - BLOCK, HSM_E_KEY_SIZE);
        HSM_TRY(hsm_secret_create(is_padded ? (value.len + BLOCK - 1) / BLOCK * BLOCK : value.len,
                                  &payload));
        memcpy(hsm_secret_data(payload), value.data, value.len);
        *out_payload = HSM_MOVE(payload);
        return HSM_OK;
    }
    return HSM_E_KEY_NOT_WRAPPABLE;
}

hsm_err hsm_core_wrap_key(hsm_core *core, hsm_session *session, const hsm_wrap_request *request,
                          hsm_out *wrapped)
{
    const hsm_key_use use = { .mechanism = request->mechanism, .op = HSM_OP_WRAP };
    HSM_AUTO(wrapper_clear) wrapper w = { 0 };
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *payload = NULL;

    hsm_err err = open_wrapper(core, session, &use, request->wrapping_key, &w);
    HSM_TRY(about(err, HSM_OP_WRAP));
    err = hsm_core_object(core, session, request->key, &object);
    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);
    HSM_TRY(may_wrap(core, w.object, object));
    HSM_TRY(rule_strength(core, session, &w, object));
    HSM_TRY(payload_of(core, object, w.mech, &payload));

    err = hsm_crypt_single(w.crypt, hsm_secret_view(payload), wrapped);
    if (err == HSM_OK && wrapped->data != NULL)
        hsm_core_completed(session, session->is_approved);
    /* The mechanism can't take a key of this length. */
    return err == HSM_E_DATA_LEN ? HSM_E_KEY_SIZE : err;
}

/* Every failure after the parameters are known to be good looks alike, so that the token is no
 * oracle for the padding. */
static hsm_err open_wrapped(wrapper *w, hsm_bytes wrapped, hsm_secret **out_plain)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;

    HSM_CHECK(wrapped.len > 0 && wrapped.len <= HSM_SECRET_MAX_BYTES / 2, HSM_E_WRAPPED_KEY_LEN);
    HSM_TRY(hsm_secret_create(wrapped.len + HSM_SECRET_MAX_BYTES / 8, &plain));
    hsm_out out = hsm_out_of(hsm_secret_data(plain), hsm_secret_len(plain));
    const hsm_err err = hsm_crypt_single(w->crypt, wrapped, &out);
    HSM_CHECK(err == HSM_OK && out.len > 0, HSM_E_WRAPPED_KEY);
    hsm_secret_shrink(plain, out.len);
    *out_plain = HSM_MOVE(plain);
    return HSM_OK;
}

/* The unwrapping key's template is added to the caller's, which may repeat but not contradict it. */
static hsm_err start_draft(hsm_core *core, hsm_session *session, const hsm_object *unwrapping,
                           const hsm_template *tmpl, hsm_draft **out_draft)
{
    const hsm_attr *encoded = hsm_object_attr(unwrapping, CKA_UNWRAP_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned forced = { 0 };

    if (encoded != NULL && encoded->value.len > 0)
        HSM_TRY(hsm_template_decode(encoded->value, &forced));
    const hsm_template implied = { forced.attrs, forced.count };
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_UNWRAP, tmpl, &implied,
                                    hsm_core_is_so(core, session), out_draft));
    return HSM_OK;
}

/* Zero filling of the unpadded modes is cut off by CKA_VALUE_LEN, if given. */
static hsm_err put_secret_key(hsm_draft *draft, hsm_secret *plain)
{
    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, hsm_secret_len(plain));

    HSM_CHECK(value_len > 0 && value_len <= hsm_secret_len(plain), HSM_E_WRAPPED_KEY);
    return hsm_draft_put(draft, CKA_VALUE, hsm_bytes_of(hsm_secret_data(plain), value_len));
}

static hsm_err put_private_key(hsm_core *core, hsm_draft *draft, const hsm_secret *plain)
{
    const CK_KEY_TYPE wanted = hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE);
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_key_pkcs8_decode(core->crypto, hsm_secret_view(plain), wanted, &bundle));
    return hsm_core_put_parts(draft, &bundle.parts);
}

static hsm_err put_unwrapped(hsm_core *core, hsm_draft *draft, hsm_secret *plain)
{
    const CK_OBJECT_CLASS object_class = hsm_draft_ulong(draft, CKA_CLASS, CKO_DATA);
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts;

    HSM_CHECK(object_class == CKO_SECRET_KEY || object_class == CKO_PRIVATE_KEY,
              HSM_E_TEMPLATE_INCONSISTENT);
    if (object_class == CKO_SECRET_KEY)
        HSM_TRY(put_secret_key(draft, plain));
    else
        HSM_TRY(put_private_key(core, draft, plain));
    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key));
    HSM_TRY(hsm_key_check(key));
    return hsm_core_put_derived(core, draft, key);
}

hsm_err hsm_core_unwrap_key(hsm_core *core, hsm_session *session, const hsm_unwrap_request *request,
                            CK_OBJECT_HANDLE *out_key)
{
    const hsm_key_use use = { .mechanism = request->mechanism, .op = HSM_OP_UNWRAP };
    HSM_AUTO(wrapper_clear) wrapper w = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;

    const hsm_err err = open_wrapper(core, session, &use, request->unwrapping_key, &w);
    HSM_TRY(about(err, HSM_OP_UNWRAP));
    HSM_TRY(start_draft(core, session, w.object, request->tmpl, &draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    HSM_TRY(open_wrapped(&w, request->wrapped, &plain));
    const hsm_err fits = put_unwrapped(core, draft, plain);
    HSM_CHECK(fits == HSM_OK || fits == HSM_E_NO_MEMORY || fits == HSM_E_TEMPLATE_INCONSISTENT,
              HSM_E_WRAPPED_KEY);
    HSM_TRY(fits);
    const hsm_provenance provenance = {
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .is_approved = session->is_approved,
    };
    HSM_TRY(hsm_core_put_provenance(draft, &provenance));
    HSM_TRY(hsm_core_add(core, session, &draft, 1, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}
