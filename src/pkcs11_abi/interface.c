/* Function lists and interfaces (PKCS#11 v3.2, 3.6 and 5.4).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

/* Each version's list begins with that of the version before. */
#define ENTRY(name) .name = (name)

#define ENTRIES_2_40                                                                             \
    ENTRY(C_Initialize), ENTRY(C_Finalize), ENTRY(C_GetInfo), ENTRY(C_GetFunctionList),          \
        ENTRY(C_GetSlotList), ENTRY(C_GetSlotInfo), ENTRY(C_GetTokenInfo),                       \
        ENTRY(C_GetMechanismList), ENTRY(C_GetMechanismInfo), ENTRY(C_InitToken),                \
        ENTRY(C_InitPIN), ENTRY(C_SetPIN), ENTRY(C_OpenSession), ENTRY(C_CloseSession),          \
        ENTRY(C_CloseAllSessions), ENTRY(C_GetSessionInfo), ENTRY(C_GetOperationState),          \
        ENTRY(C_SetOperationState), ENTRY(C_Login), ENTRY(C_Logout), ENTRY(C_CreateObject),      \
        ENTRY(C_CopyObject), ENTRY(C_DestroyObject), ENTRY(C_GetObjectSize),                     \
        ENTRY(C_GetAttributeValue), ENTRY(C_SetAttributeValue), ENTRY(C_FindObjectsInit),        \
        ENTRY(C_FindObjects), ENTRY(C_FindObjectsFinal), ENTRY(C_EncryptInit), ENTRY(C_Encrypt), \
        ENTRY(C_EncryptUpdate), ENTRY(C_EncryptFinal), ENTRY(C_DecryptInit), ENTRY(C_Decrypt),   \
        ENTRY(C_DecryptUpdate), ENTRY(C_DecryptFinal), ENTRY(C_DigestInit), ENTRY(C_Digest),     \
        ENTRY(C_DigestUpdate), ENTRY(C_DigestKey), ENTRY(C_DigestFinal), ENTRY(C_SignInit),      \
        ENTRY(C_Sign), ENTRY(C_SignUpdate), ENTRY(C_SignFinal), ENTRY(C_SignRecoverInit),        \
        ENTRY(C_SignRecover), ENTRY(C_VerifyInit), ENTRY(C_Verify), ENTRY(C_VerifyUpdate),       \
        ENTRY(C_VerifyFinal), ENTRY(C_VerifyRecoverInit), ENTRY(C_VerifyRecover),                \
        ENTRY(C_DigestEncryptUpdate), ENTRY(C_DecryptDigestUpdate), ENTRY(C_SignEncryptUpdate),  \
        ENTRY(C_DecryptVerifyUpdate), ENTRY(C_GenerateKey), ENTRY(C_GenerateKeyPair),            \
        ENTRY(C_WrapKey), ENTRY(C_UnwrapKey), ENTRY(C_DeriveKey), ENTRY(C_SeedRandom),           \
        ENTRY(C_GenerateRandom), ENTRY(C_GetFunctionStatus), ENTRY(C_CancelFunction),            \
        ENTRY(C_WaitForSlotEvent),

#define ENTRIES_3_0                                                                               \
    ENTRIES_2_40                                                                                  \
    ENTRY(C_GetInterfaceList), ENTRY(C_GetInterface), ENTRY(C_LoginUser), ENTRY(C_SessionCancel), \
        ENTRY(C_MessageEncryptInit), ENTRY(C_EncryptMessage), ENTRY(C_EncryptMessageBegin),       \
        ENTRY(C_EncryptMessageNext), ENTRY(C_MessageEncryptFinal), ENTRY(C_MessageDecryptInit),   \
        ENTRY(C_DecryptMessage), ENTRY(C_DecryptMessageBegin), ENTRY(C_DecryptMessageNext),       \
        ENTRY(C_MessageDecryptFinal), ENTRY(C_MessageSignInit), ENTRY(C_SignMessage),             \
        ENTRY(C_SignMessageBegin), ENTRY(C_SignMessageNext), ENTRY(C_MessageSignFinal),           \
        ENTRY(C_MessageVerifyInit), ENTRY(C_VerifyMessage), ENTRY(C_VerifyMessageBegin),          \
        ENTRY(C_VerifyMessageNext), ENTRY(C_MessageVerifyFinal),

#define ENTRIES_3_2                                                                              \
    ENTRIES_3_0                                                                                  \
    ENTRY(C_EncapsulateKey), ENTRY(C_DecapsulateKey), ENTRY(C_VerifySignatureInit),              \
        ENTRY(C_VerifySignature), ENTRY(C_VerifySignatureUpdate), ENTRY(C_VerifySignatureFinal), \
        ENTRY(C_GetSessionValidationFlags), ENTRY(C_AsyncComplete), ENTRY(C_AsyncGetID),         \
        ENTRY(C_AsyncJoin), ENTRY(C_WrapKeyAuthenticated), ENTRY(C_UnwrapKeyAuthenticated),

static const CK_FUNCTION_LIST list_2_40 = { .version = { 2, 40 }, ENTRIES_2_40 };
static const CK_FUNCTION_LIST_3_0 list_3_0 = { .version = { 3, 0 }, ENTRIES_3_0 };
static const CK_FUNCTION_LIST_3_2 list_3_2 = { .version = { 3, 2 }, ENTRIES_3_2 };

/* CK_INTERFACE with the const that the standard's types lack: the tables are read-only. */
typedef struct interface_row {
    const char *name;
    const void *functions;
    CK_FLAGS flags;
} interface_row;

_Static_assert(sizeof(interface_row) == sizeof(CK_INTERFACE) &&
                   offsetof(interface_row, functions) == offsetof(CK_INTERFACE, pFunctionList) &&
                   offsetof(interface_row, flags) == offsetof(CK_INTERFACE, flags),
               "a row is a CK_INTERFACE");

/* The default comes first. */
static const interface_row interfaces[] = {
    { "PKCS 11", &list_3_2, 0 },
    { "PKCS 11", &list_3_0, 0 },
    { "PKCS 11", &list_2_40, 0 },
};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ppFunctionList)
{
    if (ppFunctionList == NULL)
        return abi_rv(HSM_E_ARG);

    const CK_FUNCTION_LIST *list = &list_2_40;
    return abi_put(HSM_OK, &list, sizeof list, ppFunctionList);
}

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount)
{
    if (pulCount == NULL)
        return abi_rv(HSM_E_ARG);

    const abi_list to = { pInterfacesList, pulCount, sizeof interfaces[0] };
    return abi_rv(abi_list_put(&to, interfaces, HSM_ARRAY_LEN(interfaces)));
}

static bool has_version(const interface_row *row, const void *wanted)
{
    CK_VERSION own;
    CK_VERSION version;

    if (wanted == NULL)
        return true;
    (void)memcpy(&version, wanted, sizeof version);
    (void)memcpy(&own, row->functions, sizeof own); /* every list begins with its version */
    return own.major == version.major && own.minor == version.minor;
}

static bool has_name(const interface_row *row, const CK_UTF8CHAR *wanted)
{
    return wanted == NULL || strcmp((const char *)wanted, row->name) == 0;
}

CK_RV C_GetInterface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                     CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags)
{
    if (ppInterface == NULL)
        return abi_rv(HSM_E_ARG);

    for (size_t i = 0; i < HSM_ARRAY_LEN(interfaces); i++) {
        const interface_row *row = &interfaces[i];

        if (has_name(row, pInterfaceName) && has_version(row, pVersion) &&
            (row->flags & flags) == flags)
            return abi_put(HSM_OK, &row, sizeof row, ppInterface);
    }
    return abi_rv(HSM_E_ARG);
}
