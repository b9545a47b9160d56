/* Signing and verifying many messages under one key (PKCS#11 v3.2, 5.14 and 5.16). Errors end the
 * message, never the operation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"
#include "core/internal.h"
#include "crypto/approval.h"

/* A message's own parameter has the form that the mechanism's has; without one, what the mechanism
 * brought when the operation was opened holds for each message. */
static hsm_err params_of(const hsm_operation *operation, hsm_bytes param, hsm_mech_params *out)
{
    const CK_MECHANISM mechanism = {
        .mechanism = operation->mech->id,
        .pParameter = (void *)(uintptr_t)param.data, /* only read */
        .ulParameterLen = param.len,
    };

    if (param.len > 0)
        return hsm_mech_params_read(operation->mech, &mechanism, out);
    *out = operation->message->params;
    return HSM_OK;
}

static hsm_err start(hsm_core *core, hsm_session *session, hsm_operation *operation, hsm_op op,
                     hsm_bytes param)
{
    hsm_mech_params params;
    hsm_key *key = NULL;

    HSM_TRY(params_of(operation, param, &params));
    HSM_TRY(hsm_core_key(core, operation->object, &key));
    const hsm_approval_case use = { operation->mech, op, key, &params };
    HSM_TRY(hsm_core_rule_use(core, session, &use));
    operation->is_approved = session->is_approved;
    return hsm_crypt_begin(operation->crypt, op, operation->mech, &params, key);
}

/* Whether the message is not over with this answer (PKCS#11 v3.2, 5.2). */
static bool goes_on(hsm_err err, const hsm_out *out)
{
    return err == HSM_E_BUFFER_TOO_SMALL || (err == HSM_OK && out->data == NULL);
}

hsm_err hsm_core_do_message_sign(hsm_core *core, hsm_session *session, const hsm_message_part *part,
                                 hsm_out *out)
{
    hsm_operation *operation = NULL;

    HSM_TRY(hsm_core_message_ready(session, HSM_OP_MESSAGE_SIGN, false, &operation));
    hsm_err err = start(core, session, operation, HSM_OP_SIGN, part->param);
    if (err == HSM_OK)
        err = hsm_core_rule_data(core, session, operation->mech, HSM_OP_SIGN, part->in.len);
    if (err == HSM_OK)
        err = hsm_crypt_single(operation->crypt, part->in, out);
    if (goes_on(err, out))
        hsm_crypt_end(operation->crypt);
    else
        hsm_core_message_end(session, operation, err);
    return err;
}

hsm_err hsm_core_do_message_verify(hsm_core *core, hsm_session *session,
                                   const hsm_message_part *part, hsm_bytes signature)
{
    hsm_operation *operation = NULL;

    HSM_TRY(hsm_core_message_ready(session, HSM_OP_MESSAGE_VERIFY, false, &operation));
    hsm_err err = start(core, session, operation, HSM_OP_VERIFY, part->param);
    if (err == HSM_OK)
        err = hsm_core_rule_data(core, session, operation->mech, HSM_OP_VERIFY, part->in.len);
    if (err == HSM_OK)
        err = hsm_crypt_verify(operation->crypt, part->in, signature);
    hsm_core_message_end(session, operation, err);
    return err;
}

hsm_err hsm_core_message_sign_begin(hsm_core *core, hsm_session *session, hsm_op op,
                                    const hsm_message_part *part)
{
    hsm_operation *operation = NULL;

    HSM_TRY(hsm_core_message_ready(session, op, false, &operation));
    HSM_CHECK(operation->mech->is_multi_part, HSM_E_NOT_SUPPORTED);
    HSM_TRY(start(core, session, operation, op == HSM_OP_MESSAGE_SIGN ? HSM_OP_SIGN : HSM_OP_VERIFY,
                  part->param));
    operation->message->is_in_parts = true;
    return HSM_OK;
}

hsm_err hsm_core_do_message_sign_next(hsm_core *core, hsm_session *session,
                                      const hsm_message_part *part, hsm_out *out)
{
    hsm_operation *operation = NULL;

    (void)core;
    HSM_TRY(hsm_core_message_ready(session, HSM_OP_MESSAGE_SIGN, true, &operation));
    const hsm_err err = part->is_last ? hsm_crypt_last(operation->crypt, part->in, out)
                                      : hsm_crypt_update(operation->crypt, part->in, NULL);
    if (part->is_last ? !goes_on(err, out) : err != HSM_OK)
        hsm_core_message_end(session, operation, err);
    return err;
}

hsm_err hsm_core_do_message_verify_next(hsm_core *core, hsm_session *session,
                                        const hsm_message_part *part, hsm_bytes signature)
{
    hsm_operation *operation = NULL;

    (void)core;
    HSM_TRY(hsm_core_message_ready(session, HSM_OP_MESSAGE_VERIFY, true, &operation));
    hsm_err err = hsm_crypt_update(operation->crypt, part->in, NULL);
    if (err == HSM_OK && part->is_last)
        err = hsm_crypt_verify_final(operation->crypt, signature);
    if (part->is_last || err != HSM_OK)
        hsm_core_message_end(session, operation, err);
    return err;
}
