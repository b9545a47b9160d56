/* The arithmetic that completes an RSA private key.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_RSA_NUMBER_H
#define HSM_CRYPTO_BACKEND_OPENSSL_RSA_NUMBER_H

#include <openssl/bn.h>

#include "crypto/backend_openssl_pkey.h"

/* The numbers of a key, by part; NULL: not known. Wiped when cleared. */
typedef struct hsm_rsa_numbers {
    BN_CTX *ctx;
    BIGNUM *part[HSM_PART_COUNT];
} hsm_rsa_numbers;

/* errors HSM_E_NO_MEMORY; after an error nothing is to be cleared, but may be */
HSM_MUST_USE hsm_err hsm_rsa_numbers_init(hsm_rsa_numbers *rsa, OSSL_LIB_CTX *libctx);
void hsm_rsa_numbers_clear(hsm_rsa_numbers *rsa);
/* Takes the parts that are given. */
HSM_MUST_USE hsm_err hsm_rsa_numbers_load(hsm_rsa_numbers *rsa, const hsm_key_parts *parts);
/**
 * Finds e, p, q and the CRT parts that are missing; n and d must be there.
 *
 * errors  HSM_E_TEMPLATE_INCOMPLETE (e is missing and none of the usual ones),
 *         HSM_E_ATTRIBUTE_VALUE (the numbers do not belong together), HSM_E_NO_MEMORY
 * source  SP 800-56B rev. 2, appendix C.1 (factors from n, e, d)
 */
HSM_MUST_USE hsm_err hsm_rsa_numbers_complete(hsm_rsa_numbers *rsa);
/* Packs every number: the given ones as they came, the others without leading zeros. */
HSM_MUST_USE hsm_err hsm_rsa_numbers_pack(const hsm_rsa_numbers *rsa, const hsm_key_parts *given,
                                          hsm_ossl_packer *packer);
/* Whether p times q is n, and neither is shorter than min_bits. errors HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_rsa_check_factors(const hsm_key_parts *parts, size_t min_bits);

#endif
