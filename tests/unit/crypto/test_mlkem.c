/* Encapsulation: ML-KEM, ephemeral ECDH, RSA.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kem.h"
#include "pqc_support.h"
#include "support/stack.h"
#include "vectors_pqc.h"

static void published_ciphertexts(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    const hsm_mech_params none = { 0 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(ml_kem_vectors); i++) {
        HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *rejected = NULL;
        blob seed;
        blob ciphertext;
        blob want;

        CASE(ml_kem_vectors[i].set);
        const hsm_key_parts parts =
            seed_parts(set_named(ml_kem_vectors[i].set), unhex(ml_kem_vectors[i].seed, &seed));
        REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
        const hsm_kem_use use = { hsm_mech_find(CKM_ML_KEM), &none, key, 0 };
        (void)unhex(ml_kem_vectors[i].ciphertext, &ciphertext);
        (void)unhex(ml_kem_vectors[i].shared, &want);
        REQUIRE_OK(hsm_kem_decapsulate(&use, view(&ciphertext), &shared));
        CHECK_BYTES(hsm_secret_data(shared), hsm_secret_len(shared), want.data, want.len);

        ciphertext.data[3] ^= 1; /* implicit rejection: another secret, always the same */
        REQUIRE_OK(hsm_kem_decapsulate(&use, view(&ciphertext), &rejected));
        CHECK_THAT(!hsm_ct_equal(hsm_secret_view(rejected), view(&want)));
        hsm_secret_destroy(HSM_MOVE(shared));
        CHECK_ERR(
            hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext.data, ciphertext.len - 1), &shared),
            HSM_E_WRAPPED_KEY_LEN);
    }
}

/* Both ends, and the secret's length. */
static void check_both_ends(hsm_crypto *crypto, const pair *p, const hsm_kem_use *how,
                            size_t want_len)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *sent = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *received = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *again = NULL;
    uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES];
    uint8_t second[HSM_KEM_CIPHERTEXT_MAX_BYTES];
    hsm_kem_use send = *how;
    hsm_kem_use receive = *how;

    (void)crypto;
    send.key = p->public_key;
    receive.key = p->private_key;
    const size_t len = hsm_kem_ciphertext_len(&send);
    CHECK_EQ(len, hsm_kem_ciphertext_len(&receive));
    REQUIRE_OK(hsm_kem_encapsulate(&send, ciphertext, &sent));
    REQUIRE_OK(hsm_kem_encapsulate(&send, second, &again));
    CHECK_THAT(memcmp(ciphertext, second, len) != 0);
    CHECK_THAT(!hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(again)));
    REQUIRE_OK(hsm_kem_decapsulate(&receive, hsm_bytes_of(ciphertext, len), &received));
    CHECK_EQ(hsm_secret_len(sent), want_len);
    CHECK_THAT(hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(received)));
}

static void ml_kem_both_ends(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(true);
    static const char *const sets[] = { "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024" };
    const hsm_mech_params none = { 0 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };
        HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
        uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES];
        hsm_kem_use use = { .mech = hsm_mech_find(CKM_ML_KEM), .params = &none };

        CASE(sets[i]);
        REQUIRE_THAT(pair_of_set(crypto, set_named(sets[i]), &p));
        check_both_ends(crypto, &p, &use, 32);
        use.value_len = 32;
        check_both_ends(crypto, &p, &use, 32);
        use.key = p.public_key;
        use.value_len = 16;
        CHECK_ERR(hsm_kem_encapsulate(&use, ciphertext, &value), HSM_E_KEY_SIZE);
    }
}

static void no_shared_secret_stays_on_the_stack(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(true);
    static const char *const sets[] = { "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024" };
    const hsm_mech_params none = { 0 };

    if (IS_SANITIZED)
        SKIP("a sanitizer's stack is another");
    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };
        HSM_AUTO(hsm_secret_drop) hsm_secret *sent = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *received = NULL;
        uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES];
        hsm_kem_use use = { .mech = hsm_mech_find(CKM_ML_KEM), .params = &none };

        CASE(sets[i]);
        REQUIRE_THAT(pair_of_set(crypto, set_named(sets[i]), &p));
        use.key = p.public_key;
        REQUIRE_OK(hsm_kem_encapsulate(&use, ciphertext, &sent));
        CHECK_THAT(!stack_has(hsm_secret_view(sent)));
        const size_t len = hsm_kem_ciphertext_len(&use);
        use.key = p.private_key;
        REQUIRE_OK(hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, len), &received));
        CHECK_THAT(!stack_has(hsm_secret_view(received)));
        stack_leave(hsm_secret_view(sent));
        CHECK_THAT(stack_has(hsm_secret_view(sent))); /* the search finds what is there */
    }
}

static void ecdh_both_ends(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    static const struct {
        const char *curve;
        CK_ULONG kdf;
        size_t value_len;
        size_t want_len;
    } cases[] = {
        { "P-256", CKD_NULL, 0, 32 },        { "P-384", CKD_NULL, 16, 16 },
        { "P-521", CKD_SHA256_KDF, 24, 24 }, { "X25519", CKD_NULL, 0, 32 },
        { "X448", CKD_SHA512_KDF, 32, 32 },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };
        HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
        const hsm_mech_params params = { .kdf = cases[i].kdf };
        hsm_kem_use use = { hsm_mech_find(CKM_ECDH1_DERIVE), &params, NULL, cases[i].value_len };
        uint8_t junk[133] = { 0 };

        CASE(cases[i].curve);
        REQUIRE_THAT(pair_on_curve(crypto, curve_named(cases[i].curve), &p));
        check_both_ends(crypto, &p, &use, cases[i].want_len);
        use.key = p.private_key; /* no point of the curve, or one of small order */
        junk[0] = cases[i].curve[0] == 'P' ? 4 : 0;
        CHECK_ERR(
            hsm_kem_decapsulate(&use, hsm_bytes_of(junk, hsm_kem_ciphertext_len(&use)), &value),
            HSM_E_WRAPPED_KEY);
        const hsm_mech_params with_data = { .public_data = hsm_bytes_of(junk, 65) };
        use.params = &with_data;
        use.key = p.public_key;
        CHECK_ERR(hsm_kem_encapsulate(&use, junk, &value), HSM_E_MECHANISM_PARAM);
    }
}

/* The ciphertext is the other side's point. */
static void decapsulating_is_deriving(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(pair_clear) pair p = { 0 };
    HSM_AUTO(pair_clear) pair peer = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *derived = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *decapsulated = NULL;
    const hsm_mech *mech = hsm_mech_find(CKM_ECDH1_DERIVE);

    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &p));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &peer));
    const hsm_bytes point = peer.bundle.parts.part[HSM_PART_POINT];
    const hsm_mech_params given = { .kdf = CKD_SHA1_KDF, .public_data = point };
    const hsm_mech_params kem = { .kdf = CKD_SHA1_KDF };
    const hsm_kem_use use = { mech, &kem, p.private_key, 32 };
    REQUIRE_OK(hsm_derive_run(crypto, mech, &given, p.private_key, 32, &derived));
    REQUIRE_OK(hsm_kem_decapsulate(&use, point, &decapsulated));
    CHECK_THAT(hsm_ct_equal(hsm_secret_view(derived), hsm_secret_view(decapsulated)));
}

static void rsa_both_ends(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(pair_clear) pair p = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    const hsm_mech_params params = { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256 };
    static const CK_MECHANISM_TYPE ids[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_RSA_X_509 };
    uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES] = { 0 };

    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(ids); i++) {
        hsm_kem_use use = { hsm_mech_find(ids[i]), &params, p.public_key, 32 };

        CASE(use.mech->name);
        check_both_ends(crypto, &p, &use, 32);
        use.value_len = 129;
        CHECK_ERR(hsm_kem_encapsulate(&use, ciphertext, &value), HSM_E_KEY_SIZE);
        use.value_len = 0;
        if (ids[i] == CKM_RSA_X_509)
            check_both_ends(crypto, &p, &use, 128);
        else
            CHECK_ERR(hsm_kem_encapsulate(&use, ciphertext, &value), HSM_E_TEMPLATE_INCOMPLETE);
        use.key = p.private_key;
        CHECK_ERR(hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, 127), &value),
                  HSM_E_WRAPPED_KEY_LEN);
        memset(ciphertext, 0xff, sizeof ciphertext); /* above the modulus */
        CHECK_ERR(hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, 128), &value),
                  HSM_E_WRAPPED_KEY);
    }
}

static const check_test tests[] = {
    CHECK_TEST(no_shared_secret_stays_on_the_stack),
    CHECK_TEST(published_ciphertexts),
    CHECK_TEST(ml_kem_both_ends),
    CHECK_TEST(ecdh_both_ends),
    CHECK_TEST(decapsulating_is_deriving),
    CHECK_TEST(rsa_both_ends),
};
CHECK_MAIN(tests)
