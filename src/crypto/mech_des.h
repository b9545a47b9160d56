/* Rows of the mechanism table for triple DES, for old data only; included by mech.c only. With
 * [algorithms] allow_3des_decrypt.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_MECH_DES_H
#define HSM_CRYPTO_MECH_DES_H

#include "crypto/mech.h"

#define DES3_ROW(NAME, ALG, OPS, PARAMS, SOURCE)                                                   \
    {                                                                                              \
        .id = CKM_##NAME, .name = #NAME, .source = SOURCE "; PKCS#11 v3.2, triple-length DES",     \
        .ops = (OPS), .key_type = CKK_DES3, .key_type_alt = HSM_KEY_TYPE_NONE,                     \
        .key_min_bits = 192, .key_max_bits = 192, .is_size_in_bytes = true, .is_multi_part = true, \
        .alg = HSM_ALG_##ALG, .params = HSM_PARAM_##PARAMS, .approval = HSM_APPROVED_LEGACY,       \
    }
#define DES3_CIPHER_ROW(NAME, PARAMS) \
    DES3_ROW(NAME, NAME, HSM_OP_DECRYPT | HSM_OP_UNWRAP, PARAMS, "SP 800-67; SP 800-38A")
#define DES3_CMAC_ROW(NAME, PARAMS) \
    DES3_ROW(NAME, DES3_CMAC, HSM_OP_VERIFY, PARAMS, "SP 800-67; SP 800-38B")
#define DES3_ROWS                                                                      \
    DES3_CIPHER_ROW(DES3_ECB, NONE), DES3_CIPHER_ROW(DES3_CBC, IV8),                   \
        DES3_CIPHER_ROW(DES3_CBC_PAD, IV8), DES3_CMAC_ROW(DES3_CMAC_GENERAL, MAC_LEN), \
        DES3_CMAC_ROW(DES3_CMAC, NONE)

#endif
