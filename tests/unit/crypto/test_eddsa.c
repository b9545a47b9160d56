/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "vectors_eddsa.h"

static hsm_mech_params params_of(const eddsa_vector *v, blob *context)
{
    return (hsm_mech_params){ .has_context = v->has_context,
                              .is_prehash = v->is_prehash,
                              .context = unhex(v->context, context) };
}

static void check_signing(hsm_crypto *crypto, hsm_crypt *crypt, const eddsa_vector *v)
{
    blob value, point, message, want, context, got;
    hsm_key *key = NULL;
    const hsm_mech_params params = params_of(v, &context);
    const hsm_key_parts parts = curve_parts(CKO_PRIVATE_KEY, curve_named(v->curve),
                                            unhex(v->value, &value), unhex(v->point, &point));

    unhex(v->message, &message);
    unhex(v->signature, &want);
    REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_EDDSA, &params, key, view(&message), &got));
    CHECK_BYTES(got.data, got.len, want.data, want.len);

    CASE("the signature over its own message's place");
    blob both = message;
    hsm_out out = hsm_out_of(both.data, sizeof both.data);
    CHECK_OK(run_once(crypt, HSM_OP_SIGN, CKM_EDDSA, &params, key));
    CHECK_OK(hsm_crypt_single(crypt, hsm_bytes_of(both.data, message.len), &out));
    hsm_crypt_end(crypt);
    CHECK_BYTES(both.data, out.len, want.data, want.len);

    CASE("byte by byte");
    CHECK_OK(run_once(crypt, HSM_OP_SIGN, CKM_EDDSA, &params, key));
    for (size_t i = 0; i < message.len; i++)
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(message.data + i, 1), NULL));
    out = hsm_out_of(got.data, sizeof got.data);
    CHECK_OK(hsm_crypt_final(crypt, &out));
    hsm_crypt_end(crypt);
    CHECK_BYTES(got.data, out.len, want.data, want.len);
    hsm_key_destroy(key);
}

static void check_verifying(hsm_crypto *crypto, hsm_crypt *crypt, const eddsa_vector *v)
{
    const hsm_curve *curve = curve_named(v->curve);
    blob point, message, signature, context;
    hsm_key *key = NULL;
    const hsm_mech_params params = params_of(v, &context);
    const hsm_key_parts parts =
        curve_parts(CKO_PUBLIC_KEY, curve, hsm_bytes_none(), unhex(v->point, &point));

    unhex(v->message, &message);
    unhex(v->signature, &signature);
    REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
    const hsm_err want = v->is_valid                               ? HSM_OK
                         : signature.len != 2 * curve->order_bytes ? HSM_E_SIGNATURE_LEN
                                                                   : HSM_E_SIGNATURE;
    CHECK_ERR(verify_whole(crypt, CKM_EDDSA, &params, key, view(&message), view(&signature)), want);
    if (v->is_valid) {
        signature.data[0] ^= 1;
        CHECK_ERR(verify_whole(crypt, CKM_EDDSA, &params, key, view(&message), view(&signature)),
                  HSM_E_SIGNATURE);
    }
    hsm_key_destroy(key);
}

static void published_signatures(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(eddsa_vectors); i++) {
        CASE(eddsa_vectors[i].label);
        check_verifying(crypto, crypt, &eddsa_vectors[i]);
        if (eddsa_vectors[i].value[0] != '\0')
            check_signing(crypto, crypt, &eddsa_vectors[i]);
    }
}

/* The same key with another scheme or context is another signature. */
static void schemes_do_not_mix(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_bytes in = hsm_bytes_of("message", 7);
    const hsm_mech_params schemes[] = {
        { .has_context = false },
        { .has_context = true, .is_prehash = true },
        { .has_context = true, .context = hsm_bytes_of("a", 1) },
        { .has_context = true, .context = hsm_bytes_of("b", 1) },
        { .has_context = true, .is_prehash = true, .context = hsm_bytes_of("a", 1) },
    };
    blob signature;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("ED25519"), &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(schemes); i++) {
        REQUIRE_OK(
            whole(crypt, HSM_OP_SIGN, CKM_EDDSA, &schemes[i], p.private_key, in, &signature));
        for (size_t j = 0; j < HSM_ARRAY_LEN(schemes); j++)
            CHECK_ERR(
                verify_whole(crypt, CKM_EDDSA, &schemes[j], p.public_key, in, view(&signature)),
                i == j ? HSM_OK : HSM_E_SIGNATURE);
    }
    pair_clear(&p);
}

static void context_has_a_limit(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    static const uint8_t long_context[256];
    const hsm_mech_params most = { .has_context = true,
                                   .context = hsm_bytes_of(long_context, 255) };
    const hsm_mech_params more = { .has_context = true,
                                   .context = hsm_bytes_of(long_context, 256) };
    blob signature;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("ED25519"), &p));
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_EDDSA, &most, p.private_key, hsm_bytes_of("m", 1),
                   &signature));
    CHECK_ERR(run_once(crypt, HSM_OP_SIGN, CKM_EDDSA, &more, p.private_key), HSM_E_MECHANISM_PARAM);
    hsm_crypt_end(crypt);
    pair_clear(&p);
}

static void buffered_message_has_a_limit(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    uint8_t *big = calloc(1, HSM_CRYPT_BUFFER_MAX_BYTES);
    blob signature;
    pair p;

    REQUIRE_THAT(big != NULL);
    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("ED25519"), &p));
    REQUIRE_OK(run_once(crypt, HSM_OP_SIGN, CKM_EDDSA, NULL, p.private_key));
    CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(big, HSM_CRYPT_BUFFER_MAX_BYTES), NULL));
    CHECK_ERR(hsm_crypt_update(crypt, hsm_bytes_of(big, 1), NULL), HSM_E_LIMIT);
    hsm_crypt_end(crypt);

    CASE("what was given up is not part of the next message");
    CHECK_OK(whole(crypt, HSM_OP_SIGN, CKM_EDDSA, NULL, p.private_key, hsm_bytes_of("m", 1),
                   &signature));
    CHECK_OK(run_once(crypt, HSM_OP_VERIFY, CKM_EDDSA, NULL, p.public_key));
    CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of("m", 1), NULL));
    CHECK_OK(hsm_crypt_verify_final(crypt, view(&signature)));
    hsm_crypt_end(crypt);
    pair_clear(&p);
    free(big);
}

static const check_test tests[] = {
    CHECK_TEST(published_signatures),
    CHECK_TEST(schemes_do_not_mix),
    CHECK_TEST(context_has_a_limit),
    CHECK_TEST(buffered_message_has_a_limit),
};

CHECK_MAIN(tests)
