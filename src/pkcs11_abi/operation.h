/* What the functions that encrypt, decrypt, digest, sign and verify have in common.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_PKCS11_ABI_OPERATION_H
#define HSM_PKCS11_ABI_OPERATION_H

#include "base/ck.h"
#include "base/op.h"

/* The caller's input and room for output, unchecked. */
typedef struct abi_io {
    const void *in;
    CK_ULONG in_len;
    void *out;
    void *out_len; /* a CK_ULONG */
} abi_io;

/* C_...Init. mechanism NULL cancels. */
CK_RV abi_op_init(CK_SESSION_HANDLE handle, hsm_op op, const void *mechanism, CK_OBJECT_HANDLE key);
/* C_Encrypt, C_Decrypt, C_Digest, C_Sign, C_SignRecover, C_VerifyRecover. */
CK_RV abi_op_single(CK_SESSION_HANDLE handle, hsm_op op, const abi_io *io);
/* C_EncryptUpdate, C_DecryptUpdate. */
CK_RV abi_op_update(CK_SESSION_HANDLE handle, hsm_op op, const abi_io *io);
/* C_DigestUpdate, C_SignUpdate, C_VerifyUpdate. */
CK_RV abi_op_feed(CK_SESSION_HANDLE handle, hsm_op op, const void *in, CK_ULONG in_len);
/* C_EncryptFinal, C_DecryptFinal, C_DigestFinal, C_SignFinal. */
CK_RV abi_op_final(CK_SESSION_HANDLE handle, hsm_op op, void *out, void *out_len);

/* Two operations on one part (PKCS#11 v3.2, 5.14): `cipher` is HSM_OP_ENCRYPT or HSM_OP_DECRYPT,
 * `other` gets the plaintext, and only if the cipher gave its output. */
typedef struct abi_dual {
    hsm_op cipher;
    hsm_op other;
} abi_dual;
CK_RV abi_op_dual(CK_SESSION_HANDLE handle, const abi_dual *ops, const abi_io *io);

#endif
