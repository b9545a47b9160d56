/* Signatures as protocols name them, for parts of this program that use a key of the token themselves.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_SIGN_AS_H
#define HSM_CORE_SIGN_AS_H

#include "core/core.h"

typedef enum hsm_sign_kind {
    HSM_SIGN_RSA_PKCS1, /* RFC 8017, 8.2 */
    HSM_SIGN_RSA_PSS,   /* RFC 8017, 8.1: MGF1 with the same hash, salt as long as it */
    HSM_SIGN_ECDSA,     /* r, then s, each as long as the curve's order */
    HSM_SIGN_EDDSA,     /* RFC 8032, without a context; hash_bits 0 */
    HSM_SIGN_ML_DSA,    /* FIPS 204, the same */
} hsm_sign_kind;

typedef struct hsm_sign_request {
    CK_OBJECT_HANDLE key;
    hsm_sign_kind kind;
    uint32_t hash_bits; /* of SHA-2: 256, 384 or 512 */
    hsm_bytes data;     /* the whole message */
} hsm_sign_request;

/* Signs as by C_SignInit and C_Sign: the key's usage, its state, approved mode and the audit log count as
 * they do there.
 * errors  HSM_E_MECHANISM (no such hash), those of hsm_core_op_init() and hsm_core_op_single() */
HSM_MUST_USE hsm_err hsm_core_sign_as(hsm_core *core, hsm_session *session,
                                      const hsm_sign_request *request, hsm_out *out);

#endif
