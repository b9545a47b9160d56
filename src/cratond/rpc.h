/* The table of methods: everything that differs between calls, in one row each.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_RPC_H
#define HSM_CRATOND_RPC_H

#include "config/config.h"
#include "core/core.h"
#include "cratond/arena.h"
#include "cratond/pool.h"

/* A response: a limit of compat. */
#define RPC_RESPONSE_MAX_BYTES ((size_t)16 * 1024 * 1024)
/* One message of a stream. */
#define RPC_PART_MAX_BYTES ((size_t)1024 * 1024)

struct client;
struct server;

typedef enum rpc_kind {
    RPC_UNARY,
    RPC_STREAM, /* of the client; one answer, or one for each part */
    RPC_WATCH,  /* of the server: the answers come when something happens */
} rpc_kind;

/* What a call is done with. */
typedef enum rpc_place {
    RPC_IN_LOOP,     /* nothing but the daemon itself; never waits */
    RPC_ON_CORE,     /* the daemon's core, where nobody logs in */
    RPC_ON_CLIENT,   /* the client's application of the core */
    RPC_ON_SESSION,  /* the same, with a session that the request names */
    RPC_NEW_SESSION, /* the same, and a session is opened */
    RPC_END_SESSION, /* the same, and the session is closed */
} rpc_place;

/* What a handler is given. */
typedef struct rpc_context {
    struct server *server;
    struct client *client;
    hsm_core *core;
    CK_SESSION_HANDLE session; /* of the core; ON_SESSION: as the request says */
    uint64_t wire_handle;      /* NEW_SESSION: what the client will call it */
    uint32_t slot;     /* NEW_SESSION: chosen by the handler; a stream: of the session named */
    bool is_rw;        /* NEW_SESSION: the same */
    arena *memory;     /* of the response, and of anything else until the call ends */
    void *stream;      /* RPC_STREAM: the handler's own, from one part to the next */
    bool is_last;      /* RPC_STREAM: the client's half has ended, there is no request */
    bool has_response; /* RPC_STREAM: what the handler filled is to be sent */
} rpc_context;

/* request and response are the method's messages; what hangs on the response comes from
 * context->memory. */
typedef hsm_err (*rpc_handler)(rpc_context *context, const void *request, void *response);

typedef struct rpc_method {
    const char *path;
    size_t path_len;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    rpc_handler handle;
    const char *operation; /* what it counts as in [[daemon.client]] operations, and in metrics */
    unsigned roles;        /* bit n: hsm_client_role n */
    rpc_kind kind;
    rpc_place place;
    pool_lane lane;
    void (*end)(rpc_context *context);           /* RPC_STREAM: however it ended */
    uint64_t (*session_of)(const void *request); /* NULL: field session_handle */
} rpc_method;

/* The row of a path, or NULL. */
const rpc_method *rpc_find(hsm_bytes path);
const rpc_method *rpc_table(size_t *out_count);
/* Whether some row has this operation. */
bool rpc_is_operation(const char *name);

/* The session that a request names; 0 if it has no such field. */
uint64_t rpc_session_of(const rpc_method *method, const void *request);
/* The lane for this request: slow mechanisms are not for the fast one. */
pool_lane rpc_lane_of(const rpc_method *method, const void *request);
/* The mechanism that a request names; false: it has no such field, or nothing in it. */
bool rpc_mechanism_of(const void *request, uint64_t *out_mechanism);
/* Bytes of the longest message that the method takes, where a request may have so many. */
size_t rpc_request_max(const rpc_method *method, size_t configured);

#endif
