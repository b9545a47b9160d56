/* Messages under audit (audited.h): an event for each message, where it ends; for a text that is handed
 * out in parts, one before its first part too.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"

hsm_err hsm_core_message_crypt(hsm_core *core, hsm_session *session, hsm_op op,
                               const hsm_message_part *part, hsm_out *out)
{
    if (!hsm_core_audits(core, hsm_audited_of(op)))
        return hsm_core_do_message_crypt(core, session, op, part, out);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, op);
    return hsm_audited_end_out(&call, hsm_core_do_message_crypt(core, session, op, part, out), out);
}

hsm_err hsm_core_message_crypt_begin(hsm_core *core, hsm_session *session, hsm_op op,
                                     const hsm_message_part *part)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, hsm_audited_of(op)))
        return hsm_core_do_message_crypt_begin(core, session, op, part);
    hsm_audited_begin_open(&call, core, session, op);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_message_crypt_begin(core, session, op, part);
    return hsm_audited_pass(&call, err);
}

hsm_err hsm_core_message_crypt_next(hsm_core *core, hsm_session *session, hsm_op op,
                                    const hsm_message_part *part, hsm_out *out)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, hsm_audited_of(op)))
        return hsm_core_do_message_crypt_next(core, session, op, part, out);
    hsm_audited_begin_open(&call, core, session, op);
    const hsm_err err = hsm_core_do_message_crypt_next(core, session, op, part, out);
    if (part->is_last || err == HSM_E_BUFFER_TOO_SMALL)
        return hsm_audited_end_out(&call, err, out);
    return hsm_audited_pass(&call, err);
}

hsm_err hsm_core_message_sign(hsm_core *core, hsm_session *session, const hsm_message_part *part,
                              hsm_out *out)
{
    if (!hsm_core_audits(core, HSM_AUDITED_SIGN))
        return hsm_core_do_message_sign(core, session, part, out);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, HSM_OP_MESSAGE_SIGN);
    return hsm_audited_end_out(&call, hsm_core_do_message_sign(core, session, part, out), out);
}

hsm_err hsm_core_message_verify(hsm_core *core, hsm_session *session, const hsm_message_part *part,
                                hsm_bytes signature)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_VERIFY))
        return hsm_core_do_message_verify(core, session, part, signature);
    hsm_audited_begin_open(&call, core, session, HSM_OP_MESSAGE_VERIFY);
    return hsm_audited_end(&call, hsm_core_do_message_verify(core, session, part, signature));
}

hsm_err hsm_core_message_sign_next(hsm_core *core, hsm_session *session,
                                   const hsm_message_part *part, hsm_out *out)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_SIGN))
        return hsm_core_do_message_sign_next(core, session, part, out);
    hsm_audited_begin_open(&call, core, session, HSM_OP_MESSAGE_SIGN);
    const hsm_err err = hsm_core_do_message_sign_next(core, session, part, out);
    return part->is_last ? hsm_audited_end_out(&call, err, out) : hsm_audited_pass(&call, err);
}

hsm_err hsm_core_message_verify_next(hsm_core *core, hsm_session *session,
                                     const hsm_message_part *part, hsm_bytes signature)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_VERIFY))
        return hsm_core_do_message_verify_next(core, session, part, signature);
    hsm_audited_begin_open(&call, core, session, HSM_OP_MESSAGE_VERIFY);
    const hsm_err err = hsm_core_do_message_verify_next(core, session, part, signature);
    return part->is_last ? hsm_audited_end(&call, err) : hsm_audited_pass(&call, err);
}
