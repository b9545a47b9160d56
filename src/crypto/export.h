/* Files with a private key, encrypted under a passphrase, that other software reads.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_EXPORT_H
#define HSM_CRYPTO_EXPORT_H

#include "base/buf.h"
#include "crypto/crypto.h"

/* PBKDF2 iterations of both forms. */
#define HSM_EXPORT_ITERATIONS 600000

/* Appends EncryptedPrivateKeyInfo (RFC 5958), DER: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018).
 * in      pkcs8  PrivateKeyInfo
 * errors  HSM_E_DATA (pkcs8 is none), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_export_pkcs8(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_bytes passphrase,
                                      hsm_buf *out_der);

/* The way back, PEM or DER, for keys that only we know.
 * errors  HSM_E_DATA (none), HSM_E_ENCRYPTED_DATA (wrong passphrase), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_export_open_pkcs8(hsm_crypto *crypto, hsm_bytes file, hsm_bytes passphrase,
                                           hsm_secret **out_pkcs8);
/* Appends the DER of a PEM file's first "-----BEGIN <what>-----". errors HSM_E_DATA (there is none) */
HSM_MUST_USE hsm_err hsm_export_read_pem(hsm_bytes file, const char *what, hsm_buf *out_der);

typedef struct hsm_export_pkcs12_request {
    hsm_bytes pkcs8;
    hsm_bytes certificate; /* X.509, of this key */
    const char *name;      /* friendlyName; NULL: none */
    const char *passphrase;
} hsm_export_pkcs12_request;
/* Appends PKCS#12 (RFC 7292), DER: key and certificate encrypted as above, the whole under HMAC-SHA256.
 * errors  HSM_E_DATA (no PrivateKeyInfo, or no certificate), HSM_E_KEY_TYPE (the two do not belong together,
 *         or the form has no such key), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_export_pkcs12(hsm_crypto *crypto, const hsm_export_pkcs12_request *request,
                                       hsm_buf *out_der);

#endif
