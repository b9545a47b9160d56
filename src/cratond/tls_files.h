/* The files of TLS: read once, then parsed from memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TLS_FILES_H
#define HSM_CRATOND_TLS_FILES_H

#include <openssl/types.h>

#include "base/scope.h"

#define TLS_FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define TLS_KEY_MAX_BYTES ((size_t)64 * 1024)

/* What tls_context_create() puts together; each logs what is wrong and returns HSM_E_CONFIG.
 * The key's file may be read by its owner alone. */
HSM_MUST_USE hsm_err tls_use_chain(SSL_CTX *ctx, const char *path);
HSM_MUST_USE hsm_err tls_use_key(SSL_CTX *ctx, OSSL_LIB_CTX *libctx, const char *path);
/* The same with a key that is there; name: where it is from, for the log. */
HSM_MUST_USE hsm_err tls_use_pkey(SSL_CTX *ctx, EVP_PKEY *key, const char *name);
HSM_MUST_USE hsm_err tls_trust(SSL_CTX *ctx, const char *path);
HSM_MUST_USE hsm_err tls_revoke(SSL_CTX *ctx, const char *path);

#endif
