/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/kdf.h"
#include "support/stack.h"
#include "vectors_ecdh.h"

static bool private_key(hsm_crypto *crypto, const char *curve, const char *value, hsm_key **out)
{
    blob bytes;
    const hsm_key_parts parts =
        curve_parts(CKO_PRIVATE_KEY, curve_named(curve), unhex(value, &bytes), hsm_bytes_none());

    return CHECK_OK(hsm_key_create(crypto, &parts, out));
}

static hsm_err derive(hsm_crypto *crypto, hsm_key *base, const hsm_mech_params *params, size_t len,
                      hsm_secret **out)
{
    return hsm_derive_run(crypto, hsm_mech_find(CKM_ECDH1_DERIVE), params, base, len, out);
}

static void published_secrets(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(ecdh_vectors); i++) {
        const ecdh_vector *v = &ecdh_vectors[i];
        blob point, shared;
        HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

        CASE(v->label);
        REQUIRE_THAT(private_key(crypto, v->curve, v->value, &key));
        const hsm_mech_params params = { .kdf = CKD_NULL,
                                         .public_data = unhex(v->public_data, &point) };
        unhex(v->shared, &shared);
        CHECK_ERR(derive(crypto, key, &params, 0, &value),
                  shared.len > 0 ? HSM_OK : HSM_E_MECHANISM_PARAM);
        CHECK_BYTES(hsm_secret_view(value).data, hsm_secret_view(value).len, shared.data,
                    shared.len);
    }
}

/* Both sides get the same bytes, with the point raw and as an OCTET STRING. */
static void both_sides_agree_on_every_curve(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *one = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *other = NULL;
        blob der = { .len = 0 };
        pair a, b;

        if (curve[i].key_type == CKK_EC_EDWARDS)
            continue;
        CASE(curve[i].name);
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &a) && pair_on_curve(crypto, &curve[i], &b));
        const hsm_bytes point = b.bundle.parts.part[HSM_PART_POINT];
        der.data[der.len++] = 0x04;
        if (point.len >= 0x80)
            der.data[der.len++] = 0x81;
        der.data[der.len++] = (uint8_t)point.len;
        memcpy(der.data + der.len, point.data, point.len);
        der.len += point.len;

        const hsm_mech_params from_a = { .kdf = CKD_NULL, .public_data = view(&der) };
        const hsm_mech_params from_b = { .kdf = CKD_NULL,
                                         .public_data = a.bundle.parts.part[HSM_PART_POINT] };
        CHECK_OK(derive(crypto, a.private_key, &from_a, 0, &one));
        CHECK_OK(derive(crypto, b.private_key, &from_b, 0, &other));
        CHECK_EQ(hsm_secret_view(one).len, (curve[i].bits + 7) / 8);
        CHECK_BYTES(hsm_secret_view(one).data, hsm_secret_view(one).len,
                    hsm_secret_view(other).data, hsm_secret_view(other).len);
        pair_clear(&a);
        pair_clear(&b);
    }
}

/* One KDF: all bytes of the vector, and what comes when no length is asked for. */
static void check_kdf(hsm_crypto *crypto, const hsm_hash_info *hash, CK_ULONG kdf,
                      const char *output)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *block = NULL;
    blob point, info, want;

    REQUIRE_THAT(private_key(crypto, "P-256", x963_value, &key));
    const hsm_mech_params params = { .kdf = kdf,
                                     .public_data = unhex(x963_public, &point),
                                     .shared_data = unhex(x963_info, &info) };
    unhex(output, &want);
    CHECK_OK(derive(crypto, key, &params, want.len, &value));
    CHECK_BYTES(hsm_secret_view(value).data, hsm_secret_view(value).len, want.data, want.len);
    CHECK_OK(derive(crypto, key, &params, 0, &block));
    CHECK_BYTES(hsm_secret_view(block).data, hsm_secret_view(block).len, want.data, hash->len);
}

static void kdfs_with_every_hash(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(x963_vectors); i++) {
        const hsm_hash_info *hash = hsm_hash_get(x963_vectors[i].hash);

        CASE(hash->name);
        check_kdf(crypto, hash, hash->kdf, x963_vectors[i].output);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(sp800_vectors); i++) {
        const hsm_hash_info *hash = hsm_hash_get(sp800_vectors[i].hash);

        CASE(hash->name);
        check_kdf(crypto, hash, hash->kdf_sp800, sp800_vectors[i].output);
    }
}

static void truncation_removes_the_leading_end(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *all = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *some = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *none = NULL;
    blob point;

    REQUIRE_THAT(private_key(crypto, "P-256", x963_value, &key));
    const hsm_mech_params params = { .kdf = CKD_NULL, .public_data = unhex(x963_public, &point) };
    REQUIRE_OK(derive(crypto, key, &params, 32, &all));
    REQUIRE_OK(derive(crypto, key, &params, 16, &some));
    CHECK_BYTES(hsm_secret_view(some).data, hsm_secret_view(some).len,
                hsm_secret_view(all).data + 16, 16);
    CHECK_ERR(derive(crypto, key, &params, 33, &none), HSM_E_KEY_SIZE);
    CHECK_THAT(none == NULL);
}

static void bad_requests_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    uint8_t changed[65];
    blob point;
    pair ed;

    REQUIRE_THAT(private_key(crypto, "P-256", x963_value, &key));
    unhex(x963_public, &point);
    const hsm_mech_params good = { .kdf = CKD_SHA256_KDF, .public_data = view(&point) };

    CASE("a point that is not on the curve");
    hsm_mech_params bad = good;
    memcpy(changed, point.data, sizeof changed);
    changed[64] ^= 1;
    bad.public_data = hsm_bytes_of(changed, sizeof changed);
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);

    CASE("no point, infinity, a short point");
    bad.public_data = hsm_bytes_none();
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);
    bad.public_data = hsm_bytes_of("\0", 1);
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);
    bad.public_data = hsm_bytes_of(point.data, 64);
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);

    CASE("an unknown KDF; shared data without one");
    bad = good;
    bad.kdf = 0x7fffffff;
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);
    bad.kdf = 0;
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);
    bad.kdf = CKD_NULL;
    bad.shared_data = hsm_bytes_of("x", 1);
    CHECK_ERR(derive(crypto, key, &bad, 0, &value), HSM_E_MECHANISM_PARAM);

    CASE("more than a secret holds");
    CHECK_ERR(derive(crypto, key, &good, HSM_SECRET_MAX_BYTES + 1, &value), HSM_E_KEY_SIZE);

    CASE("an Edwards key");
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("ED25519"), &ed));
    CHECK_ERR(derive(crypto, ed.private_key, &good, 0, &value), HSM_E_KEY_TYPE);
    pair_clear(&ed);
    CHECK_THAT(value == NULL);
}

/* RFC 5869, A.1: the key between HKDF's steps is nobody's to find. */
static void no_key_between_steps_stays(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *base = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = CKK_GENERIC_SECRET };
    hsm_kdf kdf = { .hash = HSM_HASH_SHA256, .does_extract = true, .does_expand = true };
    blob ikm, salt, info, prk, okm;

    if (IS_SANITIZED)
        SKIP("a sanitizer's stack is another");
    parts.part[HSM_PART_VALUE] = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", &ikm);
    REQUIRE_OK(hsm_key_create(crypto, &parts, &base));
    kdf.salt = unhex("000102030405060708090a0b0c", &salt);
    kdf.info = unhex("f0f1f2f3f4f5f6f7f8f9", &info);
    unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", &prk);
    unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
          &okm);
    stack_leave(view(&prk));
    CHECK_THAT(stack_has(view(&prk))); /* the search finds what is there */

    CHECK_OK(hsm_kdf_run(crypto, hsm_mech_find(CKM_HKDF_DERIVE), &kdf, base, okm.len, &value));
    CHECK_THAT(!stack_has(view(&prk)));
    CHECK_BYTES(hsm_secret_view(value).data, hsm_secret_view(value).len, okm.data, okm.len);
}

static const check_test tests[] = {
    CHECK_TEST(published_secrets),        CHECK_TEST(both_sides_agree_on_every_curve),
    CHECK_TEST(kdfs_with_every_hash),     CHECK_TEST(truncation_removes_the_leading_end),
    CHECK_TEST(bad_requests_are_refused), CHECK_TEST(no_key_between_steps_stays),
};

CHECK_MAIN(tests)
