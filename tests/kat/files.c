/* Which file is run by what. A file of the folder that no row matches fails the suite.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <fnmatch.h>

#define WY(PATTERN, HANDLER, MECHANISM, ARG)                                   \
    {                                                                          \
        "wycheproof/" PATTERN "_test.json", read_json, HANDLER, MECHANISM, ARG \
    }
#define EVP(PATTERN, HANDLER)                                  \
    {                                                          \
        "acvp/" PATTERN ".txt", read_stanzas, HANDLER, 0, NULL \
    }
#define NIST(PATTERN, HANDLER, MECHANISM)                       \
    {                                                           \
        "nist/" PATTERN, read_stanzas, HANDLER, MECHANISM, NULL \
    }

static const file_row rows[] = {
    WY("aes_cbc_pkcs5", wy_cipher, CKM_AES_CBC_PAD, NULL),
    WY("aes_cmac", wy_mac, CKM_AES_CMAC, NULL),
    WY("aes_gcm", wy_aead, CKM_AES_GCM, NULL),
    WY("aes_gmac", wy_gmac, CKM_AES_GMAC, NULL),
    WY("aes_kwp", wy_keywrap, CKM_AES_KEY_WRAP_KWP, NULL),
    WY("aes_wrap", wy_keywrap, CKM_AES_KEY_WRAP, NULL),
    WY("aes_xts", wy_xts, CKM_AES_XTS, NULL),
    WY("chacha20_poly1305", wy_aead, CKM_CHACHA20_POLY1305, NULL),
    WY("ecdh_*", wy_ecdh, CKM_ECDH1_DERIVE, NULL),
    WY("x25519", wy_ecdh, CKM_ECDH1_DERIVE, NULL),
    WY("ecdsa_*", wy_ecdsa, 0, NULL),
    WY("ed25519", wy_eddsa, CKM_EDDSA, NULL),
    WY("ed448", wy_eddsa, CKM_EDDSA, NULL),
    WY("hkdf_sha1", wy_hkdf, CKM_HKDF_DERIVE, "sha1"),
    WY("hkdf_sha256", wy_hkdf, CKM_HKDF_DERIVE, "sha256"),
    WY("hkdf_sha384", wy_hkdf, CKM_HKDF_DERIVE, "sha384"),
    WY("hmac_sha1", wy_hmac, 0, "sha1"),
    WY("hmac_sha224", wy_hmac, 0, "sha224"),
    WY("hmac_sha256", wy_hmac, 0, "sha256"),
    WY("hmac_sha384", wy_hmac, 0, "sha384"),
    WY("hmac_sha512", wy_hmac, 0, "sha512"),
    WY("hmac_sha512_256", wy_hmac, 0, "sha512256"),
    WY("hmac_sha3_256", wy_hmac, 0, "sha3256"),
    WY("hmac_sha3_384", wy_hmac, 0, "sha3384"),
    WY("hmac_sha3_512", wy_hmac, 0, "sha3512"),
    WY("kmac128_no_customization", wy_kmac, 0, "KMAC128"),
    WY("kmac256_no_customization", wy_kmac, 0, "KMAC256"),
    WY("mldsa_44_*", wy_mldsa, CKM_ML_DSA, "ML-DSA-44"),
    WY("mldsa_65_*", wy_mldsa, CKM_ML_DSA, "ML-DSA-65"),
    WY("mlkem_*", wy_mlkem, CKM_ML_KEM, NULL),
    WY("pbkdf2_hmacsha1", wy_pbkdf2, CKM_PKCS5_PBKD2, "sha1"),
    WY("pbkdf2_hmacsha256", wy_pbkdf2, CKM_PKCS5_PBKD2, "sha256"),
    WY("pbkdf2_hmacsha512", wy_pbkdf2, CKM_PKCS5_PBKD2, "sha512"),
    WY("rsa_oaep_*", wy_oaep, CKM_RSA_PKCS_OAEP, NULL),
    WY("rsa_pkcs1_*_sig_gen", wy_rsa_sign, 0, NULL),
    WY("rsa_pkcs1_*", wy_rsa_decrypt, CKM_RSA_PKCS, NULL),
    WY("rsa_pss_*", wy_rsa_pss, 0, NULL),
    WY("rsa_signature_*", wy_rsa_verify, 0, NULL),
    EVP("evpciph_aes_cts", acvp_cts),
    EVP("evpciph_aes_wrap", acvp_wrap),
    EVP("evpkdf_hmac_drbg", acvp_drbg),
    EVP("hmac_drbg_sha256", acvp_drbg),
    EVP("evpkdf_*", acvp_kdf),
    EVP("evppkey_ecdsa_rfc6979", acvp_ecdsa),
    EVP("evppkey_ecx_sigalg", acvp_ecx),
    EVP("evppkey_rsa_common", acvp_rsa),
    EVP("evppkey_ml_*", acvp_pqc),
    EVP("evppkey_slh_*", acvp_pqc),
    NIST("CMACGenAES*.rsp", nist_cmac, CKM_AES_CMAC),
    NIST("HMAC.rsp", nist_hmac, 0),
    NIST("KASValidityTest_*.fax", nist_kas, CKM_ECDH1_DERIVE),
    NIST("KDFCTR_gen.txt", nist_kbkdf, CKM_SP800_108_COUNTER_KDF),
    NIST("tlsprf_vectors.txt", nist_tls, CKM_TLS12_KDF),
    NIST("kwtestvectors/KWP_*.txt", nist_wrap, CKM_AES_KEY_WRAP_KWP),
    NIST("kwtestvectors/KW_*.txt", nist_wrap, CKM_AES_KEY_WRAP),
};

const file_row *file_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (fnmatch(rows[i].pattern, name, FNM_PATHNAME) == 0)
            return &rows[i];
    return NULL;
}
