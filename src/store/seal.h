/* Authenticated encryption of records and of secret parts (AES-256-GCM).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_SEAL_H
#define HSM_STORE_SEAL_H

#include "base/buf.h"
#include "base/secret.h"
#include "crypto/crypto.h"

/* Nonce in front, tag behind. */
#define HSM_SEAL_OVERHEAD_BYTES (HSM_AEAD_NONCE_BYTES + HSM_AEAD_TAG_BYTES)

/* One sealing key, keyed once; safe for any number of threads (its own lock, held for one record).
 * Counted: objects keep the seal alive that their secret part needs. */
typedef struct hsm_seal hsm_seal;

HSM_MUST_USE hsm_err hsm_seal_create(hsm_crypto *crypto, hsm_bytes key, hsm_seal **out_seal);
/* The same for a random key that only this process has and that seals nothing on disk: nonces are
 * counted, which costs no random bytes. */
HSM_MUST_USE hsm_err hsm_seal_create_counting(hsm_crypto *crypto, hsm_bytes key,
                                              hsm_seal **out_seal);
hsm_seal *hsm_seal_acquire(hsm_seal *seal);
/* Wipes with the last reference; NULL is allowed. */
void hsm_seal_release(hsm_seal *seal);
static inline void hsm_seal_drop(hsm_seal **seal)
{
    hsm_seal_release(*seal);
    *seal = NULL;
}

/* What it computes with. */
hsm_crypto *hsm_seal_crypto(const hsm_seal *seal);

/* Appends nonce, ciphertext and tag of plain to out_sealed, under a fresh nonce. */
HSM_MUST_USE hsm_err hsm_seal_close(hsm_seal *seal, hsm_bytes aad, hsm_bytes plain,
                                    hsm_buf *out_sealed);
/* errors  HSM_E_STORE_CORRUPT */
HSM_MUST_USE hsm_err hsm_seal_open(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed,
                                   hsm_secret **out_plain);
/* The same for what is not secret: appended to a heap buffer. */
HSM_MUST_USE hsm_err hsm_seal_open_public(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed,
                                          hsm_buf *out_plain);

#endif
