/* Whether a key may be used by a mechanism for an operation, now.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"
#include "core/lifecycle.h"
#include "crypto/approval.h"
#include "crypto/mech_message.h"

/* Whether the key's own list of mechanisms, if it has one, names `id` (PKCS#11 v3.2, 4.9). */
static bool key_lists(const hsm_object *object, CK_MECHANISM_TYPE id)
{
    if (!object->has_allowed_mechanisms)
        return true;

    const hsm_bytes list = hsm_object_value(object, CKA_ALLOWED_MECHANISMS);
    for (size_t at = 0; at + sizeof id <= list.len; at += sizeof id) {
        CK_MECHANISM_TYPE one;

        memcpy(&one, list.data + at, sizeof one);
        if (one == id)
            return true;
    }
    return false;
}

/* Whether the PIN was given for the key, for an operation that is still open (PKCS#11 v3.2, 4.9). */
static bool is_authenticated(const hsm_session *session, const hsm_object *object)
{
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++) {
        const hsm_operation *operation = &session->operation[i];

        if (operation->is_open && !operation->needs_login && operation->object != NULL &&
            operation->object->id == object->id)
            return true;
    }
    return false;
}

/* Operations that are opened wait for the PIN themselves. Those of one call have nowhere to wait, and
 * unwrapping would be a decryption without the PIN. */
static hsm_err check_presence(const hsm_key_use *use)
{
    const hsm_op_set at_once = HSM_OP_UNWRAP | HSM_OP_DERIVE | HSM_OP_DECAPSULATE;

    HSM_CHECK(!use->object->always_authenticate || (use->op & at_once) == 0 ||
                  is_authenticated(use->session, use->object),
              HSM_E_NOT_LOGGED_IN);
    return HSM_OK;
}

/* Days pass, PINs are given and keys go from memory: those are looked at each time. */
static hsm_err check_key_again(hsm_core *core, const hsm_key_use *use, hsm_key **out_key)
{
    HSM_TRY(hsm_core_check_life(core, use->object, use->op));
    HSM_TRY(check_presence(use));
    return hsm_core_key(core, use->object, out_key);
}

static hsm_err check_key(hsm_core *core, const hsm_key_use *use, const hsm_mech *mech,
                         hsm_key **out_key)
{
    hsm_key *key = NULL;

    if (use->admitted != NULL)
        return check_key_again(core, use, out_key);
    HSM_CHECK((use->object->usages & use->op) != 0, HSM_E_KEY_FUNCTION);
    HSM_CHECK(key_lists(use->object, mech->id), HSM_E_MECHANISM);
    HSM_TRY(check_key_again(core, use, &key));
    HSM_TRY(hsm_mech_fit(mech, use->op, use->object->key_type, hsm_key_bits(key)));
    *out_key = key;
    return HSM_OK;
}

static hsm_err find_row(const hsm_core *core, const hsm_key_use *use, const hsm_mech **out_mech)
{
    const hsm_mech *mech = use->admitted;

    if (mech == NULL) {
        mech = use->found != NULL ? use->found : hsm_mech_find(use->mechanism->mechanism);
        HSM_CHECK(mech != NULL && (mech->ops & use->op) != 0, HSM_E_MECHANISM);
        HSM_TRY(hsm_mech_allow(core->crypto, mech, use->op));
    }
    *out_mech = mech;
    return HSM_OK;
}

hsm_err hsm_core_rule(const hsm_core *core, hsm_session *session, hsm_err ruling)
{
    if (ruling == HSM_OK)
        return HSM_OK;
    session->is_approved = false;
    return hsm_crypto_rules(core->crypto)->is_approved_only ? ruling : HSM_OK;
}

hsm_err hsm_core_rule_use(const hsm_core *core, hsm_session *session,
                          const struct hsm_approval_case *use)
{
    session->is_approved = true;
    return hsm_core_rule(core, session, hsm_approval_of_use(use));
}

hsm_err hsm_core_rule_data(const hsm_core *core, hsm_session *session, const hsm_mech *mech,
                           hsm_op op, size_t data_len)
{
    return hsm_core_rule(core, session, hsm_approval_of_data(mech, op, data_len));
}

void hsm_core_completed(hsm_session *session, bool is_approved)
{
    session->last_was_approved = is_approved;
}

bool hsm_core_was_approved(const hsm_object *object)
{
    return (hsm_object_ulong(object, CKA_OBJECT_VALIDATION_FLAGS, 0) & CKF_CRATON_APPROVED) != 0;
}

CK_FLAGS hsm_core_validation_flags(const hsm_session *session)
{
    return session->last_was_approved ? CKF_CRATON_APPROVED : 0;
}

/* Encrypted messages and authenticated wrapping bring their parameters with them. */
static bool brings_params(const hsm_key_use *use)
{
    return (use->op & (HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT)) != 0 ||
           use->is_authenticated;
}

static hsm_err read_params(const hsm_mech *mech, const hsm_key_use *use, hsm_mech_params *out)
{
    HSM_TRY(hsm_mech_params_read(mech, use->mechanism, out));
    HSM_CHECK(!out->leaves_iv || (use->op & (HSM_OP_WRAP | HSM_OP_UNWRAP)) != 0,
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static HSM_APART hsm_err expect_params(const hsm_mech *mech, const hsm_key_use *use,
                                       hsm_mech_params *out)
{
    HSM_CHECK((mech->ops & (HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT)) != 0,
              HSM_E_MECHANISM);
    HSM_TRY(hsm_message_params_check(mech, use->mechanism));
    *out = (hsm_mech_params){ 0 };
    return HSM_OK;
}

hsm_err hsm_core_admit(hsm_core *core, const hsm_key_use *use, const hsm_mech **out_mech,
                       hsm_mech_params *out_params, hsm_key **out_key)
{
    const bool are_brought = brings_params(use);
    const hsm_mech *mech = NULL;
    hsm_key *key = NULL;

    /* The mechanism first: a key that can't be used with it is the second question. */
    HSM_TRY(find_row(core, use, &mech));
    if (use->object != NULL)
        HSM_TRY(check_key(core, use, mech, &key));
    HSM_TRY(are_brought ? expect_params(mech, use, out_params)
                        : read_params(mech, use, out_params));
    const hsm_approval_case asked = { mech, use->op, key, are_brought ? NULL : out_params };
    HSM_TRY(hsm_core_rule_use(core, use->session, &asked));
    *out_mech = mech;
    *out_key = key;
    return HSM_OK;
}
