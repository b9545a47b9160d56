/* EC, Edwards and Montgomery keys: import, check, completion and generation.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ec.h>

#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_pkey.h"

static bool is_weierstrass(const hsm_curve *curve)
{
    return curve->key_type == CKK_EC;
}

/* OSSL_PARAM has no const. */
static char *group_name(const hsm_curve *curve)
{
    return (char *)(uintptr_t)curve->name;
}

static OSSL_PARAM group_param(const hsm_curve *curve)
{
    return OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name(curve), 0);
}

static void group_drop(EC_GROUP **p)
{
    EC_GROUP_free(*p);
}
static void point_drop(EC_POINT **p)
{
    EC_POINT_free(*p);
}
static void secret_number_drop(BIGNUM **p)
{
    BN_clear_free(*p);
}
static void number_ctx_drop(BN_CTX **p)
{
    BN_CTX_free(*p);
}

/* 1 <= d < order, FIPS 186-5, A.2.2 */
static hsm_err read_scalar(const EC_GROUP *group, hsm_bytes value, BIGNUM *d)
{
    HSM_CHECK(BN_bin2bn(value.data, (int)value.len, d) != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    BN_set_flags(d, BN_FLG_CONSTTIME);
    HSM_CHECK(!BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

static hsm_err weierstrass_public(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes value,
                                  uint8_t *out)
{
    const OSSL_PARAM params[] = { group_param(curve), OSSL_PARAM_END };
    HSM_AUTO(group_drop)
    EC_GROUP *group = EC_GROUP_new_from_params(params, hsm_ossl_of(crypto)->libctx, NULL);
    HSM_CHECK(group != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_AUTO(point_drop) EC_POINT *point = EC_POINT_new(group);
    HSM_AUTO(secret_number_drop) BIGNUM *d = BN_secure_new();
    HSM_CHECK(point != NULL && d != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));

    HSM_TRY(read_scalar(group, value, d));
    HSM_TRY(hsm_ossl_done(EC_POINT_mul(group, point, d, NULL, NULL, NULL), HSM_E_CRYPTO));
    HSM_CHECK(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out,
                                 curve->point_bytes, NULL) == curve->point_bytes,
              hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

static hsm_err raw_private(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes value,
                           EVP_PKEY **out_pkey)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(hsm_ossl_of(crypto)->libctx, curve->name, NULL,
                                                     value.data, value.len);
    HSM_CHECK(pkey != NULL, hsm_ossl_cause(HSM_E_ATTRIBUTE_VALUE));
    *out_pkey = pkey;
    return HSM_OK;
}

hsm_err hsm_ossl_ec_public(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes value,
                           uint8_t out[HSM_EC_POINT_MAX_BYTES])
{
    HSM_CHECK(value.len == curve->order_bytes, HSM_E_ATTRIBUTE_VALUE);
    if (is_weierstrass(curve))
        return weierstrass_public(crypto, curve, value, out);

    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_TRY(raw_private(crypto, curve, value, &pkey));
    return hsm_ossl_pkey_point(pkey, curve, out);
}

hsm_err hsm_ossl_ec_from_point(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes raw,
                               EVP_PKEY **out_pkey)
{
    HSM_CHECK(raw.len == curve->point_bytes, HSM_E_ATTRIBUTE_VALUE);
    if (is_weierstrass(curve)) {
        OSSL_PARAM params[] = { group_param(curve),
                                OSSL_PARAM_construct_octet_string(
                                    OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)raw.data, raw.len),
                                OSSL_PARAM_END };
        /* all our curves have cofactor 1: on the curve means in the group */
        return hsm_ossl_pkey_from(crypto, "EC", EVP_PKEY_PUBLIC_KEY, params, out_pkey);
    }

    HSM_AUTO(hsm_ossl_pkey_drop)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(hsm_ossl_of(crypto)->libctx, curve->name, NULL,
                                                    raw.data, raw.len);
    HSM_CHECK(pkey != NULL, hsm_ossl_cause(HSM_E_ATTRIBUTE_VALUE));
    if (curve->key_type == CKK_EC_EDWARDS)
        HSM_TRY(hsm_ossl_edwards_check(curve, raw));
    *out_pkey = HSM_MOVE(pkey);
    return HSM_OK;
}

/* CKA_VALUE with its length put right: EC's is a number, so zeros may lead or lack. */
static hsm_err fixed_value(const hsm_curve *curve, hsm_bytes value, uint8_t *out)
{
    HSM_CHECK(value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    if (!is_weierstrass(curve)) {
        HSM_CHECK(value.len == curve->order_bytes, HSM_E_ATTRIBUTE_VALUE);
    } else {
        value = hsm_number_trim(value);
        HSM_CHECK(value.len > 0 && value.len <= curve->order_bytes, HSM_E_ATTRIBUTE_VALUE);
    }
    memset(out, 0, curve->order_bytes - value.len);
    memcpy(out + curve->order_bytes - value.len, value.data, value.len);
    return HSM_OK;
}

static hsm_err import_weierstrass(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes value,
                                  const uint8_t *point, EVP_PKEY **out_pkey)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *native = NULL;

    HSM_TRY(hsm_secret_create(curve->order_bytes, &native));
    hsm_ossl_native_number(hsm_secret_data(native), curve->order_bytes, value);
    OSSL_PARAM params[] = {
        group_param(curve),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(native),
                                curve->order_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point,
                                          curve->point_bytes),
        OSSL_PARAM_END,
    };
    return hsm_ossl_pkey_from(crypto, "EC", EVP_PKEY_KEYPAIR, params, out_pkey);
}

/* The private key with its point, which is computed. */
static hsm_err import_private(const hsm_crypto *crypto, const hsm_curve *curve, hsm_bytes value,
                              uint8_t *point, EVP_PKEY **out_pkey)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;

    if (is_weierstrass(curve)) {
        HSM_TRY(weierstrass_public(crypto, curve, value, point));
        HSM_TRY(import_weierstrass(crypto, curve, value, point, &pkey));
    } else {
        HSM_TRY(raw_private(crypto, curve, value, &pkey));
        HSM_TRY(hsm_ossl_pkey_point(pkey, curve, point));
    }
    *out_pkey = HSM_MOVE(pkey);
    return HSM_OK;
}

static hsm_err ec_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    const hsm_bytes point = parts->part[HSM_PART_POINT];
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    const hsm_curve *curve = NULL;
    EVP_PKEY *pkey = NULL;

    HSM_CHECK(parts->part[HSM_PART_PARAMS].len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(hsm_curve_find(parts->part[HSM_PART_PARAMS], parts->key_type, &curve));
    if (parts->key_class == CKO_PRIVATE_KEY) {
        HSM_TRY(hsm_secret_create(curve->order_bytes, &value));
        HSM_TRY(fixed_value(curve, parts->part[HSM_PART_VALUE], hsm_secret_data(value)));
        HSM_TRY(import_private(crypto, curve, hsm_secret_view(value), key->point, &pkey));
        key->native = pkey;
        HSM_CHECK(point.len == 0 ||
                      hsm_bytes_equal(point, hsm_bytes_of(key->point, curve->point_bytes)),
                  HSM_E_ATTRIBUTE_VALUE);
    } else {
        HSM_CHECK(point.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
        HSM_CHECK(!is_weierstrass(curve) || point.data[0] == 0x04, HSM_E_ATTRIBUTE_VALUE);
        HSM_TRY(hsm_ossl_ec_from_point(crypto, curve, point, &pkey));
        key->native = pkey;
        HSM_CHECK(point.len == curve->point_bytes, HSM_E_ATTRIBUTE_VALUE);
        memcpy(key->point, point.data, point.len);
    }
    key->curve = curve;
    key->bits = curve->bits;
    return HSM_OK;
}

/* create() has compared the halves of a private key; what is left is the public one. */
static hsm_err ec_check(hsm_key *key)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(key->crypto)->libctx, key->native, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_PKEY_public_check(ctx), HSM_E_ATTRIBUTE_VALUE);
}

static hsm_err ec_complete(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out)
{
    const hsm_bytes ec_params = parts->part[HSM_PART_PARAMS];
    const hsm_bytes value = parts->part[HSM_PART_VALUE];
    uint8_t point[HSM_EC_POINT_MAX_BYTES];
    hsm_bytes public = parts->part[HSM_PART_POINT];
    const hsm_curve *curve = NULL;

    HSM_CHECK(ec_params.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(hsm_curve_find(ec_params, parts->key_type, &curve));
    if (parts->key_class == CKO_PRIVATE_KEY && public.len == 0) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *fixed = NULL;
        HSM_TRY(hsm_secret_create(curve->order_bytes, &fixed));
        HSM_TRY(fixed_value(curve, value, hsm_secret_data(fixed)));
        HSM_TRY(hsm_ossl_ec_public(crypto, curve, hsm_secret_view(fixed), point));
        public = hsm_bytes_of(point, curve->point_bytes);
    }

    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    HSM_TRY(hsm_ossl_packer_init(&packer, parts->key_class, parts->key_type,
                                 ec_params.len + public.len + value.len));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_PARAMS, ec_params));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_POINT, public));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_VALUE, value));
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

static hsm_err generate_pkey(hsm_crypto *crypto, const hsm_curve *curve, EVP_PKEY **out_pkey)
{
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    EVP_PKEY_CTX *ctx = hsm_ossl_keygen_take(crypto, curve);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));

    const int ret = EVP_PKEY_generate(ctx, out_pkey);
    hsm_ossl_keygen_give(crypto, curve, ctx);
    return hsm_ossl_done(ret, HSM_E_CRYPTO);
}

/* The public point, curve->point_bytes, and the private value, curve->order_bytes. */
static hsm_err read_halves(const EVP_PKEY *pkey, const hsm_curve *curve, uint8_t *out_point,
                           uint8_t *out_value)
{
    uint8_t point[HSM_EC_POINT_MAX_BYTES];
    size_t len = curve->order_bytes;

    if (is_weierstrass(curve))
        return hsm_ossl_pkey_halves(pkey, curve, out_point, out_value);
    HSM_TRY(hsm_ossl_pkey_point(pkey, curve, point));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_get_raw_private_key(pkey, out_value, &len), HSM_E_CRYPTO));
    HSM_CHECK(len == curve->order_bytes, HSM_E_CRYPTO);
    memcpy(out_point, point, curve->point_bytes);
    return HSM_OK;
}

/* FIPS 186-5, A.2.1: c of 64 bits more than the order has, d = (c mod (n - 1)) + 1; so d leans to no
 * side by more than 2^-64. */
static hsm_err draw_with_extra_bits(hsm_crypto *crypto, const EC_GROUP *group, uint8_t *out,
                                    size_t len)
{
    const size_t bits = (size_t)EC_GROUP_order_bits(group) + 64;
    const size_t wide_len = (bits + 7) / 8;
    HSM_AUTO(hsm_secret_drop) hsm_secret *wide = NULL;
    HSM_AUTO(secret_number_drop) BIGNUM *d = BN_secure_new();
    HSM_AUTO(secret_number_drop) BIGNUM *below = BN_dup(EC_GROUP_get0_order(group));
    HSM_AUTO(number_ctx_drop) BN_CTX *ctx = BN_CTX_secure_new();

    HSM_CHECK(d != NULL && below != NULL && ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_secret_create(wide_len, &wide));
    HSM_TRY(crypto->backend->random_secret(crypto, hsm_secret_data(wide), wide_len));
    hsm_secret_data(wide)[0] &= (uint8_t)(0xff >> (8 * wide_len - bits));
    HSM_CHECK(BN_bin2bn(hsm_secret_data(wide), (int)wide_len, d) != NULL,
              hsm_ossl_cause(HSM_E_NO_MEMORY));
    BN_set_flags(d, BN_FLG_CONSTTIME);
    HSM_CHECK(BN_sub_word(below, 1) == 1 && BN_nnmod(d, d, below, ctx) == 1 &&
                  BN_add_word(d, 1) == 1 && BN_bn2binpad(d, out, (int)len) == (int)len,
              hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

static hsm_err generate_with_extra_bits(hsm_crypto *crypto, const hsm_curve *curve,
                                        EVP_PKEY **out_pkey)
{
    const OSSL_PARAM params[] = { group_param(curve), OSSL_PARAM_END };
    HSM_AUTO(group_drop)
    EC_GROUP *group = EC_GROUP_new_from_params(params, hsm_ossl_of(crypto)->libctx, NULL);
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    uint8_t point[HSM_EC_POINT_MAX_BYTES];

    HSM_CHECK(group != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_secret_create(curve->order_bytes, &value));
    HSM_TRY(draw_with_extra_bits(crypto, group, hsm_secret_data(value), hsm_secret_len(value)));
    return import_private(crypto, curve, hsm_secret_view(value), point, out_pkey);
}

static hsm_err generate_by_mech(hsm_crypto *crypto, const hsm_keygen *request,
                                const hsm_curve *curve, EVP_PKEY **out_pkey)
{
    const bool has_extra_bits =
        request->mech != NULL && request->mech->alg == HSM_ALG_KEYGEN_EXTRA_BITS;

    return has_extra_bits ? generate_with_extra_bits(crypto, curve, out_pkey)
                          : generate_pkey(crypto, curve, out_pkey);
}

/* Trying a pair out takes seven times as long as making it, so a caller may promise to compare the
 * halves before the first use. */
static hsm_err try_out(const hsm_crypto *crypto, const hsm_keygen *request, EVP_PKEY *pkey)
{
    if (request->pair_test == HSM_PAIR_TEST_ON_USE && !crypto->options.is_approved_only &&
        request->key_type == CKK_EC)
        return HSM_OK;
    return hsm_ossl_pair_check(crypto, pkey, request->key_type,
                               request->pair_test == HSM_PAIR_TEST_AGREEMENT);
}

static hsm_err ec_generate(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    const hsm_curve *curve = NULL;
    uint8_t *point = NULL;
    uint8_t *value = NULL;

    HSM_TRY(hsm_curve_find(request->ec_params, request->key_type, &curve));
    HSM_TRY(generate_by_mech(crypto, request, curve, &pkey));
    HSM_TRY(try_out(crypto, request, pkey));

    HSM_TRY(hsm_ossl_packer_init(&packer, CKO_PRIVATE_KEY, request->key_type,
                                 request->ec_params.len + curve->point_bytes + curve->order_bytes));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_PARAMS, request->ec_params));
    HSM_TRY(hsm_ossl_packer_room(&packer, HSM_PART_POINT, curve->point_bytes, &point));
    HSM_TRY(hsm_ossl_packer_room(&packer, HSM_PART_VALUE, curve->order_bytes, &value));
    HSM_TRY(read_halves(pkey, curve, point, value));

    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_TRY(hsm_key_adopt(crypto, request->key_type, pkey, &key));
    pkey = NULL;
    key->curve = curve;
    key->bits = curve->bits;
    memcpy(key->point, point, curve->point_bytes);
    hsm_ossl_packer_finish(&packer, out);
    out->key = HSM_MOVE(key);
    return HSM_OK;
}

const hsm_key_ops hsm_ossl_ec_key = {
    .create = ec_create,
    .check = ec_check,
    .complete = ec_complete,
    .generate = ec_generate,
};
