/* Encapsulation (PKCS#11 v3.2, 5.18).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"
#include "pkcs11_abi/templates.h"

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                       CK_OBJECT_HANDLE hPublicKey, CK_ATTRIBUTE_PTR pTemplate,
                       CK_ULONG ulAttributeCount, CK_BYTE_PTR pCiphertext,
                       CK_ULONG_PTR pulCiphertextLen, CK_OBJECT_HANDLE_PTR phKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_out ciphertext = { 0 };
    hsm_err err = hsm_core_session(core, hSession, &session);
    /* The handle's place is needed only when a key is made. */
    if (err == HSM_OK && (!abi_out(pCiphertext, pulCiphertextLen, &ciphertext) ||
                          (phKey == NULL && pCiphertext != NULL)))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_making_read(pMechanism, &mechanism, pTemplate, ulAttributeCount, &tmpl);
    if (err != HSM_OK)
        return abi_rv(err);

    const hsm_kem_request request = {
        .mechanism = &mechanism,
        .key = hPublicKey,
        .tmpl = &tmpl.view,
    };
    err = hsm_core_encapsulate_key(core, session, &request, &ciphertext, &handle);
    if (err == HSM_OK && pCiphertext != NULL)
        (void)memcpy(phKey, &handle, sizeof handle);
    return abi_out_done(err, &ciphertext, pulCiphertextLen);
}

CK_RV C_DecapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                       CK_OBJECT_HANDLE hPrivateKey, CK_ATTRIBUTE_PTR pTemplate,
                       CK_ULONG ulAttributeCount, CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen,
                       CK_OBJECT_HANDLE_PTR phKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_bytes ciphertext = hsm_bytes_none();
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && (phKey == NULL || !abi_in(pCiphertext, ulCiphertextLen, &ciphertext)))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_making_read(pMechanism, &mechanism, pTemplate, ulAttributeCount, &tmpl);
    if (err == HSM_OK) {
        const hsm_kem_request request = {
            .mechanism = &mechanism,
            .key = hPrivateKey,
            .tmpl = &tmpl.view,
        };
        err = hsm_core_decapsulate_key(core, session, &request, ciphertext, &handle);
    }
    return abi_put(err, &handle, sizeof handle, phKey);
}
