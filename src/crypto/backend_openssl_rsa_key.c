/* RSA keys: import, check, completion and generation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/backend_openssl_rsa_number.h"

/* OpenSSL's own bound for public exponents of larger keys, and FIPS 186-5's for all (A.1.1). */
#define EXPONENT_SMALL_MODULUS_BITS 3072u
#define EXPONENT_MAX_BITS 64u
#define EXPONENT_SMALL_MODULUS_MAX_BITS 256u
#define EXPONENT_MAX_BYTES (EXPONENT_SMALL_MODULUS_MAX_BITS / 8)
/* A factor this short is never a real one. */
#define PRIME_MIN_BITS 256u
/* Parts may come with a leading zero byte, as DER has it. */
#define PART_MAX_BYTES (HSM_RSA_MAX_BYTES + 1)

static const struct {
    const char *name;
    hsm_part part;
    bool is_private;
} numbers[] = {
    { OSSL_PKEY_PARAM_RSA_N, HSM_PART_MODULUS, false },
    { OSSL_PKEY_PARAM_RSA_E, HSM_PART_PUBLIC_EXPONENT, false },
    { OSSL_PKEY_PARAM_RSA_D, HSM_PART_PRIVATE_EXPONENT, true },
    { OSSL_PKEY_PARAM_RSA_FACTOR1, HSM_PART_PRIME_1, true },
    { OSSL_PKEY_PARAM_RSA_FACTOR2, HSM_PART_PRIME_2, true },
    { OSSL_PKEY_PARAM_RSA_EXPONENT1, HSM_PART_EXPONENT_1, true },
    { OSSL_PKEY_PARAM_RSA_EXPONENT2, HSM_PART_EXPONENT_2, true },
    { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, HSM_PART_COEFFICIENT, true },
};
#define NUMBER_COUNT HSM_ARRAY_LEN(numbers)

/* Room for what is given and for what can be computed: n, d, p and q together as long as n, three
 * more that are shorter than p or q, and e. */
static size_t bundle_room(const hsm_key_parts *parts, size_t modulus_len)
{
    size_t room = 6 * modulus_len + EXPONENT_MAX_BYTES;

    for (size_t i = 0; i < NUMBER_COUNT; i++)
        room += parts == NULL ? 0 : parts->part[numbers[i].part].len;
    return room;
}

static bool is_odd(hsm_bytes number)
{
    return number.len > 0 && (number.data[number.len - 1] & 1) != 0;
}

static hsm_err check_bits(const hsm_crypto *crypto, size_t bits)
{
    const size_t min = crypto->options.may_use_weak_rsa ? HSM_RSA_WEAK_MIN_BITS : HSM_RSA_MIN_BITS;

    HSM_CHECK(bits >= min && bits <= HSM_RSA_MAX_BITS, HSM_E_KEY_SIZE);
    return HSM_OK;
}

/* Odd, 3 or more, and not longer than OpenSSL computes with. */
static hsm_err check_exponent(hsm_bytes exponent, size_t modulus_bits)
{
    const size_t bits = hsm_number_bits(exponent);
    const size_t max = modulus_bits > EXPONENT_SMALL_MODULUS_BITS ? EXPONENT_MAX_BITS
                                                                  : EXPONENT_SMALL_MODULUS_MAX_BITS;

    HSM_CHECK(is_odd(exponent) && bits >= 2 && bits <= max, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

/* Sizes of the parts; how they fit together is check()'s. */
static hsm_err check_parts(const hsm_crypto *crypto, const hsm_key_parts *parts)
{
    const hsm_bytes modulus = parts->part[HSM_PART_MODULUS];
    const hsm_bytes exponent = parts->part[HSM_PART_PUBLIC_EXPONENT];
    const size_t bits = hsm_number_bits(modulus);

    HSM_CHECK(modulus.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        HSM_CHECK(parts->part[numbers[i].part].len <= PART_MAX_BYTES, HSM_E_KEY_SIZE);
    HSM_TRY(check_bits(crypto, bits));
    HSM_CHECK(is_odd(modulus), HSM_E_ATTRIBUTE_VALUE);
    if (exponent.len > 0)
        HSM_TRY(check_exponent(exponent, bits));
    if (parts->key_class != CKO_PRIVATE_KEY)
        return exponent.len > 0 ? HSM_OK : HSM_E_TEMPLATE_INCOMPLETE;

    HSM_CHECK(parts->part[HSM_PART_PRIVATE_EXPONENT].len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        const hsm_bytes number = hsm_number_trim(parts->part[numbers[i].part]);
        const bool is_given = parts->part[numbers[i].part].len > 0;

        if (!numbers[i].is_private || !is_given)
            continue;
        HSM_CHECK(number.len > 0 && hsm_number_bits(number) <= bits, HSM_E_ATTRIBUTE_VALUE);
    }
    return HSM_OK;
}

static bool is_complete(const hsm_key_parts *parts)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (parts->part[numbers[i].part].len == 0)
            return false;
    }
    return true;
}

/* Public keys take only n and e; private keys all that is there. */
static hsm_err import(const hsm_crypto *crypto, const hsm_key_parts *parts, EVP_PKEY **out_pkey)
{
    const bool is_private = parts->key_class == CKO_PRIVATE_KEY;
    HSM_AUTO(hsm_secret_drop) hsm_secret *native = NULL;
    OSSL_PARAM params[NUMBER_COUNT + 1];
    size_t count = 0;

    HSM_TRY(hsm_secret_create(NUMBER_COUNT * HSM_RSA_MAX_BYTES, &native));
    uint8_t *room = hsm_secret_data(native);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        const hsm_bytes number = hsm_number_trim(parts->part[numbers[i].part]);

        if (numbers[i].is_private && !is_private)
            continue;
        HSM_CHECK(number.len > 0 && number.len <= HSM_RSA_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
        hsm_ossl_native_number(room, number.len, number);
        params[count++] = OSSL_PARAM_construct_BN(numbers[i].name, room, number.len);
        room += number.len;
    }
    params[count] = OSSL_PARAM_construct_end();
    return hsm_ossl_pkey_from(crypto, "RSA", is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                              params, out_pkey);
}

static hsm_err rsa_complete(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out)
{
    HSM_TRY(check_parts(crypto, parts));

    HSM_AUTO(hsm_rsa_numbers_clear) hsm_rsa_numbers rsa = { 0 };
    HSM_TRY(hsm_rsa_numbers_init(&rsa, hsm_ossl_of(crypto)->libctx));
    HSM_TRY(hsm_rsa_numbers_load(&rsa, parts));
    if (parts->key_class == CKO_PRIVATE_KEY && !is_complete(parts))
        HSM_TRY(hsm_rsa_numbers_complete(&rsa));

    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    HSM_TRY(hsm_ossl_packer_init(&packer, parts->key_class, CKK_RSA,
                                 bundle_room(parts, parts->part[HSM_PART_MODULUS].len)));
    HSM_TRY(hsm_rsa_numbers_pack(&rsa, parts, &packer));
    HSM_TRY(check_exponent(packer.parts.part[HSM_PART_PUBLIC_EXPONENT],
                           hsm_number_bits(packer.parts.part[HSM_PART_MODULUS])));
    if (parts->key_class == CKO_PRIVATE_KEY)
        HSM_TRY(hsm_rsa_check_factors(&packer.parts, PRIME_MIN_BITS));
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

static hsm_err rsa_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    EVP_PKEY *pkey = NULL;

    HSM_TRY(check_parts(crypto, parts));
    if (parts->key_class == CKO_PRIVATE_KEY && !is_complete(parts)) {
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle whole = { 0 };
        HSM_TRY(rsa_complete(crypto, parts, &whole));
        HSM_TRY(import(crypto, &whole.parts, &pkey));
    } else {
        if (parts->key_class == CKO_PRIVATE_KEY)
            HSM_TRY(hsm_rsa_check_factors(parts, PRIME_MIN_BITS));
        HSM_TRY(import(crypto, parts, &pkey));
    }

    key->native = pkey;
    key->bits = (uint32_t)hsm_number_bits(parts->part[HSM_PART_MODULUS]);
    return HSM_OK;
}

static hsm_err rsa_check(hsm_key *key)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(key->crypto)->libctx, key->native, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));

    return hsm_ossl_done(key->key_class == CKO_PRIVATE_KEY ? EVP_PKEY_check(ctx)
                                                           : EVP_PKEY_public_check(ctx),
                         HSM_E_ATTRIBUTE_VALUE);
}

/* The numbers of a generated key, without leading zeros. */
static hsm_err pack_pkey(const EVP_PKEY *pkey, size_t modulus_len, hsm_ossl_packer *packer)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *scratch = NULL;

    HSM_TRY(hsm_secret_create(modulus_len, &scratch));
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        uint8_t *room = hsm_secret_data(scratch);

        HSM_TRY(hsm_ossl_pkey_number(pkey, numbers[i].name, room, modulus_len));
        HSM_TRY(hsm_ossl_packer_put(packer, numbers[i].part,
                                    hsm_number_trim(hsm_bytes_of(room, modulus_len))));
    }
    return HSM_OK;
}

static bool is_stopped(const hsm_keygen *request)
{
    return request->stop != NULL && atomic_load(request->stop);
}

/* OpenSSL asks between the candidates for a prime whether to go on. */
static int goes_on(EVP_PKEY_CTX *ctx)
{
    return is_stopped(EVP_PKEY_CTX_get_app_data(ctx)) ? 0 : 1;
}

static hsm_err generate_pkey(const hsm_crypto *crypto, const hsm_keygen *request,
                             hsm_bytes exponent, EVP_PKEY **out_pkey)
{
    size_t bits = request->bits;
    uint8_t native[EXPONENT_MAX_BYTES];
    OSSL_PARAM params[3] = { OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits) };

    hsm_ossl_native_number(native, exponent.len, exponent);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, native, exponent.len);
    params[2] = OSSL_PARAM_construct_end();

    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(hsm_ossl_of(crypto)->libctx, "RSA", NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_keygen_init(ctx), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_CTX_set_params(ctx, params), HSM_E_ATTRIBUTE_VALUE));
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    EVP_PKEY_CTX_set_app_data(ctx, (void *)(uintptr_t)request);
    EVP_PKEY_CTX_set_cb(ctx, goes_on);
    const hsm_err err = hsm_ossl_done(EVP_PKEY_generate(ctx, out_pkey), HSM_E_CRYPTO);
    return err != HSM_OK && is_stopped(request) ? HSM_E_OPERATION_CANCELLED : err;
}

static hsm_err rsa_generate(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out)
{
    static const uint8_t f4[] = { 0x01, 0x00, 0x01 };
    const hsm_bytes exponent = request->public_exponent.len > 0
                                   ? hsm_number_trim(request->public_exponent)
                                   : hsm_bytes_of(f4, sizeof f4);

    HSM_TRY(check_bits(crypto, request->bits));
    HSM_CHECK(request->bits % 8 == 0, HSM_E_KEY_SIZE);
    /* Not what it is for a key that comes from elsewhere (PKCS#11 v3.2, 6.1, key pair generation). */
    HSM_CHECK(check_exponent(exponent, request->bits) == HSM_OK, HSM_E_TEMPLATE_INCONSISTENT);

    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_TRY(generate_pkey(crypto, request, exponent, &pkey));
    HSM_TRY(hsm_ossl_pair_check(crypto, pkey, CKK_RSA, false));

    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    HSM_TRY(hsm_ossl_packer_init(&packer, CKO_PRIVATE_KEY, CKK_RSA,
                                 bundle_room(NULL, request->bits / 8)));
    HSM_TRY(pack_pkey(pkey, request->bits / 8, &packer));
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

const hsm_key_ops hsm_ossl_rsa_key = {
    .create = rsa_create,
    .check = rsa_check,
    .complete = rsa_complete,
    .generate = rsa_generate,
};
