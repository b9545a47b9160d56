/* Signing and MACing (PKCS#11 v3.2, 5.13).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pkcs11.h"
#include "pkcs11_abi/operation.h"

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_SIGN, pMechanism, hKey);
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
             CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
    const abi_io io = { pData, ulDataLen, pSignature, pulSignatureLen };

    return abi_op_single(hSession, HSM_OP_SIGN, &io);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    return abi_op_feed(hSession, HSM_OP_SIGN, pPart, ulPartLen);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
    return abi_op_final(hSession, HSM_OP_SIGN, pSignature, pulSignatureLen);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                        CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_SIGN_RECOVER, pMechanism, hKey);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                    CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
    const abi_io io = { pData, ulDataLen, pSignature, pulSignatureLen };

    return abi_op_single(hSession, HSM_OP_SIGN_RECOVER, &io);
}
