/* Composite KEM.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kem.h"
#include "pqc_support.h"
#include "vectors_hybrid.h"

static const hsm_mech_params none;

static void published_ciphertexts(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);

    for (size_t i = 0; i < HSM_ARRAY_LEN(composite_kem_vectors); i++) {
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
        HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *encoded = NULL;
        blob info;
        blob ciphertext;
        blob want;

        CASE(composite_kem_vectors[i].set);
        (void)unhex(composite_kem_vectors[i].private_key_info, &info);
        REQUIRE_OK(hsm_key_pkcs8_decode(crypto, view(&info), CKK_CRATON_COMP_KEM, &bundle));
        check_sha256(crypto, bundle.parts.part[HSM_PART_PUBLIC],
                     composite_kem_vectors[i].public_sha256);
        REQUIRE_OK(hsm_key_create(crypto, &bundle.parts, &key));
        REQUIRE_OK(hsm_key_pkcs8_encode(key, &encoded));
        CHECK_BYTES(hsm_secret_data(encoded), hsm_secret_len(encoded), info.data, info.len);
        const hsm_kem_use use = { hsm_mech_find(CKM_CRATON_COMP_KEM), &none, key, 0 };
        (void)unhex(composite_kem_vectors[i].ciphertext, &ciphertext);
        (void)unhex(composite_kem_vectors[i].shared, &want);
        REQUIRE_OK(hsm_kem_decapsulate(&use, view(&ciphertext), &shared));
        CHECK_BYTES(hsm_secret_data(shared), hsm_secret_len(shared), want.data, want.len);
    }
}

/* Both ends agree; a change of either half of the ciphertext changes the secret or is refused. */
static void both_ends(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);

    for (size_t i = 0; i < HSM_ARRAY_LEN(composite_kem_vectors); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };
        HSM_AUTO(hsm_secret_drop) hsm_secret *sent = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *received = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *other = NULL;
        uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES];
        hsm_kem_use use = { hsm_mech_find(CKM_CRATON_COMP_KEM), &none, NULL, 32 };

        CASE(composite_kem_vectors[i].set);
        REQUIRE_THAT(pair_of_set(crypto, set_named(composite_kem_vectors[i].set), &p));
        use.key = p.public_key;
        const size_t len = hsm_kem_ciphertext_len(&use);
        REQUIRE_OK(hsm_kem_encapsulate(&use, ciphertext, &sent));
        use.value_len = 16;
        CHECK_ERR(hsm_kem_encapsulate(&use, ciphertext, &other), HSM_E_KEY_SIZE);
        use.value_len = 0;
        use.key = p.private_key;
        REQUIRE_OK(hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, len), &received));
        CHECK_THAT(hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(received)));
        ciphertext[0] ^= 1;
        REQUIRE_OK(hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, len), &other));
        CHECK_THAT(!hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(other)));
        ciphertext[0] ^= 1;
        hsm_secret_destroy(HSM_MOVE(other));
        ciphertext[len - 5] ^= 1; /* another X25519 key, or no point */
        const hsm_err err = hsm_kem_decapsulate(&use, hsm_bytes_of(ciphertext, len), &other);
        CHECK_THAT(err == HSM_E_WRAPPED_KEY ||
                   (err == HSM_OK && !hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(other))));
    }
}

static const check_test tests[] = {
    CHECK_TEST(published_ciphertexts),
    CHECK_TEST(both_ends),
};
CHECK_MAIN(tests)
