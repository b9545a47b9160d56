/* Verifying where the signature is given first (PKCS#11 v3.2, 5.15): an ordinary verification that
 * remembers it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"

static hsm_operation *operation_of(hsm_session *session)
{
    return &session->operation[hsm_op_slot_of(HSM_OP_VERIFY)];
}

static hsm_err check_open(hsm_session *session)
{
    const hsm_operation *operation = operation_of(session);

    HSM_CHECK(operation->is_open && operation->has_signature, HSM_E_OPERATION);
    return HSM_OK;
}

hsm_err hsm_core_verify_signature_init(hsm_core *core, hsm_session *session,
                                       const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                                       hsm_bytes signature)
{
    hsm_operation *operation = operation_of(session);

    HSM_CHECK(signature.len <= HSM_SIGNATURE_MAX_BYTES, HSM_E_SIGNATURE_LEN);
    HSM_TRY(hsm_core_op_init(core, session, HSM_OP_VERIFY, mechanism, key));
    if (mechanism == NULL)
        return HSM_OK; /* that was a cancellation */
    if (signature.len > 0) {
        const hsm_err err = hsm_buf_append(&operation->signature, signature);
        if (err != HSM_OK)
            return hsm_core_abort(session, HSM_OP_VERIFY, err);
    }
    operation->has_signature = true;
    return HSM_OK;
}

/* The signature, which the operation no longer has: what comes now is an ordinary end. */
static hsm_buf take_signature(hsm_session *session)
{
    hsm_operation *operation = operation_of(session);
    const hsm_buf signature = operation->signature;

    operation->signature = (hsm_buf){ 0 };
    operation->has_signature = false;
    return signature;
}

hsm_err hsm_core_verify_signature(hsm_core *core, hsm_session *session, hsm_bytes data)
{
    HSM_TRY(check_open(session));
    HSM_AUTO(hsm_buf_clear) hsm_buf signature = take_signature(session);
    return hsm_core_verify(core, session, data, hsm_buf_view(&signature));
}

hsm_err hsm_core_verify_signature_update(hsm_core *core, hsm_session *session, hsm_bytes part)
{
    HSM_TRY(check_open(session));
    return hsm_core_op_update(core, session, HSM_OP_VERIFY, part, NULL);
}

hsm_err hsm_core_verify_signature_final(hsm_core *core, hsm_session *session)
{
    HSM_TRY(check_open(session));
    HSM_AUTO(hsm_buf_clear) hsm_buf signature = take_signature(session);
    return hsm_core_verify_final(core, session, hsm_buf_view(&signature));
}

hsm_err hsm_core_verify_signature_abort(hsm_session *session, hsm_err err)
{
    HSM_TRY(check_open(session));
    hsm_operation_end(operation_of(session));
    return err;
}
