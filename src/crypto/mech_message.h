/* Parameters that come with each message of a message-based operation (PKCS#11 v3.2,
 * CK_..._MESSAGE_PARAMS), and with authenticated wrapping.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_MECH_MESSAGE_H
#define HSM_CRYPTO_MECH_MESSAGE_H

#include "base/buf.h"
#include "crypto/mech.h"

/* Where a message's initialisation vector (IV, nonce) comes from: CKG_... */
typedef enum hsm_iv_source {
    HSM_IV_GIVEN,       /* CKG_NO_GENERATE: the caller's */
    HSM_IV_ANY,         /* CKG_GENERATE: as the token likes */
    HSM_IV_COUNTER,     /* CKG_GENERATE_COUNTER */
    HSM_IV_RANDOM,      /* CKG_GENERATE_RANDOM */
    HSM_IV_COUNTER_XOR, /* CKG_GENERATE_COUNTER_XOR: what the caller gives, XOR a counter */
} hsm_iv_source;

/* The longest IV: the backend's limit for GCM. */
#define HSM_IV_MAX_BYTES 128u

/* What a message's parameter says. iv and tag are the caller's memory, unaligned: an encryption
 * writes the IV it made and the tag there, a decryption reads both. */
typedef struct hsm_message_params {
    uint8_t *iv;
    size_t iv_len;       /* 1 .. HSM_IV_MAX_BYTES */
    uint32_t fixed_bits; /* the first bits of the IV, which stay as the caller gives them */
    hsm_iv_source source;
    uint8_t *tag; /* NULL: not given; the caller's to ask where it is needed */
    uint32_t tag_bits;
    uint64_t data_len; /* CCM: bytes of text in the whole message */
} hsm_message_params;

/* Reads and checks the parameter of one message.
 * in      mech      a row with HSM_OP_MESSAGE_ENCRYPT
 *         may_make  encryption, wrapping: what is said of the IV's source counts; else it is ignored,
 *                   and out_params says HSM_IV_GIVEN
 * errors  HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_message_params_read(const hsm_mech *mech, bool may_make, hsm_bytes param,
                                             hsm_message_params *out_params);
/* What CK_GCM_WRAP_PARAMS or CK_CCM_WRAP_PARAMS says of the IV that it leaves to the token
 * (hsm_mech_params.leaves_iv); the tag is in the wrapped key, so tag is NULL.
 * errors  HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_wrap_iv_read(const hsm_mech *mech, hsm_bytes param,
                                      hsm_message_params *out_params);
/* Checks the parameter of the mechanism that opens such an operation: absent, or of a message's
 * size (applications pass the one of their first message); nothing in it is used.
 * errors  HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_message_params_check(const hsm_mech *mech, const CK_MECHANISM *mechanism);

/* Copies parameters that point into the caller's memory, for an operation that needs them again.
 * inout   storage     empty; what *out_params points into, the caller's to clear
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_mech_params_keep(const hsm_mech_params *params, hsm_buf *storage,
                                          hsm_mech_params *out_params);

#endif
