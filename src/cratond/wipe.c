/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/wipe.h"

#include <stdlib.h>

#define CAP_MIN_BYTES ((size_t)256)

void wipe_buf_clear(wipe_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->cap);
    free(buf->data);
    *buf = (wipe_buf){ 0 };
}

hsm_err wipe_buf_reserve(wipe_buf *buf, size_t more)
{
    size_t cap = buf->cap < CAP_MIN_BYTES ? CAP_MIN_BYTES : buf->cap;

    HSM_CHECK(more <= WIPE_BUF_MAX_BYTES - buf->len, HSM_E_NO_MEMORY);
    if (buf->cap - buf->len >= more)
        return HSM_OK;
    while (cap - buf->len < more)
        cap *= 2;
    uint8_t *data = malloc(cap); /* realloc() could leave a copy behind */
    HSM_CHECK(data != NULL, HSM_E_NO_MEMORY);
    const size_t len = buf->len;
    if (len > 0)
        memcpy(data, buf->data, len);
    wipe_buf_clear(buf);
    *buf = (wipe_buf){ .data = data, .len = len, .cap = cap };
    return HSM_OK;
}

hsm_err wipe_buf_append(wipe_buf *buf, hsm_bytes bytes)
{
    HSM_TRY(wipe_buf_reserve(buf, bytes.len));
    if (bytes.len > 0)
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    return HSM_OK;
}
