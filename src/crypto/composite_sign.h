/* Composite signatures (draft-ietf-lamps-pq-composite-sigs), the same for every backend.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_COMPOSITE_SIGN_H
#define HSM_CRYPTO_COMPOSITE_SIGN_H

#include "crypto/internal.h"

extern const hsm_family hsm_composite_sign;

#endif
