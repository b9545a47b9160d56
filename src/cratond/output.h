/* Results whose length only the core knows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_OUTPUT_H
#define HSM_CRATOND_OUTPUT_H

#include "cratond/rpc.h"

/* Room that the results of most calls fit in. */
#define OUTPUT_FIRST_BYTES ((size_t)1024)

/* The first member of what a step is given. */
typedef struct output_call {
    rpc_context *context;
    hsm_session *session;
    const void *request;
} output_call;

/* Runs `step` with room, and once more with what it asks for if that was too little; then out_bytes
 * is its result. of begins with an output_call.
 * errors  HSM_E_NO_MEMORY, those of the step */
HSM_MUST_USE hsm_err output_take(void *of, hsm_err (*step)(void *of, hsm_out *room), size_t first,
                                 ProtobufCBinaryData *out_bytes);

#endif
