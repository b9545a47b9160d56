/* Certificate requests: PKCS#10 (RFC 2986) for a key whose signature is made elsewhere.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_REQUEST_H
#define HSM_CRYPTO_REQUEST_H

#include "base/buf.h"
#include "crypto/der.h"
#include "crypto/mech.h"

#define HSM_REQUEST_TEXT_MAX_BYTES 4096u /* of a subject, and of a list of alternative names */
#define HSM_REQUEST_INFO_MAX_BYTES ((size_t)32 * 1024)

/* Appends, in front of what is written, the Name that `text` describes by RFC 4514: "CN=a.example,
 * O=Some Company,C=CH", the most specific part first. Known: CN, serialNumber, C, L, ST, STREET, O, OU,
 * DC, UID, emailAddress, in any case; a backslash takes the next character as it is. Parts of several
 * attributes ("+") and values in hexadecimal are not read.
 * errors  HSM_E_DATA (no such text), HSM_E_LIMIT (text too long) */
HSM_MUST_USE hsm_err hsm_request_put_subject(hsm_der_writer *writer, const char *text);
/* The same with GeneralNames (RFC 5280, 4.2.1.6) of a list "DNS:a.example,IP:192.0.2.1,EMAIL:a@b.example,
 * URI:https://a.example/"; a comma within a URI can't be written. */
HSM_MUST_USE hsm_err hsm_request_put_alt_names(hsm_der_writer *writer, const char *text);

/* How requests of a key are signed. */
typedef struct hsm_request_scheme {
    const hsm_mech *mech; /* takes the whole message and no parameter */
    hsm_bytes algorithm;  /* AlgorithmIdentifier of the signature; constant, or within the SPKI */
    bool has_numbers;     /* the mechanism gives r and s side by side, the request is to have
                                 them as an Ecdsa-Sig-Value (RFC 3279, 2.2.3) */
} hsm_request_scheme;
/* RSA: PKCS #1 v1.5 with SHA-256; EC: ECDSA with the hash of the curve's strength; Ed25519, Ed448, ML-DSA
 * and SLH-DSA: as they are. Composites, whose names in certificates are still a draft's, are refused.
 * errors  HSM_E_DATA (no SubjectPublicKeyInfo), HSM_E_KEY_TYPE (it signs no requests), those of
 *         hsm_curve_find() */
HSM_MUST_USE hsm_err hsm_request_scheme_of(hsm_bytes spki, hsm_request_scheme *out_scheme);

typedef struct hsm_request_content {
    hsm_bytes spki;
    const char *subject;
    const char *alt_names; /* NULL: none */
} hsm_request_content;
/* Appends the CertificationRequestInfo: what is signed. errors those of the texts, HSM_E_LIMIT */
HSM_MUST_USE hsm_err hsm_request_info(const hsm_request_content *content, hsm_buf *out_der);
/* Appends the CertificationRequest. errors HSM_E_INTERNAL (a signature of another form) */
HSM_MUST_USE hsm_err hsm_request_finish(const hsm_request_scheme *scheme, hsm_bytes info,
                                        hsm_bytes signature, hsm_buf *out_der);

#endif
