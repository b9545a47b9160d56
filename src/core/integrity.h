/* Integrity of the file that this code was loaded from: its HMAC-SHA256 in a sidecar beside it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_INTEGRITY_H
#define HSM_CORE_INTEGRITY_H

#include "crypto/crypto.h"

/**
 * The checks of the start: the file's integrity and the known answers.
 *
 * With a sidecar that fits, a stamp tells the next process of this boot and user that this file was
 * proved; it then looks at neither again, and known answers wait for the first use of each primitive.
 *
 * in      is_strict  approved mode: the sidecar must be there, and stamps do not count
 * errors  HSM_E_SELF_TEST (a test failed, the sidecar is wrong, or missing where it must be there; the
 *         error state; logged), HSM_E_NO_MEMORY, HSM_E_NO_LOCKED_MEMORY
 */
HSM_MUST_USE hsm_err hsm_integrity_start(hsm_crypto *crypto, bool is_strict);

#endif
