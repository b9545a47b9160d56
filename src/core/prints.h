/* Sets of things that are known by a hash: the first bytes of SHA-256, one after the other in a buffer.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_PRINTS_H
#define HSM_CORE_PRINTS_H

#include "base/buf.h"
#include "crypto/crypto.h"

#define HSM_PRINT_BYTES 16u

/* errors  HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_print_make(hsm_crypto *crypto, hsm_bytes of, uint8_t out[HSM_PRINT_BYTES]);
/* Puts them in order, once all are appended. */
void hsm_prints_sort(hsm_buf *prints);
/* Whether a print is among those that were put in order. */
bool hsm_prints_have(const hsm_buf *prints, const uint8_t print[HSM_PRINT_BYTES]);

#endif
