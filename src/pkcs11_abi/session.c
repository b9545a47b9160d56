/* Sessions and login (PKCS#11 v3.2, 5.6).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

CK_RV C_OpenSession(CK_SLOT_ID slotID, CK_FLAGS flags, CK_VOID_PTR pApplication, CK_NOTIFY Notify,
                    CK_SESSION_HANDLE_PTR phSession)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (phSession == NULL)
        return abi_rv(HSM_E_ARG);

    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    (void)pApplication; /* this token has nothing to call back about */
    (void)Notify;
    const hsm_err err = hsm_core_open_session(core, slotID, flags, &handle);
    return abi_put(err, &handle, sizeof handle, phSession);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE hSession)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    return abi_rv(hsm_core_close_session(core, hSession));
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slotID)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    return abi_rv(hsm_core_close_all_sessions(core, slotID));
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO_PTR pInfo)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_SESSION_INFO info;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && pInfo == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = hsm_core_session_info(core, session, &info);
    return abi_put(err, &info, sizeof info, pInfo);
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_session_cancel(core, session, flags);
    return abi_rv(err);
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pOperationState,
                          CK_ULONG_PTR pulOperationStateLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_out out;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && !abi_out(pOperationState, pulOperationStateLen, &out))
        err = HSM_E_ARG;
    if (err != HSM_OK)
        return abi_rv(err);
    err = hsm_core_get_state(core, session, &out);
    return abi_out_done(err, &out, pulOperationStateLen);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pOperationState,
                          CK_ULONG ulOperationStateLen, CK_OBJECT_HANDLE hEncryptionKey,
                          CK_OBJECT_HANDLE hAuthenticationKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_bytes state;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && !abi_in(pOperationState, ulOperationStateLen, &state))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = hsm_core_set_state(core, session, state, hEncryptionKey, hAuthenticationKey);
    return abi_rv(err);
}

CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
              CK_ULONG ulPinLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    hsm_bytes pin;
    if (pPin == NULL || !abi_in(pPin, ulPinLen, &pin))
        return abi_rv(HSM_E_ARG); /* there is no other path by which a PIN could come */
    return abi_rv(hsm_core_login(core, hSession, userType, pin));
}

/* This token has one normal user without a name: only the empty name is somebody's. */
CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
                  CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pUsername, CK_ULONG ulUsernameLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    hsm_bytes pin;
    hsm_bytes name;
    if (pPin == NULL || !abi_in(pPin, ulPinLen, &pin) || !abi_in(pUsername, ulUsernameLen, &name) ||
        name.len > 0)
        return abi_rv(HSM_E_ARG);
    return abi_rv(hsm_core_login(core, hSession, userType, pin));
}

CK_RV C_Logout(CK_SESSION_HANDLE hSession)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    return abi_rv(hsm_core_logout(core, hSession));
}

/* PKCS#11 v3.2, 5.6.11 and 4.16 */
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE hSession, CK_SESSION_VALIDATION_FLAGS_TYPE type,
                                  CK_FLAGS_PTR pFlags)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_FLAGS flags = 0;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && (pFlags == NULL || type != CKS_LAST_VALIDATION_OK))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        flags = hsm_core_validation_flags(session);
    return abi_put(err, &flags, sizeof flags, pFlags);
}
