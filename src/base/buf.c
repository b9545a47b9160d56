/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdlib.h>

#define BUF_FIRST_BYTES 64u

void hsm_buf_clear(hsm_buf *buf)
{
    if (buf->is_wiped && buf->data != NULL)
        explicit_bzero(buf->data, buf->cap);
    free(buf->data);
    *buf = (hsm_buf){ .is_wiped = buf->is_wiped };
}

/* realloc() could leave a copy behind. */
static uint8_t *grow_wiped(const hsm_buf *buf, size_t cap)
{
    uint8_t *data = malloc(cap);

    if (data == NULL || buf->data == NULL)
        return data;
    memcpy(data, buf->data, buf->len);
    explicit_bzero(buf->data, buf->cap);
    free(buf->data);
    return data;
}

hsm_err hsm_buf_reserve(hsm_buf *buf, size_t more)
{
    HSM_CHECK(more <= HSM_BUF_MAX_BYTES - buf->len, HSM_E_NO_MEMORY);
    const size_t need = buf->len + more;
    if (need <= buf->cap)
        return HSM_OK;

    size_t cap = buf->cap > 0 ? buf->cap : BUF_FIRST_BYTES;
    while (cap < need)
        cap *= 2; /* bounded as need is: can't wrap */
    uint8_t *data = buf->is_wiped ? grow_wiped(buf, cap) : realloc(buf->data, cap);
    HSM_CHECK(data != NULL, HSM_E_NO_MEMORY);
    buf->data = data;
    buf->cap = cap;
    return HSM_OK;
}

hsm_err hsm_buf_append(hsm_buf *buf, hsm_bytes bytes)
{
    if (bytes.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_buf_reserve(buf, bytes.len));
    memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    return HSM_OK;
}
