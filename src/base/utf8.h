/* Text from outside: what is UTF-8 and what is not.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_UTF8_H
#define HSM_BASE_UTF8_H

#include "base/bytes.h"

/* Bytes of the character that `text` (at least one byte) begins with; 0 if it begins with none: no
 * overlong form, no surrogate, nothing over U+10FFFF (RFC 3629, 4). */
size_t hsm_utf8_char_len(hsm_bytes text);
/* Whether text is characters from end to end; empty text is. */
bool hsm_utf8_is_valid(hsm_bytes text);

#endif
