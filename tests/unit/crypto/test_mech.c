/* What must hold for every row of the mechanism table, and the questions asked of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"
#include "support/check.h"

static const hsm_op crypt_ops[] = {
    HSM_OP_ENCRYPT,      HSM_OP_DECRYPT,        HSM_OP_DIGEST, HSM_OP_SIGN,   HSM_OP_VERIFY,
    HSM_OP_SIGN_RECOVER, HSM_OP_VERIFY_RECOVER, HSM_OP_WRAP,   HSM_OP_UNWRAP,
};

static void rows_are_ordered_and_found(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    CHECK_THAT(count > 90);
    for (size_t i = 0; i < count; i++) {
        CASE(rows[i].name);
        if (i > 0)
            CHECK_THAT(rows[i - 1].id < rows[i].id);
        CHECK_THAT(hsm_mech_find(rows[i].id) == &rows[i]);
        if (i + 1 == count || rows[i + 1].id != rows[i].id + 1)
            CHECK_THAT(hsm_mech_find(rows[i].id + 1) == NULL);
    }
    CHECK_THAT(hsm_mech_find(CK_UNAVAILABLE_INFORMATION) == NULL);
    CHECK_THAT(hsm_mech_find(CKM_VENDOR_DEFINED) == NULL);
    CHECK_THAT(hsm_mech_find(CKM_RSA_9796) == NULL);
}

static void rows_are_complete(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        const hsm_mech *row = &rows[i];

        CASE(row->name);
        CHECK_THAT(row->name[0] != '\0' && strncmp(row->name, "CKM_", 4) != 0);
        CHECK_THAT(row->source != NULL && row->source[0] != '\0');
        CHECK_THAT(row->ops != 0);
        CHECK_THAT(row->key_min_bits <= row->key_max_bits);
        CHECK_THAT(!row->is_size_in_bytes || row->key_min_bits % 8 == 0);
        CHECK_THAT((row->key_max_bits == 0) == (row->ops == HSM_OP_DIGEST));
        const bool has_own_type = row->ops != HSM_OP_DIGEST && row->params != HSM_PARAM_KDF &&
                                  row->alg != HSM_ALG_PBKDF2 &&
                                  row->alg != HSM_ALG_PUBLIC_FROM_PRIVATE;
        CHECK_THAT(row->key_type != HSM_KEY_TYPE_NONE || !has_own_type);
        CHECK_THAT(row->key_type_alt != row->key_type || row->key_type == HSM_KEY_TYPE_NONE);
        if (row->alg == HSM_ALG_DIGEST || row->alg == HSM_ALG_HMAC)
            CHECK_THAT(hsm_hash_get(row->hash) != NULL);
    }
}

/* A row offers only what the backend's functions can do. */
static void rows_have_functions(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        const hsm_family_id id = hsm_alg_family(rows[i].alg);
        bool is_crypt = false;

        CASE(rows[i].name);
        for (size_t k = 0; k < HSM_ARRAY_LEN(crypt_ops); k++)
            is_crypt |= (rows[i].ops & crypt_ops[k]) != 0;
        CHECK_EQ(is_crypt, id < HSM_FAMILY_COUNT);
        if (!is_crypt)
            continue;
        const hsm_family *family = hsm_backend_openssl.family[id];
        REQUIRE_THAT(family != NULL);
        CHECK_THAT(family->begin != NULL && family->single != NULL && family->drop != NULL);
        CHECK_THAT(family->result_len != NULL);
        CHECK_THAT((rows[i].ops & HSM_OP_VERIFY) == 0 || family->verify != NULL);
        if (!rows[i].is_multi_part)
            continue;
        CHECK_THAT(family->update != NULL && family->final != NULL);
        CHECK_THAT((rows[i].ops & HSM_OP_VERIFY) == 0 || family->verify_final != NULL);
    }
}

static void hashes_are_complete(void)
{
    CHECK_THAT(hsm_hash_get(HSM_HASH_NONE) == NULL);
    CHECK_THAT(hsm_hash_get(HSM_HASH_COUNT) == NULL);
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        const hsm_hash_info *info = hsm_hash_get(hash);

        REQUIRE_THAT(info != NULL);
        CASE(info->name);
        CHECK_THAT(info->len >= 20 && info->len < info->block_len);
        CHECK_EQ(info->digest_mech == CK_UNAVAILABLE_INFORMATION, hsm_hash_is_xof(hash));
        if (hsm_hash_is_xof(hash))
            continue;
        const hsm_mech *digest = hsm_mech_find(info->digest_mech);
        REQUIRE_THAT(digest != NULL);
        CHECK_EQ(digest->hash, hash);
        CHECK_EQ(digest->ops, HSM_OP_DIGEST);
    }
}

static const struct {
    const char *label;
    CK_MECHANISM_TYPE id;
    hsm_op op;
    CK_KEY_TYPE key_type;
    uint32_t key_bits;
    hsm_err want;
} admit_cases[] = {
    { "P-224 is the smallest", CKM_ECDSA_SHA256, HSM_OP_SIGN, CKK_EC, 224, HSM_OK },
    { "P-192 is too small", CKM_ECDSA_SHA256, HSM_OP_SIGN, CKK_EC, 192, HSM_E_KEY_SIZE },
    { "P-521 is the largest", CKM_ECDSA, HSM_OP_VERIFY, CKK_EC, 521, HSM_OK },
    { "no curve of 522 bits", CKM_ECDSA, HSM_OP_VERIFY, CKK_EC, 522, HSM_E_KEY_SIZE },
    { "ECDSA can't encrypt", CKM_ECDSA_SHA256, HSM_OP_ENCRYPT, CKK_EC, 256, HSM_E_MECHANISM },
    { "RSA is no EC", CKM_ECDSA_SHA256, HSM_OP_SIGN, CKK_RSA, 256, HSM_E_KEY_TYPE },
    { "type before size", CKM_ECDSA, HSM_OP_SIGN, CKK_RSA, 8192, HSM_E_KEY_TYPE },
    { "operation before type", CKM_ECDSA, HSM_OP_WRAP, CKK_RSA, 8192, HSM_E_MECHANISM },
    { "unknown mechanism", 0x7fffffffUL, HSM_OP_SIGN, CKK_EC, 256, HSM_E_MECHANISM },
    { "X25519 derives", CKM_ECDH1_DERIVE, HSM_OP_DERIVE, CKK_EC_MONTGOMERY, 255, HSM_OK },
    { "Ed25519 does not", CKM_ECDH1_DERIVE, HSM_OP_DERIVE, CKK_EC_EDWARDS, 255, HSM_E_KEY_TYPE },
    { "RSA-16384", CKM_RSA_PKCS, HSM_OP_SIGN, CKK_RSA, 16384, HSM_OK },
    { "RSA-16385", CKM_RSA_PKCS, HSM_OP_SIGN, CKK_RSA, 16385, HSM_E_KEY_SIZE },
    { "HMAC, generic secret", CKM_SHA256_HMAC, HSM_OP_SIGN, CKK_GENERIC_SECRET, 8, HSM_OK },
    { "HMAC, own key type", CKM_SHA256_HMAC, HSM_OP_SIGN, CKK_SHA256_HMAC, 256, HSM_OK },
    { "HMAC, another hash's", CKM_SHA256_HMAC, HSM_OP_SIGN, CKK_SHA384_HMAC, 256, HSM_E_KEY_TYPE },
    { "HMAC, AES key", CKM_SHA256_HMAC, HSM_OP_SIGN, CKK_AES, 256, HSM_E_KEY_TYPE },
    { "AES-128", CKM_AES_GCM, HSM_OP_WRAP, CKK_AES, 128, HSM_OK },
    { "AES below", CKM_AES_GCM, HSM_OP_WRAP, CKK_AES, 120, HSM_E_KEY_SIZE },
    { "no key", CKM_SHA256, HSM_OP_DIGEST, HSM_KEY_TYPE_NONE, 0, HSM_OK },
};

static void admits(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(admit_cases); i++) {
        const hsm_mech *mech = NULL;

        CASE(admit_cases[i].label);
        CHECK_ERR(hsm_mech_admit(admit_cases[i].id, admit_cases[i].op, admit_cases[i].key_type,
                                 admit_cases[i].key_bits, &mech),
                  admit_cases[i].want);
        CHECK_EQ(mech != NULL, admit_cases[i].want == HSM_OK);
        if (mech != NULL)
            CHECK_EQ(mech->id, admit_cases[i].id);
    }
}

static const struct {
    const char *label;
    CK_MECHANISM_TYPE id;
    hsm_op op;
    bool is_approved_only;
    bool may_sign_sha1;
    hsm_err want;
} allow_cases[] = {
    { "SHA-1 signing is off", CKM_SHA1_RSA_PKCS, HSM_OP_SIGN, false, false, HSM_E_MECHANISM },
    { "SHA-1 signing is on", CKM_SHA1_RSA_PKCS, HSM_OP_SIGN, false, true, HSM_OK },
    { "SHA-1 verifying", CKM_ECDSA_SHA1, HSM_OP_VERIFY, false, false, HSM_OK },
    { "SHA-1 in HMAC", CKM_SHA_1_HMAC, HSM_OP_SIGN, false, false, HSM_OK },
    { "SHA-1 digest", CKM_SHA_1, HSM_OP_DIGEST, true, false, HSM_OK },
    { "approved", CKM_AES_GCM, HSM_OP_ENCRYPT, true, false, HSM_OK },
    { "not approved", CKM_RSA_X_509, HSM_OP_DECRYPT, true, false, HSM_E_MECHANISM },
    { "not approved, not asked", CKM_RSA_X_509, HSM_OP_DECRYPT, false, false, HSM_OK },
    { "legacy, new data", CKM_RSA_PKCS, HSM_OP_ENCRYPT, true, false, HSM_E_MECHANISM },
    { "legacy, old data", CKM_RSA_PKCS, HSM_OP_DECRYPT, true, false, HSM_OK },
    { "legacy, old signature", CKM_SHA1_RSA_PKCS, HSM_OP_VERIFY, true, false, HSM_OK },
    { "legacy, SHA-1 allowed", CKM_SHA1_RSA_PKCS, HSM_OP_SIGN, true, true, HSM_E_MECHANISM },
};

static void allows(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(allow_cases); i++) {
        const hsm_crypto crypto = { .options = {
                                        .is_approved_only = allow_cases[i].is_approved_only,
                                        .may_sign_sha1 = allow_cases[i].may_sign_sha1,
                                    } };

        CASE(allow_cases[i].label);
        CHECK_ERR(hsm_mech_allow(&crypto, hsm_mech_find(allow_cases[i].id), allow_cases[i].op),
                  allow_cases[i].want);
    }
}

/* enable_pqc = false hides every row of its key types, and no other. */
/* Off unless it is asked for, and never to encrypt. */
static void triple_des_is_for_old_data(void)
{
    const hsm_crypto off = { .options = { .may_sign_sha1 = true } };
    const hsm_crypto on = { .options = { .may_decrypt_3des = true, .is_approved_only = true } };
    const hsm_op_set old_data = HSM_OP_DECRYPT | HSM_OP_UNWRAP | HSM_OP_VERIFY;
    size_t count = 0;
    size_t found = 0;
    const hsm_mech *table = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (table[i].key_type != CKK_DES3)
            continue;
        CASE(table[i].name);
        found++;
        CHECK_EQ(table[i].ops & ~old_data, 0);
        CHECK_ERR(hsm_mech_allow(&off, &table[i], HSM_OP_DECRYPT), HSM_E_MECHANISM);
        CHECK_OK(hsm_mech_allow(&on, &table[i], HSM_OP_DECRYPT));
    }
    CHECK_EQ(found, 5);
}

static void pqc_can_be_off(void)
{
    const hsm_crypto off = { .options = { .may_sign_sha1 = true, .may_decrypt_3des = true } };
    const hsm_crypto on = {
        .options = { .may_sign_sha1 = true, .may_use_pqc = true, .may_decrypt_3des = true }
    };
    size_t count = 0;
    size_t hidden = 0;
    const hsm_mech *table = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        const bool is_pqc = table[i].key_type == CKK_ML_DSA || table[i].key_type == CKK_ML_KEM ||
                            table[i].key_type == CKK_SLH_DSA ||
                            table[i].key_type == CKK_CRATON_COMP_KEM ||
                            table[i].key_type == CKK_CRATON_COMP_SIG;

        CASE(table[i].name);
        hidden += is_pqc;
        CHECK_OK(hsm_mech_allow(&on, &table[i], HSM_OP_SIGN));
        CHECK_ERR(hsm_mech_allow(&off, &table[i], HSM_OP_SIGN), is_pqc ? HSM_E_MECHANISM : HSM_OK);
    }
    CHECK_EQ(hidden, 33);
}

static void smallest_keys(void)
{
    const hsm_crypto strict = { .options = { .may_use_weak_rsa = false } };
    const hsm_crypto weak = { .options = { .may_use_weak_rsa = true } };

    CHECK_EQ(hsm_mech_key_min_bits(&strict, hsm_mech_find(CKM_RSA_PKCS)), 2048);
    CHECK_EQ(hsm_mech_key_min_bits(&weak, hsm_mech_find(CKM_RSA_PKCS)), 1024);
    CHECK_EQ(hsm_mech_key_min_bits(&strict, hsm_mech_find(CKM_AES_CBC)), 128);
}

static const check_test tests[] = {
    CHECK_TEST(rows_are_ordered_and_found),
    CHECK_TEST(rows_are_complete),
    CHECK_TEST(rows_have_functions),
    CHECK_TEST(hashes_are_complete),
    CHECK_TEST(admits),
    CHECK_TEST(allows),
    CHECK_TEST(triple_des_is_for_old_data),
    CHECK_TEST(pqc_can_be_off),
    CHECK_TEST(smallest_keys),
};
CHECK_MAIN(tests)
