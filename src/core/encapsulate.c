/* Encapsulating and decapsulating keys (PKCS#11 v3.2, 5.18.8 and 5.18.9).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"
#include "core/derive.h"
#include "core/internal.h"
#include "crypto/approval.h"
#include "crypto/kem.h"

/* A key and mechanism about to make a secret. */
typedef struct kem {
    hsm_object *object;
    hsm_mech_params params;
    hsm_kem_use use;
} kem;

static void kem_clear(kem *k)
{
    hsm_object_release(k->object);
}

/* Fills out_kem in place: its use points to its params. */
static hsm_err open_kem(hsm_core *core, hsm_session *session, const hsm_kem_request *request,
                        hsm_op op, kem *out_kem)
{
    HSM_TRY(hsm_core_object(core, session, request->key, &out_kem->object));
    HSM_CHECK(out_kem->object->key_type != HSM_KEY_TYPE_NONE, HSM_E_OBJECT_HANDLE);
    /* A secret key has neither usage; this keeps the halves of a pair apart. */
    HSM_CHECK(out_kem->object->object_class ==
                  (op == HSM_OP_ENCAPSULATE ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY),
              HSM_E_OBJECT_HANDLE);

    const hsm_key_use use = {
        .mechanism = request->mechanism,
        .op = op,
        .object = out_kem->object,
        .session = session,
    };
    HSM_TRY(hsm_core_admit(core, &use, &out_kem->use.mech, &out_kem->params, &out_kem->use.key));
    out_kem->use.params = &out_kem->params;
    return HSM_OK;
}

/* What the token adds to the caller's template: a secret key, extractable unless one of the
 * templates says otherwise. */
static hsm_err start_draft(hsm_core *core, hsm_session *session, const hsm_template *tmpl,
                           const hsm_template *forced, hsm_draft **out_draft)
{
    const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
    HSM_UNINITIALIZED hsm_attr implied[HSM_TEMPLATE_MAX_ATTRS + 2];
    size_t count = 0;

    HSM_CHECK(forced->count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_TEMPLATE_INCONSISTENT);
    for (; count < forced->count; count++)
        implied[count] = forced->attrs[count];
    if (hsm_template_get(forced, CKA_CLASS) == NULL)
        implied[count++] = (hsm_attr){ CKA_CLASS, hsm_bytes_of(&secret_key, sizeof secret_key) };
    hsm_core_imply_extractable(tmpl, implied, &count);

    const hsm_template all = { implied, count };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_DERIVE, tmpl, &all, hsm_core_is_so(core, session),
                                    &draft));
    HSM_CHECK(hsm_draft_kind(draft) == HSM_KIND_SECRET, HSM_E_TEMPLATE_INCONSISTENT);
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* The nested template `type` of a key; empty if it has none. */
static hsm_err nested_template(const hsm_object *key, CK_ATTRIBUTE_TYPE type,
                               hsm_template_owned *out_template)
{
    const hsm_bytes encoded = hsm_object_value(key, type);

    return encoded.len == 0 ? HSM_OK : hsm_template_decode(encoded, out_template);
}

/* The new key must be what CKA_ENCAPSULATE_TEMPLATE allows (5.18.8). */
static hsm_err check_allowed(const hsm_object *public_key, const hsm_draft *draft)
{
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned allowed = { 0 };

    HSM_TRY(nested_template(public_key, CKA_ENCAPSULATE_TEMPLATE, &allowed));
    for (size_t i = 0; i < allowed.count; i++) {
        hsm_bytes value;

        HSM_CHECK(hsm_draft_get(draft, allowed.attrs[i].type, &value) &&
                      hsm_bytes_equal(value, allowed.attrs[i].value),
                  HSM_E_KEY_HANDLE);
    }
    return HSM_OK;
}

static hsm_err read_value_len(const hsm_draft *draft, size_t *out_len)
{
    const CK_ULONG value_len = hsm_draft_ulong(draft, CKA_VALUE_LEN, 0);

    HSM_CHECK(value_len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    *out_len = value_len;
    return HSM_OK;
}

/* Makes the draft a whole key of the value, which it may take: never called local, always sensitive or
 * never extractable. */
static hsm_err finish_draft(hsm_core *core, const hsm_session *session, hsm_draft *draft,
                            hsm_secret **value)
{
    const hsm_provenance provenance = {
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .is_approved = session->is_approved,
    };

    HSM_TRY(hsm_draft_take(draft, CKA_VALUE, value));
    return hsm_core_derive_finish(core, draft, &provenance);
}

static hsm_err rule_secret(hsm_core *core, hsm_session *session, const hsm_mech *mech,
                           const hsm_secret *value)
{
    const hsm_kdf_slice slice = { .len = hsm_secret_len(value) };
    static const hsm_kdf none;

    return hsm_core_rule(core, session, hsm_approval_of_derivation(mech, &none, &slice, 1));
}

static hsm_err as_public_key(hsm_err err)
{
    return err == HSM_E_OBJECT_HANDLE ? HSM_E_KEY_HANDLE : err;
}

hsm_err hsm_core_do_encapsulate_key(hsm_core *core, hsm_session *session,
                                    const hsm_kem_request *request, hsm_out *ciphertext,
                                    CK_OBJECT_HANDLE *out_key)
{
    const hsm_template none = { 0 };
    HSM_AUTO(kem_clear) kem k = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    HSM_UNINITIALIZED uint8_t room[HSM_KEM_CIPHERTEXT_MAX_BYTES];

    HSM_TRY(as_public_key(open_kem(core, session, request, HSM_OP_ENCAPSULATE, &k)));
    const size_t len = hsm_kem_ciphertext_len(&k.use);
    if (ciphertext->data == NULL || ciphertext->cap < len) {
        const bool is_query = ciphertext->data == NULL;

        ciphertext->len = len;
        return is_query ? HSM_OK : HSM_E_BUFFER_TOO_SMALL;
    }
    HSM_TRY(start_draft(core, session, request->tmpl, &none, &draft));
    HSM_TRY(check_allowed(k.object, draft));
    HSM_TRY(read_value_len(draft, &k.use.value_len));

    HSM_TRY(hsm_kem_encapsulate(&k.use, room, &value));
    HSM_TRY(rule_secret(core, session, k.use.mech, value));
    HSM_TRY(finish_draft(core, session, draft, &value));
    HSM_TRY(hsm_core_add(core, session, &draft, 1, out_key));
    hsm_core_completed(session, session->is_approved);
    return hsm_out_put(ciphertext, hsm_bytes_of(room, len));
}

/* Errors about "the key" and about the data are those of unwrapping (5.18.9). */
static hsm_err as_private_key(hsm_err err)
{
    static const struct {
        hsm_err plain;
        hsm_err unwrapping;
    } names[] = {
        { HSM_E_OBJECT_HANDLE, HSM_E_UNWRAPPING_KEY_HANDLE },
        { HSM_E_KEY_HANDLE, HSM_E_UNWRAPPING_KEY_HANDLE },
        { HSM_E_KEY_SIZE, HSM_E_UNWRAPPING_KEY_SIZE },
        { HSM_E_KEY_TYPE, HSM_E_UNWRAPPING_KEY_TYPE },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (names[i].plain == err)
            return names[i].unwrapping;
    }
    return err;
}

hsm_err hsm_core_do_decapsulate_key(hsm_core *core, hsm_session *session,
                                    const hsm_kem_request *request, hsm_bytes ciphertext,
                                    CK_OBJECT_HANDLE *out_key)
{
    HSM_AUTO(kem_clear) kem k = { 0 };
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned owned = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_TRY(as_private_key(open_kem(core, session, request, HSM_OP_DECAPSULATE, &k)));
    HSM_TRY(nested_template(k.object, CKA_DECAPSULATE_TEMPLATE, &owned));
    const hsm_template forced = { owned.attrs, owned.count };
    HSM_TRY(start_draft(core, session, request->tmpl, &forced, &draft));
    HSM_TRY(read_value_len(draft, &k.use.value_len));

    HSM_TRY(hsm_kem_decapsulate(&k.use, ciphertext, &value));
    HSM_TRY(rule_secret(core, session, k.use.mech, value));
    const hsm_err fits = finish_draft(core, session, draft, &value);
    HSM_CHECK(fits != HSM_E_KEY_SIZE,
              HSM_E_WRAPPED_KEY); /* the secret's length, not the caller's */
    HSM_TRY(fits);
    HSM_TRY(hsm_core_add(core, session, &draft, 1, out_key));
    hsm_core_completed(session, session->is_approved);
    return HSM_OK;
}
