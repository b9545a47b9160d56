/* What a cryptographic library provides, as structs of functions over keys and bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_H
#define HSM_CRYPTO_BACKEND_H

#include "crypto/crypt.h"
#include "crypto/crypto.h"
#include "crypto/import.h"
#include "crypto/kdf.h"
#include "crypto/kem.h"
#include "crypto/key.h"

/* Algorithms that share context objects and code. */
typedef enum hsm_family_id {
    HSM_FAMILY_DIGEST,
    HSM_FAMILY_HMAC,
    HSM_FAMILY_CMAC,
    HSM_FAMILY_CIPHER,  /* ECB, CBC, CBC-PAD, CTR; 3DES */
    HSM_FAMILY_AEAD,    /* GCM; later CCM and ChaCha20-Poly1305 */
    HSM_FAMILY_KEYWRAP, /* KW, KWP */
    HSM_FAMILY_WHOLE,   /* CTS, XTS, CCM: the whole message at once */
    HSM_FAMILY_GMAC,
    HSM_FAMILY_HYBRID, /* AES-KWP under a key that RSA or ECDH carries */
    HSM_FAMILY_RSA,
    HSM_FAMILY_ECDSA,
    HSM_FAMILY_EDDSA,
    HSM_FAMILY_PQC_SIGN,  /* ML-DSA, SLH-DSA */
    HSM_FAMILY_COMPOSITE, /* ML-DSA and a curve's signature */
    HSM_FAMILY_COUNT,
} hsm_family_id;

/* One family of operations. `crypt` (struct in crypto/internal.h) carries op, mech, params, key and
 * this family's reusable state. The length rules (query, too small) are applied by crypt.c with
 * result_len before a function is called, so single and final always have room for result_len
 * bytes; they set out->len to what they wrote. */
typedef struct hsm_family {
    void (*drop)(void *state); /* frees crypt->state[family] */
    hsm_err (*begin)(hsm_crypt *crypt);
    void (*end)(void *state); /* may be NULL: wipes what belongs to one operation (buffers) */
    hsm_err (*update)(hsm_crypt *crypt, hsm_bytes in, hsm_out *out); /* NULL: single-part only */
    hsm_err (*final)(hsm_crypt *crypt, hsm_out *out);
    hsm_err (*single)(hsm_crypt *crypt, hsm_bytes in, hsm_out *out);
    hsm_err (*verify)(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature);
    hsm_err (*verify_final)(hsm_crypt *crypt, hsm_bytes signature);
    /* The most bytes that come out for in_len more bytes now and, if is_last, the rest. */
    size_t (*result_len)(const hsm_crypt *crypt, size_t in_len, bool is_last);
} hsm_family;

/* Keys of one kind. */
typedef struct hsm_key_ops {
    hsm_err (*create)(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key);
    hsm_err (*check)(hsm_key *key);
    hsm_err (*complete)(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out);
    hsm_err (*generate)(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out);
} hsm_key_ops;

/* A run of the generator's algorithm with all its input given (SP 800-90A, HMAC_DRBG): instantiate,
 * then twice a request with prediction resistance. */
typedef struct hsm_drbg_question {
    hsm_bytes entropy;
    hsm_bytes nonce;
    hsm_bytes personal;
    hsm_bytes additional[2];
    hsm_bytes fresh[2]; /* entropy of the reseeds */
} hsm_drbg_question;

typedef struct hsm_backend {
    const char *name;
    bool lacks_rfc6979; /* ECDSA nonces are always random */
    const char *(*version)(void);
    hsm_err (*open)(hsm_crypto *crypto);
    void (*close)(hsm_crypto *crypto);
    hsm_err (*random)(hsm_crypto *crypto, uint8_t *data, size_t len);
    /* The same for keys, from another instance than what is shown to callers. */
    hsm_err (*random_secret)(hsm_crypto *crypto, uint8_t *data, size_t len);
    hsm_err (*seed)(hsm_crypto *crypto, hsm_bytes seed);
    /* Known answers: the output of the second request. */
    hsm_err (*drbg_answer)(hsm_crypto *crypto, const hsm_drbg_question *question, uint8_t *out,
                           size_t len);
    const hsm_family *family[HSM_FAMILY_COUNT];
    const hsm_key_ops *(*key_ops)(CK_KEY_TYPE key_type);
    hsm_err (*derive)(hsm_crypto *crypto, const hsm_mech *mech, const hsm_mech_params *params,
                      hsm_key *base, size_t out_len, hsm_secret **out_value);
    /* Derives secret keys; see kdf.h. */
    hsm_err (*kdf)(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                   hsm_secret *out);
    hsm_err (*pbkdf2)(hsm_crypto *crypto, const hsm_mech_params *params, hsm_secret *out);
    /* All but RSA with a padding, which is encryption (kem.c); lengths of ciphertexts are right. */
    hsm_err (*encapsulate)(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value);
    hsm_err (*decapsulate)(const hsm_kem_use *use, hsm_bytes ciphertext, hsm_secret **out_value);
    hsm_err (*spki)(hsm_key *key, hsm_buf *out_der);
    hsm_err (*pkcs8_encode)(hsm_key *key, hsm_secret **out_der);
    hsm_err (*pkcs8_decode)(hsm_crypto *crypto, hsm_bytes der, CK_KEY_TYPE wanted,
                            hsm_key_bundle *out);
    /* Files; see import.h. */
    hsm_err (*import_read)(hsm_crypto *crypto, hsm_bytes content, hsm_bytes passphrase,
                           hsm_import *import);
    hsm_err (*spki_decode)(hsm_bytes der, hsm_key_parts *out_parts);
    /* One block without a mode, for the check value of a key: AES_ECB with a key of 16, 24 or 32 bytes,
     * DES3_ECB with one of 24, which reads and writes the first 8 bytes. */
    hsm_err (*cipher_block)(hsm_crypto *crypto, hsm_alg alg, hsm_bytes key, const uint8_t in[16],
                            uint8_t out[16]);
    /* key.c frees what create made, and what was kept with it: an EVP_PKEY and, or NULL, an
     * EVP_PKEY_CTX for this backend */
    void (*key_drop)(void *native, void *idle);
} hsm_backend;

extern const hsm_backend hsm_backend_openssl;
extern const hsm_backend hsm_backend_openssl_fips; /* implies the rules of approved mode */

#endif
