/* A private key leaves, encrypted under a passphrase.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_EXPORT_H
#define HSM_CORE_EXPORT_H

#include "base/buf.h"
#include "core/core.h"

typedef struct hsm_core_export {
    CK_OBJECT_HANDLE key;         /* private */
    CK_OBJECT_HANDLE certificate; /* of it: PKCS#12; HSM_HANDLE_NONE: PKCS#8 */
    hsm_bytes passphrase;         /* as for a backup (backup.h), and without a NUL in it */
} hsm_core_export;

/* Appends the key's file, DER (crypto/export.h). Only a key whose value an application may read leaves so:
 * extractable and not sensitive.
 * errors  HSM_E_ATTRIBUTE_SENSITIVE, HSM_E_KEY_UNEXTRACTABLE, HSM_E_KEY_TYPE (no private key; no such key in
 *         this form; not the certificate's), HSM_E_PIN_LEN (the passphrase), HSM_E_OBJECT_HANDLE,
 *         HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_core_export_key(hsm_core *core, hsm_session *session,
                                         const hsm_core_export *request, hsm_buf *out_der);

#endif
