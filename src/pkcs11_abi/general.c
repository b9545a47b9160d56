/* Initialising, finalising, and what the library says of itself (PKCS#11 v3.2, 5.4).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

/* The application's mutexes cannot be used: other threads of the process may be inside OpenSSL or
 * SQLite, which lock natively. So they are accepted only where native locks are allowed too. */
static hsm_err read_init_args(const void *args, bool *out_may_start_threads)
{
    CK_C_INITIALIZE_ARGS copy;

    *out_may_start_threads = true;
    if (args == NULL)
        return HSM_OK;
    (void)memcpy(&copy, args, sizeof copy);
    const int callbacks = (copy.CreateMutex != NULL) + (copy.DestroyMutex != NULL) +
                          (copy.LockMutex != NULL) + (copy.UnlockMutex != NULL);
    HSM_CHECK(copy.pReserved == NULL, HSM_E_ARG);
    HSM_CHECK(callbacks == 0 || callbacks == 4, HSM_E_ARG);
    HSM_CHECK(callbacks == 0 || (copy.flags & CKF_OS_LOCKING_OK) != 0, HSM_E_NEED_THREADS);
    *out_may_start_threads = (copy.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS) == 0;
    return HSM_OK;
}

CK_RV C_Initialize(CK_VOID_PTR pInitArgs)
{
    bool may_start_threads = false;
    hsm_err err = read_init_args(pInitArgs, &may_start_threads);

    if (err == HSM_OK) {
        hsm_core_process_log();
        err = abi_open(may_start_threads);
    }
    return abi_rv(err);
}

CK_RV C_Finalize(CK_VOID_PTR pReserved)
{
    if (pReserved != NULL)
        return abi_rv(HSM_E_ARG);
    return abi_rv(abi_close());
}

/* The standard's fixed fields are padded with blanks and have no NUL. */
static void put_padded(CK_UTF8CHAR *field, size_t size, const char *text)
{
    const size_t len = strlen(text);

    (void)memset(field, ' ', size);
    (void)memcpy(field, text, len < size ? len : size);
}

CK_RV C_GetInfo(CK_INFO_PTR pInfo)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pInfo == NULL)
        return abi_rv(HSM_E_ARG);

    CK_INFO info = {
        .cryptokiVersion = { 3, 2 },
        .flags = 0,
        .libraryVersion = { HSM_LIBRARY_VERSION_MAJOR, HSM_LIBRARY_VERSION_MINOR },
    };
    put_padded(info.manufacturerID, sizeof info.manufacturerID, "Craton");
    put_padded(info.libraryDescription, sizeof info.libraryDescription, "Craton HSM");
    return abi_put(HSM_OK, &info, sizeof info, pInfo);
}

/* Legacy functions that always answer the same (PKCS#11 v3.2, 5.20). */
static CK_RV not_parallel(CK_SESSION_HANDLE handle)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    const hsm_err err = hsm_core_session(core, handle, &session);
    return err == HSM_OK ? CKR_FUNCTION_NOT_PARALLEL : abi_rv(err);
}

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession)
{
    return not_parallel(hSession);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession)
{
    return not_parallel(hSession);
}
