/* Constant-time helpers: time and memory access do not depend on the bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_CT_H
#define HSM_BASE_CT_H

#include "base/bytes.h"

/* Whether a and b hold the same bytes; lengths are public. */
bool hsm_ct_equal(hsm_bytes a, hsm_bytes b);
/* a where choice is true, else b. */
uint32_t hsm_ct_select_u32(bool choice, uint32_t a, uint32_t b);
/* dst[i] = choice ? src[i] : dst[i], for len bytes. */
void hsm_ct_copy_if(bool choice, uint8_t *dst, const uint8_t *src, size_t len);
/* The length of the padding at the end of a block of `len` bytes, 1 .. 255: 1 .. len bytes that each are
 * that length (PKCS#7, RFC 5652, 6.3); 0 if there is none. What it returns is no secret any more. */
size_t hsm_ct_padding(const uint8_t *block, size_t len);

#endif
