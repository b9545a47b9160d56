/* Whether a set of TLS rules, certificate and key serves anybody.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TLS_PROOF_H
#define HSM_CRATOND_TLS_PROOF_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/scope.h"

/* A handshake in memory, with a client that takes what the server has and is not asked for a certificate.
 * in      is_1_2_allowed  one with TLS 1.2 will do as well
 * errors  HSM_E_CRYPTO (logged), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err tls_prove(SSL_CTX *server, OSSL_LIB_CTX *libctx, bool is_1_2_allowed);

#endif
