/* Message digests (PKCS#11 v3.2, 5.12).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/operation.h"

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism)
{
    return abi_op_init(hSession, HSM_OP_DIGEST, pMechanism, CK_INVALID_HANDLE);
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
               CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen)
{
    const abi_io io = { pData, ulDataLen, pDigest, pulDigestLen };

    return abi_op_single(hSession, HSM_OP_DIGEST, &io);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    return abi_op_feed(hSession, HSM_OP_DIGEST, pPart, ulPartLen);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_digest_key(core, session, hKey);
    return abi_rv(err);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen)
{
    return abi_op_final(hSession, HSM_OP_DIGEST, pDigest, pulDigestLen);
}
