/* A provider inside this program that lets libssl sign with a key of the token.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TLS_TOKEN_H
#define HSM_CRATOND_TLS_TOKEN_H

#include <openssl/types.h>

#include "cratond/token_key.h"

/* Adds the provider to a library context that has the default one loaded, which stays preferred for
 * everything else. errors HSM_E_CRYPTO */
HSM_MUST_USE hsm_err tls_token_provider_load(OSSL_LIB_CTX *libctx, OSSL_PROVIDER **out_provider);

/* An EVP_PKEY with the public half of a key in the token, whose signatures the token makes; tried out.
 * RSA, EC, Ed25519, Ed448 and ML-DSA. What is wrong is logged.
 * in      take_key  the EVP_PKEY's from now on, also when this fails
 * errors  HSM_E_CONFIG (another kind of key; it does not sign), HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err tls_token_pkey(OSSL_LIB_CTX *libctx, token_key *take_key, EVP_PKEY **out_pkey);

#endif
