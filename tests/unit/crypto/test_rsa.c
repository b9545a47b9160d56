/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "vectors_rsa.h"

static CK_MECHANISM_TYPE mech_for(hsm_alg alg, hsm_hash hash)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].alg == alg && rows[i].hash == hash)
            return rows[i].id;
    }
    CHECK_STR("mech_for", "a row of the table");
    return CKM_RSA_PKCS;
}

/* The published private keys have no primes: they are completed on the way. */
static bool published_key(hsm_crypto *crypto, const rsa_private *numbers, hsm_key **out)
{
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_RSA };
    blob n, e, d;

    parts.part[HSM_PART_MODULUS] = unhex(numbers->n, &n);
    parts.part[HSM_PART_PUBLIC_EXPONENT] = unhex(numbers->e, &e);
    parts.part[HSM_PART_PRIVATE_EXPONENT] = unhex(numbers->d, &d);
    return CHECK_OK(hsm_key_create(crypto, &parts, out));
}

static bool public_key(hsm_crypto *crypto, const char *modulus, const char *exponent, hsm_key **out)
{
    hsm_key_parts parts = { .key_class = CKO_PUBLIC_KEY, .key_type = CKK_RSA };
    blob n, e;

    parts.part[HSM_PART_MODULUS] = unhex(modulus, &n);
    parts.part[HSM_PART_PUBLIC_EXPONENT] = unhex(exponent, &e);
    return CHECK_OK(hsm_key_create(crypto, &parts, out));
}

static void published_signatures_are_made_again(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(published_key(crypto, &rsa_key_a, &key));
    for (size_t i = 0; i < HSM_ARRAY_LEN(rsa_made); i++) {
        blob message, want, got;

        CASE(rsa_made[i].label);
        unhex(rsa_made[i].message, &message);
        unhex(rsa_made[i].signature, &want);
        CHECK_OK(whole(crypt, HSM_OP_SIGN, mech_for(HSM_ALG_RSA_PKCS, rsa_made[i].hash), NULL, key,
                       view(&message), &got));
        CHECK_BYTES(got.data, got.len, want.data, want.len);
    }
}

static void check_published(hsm_crypto *crypto, hsm_crypt *crypt, const rsa_signature *v)
{
    const bool is_pss = v->mgf_hash != HSM_HASH_NONE;
    const hsm_mech_params params = { .hash = v->hash,
                                     .mgf_hash = v->mgf_hash,
                                     .salt_len = v->salt_len };
    const CK_MECHANISM_TYPE id = mech_for(is_pss ? HSM_ALG_RSA_PSS : HSM_ALG_RSA_PKCS, v->hash);
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    blob message, signature;

    unhex(v->message, &message);
    unhex(v->signature, &signature);
    REQUIRE_THAT(public_key(crypto, v->n, v->e, &key));
    const hsm_err want = v->is_valid            ? HSM_OK
                         : signature.len != 256 ? HSM_E_SIGNATURE_LEN
                                                : HSM_E_SIGNATURE;
    CHECK_ERR(verify_whole(crypt, id, &params, key, view(&message), view(&signature)), want);

    REQUIRE_OK(run_once(crypt, HSM_OP_VERIFY, id, &params, key));
    for (size_t i = 0; i < message.len; i++)
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(message.data + i, 1), NULL));
    CHECK_ERR(hsm_crypt_verify_final(crypt, view(&signature)), want);
    hsm_crypt_end(crypt);
}

static void published_signatures_are_judged(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(rsa_checked); i++) {
        CASE(rsa_checked[i].label);
        check_published(crypto, crypt, &rsa_checked[i]);
    }
}

static void check_decryption(hsm_crypt *crypt, hsm_key *key, CK_MECHANISM_TYPE id,
                             const rsa_ciphertext *v)
{
    blob label, want, ciphertext, got;
    const hsm_mech_params params = { .hash = HSM_HASH_SHA256,
                                     .mgf_hash = HSM_HASH_SHA1,
                                     .label = unhex(v->oaep_label, &label) };

    unhex(v->ciphertext, &ciphertext);
    CHECK_ERR(whole(crypt, HSM_OP_DECRYPT, id, &params, key, view(&ciphertext), &got),
              v->message != NULL      ? HSM_OK
              : ciphertext.len != 256 ? HSM_E_ENCRYPTED_DATA_LEN
                                      : HSM_E_ENCRYPTED_DATA);
    if (v->message == NULL)
        return;
    unhex(v->message, &want);
    CHECK_BYTES(got.data, got.len, want.data, want.len);
}

static void published_ciphertexts(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *oaep = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *pkcs1 = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(published_key(crypto, &rsa_key_oaep, &oaep));
    REQUIRE_THAT(published_key(crypto, &rsa_key_pkcs1, &pkcs1));
    for (size_t i = 0; i < HSM_ARRAY_LEN(rsa_oaep); i++) {
        CASE(rsa_oaep[i].label);
        check_decryption(crypt, oaep, CKM_RSA_PKCS_OAEP, &rsa_oaep[i]);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(rsa_pkcs1); i++) {
        CASE(rsa_pkcs1[i].label);
        check_decryption(crypt, pkcs1, CKM_RSA_PKCS, &rsa_pkcs1[i]);
    }
}

static void check_row(hsm_crypt *crypt, pair *p, const hsm_mech *mech)
{
    const hsm_hash hash = mech->hash == HSM_HASH_NONE ? HSM_HASH_SHA256 : mech->hash;
    const hsm_mech_params params = { .hash = hash,
                                     .mgf_hash = hash,
                                     .salt_len = hsm_hash_get(hash)->len };
    uint8_t message[32];
    blob signature;

    memset(message, 0x3c, sizeof message);
    const hsm_bytes in = hsm_bytes_of(message, sizeof message);
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, mech->id, &params, p->private_key, in, &signature));
    CHECK_EQ(signature.len, 128);
    CHECK_OK(verify_whole(crypt, mech->id, &params, p->public_key, in, view(&signature)));
    message[31] ^= 1;
    CHECK_ERR(verify_whole(crypt, mech->id, &params, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE);
    message[31] ^= 1;
    signature.data[127] ^= 1;
    CHECK_ERR(verify_whole(crypt, mech->id, &params, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE);
    signature.len = 127;
    CHECK_ERR(verify_whole(crypt, mech->id, &params, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE_LEN);
}

static void every_signature_row(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    size_t count = 0;
    const hsm_mech *mech = hsm_mech_table(&count);
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < count; i++) {
        const uint32_t hash_len =
            mech[i].hash == HSM_HASH_NONE ? 0 : hsm_hash_get(mech[i].hash)->len;

        if ((mech[i].ops & HSM_OP_SIGN) == 0 || mech[i].key_type != CKK_RSA)
            continue;
        if (mech[i].alg == HSM_ALG_RSA_PSS && 2 * hash_len + 2 > 128)
            continue; /* no room for hash and salt in this small key */
        CASE(mech[i].name);
        check_row(crypt, &p, &mech[i]);
    }
    pair_clear(&p);
}

static const struct {
    const char *label;
    hsm_op op;
    CK_MECHANISM_TYPE id;
    size_t len; /* for a key of 128 bytes */
    hsm_err want;
} length_cases[] = {
    { "PKCS: k - 11 can be signed", HSM_OP_SIGN, CKM_RSA_PKCS, 117, HSM_OK },
    { "PKCS: k - 10 can not", HSM_OP_SIGN, CKM_RSA_PKCS, 118, HSM_E_DATA_LEN },
    { "PKCS: nothing can be signed", HSM_OP_SIGN, CKM_RSA_PKCS, 0, HSM_OK },
    { "PKCS: k - 11 can be encrypted", HSM_OP_ENCRYPT, CKM_RSA_PKCS, 117, HSM_OK },
    { "PKCS: k - 10 can not be encrypted", HSM_OP_ENCRYPT, CKM_RSA_PKCS, 118, HSM_E_DATA_LEN },
    { "PKCS: nothing can be encrypted", HSM_OP_ENCRYPT, CKM_RSA_PKCS, 0, HSM_OK },
    { "PKCS: wrapping is encrypting", HSM_OP_WRAP, CKM_RSA_PKCS, 32, HSM_OK },
    { "X.509: k bytes", HSM_OP_SIGN, CKM_RSA_X_509, 128, HSM_OK },
    { "X.509: k + 1", HSM_OP_SIGN, CKM_RSA_X_509, 129, HSM_E_DATA_LEN },
    { "X.509: fewer", HSM_OP_SIGN, CKM_RSA_X_509, 5, HSM_OK },
    { "X.509: k bytes encrypted", HSM_OP_ENCRYPT, CKM_RSA_X_509, 128, HSM_OK },
    { "X.509: k + 1 encrypted", HSM_OP_ENCRYPT, CKM_RSA_X_509, 129, HSM_E_DATA_LEN },
    { "OAEP: k - 2 - 2h", HSM_OP_ENCRYPT, CKM_RSA_PKCS_OAEP, 62, HSM_OK },
    { "OAEP: one more", HSM_OP_ENCRYPT, CKM_RSA_PKCS_OAEP, 63, HSM_E_DATA_LEN },
    { "OAEP: nothing", HSM_OP_ENCRYPT, CKM_RSA_PKCS_OAEP, 0, HSM_OK },
    { "PSS: the hash's length", HSM_OP_SIGN, CKM_RSA_PKCS_PSS, 32, HSM_OK },
    { "PSS: less", HSM_OP_SIGN, CKM_RSA_PKCS_PSS, 31, HSM_E_DATA_LEN },
    { "PSS: more", HSM_OP_SIGN, CKM_RSA_PKCS_PSS, 33, HSM_E_DATA_LEN },
    { "PKCS: ciphertext one short", HSM_OP_DECRYPT, CKM_RSA_PKCS, 127, HSM_E_ENCRYPTED_DATA_LEN },
    { "PKCS: ciphertext one long", HSM_OP_DECRYPT, CKM_RSA_PKCS, 129, HSM_E_ENCRYPTED_DATA_LEN },
    { "OAEP: ciphertext one short", HSM_OP_DECRYPT, CKM_RSA_PKCS_OAEP, 127,
      HSM_E_ENCRYPTED_DATA_LEN },
    { "OAEP: not made by encryption", HSM_OP_DECRYPT, CKM_RSA_PKCS_OAEP, 128,
      HSM_E_ENCRYPTED_DATA },
    { "recover: one short", HSM_OP_VERIFY_RECOVER, CKM_RSA_PKCS, 127, HSM_E_SIGNATURE_LEN },
    { "recover: not a signature", HSM_OP_VERIFY_RECOVER, CKM_RSA_PKCS, 128, HSM_E_SIGNATURE },
};

static void lengths_at_their_limits(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_mech_params params = { .hash = HSM_HASH_SHA256,
                                     .mgf_hash = HSM_HASH_SHA256,
                                     .salt_len = 32 };
    const uint8_t input[129] = { 0x01, 0x02 }; /* below any 1024-bit modulus */
    blob out;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(length_cases); i++) {
        const hsm_op_set with_public = HSM_OP_ENCRYPT | HSM_OP_WRAP | HSM_OP_VERIFY_RECOVER;
        hsm_key *key = (length_cases[i].op & with_public) != 0 ? p.public_key : p.private_key;

        CASE(length_cases[i].label);
        CHECK_ERR(whole(crypt, length_cases[i].op, length_cases[i].id, &params, key,
                        hsm_bytes_of(input, length_cases[i].len), &out),
                  length_cases[i].want);
    }
    pair_clear(&p);
}

static void encryption_goes_both_ways(void)
{
    static const CK_MECHANISM_TYPE ids[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_mech_params params = { .hash = HSM_HASH_SHA384,
                                     .mgf_hash = HSM_HASH_SHA1,
                                     .label = hsm_bytes_of("label", 5) };
    hsm_mech_params other = params;
    blob ciphertext, got;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 2048, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(ids); i++) {
        REQUIRE_OK(whole(crypt, HSM_OP_ENCRYPT, ids[i], &params, p.public_key,
                         hsm_bytes_of("secret", 6), &ciphertext));
        CHECK_OK(
            whole(crypt, HSM_OP_DECRYPT, ids[i], &params, p.private_key, view(&ciphertext), &got));
        CHECK_BYTES(got.data, got.len, "secret", 6);
    }

    CASE("another label, the same key and hashes");
    other.label = hsm_bytes_of("lab", 3);
    CHECK_ERR(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS_OAEP, &other, p.private_key,
                    view(&ciphertext), &got),
              HSM_E_ENCRYPTED_DATA);
    CASE("another mask hash");
    other = params;
    other.mgf_hash = HSM_HASH_SHA384;
    CHECK_ERR(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS_OAEP, &other, p.private_key,
                    view(&ciphertext), &got),
              HSM_E_ENCRYPTED_DATA);
    pair_clear(&p);
}

/* Bad PKCS#1 v1.5 padding is not an error (implicit rejection): the same ciphertext gives the same
 * random-looking bytes, never the error that an attacker could count. */
static void bad_padding_is_not_told(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    blob ciphertext, first, second;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 2048, &p));
    REQUIRE_OK(whole(crypt, HSM_OP_ENCRYPT, CKM_RSA_X_509, NULL, p.public_key,
                     hsm_bytes_of("\0\3no padding", 12), &ciphertext));
    CHECK_OK(
        whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS, NULL, p.private_key, view(&ciphertext), &first));
    CHECK_OK(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS, NULL, p.private_key, view(&ciphertext),
                   &second));
    CHECK_BYTES(first.data, first.len, second.data, second.len);
    pair_clear(&p);
}

static void raw_blocks_and_recovery(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    uint8_t block[128] = { 0 };
    blob signature, got;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    memcpy(block + 123, "short", 5);

    CASE("X.509: a short number is padded with zeros on the left");
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_RSA_X_509, NULL, p.private_key,
                     hsm_bytes_of("short", 5), &signature));
    CHECK_OK(whole(crypt, HSM_OP_VERIFY_RECOVER, CKM_RSA_X_509, NULL, p.public_key,
                   view(&signature), &got));
    CHECK_BYTES(got.data, got.len, block, sizeof block);
    CHECK_OK(verify_whole(crypt, CKM_RSA_X_509, NULL, p.public_key, hsm_bytes_of("short", 5),
                          view(&signature)));
    CHECK_OK(verify_whole(crypt, CKM_RSA_X_509, NULL, p.public_key,
                          hsm_bytes_of(block, sizeof block), view(&signature)));

    CASE("X.509: decryption gives the whole block");
    REQUIRE_OK(whole(crypt, HSM_OP_ENCRYPT, CKM_RSA_X_509, NULL, p.public_key,
                     hsm_bytes_of("short", 5), &signature));
    CHECK_OK(
        whole(crypt, HSM_OP_DECRYPT, CKM_RSA_X_509, NULL, p.private_key, view(&signature), &got));
    CHECK_BYTES(got.data, got.len, block, sizeof block);

    CASE("PKCS: recovery gives the data");
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN_RECOVER, CKM_RSA_PKCS, NULL, p.private_key,
                     hsm_bytes_of("short", 5), &signature));
    CHECK_OK(whole(crypt, HSM_OP_VERIFY_RECOVER, CKM_RSA_PKCS, NULL, p.public_key, view(&signature),
                   &got));
    CHECK_BYTES(got.data, got.len, "short", 5);

    CASE("not below the modulus");
    memset(block, 0xff, sizeof block);
    CHECK_ERR(whole(crypt, HSM_OP_SIGN, CKM_RSA_X_509, NULL, p.private_key,
                    hsm_bytes_of(block, sizeof block), &got),
              HSM_E_DATA);
    CHECK_ERR(whole(crypt, HSM_OP_ENCRYPT, CKM_RSA_X_509, NULL, p.public_key,
                    hsm_bytes_of(block, sizeof block), &got),
              HSM_E_DATA);
    CHECK_ERR(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_X_509, NULL, p.private_key,
                    hsm_bytes_of(block, sizeof block), &got),
              HSM_E_ENCRYPTED_DATA);
    CHECK_ERR(verify_whole(crypt, CKM_RSA_X_509, NULL, p.public_key,
                           hsm_bytes_of(block, sizeof block), hsm_bytes_of(block, sizeof block)),
              HSM_E_SIGNATURE);
    pair_clear(&p);
}

/* PSS parameters change on one key: each needs its own set-up, and none verifies for another. */
static void pss_parameters(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    static const hsm_mech_params sets[] = {
        { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256, .salt_len = 0 },
        { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256, .salt_len = 32 },
        { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA1, .salt_len = 32 },
        { .hash = HSM_HASH_SHA3_256, .mgf_hash = HSM_HASH_SHA3_256, .salt_len = 32 },
        { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256, .salt_len = 94 }, /* 128-32-2 */
    };
    const hsm_bytes digest = hsm_bytes_of("0123456789abcdef0123456789abcdef", 32);
    blob signature;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_RSA_PKCS_PSS, &sets[i], p.private_key, digest,
                         &signature));
        for (size_t j = 0; j < HSM_ARRAY_LEN(sets); j++)
            CHECK_ERR(verify_whole(crypt, CKM_RSA_PKCS_PSS, &sets[j], p.public_key, digest,
                                   view(&signature)),
                      i == j ? HSM_OK : HSM_E_SIGNATURE);
    }

    CASE("one byte of salt too many");
    hsm_mech_params bad = sets[4];
    bad.salt_len = 95;
    CHECK_ERR(run_once(crypt, HSM_OP_SIGN, CKM_RSA_PKCS_PSS, &bad, p.private_key),
              HSM_E_MECHANISM_PARAM);
    CASE("an absurd salt");
    bad.salt_len = UINT32_MAX;
    CHECK_ERR(run_once(crypt, HSM_OP_SIGN, CKM_RSA_PKCS_PSS, &bad, p.private_key),
              HSM_E_MECHANISM_PARAM);
    CASE("no hash");
    bad = sets[0];
    bad.hash = HSM_HASH_NONE;
    CHECK_ERR(run_once(crypt, HSM_OP_SIGN, CKM_RSA_PKCS_PSS, &bad, p.private_key),
              HSM_E_MECHANISM_PARAM);
    CASE("another hash than the mechanism's");
    CHECK_ERR(run_once(crypt, HSM_OP_SIGN, CKM_SHA384_RSA_PKCS_PSS, &sets[1], p.private_key),
              HSM_E_MECHANISM_PARAM);
    CASE("OAEP: a hash too long for the key");
    bad.hash = bad.mgf_hash = HSM_HASH_SHA512;
    CHECK_ERR(run_once(crypt, HSM_OP_ENCRYPT, CKM_RSA_PKCS_OAEP, &bad, p.public_key),
              HSM_E_KEY_SIZE);
    pair_clear(&p);
}

/* A context kept for one mechanism or operation must not serve another with the same key. */
static void contexts_follow_their_mechanism(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_bytes in = hsm_bytes_of("in", 2);
    blob block, padded, ciphertext, got;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (int round = 0; round < 2; round++) {
        REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_RSA_X_509, NULL, p.private_key, in, &block));
        REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_RSA_PKCS, NULL, p.private_key, in, &padded));
        CHECK_OK(verify_whole(crypt, CKM_RSA_PKCS, NULL, p.public_key, in, view(&padded)));
        CHECK_OK(verify_whole(crypt, CKM_RSA_X_509, NULL, p.public_key, in, view(&block)));
        CHECK_ERR(verify_whole(crypt, CKM_RSA_X_509, NULL, p.public_key, in, view(&padded)),
                  HSM_E_SIGNATURE);
        REQUIRE_OK(whole(crypt, HSM_OP_ENCRYPT, CKM_RSA_PKCS, NULL, p.public_key, in, &ciphertext));
        CHECK_OK(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS, NULL, p.private_key, view(&ciphertext),
                       &got));
        CHECK_BYTES(got.data, got.len, in.data, in.len);
    }
    pair_clear(&p);
}

static void raw_mechanisms_have_no_parts(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_RSA_PKCS, NULL, p.private_key));
    CHECK_ERR(hsm_crypt_update(crypt, hsm_bytes_of("x", 1), NULL), HSM_E_NOT_SUPPORTED);
    hsm_crypt_end(crypt);
    pair_clear(&p);
}

static const check_test tests[] = {
    CHECK_TEST(published_signatures_are_made_again),
    CHECK_TEST(published_signatures_are_judged),
    CHECK_TEST(published_ciphertexts),
    CHECK_TEST(every_signature_row),
    CHECK_TEST(lengths_at_their_limits),
    CHECK_TEST(encryption_goes_both_ways),
    CHECK_TEST(bad_padding_is_not_told),
    CHECK_TEST(raw_blocks_and_recovery),
    CHECK_TEST(pss_parameters),
    CHECK_TEST(contexts_follow_their_mechanism),
    CHECK_TEST(raw_mechanisms_have_no_parts),
};

CHECK_MAIN(tests)
