/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>

bool hsm_bytes_equal(hsm_bytes a, hsm_bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] != b.data[i])
            return false;
    }
    return true;
}

hsm_err hsm_out_put(hsm_out *out, hsm_bytes value)
{
    out->len = value.len;
    if (out->data == NULL)
        return HSM_OK;
    HSM_CHECK(value.len <= out->cap, HSM_E_BUFFER_TOO_SMALL);
    if (value.len > 0)
        memmove(out->data, value.data, value.len); /* callers may work in place */
    return HSM_OK;
}

char *hsm_text_dup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

bool hsm_bytes_overlap(hsm_bytes a, hsm_bytes b)
{
    const uintptr_t a_start = (uintptr_t)a.data;
    const uintptr_t b_start = (uintptr_t)b.data;

    if (a.len == 0 || b.len == 0)
        return false;
    /* Differences, because start + len may wrap for lengths that a caller invented. */
    return a_start <= b_start ? b_start - a_start < a.len : a_start - b_start < b.len;
}
