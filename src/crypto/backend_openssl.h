/* Shared by the files of the OpenSSL backend: the private library context and what was fetched
 * from it once.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_H
#define HSM_CRYPTO_BACKEND_OPENSSL_H

#include <openssl/core.h>
#include <openssl/evp.h>

#include "crypto/internal.h"

/* AES key sizes, as an index into tables of fetched ciphers. */
enum { HSM_AES_128, HSM_AES_192, HSM_AES_256, HSM_AES_SIZES };

/* The index of a key of 128, 192 or 256 bits. */
static inline uint32_t hsm_aes_size(uint32_t bits)
{
    return (bits - 128) / 64;
}

typedef struct hsm_ossl {
    OSSL_LIB_CTX *libctx;
    bool is_fips; /* everything but the entropy source comes from the FIPS provider */
    OSSL_PROVIDER *provider;
    OSSL_PROVIDER *base_provider; /* with the FIPS provider: what encodes keys */
    OSSL_PROVIDER *random_provider;
    struct hsm_random_state *random_state; /* the provider's, at hand: every call asks it */
    EVP_MD *md[HSM_HASH_COUNT];            /* [HSM_HASH_NONE] is NULL */
    EVP_MAC *hmac;
    EVP_MAC *cmac;
    EVP_KDF *hkdf;
    /* With the hash set and no key, to be copied: setting it is a search by name. NULL: SHAKE. HKDF's
     * only expand. */
    EVP_MAC_CTX *hmac_with[HSM_HASH_COUNT];
    EVP_KDF_CTX *hkdf_with[HSM_HASH_COUNT];
    EVP_KDF *pbkdf2;
    EVP_KDF *x963;
    EVP_KDF *sskdf;
    EVP_KDF *tls1_prf;
    EVP_CIPHER *aes[HSM_ALG_COUNT][HSM_AES_SIZES]; /* only the ciphers are filled */
    struct hsm_ossl_pkey *pkey;                    /* backend_openssl_pkey.c */
    uint64_t generation;   /* process that opened it completely; 0: not complete */
    struct hsm_ossl *next; /* while parked between close and open */
} hsm_ossl;

/* What the asymmetric families keep for the whole backend (fetched signatures, idle key generation
 * contexts): opened last by the backend's open, closed first by its close. A backend whose pkey is
 * NULL may be closed. */
HSM_MUST_USE hsm_err hsm_ossl_pkey_open(hsm_ossl *ossl);
void hsm_ossl_pkey_close(hsm_ossl *ossl);

static inline hsm_ossl *hsm_ossl_of(const hsm_crypto *crypto)
{
    return crypto->native;
}

/* Family tables, one per file. */
extern const hsm_family hsm_ossl_digest;
extern const hsm_family hsm_ossl_hmac;
extern const hsm_family hsm_ossl_cmac;
extern const hsm_family hsm_ossl_cipher;
extern const hsm_family hsm_ossl_aead;
extern const hsm_family hsm_ossl_keywrap;
extern const hsm_family hsm_ossl_whole;
extern const hsm_family hsm_ossl_gmac;
extern const hsm_family hsm_ossl_rsa;
extern const hsm_family hsm_ossl_ecdsa;
extern const hsm_family hsm_ossl_eddsa;
extern const hsm_family hsm_ossl_pqc_sign;

/* Key tables: backend_openssl_rsa_key.c, backend_openssl_ec_key.c (EC, Edwards, Montgomery). */
extern const hsm_key_ops hsm_ossl_rsa_key;
extern const hsm_key_ops hsm_ossl_ec_key;
extern const hsm_key_ops hsm_ossl_composite_key; /* backend_openssl_composite.c */
extern const hsm_key_ops hsm_ossl_pqc_key;       /* backend_openssl_pqc_key.c */
extern const hsm_key_ops hsm_ossl_dh_key;        /* backend_openssl_dh_key.c */
const hsm_key_ops *hsm_ossl_key_ops(CK_KEY_TYPE key_type);
/* Gives OpenSSL memory that is left out of core dumps and wiped (backend_openssl_memory.c). Before its
 * first allocation, once in a process. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_memory_protect(void);

hsm_err hsm_ossl_derive(hsm_crypto *crypto, const hsm_mech *mech, const hsm_mech_params *params,
                        hsm_key *base, size_t out_len, hsm_secret **out_value);
hsm_err hsm_ossl_pbkdf2(hsm_crypto *crypto, const hsm_mech_params *given, hsm_secret *out);
hsm_err hsm_ossl_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value);
hsm_err hsm_ossl_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext, hsm_secret **out_value);
hsm_err hsm_ossl_spki(hsm_key *key, hsm_buf *out_der);
hsm_err hsm_ossl_pkcs8_encode(hsm_key *key, hsm_secret **out_der);
hsm_err hsm_ossl_pkcs8_decode(hsm_crypto *crypto, hsm_bytes der, CK_KEY_TYPE wanted,
                              hsm_key_bundle *out);

hsm_err hsm_ossl_spki_decode(hsm_bytes der, hsm_key_parts *out_parts);
/* backend_openssl_import.c */
hsm_err hsm_ossl_import_read(hsm_crypto *crypto, hsm_bytes content, hsm_bytes passphrase,
                             hsm_import *import);

hsm_err hsm_ossl_cipher_block(hsm_crypto *crypto, hsm_alg alg, hsm_bytes key, const uint8_t in[16],
                              uint8_t out[16]);

#endif
