/* Encrypt, decrypt, digest, sign and verify: the open operations of a session.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"
#include "core/audited.h"
#include "core/internal.h"
#include "core/lifecycle.h"

static hsm_operation *operation_of(hsm_session *session, hsm_op op)
{
    return &session->operation[hsm_op_slot_of(op)];
}

/* Whether the key of the last operation is the one asked for and still what it was, so that it can
 * be used again without any shared lock. Logout drops it (hsm_session_forget_keys). */
static bool keeps_key(hsm_core *core, const hsm_session *session, const hsm_operation *operation,
                      CK_OBJECT_HANDLE key)
{
    hsm_object *object = operation->object;

    if (object == NULL || operation->handle != key ||
        !atomic_load_explicit(&object->is_live, memory_order_acquire))
        return false;
    if (object->is_private && !hsm_core_sees_private(core, session))
        return false;
    return !object->is_token || hsm_store_check_current(core->store, object) == HSM_OK;
}

static hsm_err resolve_key(hsm_core *core, const hsm_session *session, hsm_operation *operation,
                           CK_OBJECT_HANDLE key)
{
    if (keeps_key(core, session, operation, key))
        return HSM_OK;

    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    hsm_err err = hsm_core_object(core, session, key, &object);
    if (err == HSM_OK && object->key_type == HSM_KEY_TYPE_NONE)
        err = HSM_E_KEY_HANDLE;
    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);

    hsm_object_release(operation->object);
    operation->object = HSM_MOVE(object);
    operation->handle = key;
    operation->is_admitted = false;
    return HSM_OK;
}

static hsm_err cancel(hsm_core *core, hsm_session *session, hsm_op op)
{
    hsm_operation *operation = operation_of(session, op);

    hsm_core_cancel_op_job(core, session, op);
    if (operation->is_open)
        hsm_operation_end(operation);
    return HSM_OK;
}

/* Whether the mechanism of the last operation is asked for once more, with the same key (resolve_key() sees
 * to that). The rules in force, the rows and the objects do not change (who changes an object makes
 * another), so that what only they decide is decided. */
static bool is_repeated(const hsm_operation *operation, const CK_MECHANISM *mechanism)
{
    return operation->is_admitted && mechanism->mechanism == operation->mech->id;
}

/* Without a parameter the answers are those of the last time, but for what days and the key's place in
 * memory change. A message may still bring one. */
static bool is_without_params(const hsm_mech *mech, hsm_op op, const CK_MECHANISM *mechanism)
{
    return mech->params == HSM_PARAM_NONE && mechanism->ulParameterLen == 0 &&
           (op & HSM_OPS_MESSAGE) == 0;
}

static void open_operation(hsm_operation *operation)
{
    operation->needs_login = operation->object != NULL && operation->object->always_authenticate;
    operation->is_open = true;
}

static hsm_err repeat(hsm_core *core, hsm_operation *operation, hsm_op op)
{
    hsm_key *parsed = NULL;

    if (operation->object != NULL) {
        HSM_TRY(hsm_core_check_life(core, operation->object, op));
        HSM_TRY(hsm_core_key(core, operation->object, &parsed));
    }
    HSM_TRY(hsm_crypt_begin_again(operation->crypt, operation->mech, parsed));
    open_operation(operation);
    return HSM_OK;
}

static hsm_err begin(hsm_core *core, hsm_session *session, hsm_op op, const CK_MECHANISM *mechanism)
{
    hsm_operation *operation = operation_of(session, op);
    const hsm_mech *mech = NULL;
    hsm_key *parsed = NULL;
    HSM_UNINITIALIZED hsm_mech_params params; /* filled by hsm_core_admit() */
    const hsm_key_use use = {
        .mechanism = mechanism,
        .op = op,
        .object = op == HSM_OP_DIGEST ? NULL : operation->object,
        .admitted = is_repeated(operation, mechanism) ? operation->mech : NULL,
        .session = session,
    };

    operation->is_admitted = false; /* until all of it went well */
    HSM_TRY(hsm_core_admit(core, &use, &mech, &params, &parsed));
    operation->mech = mech;
    HSM_TRY(hsm_operation_prepare(operation, core->crypto));
    if ((op & HSM_OPS_MESSAGE) != 0)
        HSM_TRY(hsm_core_message_open(operation, &params));
    else
        HSM_TRY(hsm_crypt_begin(operation->crypt, op, mech, &params, parsed));

    operation->is_admitted = true;
    operation->is_approved = session->is_approved;
    operation->mac_len = params.mac_len;
    open_operation(operation);
    return HSM_OK;
}

hsm_err hsm_core_do_op_init(hsm_core *core, hsm_session *session, hsm_op op,
                            const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    hsm_operation *operation = operation_of(session, op);

    if (mechanism == NULL)
        return cancel(core, session, op);
    HSM_CHECK(!operation->is_open && !hsm_core_has_job(session, op), HSM_E_OPERATION_ACTIVE);
    if (op != HSM_OP_DIGEST)
        HSM_TRY(resolve_key(core, session, operation, key));
    if (is_repeated(operation, mechanism) && is_without_params(operation->mech, op, mechanism))
        return repeat(core, operation, op);
    return begin(core, session, op, mechanism);
}

/* The operation, ready to be used: open, and authenticated for this once if the key asks for it.
 * A missing authentication ends it, as every error does. The call's indicator begins with what the rules
 * said at the operation's start. */
static hsm_err ready(hsm_session *session, hsm_operation *operation)
{
    HSM_CHECK(operation->is_open, HSM_E_OPERATION);
    if (operation->needs_login) {
        hsm_operation_end(operation);
        return HSM_E_NOT_LOGGED_IN;
    }
    session->is_approved = operation->is_approved;
    return HSM_OK;
}

/* After a step that gives the result: a question for the length and a buffer that is too small
 * leave the operation as it is; everything else ends it (PKCS#11 v3.2, 5.2). */
static hsm_err ends(hsm_session *session, hsm_operation *operation, hsm_err err, const hsm_out *out)
{
    const bool goes_on =
        err == HSM_E_BUFFER_TOO_SMALL || (err == HSM_OK && out != NULL && out->data == NULL);

    if (goes_on)
        return err;
    if (err == HSM_OK)
        hsm_core_completed(session, session->is_approved);
    hsm_operation_end(operation);
    return err;
}

hsm_err hsm_core_do_op_single(hsm_core *core, hsm_session *session, hsm_op op, hsm_bytes in,
                              hsm_out *out)
{
    hsm_operation *operation = operation_of(session, op);
    const hsm_op_end end = { .op = op, .in = in };

    HSM_TRY(ready(session, operation));
    hsm_err err =
        out->data == NULL ? HSM_OK : hsm_core_rule_data(core, session, operation->mech, op, in.len);
    if (err == HSM_OK && session->is_async && hsm_core_is_op_job(session, &end, out))
        return hsm_core_begin_op_job(core, session, &end, out);
    if (err == HSM_OK)
        err = hsm_crypt_single(operation->crypt, in, out);
    return ends(session, operation, err, out);
}

hsm_err hsm_core_do_op_update(hsm_core *core, hsm_session *session, hsm_op op, hsm_bytes in,
                              hsm_out *out)
{
    hsm_operation *operation = operation_of(session, op);

    (void)core;
    HSM_TRY(ready(session, operation));
    const hsm_err err = hsm_crypt_update(operation->crypt, in, out);
    if (err == HSM_OK && out == NULL)
        hsm_core_state_feed(operation, in);
    if (err != HSM_OK && err != HSM_E_BUFFER_TOO_SMALL)
        hsm_operation_end(operation);
    return err;
}

hsm_err hsm_core_do_op_final(hsm_core *core, hsm_session *session, hsm_op op, hsm_out *out)
{
    hsm_operation *operation = operation_of(session, op);
    const hsm_op_end end = { .op = op, .is_final = true };

    HSM_TRY(ready(session, operation));
    if (hsm_core_is_op_job(session, &end, out))
        return hsm_core_begin_op_job(core, session, &end, out);
    return ends(session, operation, hsm_crypt_final(operation->crypt, out), out);
}

hsm_err hsm_core_do_verify(hsm_core *core, hsm_session *session, hsm_bytes data,
                           hsm_bytes signature)
{
    hsm_operation *operation = operation_of(session, HSM_OP_VERIFY);

    HSM_CHECK(!operation->has_signature, HSM_E_OPERATION);
    HSM_TRY(ready(session, operation));
    hsm_err err = hsm_core_rule_data(core, session, operation->mech, HSM_OP_VERIFY, data.len);
    if (err == HSM_OK)
        err = hsm_crypt_verify(operation->crypt, data, signature);
    return ends(session, operation, err, NULL);
}

hsm_err hsm_core_do_verify_final(hsm_core *core, hsm_session *session, hsm_bytes signature)
{
    hsm_operation *operation = operation_of(session, HSM_OP_VERIFY);

    (void)core;
    HSM_CHECK(!operation->has_signature, HSM_E_OPERATION);
    HSM_TRY(ready(session, operation));
    return ends(session, operation, hsm_crypt_verify_final(operation->crypt, signature), NULL);
}

/* Only keys whose value may be seen outside can be digested: the digest of a short sensitive value
 * would give it away (PKCS#11 v3.2, C_DigestKey leaves the choice to the token). */
static hsm_err digest_value(hsm_core *core, const hsm_operation *operation, hsm_object *object)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

    HSM_CHECK(object->object_class == CKO_SECRET_KEY && !object->is_sensitive,
              HSM_E_KEY_INDIGESTIBLE);
    HSM_TRY(hsm_object_open_secrets(object, hsm_core_serial(core, object->slot), &secrets));
    for (size_t i = 0; i < secrets.attr_count; i++) {
        if (secrets.attrs[i].type == CKA_VALUE)
            return hsm_crypt_update(operation->crypt, secrets.attrs[i].value, NULL);
    }
    return HSM_E_KEY_INDIGESTIBLE;
}

hsm_err hsm_core_do_digest_key(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE key)
{
    hsm_operation *operation = operation_of(session, HSM_OP_DIGEST);
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(ready(session, operation));
    hsm_err err = hsm_core_object(core, session, key, &object);
    if (err == HSM_E_OBJECT_HANDLE)
        err = HSM_E_KEY_HANDLE;
    if (err == HSM_OK)
        err = digest_value(core, operation, object);
    operation->is_unsaveable = true; /* a key does not leave with a state */
    if (err != HSM_OK)
        hsm_operation_end(operation);
    return err;
}

hsm_err hsm_core_abort(hsm_session *session, hsm_op op, hsm_err err)
{
    hsm_operation *operation = operation_of(session, op);

    HSM_CHECK(operation->is_open && !operation->has_signature, HSM_E_OPERATION);
    hsm_operation_end(operation);
    return err;
}
