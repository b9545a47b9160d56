/* The daemon's own private key, where it lives in a token: found by its URI, and never seen here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TOKEN_KEY_H
#define HSM_CRATOND_TOKEN_KEY_H

#include "core/core.h"
#include "core/sign_as.h"

typedef struct token_key token_key;

/* Finds the key, with an application of the core of its own that logs in with the PIN of pin-source, or
 * of the credential craton-hsm-pin: a login that opens nothing for any client. What is wrong is logged
 * under the setting's name.
 * in      root   outlives the key
 * in      uri    that hsm_key_uri_read() accepts
 * errors  HSM_E_CONFIG (no such token or key, or several; no PIN), HSM_E_PIN_INCORRECT and others of
 *         hsm_core_login(), HSM_E_STORE_*, HSM_E_NO_MEMORY
 * thread  any; waits for the PIN's derivation */
HSM_MUST_USE hsm_err token_key_open(hsm_core *root, const char *uri, token_key **out_key);
/* Logs out. NULL is allowed. */
void token_key_close(token_key *key);

/* Its public half, a SubjectPublicKeyInfo (DER); borrowed. */
hsm_bytes token_key_public(const token_key *key);
/* Which object of the store it is: its unique id as a number, never 0. */
uint64_t token_key_id(const token_key *key);

/* What is to be signed, and how; request->key is not looked at. One signature at a time: others wait.
 * errors  those of hsm_core_sign_as()
 * thread  any; waits for the audit log's disk */
HSM_MUST_USE hsm_err token_key_sign(token_key *key, const hsm_sign_request *request, hsm_out *out);

#endif
