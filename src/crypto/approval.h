/* Which uses of algorithms and keys NIST's standards approve, as of 2026: the approval column of the
 * mechanism table and, by algorithm, the conditions that a row can't say. docs/approved-mode.md is
 * printed from both. Nothing here refuses anything: core/policy.c does, or only marks the operation.
 * An algorithm without a row of conditions is not approved, so that a new one must be thought about.
 * No function allocates or locks.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_APPROVAL_H
#define HSM_CRYPTO_APPROVAL_H

#include "crypto/kdf.h"
#include "crypto/key.h"
#include "crypto/mech.h"

/* The least security strength of anything new (SP 800-131A, 2; SP 800-57 part 1, 5.6.3). */
#define HSM_APPROVED_MIN_STRENGTH_BITS 112u

/* One use of a key, or a digest. Where something is not known yet its conditions are passed over:
 * hsm_approval_of_row() asks about the row alone. */
typedef struct hsm_approval_case {
    const hsm_mech *mech;
    hsm_op op;
    const hsm_key *key;            /* the key that is used; NULL: none */
    const hsm_mech_params *params; /* NULL: not read yet */
} hsm_approval_case;

/* Whether the row is approved for the operation under at least some condition.
 * errors  HSM_E_MECHANISM */
HSM_MUST_USE hsm_err hsm_approval_of_row(const hsm_mech *mech, hsm_op op);
/* Whether this use is. HSM_OK: yes; else why not, as the error to refuse it with.
 * errors  HSM_E_MECHANISM, HSM_E_KEY_SIZE, HSM_E_KEY_TYPE (the curve), HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_approval_of_use(const hsm_approval_case *use);
/* Whether data_len bytes may be signed or verified at once: ECDSA without a hash takes a digest of an
 * approved hash function only. errors HSM_E_DATA_LEN */
HSM_MUST_USE hsm_err hsm_approval_of_data(const hsm_mech *mech, hsm_op op, size_t data_len);
/* Whether a key of this size, curve or set may be made (mechanism and parameters: of_use).
 * errors  HSM_E_KEY_SIZE, HSM_E_CURVE, HSM_E_TEMPLATE_INCONSISTENT (RSA's public exponent) */
HSM_MUST_USE hsm_err hsm_approval_of_generation(const hsm_keygen *request);
/* Whether a derivation may give keys this long (bytes each, 0: no key there).
 * errors  HSM_E_MECHANISM_PARAM (the hash), HSM_E_KEY_SIZE */
HSM_MUST_USE hsm_err hsm_approval_of_derivation(const hsm_mech *mech, const hsm_kdf *kdf,
                                                const hsm_kdf_slice *slices, size_t count);
/* Whether `wrapped` may leave under the key of `use`: a key is never wrapped under a weaker one
 * (SP 800-57 part 1, 5.6.1; SP 800-56B, 6). errors HSM_E_WRAPPING_KEY_SIZE */
HSM_MUST_USE hsm_err hsm_approval_of_wrapping(const hsm_approval_case *use, const hsm_key *wrapped);

/* The security strength of a key in bits (SP 800-57 part 1, tables 2 and 3; FIPS 203, 204, 205: by
 * category); sizes between two rows count as the lower one. 0: too weak to be listed. */
uint32_t hsm_key_strength(const hsm_key *key);

/* The condition on an algorithm in words, for the document; NULL: the algorithm has none. */
const char *hsm_approval_text(hsm_alg alg);

#endif
