/* What the asymmetric files of the OpenSSL backend share: numbers in and out of an EVP_PKEY, the
 * keyed context of an operation, errors.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_PKEY_H
#define HSM_CRYPTO_BACKEND_OPENSSL_PKEY_H

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/backend_openssl.h"
#include "crypto/number.h"

/* RSA modulus: the largest key taken, and the smallest when weak RSA is allowed and when not. */
#define HSM_RSA_MAX_BITS 16384u
#define HSM_RSA_MIN_BITS 2048u
#define HSM_RSA_WEAK_MIN_BITS 1024u
#define HSM_RSA_MAX_BYTES (HSM_RSA_MAX_BITS / 8)
/* ECDSA, EdDSA: the longest signature (P-521: 132, brainpoolP512r1: 128, Ed448: 114). */
#define HSM_EC_SIGNATURE_MAX_BYTES 132u
#define HSM_EC_VALUE_MAX_BYTES 66u
#define HSM_HASH_MAX_BYTES 64u

/* Locals of OpenSSL's types for HSM_AUTO. */
static inline void hsm_ossl_pkey_drop(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static inline void hsm_ossl_pkey_ctx_drop(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}

/* The EdDSA variants of RFC 8032, 5. */
typedef enum hsm_eddsa_variant {
    HSM_EDDSA_ED25519,
    HSM_EDDSA_ED25519CTX,
    HSM_EDDSA_ED25519PH,
    HSM_EDDSA_ED448,
    HSM_EDDSA_ED448PH,
    HSM_EDDSA_COUNT,
} hsm_eddsa_variant;

/* hsm_ossl.pkey */
typedef struct hsm_ossl_pkey hsm_ossl_pkey;
EVP_SIGNATURE *hsm_ossl_eddsa_signature(const hsm_crypto *crypto, hsm_eddsa_variant variant);
/* An idle key generation context for the curve, or a new one; give it back afterwards. NULL when
 * there is no memory.
 * thread  lock-free: the context belongs to the caller in between */
EVP_PKEY_CTX *hsm_ossl_keygen_take(const hsm_crypto *crypto, const hsm_curve *curve);
void hsm_ossl_keygen_give(const hsm_crypto *crypto, const hsm_curve *curve, EVP_PKEY_CTX *ctx);

/* The cause of an OpenSSL failure: HSM_E_NO_MEMORY or HSM_E_RANDOM if its error queue says so,
 * `meaning` if the queue has this library's reason, else `otherwise`. Empties the queue. */
hsm_err hsm_ossl_cause_of(int lib, int reason, hsm_err meaning, hsm_err otherwise);
/* The same without a reason to look for. Inline: analysers see that it is never HSM_OK. */
static inline hsm_err hsm_ossl_cause(hsm_err otherwise)
{
    const hsm_err cause = hsm_ossl_cause_of(0, 0, otherwise, otherwise);
    return cause == HSM_OK ? otherwise : cause;
}
/* HSM_OK when ret is 1, else the cause. */
HSM_MUST_USE static inline hsm_err hsm_ossl_done(int ret, hsm_err otherwise)
{
    return ret == 1 ? HSM_OK : hsm_ossl_cause(otherwise);
}

/* Copies a number between big-endian and the machine's order (OSSL_PARAM), zero-padded to dst_len;
 * dst may not overlap src. dst_len >= number.len. */
void hsm_ossl_native_number(uint8_t *dst, size_t dst_len, hsm_bytes number);

/* An EVP_PKEY from parameters in the backend's library context.
 * errors  HSM_E_ATTRIBUTE_VALUE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_pkey_from(const hsm_crypto *crypto, const char *type, int selection,
                                        OSSL_PARAM *params, EVP_PKEY **out_pkey);

/* Reads the number `name` of a key, big-endian, exactly len bytes.
 * errors  HSM_E_CRYPTO (absent or longer), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_pkey_number(const EVP_PKEY *pkey, const char *name, uint8_t *out,
                                          size_t len);
/* The raw public point of an EC, Edwards or Montgomery key: curve->point_bytes bytes. */
HSM_MUST_USE hsm_err hsm_ossl_pkey_point(const EVP_PKEY *pkey, const hsm_curve *curve,
                                         uint8_t out[HSM_EC_POINT_MAX_BYTES]);
/* Both halves of a Weierstrass key at once, which asks OpenSSL once: the public point,
 * curve->point_bytes, and the private value, curve->order_bytes, big-endian. */
HSM_MUST_USE hsm_err hsm_ossl_pkey_halves(const EVP_PKEY *pkey, const hsm_curve *curve,
                                          uint8_t *out_point, uint8_t *out_value);
/* Collects the parts of a bundle in one secret of `cap` bytes, which is made at once. */
typedef struct hsm_ossl_packer {
    hsm_key_parts parts;
    hsm_secret *storage;
    size_t used;
} hsm_ossl_packer;
HSM_MUST_USE hsm_err hsm_ossl_packer_init(hsm_ossl_packer *packer, CK_OBJECT_CLASS key_class,
                                          CK_KEY_TYPE key_type, size_t cap);
void hsm_ossl_packer_clear(hsm_ossl_packer *packer);
/* Room for a part of len bytes, to be written at once. errors HSM_E_INTERNAL (cap too small) */
HSM_MUST_USE hsm_err hsm_ossl_packer_room(hsm_ossl_packer *packer, hsm_part part, size_t len,
                                          uint8_t **out_room);
HSM_MUST_USE hsm_err hsm_ossl_packer_put(hsm_ossl_packer *packer, hsm_part part, hsm_bytes value);
/* Hands everything over. */
void hsm_ossl_packer_finish(hsm_ossl_packer *packer, hsm_key_bundle *out);

/* Pairwise consistency (backend_openssl_pair.c): signs and verifies, encapsulates and decapsulates, or
 * derives the public key again, as the type of the pair asks; a pair for nothing but agreement is
 * always derived again.
 * errors  HSM_E_SELF_TEST, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_pair_check(const hsm_crypto *crypto, EVP_PKEY *pkey,
                                         CK_KEY_TYPE key_type, bool is_for_agreement);

/* The public point of a private value.
 * in      value  curve->order_bytes bytes
 * errors  HSM_E_ATTRIBUTE_VALUE (not 1 .. order - 1), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_ec_public(const hsm_crypto *crypto, const hsm_curve *curve,
                                        hsm_bytes value, uint8_t out[HSM_EC_POINT_MAX_BYTES]);
/* A public EVP_PKEY from a raw point, checked to be on the curve.
 * errors  HSM_E_ATTRIBUTE_VALUE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_ec_from_point(const hsm_crypto *crypto, const hsm_curve *curve,
                                            hsm_bytes raw, EVP_PKEY **out_pkey);

/* Whether raw (curve->point_bytes bytes) decodes to a point of an Edwards curve.
 * errors  HSM_E_ATTRIBUTE_VALUE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_edwards_check(const hsm_curve *curve, hsm_bytes raw);

/* The keyed contexts that a signing family keeps in hsm_crypt.state, for one key, mechanism and
 * operation at a time. It holds a reference to the EVP_PKEY. */
typedef struct hsm_ossl_signer {
    EVP_PKEY_CTX *ctx;
    EVP_MD_CTX *md;
    uint64_t key_serial;
    const hsm_mech *mech;
    hsm_op op;
    bool is_hashing; /* parts were given */
} hsm_ossl_signer;
/* Whether the context is for crypt's key, mechanism and operation. */
bool hsm_ossl_signer_fits(const hsm_ossl_signer *signer, const hsm_crypt *crypt);
/* A new context for crypt's key, to be initialised; `signer` fits afterwards. */
HSM_MUST_USE hsm_err hsm_ossl_signer_renew(hsm_ossl_signer *signer, const hsm_crypt *crypt);
/* Forgets the context, after an initialisation that failed too. */
void hsm_ossl_signer_forget(hsm_ossl_signer *signer);
/* Ends an operation that was given parts and not finished. */
void hsm_ossl_signer_end(hsm_ossl_signer *signer);
void hsm_ossl_signer_clear(hsm_ossl_signer *signer);
/* Hashing with the mechanism's hash. finish writes hash_len bytes. */
HSM_MUST_USE hsm_err hsm_ossl_signer_hash(hsm_ossl_signer *signer, const hsm_crypt *crypt,
                                          hsm_bytes in);
HSM_MUST_USE hsm_err hsm_ossl_signer_finish(hsm_ossl_signer *signer, const hsm_crypt *crypt,
                                            uint8_t out[HSM_HASH_MAX_BYTES]);
/* What is to be signed: `in` itself for a raw mechanism, else the hash of it, put in room. */
HSM_MUST_USE hsm_err hsm_ossl_signer_digest(hsm_ossl_signer *signer, const hsm_crypt *crypt,
                                            hsm_bytes in, uint8_t room[HSM_HASH_MAX_BYTES],
                                            hsm_bytes *out_digest);

#endif
