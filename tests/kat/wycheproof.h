/* What the halves of the Wycheproof handlers share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KAT_WYCHEPROOF_H
#define KAT_WYCHEPROOF_H

#include "kat.h"

expectation wy_expect(const kat_case *c);
void wy_start(job *j, const kat_case *c, CK_MECHANISM_TYPE type);

#endif
