/* SLH-DSA and HashSLH-DSA.
 * SPDX-License-Identifier: Apache-2.0 */
#include "pqc_support.h"
#include "vectors_pqc.h"

static hsm_key *key_of_value(hsm_crypto *crypto, const char *set, const char *hex)
{
    hsm_key_parts parts = set_parts(set_named(set), CKO_PRIVATE_KEY);
    hsm_key *key = NULL;
    blob value;

    parts.part[HSM_PART_VALUE] = unhex(hex, &value);
    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    return key;
}

static void published_signatures(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(slh_dsa_vectors); i++) {
        blob message;
        blob context;
        big signature;
        HSM_AUTO(hsm_key_drop)
        hsm_key *key = key_of_value(crypto, slh_dsa_vectors[i].set, slh_dsa_vectors[i].private_key);
        REQUIRE_THAT(key != NULL);
        const hsm_mech_params params = { .hedge = CKH_DETERMINISTIC_REQUIRED,
                                         .context = unhex(slh_dsa_vectors[i].context, &context) };

        CASE(slh_dsa_vectors[i].set);
        (void)unhex(slh_dsa_vectors[i].message, &message);
        REQUIRE_OK(sign_parts(crypt, CKM_SLH_DSA, &params, key, view(&message), 9, &signature));
        check_sha256(crypto, hsm_bytes_of(signature.data, signature.len),
                     slh_dsa_vectors[i].signature_sha256);
        if (i > 0)
            continue; /* the whole and in place, once */
        memcpy(signature.data, message.data, message.len);
        REQUIRE_OK(sign_big(crypt, CKM_SLH_DSA, &params, key,
                            hsm_bytes_of(signature.data, message.len), &signature));
        check_sha256(crypto, hsm_bytes_of(signature.data, signature.len),
                     slh_dsa_vectors[i].signature_sha256);
    }
}

static const CK_MECHANISM_TYPE all_mechs[] = {
    CKM_SLH_DSA,
    CKM_HASH_SLH_DSA_SHA224,
    CKM_HASH_SLH_DSA_SHA256,
    CKM_HASH_SLH_DSA_SHA384,
    CKM_HASH_SLH_DSA_SHA512,
    CKM_HASH_SLH_DSA_SHA3_224,
    CKM_HASH_SLH_DSA_SHA3_256,
    CKM_HASH_SLH_DSA_SHA3_384,
    CKM_HASH_SLH_DSA_SHA3_512,
    CKM_HASH_SLH_DSA_SHAKE128,
    CKM_HASH_SLH_DSA_SHAKE256,
};

static void every_mechanism_signs_and_verifies(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(pair_clear) pair p = { 0 };
    const hsm_bytes message = hsm_bytes_of_text("a message");
    const hsm_mech_params other = { .context = hsm_bytes_of_text("context") };

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_of_set(crypto, set_named("SLH-DSA-SHA2-128f"), &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(all_mechs); i++) {
        big signature;

        CASE(hsm_mech_find(all_mechs[i])->name);
        REQUIRE_OK(sign_parts(crypt, all_mechs[i], NULL, p.private_key, message, 4, &signature));
        const hsm_bytes sig = hsm_bytes_of(signature.data, signature.len);
        CHECK_EQ(sig.len, 17088);
        CHECK_OK(verify_whole(crypt, all_mechs[i], NULL, p.public_key, message, sig));
        CHECK_OK(verify_parts(crypt, all_mechs[i], NULL, p.public_key, message, sig));
        CHECK_ERR(verify_whole(crypt, all_mechs[i], &other, p.public_key, message, sig),
                  HSM_E_SIGNATURE);
        CHECK_ERR(verify_whole(crypt, all_mechs[i], NULL, p.public_key, message,
                               hsm_bytes_of(sig.data, sig.len - 1)),
                  HSM_E_SIGNATURE_LEN);
        signature.data[5000] ^= 1;
        CHECK_ERR(verify_parts(crypt, all_mechs[i], NULL, p.public_key, message, sig),
                  HSM_E_SIGNATURE);
    }
}

static void hash_as_data(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(pair_clear) pair p = { 0 };
    const hsm_bytes message = hsm_bytes_of_text("abc");
    const hsm_mech_params params = { .hash = HSM_HASH_SHA256 };
    uint8_t digest[HSM_SHA256_BYTES];
    big signature;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_of_set(crypto, set_named("SLH-DSA-SHAKE-128f"), &p));
    REQUIRE_OK(hsm_crypto_sha256(crypto, message, digest));
    REQUIRE_OK(sign_big(crypt, CKM_HASH_SLH_DSA, &params, p.private_key,
                        hsm_bytes_of(digest, sizeof digest), &signature));
    CHECK_OK(verify_whole(crypt, CKM_HASH_SLH_DSA_SHA256, NULL, p.public_key, message,
                          hsm_bytes_of(signature.data, signature.len)));
    CHECK_ERR(sign_big(crypt, CKM_HASH_SLH_DSA, &params, p.private_key, message, &signature),
              HSM_E_DATA_LEN);
}

static const check_test tests[] = {
    CHECK_TEST(published_signatures),
    CHECK_TEST(every_mechanism_signs_and_verifies),
    CHECK_TEST(hash_as_data),
};
CHECK_MAIN(tests)
