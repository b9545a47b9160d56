/* Message-based encryption, decryption, signing and verifying (PKCS#11 v3.2, 5.9, 5.11, 5.14, 5.16).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"
#include "pkcs11_abi/operation.h"

/* What the caller gives for a message or a part of one, unchecked. */
typedef struct raw_part {
    const void *param;
    CK_ULONG param_len;
    const void *aad;
    CK_ULONG aad_len;
    abi_io io;
    bool is_last;
} raw_part;

static bool read_part(const raw_part *raw, hsm_message_part *out)
{
    out->is_last = raw->is_last;
    return abi_in(raw->param, raw->param_len, &out->param) &&
           abi_in(raw->aad, raw->aad_len, &out->aad) &&
           abi_in(raw->io.in, raw->io.in_len, &out->in);
}

/* C_EncryptMessage, C_DecryptMessage and their ...Next. */
static CK_RV crypt(CK_SESSION_HANDLE handle, hsm_op op, const raw_part *raw,
                   hsm_err (*step)(hsm_core *core, hsm_session *session, hsm_op op,
                                   const hsm_message_part *part, hsm_out *out))
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_message_part part;
    hsm_out out;
    if (!read_part(raw, &part) || !abi_out(raw->io.out, raw->io.out_len, &out))
        return abi_rv(hsm_core_message_abort(session, op, HSM_E_ARG));
    err = step(core, session, op, &part, &out);
    return abi_out_done(err, &out, raw->io.out_len);
}

/* C_...MessageBegin. */
static CK_RV begin(CK_SESSION_HANDLE handle, hsm_op op, const raw_part *raw,
                   hsm_err (*step)(hsm_core *core, hsm_session *session, hsm_op op,
                                   const hsm_message_part *part))
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_message_part part;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);
    if (!read_part(raw, &part))
        return abi_rv(hsm_core_message_abort(session, op, HSM_E_ARG));
    return abi_rv(step(core, session, op, &part));
}

/* C_SignMessage and C_SignMessageNext; a part that is not the last has no room for a result. */
static CK_RV sign(CK_SESSION_HANDLE handle, const raw_part *raw,
                  hsm_err (*step)(hsm_core *core, hsm_session *session,
                                  const hsm_message_part *part, hsm_out *out))
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_message_part part;
    hsm_out out = { 0 };
    if (!read_part(raw, &part) || (raw->is_last && !abi_out(raw->io.out, raw->io.out_len, &out)))
        return abi_rv(hsm_core_message_abort(session, HSM_OP_MESSAGE_SIGN, HSM_E_ARG));
    err = step(core, session, &part, &out);
    return raw->is_last ? abi_out_done(err, &out, raw->io.out_len) : abi_rv(err);
}

/* C_VerifyMessage and C_VerifyMessageNext. */
static CK_RV verify(CK_SESSION_HANDLE handle, const raw_part *raw, const void *signature,
                    CK_ULONG signature_len,
                    hsm_err (*step)(hsm_core *core, hsm_session *session,
                                    const hsm_message_part *part, hsm_bytes signature))
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    const hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_message_part part;
    hsm_bytes given;
    if (!read_part(raw, &part) || !abi_in(signature, signature_len, &given))
        return abi_rv(hsm_core_message_abort(session, HSM_OP_MESSAGE_VERIFY, HSM_E_ARG));
    return abi_rv(step(core, session, &part, given));
}

/* C_Message...Final. */
static CK_RV final(CK_SESSION_HANDLE handle, hsm_op op)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err == HSM_OK)
        err = hsm_core_message_final(core, session, op);
    return abi_rv(err);
}

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                           CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_MESSAGE_ENCRYPT, pMechanism, hKey);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                       CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen,
                       CK_BYTE_PTR pPlaintext, CK_ULONG ulPlaintextLen, CK_BYTE_PTR pCiphertext,
                       CK_ULONG_PTR pulCiphertextLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .aad = pAssociatedData,
        .aad_len = ulAssociatedDataLen,
        .io = { pPlaintext, ulPlaintextLen, pCiphertext, pulCiphertextLen },
    };

    return crypt(hSession, HSM_OP_MESSAGE_ENCRYPT, &raw, hsm_core_message_crypt);
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                            CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData,
                            CK_ULONG ulAssociatedDataLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .aad = pAssociatedData,
        .aad_len = ulAssociatedDataLen,
    };

    return begin(hSession, HSM_OP_MESSAGE_ENCRYPT, &raw, hsm_core_message_crypt_begin);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                           CK_ULONG ulParameterLen, CK_BYTE_PTR pPlaintextPart,
                           CK_ULONG ulPlaintextPartLen, CK_BYTE_PTR pCiphertextPart,
                           CK_ULONG_PTR pulCiphertextPartLen, CK_FLAGS flags)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { pPlaintextPart, ulPlaintextPartLen, pCiphertextPart, pulCiphertextPartLen },
        .is_last = (flags & CKF_END_OF_MESSAGE) != 0,
    };

    return crypt(hSession, HSM_OP_MESSAGE_ENCRYPT, &raw, hsm_core_message_crypt_next);
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE hSession)
{
    return final(hSession, HSM_OP_MESSAGE_ENCRYPT);
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                           CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_MESSAGE_DECRYPT, pMechanism, hKey);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                       CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen,
                       CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen, CK_BYTE_PTR pPlaintext,
                       CK_ULONG_PTR pulPlaintextLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .aad = pAssociatedData,
        .aad_len = ulAssociatedDataLen,
        .io = { pCiphertext, ulCiphertextLen, pPlaintext, pulPlaintextLen },
    };

    return crypt(hSession, HSM_OP_MESSAGE_DECRYPT, &raw, hsm_core_message_crypt);
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                            CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData,
                            CK_ULONG ulAssociatedDataLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .aad = pAssociatedData,
        .aad_len = ulAssociatedDataLen,
    };

    return begin(hSession, HSM_OP_MESSAGE_DECRYPT, &raw, hsm_core_message_crypt_begin);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                           CK_ULONG ulParameterLen, CK_BYTE_PTR pCiphertextPart,
                           CK_ULONG ulCiphertextPartLen, CK_BYTE_PTR pPlaintextPart,
                           CK_ULONG_PTR pulPlaintextPartLen, CK_FLAGS flags)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { pCiphertextPart, ulCiphertextPartLen, pPlaintextPart, pulPlaintextPartLen },
        .is_last = (flags & CKF_END_OF_MESSAGE) != 0,
    };

    return crypt(hSession, HSM_OP_MESSAGE_DECRYPT, &raw, hsm_core_message_crypt_next);
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE hSession)
{
    return final(hSession, HSM_OP_MESSAGE_DECRYPT);
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                        CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_MESSAGE_SIGN, pMechanism, hKey);
}

CK_RV C_SignMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                    CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                    CK_ULONG_PTR pulSignatureLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { pData, ulDataLen, pSignature, pulSignatureLen },
        .is_last = true,
    };

    return sign(hSession, &raw, hsm_core_message_sign);
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                         CK_ULONG ulParameterLen)
{
    const raw_part raw = { .param = pParameter, .param_len = ulParameterLen };

    return begin(hSession, HSM_OP_MESSAGE_SIGN, &raw, hsm_core_message_sign_begin);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                        CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                        CK_ULONG_PTR pulSignatureLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { pData, ulDataLen, pSignature, pulSignatureLen },
        .is_last = pulSignatureLen != NULL,
    };

    return sign(hSession, &raw, hsm_core_message_sign_next);
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE hSession)
{
    return final(hSession, HSM_OP_MESSAGE_SIGN);
}

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                          CK_OBJECT_HANDLE hKey)
{
    return abi_op_init(hSession, HSM_OP_MESSAGE_VERIFY, pMechanism, hKey);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                      CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                      CK_ULONG ulSignatureLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { .in = pData, .in_len = ulDataLen },
        .is_last = true,
    };

    return verify(hSession, &raw, pSignature, ulSignatureLen, hsm_core_message_verify);
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                           CK_ULONG ulParameterLen)
{
    const raw_part raw = { .param = pParameter, .param_len = ulParameterLen };

    return begin(hSession, HSM_OP_MESSAGE_VERIFY, &raw, hsm_core_message_sign_begin);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                          CK_ULONG ulParameterLen, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                          CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    const raw_part raw = {
        .param = pParameter,
        .param_len = ulParameterLen,
        .io = { .in = pData, .in_len = ulDataLen },
        .is_last = pSignature != NULL,
    };

    /* Without a signature its length says nothing. */
    return verify(hSession, &raw, pSignature, pSignature == NULL ? 0 : ulSignatureLen,
                  hsm_core_message_verify_next);
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE hSession)
{
    return final(hSession, HSM_OP_MESSAGE_VERIFY);
}
