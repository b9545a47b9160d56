/* Objects (PKCS#11 v3.2, 5.7).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"
#include "pkcs11_abi/templates.h"

/* Handles handed out at a time: the caller's array may be unaligned, and its length a guess. */
#define FIND_CHUNK 64u

static void close_view(hsm_attr_view **view)
{
    hsm_core_attributes_close(*view);
}

CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                     CK_OBJECT_HANDLE_PTR phObject)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && phObject == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_template_read(pTemplate, ulCount, &tmpl);
    if (err == HSM_OK)
        err = hsm_core_create_object(core, session, &tmpl.view, &handle);
    return abi_put(err, &handle, sizeof handle, phObject);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate,
                   CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phNewObject)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && phNewObject == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = abi_template_read(pTemplate, ulCount, &tmpl);
    if (err == HSM_OK)
        err = hsm_core_copy_object(core, session, hObject, &tmpl.view, &handle);
    return abi_put(err, &handle, sizeof handle, phNewObject);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_destroy_object(core, session, hObject);
    return abi_rv(err);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_ULONG size = 0;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && pulSize == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = hsm_core_object_size(core, session, hObject, &size);
    return abi_put(err, &size, sizeof size, pulSize);
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(close_view) hsm_attr_view *view = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_attributes_open(core, session, hObject, &view);
    if (err == HSM_OK)
        err = abi_attributes_fill(view, pTemplate, ulCount);
    return abi_rv(err);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = abi_template_read(pTemplate, ulCount, &tmpl);
    if (err == HSM_OK)
        err = hsm_core_set_attributes(core, session, hObject, &tmpl.view);
    return abi_rv(err);
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(abi_template_clear) abi_template tmpl = ABI_TEMPLATE_EMPTY;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = abi_template_read(pTemplate, ulCount, &tmpl);
    if (err == HSM_OK)
        err = hsm_core_find_init(core, session, &tmpl.view);
    return abi_rv(err);
}

/* Finds up to `max` objects into the caller's array. */
static hsm_err find_some(hsm_core *core, hsm_session *session, void *handles, CK_ULONG max,
                         CK_ULONG *out_count)
{
    CK_OBJECT_HANDLE chunk[FIND_CHUNK];
    CK_ULONG total = 0;
    size_t wanted;
    size_t found;

    do {
        wanted = max - total < FIND_CHUNK ? max - total : FIND_CHUNK;
        HSM_TRY(hsm_core_find(core, session, chunk, wanted, &found));
        if (found > 0 && handles != NULL)
            (void)memcpy((uint8_t *)handles + total * sizeof chunk[0], chunk,
                         found * sizeof chunk[0]);
        total += found;
    } while (found > 0 && found == wanted && total < max);
    *out_count = total;
    return HSM_OK;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject,
                    CK_ULONG ulMaxObjectCount, CK_ULONG_PTR pulObjectCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_ULONG count = 0;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && (pulObjectCount == NULL || (phObject == NULL && ulMaxObjectCount > 0)))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = find_some(core, session, phObject, ulMaxObjectCount, &count);
    return abi_put(err, &count, sizeof count, pulObjectCount);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK)
        err = hsm_core_find_final(core, session);
    return abi_rv(err);
}
