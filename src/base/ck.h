/* PKCS#11's own types and constants, without any function.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_CK_H
#define HSM_BASE_CK_H

#include "pkcs11/pkcs11_craton.h"
#include "pkcs11/pkcs11_types.h"

#endif
