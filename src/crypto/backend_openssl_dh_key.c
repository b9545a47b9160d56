/* Diffie-Hellman keys: import, check, completion and generation, in the groups of dh.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>

#include "crypto/backend_openssl_dh.h"
#include "crypto/backend_openssl_fresh.h"

#define GROUP_NAME_MAX_BYTES 32u
#define DOMAIN_PARAMS_MAX 5u

static void number_drop(BIGNUM **p)
{
    BN_clear_free(*p);
}
static void number_ctx_drop(BN_CTX **p)
{
    BN_CTX_free(*p);
}

static const char *type_name(CK_KEY_TYPE key_type)
{
    return key_type == CKK_DH ? "DH" : "DHX";
}

/* --- domain parameters -------------------------------------------------------------------------- */

/* The numbers of a group as OpenSSL takes them. */
typedef struct domain_params {
    OSSL_PARAM params[DOMAIN_PARAMS_MAX];
    size_t count;
    uint8_t room[3][HSM_DH_MAX_BYTES];
} domain_params;

static hsm_err add_number(domain_params *domain, const char *name, hsm_bytes number)
{
    const hsm_bytes trimmed = hsm_number_trim(number);
    uint8_t *room = domain->room[domain->count];

    HSM_CHECK(number.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(trimmed.len > 0 && trimmed.len <= HSM_DH_MAX_BYTES, HSM_E_DOMAIN_PARAMS);
    hsm_ossl_native_number(room, trimmed.len, trimmed);
    domain->params[domain->count++] = OSSL_PARAM_construct_BN(name, room, trimmed.len);
    return HSM_OK;
}

static hsm_err read_domain(const hsm_key_parts *parts, domain_params *out)
{
    out->count = 0;
    HSM_TRY(add_number(out, OSSL_PKEY_PARAM_FFC_P, parts->part[HSM_PART_PRIME]));
    HSM_TRY(add_number(out, OSSL_PKEY_PARAM_FFC_G, parts->part[HSM_PART_BASE]));
    if (parts->key_type == CKK_X9_42_DH)
        HSM_TRY(add_number(out, OSSL_PKEY_PARAM_FFC_Q, parts->part[HSM_PART_SUBPRIME]));
    return HSM_OK;
}

/* The group that the parts name, as a key without a key. */
static hsm_err open_group(const hsm_crypto *crypto, const hsm_key_parts *parts, EVP_PKEY **out_pkey,
                          const hsm_dh_group **out_group)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    char name[GROUP_NAME_MAX_BYTES];
    domain_params domain;

    HSM_TRY(read_domain(parts, &domain));
    domain.params[domain.count] = OSSL_PARAM_construct_end();
    const hsm_err err = hsm_ossl_pkey_from(crypto, type_name(parts->key_type),
                                           EVP_PKEY_KEY_PARAMETERS, domain.params, &pkey);
    HSM_CHECK(err != HSM_E_ATTRIBUTE_VALUE, HSM_E_DOMAIN_PARAMS);
    HSM_TRY(err);
    HSM_CHECK(EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) == 1,
              hsm_ossl_cause(HSM_E_DOMAIN_PARAMS));
    *out_group = hsm_dh_group_find(name, parts->key_type);
    HSM_CHECK(*out_group != NULL, HSM_E_DOMAIN_PARAMS);
    *out_pkey = HSM_MOVE(pkey);
    return HSM_OK;
}

/* --- numbers of a key --------------------------------------------------------------------------- */

static hsm_err read_param(const EVP_PKEY *pkey, const char *name, BIGNUM **out)
{
    return hsm_ossl_done(EVP_PKEY_get_bn_param(pkey, name, out), HSM_E_CRYPTO);
}

/* 1 <= x < order, SP 800-56A rev. 3, 5.6.1.1.1 */
static hsm_err read_private(const EVP_PKEY *group, hsm_bytes value, BIGNUM *x)
{
    HSM_AUTO(number_drop) BIGNUM *order = NULL;
    const hsm_bytes trimmed = hsm_number_trim(value);

    HSM_CHECK(value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(trimmed.len > 0 && trimmed.len <= HSM_DH_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(read_param(group, OSSL_PKEY_PARAM_FFC_Q, &order));
    HSM_CHECK(BN_bin2bn(trimmed.data, (int)trimmed.len, x) != NULL,
              hsm_ossl_cause(HSM_E_NO_MEMORY));
    BN_set_flags(x, BN_FLG_CONSTTIME);
    HSM_CHECK(BN_cmp(x, order) < 0, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

/* g^x mod p, len bytes. */
static hsm_err compute_public(const hsm_crypto *crypto, const EVP_PKEY *group, hsm_bytes value,
                              uint8_t *out, size_t len)
{
    HSM_AUTO(number_drop) BIGNUM *prime = NULL;
    HSM_AUTO(number_drop) BIGNUM *base = NULL;
    HSM_AUTO(number_drop) BIGNUM *x = BN_secure_new();
    HSM_AUTO(number_drop) BIGNUM *y = BN_new();
    HSM_AUTO(number_ctx_drop) BN_CTX *ctx = BN_CTX_new_ex(hsm_ossl_of(crypto)->libctx);

    HSM_CHECK(x != NULL && y != NULL && ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(read_private(group, value, x));
    HSM_TRY(read_param(group, OSSL_PKEY_PARAM_FFC_P, &prime));
    HSM_TRY(read_param(group, OSSL_PKEY_PARAM_FFC_G, &base));
    HSM_TRY(hsm_ossl_done(BN_mod_exp_mont_consttime(y, base, x, prime, ctx, NULL), HSM_E_CRYPTO));
    HSM_CHECK(BN_bn2binpad(y, out, (int)len) == (int)len, hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

/* 2 <= y <= p - 2; that it lies in the group is a modular exponentiation and left to check(). */
static hsm_err read_public(const EVP_PKEY *group, hsm_bytes value, uint8_t *out, size_t len)
{
    HSM_AUTO(number_drop) BIGNUM *prime = NULL;
    HSM_AUTO(number_drop) BIGNUM *y = NULL;
    const hsm_bytes trimmed = hsm_number_trim(value);

    HSM_CHECK(value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(trimmed.len > 0 && trimmed.len <= len, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(read_param(group, OSSL_PKEY_PARAM_FFC_P, &prime));
    y = BN_bin2bn(trimmed.data, (int)trimmed.len, NULL);
    HSM_CHECK(y != NULL && BN_sub_word(prime, 1) == 1, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(!BN_is_one(y) && BN_cmp(y, prime) < 0, HSM_E_ATTRIBUTE_VALUE);
    memset(out, 0, len - trimmed.len);
    memcpy(out + len - trimmed.len, trimmed.data, trimmed.len);
    return HSM_OK;
}

/* The key itself: the group's parameters and one or both halves. */
static hsm_err build(const hsm_crypto *crypto, const hsm_key_parts *parts, hsm_bytes public,
                     EVP_PKEY **out_pkey)
{
    const bool is_private = parts->key_class == CKO_PRIVATE_KEY;
    const hsm_bytes value = hsm_number_trim(parts->part[HSM_PART_VALUE]);
    HSM_AUTO(hsm_secret_drop) hsm_secret *native = NULL;
    OSSL_PARAM params[DOMAIN_PARAMS_MAX + 2];
    uint8_t native_public[HSM_DH_MAX_BYTES];
    domain_params domain;

    HSM_TRY(read_domain(parts, &domain));
    size_t count = domain.count;
    memcpy(params, domain.params, count * sizeof params[0]);
    hsm_ossl_native_number(native_public, public.len, public);
    params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PUB_KEY, native_public, public.len);
    if (is_private) {
        HSM_TRY(hsm_secret_create(value.len, &native));
        hsm_ossl_native_number(hsm_secret_data(native), value.len, value);
        params[count++] =
            OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(native), value.len);
    }
    params[count] = OSSL_PARAM_construct_end();
    return hsm_ossl_pkey_from(crypto, type_name(parts->key_type),
                              is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params,
                              out_pkey);
}

hsm_err hsm_ossl_dh_public(const hsm_key *key, uint8_t *out)
{
    return hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_PUB_KEY, out, hsm_dh_bytes(key));
}

/* --- the key table ------------------------------------------------------------------------------ */

static hsm_err dh_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    const hsm_bytes given = parts->part[HSM_PART_PUBLIC];
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *group = NULL;
    uint8_t public[HSM_DH_MAX_BYTES];
    uint8_t stated[HSM_DH_MAX_BYTES];
    EVP_PKEY *pkey = NULL;

    HSM_TRY(open_group(crypto, parts, &group, &key->group));
    key->bits = key->group->bits;
    const size_t len = hsm_dh_bytes(key);
    if (parts->key_class == CKO_PUBLIC_KEY) {
        HSM_TRY(read_public(group, given, public, len));
    } else {
        HSM_TRY(compute_public(crypto, group, parts->part[HSM_PART_VALUE], public, len));
        if (given.len > 0)
            HSM_TRY(read_public(group, given, stated, len));
        HSM_CHECK(given.len == 0 ||
                      hsm_bytes_equal(hsm_bytes_of(public, len), hsm_bytes_of(stated, len)),
                  HSM_E_ATTRIBUTE_VALUE);
    }
    HSM_TRY(build(crypto, parts, hsm_bytes_of(public, len), &pkey));
    key->native = pkey;
    return HSM_OK;
}

/* OpenSSL leaves y^q out where the prime is safe. There it says that y is a square, which is quicker
 * to see. */
static hsm_err check_square(const EVP_PKEY *pkey)
{
    HSM_AUTO(number_drop) BIGNUM *prime = NULL;
    HSM_AUTO(number_drop) BIGNUM *y = NULL;
    HSM_AUTO(number_ctx_drop) BN_CTX *ctx = BN_CTX_new();

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(read_param(pkey, OSSL_PKEY_PARAM_FFC_P, &prime));
    HSM_TRY(read_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, &y));
    const int symbol = BN_kronecker(y, prime, ctx);
    HSM_CHECK(symbol >= -1, hsm_ossl_cause(HSM_E_NO_MEMORY)); /* -2: an error */
    HSM_CHECK(symbol == 1, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

hsm_err hsm_ossl_dh_check_public(const hsm_crypto *crypto, EVP_PKEY *pkey,
                                 const hsm_dh_group *group)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(crypto)->libctx, pkey, NULL);

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_public_check(ctx), HSM_E_ATTRIBUTE_VALUE));
    return group->order_bits == group->bits - 1 ? check_square(pkey) : HSM_OK;
}

/* create() has computed a private key's other half; what is left is the public one. */
static hsm_err dh_check(hsm_key *key)
{
    return hsm_ossl_dh_check_public(key->crypto, key->native, key->group);
}

/* Everything that a bundle of the key has, from its parts and from the key. */
static hsm_err pack(const hsm_key *key, const hsm_key_parts *domain, hsm_key_bundle *out)
{
    static const hsm_part of_group[] = { HSM_PART_PRIME, HSM_PART_BASE, HSM_PART_SUBPRIME };
    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    const size_t len = hsm_dh_bytes(key);
    HSM_AUTO(hsm_secret_drop) hsm_secret *number = NULL;

    HSM_TRY(hsm_secret_create(len, &number));
    HSM_TRY(hsm_ossl_packer_init(&packer, key->key_class, key->key_type, 5 * len));
    for (size_t i = 0; i < HSM_ARRAY_LEN(of_group); i++)
        HSM_TRY(
            hsm_ossl_packer_put(&packer, of_group[i], hsm_number_trim(domain->part[of_group[i]])));
    HSM_TRY(hsm_ossl_dh_public(key, hsm_secret_data(number)));
    HSM_TRY(
        hsm_ossl_packer_put(&packer, HSM_PART_PUBLIC, hsm_number_trim(hsm_secret_view(number))));
    if (key->key_class == CKO_PRIVATE_KEY) {
        HSM_TRY(hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(number),
                                     len));
        HSM_TRY(
            hsm_ossl_packer_put(&packer, HSM_PART_VALUE, hsm_number_trim(hsm_secret_view(number))));
    }
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

static hsm_err dh_complete(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_TRY(hsm_key_create(crypto, parts, &key));
    return pack(key, parts, out);
}

/* value_bits 0: OpenSSL's choice, by the group's strength. */
static hsm_err generate_in(const hsm_crypto *crypto, EVP_PKEY *group, uint32_t value_bits,
                           EVP_PKEY **out_pkey)
{
    int bits = (int)value_bits;
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits),
                                  OSSL_PARAM_END };
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(crypto)->libctx, group, NULL);

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_keygen_init(ctx), HSM_E_CRYPTO));
    if (bits > 0)
        HSM_TRY(hsm_ossl_done(EVP_PKEY_CTX_set_params(ctx, params), HSM_E_CRYPTO));
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    return hsm_ossl_done(EVP_PKEY_generate(ctx, out_pkey), HSM_E_CRYPTO);
}

/* A shorter private value than the group's strength asks for would weaken it unseen. */
static hsm_err check_value_bits(const hsm_dh_group *group, uint32_t bits)
{
    HSM_CHECK(bits == 0 || (bits >= group->private_min_bits && bits <= group->order_bits),
              HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

static hsm_err dh_generate(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out)
{
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = request->key_type };
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *group_pkey = NULL;
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    const hsm_dh_group *group = NULL;

    parts.part[HSM_PART_PRIME] = request->prime;
    parts.part[HSM_PART_BASE] = request->base;
    parts.part[HSM_PART_SUBPRIME] = request->subprime;
    HSM_TRY(open_group(crypto, &parts, &group_pkey, &group));
    HSM_TRY(check_value_bits(group, request->value_bits));
    HSM_TRY(generate_in(crypto, group_pkey, request->value_bits, &pkey));
    HSM_TRY(hsm_ossl_pair_check(crypto, pkey, request->key_type, true));

    HSM_TRY(hsm_key_adopt(crypto, request->key_type, pkey, &key));
    pkey = NULL;
    key->group = group;
    key->bits = group->bits;
    HSM_TRY(pack(key, &parts, out));
    out->key = HSM_MOVE(key);
    return HSM_OK;
}

const hsm_key_ops hsm_ossl_dh_key = {
    .create = dh_create,
    .check = dh_check,
    .complete = dh_complete,
    .generate = dh_generate,
};
