/* What is approved: rows, and the conditions at each of their limits. The numbers are those of the
 * standards named in approval.c, written out here by hand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/approval.h"

#include "crypto/internal.h"
#include "support/check.h"

static const uint8_t zeros[32];

/* Keys that are only looked at. */
static const hsm_key aes_128 = { .key_class = CKO_SECRET_KEY, .key_type = CKK_AES, .bits = 128 };
static const hsm_key aes_256 = { .key_class = CKO_SECRET_KEY, .key_type = CKK_AES, .bits = 256 };
static const hsm_key xts_256 = { .key_class = CKO_SECRET_KEY,
                                 .key_type = CKK_AES_XTS,
                                 .bits = 256 };
static const hsm_key xts_512 = { .key_class = CKO_SECRET_KEY,
                                 .key_type = CKK_AES_XTS,
                                 .bits = 512 };

static hsm_key secret_of(uint32_t bits)
{
    return (hsm_key){ .key_class = CKO_SECRET_KEY, .key_type = CKK_GENERIC_SECRET, .bits = bits };
}

static hsm_key rsa_of(uint32_t bits)
{
    return (hsm_key){ .key_class = CKO_PRIVATE_KEY, .key_type = CKK_RSA, .bits = bits };
}

static hsm_key curve_of(const char *name)
{
    size_t count = 0;
    const hsm_curve *rows = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return (hsm_key){ .key_class = CKO_PRIVATE_KEY,
                              .key_type = rows[i].key_type,
                              .bits = rows[i].bits,
                              .curve = &rows[i] };
    }
    CHECK_STR(name, "a curve");
    return (hsm_key){ 0 };
}

static hsm_key set_of(CK_KEY_TYPE type, CK_ULONG id)
{
    const hsm_pqc_set *set = NULL;

    CHECK_OK(hsm_pqc_find(type, id, &set));
    return (hsm_key){ .key_class = CKO_PRIVATE_KEY, .key_type = type, .set = set };
}

static hsm_err use(CK_MECHANISM_TYPE id, hsm_op op, const hsm_key *key,
                   const hsm_mech_params *params)
{
    const hsm_approval_case asked = { hsm_mech_find(id), op, key, params };

    return hsm_approval_of_use(&asked);
}

/* Whatever is approved has been thought about. */
static void every_approved_row_has_conditions(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        bool is_any = false;

        CASE(rows[i].name);
        for (hsm_op_set bit = 1; bit != 0 && bit <= rows[i].ops; bit <<= 1)
            is_any |=
                (rows[i].ops & bit) != 0 && hsm_approval_of_row(&rows[i], (hsm_op)bit) == HSM_OK;
        CHECK_EQ(is_any, rows[i].approval != HSM_NOT_APPROVED);
    }
}

static const struct {
    const char *label;
    CK_MECHANISM_TYPE id;
    hsm_op op;
    hsm_err want;
} row_cases[] = {
    { "CBC encrypts", CKM_AES_CBC, HSM_OP_ENCRYPT, HSM_OK },
    { "CBC wraps", CKM_AES_CBC, HSM_OP_WRAP, HSM_E_MECHANISM },
    { "CBC unwraps", CKM_AES_CBC, HSM_OP_UNWRAP, HSM_OK },
    { "CBC-PAD wraps", CKM_AES_CBC_PAD, HSM_OP_WRAP, HSM_E_MECHANISM },
    { "CTR wraps", CKM_AES_CTR, HSM_OP_WRAP, HSM_E_MECHANISM },
    { "ECB wraps", CKM_AES_ECB, HSM_OP_WRAP, HSM_E_MECHANISM },
    { "KWP wraps", CKM_AES_KEY_WRAP_KWP, HSM_OP_WRAP, HSM_OK },
    { "CCM wraps", CKM_AES_CCM, HSM_OP_WRAP, HSM_OK },
    { "v1.5 decrypts", CKM_RSA_PKCS, HSM_OP_DECRYPT, HSM_OK },
    { "v1.5 encrypts", CKM_RSA_PKCS, HSM_OP_ENCRYPT, HSM_E_MECHANISM },
    { "v1.5 wraps", CKM_RSA_PKCS, HSM_OP_WRAP, HSM_E_MECHANISM },
    { "v1.5 decapsulates", CKM_RSA_PKCS, HSM_OP_DECAPSULATE, HSM_OK },
    { "v1.5 encapsulates", CKM_RSA_PKCS, HSM_OP_ENCAPSULATE, HSM_E_MECHANISM },
    { "SHA-1 signs", CKM_SHA1_RSA_PKCS, HSM_OP_SIGN, HSM_E_MECHANISM },
    { "SHA-1 verifies", CKM_ECDSA_SHA1, HSM_OP_VERIFY, HSM_OK },
    { "SHA-1 digests", CKM_SHA_1, HSM_OP_DIGEST, HSM_OK },
    { "raw RSA", CKM_RSA_X_509, HSM_OP_DECRYPT, HSM_E_MECHANISM },
    { "ChaCha20", CKM_CHACHA20_POLY1305, HSM_OP_DECRYPT, HSM_E_MECHANISM },
    { "TLS 1.2 master", CKM_TLS12_MASTER_KEY_DERIVE, HSM_OP_DERIVE, HSM_E_MECHANISM },
    { "TLS 1.2 extended master", CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, HSM_OP_DERIVE, HSM_OK },
    { "hash of a key", CKM_SHA256_KEY_DERIVATION, HSM_OP_DERIVE, HSM_E_MECHANISM },
    { "X25519 generation", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, HSM_OP_GENERATE_PAIR, HSM_E_MECHANISM },
    { "ML-KEM", CKM_ML_KEM, HSM_OP_ENCAPSULATE, HSM_OK },
    { "ML-DSA", CKM_ML_DSA, HSM_OP_SIGN, HSM_OK },
    { "SLH-DSA", CKM_SLH_DSA, HSM_OP_SIGN, HSM_OK },
    { "EdDSA", CKM_EDDSA, HSM_OP_SIGN, HSM_OK },
    { "composite KEM", CKM_CRATON_COMP_KEM, HSM_OP_ENCAPSULATE, HSM_E_MECHANISM },
};

static void rows(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(row_cases); i++) {
        CASE(row_cases[i].label);
        CHECK_ERR(hsm_approval_of_row(hsm_mech_find(row_cases[i].id), row_cases[i].op),
                  row_cases[i].want);
    }
}

static void rsa_sizes(void)
{
    const hsm_key small = rsa_of(2047), enough = rsa_of(2048), odd = rsa_of(2049);

    CHECK_ERR(use(CKM_SHA256_RSA_PKCS, HSM_OP_SIGN, &small, NULL), HSM_E_KEY_SIZE);
    CHECK_OK(use(CKM_SHA256_RSA_PKCS, HSM_OP_SIGN, &enough, NULL));
    CHECK_ERR(use(CKM_SHA256_RSA_PKCS, HSM_OP_SIGN, &odd, NULL), HSM_E_KEY_SIZE);
    CHECK_OK(use(CKM_SHA256_RSA_PKCS, HSM_OP_VERIFY, &small, NULL));
    CHECK_ERR(use(CKM_RSA_PKCS_OAEP, HSM_OP_DECRYPT, &small, NULL), HSM_E_KEY_SIZE);
    CHECK_ERR(use(CKM_RSA_AES_KEY_WRAP, HSM_OP_UNWRAP, &small, NULL), HSM_E_KEY_SIZE);
}

static void pss(void)
{
    const hsm_key key = rsa_of(2048);
    hsm_mech_params params = { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256 };

    params.salt_len = 32;
    CHECK_OK(use(CKM_RSA_PKCS_PSS, HSM_OP_SIGN, &key, &params));
    params.salt_len = 33;
    CHECK_ERR(use(CKM_RSA_PKCS_PSS, HSM_OP_SIGN, &key, &params), HSM_E_MECHANISM_PARAM);
    params = (hsm_mech_params){ .hash = HSM_HASH_SHA1, .mgf_hash = HSM_HASH_SHA1, .salt_len = 20 };
    CHECK_ERR(use(CKM_RSA_PKCS_PSS, HSM_OP_SIGN, &key, &params), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_RSA_PKCS_PSS, HSM_OP_VERIFY, &key, &params));
    params.hash = HSM_HASH_SHA256;
    CHECK_ERR(use(CKM_RSA_PKCS_PSS, HSM_OP_SIGN, &key, &params), HSM_E_MECHANISM_PARAM);
}

static const struct {
    const char *curve;
    hsm_err want;
    uint32_t strength;
} curves[] = {
    { "P-224", HSM_E_KEY_SIZE, 112 },
    { "P-256", HSM_OK, 128 },
    { "P-384", HSM_OK, 192 },
    { "P-521", HSM_OK, 256 },
    { "secp256k1", HSM_E_KEY_TYPE, 128 },
    { "brainpoolP256r1", HSM_E_KEY_TYPE, 128 },
    { "brainpoolP384r1", HSM_E_KEY_TYPE, 192 },
    { "brainpoolP512r1", HSM_E_KEY_TYPE, 256 },
};

static void curve_keys(void)
{
    const hsm_key x25519 = curve_of("X25519");

    for (size_t i = 0; i < HSM_ARRAY_LEN(curves); i++) {
        const hsm_key key = curve_of(curves[i].curve);

        CASE(curves[i].curve);
        CHECK_ERR(use(CKM_ECDSA_SHA256, HSM_OP_SIGN, &key, NULL), curves[i].want);
        CHECK_ERR(use(CKM_ECDSA_SHA256, HSM_OP_VERIFY, &key, NULL),
                  curves[i].want == HSM_E_KEY_SIZE ? HSM_OK : curves[i].want); /* P-224 */
        CHECK_ERR(use(CKM_ECDH1_DERIVE, HSM_OP_DERIVE, &key, NULL), curves[i].want);
        CHECK_ERR(use(CKM_ECDH_AES_KEY_WRAP, HSM_OP_WRAP, &key, NULL), curves[i].want);
        CHECK_EQ(hsm_key_strength(&key), curves[i].strength);
    }
    CHECK_ERR(use(CKM_ECDH1_DERIVE, HSM_OP_DERIVE, &x25519, NULL), HSM_E_KEY_TYPE);
    CHECK_ERR(use(CKM_ECDH_X_AES_KEY_WRAP, HSM_OP_WRAP, &x25519, NULL), HSM_E_KEY_TYPE);
}

static void ecdsa_digests(void)
{
    const hsm_mech *raw = hsm_mech_find(CKM_ECDSA);
    static const size_t good[] = { 28, 32, 48, 64 };

    for (size_t len = 0; len <= 70; len++) {
        bool is_good = false;

        for (size_t i = 0; i < HSM_ARRAY_LEN(good); i++)
            is_good |= good[i] == len;
        CHECK_ERR(hsm_approval_of_data(raw, HSM_OP_SIGN, len), is_good ? HSM_OK : HSM_E_DATA_LEN);
        CHECK_ERR(hsm_approval_of_data(raw, HSM_OP_VERIFY, len),
                  is_good || len == 20 ? HSM_OK : HSM_E_DATA_LEN);
    }
    CHECK_OK(hsm_approval_of_data(hsm_mech_find(CKM_ECDSA_SHA256), HSM_OP_SIGN, 5));
}

static void eddsa_variants(void)
{
    const hsm_key ed25519 = curve_of("ED25519"), ed448 = curve_of("ED448");
    const hsm_mech_params plain = { 0 };
    const hsm_mech_params ctx = { .has_context = true };
    const hsm_mech_params prehash = { .has_context = true, .is_prehash = true };

    CHECK_OK(use(CKM_EDDSA, HSM_OP_SIGN, &ed25519, &plain));
    CHECK_ERR(use(CKM_EDDSA, HSM_OP_SIGN, &ed25519, &ctx), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_EDDSA, HSM_OP_SIGN, &ed25519, &prehash));
    CHECK_OK(use(CKM_EDDSA, HSM_OP_SIGN, &ed448, &ctx));
}

static void macs(void)
{
    const hsm_key short_key = secret_of(104), key = secret_of(112);
    const hsm_mech_params short_mac = { .mac_len = 3 }, mac = { .mac_len = 4 };

    CHECK_ERR(use(CKM_SHA256_HMAC, HSM_OP_SIGN, &short_key, NULL), HSM_E_KEY_SIZE);
    CHECK_OK(use(CKM_SHA256_HMAC, HSM_OP_SIGN, &key, NULL));
    CHECK_OK(use(CKM_SHA256_HMAC, HSM_OP_VERIFY, &short_key, NULL));
    CHECK_ERR(use(CKM_SHA256_HMAC_GENERAL, HSM_OP_SIGN, &key, &short_mac), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_SHA256_HMAC_GENERAL, HSM_OP_SIGN, &key, &mac));
    CHECK_ERR(use(CKM_AES_CMAC_GENERAL, HSM_OP_SIGN, &aes_128, &short_mac), HSM_E_MECHANISM_PARAM);
}

static void modes_with_tags(void)
{
    const hsm_mech_params callers = { .iv = { zeros, 12 }, .tag_bits = 128 };
    const hsm_mech_params own = { .iv = { zeros, 12 }, .tag_bits = 96, .is_iv_own = true };
    const hsm_mech_params short_tag = { .iv = { zeros, 12 }, .tag_bits = 64, .is_iv_own = true };
    const hsm_mech_params tiny_tag = { .iv = { zeros, 12 }, .tag_bits = 56 };

    CHECK_ERR(use(CKM_AES_GCM, HSM_OP_ENCRYPT, &aes_128, &callers), HSM_E_MECHANISM_PARAM);
    CHECK_ERR(use(CKM_AES_GCM, HSM_OP_WRAP, &aes_128, &callers), HSM_E_MECHANISM_PARAM);
    CHECK_ERR(use(CKM_AES_GMAC, HSM_OP_SIGN, &aes_128, &callers), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_AES_GCM, HSM_OP_DECRYPT, &aes_128, &callers));
    CHECK_OK(use(CKM_AES_GCM, HSM_OP_UNWRAP, &aes_128, &callers));
    CHECK_OK(use(CKM_AES_GMAC, HSM_OP_VERIFY, &aes_128, &callers));
    CHECK_OK(use(CKM_AES_GCM, HSM_OP_ENCRYPT, &aes_128, &own));
    CHECK_ERR(use(CKM_AES_GCM, HSM_OP_ENCRYPT, &aes_128, &short_tag), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_AES_CCM, HSM_OP_ENCRYPT, &aes_128, &short_tag));
    CHECK_ERR(use(CKM_AES_CCM, HSM_OP_ENCRYPT, &aes_128, &tiny_tag), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_AES_CCM, HSM_OP_DECRYPT, &aes_128, &tiny_tag));
}

static void key_wrap_values(void)
{
    static const uint8_t kw[] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6 };
    static const uint8_t kwp[] = { 0xa6, 0x59, 0x59, 0xa6 };
    const hsm_mech_params none = { 0 };
    const hsm_mech_params usual = { .iv = { kw, sizeof kw } },
                          usual_p = { .iv = { kwp, sizeof kwp } };
    const hsm_mech_params other = { .iv = { zeros, 8 } }, other_p = { .iv = { zeros, 4 } };

    CHECK_OK(use(CKM_AES_KEY_WRAP, HSM_OP_WRAP, &aes_128, &none));
    CHECK_OK(use(CKM_AES_KEY_WRAP, HSM_OP_WRAP, &aes_128, &usual));
    CHECK_ERR(use(CKM_AES_KEY_WRAP, HSM_OP_WRAP, &aes_128, &other), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_AES_KEY_WRAP_KWP, HSM_OP_WRAP, &aes_128, &usual_p));
    CHECK_ERR(use(CKM_AES_KEY_WRAP_KWP, HSM_OP_WRAP, &aes_128, &other_p), HSM_E_MECHANISM_PARAM);
}

/* FIPS 204, 5.4: ML-DSA-44 asks for 256 bits of digest, -65 for 384, -87 for 512. FIPS 205, 10.2. */
static void prehashes(void)
{
    const hsm_key dsa_44 = set_of(CKK_ML_DSA, CKP_ML_DSA_44);
    const hsm_key dsa_65 = set_of(CKK_ML_DSA, CKP_ML_DSA_65);
    const hsm_key dsa_87 = set_of(CKK_ML_DSA, CKP_ML_DSA_87);
    const hsm_key slh_128 = set_of(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S);
    const hsm_key slh_192 = set_of(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F);
    const hsm_mech_params named = { .hash = HSM_HASH_SHA3_384 };

    CHECK_ERR(use(CKM_HASH_ML_DSA_SHA224, HSM_OP_SIGN, &dsa_44, NULL), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_HASH_ML_DSA_SHA256, HSM_OP_SIGN, &dsa_44, NULL));
    CHECK_OK(use(CKM_HASH_ML_DSA_SHAKE128, HSM_OP_SIGN, &dsa_44, NULL));
    CHECK_ERR(use(CKM_HASH_ML_DSA_SHA256, HSM_OP_SIGN, &dsa_65, NULL), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_HASH_ML_DSA_SHA256, HSM_OP_VERIFY, &dsa_65, NULL));
    CHECK_OK(use(CKM_HASH_ML_DSA, HSM_OP_SIGN, &dsa_65, &named));
    CHECK_ERR(use(CKM_HASH_ML_DSA, HSM_OP_SIGN, &dsa_87, &named), HSM_E_MECHANISM_PARAM);
    CHECK_OK(use(CKM_HASH_ML_DSA_SHA512, HSM_OP_SIGN, &dsa_87, NULL));
    CHECK_OK(use(CKM_ML_DSA, HSM_OP_SIGN, &dsa_87, NULL));
    CHECK_OK(use(CKM_HASH_SLH_DSA_SHA256, HSM_OP_SIGN, &slh_128, NULL));
    CHECK_ERR(use(CKM_HASH_SLH_DSA_SHA256, HSM_OP_SIGN, &slh_192, NULL), HSM_E_MECHANISM_PARAM);
}

static void pbkdf2(void)
{
    const hsm_mech_params good = { .iv = { zeros, 16 },
                                   .password = { zeros, 8 },
                                   .iterations = 1000 };
    hsm_mech_params bad = good;

    CHECK_OK(use(CKM_PKCS5_PBKD2, HSM_OP_GENERATE, NULL, &good));
    bad.iv.len = 15;
    CHECK_ERR(use(CKM_PKCS5_PBKD2, HSM_OP_GENERATE, NULL, &bad), HSM_E_MECHANISM_PARAM);
    bad = good;
    bad.iterations = 999;
    CHECK_ERR(use(CKM_PKCS5_PBKD2, HSM_OP_GENERATE, NULL, &bad), HSM_E_MECHANISM_PARAM);
    bad = good;
    bad.password.len = 7;
    CHECK_ERR(use(CKM_PKCS5_PBKD2, HSM_OP_GENERATE, NULL, &bad), HSM_E_MECHANISM_PARAM);
}

static hsm_err generate(CK_MECHANISM_TYPE id, CK_KEY_TYPE type, uint32_t bits, hsm_bytes value)
{
    const hsm_keygen request = {
        .mech = hsm_mech_find(id),
        .key_type = type,
        .bits = bits,
        .public_exponent = type == CKK_RSA ? value : hsm_bytes_none(),
        .ec_params = type == CKK_RSA ? hsm_bytes_none() : value,
    };

    return hsm_approval_of_generation(&request);
}

static void generation(void)
{
    static const uint8_t f4[] = { 0, 1, 0, 1 }, below[] = { 0xff, 0xff }, even[] = { 1, 0, 2 };
    uint8_t longest[33] = { 1, 0 };
    const hsm_key p_224 = curve_of("P-224"), p_256 = curve_of("P-256"), k1 = curve_of("secp256k1");

    CHECK_ERR(generate(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, 104, hsm_bytes_none()),
              HSM_E_KEY_SIZE);
    CHECK_OK(generate(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, 112, hsm_bytes_none()));
    CHECK_ERR(generate(CKM_PKCS5_PBKD2, CKK_GENERIC_SECRET, 104, hsm_bytes_none()), HSM_E_KEY_SIZE);
    CHECK_ERR(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2046, hsm_bytes_none()), HSM_E_KEY_SIZE);
    CHECK_OK(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_none()));
    CHECK_OK(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(f4, sizeof f4)));
    CHECK_ERR(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(below, sizeof below)),
              HSM_E_TEMPLATE_INCONSISTENT);
    CHECK_ERR(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(even, sizeof even)),
              HSM_E_TEMPLATE_INCONSISTENT);
    longest[32] = 1;
    CHECK_ERR(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(longest, 33)),
              HSM_E_TEMPLATE_INCONSISTENT);
    CHECK_ERR(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(longest + 1, 32)),
              HSM_E_TEMPLATE_INCONSISTENT); /* zeros and a 1 */
    longest[1] = 0x80;
    CHECK_OK(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, hsm_bytes_of(longest + 1, 32)));
    CHECK_OK(generate(CKM_EC_KEY_PAIR_GEN, CKK_EC, 0,
                      hsm_bytes_of(p_256.curve->oid, p_256.curve->oid_len)));
    CHECK_ERR(generate(CKM_EC_KEY_PAIR_GEN, CKK_EC, 0,
                       hsm_bytes_of(p_224.curve->oid, p_224.curve->oid_len)),
              HSM_E_CURVE);
    CHECK_ERR(
        generate(CKM_EC_KEY_PAIR_GEN, CKK_EC, 0, hsm_bytes_of(k1.curve->oid, k1.curve->oid_len)),
        HSM_E_CURVE);
}

static void derivation(void)
{
    const hsm_mech *hkdf = hsm_mech_find(CKM_HKDF_DERIVE), *tls = hsm_mech_find(CKM_TLS12_KDF);
    const hsm_mech *data = hsm_mech_find(CKM_HKDF_DATA);
    const hsm_kdf sha1 = { .hash = HSM_HASH_SHA1 }, sha256 = { .hash = HSM_HASH_SHA256 };
    const hsm_kdf_slice slices[] = { { 0, 14 }, { 14, 13 } };
    const hsm_key short_key = secret_of(104);

    CHECK_OK(hsm_approval_of_derivation(hkdf, &sha1, slices, 1));
    CHECK_ERR(hsm_approval_of_derivation(hkdf, &sha1, slices, 2), HSM_E_KEY_SIZE);
    CHECK_OK(hsm_approval_of_derivation(data, &sha1, slices + 1, 1));
    CHECK_OK(hsm_approval_of_derivation(tls, &sha256, slices, 1));
    CHECK_ERR(hsm_approval_of_derivation(tls, &sha1, slices, 1), HSM_E_MECHANISM_PARAM);
    CHECK_ERR(use(CKM_HKDF_DERIVE, HSM_OP_DERIVE, &short_key, NULL), HSM_E_KEY_SIZE);
    CHECK_ERR(use(CKM_SP800_108_COUNTER_KDF, HSM_OP_DERIVE, &short_key, NULL), HSM_E_KEY_SIZE);
}

/* SP 800-57 part 1, table 2, at each step and one below. */
static void rsa_strengths(void)
{
    static const struct {
        uint32_t bits;
        uint32_t strength;
    } steps[] = { { 1024, 80 },  { 2047, 80 },  { 2048, 112 }, { 3071, 112 },  { 3072, 128 },
                  { 4096, 128 }, { 7679, 128 }, { 7680, 192 }, { 15359, 192 }, { 15360, 256 } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(steps); i++) {
        const hsm_key key = rsa_of(steps[i].bits);
        CHECK_EQ(hsm_key_strength(&key), steps[i].strength);
    }
    CHECK_EQ(hsm_key_strength(&xts_256), 128);
    CHECK_EQ(hsm_key_strength(&xts_512), 256);
}

static hsm_err wrap(CK_MECHANISM_TYPE id, const hsm_key *under, const hsm_key *wrapped,
                    uint32_t aes_bits)
{
    const hsm_mech_params params = { .aes_bits = aes_bits };
    const hsm_approval_case asked = { hsm_mech_find(id), HSM_OP_WRAP, under, &params };

    return hsm_approval_of_wrapping(&asked, wrapped);
}

static void wrapping(void)
{
    const hsm_key rsa_2048 = rsa_of(2048), rsa_3072 = rsa_of(3072), rsa_15360 = rsa_of(15360);
    const hsm_key p_521 = curve_of("P-521"), p_384 = curve_of("P-384");
    const hsm_key long_key = secret_of(4096), kem_768 = set_of(CKK_ML_KEM, CKP_ML_KEM_768);

    CHECK_OK(wrap(CKM_AES_KEY_WRAP, &aes_128, &aes_128, 0));
    CHECK_ERR(wrap(CKM_AES_KEY_WRAP, &aes_128, &aes_256, 0), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_OK(wrap(CKM_AES_KEY_WRAP, &aes_256, &aes_128, 0));
    CHECK_OK(wrap(CKM_AES_KEY_WRAP, &aes_256, &long_key, 0));
    CHECK_ERR(wrap(CKM_AES_KEY_WRAP, &aes_128, &p_384, 0), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_ERR(wrap(CKM_AES_KEY_WRAP, &aes_128, &kem_768, 0), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_OK(wrap(CKM_AES_KEY_WRAP, &aes_128, &rsa_2048, 0));
    CHECK_ERR(wrap(CKM_RSA_PKCS_OAEP, &rsa_2048, &aes_128, 0), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_OK(wrap(CKM_RSA_PKCS_OAEP, &rsa_3072, &aes_128, 0));
    CHECK_OK(wrap(CKM_RSA_AES_KEY_WRAP, &rsa_15360, &aes_256, 256));
    CHECK_ERR(wrap(CKM_RSA_AES_KEY_WRAP, &rsa_15360, &aes_256, 128), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_ERR(wrap(CKM_RSA_AES_KEY_WRAP, &rsa_3072, &aes_256, 256), HSM_E_WRAPPING_KEY_SIZE);
    CHECK_ERR(wrap(CKM_ECDH_AES_KEY_WRAP, &p_521, &aes_256, 192), HSM_E_WRAPPING_KEY_SIZE);
}

static const check_test tests[] = {
    CHECK_TEST(every_approved_row_has_conditions),
    CHECK_TEST(rows),
    CHECK_TEST(rsa_sizes),
    CHECK_TEST(pss),
    CHECK_TEST(curve_keys),
    CHECK_TEST(ecdsa_digests),
    CHECK_TEST(eddsa_variants),
    CHECK_TEST(macs),
    CHECK_TEST(modes_with_tags),
    CHECK_TEST(key_wrap_values),
    CHECK_TEST(prehashes),
    CHECK_TEST(pbkdf2),
    CHECK_TEST(generation),
    CHECK_TEST(derivation),
    CHECK_TEST(rsa_strengths),
    CHECK_TEST(wrapping),
};
CHECK_MAIN(tests)
