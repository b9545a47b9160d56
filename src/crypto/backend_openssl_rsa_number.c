/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_rsa_number.h"

/* Each try finds the factors with a probability of one half (SP 800-56B rev. 2, C.1). */
#define FACTOR_TRIES 64

hsm_err hsm_rsa_numbers_init(hsm_rsa_numbers *rsa, OSSL_LIB_CTX *libctx)
{
    *rsa = (hsm_rsa_numbers){ .ctx = BN_CTX_secure_new_ex(libctx) };
    return rsa->ctx != NULL ? HSM_OK : hsm_ossl_cause(HSM_E_NO_MEMORY);
}

void hsm_rsa_numbers_clear(hsm_rsa_numbers *rsa)
{
    for (int i = 0; i < HSM_PART_COUNT; i++) {
        BN_clear_free(rsa->part[i]);
        rsa->part[i] = NULL;
    }
    BN_CTX_free(rsa->ctx); /* wipes: it is a secure one */
    rsa->ctx = NULL;
}

/* A new secret number for a part that has none. */
static BIGNUM *fresh(hsm_rsa_numbers *rsa, hsm_part part)
{
    BN_clear_free(rsa->part[part]);
    rsa->part[part] = BN_secure_new();
    return rsa->part[part];
}

hsm_err hsm_rsa_numbers_load(hsm_rsa_numbers *rsa, const hsm_key_parts *parts)
{
    for (int i = HSM_PART_MODULUS; i < HSM_PART_COUNT; i++) {
        const hsm_bytes number = hsm_number_trim(parts->part[i]);

        if (number.len == 0)
            continue;
        HSM_CHECK(number.len <= HSM_RSA_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
        BIGNUM *bn = fresh(rsa, (hsm_part)i);
        HSM_CHECK(bn != NULL && BN_bin2bn(number.data, (int)number.len, bn) != NULL,
                  hsm_ossl_cause(HSM_E_NO_MEMORY));
        if (i != HSM_PART_MODULUS && i != HSM_PART_PUBLIC_EXPONENT)
            BN_set_flags(bn, BN_FLG_CONSTTIME);
    }
    return HSM_OK;
}

/* x ^ (e * d) = x mod n for x = 2. */
static int is_exponent(hsm_rsa_numbers *rsa, const BIGNUM *e, BIGNUM *x, BIGNUM *y)
{
    return BN_set_word(x, 2) == 1 &&
           BN_mod_exp(y, x, rsa->part[HSM_PART_PRIVATE_EXPONENT], rsa->part[HSM_PART_MODULUS],
                      rsa->ctx) == 1 &&
           BN_mod_exp(x, y, e, rsa->part[HSM_PART_MODULUS], rsa->ctx) == 1 && BN_is_word(x, 2);
}

static hsm_err guess_exponent(hsm_rsa_numbers *rsa)
{
    static const BN_ULONG usual[] = { 65537, 3, 17, 5, 7, 257, 35, 37, 41 };
    BIGNUM *e = fresh(rsa, HSM_PART_PUBLIC_EXPONENT);
    bool is_found = false;

    BN_CTX_start(rsa->ctx);
    BIGNUM *x = BN_CTX_get(rsa->ctx);
    BIGNUM *y = BN_CTX_get(rsa->ctx);
    for (size_t i = 0; i < HSM_ARRAY_LEN(usual) && e != NULL && y != NULL && !is_found; i++)
        is_found = BN_set_word(e, usual[i]) == 1 && is_exponent(rsa, e, x, y);
    BN_CTX_end(rsa->ctx);
    return is_found ? HSM_OK : hsm_ossl_cause(HSM_E_TEMPLATE_INCOMPLETE);
}

/* e = 1 / d modulo lcm(p - 1, q - 1). */
static int invert_exponent(hsm_rsa_numbers *rsa, BIGNUM *e)
{
    BIGNUM *p1 = BN_CTX_get(rsa->ctx);
    BIGNUM *q1 = BN_CTX_get(rsa->ctx);
    BIGNUM *lcm = BN_CTX_get(rsa->ctx);
    BIGNUM *gcd = BN_CTX_get(rsa->ctx);

    return e != NULL && gcd != NULL && BN_sub(p1, rsa->part[HSM_PART_PRIME_1], BN_value_one()) &&
           BN_sub(q1, rsa->part[HSM_PART_PRIME_2], BN_value_one()) &&
           BN_gcd(gcd, p1, q1, rsa->ctx) && !BN_is_zero(gcd) && BN_mul(lcm, p1, q1, rsa->ctx) &&
           BN_div(lcm, NULL, lcm, gcd, rsa->ctx) &&
           BN_mod_inverse(e, rsa->part[HSM_PART_PRIVATE_EXPONENT], lcm, rsa->ctx) != NULL;
}

static hsm_err find_exponent(hsm_rsa_numbers *rsa)
{
    if (rsa->part[HSM_PART_PRIME_1] == NULL || rsa->part[HSM_PART_PRIME_2] == NULL)
        return guess_exponent(rsa);

    BIGNUM *e = fresh(rsa, HSM_PART_PUBLIC_EXPONENT);
    BN_CTX_start(rsa->ctx);
    const int ret = invert_exponent(rsa, e);
    BN_CTX_end(rsa->ctx);
    return hsm_ossl_done(ret, HSM_E_ATTRIBUTE_VALUE);
}

/* Squares y until its square is 1: if y itself is then neither 1 nor n - 1, a factor of n divides
 * y - 1. Returns 1 with p set, 0 for no luck, -1 on failure. */
static int root_of_one(hsm_rsa_numbers *rsa, BIGNUM *y, const BIGNUM *minus1, int twos, BIGNUM *p)
{
    const BIGNUM *n = rsa->part[HSM_PART_MODULUS];
    BIGNUM *square = BN_CTX_get(rsa->ctx);

    if (square == NULL)
        return -1;
    for (int i = 0; i < twos; i++) {
        if (BN_is_one(y) || BN_cmp(y, minus1) == 0)
            return 0;
        if (!BN_mod_sqr(square, y, n, rsa->ctx))
            return -1;
        if (BN_is_one(square))
            return BN_sub(y, y, BN_value_one()) && BN_gcd(p, y, n, rsa->ctx) ? 1 : -1;
        BN_swap(y, square);
    }
    return 0;
}

/* One try, with a random base. Returns as root_of_one(). */
static int try_factor(hsm_rsa_numbers *rsa, const BIGNUM *odd, int twos, BIGNUM *p)
{
    const BIGNUM *n = rsa->part[HSM_PART_MODULUS];
    BIGNUM *y = BN_CTX_get(rsa->ctx);
    BIGNUM *minus1 = BN_CTX_get(rsa->ctx);

    if (minus1 == NULL || !BN_sub(minus1, n, BN_value_one()) ||
        !BN_priv_rand_range_ex(y, minus1, 0, rsa->ctx))
        return -1;
    if (BN_is_zero(y))
        return 0;
    return BN_mod_exp(y, y, odd, n, rsa->ctx) ? root_of_one(rsa, y, minus1, twos, p) : -1;
}

/* p from n, e and d. */
static int factor(hsm_rsa_numbers *rsa, BIGNUM *p)
{
    BIGNUM *odd = BN_CTX_get(rsa->ctx);
    BIGNUM *x = BN_CTX_get(rsa->ctx);
    BIGNUM *y = BN_CTX_get(rsa->ctx);
    int twos = 0;
    int ret = 0;

    /* without the first test a wrong d would cost all the tries */
    if (p == NULL || y == NULL || !is_exponent(rsa, rsa->part[HSM_PART_PUBLIC_EXPONENT], x, y) ||
        !BN_mul(odd, rsa->part[HSM_PART_PUBLIC_EXPONENT], rsa->part[HSM_PART_PRIVATE_EXPONENT],
                rsa->ctx) ||
        BN_is_zero(odd) || !BN_sub_word(odd, 1) || BN_is_zero(odd))
        return 0;
    for (; !BN_is_odd(odd); twos++) {
        if (!BN_rshift1(odd, odd))
            return 0;
    }
    BN_set_flags(odd, BN_FLG_CONSTTIME);
    for (int i = 0; i < FACTOR_TRIES && ret == 0; i++) {
        BN_CTX_start(rsa->ctx);
        ret = try_factor(rsa, odd, twos, p);
        BN_CTX_end(rsa->ctx);
    }
    return ret == 1;
}

/* other = n / one, exactly. */
static hsm_err divide(hsm_rsa_numbers *rsa, hsm_part one, hsm_part other)
{
    BIGNUM *result = fresh(rsa, other);

    HSM_CHECK(result != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    BN_CTX_start(rsa->ctx);
    BIGNUM *rest = BN_CTX_get(rsa->ctx);
    const int ret = rest != NULL &&
                    BN_div(result, rest, rsa->part[HSM_PART_MODULUS], rsa->part[one], rsa->ctx) &&
                    BN_is_zero(rest);
    BN_CTX_end(rsa->ctx);
    return hsm_ossl_done(ret, HSM_E_ATTRIBUTE_VALUE);
}

/* Fermat's test to base 2: a key of three primes must not pass as p and q. Cheap on purpose; the
 * thorough test of a foreign key is hsm_key_check(). */
static hsm_err check_prime(hsm_rsa_numbers *rsa, hsm_part part)
{
    const BIGNUM *prime = rsa->part[part];

    HSM_CHECK(BN_is_odd(prime) && !BN_is_one(prime), HSM_E_ATTRIBUTE_VALUE);
    BN_CTX_start(rsa->ctx);
    BIGNUM *base = BN_CTX_get(rsa->ctx);
    BIGNUM *minus1 = BN_CTX_get(rsa->ctx);
    BIGNUM *power = BN_CTX_get(rsa->ctx);
    int ret = power != NULL && BN_set_word(base, 2) && BN_sub(minus1, prime, BN_value_one());
    if (ret == 1) {
        BN_set_flags(minus1, BN_FLG_CONSTTIME);
        ret = BN_mod_exp(power, base, minus1, prime, rsa->ctx) && BN_is_one(power);
    }
    BN_CTX_end(rsa->ctx);
    return hsm_ossl_done(ret, HSM_E_ATTRIBUTE_VALUE);
}

static hsm_err find_factors(hsm_rsa_numbers *rsa)
{
    if (rsa->part[HSM_PART_PRIME_1] == NULL && rsa->part[HSM_PART_PRIME_2] == NULL) {
        BIGNUM *p = fresh(rsa, HSM_PART_PRIME_1);

        BN_CTX_start(rsa->ctx);
        const int ret = factor(rsa, p);
        BN_CTX_end(rsa->ctx);
        HSM_TRY(hsm_ossl_done(ret, HSM_E_ATTRIBUTE_VALUE));
    }
    if (rsa->part[HSM_PART_PRIME_1] == NULL)
        HSM_TRY(divide(rsa, HSM_PART_PRIME_2, HSM_PART_PRIME_1));
    if (rsa->part[HSM_PART_PRIME_2] == NULL)
        HSM_TRY(divide(rsa, HSM_PART_PRIME_1, HSM_PART_PRIME_2));
    HSM_TRY(check_prime(rsa, HSM_PART_PRIME_1));
    HSM_TRY(check_prime(rsa, HSM_PART_PRIME_2));
    BN_set_flags(rsa->part[HSM_PART_PRIME_1], BN_FLG_CONSTTIME);
    BN_set_flags(rsa->part[HSM_PART_PRIME_2], BN_FLG_CONSTTIME);
    return HSM_OK;
}

/* out = d mod (prime - 1) */
static hsm_err reduce(hsm_rsa_numbers *rsa, hsm_part prime, hsm_part out)
{
    if (rsa->part[out] != NULL)
        return HSM_OK;

    BIGNUM *result = fresh(rsa, out);
    HSM_CHECK(result != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    BN_CTX_start(rsa->ctx);
    BIGNUM *minus1 = BN_CTX_get(rsa->ctx);
    const int ret = minus1 != NULL && BN_sub(minus1, rsa->part[prime], BN_value_one()) &&
                    BN_mod(result, rsa->part[HSM_PART_PRIVATE_EXPONENT], minus1, rsa->ctx);
    BN_CTX_end(rsa->ctx);
    return hsm_ossl_done(ret, HSM_E_ATTRIBUTE_VALUE);
}

hsm_err hsm_rsa_numbers_complete(hsm_rsa_numbers *rsa)
{
    HSM_CHECK(rsa->part[HSM_PART_MODULUS] != NULL && rsa->part[HSM_PART_PRIVATE_EXPONENT] != NULL,
              HSM_E_TEMPLATE_INCOMPLETE);
    if (rsa->part[HSM_PART_PUBLIC_EXPONENT] == NULL) {
        /* with one factor the other is known, and e follows */
        if (rsa->part[HSM_PART_PRIME_1] != NULL || rsa->part[HSM_PART_PRIME_2] != NULL)
            HSM_TRY(find_factors(rsa));
        HSM_TRY(find_exponent(rsa));
    }
    HSM_TRY(find_factors(rsa));
    HSM_TRY(reduce(rsa, HSM_PART_PRIME_1, HSM_PART_EXPONENT_1));
    HSM_TRY(reduce(rsa, HSM_PART_PRIME_2, HSM_PART_EXPONENT_2));
    if (rsa->part[HSM_PART_COEFFICIENT] != NULL)
        return HSM_OK;

    BIGNUM *coefficient = fresh(rsa, HSM_PART_COEFFICIENT);
    HSM_CHECK(coefficient != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(BN_mod_inverse(coefficient, rsa->part[HSM_PART_PRIME_2],
                                        rsa->part[HSM_PART_PRIME_1], rsa->ctx) != NULL,
                         HSM_E_ATTRIBUTE_VALUE);
}

hsm_err hsm_rsa_numbers_pack(const hsm_rsa_numbers *rsa, const hsm_key_parts *given,
                             hsm_ossl_packer *packer)
{
    for (int i = HSM_PART_MODULUS; i < HSM_PART_COUNT; i++) {
        uint8_t *room = NULL;

        if (given->part[i].len > 0) {
            HSM_TRY(hsm_ossl_packer_put(packer, (hsm_part)i, given->part[i]));
            continue;
        }
        if (rsa->part[i] == NULL)
            continue;
        HSM_CHECK(!BN_is_zero(rsa->part[i]), HSM_E_ATTRIBUTE_VALUE);
        HSM_TRY(
            hsm_ossl_packer_room(packer, (hsm_part)i, (size_t)BN_num_bytes(rsa->part[i]), &room));
        (void)BN_bn2bin(rsa->part[i], room);
    }
    return HSM_OK;
}

hsm_err hsm_rsa_check_factors(const hsm_key_parts *parts, size_t min_bits)
{
    HSM_AUTO(hsm_rsa_numbers_clear) hsm_rsa_numbers rsa = { 0 };
    HSM_TRY(hsm_rsa_numbers_init(&rsa, NULL));
    HSM_TRY(hsm_rsa_numbers_load(&rsa, parts));

    const BIGNUM *p = rsa.part[HSM_PART_PRIME_1];
    const BIGNUM *q = rsa.part[HSM_PART_PRIME_2];
    HSM_CHECK(p != NULL && q != NULL && rsa.part[HSM_PART_MODULUS] != NULL, HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK((size_t)BN_num_bits(p) >= min_bits && (size_t)BN_num_bits(q) >= min_bits,
              HSM_E_ATTRIBUTE_VALUE);

    BIGNUM *product = fresh(&rsa, HSM_PART_VALUE); /* a place RSA does not use */
    HSM_CHECK(product != NULL && BN_mul(product, p, q, rsa.ctx), hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(BN_cmp(product, rsa.part[HSM_PART_MODULUS]) == 0, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}
