/* Encrypting, signing and the like under audit (audited.h). An event is written where an operation
 * ends, with its result; and before the first part of a text leaves that is handed out in parts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"

hsm_audited hsm_audited_of(hsm_op op)
{
    static const hsm_audited names[HSM_SLOT_COUNT] = {
        [HSM_SLOT_ENCRYPT] = HSM_AUDITED_ENCRYPT,
        [HSM_SLOT_DECRYPT] = HSM_AUDITED_DECRYPT,
        [HSM_SLOT_DIGEST] = HSM_AUDITED_DIGEST,
        [HSM_SLOT_SIGN] = HSM_AUDITED_SIGN,
        [HSM_SLOT_SIGN_RECOVER] = HSM_AUDITED_SIGN,
        [HSM_SLOT_VERIFY] = HSM_AUDITED_VERIFY,
        [HSM_SLOT_VERIFY_RECOVER] = HSM_AUDITED_VERIFY,
        [HSM_SLOT_MESSAGE_ENCRYPT] = HSM_AUDITED_ENCRYPT,
        [HSM_SLOT_MESSAGE_DECRYPT] = HSM_AUDITED_DECRYPT,
        [HSM_SLOT_MESSAGE_SIGN] = HSM_AUDITED_SIGN,
        [HSM_SLOT_MESSAGE_VERIFY] = HSM_AUDITED_VERIFY,
    };

    return names[hsm_op_slot_of(op)];
}

static hsm_operation *operation_of(hsm_session *session, hsm_op op)
{
    return &session->operation[hsm_op_slot_of(op)];
}

void hsm_audited_begin_open(hsm_audited_call *call, hsm_core *core, hsm_session *session, hsm_op op)
{
    const hsm_operation *operation = operation_of(session, op);

    hsm_audited_begin(call, core, session, hsm_audited_of(op));
    if (!operation->is_open)
        return;
    hsm_audited_row(call, operation->mech);
    if (op != HSM_OP_DIGEST)
        hsm_audited_use(call, operation->object);
}

hsm_err hsm_audited_pass(hsm_audited_call *call, hsm_err err)
{
    hsm_out none = { 0 };

    return err == HSM_OK ? hsm_audited_end_out(call, HSM_OK, &none) : hsm_audited_end(call, err);
}

hsm_err hsm_core_op_init(hsm_core *core, hsm_session *session, hsm_op op,
                         const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    const hsm_err done = hsm_core_do_op_init(core, session, op, mechanism, key);

    if (done == HSM_OK || !hsm_core_audits(core, hsm_audited_of(op)))
        return done;

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin(&call, core, session, hsm_audited_of(op));
    hsm_audited_mechanism(&call, mechanism);
    if (op != HSM_OP_DIGEST)
        hsm_audited_object(&call, key);
    return hsm_audited_end(&call, done);
}

static HSM_APART hsm_err audited_single(hsm_core *core, hsm_session *session, hsm_op op,
                                        hsm_bytes in, hsm_out *out)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    hsm_audited_begin_open(&call, core, session, op);
    return hsm_audited_end_out(&call, hsm_core_do_op_single(core, session, op, in, out), out);
}

hsm_err hsm_core_op_single(hsm_core *core, hsm_session *session, hsm_op op, hsm_bytes in,
                           hsm_out *out)
{
    return hsm_core_audits(core, hsm_audited_of(op))
               ? audited_single(core, session, op, in, out)
               : hsm_core_do_op_single(core, session, op, in, out);
}

/* Whether this call may hand out the first part of a text. */
static bool hands_out(const hsm_operation *operation, hsm_op op, const hsm_out *out)
{
    return operation->is_open && !operation->is_announced && out != NULL && out->data != NULL &&
           (op & (HSM_OP_ENCRYPT | HSM_OP_DECRYPT)) != 0;
}

hsm_err hsm_core_op_update(hsm_core *core, hsm_session *session, hsm_op op, hsm_bytes in,
                           hsm_out *out)
{
    hsm_operation *operation = operation_of(session, op);

    if (!hsm_core_audits(core, hsm_audited_of(op)))
        return hsm_core_do_op_update(core, session, op, in, out);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, op);
    if (hands_out(operation, op, out)) {
        const hsm_err err = hsm_audited_announce(&call);

        if (err != HSM_OK) {
            hsm_operation_end(operation);
            return hsm_audited_end(&call, err);
        }
        operation->is_announced = true;
    }
    const hsm_err err = hsm_core_do_op_update(core, session, op, in, out);
    return err == HSM_E_BUFFER_TOO_SMALL ? hsm_audited_end_out(&call, err, out)
                                         : hsm_audited_pass(&call, err);
}

hsm_err hsm_core_op_final(hsm_core *core, hsm_session *session, hsm_op op, hsm_out *out)
{
    if (!hsm_core_audits(core, hsm_audited_of(op)))
        return hsm_core_do_op_final(core, session, op, out);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, op);
    return hsm_audited_end_out(&call, hsm_core_do_op_final(core, session, op, out), out);
}

hsm_err hsm_core_verify(hsm_core *core, hsm_session *session, hsm_bytes data, hsm_bytes signature)
{
    if (!hsm_core_audits(core, HSM_AUDITED_VERIFY))
        return hsm_core_do_verify(core, session, data, signature);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, HSM_OP_VERIFY);
    return hsm_audited_end(&call, hsm_core_do_verify(core, session, data, signature));
}

hsm_err hsm_core_verify_final(hsm_core *core, hsm_session *session, hsm_bytes signature)
{
    if (!hsm_core_audits(core, HSM_AUDITED_VERIFY))
        return hsm_core_do_verify_final(core, session, signature);

    HSM_UNINITIALIZED hsm_audited_call call;
    hsm_audited_begin_open(&call, core, session, HSM_OP_VERIFY);
    return hsm_audited_end(&call, hsm_core_do_verify_final(core, session, signature));
}

hsm_err hsm_core_digest_key(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE key)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_DIGEST))
        return hsm_core_do_digest_key(core, session, key);
    hsm_audited_begin_open(&call, core, session, HSM_OP_DIGEST);
    hsm_audited_object(&call, key);
    call.event.detail = "the value of a key";
    const hsm_err err = hsm_audited_end(&call, hsm_core_do_digest_key(core, session, key));
    if (err == HSM_E_AUDIT) /* the value is in it already */
        hsm_operation_end(operation_of(session, HSM_OP_DIGEST));
    return err;
}

hsm_err hsm_core_random(hsm_core *core, hsm_session *session, uint8_t *data, size_t len)
{
    const hsm_err done = hsm_crypto_random(core->crypto, data, len);
    hsm_audited_call call;

    if (done == HSM_OK)
        hsm_core_completed(session, true);
    if (!hsm_core_audits(core, HSM_AUDITED_GENERATE_RANDOM))
        return done;
    hsm_audited_begin(&call, core, session, HSM_AUDITED_GENERATE_RANDOM);
    call.event.amount = len;
    const hsm_err err = hsm_audited_end(&call, done);
    if (done == HSM_OK && err != HSM_OK)
        explicit_bzero(data, len);
    return err;
}

hsm_err hsm_core_seed(hsm_core *core, hsm_session *session, hsm_bytes seed)
{
    const hsm_err done = hsm_crypto_seed(core->crypto, seed);
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_SEED_RANDOM))
        return done;
    hsm_audited_begin(&call, core, session, HSM_AUDITED_SEED_RANDOM);
    call.event.amount = seed.len;
    return hsm_audited_end(&call, done);
}
