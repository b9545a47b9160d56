/* Key management (PKCS#11 v3.2, 5.18).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"
#include "pkcs11_abi/operation.h"
#include "pkcs11_abi/templates.h"

CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                    CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && phKey == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_making_read(pMechanism, &mechanism, pTemplate, ulCount, &tmpl);
    if (err == HSM_OK)
        err = hsm_core_generate_key(core, session, &mechanism, &tmpl.view, &handle);
    return abi_put(err, &handle, sizeof handle, phKey);
}

/* A key pair's handles, together or not at all. */
typedef struct key_pair {
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
} key_pair;

/* The caller's two templates, unchecked. */
typedef struct pair_templates {
    const void *public_attributes;
    CK_ULONG public_count;
    const void *private_attributes;
    CK_ULONG private_count;
} pair_templates;

static hsm_err generate_pair(hsm_core *core, hsm_session *session, const void *mechanism,
                             const pair_templates *templates, key_pair *out_pair)
{
    HSM_AUTO(abi_template_clear) abi_template public_tmpl = ABI_TEMPLATE_EMPTY;
    HSM_AUTO(abi_template_clear) abi_template private_tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM copy;

    HSM_TRY(abi_mechanism(mechanism, &copy));
    HSM_TRY(abi_template_read(templates->public_attributes, templates->public_count, &public_tmpl));
    HSM_TRY(
        abi_template_read(templates->private_attributes, templates->private_count, &private_tmpl));
    const hsm_pair_request request = {
        .mechanism = &copy,
        .public_template = &public_tmpl.view,
        .private_template = &private_tmpl.view,
    };
    return hsm_core_generate_pair(core, session, &request, &out_pair->public_key,
                                  &out_pair->private_key);
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                        CK_ATTRIBUTE_PTR pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount,
                        CK_ATTRIBUTE_PTR pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount,
                        CK_OBJECT_HANDLE_PTR phPublicKey, CK_OBJECT_HANDLE_PTR phPrivateKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    const pair_templates templates = { pPublicKeyTemplate, ulPublicKeyAttributeCount,
                                       pPrivateKeyTemplate, ulPrivateKeyAttributeCount };
    key_pair pair = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && (phPublicKey == NULL || phPrivateKey == NULL))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = generate_pair(core, session, pMechanism, &templates, &pair);
    if (err == HSM_OK)
        (void)memcpy(phPublicKey, &pair.public_key, sizeof pair.public_key);
    return abi_put(err, &pair.private_key, sizeof pair.private_key, phPrivateKey);
}

/* C_WrapKey and C_WrapKeyAuthenticated; the request lacks its mechanism. */
static CK_RV wrap(CK_SESSION_HANDLE handle, const void *mechanism, hsm_wrap_request request,
                  const abi_io *io)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_MECHANISM copy;
    hsm_out wrapped = { 0 };
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err == HSM_OK &&
        (!abi_in(io->in, io->in_len, &request.aad) || !abi_out(io->out, io->out_len, &wrapped)))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_mechanism(mechanism, &copy);
    if (err != HSM_OK)
        return abi_rv(err);

    request.mechanism = &copy;
    err = hsm_core_wrap_key(core, session, &request, &wrapped);
    return abi_out_done(err, &wrapped, io->out_len);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pWrappedKey,
                CK_ULONG_PTR pulWrappedKeyLen)
{
    const hsm_wrap_request request = { .wrapping_key = hWrappingKey, .key = hKey };
    const abi_io io = { .out = pWrappedKey, .out_len = pulWrappedKeyLen };

    return wrap(hSession, pMechanism, request, &io);
}

CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                             CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey,
                             CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen,
                             CK_BYTE_PTR pWrappedKey, CK_ULONG_PTR pulWrappedKeyLen)
{
    const hsm_wrap_request request = {
        .wrapping_key = hWrappingKey,
        .key = hKey,
        .is_authenticated = true,
    };
    const abi_io io = { pAssociatedData, ulAssociatedDataLen, pWrappedKey, pulWrappedKeyLen };

    return wrap(hSession, pMechanism, request, &io);
}

/* What the caller of C_UnwrapKey and C_UnwrapKeyAuthenticated gives beside its keys, unchecked. */
typedef struct unwrap_args {
    const void *mechanism;
    const void *wrapped;
    CK_ULONG wrapped_len;
    const void *attributes;
    CK_ULONG attribute_count;
    const void *aad;
    CK_ULONG aad_len;
} unwrap_args;

static CK_RV unwrap(CK_SESSION_HANDLE handle, const unwrap_args *args, hsm_unwrap_request request,
                    void *out_key)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err == HSM_OK &&
        (out_key == NULL || !abi_in(args->wrapped, args->wrapped_len, &request.wrapped) ||
         !abi_in(args->aad, args->aad_len, &request.aad)))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_making_read(args->mechanism, &mechanism, args->attributes, args->attribute_count,
                              &tmpl);
    if (err == HSM_OK) {
        request.mechanism = &mechanism;
        request.tmpl = &tmpl.view;
        err = hsm_core_unwrap_key(core, session, &request, &key);
    }
    return abi_put(err, &key, sizeof key, out_key);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                  CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey,
                  CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount,
                  CK_OBJECT_HANDLE_PTR phKey)
{
    const unwrap_args args = {
        .mechanism = pMechanism,
        .wrapped = pWrappedKey,
        .wrapped_len = ulWrappedKeyLen,
        .attributes = pTemplate,
        .attribute_count = ulAttributeCount,
    };
    const hsm_unwrap_request request = { .unwrapping_key = hUnwrappingKey };

    return unwrap(hSession, &args, request, phKey);
}

CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                               CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey,
                               CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate,
                               CK_ULONG ulAttributeCount, CK_BYTE_PTR pAssociatedData,
                               CK_ULONG ulAssociatedDataLen, CK_OBJECT_HANDLE_PTR phKey)
{
    const unwrap_args args = {
        .mechanism = pMechanism,
        .wrapped = pWrappedKey,
        .wrapped_len = ulWrappedKeyLen,
        .attributes = pTemplate,
        .attribute_count = ulAttributeCount,
        .aad = pAssociatedData,
        .aad_len = ulAssociatedDataLen,
    };
    const hsm_unwrap_request request = {
        .unwrapping_key = hUnwrappingKey,
        .is_authenticated = true,
    };

    return unwrap(hSession, &args, request, phKey);
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                  CK_OBJECT_HANDLE hBaseKey, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount,
                  CK_OBJECT_HANDLE_PTR phKey)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_derive_request request = { .mechanism = &mechanism, .base_key = hBaseKey };
    hsm_err err = hsm_core_session(core, hSession, &session);
    request.has_no_handle = phKey == NULL;
    if (err == HSM_OK)
        err = abi_making_read(pMechanism, &mechanism, pTemplate, ulAttributeCount, &tmpl);
    if (err == HSM_OK) {
        request.tmpl = &tmpl.view;
        err = hsm_core_derive_key(core, session, &request, &handle);
    }
    return phKey == NULL ? abi_rv(err) : abi_put(err, &handle, sizeof handle, phKey);
}
