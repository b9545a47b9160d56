/* Encryption (PKCS#11 v3.2, 5.8) and the dual functions that encrypt (5.14).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pkcs11.h"
#include "pkcs11_abi/operation.h"

CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_ENCRYPT, pMechanism, hKey);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                CK_BYTE_PTR pEncryptedData, CK_ULONG_PTR pulEncryptedDataLen)
{
    const abi_io io = { pData, ulDataLen, pEncryptedData, pulEncryptedDataLen };

    return abi_op_single(hSession, HSM_OP_ENCRYPT, &io);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
                      CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen)
{
    const abi_io io = { pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen };

    return abi_op_update(hSession, HSM_OP_ENCRYPT, &io);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart,
                     CK_ULONG_PTR pulLastEncryptedPartLen)
{
    return abi_op_final(hSession, HSM_OP_ENCRYPT, pLastEncryptedPart, pulLastEncryptedPartLen);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
                            CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen)
{
    static const abi_dual ops = { HSM_OP_ENCRYPT, HSM_OP_DIGEST };
    const abi_io io = { pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen };

    return abi_op_dual(hSession, &ops, &io);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
                          CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen)
{
    static const abi_dual ops = { HSM_OP_ENCRYPT, HSM_OP_SIGN };
    const abi_io io = { pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen };

    return abi_op_dual(hSession, &ops, &io);
}
