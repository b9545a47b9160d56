/* Verifying where the signature is given first (PKCS#11 v3.2, 5.15).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                            CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_MECHANISM copy;
    hsm_bytes signature = hsm_bytes_none();
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && pMechanism != NULL && !abi_in(pSignature, ulSignatureLen, &signature))
        err = HSM_E_ARG;
    if (err == HSM_OK && pMechanism != NULL)
        err = abi_mechanism(pMechanism, &copy);
    if (err == HSM_OK)
        err = hsm_core_verify_signature_init(core, session, pMechanism == NULL ? NULL : &copy, hKey,
                                             signature);
    return abi_rv(err);
}

/* C_VerifySignature and C_VerifySignatureUpdate. */
static CK_RV feed(CK_SESSION_HANDLE handle, const void *in, CK_ULONG in_len,
                  hsm_err (*step)(hsm_core *core, hsm_session *session, hsm_bytes data))
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_bytes data;
    const hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);
    if (!abi_in(in, in_len, &data))
        return abi_rv(hsm_core_verify_signature_abort(session, HSM_E_ARG));
    return abi_rv(step(core, session, data));
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen)
{
    return feed(hSession, pData, ulDataLen, hsm_core_verify_signature);
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    return feed(hSession, pPart, ulPartLen, hsm_core_verify_signature_update);
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE hSession)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_verify_signature_final(core, session);
    return abi_rv(err);
}
