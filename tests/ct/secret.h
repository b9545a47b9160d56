/* Secrets as valgrind's memcheck sees them: bytes that are not defined. A branch or an address that
 * depends on one is an error it reports. What the code makes of secrets on purpose, the verdict, is
 * defined again where it leaves the function that judges: link-time wrappers do that (wraps.c).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_SECRET_H
#define CT_SECRET_H

#include <stddef.h>

#include "base/bytes.h"

void ct_hide(const void *data, size_t len);
void ct_show(const void *data, size_t len);
/* Verdicts that were given, by the wrappers, since the last call. */
unsigned ct_verdicts(void);
/* Errors that memcheck has reported so far; 0 outside valgrind. */
unsigned ct_errors(void);
/* Whether this runs under memcheck. */
int ct_is_watched(void);

#endif
