/* What a job computes, by the function that it stands for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"

/* --- ends of operations --------------------------------------------------------------------------- */

/* A plaintext is nothing for ordinary memory while it waits for its caller. */
static hsm_err make_room(hsm_op_job *of, uint8_t **out_data)
{
    if (of->is_plain) {
        HSM_TRY(hsm_secret_create(of->bound, &of->plain));
        *out_data = hsm_secret_data(of->plain);
        return HSM_OK;
    }
    HSM_TRY(hsm_buf_reserve(&of->open, of->bound));
    *out_data = of->open.data;
    return HSM_OK;
}

static hsm_err compute_operation(hsm_job *job)
{
    hsm_op_job *of = &job->operation;
    uint8_t *data = NULL;

    HSM_TRY(make_room(of, &data));
    hsm_out out = hsm_out_of(data, of->bound);
    HSM_TRY(of->is_final ? hsm_crypt_final(of->operation.crypt, &out)
                         : hsm_crypt_single(of->operation.crypt, hsm_buf_view(&of->input), &out));
    of->result = hsm_bytes_of(out.data, out.len);
    return HSM_OK;
}

static void tell_operation(hsm_audited_call *call, const hsm_job *job)
{
    hsm_audited_row(call, job->operation.operation.mech);
    hsm_audited_use(call, job->operation.operation.object);
}

static hsm_err finish_operation(hsm_core *core, hsm_session *session, hsm_job *job,
                                hsm_async_result *result)
{
    (void)core;
    HSM_TRY(hsm_out_put(&job->room, job->operation.result));
    result->len = job->room.len;
    hsm_core_completed(session, job->operation.operation.is_approved);
    return HSM_OK;
}

static void clear_operation(hsm_job *job)
{
    hsm_op_job *of = &job->operation;

    hsm_operation_clear(&of->operation);
    hsm_secret_destroy(of->plain);
    hsm_buf_clear(&of->open);
    hsm_buf_clear(&of->input);
}

/* --- key pairs ------------------------------------------------------------------------------------- */

static hsm_err compute_pair(hsm_job *job)
{
    return hsm_keygen_run(job->crypto, &job->pair.keygen, &job->pair.bundle);
}

static void tell_pair(hsm_audited_call *call, const hsm_job *job)
{
    hsm_audited_row(call, job->pair.mech);
}

static hsm_err finish_pair(hsm_core *core, hsm_session *session, hsm_job *job,
                           hsm_async_result *result)
{
    return hsm_core_pair_end(core, session, &job->pair, &result->object, &result->other);
}

static void clear_pair(hsm_job *job)
{
    hsm_pair_work_clear(&job->pair);
}

/* --- agreement ------------------------------------------------------------------------------------- */

static hsm_err compute_shared(hsm_job *job)
{
    hsm_agreement *shared = &job->shared;

    return hsm_derive_run(job->crypto, shared->mech, &shared->params, shared->key,
                          shared->value_len, &shared->value);
}

static void tell_shared(hsm_audited_call *call, const hsm_job *job)
{
    hsm_audited_row(call, job->shared.mech);
    hsm_audited_from(call, job->shared.base);
}

static hsm_err finish_shared(hsm_core *core, hsm_session *session, hsm_job *job,
                             hsm_async_result *result)
{
    return hsm_core_agreement_end(core, session, &job->shared, &result->object);
}

static void clear_shared(hsm_job *job)
{
    hsm_agreement_clear(&job->shared);
}

/* --- the table ------------------------------------------------------------------------------------- */

#define OPERATION                                                                     \
    .compute = compute_operation, .tell = tell_operation, .finish = finish_operation, \
    .clear = clear_operation

static const hsm_job_kind kinds[] = {
    { "C_Sign", HSM_OP_SIGN, false, CKF_SIGN, HSM_AUDITED_SIGN, OPERATION },
    { "C_SignFinal", HSM_OP_SIGN, true, CKF_SIGN, HSM_AUDITED_SIGN, OPERATION },
    { "C_SignRecover", HSM_OP_SIGN_RECOVER, false, CKF_SIGN_RECOVER, HSM_AUDITED_SIGN, OPERATION },
    { "C_Decrypt", HSM_OP_DECRYPT, false, CKF_DECRYPT, HSM_AUDITED_DECRYPT, OPERATION },
    {
        "C_GenerateKeyPair",
        HSM_OP_GENERATE_PAIR,
        false,
        CKF_GENERATE_KEY_PAIR,
        HSM_AUDITED_GENERATE_KEY_PAIR,
        .compute = compute_pair,
        .tell = tell_pair,
        .finish = finish_pair,
        .clear = clear_pair,
    },
    {
        "C_DeriveKey",
        HSM_OP_DERIVE,
        false,
        CKF_DERIVE,
        HSM_AUDITED_DERIVE_KEY,
        .compute = compute_shared,
        .tell = tell_shared,
        .finish = finish_shared,
        .clear = clear_shared,
    },
};

const hsm_job_kind *hsm_job_kind_of(hsm_op op, bool is_final)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(kinds); i++) {
        if (kinds[i].op == op && kinds[i].is_final == is_final)
            return &kinds[i];
    }
    return NULL;
}
