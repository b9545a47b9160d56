/* Asynchronous functions (PKCS#11 v3.2, 5.21).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

/* The version of CK_ASYNC_DATA that this is. */
#define DATA_VERSION 0u

/* A place for the result may be missing where the function has none; whether it has, core knows. */
static hsm_err check_place(const void *place)
{
    CK_ASYNC_DATA data;

    if (place == NULL)
        return HSM_OK;
    (void)memcpy(&data, place, sizeof data);
    HSM_CHECK(data.ulVersion == DATA_VERSION, HSM_E_ARG);
    return HSM_OK;
}

/* After an error too: the caller must know which buffer is its own again. */
static void put_result(const hsm_async_result *result, void *place)
{
    const CK_ASYNC_DATA data = {
        .ulVersion = DATA_VERSION,
        .pValue = result->room,
        .ulValue = result->len,
        .hObject = result->object,
        .hAdditionalObject = result->other,
    };

    (void)memcpy(place, &data, sizeof data);
}

CK_RV C_AsyncComplete(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName,
                      CK_ASYNC_DATA_PTR pResult)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_async_result result = { .has_ended = false };
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && pFunctionName == NULL)
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = check_place(pResult);
    if (err == HSM_OK)
        err = hsm_core_async_complete(core, session, (const char *)pFunctionName,
                                      pResult == NULL ? NULL : &result);
    if (result.has_ended)
        put_result(&result, pResult);
    return abi_rv(err);
}

CK_RV C_AsyncGetID(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG_PTR pulID)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && (pFunctionName == NULL || pulID == NULL))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = hsm_core_async_id(session, (const char *)pFunctionName);
    return abi_rv(err);
}

/* C_AsyncGetID never gives an identifier, so none is good. */
CK_RV C_AsyncJoin(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG ulID,
                  CK_BYTE_PTR pData, CK_ULONG ulData)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, hSession, &session);
    (void)ulID;
    (void)pData;
    (void)ulData;
    if (err == HSM_OK)
        err = pFunctionName == NULL ? HSM_E_ARG : HSM_E_SAVED_STATE;
    return abi_rv(err);
}
