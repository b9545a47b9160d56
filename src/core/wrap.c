/* Wrapping keys to leave the token, and unwrapping keys that come in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"
#include "core/internal.h"
#include "crypto/approval.h"
#include "crypto/der.h"

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

#define KW_SEMIBLOCK_BYTES 8u
/* Associated data of a wrapped key. */
#define AAD_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* A wrapping key, and how it is used once. */
typedef struct wrapper {
    hsm_object *object;
    hsm_crypt *crypt; /* the session's */
    const hsm_mech *mech;
    hsm_op op;
    hsm_key *key;
    hsm_mech_params params;
    hsm_message_params given; /* authenticated wrapping, or where the token makes the IV */
    bool makes_iv;
    uint8_t iv[HSM_IV_MAX_BYTES];
} wrapper;

static void wrapper_clear(wrapper *w)
{
    if (w->crypt != NULL)
        hsm_crypt_end(w->crypt);
    hsm_object_release(w->object);
}

/* The parameter of authenticated wrapping: the tag is in it, not in the wrapped key. */
static hsm_err read_message(wrapper *w, hsm_bytes param)
{
    HSM_TRY(hsm_message_params_read(w->mech, w->op == HSM_OP_WRAP, param, &w->given));
    HSM_CHECK(w->given.tag != NULL, HSM_E_MECHANISM_PARAM);
    w->makes_iv = w->op == HSM_OP_WRAP && w->given.source != HSM_IV_GIVEN;
    w->params = (hsm_mech_params){
        .iv = hsm_bytes_of(w->given.iv, w->given.iv_len),
        .tag_bits = w->given.tag_bits,
        .is_tag_apart = true,
        .is_iv_own = w->makes_iv,
    };
    return HSM_OK;
}

/* Its parameter was not among what hsm_core_admit() judged. */
static hsm_err rule_message(hsm_core *core, hsm_session *session, const wrapper *w)
{
    const hsm_approval_case use = { w->mech, w->op, w->key, &w->params };

    return hsm_core_rule_use(core, session, &use);
}

static hsm_err open_wrapper(hsm_core *core, hsm_session *session, const hsm_key_use *asked,
                            CK_OBJECT_HANDLE handle, wrapper *out_wrapper)
{
    hsm_key_use use = *asked;
    const hsm_bytes param = hsm_bytes_of(use.mechanism->pParameter, use.mechanism->ulParameterLen);

    HSM_TRY(hsm_core_object(core, session, handle, &out_wrapper->object));
    use.object = out_wrapper->object;
    use.session = session;
    out_wrapper->op = use.op;
    HSM_CHECK(use.object->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_TRY(
        hsm_core_admit(core, &use, &out_wrapper->mech, &out_wrapper->params, &out_wrapper->key));
    if (use.is_authenticated) {
        HSM_TRY(read_message(out_wrapper, param));
        return rule_message(core, session, out_wrapper);
    }
    if (!out_wrapper->params.leaves_iv || use.op != HSM_OP_WRAP)
        return HSM_OK;
    out_wrapper->makes_iv = true;
    return hsm_wrap_iv_read(out_wrapper->mech, param, &out_wrapper->given);
}

/* Opens the cipher, which makes the IV: only where nothing but its result is still missing. */
static hsm_err start_wrapper(hsm_core *core, hsm_session *session, wrapper *w)
{
    const hsm_iv_use use = {
        .mech = w->mech,
        .object = w->object,
        .key = w->key,
        .given = &w->given,
    };

    if (w->makes_iv) {
        HSM_TRY(hsm_core_make_iv(core, &use, w->iv));
        w->params.iv = hsm_bytes_of(w->iv, w->given.iv_len);
    }
    HSM_TRY(hsm_session_prepare_wrapping(session, core->crypto));
    w->crypt = session->wrapping;
    HSM_TRY(hsm_crypt_begin(w->crypt, w->op, w->mech, &w->params, w->key));
    if (w->params.is_tag_apart && w->op == HSM_OP_UNWRAP)
        hsm_crypt_put_tag(w->crypt, hsm_bytes_of(w->given.tag, w->given.tag_bits / 8));
    return HSM_OK;
}

/* Tells the caller what was made beside the wrapped key. */
static void give_message(const wrapper *w)
{
    const hsm_bytes tag = hsm_crypt_tag(w->crypt);

    if (w->makes_iv)
        memcpy(w->given.iv, w->iv, w->given.iv_len);
    if (w->params.is_tag_apart)
        memcpy(w->given.tag, tag.data, tag.len);
}

/* Whether the wrapping key may take this key out: extractable, trusted where asked for, and fitting
 * the wrapping key's template (PKCS#11 v3.2, C_WrapKey). */
static hsm_err may_wrap(hsm_core *core, const hsm_object *wrapping, const hsm_object *key)
{
    const hsm_bytes encoded = hsm_object_value(wrapping, CKA_WRAP_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned tmpl = { 0 };
    bool matches = true;

    HSM_CHECK(key->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_HANDLE);
    HSM_CHECK(key->object_class == CKO_SECRET_KEY || key->object_class == CKO_PRIVATE_KEY,
              HSM_E_KEY_NOT_WRAPPABLE);
    HSM_CHECK(hsm_object_bool(key, CKA_EXTRACTABLE, false), HSM_E_KEY_UNEXTRACTABLE);
    HSM_CHECK(!hsm_object_bool(key, CKA_WRAP_WITH_TRUSTED, false) ||
                  hsm_object_bool(wrapping, CKA_TRUSTED, false),
              HSM_E_KEY_NOT_WRAPPABLE);
    if (encoded.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_template_decode(encoded, &tmpl));
    const hsm_template wanted = { tmpl.attrs, tmpl.count };
    HSM_TRY(hsm_object_matches(key, hsm_core_serial(core, key->slot), &wanted, &matches));
    HSM_CHECK(matches, HSM_E_KEY_HANDLE);
    return HSM_OK;
}

/* Modes that fill up without a trace of it wrap secret keys only (PKCS#11 v3.2, 6.1, AES). */
static bool wraps_private(const hsm_mech *mech)
{
    return mech->alg != HSM_ALG_AES_ECB && mech->alg != HSM_ALG_AES_CBC &&
           mech->alg != HSM_ALG_RSA_X509;
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
    const bool is_padded = mech->alg == HSM_ALG_AES_ECB || mech->alg == HSM_ALG_AES_CBC;
    HSM_AUTO(hsm_secret_drop) hsm_secret *payload = NULL;
    hsm_key *key = NULL;

    HSM_TRY(hsm_core_key(core, object, &key));
    HSM_CHECK(object->object_class == CKO_SECRET_KEY || wraps_private(mech),
              HSM_E_KEY_NOT_WRAPPABLE);
    if (object->object_class == CKO_PRIVATE_KEY)
        return hsm_key_pkcs8_encode(key, out_payload);

    const hsm_bytes value = hsm_key_value(key);
    HSM_CHECK(value.len > 0, HSM_E_KEY_NOT_WRAPPABLE);
    HSM_CHECK(value.len <= HSM_SECRET_MAX_BYTES - BLOCK, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_secret_create(is_padded ? (value.len + BLOCK - 1) / BLOCK * BLOCK : value.len,
                              &payload));
    memcpy(hsm_secret_data(payload), value.data, value.len);
    *out_payload = HSM_MOVE(payload);
    return HSM_OK;
}

/* Whether an IV would be made for nothing: only the length is asked for, or there is no room. */
static bool is_known_len(const wrapper *w, const hsm_secret *payload, hsm_out *wrapped)
{
    const size_t tag_len = w->params.is_tag_apart ? 0 : w->params.tag_bits / 8;

    wrapped->len = hsm_secret_len(payload) + tag_len;
    return w->makes_iv && (wrapped->data == NULL || wrapped->cap < wrapped->len);
}

static hsm_err wrap(hsm_core *core, hsm_session *session, wrapper *w, const hsm_secret *payload,
                    hsm_out *wrapped)
{
    if (is_known_len(w, payload, wrapped))
        return wrapped->data == NULL ? HSM_OK : HSM_E_BUFFER_TOO_SMALL;
    HSM_TRY(about(start_wrapper(core, session, w), HSM_OP_WRAP));
    const hsm_err err = hsm_crypt_single(w->crypt, hsm_secret_view(payload), wrapped);
    /* The mechanism can't take a key of this length. */
    HSM_CHECK(err != HSM_E_DATA_LEN, HSM_E_KEY_SIZE);
    HSM_TRY(err);
    if (wrapped->data != NULL)
        give_message(w);
    return HSM_OK;
}

hsm_err hsm_core_do_wrap_key(hsm_core *core, hsm_session *session, const hsm_wrap_request *request,
                             hsm_out *wrapped)
{
    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = HSM_OP_WRAP,
        .is_authenticated = request->is_authenticated,
    };
    HSM_AUTO(wrapper_clear) wrapper w = { 0 };
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *payload = NULL;

    HSM_CHECK(request->aad.len <= AAD_MAX_BYTES, HSM_E_LIMIT);
    hsm_err err = open_wrapper(core, session, &use, request->wrapping_key, &w);
    HSM_TRY(about(err, HSM_OP_WRAP));
    if (use.is_authenticated)
        w.params.aad = request->aad;
    err = hsm_core_object(core, session, request->key, &object);
    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);
    HSM_TRY(may_wrap(core, w.object, object));
    HSM_TRY(rule_strength(core, session, &w, object));
    HSM_TRY(payload_of(core, object, w.mech, &payload));
    HSM_TRY(wrap(core, session, &w, payload, wrapped));
    if (wrapped->data != NULL)
        hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}

/* Every failure after the parameters are known to be good looks alike, so that the token is no
 * oracle for the padding. */
static hsm_err open_wrapped(wrapper *w, hsm_bytes wrapped, hsm_secret **out_plain)
{
    enum { UNWRAP_SPARE_BYTES = 32 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;

    HSM_CHECK(wrapped.len > 0 && wrapped.len <= HSM_SECRET_MAX_BYTES / 2, HSM_E_WRAPPED_KEY_LEN);
    /* What a mode asks for at most: with less, the key would pass through memory of the heap. Much
     * more would be a mapping of its own, made, locked and taken away again each time. */
    HSM_TRY(hsm_secret_create(wrapped.len + UNWRAP_SPARE_BYTES, &plain));
    hsm_out out = hsm_out_of(hsm_secret_data(plain), hsm_secret_len(plain));
    const hsm_err err = hsm_crypt_single(w->crypt, wrapped, &out);
    HSM_CHECK(err == HSM_OK && out.len > 0, HSM_E_WRAPPED_KEY);
    hsm_secret_shrink(plain, out.len);
    *out_plain = HSM_MOVE(plain);
    return HSM_OK;
}

void hsm_core_imply_extractable(const hsm_template *tmpl, hsm_attr *implied, size_t *count)
{
    static const CK_BBOOL yes = CK_TRUE;
    const hsm_template forced = { implied, *count };

    if (hsm_template_get(&forced, CKA_EXTRACTABLE) == NULL &&
        hsm_template_get(tmpl, CKA_EXTRACTABLE) == NULL)
        implied[(*count)++] = (hsm_attr){ CKA_EXTRACTABLE, hsm_bytes_of(&yes, sizeof yes) };
}

/* The unwrapping key's template is added to the caller's, which may repeat but not contradict it. */
static hsm_err start_draft(hsm_core *core, hsm_session *session, const hsm_object *unwrapping,
                           const hsm_template *tmpl, hsm_draft **out_draft)
{
    const hsm_bytes encoded = hsm_object_value(unwrapping, CKA_UNWRAP_TEMPLATE);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned forced = { 0 };
    HSM_UNINITIALIZED hsm_attr implied[HSM_TEMPLATE_MAX_ATTRS + 1];
    size_t count = 0;

    if (encoded.len > 0)
        HSM_TRY(hsm_template_decode(encoded, &forced));
    for (; count < forced.count && count < HSM_TEMPLATE_MAX_ATTRS; count++)
        implied[count] = forced.attrs[count];
    hsm_core_imply_extractable(tmpl, implied, &count);
    const hsm_template all = { implied, count };
    return hsm_draft_from_template(HSM_ORIGIN_UNWRAP, tmpl, &all, hsm_core_is_so(core, session),
                                   out_draft);
}

/* Modes that fill up without a trace of it: only the template tells how long a key is whose type has
 * no length of its own (5.18, C_UnwrapKey). AES keys are taken as long as they come. */
static hsm_err check_len_is_told(const hsm_mech *mech, const hsm_draft *draft)
{
    const bool hides_len = mech->alg == HSM_ALG_AES_ECB || mech->alg == HSM_ALG_AES_CBC ||
                           mech->alg == HSM_ALG_DES3_ECB || mech->alg == HSM_ALG_DES3_CBC ||
                           mech->alg == HSM_ALG_RSA_X509;
    const CK_KEY_TYPE type = hsm_draft_ulong(draft, CKA_KEY_TYPE, CKK_AES);
    const bool has_len =
        type == CKK_AES || type == CKK_AES_XTS || type == CKK_CHACHA20 || type == CKK_DES3;
    hsm_bytes len;

    HSM_CHECK(!hides_len || has_len || hsm_draft_kind(draft) != HSM_KIND_SECRET ||
                  hsm_draft_get(draft, CKA_VALUE_LEN, &len),
              HSM_E_TEMPLATE_INCOMPLETE);
    return HSM_OK;
}

/* CKA_VALUE_LEN, if given, cuts off what the mode filled the value up with: zeros at the end, or with
 * raw RSA at the beginning. */
static hsm_err put_secret_key(hsm_draft *draft, const hsm_mech *mech, hsm_secret **plain)
{
    const size_t len = hsm_secret_len(*plain);
    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, len);

    HSM_CHECK(value_len > 0 && value_len <= len, HSM_E_WRAPPED_KEY);
    HSM_CHECK(mech->alg != HSM_ALG_AES_KW || len - value_len < KW_SEMIBLOCK_BYTES,
              HSM_E_WRAPPED_KEY);
    if (mech->alg == HSM_ALG_RSA_X509)
        return hsm_draft_put(draft, CKA_VALUE,
                             hsm_bytes_of(hsm_secret_data(*plain) + (len - value_len), value_len));
    hsm_secret_shrink(*plain, value_len);
    return hsm_draft_take(draft, CKA_VALUE, plain);
}

/* A private key's encoding without the zeros that key wrap without padding fills it up with. Only
 * the encoding tells where it ends: its last byte may be a zero too. */
static hsm_bytes without_filling(const hsm_mech *mech, hsm_bytes plain)
{
    hsm_reader reader = hsm_reader_of(plain);
    const hsm_bytes encoding = hsm_der_read_whole(&reader, HSM_DER_SEQUENCE);
    unsigned filling = 0;

    if (mech->alg != HSM_ALG_AES_KW || reader.is_failed || reader.rest.len >= KW_SEMIBLOCK_BYTES)
        return plain;
    for (size_t i = 0; i < reader.rest.len; i++)
        filling |= reader.rest.data[i];
    return filling == 0 ? encoding : plain;
}

static hsm_err put_private_key(hsm_core *core, hsm_draft *draft, hsm_bytes encoding)
{
    const CK_KEY_TYPE wanted = hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE);
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_key_pkcs8_decode(core->crypto, encoding, wanted, &bundle));
    return hsm_core_put_parts(draft, &bundle.parts);
}

static hsm_err complete_private(hsm_core *core, hsm_draft *draft)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts;

    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key));
    HSM_TRY(hsm_key_check(key));
    return hsm_core_put_derived(core, draft, key);
}

/* The draft may take what was unwrapped. */
static hsm_err put_unwrapped(hsm_core *core, hsm_draft *draft, const hsm_mech *mech,
                             hsm_secret **plain)
{
    const CK_OBJECT_CLASS object_class = hsm_draft_ulong(draft, CKA_CLASS, CKO_DATA);

    HSM_CHECK(object_class == CKO_SECRET_KEY || object_class == CKO_PRIVATE_KEY,
              HSM_E_TEMPLATE_INCONSISTENT);
    if (object_class == CKO_SECRET_KEY) {
        HSM_TRY(put_secret_key(draft, mech, plain));
        return hsm_core_complete_secret(core, draft);
    }
    HSM_TRY(put_private_key(core, draft, without_filling(mech, hsm_secret_view(*plain))));
    return complete_private(core, draft);
}

hsm_err hsm_core_do_unwrap_key(hsm_core *core, hsm_session *session,
                               const hsm_unwrap_request *request, CK_OBJECT_HANDLE *out_key)
{
    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = HSM_OP_UNWRAP,
        .is_authenticated = request->is_authenticated,
    };
    HSM_AUTO(wrapper_clear) wrapper w = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;

    HSM_CHECK(request->aad.len <= AAD_MAX_BYTES, HSM_E_LIMIT);
    hsm_err err = open_wrapper(core, session, &use, request->unwrapping_key, &w);
    HSM_TRY(about(err, HSM_OP_UNWRAP));
    if (use.is_authenticated)
        w.params.aad = request->aad;
    HSM_TRY(about(start_wrapper(core, session, &w), HSM_OP_UNWRAP));
    HSM_TRY(start_draft(core, session, w.object, request->tmpl, &draft));
    HSM_TRY(check_len_is_told(w.mech, draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    HSM_TRY(open_wrapped(&w, request->wrapped, &plain));
    const hsm_err fits = put_unwrapped(core, draft, w.mech, &plain);
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
