/* Calls of a session that was opened with CKF_ASYNC_SESSION which take long: RSA and SLH-DSA private key
 * operations, agreement over a prime field, and making such keys (PKCS#11 v3.2, 5.21).
 *
 * What the session may not do, and what templates and parameters lack, is told by the call itself. What
 * is left is a job: it owns copies of what the caller gave, a reference to the key and whatever it
 * makes, and is computed by a thread of workers.h without any lock of the core. Only C_AsyncComplete,
 * in the caller's thread and with the session held, asks again whether the session may, stores what
 * was made, writes the event and gives the result out. A job that its caller never completes leaves
 * nothing behind.
 *
 * A session has one job at most. Closing or cancelling drops it; so does a logout, if it was begun
 * while somebody was logged in.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_ASYNC_H
#define HSM_CORE_ASYNC_H

#include "core/audited.h"
#include "core/derive.h"
#include "core/pair.h"
#include "core/workers.h"

/* Longer input is not copied: its operation completes at once. */
#define HSM_JOB_INPUT_MAX_BYTES ((size_t)1024 * 1024)

/* What ends an operation of a session. */
typedef struct hsm_op_end {
    hsm_op op;     /* SIGN, SIGN_RECOVER, DECRYPT */
    bool is_final; /* in parts, all of which were given; else `in` is the whole message */
    hsm_bytes in;
} hsm_op_end;

/* The same as a job. */
typedef struct hsm_op_job {
    hsm_operation operation; /* taken out of the session */
    bool is_final;
    bool is_plain; /* the result is a plaintext */
    hsm_buf input;
    size_t bound;      /* the result is not longer */
    hsm_buf open;      /* where it is computed ... */
    hsm_secret *plain; /* ... if is_plain */
    hsm_bytes result;
} hsm_op_job;

typedef struct hsm_job {
    hsm_work work; /* first: what the workers know of it */
    const struct hsm_job_kind *kind;
    hsm_crypto *crypto;
    hsm_err err;          /* of computing it */
    bool is_bound;        /* to the login it was begun under */
    hsm_out room;         /* the caller's */
    hsm_op_job operation; /* of the kind's op: this one ... */
    hsm_pair_work pair;   /* ... or this, for GENERATE_PAIR ... */
    hsm_agreement shared; /* ... or this, for DERIVE */
} hsm_job;

/* A function of the standard as a job. */
typedef struct hsm_job_kind {
    const char *function;
    hsm_op op;
    bool is_final;
    CK_FLAGS flag; /* that names it to C_SessionCancel */
    hsm_audited event;
    /* In a thread. */
    hsm_err (*compute)(hsm_job *job);
    /* Names what it used, for its event. */
    void (*tell)(hsm_audited_call *call, const hsm_job *job);
    /* With the session held, after compute() went well: stores what was made, fills the result. */
    hsm_err (*finish)(hsm_core *core, hsm_session *session, hsm_job *job, hsm_async_result *result);
    /* Wipes and frees what the kind has in the job. */
    void (*clear)(hsm_job *job);
} hsm_job_kind;
/* The kind for what an op does: is_final tells C_SignFinal from C_Sign. NULL: none. */
const hsm_job_kind *hsm_job_kind_of(hsm_op op, bool is_final);

/* Whether the session wants calls of op by this mechanism to be jobs. */
bool hsm_core_is_job(const hsm_session *session, const hsm_mech *mech, hsm_op op);
/* The same where an operation ends: the result must fit the caller's room whatever it is, because
 * HSM_E_BUFFER_TOO_SMALL is an answer of the call itself. */
bool hsm_core_is_op_job(hsm_session *session, const hsm_op_end *end, const hsm_out *out);
/* Whether the session has a job of this op. */
bool hsm_core_has_job(const hsm_session *session, hsm_op op);

/* Begin a job. What it takes over (the session's operation, pair, shared) is empty afterwards, or
 * released.
 * errors  HSM_E_PENDING (it is on its way), HSM_E_OPERATION_ACTIVE (the session has one), HSM_E_LIMIT,
 *         HSM_E_NO_MEMORY
 * thread  the session is held */
HSM_MUST_USE hsm_err hsm_core_begin_op_job(hsm_core *core, hsm_session *session,
                                           const hsm_op_end *end, const hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_begin_pair_job(hsm_core *core, hsm_session *session,
                                             hsm_pair_work *pair);
HSM_MUST_USE hsm_err hsm_core_begin_derive_job(hsm_core *core, hsm_session *session,
                                               hsm_agreement *shared);

/* Drops the session's job, if it has one: always; if one of the flags names it; if it is of this op;
 * if it was begun logged in, in which case its caller is told so later.
 * thread  the session is held */
void hsm_core_drop_job(hsm_core *core, hsm_session *session);
void hsm_core_cancel_job(hsm_core *core, hsm_session *session, CK_FLAGS flags);
void hsm_core_cancel_op_job(hsm_core *core, hsm_session *session, hsm_op op);
void hsm_core_logout_job(hsm_core *core, hsm_session *session);

/* Drops the jobs of all sessions and ends the threads. */
void hsm_core_stop_jobs(hsm_core *core);

#endif
