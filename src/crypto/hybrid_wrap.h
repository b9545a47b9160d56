/* CKM_RSA_AES_KEY_WRAP and CKM_ECDH_AES_KEY_WRAP, the same for every backend.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_HYBRID_WRAP_H
#define HSM_CRYPTO_HYBRID_WRAP_H

#include "crypto/internal.h"

extern const hsm_family hsm_hybrid_wrap;

#endif
