/* Numbers of this token's own. Those of composite keys are for what the next version of PKCS#11 will
 * name (its working text, "Composite KEM"): attributes and functions are those of that text, so that
 * only the numbers change later.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PKCS11_CRATON_H
#define PKCS11_CRATON_H

#include "pkcs11/pkcs11_types.h"

#define CKK_CRATON_COMP_KEM (CKK_VENDOR_DEFINED | 0x43520001UL)

#define CKM_CRATON_COMP_KEM_KEY_PAIR_GEN (CKM_VENDOR_DEFINED | 0x43520001UL)
#define CKM_CRATON_COMP_KEM (CKM_VENDOR_DEFINED | 0x43520002UL)

/* CKA_PARAMETER_SET of CKK_CRATON_COMP_KEM */
#define CKP_CRATON_COMP_KEM_MLKEM768_X25519 (CKP_VENDOR_DEFINED | 0x43520001UL)
#define CKP_CRATON_COMP_KEM_MLKEM768_ECDH_P256 (CKP_VENDOR_DEFINED | 0x43520002UL)
#define CKP_CRATON_COMP_KEM_MLKEM1024_ECDH_P384 (CKP_VENDOR_DEFINED | 0x43520003UL)

/* Secret keys: how many initialisation vectors were made for it (docs/messages.md); read-only. */
#define CKA_CRATON_IV_USES (CKA_VENDOR_DEFINED | 0x43520001UL)

/* The one flag of C_GetSessionValidationFlags and CKA_OBJECT_VALIDATION_FLAGS: the operation, or the
 * one that made the key, kept to the rules of approved mode (docs/approved-mode.md). That is the
 * token's own word: nobody has validated it. */
#define CKF_CRATON_APPROVED (1UL << 0)

#endif
