/* A growing byte buffer on the heap. Keys and PINs lie elsewhere (secret.h), and in one of these only while
 * they are part of a message; then it is wiped.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_BUF_H
#define HSM_BASE_BUF_H

#include "base/bytes.h"
#include "base/scope.h"

/* The most a buffer grows to. */
#define HSM_BUF_MAX_BYTES ((size_t)1 << 30)

typedef struct hsm_buf {
    uint8_t *data; /* NULL while empty */
    size_t len;
    size_t cap;
    /* Set at its start, where it may hold text of others: no copy of it stays in freed memory. */
    bool is_wiped;
} hsm_buf;

#define HSM_BUF_WIPED ((hsm_buf){ .is_wiped = true })

/* Releases and empties; the buffer can be used again, and stays one that is wiped. */
void hsm_buf_clear(hsm_buf *buf);
/* Sets len to 0 and keeps the room. */
static inline void hsm_buf_reset(hsm_buf *buf)
{
    buf->len = 0;
}
/* Makes room for `more` bytes after len. errors HSM_E_NO_MEMORY (also over HSM_BUF_MAX_BYTES) */
HSM_MUST_USE hsm_err hsm_buf_reserve(hsm_buf *buf, size_t more);
/* Appends bytes that do not lie in the buffer itself. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_buf_append(hsm_buf *buf, hsm_bytes bytes);
static inline hsm_bytes hsm_buf_view(const hsm_buf *buf)
{
    return hsm_bytes_of(buf->data, buf->len);
}

#endif
