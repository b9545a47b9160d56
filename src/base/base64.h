/* Base64 with padding (RFC 4648, 4). Not for secrets: time depends on the text.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_BASE64_H
#define HSM_BASE_BASE64_H

#include "base/bytes.h"

/* Characters for len bytes, without a NUL. */
#define HSM_BASE64_CHARS(len) (((len) + 2) / 3 * 4)

/* Writes HSM_BASE64_CHARS(data.len) characters, no NUL. */
void hsm_base64_encode(hsm_bytes data, char *out_text);
/* Decodes text without blanks; *out_len: room, then bytes.
 * errors  HSM_E_DATA (not base64, or padding bits that are not zero), HSM_E_BUFFER_TOO_SMALL */
HSM_MUST_USE hsm_err hsm_base64_decode(hsm_bytes text, uint8_t *out_data, size_t *out_len);

#endif
