/* Rows of the mechanism table for Diffie-Hellman over a prime field; included by mech.c only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_MECH_DH_H
#define HSM_CRYPTO_MECH_DH_H

#include "crypto/mech.h"

/* The groups are those of dh.h. */
#define DH_ROW(NAME, KEY, SOURCE)                                                       \
    .id = CKM_##NAME, .name = #NAME, .source = SOURCE "; PKCS#11 v3.2, Diffie-Hellman", \
    .key_type = CKK_##KEY, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 2048,     \
    .key_max_bits = 8192
#define DH_KEY_GEN .ops = HSM_OP_GENERATE_PAIR, .alg = HSM_ALG_KEYGEN, .params = HSM_PARAM_NONE
#define DH_AGREE(PARAMS)                                                               \
    .ops = HSM_OP_DERIVE | HSM_OP_ENCAPSULATE | HSM_OP_DECAPSULATE, .alg = HSM_ALG_DH, \
    .params = HSM_PARAM_##PARAMS

#define DH_SOURCE "PKCS #3; RFC 7919; RFC 3526; SP 800-56A"
#define DH_ROWS                                                                            \
    { DH_ROW(DH_PKCS_KEY_PAIR_GEN, DH, DH_SOURCE), DH_KEY_GEN, .approval = HSM_APPROVED }, \
    {                                                                                      \
        DH_ROW(DH_PKCS_DERIVE, DH, DH_SOURCE), DH_AGREE(DH), .approval = HSM_APPROVED      \
    }

/* Not approved: SP 800-56A rev. 3 has no groups of RFC 5114's kind for new keys, nor this KDF. */
#define X9_42_SOURCE "ANSI X9.42; RFC 5114"
#define X9_42_ROWS                                                         \
    { DH_ROW(X9_42_DH_KEY_PAIR_GEN, X9_42_DH, X9_42_SOURCE), DH_KEY_GEN }, \
    {                                                                      \
        DH_ROW(X9_42_DH_DERIVE, X9_42_DH, X9_42_SOURCE), DH_AGREE(X9_42)   \
    }

#endif
