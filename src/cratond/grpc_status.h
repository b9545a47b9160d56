/* How calls end: gRPC's status numbers, and the texts of trailers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_GRPC_STATUS_H
#define HSM_CRATOND_GRPC_STATUS_H

#include "base/ck.h"
#include "base/scope.h"

/* Those that no hsm_err stands for, and success. The others come from hsm_err_grpc(). */
typedef enum grpc_status {
    GRPC_STATUS_OK = 0,
    GRPC_STATUS_CANCELLED = 1,
    GRPC_STATUS_INVALID_ARGUMENT = 3,
    GRPC_STATUS_DEADLINE_EXCEEDED = 4,
    GRPC_STATUS_PERMISSION_DENIED = 7,
    GRPC_STATUS_RESOURCE_EXHAUSTED = 8,
    GRPC_STATUS_UNIMPLEMENTED = 12,
    GRPC_STATUS_INTERNAL = 13,
    GRPC_STATUS_UNAVAILABLE = 14,
} grpc_status;

/* Numbers there are. */
#define HSM_GRPC_STATUSES 17

/* How one call ended. text is a constant and says nothing about the inside. */
typedef struct call_outcome {
    int status; /* 0: success */
    CK_RV rv;
    const char *text;
} call_outcome;

#define CALL_OUTCOME_OK ((call_outcome){ .status = 0, .rv = 0, .text = "" })

call_outcome call_outcome_of(hsm_err err);
/* The outcomes of the transport itself. */
typedef enum call_fault {
    CALL_DEADLINE,  /* the caller's or ours */
    CALL_CANCELLED, /* the stream was reset */
    CALL_UNKNOWN_METHOD,
    CALL_ENCODING,       /* compressed */
    CALL_FRAMING,        /* not gRPC's framing, or another number of messages than the method has */
    CALL_TIMEOUT_HEADER, /* grpc-timeout that is none */
    CALL_MESSAGE,        /* not the method's message */
    CALL_TOO_LARGE,
    CALL_RESPONSE_TOO_LARGE,
    CALL_BUSY,    /* queues are full */
    CALL_RATE,    /* too many requests of this client */
    CALL_MEMORY,  /* of this connection */
    CALL_REFUSED, /* by the client's role */
    CALL_FAULT_COUNT,
} call_fault;
call_outcome call_outcome_fault(call_fault fault);

/* "OK", "CANCELLED" ...: for metrics and logs; never NULL. */
const char *grpc_status_name(int status);

#endif
