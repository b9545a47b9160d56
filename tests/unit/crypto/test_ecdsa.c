/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "vectors_ecdsa.h"

static CK_MECHANISM_TYPE mech_for(hsm_hash hash)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].alg == HSM_ALG_ECDSA && rows[i].hash == hash)
            return rows[i].id;
    }
    CHECK_STR("mech_for", "a row of the table");
    return CKM_ECDSA;
}

static void check_vector(hsm_crypto *crypto, hsm_crypt *crypt, const ecdsa_vector *v)
{
    const hsm_curve *curve = curve_named(v->curve);
    blob point, message, signature;
    hsm_key *key = NULL;

    unhex(v->message, &message);
    unhex(v->signature, &signature);
    const hsm_key_parts parts =
        curve_parts(CKO_PUBLIC_KEY, curve, hsm_bytes_none(), unhex(v->point, &point));
    REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
    const hsm_err want = v->is_valid                               ? HSM_OK
                         : signature.len != 2 * curve->order_bytes ? HSM_E_SIGNATURE_LEN
                                                                   : HSM_E_SIGNATURE;
    CHECK_ERR(verify_whole(crypt, mech_for(v->hash), NULL, key, view(&message), view(&signature)),
              want);

    /* in parts: one byte, then the rest */
    CHECK_OK(run_once(crypt, HSM_OP_VERIFY, mech_for(v->hash), NULL, key));
    if (message.len > 0)
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(message.data, 1), NULL));
    if (message.len > 1)
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(message.data + 1, message.len - 1), NULL));
    CHECK_ERR(hsm_crypt_verify_final(crypt, view(&signature)), want);
    hsm_crypt_end(crypt);
    hsm_key_destroy(key);
}

static void published_signatures(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(ecdsa_vectors); i++) {
        CASE(ecdsa_vectors[i].label);
        check_vector(crypto, crypt, &ecdsa_vectors[i]);
    }
}

/* Signs with every ECDSA row on every curve, checks, and finds every kind of damage. */
static void check_row(hsm_crypt *sign, hsm_crypt *verify, pair *p, const hsm_mech *mech)
{
    uint8_t message[48];
    blob signature;

    memset(message, 0xa5, sizeof message);
    const hsm_bytes in = hsm_bytes_of(message, sizeof message);
    REQUIRE_OK(whole(sign, HSM_OP_SIGN, mech->id, NULL, p->private_key, in, &signature));
    CHECK_OK(verify_whole(verify, mech->id, NULL, p->public_key, in, view(&signature)));

    message[0] ^= 1;
    CHECK_ERR(verify_whole(verify, mech->id, NULL, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE);
    message[0] ^= 1;
    signature.data[signature.len - 1] ^= 1;
    CHECK_ERR(verify_whole(verify, mech->id, NULL, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE);
    signature.data[signature.len - 1] ^= 1;
    signature.len--;
    CHECK_ERR(verify_whole(verify, mech->id, NULL, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE_LEN);
    signature.len += 2;
    CHECK_ERR(verify_whole(verify, mech->id, NULL, p->public_key, in, view(&signature)),
              HSM_E_SIGNATURE_LEN);
}

static void every_row_on_every_curve(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *sign = NULL;
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *verify = NULL;
    size_t curves = 0, mechs = 0;
    const hsm_curve *curve = hsm_curve_table(&curves);
    const hsm_mech *mech = hsm_mech_table(&mechs);

    REQUIRE_OK(hsm_crypt_create(crypto, &sign));
    REQUIRE_OK(hsm_crypt_create(crypto, &verify));
    for (size_t i = 0; i < curves; i++) {
        pair p;

        if (curve[i].key_type != CKK_EC)
            continue;
        CASE(curve[i].name);
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &p));
        for (size_t j = 0; j < mechs; j++) {
            if (mech[j].alg == HSM_ALG_ECDSA)
                check_row(sign, verify, &p, &mech[j]);
        }
        pair_clear(&p);
    }
}

static void values_out_of_range_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_curve *curve = curve_named("P-256");
    blob order, signature;
    uint8_t forged[64];
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve, &p));
    const hsm_bytes in = hsm_bytes_of("digest", 6);
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, in, &signature));
    unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", &order);
    for (size_t half = 0; half < 64; half += 32) {
        memcpy(forged, signature.data, sizeof forged);
        memset(forged + half, 0, 32);
        CASE("zero");
        CHECK_ERR(verify_whole(crypt, CKM_ECDSA, NULL, p.public_key, in,
                               hsm_bytes_of(forged, sizeof forged)),
                  HSM_E_SIGNATURE);
        memcpy(forged + half, order.data, 32);
        CASE("the order");
        CHECK_ERR(verify_whole(crypt, CKM_ECDSA, NULL, p.public_key, in,
                               hsm_bytes_of(forged, sizeof forged)),
                  HSM_E_SIGNATURE);
    }
    pair_clear(&p);
}

/* What is longer than the order is cut: its head alone gives the same result (FIPS 186-5, 6.4). */
static void raw_input_is_cut_to_the_order(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    uint8_t digest[129];
    blob signature;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &p));
    memset(digest, 0xee, sizeof digest);
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, hsm_bytes_of(digest, 64),
                     &signature));
    CHECK_OK(verify_whole(crypt, CKM_ECDSA, NULL, p.public_key, hsm_bytes_of(digest, 32),
                          view(&signature)));
    digest[31] ^= 1;
    CHECK_ERR(verify_whole(crypt, CKM_ECDSA, NULL, p.public_key, hsm_bytes_of(digest, 64),
                           view(&signature)),
              HSM_E_SIGNATURE);

    CASE("128 bytes are the most, 1 the least");
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, hsm_bytes_of(digest, 128),
                   &signature));
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, hsm_bytes_of(digest, 1),
                   &signature));
    CHECK_ERR(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, hsm_bytes_of(digest, 129),
                    &signature),
              HSM_E_DATA_LEN);
    CHECK_ERR(
        whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key, hsm_bytes_none(), &signature),
        HSM_E_DATA_LEN);
    pair_clear(&p);
}

static void length_rules_keep_the_operation(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_bytes in = hsm_bytes_of("abc", 3);
    uint8_t room[132];
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-521"), &p));
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA256, NULL, p.private_key));
    hsm_out query = { 0 };
    CHECK_OK(hsm_crypt_single(crypt, in, &query));
    CHECK_EQ(query.len, 132);
    hsm_out small = hsm_out_of(room, 131);
    CHECK_ERR(hsm_crypt_single(crypt, in, &small), HSM_E_BUFFER_TOO_SMALL);
    CHECK_EQ(small.len, 132);
    hsm_out exact = hsm_out_of(room, 132);
    CHECK_OK(hsm_crypt_single(crypt, in, &exact));
    hsm_crypt_end(crypt);
    CHECK_OK(verify_whole(crypt, CKM_ECDSA_SHA256, NULL, p.public_key, in,
                          hsm_bytes_of(room, exact.len)));
    pair_clear(&p);
}

/* A context kept for one key must never serve another, nor another mechanism or operation. */
static void contexts_follow_their_key(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_bytes in = hsm_bytes_of("digest", 6);
    blob first, second;
    pair a, b;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &a));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &b));
    for (int round = 0; round < 3; round++) {
        REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, a.private_key, in, &first));
        REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA256, NULL, b.private_key, in, &second));
        CHECK_OK(verify_whole(crypt, CKM_ECDSA, NULL, a.public_key, in, view(&first)));
        CHECK_OK(verify_whole(crypt, CKM_ECDSA_SHA256, NULL, b.public_key, in, view(&second)));
        CHECK_ERR(verify_whole(crypt, CKM_ECDSA, NULL, b.public_key, in, view(&first)),
                  HSM_E_SIGNATURE);
        CHECK_ERR(verify_whole(crypt, CKM_ECDSA, NULL, b.public_key, in, view(&second)),
                  HSM_E_SIGNATURE);
        if (round == 1)
            hsm_crypt_forget(crypt);
    }

    CASE("a key that is gone, and parts that were given up");
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA256, NULL, a.private_key));
    CHECK_OK(hsm_crypt_update(crypt, in, NULL));
    hsm_crypt_end(crypt);
    pair_clear(&a);
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &a));
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA256, NULL, a.private_key, in, &first));
    CHECK_OK(verify_whole(crypt, CKM_ECDSA_SHA256, NULL, a.public_key, in, view(&first)));
    pair_clear(&a);
    pair_clear(&b);
}

static void parts_and_whole_agree(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    uint8_t room[96];
    hsm_out out = hsm_out_of(room, sizeof room);
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-384"), &p));
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA384, NULL, p.private_key));
    CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of("ab", 2), NULL));
    CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of("c", 1), NULL));
    CHECK_OK(hsm_crypt_final(crypt, &out));
    hsm_crypt_end(crypt);
    CHECK_OK(verify_whole(crypt, CKM_ECDSA_SHA384, NULL, p.public_key, hsm_bytes_of("abc", 3),
                          hsm_bytes_of(room, out.len)));

    CASE("the raw mechanism has no parts");
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, p.private_key));
    CHECK_ERR(hsm_crypt_update(crypt, hsm_bytes_of("ab", 2), NULL), HSM_E_NOT_SUPPORTED);
    hsm_crypt_end(crypt);
    pair_clear(&p);
}

/* RFC 6979, A.2.5: P-256 with SHA-256, "sample". */
static void deterministic_nonce(void)
{
    const hsm_crypto_options options = { .backend = "openssl", .is_ecdsa_deterministic = true };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_crypt *crypt = NULL;
    blob value, want, got, again;

    REQUIRE_OK(hsm_crypto_create(&options, &crypto));
    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    const hsm_key_parts parts = curve_parts(
        CKO_PRIVATE_KEY, curve_named("P-256"),
        unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", &value),
        hsm_bytes_none());
    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
          &want);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA_SHA256, NULL, key, hsm_bytes_of_text("sample"),
                       &got));
        CHECK_BYTES(got.data, got.len, want.data, want.len);
    }
    CASE("a hash without a name is signed with a random nonce");
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, key, hsm_bytes_of(want.data, 32), &got));
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_ECDSA, NULL, key, hsm_bytes_of(want.data, 32), &again));
    CHECK_THAT(!hsm_bytes_equal(view(&got), view(&again)));
    hsm_crypt_destroy(crypt);
}

static const check_test tests[] = {
    CHECK_TEST(deterministic_nonce),           CHECK_TEST(published_signatures),
    CHECK_TEST(every_row_on_every_curve),      CHECK_TEST(values_out_of_range_are_refused),
    CHECK_TEST(raw_input_is_cut_to_the_order), CHECK_TEST(length_rules_keep_the_operation),
    CHECK_TEST(contexts_follow_their_key),     CHECK_TEST(parts_and_whole_agree),
};

CHECK_MAIN(tests)
