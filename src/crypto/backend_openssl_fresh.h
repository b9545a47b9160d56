/* Where OpenSSL draws randomness by itself inside an operation, and that must not be foreseen by who knows
 * the state of the generator, nor be the same in a copy of this machine (docs/entropy.md): keys of pairs,
 * what is encapsulated, paddings, hedged signatures.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_FRESH_H
#define HSM_CRYPTO_BACKEND_OPENSSL_FRESH_H

#include <stdbool.h>
#include <stdint.h>

/* While it lasts, whatever the calling thread draws has fresh entropy in it. One may lie in another.
 *     HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
 * in      wants  false: nothing changes */
typedef struct hsm_fresh {
    uint64_t before; /* the scope around it */
} hsm_fresh;
hsm_fresh hsm_fresh_begin(bool wants);
void hsm_fresh_end(const hsm_fresh *fresh);

/* The scope that the calling thread is in, by a number that only one has; 0: none. */
uint64_t hsm_fresh_scope(void);

#endif
