/* Opening, closing, describing and cancelling sessions.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"
#include "core/audited.h"
#include "core/internal.h"

static hsm_err open_session(hsm_core *core, CK_SLOT_ID slot_id, CK_FLAGS flags,
                            CK_SESSION_HANDLE *out_handle)
{
    HSM_TRY(hsm_core_check_slot(core, slot_id));
    HSM_CHECK((flags & CKF_SERIAL_SESSION) != 0, HSM_E_SESSION_PARALLEL);
    HSM_CHECK((flags & CKF_ASYNC_SESSION) == 0 || core->workers != NULL, HSM_E_SESSION_ASYNC);

    const uint32_t slot = (uint32_t)slot_id;
    const hsm_token *token = core->slots[slot].token;
    const bool is_rw = (flags & CKF_RW_SESSION) != 0;
    HSM_TRY(hsm_token_check_initialized(core->slots[slot].token));
    HSM_CHECK(!is_rw || !hsm_store_is_read_only(core->store), HSM_E_TOKEN_WRITE_PROTECTED);
    HSM_TRY(hsm_session_open(core->sessions, slot, is_rw,
                             hsm_token_login_state(token) == HSM_LOGIN_SO, out_handle));
    /* The SO may have logged in since: that login counts the sessions once more afterwards, and a
     * read-only session looks once more here, so that the two never stand side by side. */
    if (!is_rw && hsm_token_login_state(token) == HSM_LOGIN_SO) {
        HSM_TRY(hsm_core_do_close_session(core, *out_handle));
        return HSM_E_SESSION_SO_EXISTS;
    }
    return HSM_OK;
}

/* What a session has beyond its kind. */
static hsm_err furnish(hsm_core *core, CK_SESSION_HANDLE handle, bool is_async, const char *client)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    if (!is_async && client == NULL)
        return HSM_OK;
    HSM_TRY(hsm_session_get(core->sessions, handle, &session));
    session->is_async = is_async;
    return hsm_session_set_client(session, client);
}

hsm_err hsm_core_do_open_session(hsm_core *core, CK_SLOT_ID slot, CK_FLAGS flags,
                                 const char *client, CK_SESSION_HANDLE *out_handle)
{
    CK_SESSION_HANDLE handle = HSM_HANDLE_NONE;

    HSM_TRY(open_session(core, slot, flags, &handle));
    const hsm_err err = furnish(core, handle, (flags & CKF_ASYNC_SESSION) != 0, client);
    if (err != HSM_OK) {
        HSM_TRY(hsm_core_do_close_session(core, handle));
        return err;
    }
    *out_handle = handle;
    return HSM_OK;
}

static bool is_dead(const hsm_handle_target *target, const void *arg)
{
    (void)arg;
    return target->object != NULL && !atomic_load(&target->object->is_live);
}

/* Ends one session with its objects. */
static void close_locked(hsm_core *core, hsm_session **session)
{
    hsm_core_drop_job(core, *session);
    if ((*session)->has_objects) {
        hsm_ephemeral_remove_session(core->ephemeral, (*session)->handle);
        hsm_handles_remove_if(core->handles, is_dead, NULL);
        (*session)->has_objects = false;
    }
    hsm_session_close(core->sessions, session);
}

/* The user is logged out with the last session (PKCS#11 v3.2, C_CloseSession). */
static void after_close(hsm_core *core, uint32_t slot)
{
    hsm_slot *closed = &core->slots[slot];

    if (hsm_token_login_state(closed->token) == HSM_LOGIN_NONE ||
        hsm_session_count(core->sessions, slot).sessions > 0)
        return;
    (void)pthread_mutex_lock(&closed->login_lock);
    if (hsm_session_count(core->sessions, slot).sessions == 0)
        hsm_core_logout_slot(core, slot);
    (void)pthread_mutex_unlock(&closed->login_lock);
}

hsm_err hsm_core_do_close_session(hsm_core *core, CK_SESSION_HANDLE handle)
{
    hsm_session *session = NULL;

    HSM_TRY(hsm_session_get(core->sessions, handle, &session));
    const uint32_t slot = session->slot;
    close_locked(core, &session);
    after_close(core, slot);
    return HSM_OK;
}

static void close_visited(hsm_session **session, void *arg)
{
    close_locked(arg, session);
}

hsm_err hsm_core_do_close_all_sessions(hsm_core *core, CK_SLOT_ID slot)
{
    HSM_CHECK(slot < core->slot_count, HSM_E_SLOT);
    hsm_session_each(core->sessions, (uint32_t)slot, close_visited, core);
    after_close(core, (uint32_t)slot);
    return HSM_OK;
}

hsm_err hsm_core_session(hsm_core *core, CK_SESSION_HANDLE handle, hsm_session **out_session)
{
    hsm_core_wipe_idle(core); /* before the session is locked: it visits all of them */
    return hsm_core_session_go_on(core, handle, out_session);
}

hsm_err hsm_core_session_go_on(hsm_core *core, CK_SESSION_HANDLE handle, hsm_session **out_session)
{
    HSM_CHECK(!hsm_core_has_failed(core), HSM_E_SELF_TEST);
    HSM_TRY(hsm_session_get(core->sessions, handle, out_session));
    (*out_session)->turn = atomic_load_explicit(&core->idle_turn, memory_order_relaxed);
    return HSM_OK;
}

void hsm_core_release(hsm_session **session)
{
    hsm_session_release(session);
}

hsm_err hsm_core_session_info(hsm_core *core, hsm_session *session, CK_SESSION_INFO *out_info)
{
    static const CK_STATE states[HSM_STATE_COUNT] = {
        [HSM_STATE_RO_PUBLIC] = CKS_RO_PUBLIC_SESSION, [HSM_STATE_RO_USER] = CKS_RO_USER_FUNCTIONS,
        [HSM_STATE_RW_PUBLIC] = CKS_RW_PUBLIC_SESSION, [HSM_STATE_RW_USER] = CKS_RW_USER_FUNCTIONS,
        [HSM_STATE_RW_SO] = CKS_RW_SO_FUNCTIONS,
    };
    const hsm_login login = hsm_token_login_state(core->slots[session->slot].token);

    *out_info = (CK_SESSION_INFO){
        .slotID = session->slot,
        .state = states[hsm_session_state_of(session->is_rw, login)],
        .flags = CKF_SERIAL_SESSION | (session->is_rw ? CKF_RW_SESSION : 0) |
                 (session->is_async ? CKF_ASYNC_SESSION : 0),
        .ulDeviceError = 0,
    };
    return HSM_OK;
}

/* Which open operation a flag of C_SessionCancel names. */
static const struct {
    CK_FLAGS flag;
    hsm_op op; /* HSM_OP_FIND is the search */
} cancellable[] = {
    { CKF_ENCRYPT, HSM_OP_ENCRYPT },
    { CKF_DECRYPT, HSM_OP_DECRYPT },
    { CKF_DIGEST, HSM_OP_DIGEST },
    { CKF_SIGN, HSM_OP_SIGN },
    { CKF_SIGN_RECOVER, HSM_OP_SIGN_RECOVER },
    { CKF_VERIFY, HSM_OP_VERIFY },
    { CKF_VERIFY_RECOVER, HSM_OP_VERIFY_RECOVER },
    { CKF_MESSAGE_ENCRYPT, HSM_OP_MESSAGE_ENCRYPT },
    { CKF_MESSAGE_DECRYPT, HSM_OP_MESSAGE_DECRYPT },
    { CKF_MESSAGE_SIGN, HSM_OP_MESSAGE_SIGN },
    { CKF_MESSAGE_VERIFY, HSM_OP_MESSAGE_VERIFY },
    { CKF_FIND_OBJECTS, HSM_OP_FIND },
};

hsm_err hsm_core_session_cancel(hsm_core *core, hsm_session *session, CK_FLAGS flags)
{
    hsm_core_cancel_job(core, session, flags);
    for (size_t i = 0; i < HSM_ARRAY_LEN(cancellable); i++) {
        if ((flags & cancellable[i].flag) == 0)
            continue;
        if (cancellable[i].op == HSM_OP_FIND)
            hsm_search_end(&session->search);
        else
            hsm_operation_end(&session->operation[hsm_op_slot_of(cancellable[i].op)]);
    }
    return HSM_OK;
}
