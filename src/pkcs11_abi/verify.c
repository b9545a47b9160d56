/* Verifying signatures and MACs (PKCS#11 v3.2, 5.15).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"
#include "pkcs11_abi/operation.h"

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_VERIFY, pMechanism, hKey);
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
               CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session_go_on(core, hSession, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes data;
    hsm_bytes signature;
    if (!abi_in(pData, ulDataLen, &data) || !abi_in(pSignature, ulSignatureLen, &signature))
        return abi_rv(hsm_core_abort(session, HSM_OP_VERIFY, HSM_E_ARG));
    return abi_rv(hsm_core_verify(core, session, data, signature));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    return abi_op_feed(hSession, HSM_OP_VERIFY, pPart, ulPartLen);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes signature;
    if (!abi_in(pSignature, ulSignatureLen, &signature))
        return abi_rv(hsm_core_abort(session, HSM_OP_VERIFY, HSM_E_ARG));
    return abi_rv(hsm_core_verify_final(core, session, signature));
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                          CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_VERIFY_RECOVER, pMechanism, hKey);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen,
                      CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen)
{
    const abi_io io = { pSignature, ulSignatureLen, pData, pulDataLen };

    return abi_op_single(hSession, HSM_OP_VERIFY_RECOVER, &io);
}
