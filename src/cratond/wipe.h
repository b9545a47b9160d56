/* Bytes of messages: they may hold PINs and plaintext, so memory is wiped before it is given back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_WIPE_H
#define HSM_CRATOND_WIPE_H

#include "base/bytes.h"
#include "base/scope.h"

/* The most one buffer grows to: a response of the largest size with its prefix has room. */
#define WIPE_BUF_MAX_BYTES ((size_t)64 * 1024 * 1024)

typedef struct wipe_buf {
    uint8_t *data; /* NULL while empty */
    size_t len;
    size_t cap;
} wipe_buf;

/* Wipes, releases and empties; the buffer can be used again. */
void wipe_buf_clear(wipe_buf *buf);
/* Room for `more` bytes after len. errors HSM_E_NO_MEMORY (also over WIPE_BUF_MAX_BYTES) */
HSM_MUST_USE hsm_err wipe_buf_reserve(wipe_buf *buf, size_t more);
HSM_MUST_USE hsm_err wipe_buf_append(wipe_buf *buf, hsm_bytes bytes);

#endif
