/* Asynchronous functions (PKCS#11 v3.2, 5.21): not offered by this token.
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"

/* The signatures are the standard's; nothing is read. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* NOLINTBEGIN(misc-unused-parameters) */

CK_RV C_AsyncComplete(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName,
                      CK_ASYNC_DATA_PTR pResult)
{
    return abi_unserved();
}

CK_RV C_AsyncGetID(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG_PTR pulID)
{
    return abi_unserved();
}

CK_RV C_AsyncJoin(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG ulID,
                  CK_BYTE_PTR pData, CK_ULONG ulData)
{
    return abi_unserved();
}

/* NOLINTEND(misc-unused-parameters) */
