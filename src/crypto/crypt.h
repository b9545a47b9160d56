/* One open operation of a session: encrypt, decrypt, digest, sign or verify; also wrap and unwrap
 * of bytes. Kept and reused by its session, so that a repeated operation allocates nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_CRYPT_H
#define HSM_CRYPTO_CRYPT_H

#include "crypto/crypto.h"
#include "crypto/key.h"
#include "crypto/mech.h"

typedef struct hsm_crypt hsm_crypt;

/* The most bytes an operation buffers where nothing may leave before the end (GCM decryption,
 * EdDSA, raw RSA in parts): 64 MiB. */
#define HSM_CRYPT_BUFFER_MAX_BYTES ((size_t)64 * 1024 * 1024)

HSM_MUST_USE hsm_err hsm_crypt_create(hsm_crypto *crypto, hsm_crypt **out_crypt);
void hsm_crypt_destroy(hsm_crypt *crypt);
HSM_DEFINE_DROP(hsm_crypt)

/**
 * Opens an operation.
 *
 * in      op      one of ENCRYPT, DECRYPT, DIGEST, SIGN, VERIFY, SIGN_RECOVER, VERIFY_RECOVER,
 *                 WRAP (as encrypt), UNWRAP (as decrypt)
 * in      mech    a row that offers op (already admitted and allowed)
 * in      params  from hsm_mech_params_read(); what is needed later is copied
 * in      key     fits mech; NULL for digests; must live until hsm_crypt_end(). The contexts keyed
 *                 for it are kept after the end and used again when the same key (by its serial,
 *                 never by its address) returns with the same mech and op.
 * errors  HSM_E_MECHANISM_PARAM, HSM_E_KEY_SIZE, HSM_E_NO_MEMORY, HSM_E_CRYPTO
 */
HSM_MUST_USE hsm_err hsm_crypt_begin(hsm_crypt *crypt, hsm_op op, const hsm_mech *mech,
                                     const hsm_mech_params *params, hsm_key *key);

/* Opens once more what the last hsm_crypt_begin() here opened, if that had no parameters: quicker, as
 * all that follows from op and mech is still there.
 * in      mech  that of the last time, whose params are HSM_PARAM_NONE
 * in      key   one with which the last could have been opened too; mostly the same
 * errors  as hsm_crypt_begin() */
HSM_MUST_USE hsm_err hsm_crypt_begin_again(hsm_crypt *crypt, const hsm_mech *mech, hsm_key *key);

/**
 * Whole message at once: the result of encrypt, decrypt, digest, sign (and the recover forms).
 * Allowed only before the first update. out->data NULL: only out->len is set (an upper bound is
 * allowed for padded decryption) and the operation stays as it is; the same on
 * HSM_E_BUFFER_TOO_SMALL. in and out may overlap or be the same place.
 * errors  HSM_E_BUFFER_TOO_SMALL, HSM_E_DATA_LEN, HSM_E_ENCRYPTED_DATA,
 *         HSM_E_ENCRYPTED_DATA_LEN, HSM_E_DATA (raw RSA input not below the modulus),
 *         HSM_E_OPERATION (an update came before), HSM_E_CRYPTO
 */
HSM_MUST_USE hsm_err hsm_crypt_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out);
/* Adds a part. out: where encrypt and decrypt put what is ready (may be 0 bytes); NULL for the
 * others. Length rules as above.
 * errors  as above, HSM_E_LIMIT, HSM_E_NOT_SUPPORTED (the mechanism is single-part only) */
HSM_MUST_USE hsm_err hsm_crypt_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out);
/* A last part and the end at once: what update and final would give together. Length rules as above:
 * while only the length is told, the part is not taken. */
HSM_MUST_USE hsm_err hsm_crypt_last(hsm_crypt *crypt, hsm_bytes in, hsm_out *out);
/* The rest of encrypt and decrypt; the result of digest and sign. Length rules as above. */
HSM_MUST_USE hsm_err hsm_crypt_final(hsm_crypt *crypt, hsm_out *out);

/* Checks a signature or MAC over a whole message, or over the parts given before.
 * errors  HSM_E_SIGNATURE, HSM_E_SIGNATURE_LEN, HSM_E_DATA_LEN */
HSM_MUST_USE hsm_err hsm_crypt_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_crypt_verify_final(hsm_crypt *crypt, hsm_bytes signature);

/* Authenticated encryption with the tag apart (hsm_mech_params): the tag of an encryption that has
 * ended, borrowed; and that of a decryption, to be given before its end. */
#define HSM_CRYPT_TAG_MAX_BYTES 16u
hsm_bytes hsm_crypt_tag(const hsm_crypt *crypt);
/* in      tag  HSM_CRYPT_TAG_MAX_BYTES at most, as many as the parameters said */
void hsm_crypt_put_tag(hsm_crypt *crypt, hsm_bytes tag);

/* Whether hsm_crypt_update() was called since the operation was opened. */
bool hsm_crypt_has_parts(const hsm_crypt *crypt);

/* Closes the operation and wipes its state; keyed contexts may stay for reuse (see begin).
 * Also after an error. */
void hsm_crypt_end(hsm_crypt *crypt);
/* Forgets every keyed context (logout, key destroyed). */
void hsm_crypt_forget(hsm_crypt *crypt);

#endif
