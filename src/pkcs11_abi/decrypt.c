/* Decryption (PKCS#11 v3.2, 5.10) and the dual functions that decrypt (5.14).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pkcs11.h"
#include "pkcs11_abi/operation.h"

CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_DECRYPT, pMechanism, hKey);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedData, CK_ULONG ulEncryptedDataLen,
                CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen)
{
    const abi_io io = { pEncryptedData, ulEncryptedDataLen, pData, pulDataLen };

    return abi_op_single(hSession, HSM_OP_DECRYPT, &io);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart,
                      CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
    const abi_io io = { pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen };

    return abi_op_update(hSession, HSM_OP_DECRYPT, &io);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart, CK_ULONG_PTR pulLastPartLen)
{
    return abi_op_final(hSession, HSM_OP_DECRYPT, pLastPart, pulLastPartLen);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
    static const abi_dual ops = { HSM_OP_DECRYPT, HSM_OP_DIGEST };
    const abi_io io = { pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen };

    return abi_op_dual(hSession, &ops, &io);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
    static const abi_dual ops = { HSM_OP_DECRYPT, HSM_OP_VERIFY };
    const abi_io io = { pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen };

    return abi_op_dual(hSession, &ops, &io);
}
