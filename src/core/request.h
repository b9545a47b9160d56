/* Certificate requests signed by keys of the token.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_REQUEST_H
#define HSM_CORE_REQUEST_H

#include "base/buf.h"
#include "core/core.h"

typedef struct hsm_core_request {
    CK_OBJECT_HANDLE key; /* private */
    const char
        *subject; /* RFC 4514: "CN=a.example,O=Some Company"; crypto/request.h has the rules */
    const char *alt_names; /* "DNS:a.example,IP:192.0.2.1"; NULL: none */
} hsm_core_request;

/* Appends a PKCS#10 CertificationRequest (DER) with the key's CKA_PUBLIC_KEY_INFO, signed with the key
 * as by C_Sign: its usage, its state, approved mode and the audit log count as they do there.
 * errors  HSM_E_DATA (subject or alternative names), HSM_E_LIMIT (they are too long), HSM_E_KEY_TYPE
 *         (signs no requests), HSM_E_ATTRIBUTE_TYPE (no public key known), those of signing */
HSM_MUST_USE hsm_err hsm_core_make_request(hsm_core *core, hsm_session *session,
                                           const hsm_core_request *request, hsm_buf *out_der);

#endif
