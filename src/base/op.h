/* Kinds of operation: what a key, a mechanism and a session can be asked to do.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_OP_H
#define HSM_BASE_OP_H

/* A set of these is a bit mask (hsm_op_set). The order of the first seven, and that of the messages'
 * four, is the order of the session's operation slots. */
typedef enum hsm_op {
    HSM_OP_ENCRYPT = 1u << 0,
    HSM_OP_DECRYPT = 1u << 1,
    HSM_OP_DIGEST = 1u << 2,
    HSM_OP_SIGN = 1u << 3,
    HSM_OP_SIGN_RECOVER = 1u << 4,
    HSM_OP_VERIFY = 1u << 5,
    HSM_OP_VERIFY_RECOVER = 1u << 6,
    HSM_OP_FIND = 1u << 7,
    HSM_OP_GENERATE = 1u << 8,
    HSM_OP_GENERATE_PAIR = 1u << 9,
    HSM_OP_WRAP = 1u << 10,
    HSM_OP_UNWRAP = 1u << 11,
    HSM_OP_DERIVE = 1u << 12,
    HSM_OP_ENCAPSULATE = 1u << 13,
    HSM_OP_DECAPSULATE = 1u << 14,
    HSM_OP_MESSAGE_ENCRYPT = 1u << 15,
    HSM_OP_MESSAGE_DECRYPT = 1u << 16,
    HSM_OP_MESSAGE_SIGN = 1u << 17,
    HSM_OP_MESSAGE_VERIFY = 1u << 18,
} hsm_op;

typedef unsigned hsm_op_set;

/* Operations on many messages under one key. */
#define HSM_OPS_MESSAGE \
    (HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT | HSM_OP_MESSAGE_SIGN | HSM_OP_MESSAGE_VERIFY)
/* What stays possible when nothing new may be made: checking and reading what exists. */
#define HSM_OPS_OF_OLD_DATA                                                                        \
    (HSM_OP_VERIFY | HSM_OP_VERIFY_RECOVER | HSM_OP_DECRYPT | HSM_OP_UNWRAP | HSM_OP_DECAPSULATE | \
     HSM_OP_MESSAGE_DECRYPT | HSM_OP_MESSAGE_VERIFY)

#endif
