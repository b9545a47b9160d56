/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/grpc_status.h"

/* The CK_RV is that of the error whose meaning is nearest. */
static const struct {
    grpc_status status;
    hsm_err like;
    const char *text;
} faults[CALL_FAULT_COUNT] = {
    [CALL_DEADLINE] = { GRPC_STATUS_DEADLINE_EXCEEDED, HSM_E_OPERATION_CANCELLED,
                        "the deadline has passed" },
    [CALL_CANCELLED] = { GRPC_STATUS_CANCELLED, HSM_E_OPERATION_CANCELLED, "cancelled" },
    [CALL_UNKNOWN_METHOD] = { GRPC_STATUS_UNIMPLEMENTED, HSM_E_NOT_SUPPORTED, "no such method" },
    [CALL_ENCODING] = { GRPC_STATUS_UNIMPLEMENTED, HSM_E_NOT_SUPPORTED,
                        "compressed messages are not supported" },
    [CALL_FRAMING] = { GRPC_STATUS_INTERNAL, HSM_E_ARG, "the body is not what the method expects" },
    [CALL_TIMEOUT_HEADER] = { GRPC_STATUS_INTERNAL, HSM_E_ARG, "grpc-timeout is not valid" },
    [CALL_MESSAGE] = { GRPC_STATUS_INVALID_ARGUMENT, HSM_E_ARG,
                       "the request message is not valid" },
    [CALL_TOO_LARGE] = { GRPC_STATUS_RESOURCE_EXHAUSTED, HSM_E_DATA_LEN,
                         "the request message is too large" },
    [CALL_RESPONSE_TOO_LARGE] = { GRPC_STATUS_RESOURCE_EXHAUSTED, HSM_E_LIMIT,
                                  "the response would be too large" },
    [CALL_BUSY] = { GRPC_STATUS_RESOURCE_EXHAUSTED, HSM_E_LIMIT, "too many requests are waiting" },
    [CALL_RATE] = { GRPC_STATUS_RESOURCE_EXHAUSTED, HSM_E_LIMIT, "too many requests a second" },
    [CALL_MEMORY] = { GRPC_STATUS_RESOURCE_EXHAUSTED, HSM_E_NO_MEMORY,
                      "too much data on this connection" },
    [CALL_REFUSED] = { GRPC_STATUS_PERMISSION_DENIED, HSM_E_ACTION_PROHIBITED,
                       "not allowed for this client" },
};

static const char *const names[HSM_GRPC_STATUSES] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

call_outcome call_outcome_of(hsm_err err)
{
    if (err == HSM_OK)
        return CALL_OUTCOME_OK;
    return (call_outcome){
        .status = hsm_err_grpc(err),
        .rv = hsm_err_ck_rv(err),
        .text = hsm_err_text(err),
    };
}

call_outcome call_outcome_fault(call_fault fault)
{
    return (call_outcome){
        .status = (int)faults[fault].status,
        .rv = hsm_err_ck_rv(faults[fault].like),
        .text = faults[fault].text,
    };
}

const char *grpc_status_name(int status)
{
    return status >= 0 && status < HSM_GRPC_STATUSES ? names[status] : "UNKNOWN";
}
