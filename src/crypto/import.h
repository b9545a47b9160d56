/* Files with keys and certificates as other software writes them: PEM and DER of PKCS#8 (encrypted
 * too), PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509, and PKCS#12.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_IMPORT_H
#define HSM_CRYPTO_IMPORT_H

#include "base/buf.h"
#include "crypto/crypto.h"
#include "crypto/key.h"

#define HSM_IMPORT_ITEMS_MAX 16u
#define HSM_IMPORT_FILE_MAX_BYTES ((size_t)1024 * 1024)

typedef enum hsm_import_kind {
    HSM_IMPORT_PRIVATE,
    HSM_IMPORT_PUBLIC,
    HSM_IMPORT_CERTIFICATE,
} hsm_import_kind;

typedef struct hsm_import_item {
    hsm_import_kind kind;
    hsm_secret *pkcs8; /* PRIVATE: PrivateKeyInfo */
    hsm_buf der;       /* PUBLIC: SubjectPublicKeyInfo; CERTIFICATE: itself */
    hsm_buf subject;   /* CERTIFICATE: DER, as the next two */
    hsm_buf issuer;
    hsm_buf serial;
} hsm_import_item;

typedef struct hsm_import {
    hsm_import_item items[HSM_IMPORT_ITEMS_MAX];
    size_t count;
    bool needs_passphrase; /* also set on failure: something in it is encrypted */
} hsm_import;
void hsm_import_clear(hsm_import *import);

/* Takes a file apart. Nothing is checked but its form: hsm_key_check() is the caller's.
 * in      passphrase  empty: none; at most 1024 bytes
 * inout   import      starts as { 0 }; also after an error to be cleared
 * errors  HSM_E_DATA (nothing that is known), HSM_E_ENCRYPTED_DATA (no or the wrong passphrase),
 *         HSM_E_NOT_SUPPORTED (encrypted by an algorithm that there is not, as RC2 in old PKCS#12), HSM_E_LIMIT (too large, too many), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_import_read(hsm_crypto *crypto, hsm_bytes content, hsm_bytes passphrase,
                                     hsm_import *import);

/* The parts of a public key. errors HSM_E_DATA (no SubjectPublicKeyInfo), HSM_E_KEY_TYPE, ... */
HSM_MUST_USE hsm_err hsm_import_public(hsm_crypto *crypto, hsm_bytes spki,
                                       hsm_key_parts *out_parts);

#endif
