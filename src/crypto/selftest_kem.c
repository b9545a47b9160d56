/* Known answers of key transport, key agreement and encapsulation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest_internal.h"
#include "crypto/selftest_kem_vectors.h"

static void bundle_drop(hsm_key_bundle *bundle)
{
    hsm_key_bundle_clear(bundle);
}

/* Decryption, which has one answer; a changed ciphertext gives none. */
hsm_err hsm_selftest_rsa_oaep(hsm_crypto *crypto, hsm_selftest test)
{
    const known der = known_of(oaep_private);
    known ciphertext = known_of(oaep_ciphertext);
    const hsm_mech mech = { .alg = HSM_ALG_RSA_OAEP };
    const hsm_mech_params params = { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256 };
    HSM_AUTO(bundle_drop) hsm_key_bundle bundle = { 0 };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    known got;
    hsm_out out = hsm_out_of(got.data, sizeof got.data);

    HSM_TRY(hsm_key_pkcs8_decode(crypto, known_view(&der), CKK_RSA, &bundle));
    HSM_TRY(hsm_key_create(crypto, &bundle.parts, &key));
    const crypt_question question = { HSM_OP_DECRYPT, &mech, &params, key };
    HSM_TRY(crypt_answer(crypto, &question, known_view(&ciphertext), &out));
    HSM_TRY(known_equals(test, hsm_bytes_of(got.data, out.len), oaep_message));

    ciphertext.data[100] ^= 1;
    const hsm_err err = crypt_answer(crypto, &question, known_view(&ciphertext), &out);
    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    return err == HSM_E_ENCRYPTED_DATA ? HSM_OK : HSM_E_SELF_TEST;
}

/* The agreed value itself, and, with a KDF, 40 bytes of it. */
hsm_err hsm_selftest_ecdh(hsm_crypto *crypto, hsm_selftest test)
{
    static const uint8_t p_256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static const uint8_t shared_data[] = { 1, 2 };
    const known value = known_of(ecdh_value);
    const known peer = known_of(ecdh_peer);
    const hsm_mech mech = { .alg = HSM_ALG_ECDH };
    hsm_mech_params params = { .kdf = CKD_NULL, .public_data = known_view(&peer) };
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_EC };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *derived = NULL;

    parts.part[HSM_PART_PARAMS] = hsm_bytes_of(p_256, sizeof p_256);
    parts.part[HSM_PART_VALUE] = known_view(&value);
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    HSM_TRY(crypto->backend->derive(crypto, &mech, &params, key, 0, &plain));
    HSM_TRY(known_equals(test, hsm_secret_view(plain), ecdh_secret));
    params.kdf = CKD_SHA256_KDF;
    params.shared_data = hsm_bytes_of(shared_data, sizeof shared_data);
    HSM_TRY(crypto->backend->derive(crypto, &mech, &params, key, 40, &derived));
    return known_equals(test, hsm_secret_view(derived), ecdh_derived);
}

hsm_err hsm_selftest_dh(hsm_crypto *crypto, hsm_selftest test)
{
    static const uint8_t base[] = { 2 };
    const known prime = known_of(dh_prime);
    const known value = known_of(dh_value);
    const known peer = known_of(dh_peer);
    const hsm_mech mech = { .alg = HSM_ALG_DH };
    const hsm_mech_params params = { .kdf = CKD_NULL, .public_data = known_view(&peer) };
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_DH };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    parts.part[HSM_PART_PRIME] = known_view(&prime);
    parts.part[HSM_PART_BASE] = hsm_bytes_of(base, sizeof base);
    parts.part[HSM_PART_VALUE] = known_view(&value);
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    HSM_TRY(crypto->backend->derive(crypto, &mech, &params, key, 0, &secret));
    return known_digest(crypto, test, hsm_secret_view(secret), dh_secret_sha256);
}

static const hsm_mech ml_kem_mech = { .alg = HSM_ALG_ML_KEM };
static const hsm_mech_params no_params;

/* A wrong ciphertext gives the secret that FIPS 203 says (implicit rejection), not an error. */
static hsm_err decapsulate(hsm_crypto *crypto, hsm_selftest test, hsm_key *key)
{
    const hsm_kem_use use = { .mech = &ml_kem_mech, .params = &no_params, .key = key };
    known ciphertext = known_of(ml_kem_ciphertext);
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *rejection = NULL;

    HSM_TRY(crypto->backend->decapsulate(&use, known_view(&ciphertext), &secret));
    HSM_TRY(known_equals(test, hsm_secret_view(secret), ml_kem_secret));
    ciphertext.data[0] ^= 1;
    HSM_TRY(crypto->backend->decapsulate(&use, known_view(&ciphertext), &rejection));
    return known_equals(test, hsm_secret_view(rejection), ml_kem_rejection_secret);
}

static hsm_err encapsulate(hsm_crypto *crypto, hsm_selftest test, hsm_bytes set)
{
    const known peer = known_of(ml_kem_peer);
    const known randomness = known_of(ml_kem_randomness);
    hsm_key_parts parts = { .key_class = CKO_PUBLIC_KEY, .key_type = CKK_ML_KEM };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    uint8_t ciphertext[HSM_KEM_CIPHERTEXT_MAX_BYTES];

    parts.part[HSM_PART_PARAMETER_SET] = set;
    parts.part[HSM_PART_PUBLIC] = known_view(&peer);
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    const hsm_mech_params params = { .randomness = known_view(&randomness) };
    const hsm_kem_use use = { .mech = &ml_kem_mech, .params = &params, .key = key };
    HSM_TRY(crypto->backend->encapsulate(&use, ciphertext, &secret));
    HSM_TRY(known_equals(test, hsm_secret_view(secret), ml_kem_made_secret));
    return known_digest(crypto, test, hsm_bytes_of(ciphertext, hsm_kem_ciphertext_len(&use)),
                        ml_kem_made_sha256);
}

hsm_err hsm_selftest_ml_kem(hsm_crypto *crypto, hsm_selftest test)
{
    const CK_ULONG set = CKP_ML_KEM_768;
    const known seed = known_of(ml_kem_seed);
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_ML_KEM };
    HSM_AUTO(bundle_drop) hsm_key_bundle whole = { 0 };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set, sizeof set);
    parts.part[HSM_PART_SEED] = known_view(&seed);
    HSM_TRY(hsm_key_complete(crypto, &parts, &whole));
    HSM_TRY(known_digest(crypto, test, whole.parts.part[HSM_PART_PUBLIC], ml_kem_public_sha256));
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    HSM_TRY(decapsulate(crypto, test, key));
    return encapsulate(crypto, test, parts.part[HSM_PART_PARAMETER_SET]);
}
