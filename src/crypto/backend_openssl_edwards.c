/* Whether bytes are a point of an Edwards curve. OpenSSL takes any bytes for a public key and fails
 * only when it verifies with them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>

#include "crypto/backend_openssl_pkey.h"

/* x^2 = sign (y^2 - 1) / (scale (a + b y^2)) up to a square factor, so that x exists when the product
 * of both sides is a square. edwards25519: d = -121665 / 121666; edwards448: d = -39081 (RFC 8032,
 * 5.1 and 5.2). */
typedef struct edwards_field {
    const char *prime;
    bool is_negated;
    BN_ULONG scale;
    BN_ULONG a;
    BN_ULONG b;
    bool is_b_negative;
} edwards_field;

static const edwards_field field_25519 = {
    .prime = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
    .scale = 121666,
    .a = 121666,
    .b = 121665,
    .is_b_negative = true,
};

static const edwards_field field_448 = {
    .prime = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    .is_negated = true,
    .scale = 1,
    .a = 1,
    .b = 39081,
};

/* The numbers of one check; all are public. */
typedef struct numbers {
    BN_CTX *ctx;
    BIGNUM *p;
    BIGNUM *y;
    BIGNUM *u;
    BIGNUM *v;
} numbers;

static void numbers_clear(numbers *n)
{
    BN_free(n->p);
    BN_free(n->y);
    BN_free(n->u);
    BN_free(n->v);
    BN_CTX_free(n->ctx);
}

static bool numbers_init(numbers *n, const char *prime)
{
    n->ctx = BN_CTX_new();
    n->y = BN_new();
    n->u = BN_new();
    n->v = BN_new();
    return BN_hex2bn(&n->p, prime) > 0 && n->ctx != NULL && n->y != NULL && n->u != NULL &&
           n->v != NULL;
}

/* u = sign (y^2 - 1), v = u scale (a + b y^2) */
static bool compute(const edwards_field *field, numbers *n)
{
    if (!BN_mod_sqr(n->u, n->y, n->p, n->ctx) || BN_copy(n->v, n->u) == NULL ||
        !BN_mul_word(n->v, field->b))
        return false;
    BN_set_negative(n->v, field->is_b_negative ? 1 : 0);
    if (!BN_add_word(n->v, field->a) || !BN_mul_word(n->v, field->scale) || !BN_sub_word(n->u, 1))
        return false;
    if (field->is_negated)
        BN_set_negative(n->u, !BN_is_negative(n->u));
    return BN_nnmod(n->u, n->u, n->p, n->ctx) && BN_mod_mul(n->v, n->v, n->u, n->p, n->ctx);
}

/* RFC 8032, 5.1.3 and 5.2.3: y little-endian, the top bit of the last byte is the sign of x. */
hsm_err hsm_ossl_edwards_check(const hsm_curve *curve, hsm_bytes raw)
{
    const edwards_field *field = curve->bits == 255 ? &field_25519 : &field_448;
    HSM_AUTO(numbers_clear) numbers n = { 0 };
    uint8_t y[HSM_EC_POINT_MAX_BYTES];

    HSM_CHECK(numbers_init(&n, field->prime), hsm_ossl_cause(HSM_E_NO_MEMORY));
    memcpy(y, raw.data, raw.len);
    const bool is_x_odd = (y[raw.len - 1] & 0x80) != 0;
    y[raw.len - 1] &= 0x7f;
    HSM_CHECK(BN_lebin2bn(y, (int)raw.len, n.y) != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(BN_cmp(n.y, n.p) < 0, HSM_E_ATTRIBUTE_VALUE);

    HSM_CHECK(compute(field, &n), hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(!BN_is_zero(n.u) || !is_x_odd, HSM_E_ATTRIBUTE_VALUE); /* x is 0, which is even */
    const int symbol = BN_kronecker(n.v, n.p, n.ctx);
    HSM_CHECK(symbol != -2, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(symbol >= 0, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}
