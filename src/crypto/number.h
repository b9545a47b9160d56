/* Big-endian numbers as keys and certificates carry them, which may begin with zeros.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_NUMBER_H
#define HSM_CRYPTO_NUMBER_H

#include "base/bytes.h"

/* number without leading zero bytes. */
hsm_bytes hsm_number_trim(hsm_bytes number);
/* Significant bits. */
size_t hsm_number_bits(hsm_bytes number);
/* a - b as memcmp does, of trimmed public numbers. */
int hsm_number_compare(hsm_bytes a, hsm_bytes b);

#endif
