/* SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/mech_message.h"

/* --- which calls ----------------------------------------------------------------------------------- */

#define RSA_USES (HSM_OP_SIGN | HSM_OP_SIGN_RECOVER | HSM_OP_DECRYPT)

static const struct {
    hsm_alg alg;
    hsm_op_set ops;
    CK_KEY_TYPE key_type; /* HSM_KEY_TYPE_NONE: any that the algorithm has */
} long_calls[] = {
    { HSM_ALG_RSA_PKCS, RSA_USES, HSM_KEY_TYPE_NONE },
    { HSM_ALG_RSA_PSS, RSA_USES, HSM_KEY_TYPE_NONE },
    { HSM_ALG_RSA_OAEP, RSA_USES, HSM_KEY_TYPE_NONE },
    { HSM_ALG_RSA_X509, RSA_USES, HSM_KEY_TYPE_NONE },
    { HSM_ALG_SLH_DSA, HSM_OP_SIGN, HSM_KEY_TYPE_NONE },
    { HSM_ALG_DH, HSM_OP_DERIVE, HSM_KEY_TYPE_NONE },
    { HSM_ALG_KEYGEN, HSM_OP_GENERATE_PAIR, CKK_RSA },
    { HSM_ALG_KEYGEN, HSM_OP_GENERATE_PAIR, CKK_SLH_DSA },
    { HSM_ALG_KEYGEN, HSM_OP_GENERATE_PAIR, CKK_DH },
    { HSM_ALG_KEYGEN, HSM_OP_GENERATE_PAIR, CKK_X9_42_DH },
};

bool hsm_core_is_job(const hsm_session *session, const hsm_mech *mech, hsm_op op)
{
    if (!session->is_async)
        return false;
    for (size_t i = 0; i < HSM_ARRAY_LEN(long_calls); i++) {
        const CK_KEY_TYPE key_type = long_calls[i].key_type;

        if (long_calls[i].alg == mech->alg && (long_calls[i].ops & op) != 0 &&
            (key_type == HSM_KEY_TYPE_NONE || key_type == mech->key_type))
            return true;
    }
    return false;
}

/* How long the result may be; the operation stays as it is. */
static hsm_err bound_of(hsm_operation *operation, const hsm_op_end *end, size_t *out_bound)
{
    hsm_out question = { 0 };

    HSM_TRY(end->is_final ? hsm_crypt_final(operation->crypt, &question)
                          : hsm_crypt_single(operation->crypt, end->in, &question));
    *out_bound = question.len;
    return HSM_OK;
}

bool hsm_core_is_op_job(hsm_session *session, const hsm_op_end *end, const hsm_out *out)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(end->op)];
    size_t bound = 0;

    return out->data != NULL && hsm_core_is_job(session, operation->mech, end->op) &&
           hsm_job_kind_of(end->op, end->is_final) != NULL &&
           end->in.len <= HSM_JOB_INPUT_MAX_BYTES && bound_of(operation, end, &bound) == HSM_OK &&
           bound > 0 && out->cap >= bound;
}

bool hsm_core_has_job(const hsm_session *session, hsm_op op)
{
    return session->pending.job != NULL && session->pending.kind->op == op;
}

/* --- beginning ------------------------------------------------------------------------------------- */

static void run_job(hsm_work *work)
{
    hsm_job *job = (hsm_job *)(void *)work;

    job->err = atomic_load(&work->stop) ? HSM_E_OPERATION_CANCELLED : job->kind->compute(job);
}

static void drop_job(hsm_work *work)
{
    hsm_job *job = (hsm_job *)(void *)work;

    job->kind->clear(job);
    free(job);
}

static void job_drop(hsm_job **job)
{
    if (*job != NULL)
        drop_job(&(*job)->work);
    *job = NULL;
}

static hsm_err create_job(hsm_core *core, const hsm_session *session, const hsm_job_kind *kind,
                          hsm_job **out_job)
{
    HSM_CHECK(kind != NULL, HSM_E_INTERNAL);
    HSM_CHECK(session->pending.job == NULL, HSM_E_OPERATION_ACTIVE);
    hsm_job *job = calloc(1, sizeof *job);

    HSM_CHECK(job != NULL, HSM_E_NO_MEMORY);
    job->work.run = run_job;
    job->work.drop = drop_job;
    job->kind = kind;
    job->crypto = core->crypto;
    *out_job = job;
    return HSM_OK;
}

/* Hands the job over. */
static hsm_err send(hsm_core *core, hsm_session *session, hsm_job **job)
{
    HSM_TRY(hsm_workers_add(core->workers, &(*job)->work));
    session->pending =
        (hsm_pending){ .kind = (*job)->kind, .job = *job, .room = (*job)->room.data };
    *job = NULL;
    return HSM_E_PENDING;
}

static hsm_err fill_op_job(hsm_job *job, hsm_session *session, const hsm_op_end *end,
                           const hsm_out *out)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(end->op)];
    hsm_op_job *of = &job->operation;

    HSM_TRY(bound_of(operation, end, &of->bound));
    HSM_TRY(hsm_buf_append(&of->input, end->in));
    of->is_final = end->is_final;
    of->is_plain = end->op == HSM_OP_DECRYPT;
    job->room = *out;
    job->is_bound = job->is_bound || operation->object->is_private;
    of->operation = *operation;
    of->operation.is_approved = session->is_approved; /* its data has been looked at */
    *operation = (hsm_operation){ 0 };
    return HSM_OK;
}

hsm_err hsm_core_begin_op_job(hsm_core *core, hsm_session *session, const hsm_op_end *end,
                              const hsm_out *out)
{
    HSM_AUTO(job_drop) hsm_job *job = NULL;

    hsm_err err = create_job(core, session, hsm_job_kind_of(end->op, end->is_final), &job);
    if (err == HSM_OK) {
        job->is_bound = hsm_core_is_logged_in(core, session);
        err = fill_op_job(job, session, end, out);
    }
    if (err == HSM_OK)
        return send(core, session, &job);
    hsm_operation_end(&session->operation[hsm_op_slot_of(end->op)]);
    return err;
}

hsm_err hsm_core_begin_pair_job(hsm_core *core, hsm_session *session, hsm_pair_work *pair)
{
    HSM_AUTO(job_drop) hsm_job *job = NULL;

    HSM_TRY(create_job(core, session, hsm_job_kind_of(HSM_OP_GENERATE_PAIR, false), &job));
    job->is_bound = pair->was_logged_in;
    job->pair = *pair;
    job->pair.keygen.stop = &job->work.stop;
    *pair = (hsm_pair_work){ 0 };
    return send(core, session, &job);
}

hsm_err hsm_core_begin_derive_job(hsm_core *core, hsm_session *session, hsm_agreement *shared)
{
    HSM_AUTO(job_drop) hsm_job *job = NULL;

    HSM_TRY(create_job(core, session, hsm_job_kind_of(HSM_OP_DERIVE, false), &job));
    const hsm_mech_params given = shared->params;
    HSM_TRY(hsm_mech_params_keep(&given, &shared->kept, &shared->params));
    job->is_bound = shared->was_logged_in || shared->base->is_private;
    job->shared = *shared;
    *shared = (hsm_agreement){ 0 };
    return send(core, session, &job);
}

/* --- ending ---------------------------------------------------------------------------------------- */

/* Finishes a job that is done, and writes its event before anything is given out. */
static hsm_err finish(hsm_core *core, hsm_session *session, hsm_job *job, hsm_async_result *result)
{
    const hsm_job_kind *kind = job->kind;
    hsm_audited_call call;

    if (!hsm_core_audits(core, kind->event))
        return job->err == HSM_OK ? kind->finish(core, session, job, result) : job->err;
    hsm_audited_begin(&call, core, session, kind->event);
    kind->tell(&call, job);
    const hsm_err err = job->err == HSM_OK ? kind->finish(core, session, job, result) : job->err;
    /* Without room it is no question for a length: what is made has a handle. */
    return job->room.data == NULL ? hsm_audited_end(&call, err)
                                  : hsm_audited_end_out(&call, err, &job->room);
}

static bool is_pending(const hsm_session *session, const char *function)
{
    return session->pending.kind != NULL && strcmp(session->pending.kind->function, function) == 0;
}

hsm_err hsm_core_async_complete(hsm_core *core, hsm_session *session, const char *function,
                                hsm_async_result *result)
{
    hsm_job *job = session->pending.job;
    hsm_err err = HSM_E_NOT_LOGGED_IN;

    HSM_CHECK(is_pending(session, function), HSM_E_OPERATION);
    HSM_CHECK(result != NULL, HSM_E_ARG);
    HSM_CHECK(job == NULL || hsm_workers_have_done(core->workers, &job->work), HSM_E_PENDING);
    result->has_ended = true;
    result->room = session->pending.room;
    if (job != NULL) {
        hsm_async_result made = *result;

        err = finish(core, session, job, &made);
        if (err == HSM_OK) /* else it was taken back, perhaps for want of its event */
            *result = made;
        hsm_workers_drop(core->workers, &job->work);
    }
    session->pending = (hsm_pending){ 0 };
    return err;
}

hsm_err hsm_core_async_id(const hsm_session *session, const char *function)
{
    HSM_CHECK(is_pending(session, function), HSM_E_OPERATION);
    return HSM_E_STATE_UNSAVEABLE;
}

/* That the key was used, or was to be, is told; nothing comes of it. */
static void abandon(hsm_core *core, hsm_session *session)
{
    hsm_job *job = HSM_MOVE(session->pending.job);
    hsm_audited_call call;

    if (hsm_core_audits(core, job->kind->event)) {
        hsm_audited_begin(&call, core, session, job->kind->event);
        job->kind->tell(&call, job);
        (void)hsm_audited_end(&call, HSM_E_OPERATION_CANCELLED);
    }
    hsm_workers_drop(core->workers, &job->work);
}

void hsm_core_drop_job(hsm_core *core, hsm_session *session)
{
    if (session->pending.job != NULL)
        abandon(core, session);
    session->pending = (hsm_pending){ 0 };
}

void hsm_core_cancel_job(hsm_core *core, hsm_session *session, CK_FLAGS flags)
{
    if (session->pending.kind != NULL && (session->pending.kind->flag & flags) != 0)
        hsm_core_drop_job(core, session);
}

void hsm_core_cancel_op_job(hsm_core *core, hsm_session *session, hsm_op op)
{
    if (hsm_core_has_job(session, op))
        hsm_core_drop_job(core, session);
}

void hsm_core_logout_job(hsm_core *core, hsm_session *session)
{
    if (session->pending.job != NULL && session->pending.job->is_bound)
        abandon(core, session);
}

/* --- threads --------------------------------------------------------------------------------------- */

hsm_err hsm_core_allow_async(hsm_core *core)
{
    HSM_CHECK(core->workers == NULL, HSM_E_ARG);
    return hsm_workers_create(&core->workers);
}

static void drop_visited(hsm_session **session, void *arg)
{
    hsm_core_drop_job(arg, *session);
}

void hsm_core_stop_jobs(hsm_core *core)
{
    if (core->workers == NULL)
        return;
    for (uint32_t slot = 0; slot < core->slot_count; slot++)
        hsm_session_each(core->sessions, slot, drop_visited, core);
    hsm_workers_destroy(core->workers);
    core->workers = NULL;
}
