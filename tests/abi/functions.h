/* Every function of PKCS#11 v3.2: X(name, first version, one letter for each argument).
 *
 *   h session   s slot      o object or key   m mechanism   c mechanism, NULL cancels
 *   t template  n its count i input           l its length  p PIN (with l)
 *   q required place for a result             r room for a result, NULL asks for the length
 *   a number of elements there is room for    e reserved, NULL
 *   u any value will do     F session flags   W wait flags  V type of validation flags
 *   v nothing, (NULL, 0)    g a message's parameter   z its length
 *   x C_Initialize's        f a function's name
 *   j CK_ASYNC_DATA, may be NULL */
#ifndef ABI_FUNCTIONS_H
#define ABI_FUNCTIONS_H

#define ABI_FUNCTIONS(X)                       \
    X(C_Initialize, 2_40, "x")                 \
    X(C_Finalize, 2_40, "e")                   \
    X(C_GetInfo, 2_40, "q")                    \
    X(C_GetFunctionList, 2_40, "q")            \
    X(C_GetSlotList, 2_40, "urq")              \
    X(C_GetSlotInfo, 2_40, "sq")               \
    X(C_GetTokenInfo, 2_40, "sq")              \
    X(C_GetMechanismList, 2_40, "srq")         \
    X(C_GetMechanismInfo, 2_40, "suq")         \
    X(C_InitToken, 2_40, "splq")               \
    X(C_InitPIN, 2_40, "hpl")                  \
    X(C_SetPIN, 2_40, "hplpl")                 \
    X(C_OpenSession, 2_40, "sFuuq")            \
    X(C_CloseSession, 2_40, "h")               \
    X(C_CloseAllSessions, 2_40, "s")           \
    X(C_GetSessionInfo, 2_40, "hq")            \
    X(C_GetOperationState, 2_40, "hrq")        \
    X(C_SetOperationState, 2_40, "hiluu")      \
    X(C_Login, 2_40, "hupl")                   \
    X(C_Logout, 2_40, "h")                     \
    X(C_CreateObject, 2_40, "htnq")            \
    X(C_CopyObject, 2_40, "hotnq")             \
    X(C_DestroyObject, 2_40, "ho")             \
    X(C_GetObjectSize, 2_40, "hoq")            \
    X(C_GetAttributeValue, 2_40, "hotn")       \
    X(C_SetAttributeValue, 2_40, "hotn")       \
    X(C_FindObjectsInit, 2_40, "htn")          \
    X(C_FindObjects, 2_40, "hqaq")             \
    X(C_FindObjectsFinal, 2_40, "h")           \
    X(C_EncryptInit, 2_40, "hco")              \
    X(C_Encrypt, 2_40, "hilrq")                \
    X(C_EncryptUpdate, 2_40, "hilrq")          \
    X(C_EncryptFinal, 2_40, "hrq")             \
    X(C_DecryptInit, 2_40, "hco")              \
    X(C_Decrypt, 2_40, "hilrq")                \
    X(C_DecryptUpdate, 2_40, "hilrq")          \
    X(C_DecryptFinal, 2_40, "hrq")             \
    X(C_DigestInit, 2_40, "hc")                \
    X(C_Digest, 2_40, "hilrq")                 \
    X(C_DigestUpdate, 2_40, "hil")             \
    X(C_DigestKey, 2_40, "ho")                 \
    X(C_DigestFinal, 2_40, "hrq")              \
    X(C_SignInit, 2_40, "hco")                 \
    X(C_Sign, 2_40, "hilrq")                   \
    X(C_SignUpdate, 2_40, "hil")               \
    X(C_SignFinal, 2_40, "hrq")                \
    X(C_SignRecoverInit, 2_40, "hco")          \
    X(C_SignRecover, 2_40, "hilrq")            \
    X(C_VerifyInit, 2_40, "hco")               \
    X(C_Verify, 2_40, "hilil")                 \
    X(C_VerifyUpdate, 2_40, "hil")             \
    X(C_VerifyFinal, 2_40, "hil")              \
    X(C_VerifyRecoverInit, 2_40, "hco")        \
    X(C_VerifyRecover, 2_40, "hilrq")          \
    X(C_DigestEncryptUpdate, 2_40, "hilrq")    \
    X(C_DecryptDigestUpdate, 2_40, "hilrq")    \
    X(C_SignEncryptUpdate, 2_40, "hilrq")      \
    X(C_DecryptVerifyUpdate, 2_40, "hilrq")    \
    X(C_GenerateKey, 2_40, "hmtnq")            \
    X(C_GenerateKeyPair, 2_40, "hmtntnqq")     \
    X(C_WrapKey, 2_40, "hmoorq")               \
    X(C_UnwrapKey, 2_40, "hmoiltnq")           \
    X(C_DeriveKey, 2_40, "hmotnq")             \
    X(C_SeedRandom, 2_40, "hil")               \
    X(C_GenerateRandom, 2_40, "hil")           \
    X(C_GetFunctionStatus, 2_40, "h")          \
    X(C_CancelFunction, 2_40, "h")             \
    X(C_WaitForSlotEvent, 2_40, "Wqe")         \
    X(C_GetInterfaceList, 3_0, "rq")           \
    X(C_GetInterface, 3_0, "uuqu")             \
    X(C_LoginUser, 3_0, "huplvv")              \
    X(C_SessionCancel, 3_0, "hu")              \
    X(C_MessageEncryptInit, 3_0, "hco")        \
    X(C_EncryptMessage, 3_0, "hgzililrq")      \
    X(C_EncryptMessageBegin, 3_0, "hgzil")     \
    X(C_EncryptMessageNext, 3_0, "hgzilrqu")   \
    X(C_MessageEncryptFinal, 3_0, "h")         \
    X(C_MessageDecryptInit, 3_0, "hco")        \
    X(C_DecryptMessage, 3_0, "hgzililrq")      \
    X(C_DecryptMessageBegin, 3_0, "hgzil")     \
    X(C_DecryptMessageNext, 3_0, "hgzilrqu")   \
    X(C_MessageDecryptFinal, 3_0, "h")         \
    X(C_MessageSignInit, 3_0, "hco")           \
    X(C_SignMessage, 3_0, "hvvilrq")           \
    X(C_SignMessageBegin, 3_0, "hvv")          \
    X(C_SignMessageNext, 3_0, "hvviluu")       \
    X(C_MessageSignFinal, 3_0, "h")            \
    X(C_MessageVerifyInit, 3_0, "hco")         \
    X(C_VerifyMessage, 3_0, "hvvilil")         \
    X(C_VerifyMessageBegin, 3_0, "hvv")        \
    X(C_VerifyMessageNext, 3_0, "hvviluu")     \
    X(C_MessageVerifyFinal, 3_0, "h")          \
    X(C_EncapsulateKey, 3_2, "hmotnrqq")       \
    X(C_DecapsulateKey, 3_2, "hmotnilq")       \
    X(C_VerifySignatureInit, 3_2, "hcoil")     \
    X(C_VerifySignature, 3_2, "hil")           \
    X(C_VerifySignatureUpdate, 3_2, "hil")     \
    X(C_VerifySignatureFinal, 3_2, "h")        \
    X(C_GetSessionValidationFlags, 3_2, "hVq") \
    X(C_AsyncComplete, 3_2, "hfj")             \
    X(C_AsyncGetID, 3_2, "hfq")                \
    X(C_AsyncJoin, 3_2, "hfuuu")               \
    X(C_WrapKeyAuthenticated, 3_2, "hmooilrq") \
    X(C_UnwrapKeyAuthenticated, 3_2, "hmoiltnilq")

#endif
