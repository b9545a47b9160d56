/* The groups of Diffie-Hellman over a prime field. Others are not taken: only of these is it known
 * that they are sound, and only with their order can a foreign public key be checked whole
 * (SP 800-56A rev. 3, 5.6.2.3.1 and appendix D).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_DH_H
#define HSM_CRYPTO_DH_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"

/* RFC 7919 and RFC 3526 end at 8192 bits. */
#define HSM_DH_MAX_BYTES 1024u

/* One row. Prime, base and order are the backend's. */
typedef struct hsm_dh_group {
    const char *name; /* OpenSSL's: "ffdhe2048" (RFC 7919), "modp_2048" (RFC 3526) */
    CK_KEY_TYPE key_type;
    uint32_t bits;             /* of the prime */
    uint32_t order_bits;       /* of the subgroup's order */
    uint32_t private_min_bits; /* the shortest private value that may be asked for: twice the
                                  group's strength (SP 800-56A rev. 3, 5.6.1.1.1) */
} hsm_dh_group;

/* All rows; a row's address is its identity. */
const hsm_dh_group *hsm_dh_group_table(size_t *out_count);
/* By OpenSSL's name; NULL: none of ours for the key type. */
const hsm_dh_group *hsm_dh_group_find(const char *name, CK_KEY_TYPE key_type);

#endif
