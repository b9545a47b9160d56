/* ML-DSA and HashML-DSA.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "pqc_support.h"
#include "vectors_pqc.h"

static hsm_key *key_of_seed(hsm_crypto *crypto, const char *set, const char *hex)
{
    hsm_key *key = NULL;
    blob seed;
    const hsm_key_parts parts = seed_parts(set_named(set), unhex(hex, &seed));

    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    return key;
}

static void published_signatures(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(ml_dsa_vectors); i++) {
        blob message;
        blob context;
        big signature;
        HSM_AUTO(hsm_key_drop)
        hsm_key *key = key_of_seed(crypto, ml_dsa_vectors[i].set, ml_dsa_vectors[i].seed);
        REQUIRE_THAT(key != NULL);
        const hsm_mech_params params = { .hedge = CKH_DETERMINISTIC_REQUIRED,
                                         .context = unhex(ml_dsa_vectors[i].context, &context) };

        CASE(ml_dsa_vectors[i].set);
        (void)unhex(ml_dsa_vectors[i].message, &message);
        for (int again = 0; again < 2; again++) { /* the second time in the kept context */
            REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &params, key, view(&message), &signature));
            check_sha256(crypto, hsm_bytes_of(signature.data, signature.len),
                         ml_dsa_vectors[i].signature_sha256);
        }
        REQUIRE_OK(sign_parts(crypt, CKM_ML_DSA, &params, key, view(&message), 7, &signature));
        check_sha256(crypto, hsm_bytes_of(signature.data, signature.len),
                     ml_dsa_vectors[i].signature_sha256);
    }
}

static const CK_MECHANISM_TYPE all_mechs[] = {
    CKM_ML_DSA,
    CKM_HASH_ML_DSA_SHA224,
    CKM_HASH_ML_DSA_SHA256,
    CKM_HASH_ML_DSA_SHA384,
    CKM_HASH_ML_DSA_SHA512,
    CKM_HASH_ML_DSA_SHA3_224,
    CKM_HASH_ML_DSA_SHA3_256,
    CKM_HASH_ML_DSA_SHA3_384,
    CKM_HASH_ML_DSA_SHA3_512,
    CKM_HASH_ML_DSA_SHAKE128,
    CKM_HASH_ML_DSA_SHAKE256,
};

static void check_verifies(hsm_crypt *crypt, CK_MECHANISM_TYPE id, const pair *p, hsm_bytes in)
{
    const uint8_t context[] = "ctx";
    const hsm_mech_params with = { .hedge = 77, .context = hsm_bytes_of(context, 3) };
    const hsm_mech_params other = { .context = hsm_bytes_of(context, 2) };
    const hsm_mech_params hedged = { .context = hsm_bytes_of(context, 3) };
    big signature;
    big second;

    REQUIRE_OK(sign_big(crypt, id, &hedged, p->private_key, in, &signature));
    REQUIRE_OK(sign_parts(crypt, id, &hedged, p->private_key, in, 3, &second));
    CHECK_THAT(memcmp(signature.data, second.data, second.len) != 0); /* hedged */
    const hsm_bytes sig = hsm_bytes_of(signature.data, signature.len);
    CHECK_OK(verify_whole(crypt, id, &with, p->public_key, in, sig));
    CHECK_OK(verify_parts(crypt, id, &with, p->public_key, in, sig));
    CHECK_OK(
        verify_whole(crypt, id, &with, p->public_key, in, hsm_bytes_of(second.data, second.len)));
    CHECK_ERR(verify_whole(crypt, id, &other, p->public_key, in, sig), HSM_E_SIGNATURE);
    CHECK_ERR(verify_parts(crypt, id, &other, p->public_key, in, sig), HSM_E_SIGNATURE);
    CHECK_ERR(
        verify_whole(crypt, id, &with, p->public_key, in, hsm_bytes_of(sig.data, sig.len - 1)),
        HSM_E_SIGNATURE_LEN);
    CHECK_ERR(
        verify_parts(crypt, id, &with, p->public_key, in, hsm_bytes_of(sig.data, sig.len - 1)),
        HSM_E_SIGNATURE_LEN);
    signature.data[100] ^= 1;
    CHECK_ERR(verify_whole(crypt, id, &with, p->public_key, in, sig), HSM_E_SIGNATURE);
    CHECK_ERR(verify_parts(crypt, id, &with, p->public_key, in, sig), HSM_E_SIGNATURE);
    /* another hash of the same message */
    CHECK_ERR(verify_whole(crypt, id == CKM_ML_DSA ? CKM_HASH_ML_DSA_SHA256 : CKM_ML_DSA, &with,
                           p->public_key, in, hsm_bytes_of(second.data, second.len)),
              HSM_E_SIGNATURE);
}

static void every_mechanism_signs_and_verifies(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    static const char *const sets[] = { "ML-DSA-44", "ML-DSA-65", "ML-DSA-87" };

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t s = 0; s < HSM_ARRAY_LEN(sets); s++) {
        HSM_AUTO(pair_clear) pair p = { 0 };

        REQUIRE_THAT(pair_of_set(crypto, set_named(sets[s]), &p));
        for (size_t i = 0; i < HSM_ARRAY_LEN(all_mechs); i++) {
            CASE(hsm_mech_find(all_mechs[i])->name);
            check_verifies(crypt, all_mechs[i], &p, hsm_bytes_of_text("a message in parts"));
            if (s > 0)
                break; /* the forms differ in nothing that depends on the set */
        }
        CASE("empty message");
        check_verifies(crypt, CKM_ML_DSA, &p, hsm_bytes_none());
    }
}

/* The data of CKM_HASH_ML_DSA is the hash; the result is that of the mechanism which hashes. */
static void hash_as_data(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(pair_clear) pair p = { 0 };
    const hsm_bytes message = hsm_bytes_of_text("abc");
    hsm_mech_params params = { .hash = HSM_HASH_SHA256, .hedge = CKH_DETERMINISTIC_REQUIRED };
    uint8_t digest[HSM_SHA256_BYTES];
    big whole;
    big hashed;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_of_set(crypto, set_named("ML-DSA-44"), &p));
    REQUIRE_OK(hsm_crypto_sha256(crypto, message, digest));
    const hsm_bytes data = hsm_bytes_of(digest, sizeof digest);
    REQUIRE_OK(sign_big(crypt, CKM_HASH_ML_DSA, &params, p.private_key, data, &hashed));
    params.hash = HSM_HASH_NONE;
    REQUIRE_OK(sign_big(crypt, CKM_HASH_ML_DSA_SHA256, &params, p.private_key, message, &whole));
    CHECK_BYTES(hashed.data, hashed.len, whole.data, whole.len);

    params.hash = HSM_HASH_SHA3_256;
    CHECK_ERR(verify_whole(crypt, CKM_HASH_ML_DSA, &params, p.public_key, data,
                           hsm_bytes_of(hashed.data, hashed.len)),
              HSM_E_SIGNATURE);
    params.hash = HSM_HASH_SHA384;
    CHECK_ERR(sign_big(crypt, CKM_HASH_ML_DSA, &params, p.private_key, data, &hashed),
              HSM_E_DATA_LEN);
    CHECK_ERR(sign_parts(crypt, CKM_HASH_ML_DSA, &params, p.private_key, data, 3, &hashed),
              HSM_E_NOT_SUPPORTED);
    params.hedge = 3;
    CHECK_ERR(sign_big(crypt, CKM_HASH_ML_DSA, &params, p.private_key, data, &hashed),
              HSM_E_MECHANISM_PARAM);
}

/* What FIPS 204, algorithm 5 says is signed, put together here and checked by OpenSSL directly. */
static bool verifies_encoded(const hsm_pqc_set *set, hsm_bytes public, const uint8_t *encoded,
                             size_t len, const big *signature)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, set->name, NULL, public.data, public.len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    EVP_SIGNATURE *algorithm = EVP_SIGNATURE_fetch(NULL, set->name, NULL);
    int encoding = 0;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, &encoding),
        OSSL_PARAM_construct_end(),
    };
    const bool is_good = EVP_PKEY_verify_message_init(ctx, algorithm, params) == 1 &&
                         EVP_PKEY_verify(ctx, signature->data, signature->len, encoded, len) == 1;

    EVP_SIGNATURE_free(algorithm);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return is_good;
}

static void encoding_of_the_standard(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(pair_clear) pair p = { 0 };
    static const struct {
        const char *hash;
        CK_MECHANISM_TYPE id;
        uint8_t oid_end; /* 2.16.840.1.101.3.4.2.x */
        size_t len;
    } cases[] = {
        { "SHA256", CKM_HASH_ML_DSA_SHA256, 1, 32 },
        { "SHA384", CKM_HASH_ML_DSA_SHA384, 2, 48 },
        { "SHA512", CKM_HASH_ML_DSA_SHA512, 3, 64 },
        { "SHA224", CKM_HASH_ML_DSA_SHA224, 4, 28 },
        { "SHA3-224", CKM_HASH_ML_DSA_SHA3_224, 7, 28 },
        { "SHA3-256", CKM_HASH_ML_DSA_SHA3_256, 8, 32 },
        { "SHA3-384", CKM_HASH_ML_DSA_SHA3_384, 9, 48 },
        { "SHA3-512", CKM_HASH_ML_DSA_SHA3_512, 10, 64 },
        { "SHAKE128", CKM_HASH_ML_DSA_SHAKE128, 11, 32 },
        { "SHAKE256", CKM_HASH_ML_DSA_SHAKE256, 12, 64 },
    };
    const uint8_t start[] = { 1, 2, 'c', 'x', 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2 };
    const hsm_mech_params params = { .context = hsm_bytes_of("cx", 2) };
    const hsm_pqc_set *set = set_named("ML-DSA-44");

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_of_set(crypto, set, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        uint8_t encoded[sizeof start + 1 + 64];
        EVP_MD *md = EVP_MD_fetch(NULL, cases[i].hash, NULL);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        big signature;

        CASE(cases[i].hash);
        memcpy(encoded, start, sizeof start);
        encoded[sizeof start] = cases[i].oid_end;
        CHECK_EQ(EVP_DigestInit_ex2(ctx, md, NULL), 1);
        CHECK_EQ(EVP_DigestUpdate(ctx, "message", 7), 1);
        uint8_t *digest = encoded + sizeof start + 1;
        CHECK_EQ(cases[i].oid_end > 10 ? EVP_DigestFinalXOF(ctx, digest, cases[i].len)
                                       : EVP_DigestFinal_ex(ctx, digest, NULL),
                 1);
        EVP_MD_CTX_free(ctx);
        EVP_MD_free(md);
        REQUIRE_OK(sign_big(crypt, cases[i].id, &params, p.private_key,
                            hsm_bytes_of_text("message"), &signature));
        CHECK_THAT(verifies_encoded(set, p.bundle.parts.part[HSM_PART_PUBLIC], encoded,
                                    sizeof start + 1 + cases[i].len, &signature));
        encoded[sizeof start] ^= 0x40;
        CHECK_THAT(!verifies_encoded(set, p.bundle.parts.part[HSM_PART_PUBLIC], encoded,
                                     sizeof start + 1 + cases[i].len, &signature));
    }
}

/* The contexts of two keys and two parameters do not mix in one operation object. */
static void contexts_do_not_mix(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(pair_clear) pair a = { 0 };
    HSM_AUTO(pair_clear) pair b = { 0 };
    const hsm_bytes message = hsm_bytes_of_text("message");
    const hsm_mech_params deterministic = { .hedge = CKH_DETERMINISTIC_REQUIRED };
    const hsm_mech_params required = { .hedge = CKH_HEDGE_REQUIRED };
    big first;
    big second;
    big third;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_of_set(crypto, set_named("ML-DSA-44"), &a));
    REQUIRE_THAT(pair_of_set(crypto, set_named("ML-DSA-44"), &b));
    REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &deterministic, a.private_key, message, &first));
    REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &required, a.private_key, message, &second));
    REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &deterministic, a.private_key, message, &third));
    CHECK_BYTES(first.data, first.len, third.data, third.len);
    CHECK_THAT(memcmp(first.data, second.data, first.len) != 0);
    REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &deterministic, b.private_key, message, &second));
    CHECK_OK(verify_whole(crypt, CKM_ML_DSA, NULL, b.public_key, message,
                          hsm_bytes_of(second.data, second.len)));
    CHECK_ERR(verify_whole(crypt, CKM_ML_DSA, NULL, a.public_key, message,
                           hsm_bytes_of(second.data, second.len)),
              HSM_E_SIGNATURE);
    /* in place */
    memcpy(third.data, message.data, message.len);
    REQUIRE_OK(sign_big(crypt, CKM_ML_DSA, &deterministic, a.private_key,
                        hsm_bytes_of(third.data, message.len), &third));
    CHECK_BYTES(first.data, first.len, third.data, third.len);
}

static const check_test tests[] = {
    CHECK_TEST(published_signatures), CHECK_TEST(every_mechanism_signs_and_verifies),
    CHECK_TEST(hash_as_data),         CHECK_TEST(encoding_of_the_standard),
    CHECK_TEST(contexts_do_not_mix),
};
CHECK_MAIN(tests)
