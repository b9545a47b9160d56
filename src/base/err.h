/* Every error of the product, once: name, text, CK_RV, gRPC status, exit code.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_ERR_H
#define HSM_BASE_ERR_H

#include "base/ck.h"

/* Exit codes of the commands, by kind of error. */
#define HSM_EXIT_USAGE 2
#define HSM_EXIT_DENIED 3
#define HSM_EXIT_NOT_FOUND 4
#define HSM_EXIT_STATE 5
#define HSM_EXIT_DATA 6
#define HSM_EXIT_RESOURCE 7
#define HSM_EXIT_INTERNAL 8

/* gRPC status numbers (google.rpc.Code). */
#define HSM_GRPC_INVALID_ARGUMENT 3
#define HSM_GRPC_NOT_FOUND 5
#define HSM_GRPC_PERMISSION_DENIED 7
#define HSM_GRPC_RESOURCE_EXHAUSTED 8
#define HSM_GRPC_FAILED_PRECONDITION 9
#define HSM_GRPC_ABORTED 10
#define HSM_GRPC_UNIMPLEMENTED 12
#define HSM_GRPC_INTERNAL 13
#define HSM_GRPC_UNAVAILABLE 14
#define HSM_GRPC_DATA_LOSS 15
#define HSM_GRPC_UNAUTHENTICATED 16

/* X(name, text, CK_RV, gRPC status, exit code). clang-format would move every line's end with the
 * longest row. */
/* clang-format off */
#define HSM_ERR_LIST(X)                                                                           \
    X(ARG, "bad argument", CKR_ARGUMENTS_BAD, INVALID_ARGUMENT, USAGE)                            \
    X(SLOT, "no such slot", CKR_SLOT_ID_INVALID, NOT_FOUND, NOT_FOUND)                            \
    X(SESSION_HANDLE, "no such session", CKR_SESSION_HANDLE_INVALID, NOT_FOUND, NOT_FOUND)        \
    X(SESSION_READ_ONLY, "session is read-only", CKR_SESSION_READ_ONLY, FAILED_PRECONDITION,      \
      STATE)                                                                                      \
    X(SESSION_COUNT, "too many sessions", CKR_SESSION_COUNT, RESOURCE_EXHAUSTED, RESOURCE)        \
    X(SESSION_EXISTS, "a session is open", CKR_SESSION_EXISTS, FAILED_PRECONDITION, STATE)        \
    X(SESSION_READ_ONLY_EXISTS, "a read-only session is open", CKR_SESSION_READ_ONLY_EXISTS,      \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(SESSION_SO_EXISTS, "a security officer session is open",                                    \
      CKR_SESSION_READ_WRITE_SO_EXISTS, FAILED_PRECONDITION, STATE)                               \
    X(SESSION_PARALLEL, "sessions are always serial", CKR_SESSION_PARALLEL_NOT_SUPPORTED,         \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(SESSION_ASYNC, "asynchronous sessions are not supported",                                   \
      CKR_SESSION_ASYNC_NOT_SUPPORTED, UNIMPLEMENTED, USAGE)                                      \
    X(TOKEN_NOT_INITIALIZED, "the slot's token is not initialised", CKR_TOKEN_NOT_RECOGNIZED,     \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(TOKEN_WRITE_PROTECTED, "the token is write-protected", CKR_TOKEN_WRITE_PROTECTED,           \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(PIN_INCORRECT, "wrong PIN", CKR_PIN_INCORRECT, UNAUTHENTICATED, DENIED)                     \
    X(PIN_INVALID, "the PIN has characters that are not allowed", CKR_PIN_INVALID,                \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(PIN_LEN, "the PIN is too short or too long", CKR_PIN_LEN_RANGE, INVALID_ARGUMENT, USAGE)    \
    X(PIN_LOCKED, "the PIN is locked", CKR_PIN_LOCKED, PERMISSION_DENIED, DENIED)                 \
    X(LOGIN_COOLDOWN, "too many wrong PINs: try again later", CKR_PIN_LOCKED, RESOURCE_EXHAUSTED, \
      DENIED)                                                                                     \
    X(USER_PIN_NOT_INITIALIZED, "the user PIN is not set", CKR_USER_PIN_NOT_INITIALIZED,          \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(NOT_LOGGED_IN, "not logged in", CKR_USER_NOT_LOGGED_IN, UNAUTHENTICATED, DENIED)            \
    X(ALREADY_LOGGED_IN, "already logged in", CKR_USER_ALREADY_LOGGED_IN, FAILED_PRECONDITION,    \
      STATE)                                                                                      \
    X(OTHER_USER_LOGGED_IN, "another user is logged in", CKR_USER_ANOTHER_ALREADY_LOGGED_IN,      \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(USER_TYPE, "unknown user type", CKR_USER_TYPE_INVALID, INVALID_ARGUMENT, USAGE)             \
    X(OBJECT_HANDLE, "no such object", CKR_OBJECT_HANDLE_INVALID, NOT_FOUND, NOT_FOUND)           \
    X(KEY_HANDLE, "no such key", CKR_KEY_HANDLE_INVALID, NOT_FOUND, NOT_FOUND)                    \
    X(WRAPPING_KEY_HANDLE, "no such wrapping key", CKR_WRAPPING_KEY_HANDLE_INVALID, NOT_FOUND,    \
      NOT_FOUND)                                                                                  \
    X(UNWRAPPING_KEY_HANDLE, "no such unwrapping key", CKR_UNWRAPPING_KEY_HANDLE_INVALID,         \
      NOT_FOUND, NOT_FOUND)                                                                       \
    X(ATTRIBUTE_TYPE, "attribute not valid for the object", CKR_ATTRIBUTE_TYPE_INVALID,           \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(ATTRIBUTE_VALUE, "attribute value not valid", CKR_ATTRIBUTE_VALUE_INVALID,                  \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(ATTRIBUTE_READ_ONLY, "attribute can't be set", CKR_ATTRIBUTE_READ_ONLY,                     \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(ATTRIBUTE_SENSITIVE, "attribute is sensitive", CKR_ATTRIBUTE_SENSITIVE,                     \
      PERMISSION_DENIED, DENIED)                                                                  \
    X(TEMPLATE_INCOMPLETE, "template lacks an attribute", CKR_TEMPLATE_INCOMPLETE,                \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(TEMPLATE_INCONSISTENT, "template contradicts itself", CKR_TEMPLATE_INCONSISTENT,            \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(ACTION_PROHIBITED, "the action is not allowed", CKR_ACTION_PROHIBITED,                      \
      PERMISSION_DENIED, DENIED)                                                                  \
    X(MECHANISM, "mechanism not valid here", CKR_MECHANISM_INVALID, INVALID_ARGUMENT, USAGE)      \
    X(MECHANISM_PARAM, "mechanism parameter not valid", CKR_MECHANISM_PARAM_INVALID,              \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(KEY_SIZE, "key size out of range", CKR_KEY_SIZE_RANGE, INVALID_ARGUMENT, USAGE)             \
    X(KEY_TYPE, "key type does not fit the mechanism", CKR_KEY_TYPE_INCONSISTENT,                 \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(KEY_FUNCTION, "the key's attributes forbid the operation",                                  \
      CKR_KEY_FUNCTION_NOT_PERMITTED, PERMISSION_DENIED, DENIED)                                  \
    X(KEY_NOT_WRAPPABLE, "key can't be wrapped", CKR_KEY_NOT_WRAPPABLE, FAILED_PRECONDITION,      \
      STATE)                                                                                      \
    X(KEY_UNEXTRACTABLE, "key is not extractable", CKR_KEY_UNEXTRACTABLE, PERMISSION_DENIED,      \
      DENIED)                                                                                     \
    X(KEY_INDIGESTIBLE, "key can't be digested", CKR_KEY_INDIGESTIBLE, FAILED_PRECONDITION,       \
      STATE)                                                                                      \
    X(WRAPPING_KEY_SIZE, "wrapping key size out of range", CKR_WRAPPING_KEY_SIZE_RANGE,           \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(WRAPPING_KEY_TYPE, "wrapping key type does not fit the mechanism",                          \
      CKR_WRAPPING_KEY_TYPE_INCONSISTENT, INVALID_ARGUMENT, USAGE)                                \
    X(UNWRAPPING_KEY_SIZE, "unwrapping key size out of range", CKR_UNWRAPPING_KEY_SIZE_RANGE,     \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(UNWRAPPING_KEY_TYPE, "unwrapping key type does not fit the mechanism",                      \
      CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, INVALID_ARGUMENT, USAGE)                              \
    X(WRAPPED_KEY, "wrapped key not valid", CKR_WRAPPED_KEY_INVALID, INVALID_ARGUMENT, DATA)      \
    X(WRAPPED_KEY_LEN, "wrapped key length not valid", CKR_WRAPPED_KEY_LEN_RANGE,                 \
      INVALID_ARGUMENT, DATA)                                                                     \
    X(DOMAIN_PARAMS, "domain parameters not valid", CKR_DOMAIN_PARAMS_INVALID, INVALID_ARGUMENT,  \
      DATA)                                                                                       \
    X(CURVE, "curve not supported", CKR_CURVE_NOT_SUPPORTED, INVALID_ARGUMENT, USAGE)             \
    X(PARAMETER_SET, "parameter set not supported", CKR_PARAMETER_SET_NOT_SUPPORTED,              \
      INVALID_ARGUMENT, USAGE)                                                                    \
    X(PUBLIC_KEY, "public key not valid", CKR_PUBLIC_KEY_INVALID, INVALID_ARGUMENT, DATA)         \
    X(AEAD, "the authentication tag does not fit", CKR_AEAD_DECRYPT_FAILED, INVALID_ARGUMENT,      \
      DATA)                                                                                       \
    X(IV_SPENT, "the key has no initialisation vector left", CKR_TOKEN_RESOURCE_EXCEEDED,         \
      RESOURCE_EXHAUSTED, RESOURCE)                                                               \
    X(OPERATION_ACTIVE, "an operation is already open", CKR_OPERATION_ACTIVE,                     \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(OPERATION, "no operation is open", CKR_OPERATION_NOT_INITIALIZED, FAILED_PRECONDITION,      \
      STATE)                                                                                      \
    X(OPERATION_CANCELLED, "the operation was cancelled", CKR_FUNCTION_CANCELED, ABORTED,         \
      STATE)                                                                                      \
    X(PENDING, "the operation is still running", CKR_PENDING, UNAVAILABLE, STATE)                 \
    X(BUFFER_TOO_SMALL, "buffer too small", CKR_BUFFER_TOO_SMALL, INVALID_ARGUMENT, USAGE)        \
    X(DATA, "data not valid", CKR_DATA_INVALID, INVALID_ARGUMENT, DATA)                           \
    X(DATA_LEN, "data length not valid", CKR_DATA_LEN_RANGE, INVALID_ARGUMENT, DATA)              \
    X(ENCRYPTED_DATA, "encrypted data not valid", CKR_ENCRYPTED_DATA_INVALID, INVALID_ARGUMENT,   \
      DATA)                                                                                       \
    X(ENCRYPTED_DATA_LEN, "encrypted data length not valid", CKR_ENCRYPTED_DATA_LEN_RANGE,        \
      INVALID_ARGUMENT, DATA)                                                                     \
    X(SIGNATURE, "signature not valid", CKR_SIGNATURE_INVALID, INVALID_ARGUMENT, DATA)            \
    X(SIGNATURE_LEN, "signature length not valid", CKR_SIGNATURE_LEN_RANGE, INVALID_ARGUMENT,     \
      DATA)                                                                                       \
    X(SAVED_STATE, "saved state not valid", CKR_SAVED_STATE_INVALID, INVALID_ARGUMENT, DATA)      \
    X(STATE_UNSAVEABLE, "state can't be saved", CKR_STATE_UNSAVEABLE, FAILED_PRECONDITION, STATE) \
    X(KEY_NEEDED, "the saved state needs its key", CKR_KEY_NEEDED, INVALID_ARGUMENT, USAGE)        \
    X(KEY_NOT_NEEDED, "the saved state has no such key", CKR_KEY_NOT_NEEDED, INVALID_ARGUMENT,    \
      USAGE)                                                                                      \
    X(KEY_CHANGED, "not the key of the saved state", CKR_KEY_CHANGED, INVALID_ARGUMENT, USAGE)    \
    X(RANDOM_SEED, "seeding is not supported", CKR_RANDOM_SEED_NOT_SUPPORTED, UNIMPLEMENTED,      \
      STATE)                                                                                      \
    X(RANDOM, "the random generator failed", CKR_FUNCTION_FAILED, INTERNAL, INTERNAL)             \
    X(NOT_SUPPORTED, "not supported", CKR_FUNCTION_NOT_SUPPORTED, UNIMPLEMENTED, USAGE)           \
    X(NO_EVENT, "no event", CKR_NO_EVENT, UNAVAILABLE, STATE)                                     \
    X(NOT_INITIALIZED, "not initialised", CKR_CRYPTOKI_NOT_INITIALIZED, FAILED_PRECONDITION,      \
      STATE)                                                                                      \
    X(ALREADY_INITIALIZED, "already initialised", CKR_CRYPTOKI_ALREADY_INITIALIZED,               \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(NEED_THREADS, "the library needs operating system locks", CKR_CANT_LOCK,                    \
      FAILED_PRECONDITION, STATE)                                                                 \
    X(NO_MEMORY, "out of memory", CKR_HOST_MEMORY, RESOURCE_EXHAUSTED, RESOURCE)                  \
    X(NO_LOCKED_MEMORY, "no memory can be locked", CKR_HOST_MEMORY, RESOURCE_EXHAUSTED, RESOURCE) \
    X(LIMIT, "a limit is reached", CKR_DEVICE_MEMORY, RESOURCE_EXHAUSTED, RESOURCE)               \
    X(CONFIG, "configuration not valid", CKR_GENERAL_ERROR, FAILED_PRECONDITION, USAGE)           \
    X(ADDRESS, "the address can't be listened at", CKR_GENERAL_ERROR, UNAVAILABLE, RESOURCE)      \
    X(STORE_IO, "reading or writing failed", CKR_DEVICE_ERROR, UNAVAILABLE, RESOURCE)             \
    X(STORE_FULL, "no space left", CKR_DEVICE_MEMORY, RESOURCE_EXHAUSTED, RESOURCE)               \
    X(STORE_READ_ONLY, "the store is read-only", CKR_TOKEN_WRITE_PROTECTED, FAILED_PRECONDITION,  \
      RESOURCE)                                                                                   \
    X(STORE_BUSY, "the store is held by another process", CKR_DEVICE_ERROR, UNAVAILABLE,          \
      RESOURCE)                                                                                   \
    X(STORE_CORRUPT, "a store record is damaged", CKR_DEVICE_ERROR, DATA_LOSS, DATA)              \
    X(STORE_LOST, "the database of the store is missing or empty", CKR_DEVICE_ERROR, DATA_LOSS,   \
      DATA)                                                                                       \
    X(STORE_VERSION, "the store is of a newer version", CKR_DEVICE_ERROR, FAILED_PRECONDITION,    \
      DATA)                                                                                       \
    X(STORE_PERMISSION, "no permission, or a wrong owner or mode", CKR_DEVICE_ERROR,              \
      PERMISSION_DENIED, DENIED)                                                                  \
    X(STORE_CONFLICT, "already there, or changed meanwhile", CKR_FUNCTION_FAILED, ABORTED, STATE) \
    X(STORE_NOT_FOUND, "not found", CKR_OBJECT_HANDLE_INVALID, NOT_FOUND, NOT_FOUND)              \
    X(AUDIT, "the audit log can't be written", CKR_DEVICE_ERROR, UNAVAILABLE, RESOURCE)          \
    X(SELF_TEST, "a self-test failed", CKR_GENERAL_ERROR, INTERNAL, INTERNAL)                     \
    X(CRYPTO, "the cryptographic library failed", CKR_FUNCTION_FAILED, INTERNAL, INTERNAL)        \
    X(INTERNAL, "internal error", CKR_GENERAL_ERROR, INTERNAL, INTERNAL)
/* clang-format on */

typedef enum hsm_err {
    HSM_OK = 0,
#define HSM_ERR_ENUM(name, text, rv, grpc, code) HSM_E_##name,
    HSM_ERR_LIST(HSM_ERR_ENUM)
#undef HSM_ERR_ENUM
} hsm_err;

/* The text of an error, for logs and people; never NULL. */
const char *hsm_err_text(hsm_err err);
/* The name without HSM_E_, e.g. "PIN_LOCKED"; "OK" for HSM_OK. */
const char *hsm_err_name(hsm_err err);
/* The PKCS#11 return value. */
CK_RV hsm_err_ck_rv(hsm_err err);
/* The name of that value, e.g. "CKR_PIN_INCORRECT". */
const char *hsm_err_ck_name(hsm_err err);
/* The gRPC status code. */
int hsm_err_grpc(hsm_err err);
/* The exit status of a command that failed with it. */
int hsm_err_exit(hsm_err err);

#endif
