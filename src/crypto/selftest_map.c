/* Which self-tests a mechanism stands on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest.h"

#define BIT(NAME) ((hsm_selftest_set)1 << HSM_SELFTEST_##NAME)
#define OF_ECDH (BIT(ECDH) | BIT(SHA256))

/* By hash: as a digest, and as an HMAC. SHAKE is the permutation of SHA3-256. */
static const struct {
    hsm_selftest_set digest;
    hsm_selftest_set hmac;
} of_hash[HSM_HASH_COUNT] = {
    [HSM_HASH_SHA1] = { BIT(SHA1), BIT(HMAC_SHA1) },
    [HSM_HASH_SHA224] = { BIT(SHA224), BIT(HMAC_SHA224) },
    [HSM_HASH_SHA256] = { BIT(SHA256), BIT(HMAC_SHA256) },
    [HSM_HASH_SHA384] = { BIT(SHA384), BIT(HMAC_SHA384) },
    [HSM_HASH_SHA512] = { BIT(SHA512), BIT(HMAC_SHA512) },
    [HSM_HASH_SHA512_224] = { BIT(SHA512_224), BIT(HMAC_SHA512_224) },
    [HSM_HASH_SHA512_256] = { BIT(SHA512_256), BIT(HMAC_SHA512_256) },
    [HSM_HASH_SHA3_224] = { BIT(SHA3_224), BIT(HMAC_SHA3_224) },
    [HSM_HASH_SHA3_256] = { BIT(SHA3_256), BIT(HMAC_SHA3_256) },
    [HSM_HASH_SHA3_384] = { BIT(SHA3_384), BIT(HMAC_SHA3_384) },
    [HSM_HASH_SHA3_512] = { BIT(SHA3_512), BIT(HMAC_SHA3_512) },
    [HSM_HASH_SHAKE128] = { BIT(SHA3_256), 0 },
    [HSM_HASH_SHAKE256] = { BIT(SHA3_256), 0 },
};

/* By algorithm, besides its hash. uses_hmac: the hash comes as an HMAC. */
static const struct {
    hsm_selftest_set tests;
    bool uses_hmac;
} of_alg[HSM_ALG_COUNT] = {
    [HSM_ALG_HMAC] = { .uses_hmac = true },
    [HSM_ALG_CMAC] = { .tests = BIT(AES_CMAC) },
    [HSM_ALG_AES_ECB] = { .tests = BIT(AES_ECB) },
    [HSM_ALG_AES_CBC] = { .tests = BIT(AES_CBC) },
    [HSM_ALG_AES_CBC_PAD] = { .tests = BIT(AES_CBC) },
    [HSM_ALG_AES_CTR] = { .tests = BIT(AES_CTR) },
    [HSM_ALG_AES_GCM] = { .tests = BIT(AES_GCM) },
    [HSM_ALG_AES_KW] = { .tests = BIT(AES_KW) },
    [HSM_ALG_AES_KWP] = { .tests = BIT(AES_KWP) },
    [HSM_ALG_AES_KW_PKCS7] = { .tests = BIT(AES_KW) },
    [HSM_ALG_AES_CTS] = { .tests = BIT(AES_CTS) },
    [HSM_ALG_AES_XTS] = { .tests = BIT(AES_XTS) },
    [HSM_ALG_AES_OFB] = { .tests = BIT(AES_OFB) },
    [HSM_ALG_AES_CFB1] = { .tests = BIT(AES_CFB1) },
    [HSM_ALG_AES_CFB8] = { .tests = BIT(AES_CFB8) },
    [HSM_ALG_AES_CFB128] = { .tests = BIT(AES_CFB128) },
    [HSM_ALG_AES_CCM] = { .tests = BIT(AES_CCM) },
    [HSM_ALG_AES_GMAC] = { .tests = BIT(AES_GMAC) },
    [HSM_ALG_DES3_ECB] = { .tests = BIT(DES3_CBC) },
    [HSM_ALG_DES3_CBC] = { .tests = BIT(DES3_CBC) },
    [HSM_ALG_DES3_CBC_PAD] = { .tests = BIT(DES3_CBC) },
    [HSM_ALG_DES3_CMAC] = { .tests = BIT(DES3_CMAC) },
    [HSM_ALG_RSA_PKCS] = { .tests = BIT(RSA_PKCS1) },
    [HSM_ALG_RSA_X509] = { .tests = BIT(RSA_PKCS1) },
    [HSM_ALG_RSA_PSS] = { .tests = BIT(RSA_PSS) },
    [HSM_ALG_RSA_OAEP] = { .tests = BIT(RSA_OAEP) },
    [HSM_ALG_ECDSA] = { .tests = BIT(ECDSA) },
    [HSM_ALG_EDDSA] = { .tests = BIT(EDDSA) },
    [HSM_ALG_ECDH] = { .tests = OF_ECDH },
    [HSM_ALG_DH] = { .tests = BIT(DH) | BIT(SHA256) },
    [HSM_ALG_ENCRYPT_DATA_ECB] = { .tests = BIT(AES_ECB) },
    [HSM_ALG_ENCRYPT_DATA_CBC] = { .tests = BIT(AES_CBC) },
    [HSM_ALG_SHAKE_DERIVE] = { .tests = BIT(SHA3_256) },
    [HSM_ALG_HKDF] = { .tests = BIT(HKDF), .uses_hmac = true },
    [HSM_ALG_KBKDF_COUNTER] = { .tests = BIT(KBKDF_COUNTER), .uses_hmac = true },
    [HSM_ALG_KBKDF_FEEDBACK] = { .tests = BIT(KBKDF_FEEDBACK), .uses_hmac = true },
    [HSM_ALG_KBKDF_PIPELINE] = { .tests = BIT(KBKDF_PIPELINE), .uses_hmac = true },
    [HSM_ALG_TLS12_MASTER] = { .tests = BIT(TLS12_PRF), .uses_hmac = true },
    [HSM_ALG_TLS12_EXTENDED] = { .tests = BIT(TLS12_PRF), .uses_hmac = true },
    [HSM_ALG_TLS12_KEYS] = { .tests = BIT(TLS12_PRF), .uses_hmac = true },
    [HSM_ALG_TLS12_SAFE_KEYS] = { .tests = BIT(TLS12_PRF), .uses_hmac = true },
    [HSM_ALG_TLS12_EXPORTER] = { .tests = BIT(TLS12_PRF), .uses_hmac = true },
    [HSM_ALG_PBKDF2] = { .tests = BIT(PBKDF2), .uses_hmac = true },
    [HSM_ALG_RSA_AES_WRAP] = { .tests = BIT(RSA_OAEP) | BIT(AES_KWP) },
    [HSM_ALG_ECDH_AES_WRAP] = { .tests = OF_ECDH | BIT(AES_KWP) },
    [HSM_ALG_ML_DSA] = { .tests = BIT(ML_DSA) },
    [HSM_ALG_SLH_DSA] = { .tests = BIT(SLH_DSA_SHA2) | BIT(SLH_DSA_SHAKE) },
    [HSM_ALG_ML_KEM] = { .tests = BIT(ML_KEM) },
    [HSM_ALG_COMP_KEM] = { .tests = BIT(ML_KEM) | OF_ECDH | BIT(SHA3_256) },
    [HSM_ALG_COMP_SIG] = { .tests = BIT(ML_DSA) | BIT(ECDSA) | BIT(EDDSA) },
    [HSM_ALG_KEYGEN_EXTRA_BITS] = { .tests = BIT(RNG_HEALTH) | BIT(HMAC_DRBG) },
    [HSM_ALG_KEYGEN] = { .tests = BIT(RNG_HEALTH) | BIT(HMAC_DRBG) },
};

/* A new pair is tried out before it is given (pairwise consistency), so its algorithm must be right
 * by then. */
static hsm_selftest_set of_pair(CK_KEY_TYPE key_type)
{
    static const struct {
        CK_KEY_TYPE key_type;
        hsm_selftest_set tests;
    } pairs[] = {
        { CKK_RSA, BIT(RSA_PKCS1) },
        { CKK_EC, BIT(ECDSA) },
        { CKK_EC_EDWARDS, BIT(EDDSA) },
        { CKK_EC_MONTGOMERY, BIT(ECDH) },
        { CKK_DH, BIT(DH) },
        { CKK_X9_42_DH, BIT(DH) },
        { CKK_ML_DSA, BIT(ML_DSA) },
        { CKK_ML_KEM, BIT(ML_KEM) },
        { CKK_SLH_DSA, BIT(SLH_DSA_SHA2) | BIT(SLH_DSA_SHAKE) },
        { CKK_CRATON_COMP_KEM, BIT(ML_KEM) | BIT(ECDH) },
        { CKK_CRATON_COMP_SIG, BIT(ML_DSA) | BIT(ECDSA) | BIT(EDDSA) },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(pairs); i++) {
        if (pairs[i].key_type == key_type)
            return pairs[i].tests;
    }
    return 0;
}

hsm_selftest_set hsm_selftest_of(const hsm_mech *mech, hsm_hash hash)
{
    const hsm_hash both[] = { mech->hash, hash };
    hsm_selftest_set found = of_alg[mech->alg].tests;

    for (size_t i = 0; i < HSM_ARRAY_LEN(both); i++)
        found |= of_alg[mech->alg].uses_hmac ? of_hash[both[i]].hmac : of_hash[both[i]].digest;
    if ((mech->ops & HSM_OP_GENERATE_PAIR) != 0)
        found |= of_pair(mech->key_type);
    return found;
}
