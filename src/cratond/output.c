/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/output.h"

hsm_err output_take(void *of, hsm_err (*step)(void *of, hsm_out *room), size_t first,
                    ProtobufCBinaryData *out_bytes)
{
    const output_call *call = of;
    size_t cap = first;

    for (int tries = 0; tries < 2; tries++) {
        hsm_out room = hsm_out_of(arena_alloc(call->context->memory, cap), cap);

        HSM_CHECK(room.data != NULL, HSM_E_NO_MEMORY);
        const hsm_err err = step(of, &room);
        if (err == HSM_OK)
            *out_bytes = (ProtobufCBinaryData){ .len = room.len, .data = room.data };
        if (err != HSM_E_BUFFER_TOO_SMALL)
            return err;
        HSM_CHECK(room.len <= RPC_RESPONSE_MAX_BYTES, HSM_E_LIMIT);
        cap = room.len;
    }
    return HSM_E_BUFFER_TOO_SMALL;
}
