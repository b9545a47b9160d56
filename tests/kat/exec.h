/* What the two halves of the runner share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KAT_EXEC_H
#define KAT_EXEC_H

#include "kat.h"

CK_BYTE_PTR span_ptr(span s);
/* An answer that no published vector may bring about. */
bool is_breakdown(CK_RV rv);
/* Counts a vector by what was expected of rv. */
void judge(kat *k, const kat_case *c, const job *j, const char *what, CK_RV rv);
/* Whether got (first) is what was wanted (second); counted as failed if not. */
bool same(kat *k, const kat_case *c, const job *j, const char *what, const span both[static 2]);
/* Imports a key; when it can't be, the vector is counted and false returned. */
bool create_key(kat *k, const kat_case *c, job *j, attrs *key, CK_OBJECT_HANDLE *out_key);
void destroy_key(kat *k, CK_OBJECT_HANDLE key);

#endif
