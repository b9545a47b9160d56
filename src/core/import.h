/* Foreign keys and certificates become objects.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_IMPORT_H
#define HSM_CORE_IMPORT_H

#include "base/secret.h"
#include "core/keyring.h"

typedef struct hsm_core_import {
    const hsm_secret *content; /* the file */
    hsm_bytes passphrase;      /* empty: none */
    const hsm_key_spec
        *spec; /* of a secret key: the content is its value; else the family that keys
                                  must be of. NULL: any, and no secret key */
    const hsm_named *public_template; /* of public keys and certificates */
    const hsm_named *private_template;
} hsm_core_import;

/* Whether a file asks for a passphrase, which is to be had before the import. Leaves no event. */
HSM_MUST_USE bool hsm_core_import_asks(hsm_core *core, const hsm_core_import *request);

#define HSM_CORE_IMPORT_MAX 16u
/* Makes objects of all that a file holds (crypto/import.h): private keys with their public halves, public
 * keys, certificates; or of one secret key. Each key is checked as with C_CreateObject; all become
 * objects or none.
 * errors  HSM_E_DATA, HSM_E_ENCRYPTED_DATA (passphrase missing or wrong), HSM_E_NOT_SUPPORTED (by an
 *         algorithm that OpenSSL's default provider has not), HSM_E_LIMIT,
 *         HSM_E_KEY_TYPE (not of the family), HSM_E_ATTRIBUTE_VALUE (parts that do not fit together), those
 *         of templates and of the store */
HSM_MUST_USE hsm_err hsm_core_import_file(hsm_core *core, hsm_session *session,
                                          const hsm_core_import *request,
                                          CK_OBJECT_HANDLE out_handles[HSM_CORE_IMPORT_MAX],
                                          size_t *out_count);

#endif
