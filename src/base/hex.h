/* Hexadecimal digits. Not for secrets: time depends on the text.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_HEX_H
#define HSM_BASE_HEX_H

#include "base/bytes.h"

/* Writes two small digits for each byte, the high one first, no NUL. */
void hsm_hex_encode(hsm_bytes data, char *out_text);
/* The value of a digit, small or capital; -1: it is none. */
int hsm_hex_digit(int c);

#endif
