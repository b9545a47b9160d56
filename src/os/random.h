/* The kernel's random bytes, for seeds. Keys and nonces come from crypto/drbg.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_RANDOM_H
#define HSM_OS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

/* Fills all len bytes, or zeroes them and fails. Waits only until the kernel's generator is seeded,
 * once after boot.
 * errors  HSM_E_RANDOM
 * thread  any */
HSM_MUST_USE hsm_err hsm_os_random(uint8_t *out, size_t len);

#endif
