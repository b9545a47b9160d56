/* The keys that sign checkpoints: Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204), both always, so that a
 * log stays proven should either be broken.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_SIGNER_H
#define HSM_AUDIT_SIGNER_H

#include "base/buf.h"
#include "crypto/crypto.h"

#define HSM_ED25519_SIGNATURE_BYTES 64u
#define HSM_ML_DSA_65_SIGNATURE_BYTES 3309u
#define HSM_ED25519_PUBLIC_BYTES 32u
#define HSM_ML_DSA_65_PUBLIC_BYTES 1952u

/* Both public keys, raw. */
typedef struct hsm_signer_public {
    uint8_t ed25519[HSM_ED25519_PUBLIC_BYTES];
    uint8_t ml_dsa_65[HSM_ML_DSA_65_PUBLIC_BYTES];
} hsm_signer_public;

/* Both signatures over one message. */
typedef struct hsm_signatures {
    uint8_t ed25519[HSM_ED25519_SIGNATURE_BYTES];
    uint8_t ml_dsa_65[HSM_ML_DSA_65_SIGNATURE_BYTES];
} hsm_signatures;

/* The private halves; the keys are parsed for each signature and gone after it. */
typedef struct hsm_signer hsm_signer;

/**
 * Reads the keys of a file, or makes them if there is none and may_create is set; of several
 * processes that try, one makes them. The private halves lie in it sealed under seal_key (32 bytes).
 *
 * errors  HSM_E_STORE_NOT_FOUND (none, and not to be made), HSM_E_STORE_CORRUPT (another seal key, or
 *         damaged), those of os/file.h, HSM_E_CRYPTO, HSM_E_RANDOM, HSM_E_NO_MEMORY
 */
HSM_MUST_USE hsm_err hsm_signer_open(hsm_crypto *crypto, const char *path, hsm_bytes seal_key,
                                     bool may_create, hsm_signer **out_signer);
void hsm_signer_destroy(hsm_signer *signer);
HSM_DEFINE_DROP(hsm_signer)
/* Borrowed until the signer is destroyed. */
const hsm_signer_public *hsm_signer_public_keys(const hsm_signer *signer);
HSM_MUST_USE hsm_err hsm_signer_sign(hsm_signer *signer, hsm_bytes message,
                                     hsm_signatures *out_signatures);

/* Checks both signatures. errors HSM_E_SIGNATURE (either is wrong), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_signer_verify(hsm_crypto *crypto, const hsm_signer_public *keys,
                                       hsm_bytes message, const hsm_signatures *signatures);

/* Two PEM blocks "PUBLIC KEY" (SubjectPublicKeyInfo: RFC 8410, RFC 9881), Ed25519 first, and back;
 * text around the blocks is passed over.
 * errors  HSM_E_NO_MEMORY; HSM_E_DATA (not one key of each kind) */
HSM_MUST_USE hsm_err hsm_signer_public_to_pem(const hsm_signer_public *keys, hsm_buf *out_pem);
HSM_MUST_USE hsm_err hsm_signer_public_from_pem(hsm_bytes pem, hsm_signer_public *out_keys);

#endif
