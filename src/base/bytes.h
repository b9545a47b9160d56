/* Spans: borrowed input and the caller's room for output.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_BYTES_H
#define HSM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/scope.h"

/* Bytes that somebody else owns. data may be NULL only where len is 0. */
typedef struct hsm_bytes {
    const uint8_t *data;
    size_t len;
} hsm_bytes;

/* Room for a result.
 * data NULL: only the length is asked for. Else data has room for cap bytes.
 * len: written by the callee: bytes produced, or needed when the error is HSM_E_BUFFER_TOO_SMALL
 *      or data is NULL. */
typedef struct hsm_out {
    uint8_t *data;
    size_t cap;
    size_t len;
} hsm_out;

static inline hsm_bytes hsm_bytes_of(const void *data, size_t len)
{
    return (hsm_bytes){ .data = data, .len = len };
}

static inline hsm_bytes hsm_bytes_none(void)
{
    return (hsm_bytes){ .data = NULL, .len = 0 };
}

static inline hsm_bytes hsm_bytes_of_text(const char *text)
{
    return (hsm_bytes){ .data = (const uint8_t *)text, .len = strlen(text) };
}

static inline hsm_out hsm_out_of(void *data, size_t cap)
{
    return (hsm_out){ .data = data, .cap = cap, .len = 0 };
}

/* Compares public data; secrets use hsm_ct_equal(). */
bool hsm_bytes_equal(hsm_bytes a, hsm_bytes b);

/* Writes `value` to out after the length rules of PKCS#11 v3.2, 5.2: a NULL out->data asks for
 * the length only.
 * errors  HSM_E_BUFFER_TOO_SMALL (out->len says how much is needed) */
HSM_MUST_USE hsm_err hsm_out_put(hsm_out *out, hsm_bytes value);

/* A copy of text for free(), or NULL. strdup() will not do: a host that brings its own malloc and
 * loads this module with RTLD_DEEPBIND (BIND with pkcs11-provider) has strdup() allocate from the
 * one and free() release to the other. The same holds for all that libc allocates for its caller. */
char *hsm_text_dup(const char *text);

/* True when the two ranges share at least one byte. */
bool hsm_bytes_overlap(hsm_bytes a, hsm_bytes b);

#endif
