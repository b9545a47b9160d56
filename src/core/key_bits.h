/* How long a key is.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_KEY_BITS_H
#define HSM_CORE_KEY_BITS_H

#include "store/object.h"

/* The length of a key in bits, as the mechanism table counts it and the audit log tells it: of an RSA
 * modulus or a DH prime its significant bits; of a curve its field (Ed25519 and X25519: 255, Ed448 and
 * X448: 448); of a post-quantum or composite key its encoded public key (ML-KEM-768: 8 * 1184), also
 * where this is the private one; of a secret key its value. Known from attributes that are not secret, so
 * nothing is opened or parsed. 0: no key. */
uint32_t hsm_core_key_bits(const hsm_object *object);

#endif
