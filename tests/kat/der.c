/* The little DER and PEM that vectors come in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

enum {
    TAG_INTEGER = 0x02,
    TAG_BITS = 0x03,
    TAG_OCTETS = 0x04,
    TAG_OID = 0x06,
    TAG_SEQUENCE = 0x30,
};

/* Takes one element off the front. False: not DER, or another tag. */
static bool take(span *in, uint8_t tag, span *out_body)
{
    size_t at = 2;
    size_t len;

    if (in->len < 2 || in->data[0] != tag)
        return false;
    len = in->data[1];
    if (len >= 0x80) {
        const size_t count = len & 0x7f;

        if (count < 1 || count > 3 || in->len < 2 + count || in->data[2] == 0)
            return false;
        for (len = 0; at < 2 + count; at++)
            len = len << 8 | in->data[at];
        if (len < 0x80)
            return false;
    }
    if (in->len - at < len)
        return false;
    *out_body = (span){ in->data + at, len };
    *in = (span){ in->data + at + len, in->len - at - len };
    return true;
}

/* The same, and nothing follows. */
static bool take_all(span in, uint8_t tag, span *out_body)
{
    return take(&in, tag, out_body) && in.len == 0;
}

static bool unsigned_integer(span *in, span *out_number)
{
    span body;

    if (!take(in, TAG_INTEGER, &body) || body.len == 0 || (body.data[0] & 0x80) != 0)
        return false;
    if (body.len > 1 && body.data[0] == 0) {
        if ((body.data[1] & 0x80) == 0)
            return false;
        body = (span){ body.data + 1, body.len - 1 };
    }
    *out_number = body;
    return true;
}

bool signature_raw(arena *memory, span der, size_t part_len, span *out_raw)
{
    uint8_t *raw = arena_take(memory, 2 * part_len);
    span body;
    span r;
    span s;

    if (!take_all(der, TAG_SEQUENCE, &body) || !unsigned_integer(&body, &r) ||
        !unsigned_integer(&body, &s) || body.len != 0 || r.len > part_len || s.len > part_len)
        return false;
    memcpy(raw + part_len - r.len, r.data, r.len);
    memcpy(raw + 2 * part_len - s.len, s.data, s.len);
    *out_raw = (span){ raw, 2 * part_len };
    return true;
}

span der_octets(arena *memory, span body)
{
    uint8_t *out = arena_take(memory, body.len + 5);
    size_t at = 0;

    out[at++] = TAG_OCTETS;
    if (body.len >= 0x100)
        out[at++] = 0x82, out[at++] = (uint8_t)(body.len >> 8);
    else if (body.len >= 0x80)
        out[at++] = 0x81;
    out[at++] = (uint8_t)body.len;
    memcpy(out + at, body.data, body.len);
    return (span){ out, at + body.len };
}

/* The whole element of an object identifier, as CKA_EC_PARAMS wants it, and the rest. */
static bool take_oid(span *in, span *out_element)
{
    const span before = *in;
    span body;

    if (!take(in, TAG_OID, &body))
        return false;
    *out_element = (span){ before.data, before.len - in->len };
    return true;
}

static const uint8_t oid_rsa[] = { 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1 };
static const uint8_t oid_rsa_pss[] = { 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10 };
static const uint8_t oid_ec[] = { 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };

static bool is_oid(span element, const uint8_t *oid, size_t len)
{
    return span_equal(element, (span){ oid, len });
}

static const char *curve_of(span params)
{
    static const char *const names[] = { "P-224",           "P-256",           "P-384",
                                         "P-521",           "secp256k1",       "brainpoolP256r1",
                                         "brainpoolP384r1", "brainpoolP512r1", "Ed25519",
                                         "Ed448",           "X25519",          "X448" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_equal(params, curve_params(names[i])))
            return names[i];
    return NULL;
}

/* Algorithm, named curve (NULL: none this suite knows) and key bits. */
static bool spki_parts(span der, span *out_algorithm, const char **out_curve, span *out_key)
{
    span body;
    span algorithm;
    span params;

    if (!take_all(der, TAG_SEQUENCE, &body) || !take(&body, TAG_SEQUENCE, &algorithm) ||
        !take_all(body, TAG_BITS, out_key) || out_key->len < 1 || out_key->data[0] != 0 ||
        !take_oid(&algorithm, out_algorithm))
        return false;
    *out_key = (span){ out_key->data + 1, out_key->len - 1 };
    *out_curve = NULL;
    if (!is_oid(*out_algorithm, oid_ec, sizeof oid_ec))
        *out_curve = curve_of(*out_algorithm);
    else if (take_oid(&algorithm, &params) && algorithm.len == 0)
        *out_curve = curve_of(params);
    return true;
}

bool spki_point(span der, const char **out_curve, span *out_point)
{
    span algorithm;

    return spki_parts(der, &algorithm, out_curve, out_point) && *out_curve != NULL;
}

static void start_public(attrs *key, CK_KEY_TYPE type)
{
    put_ulong(key, CKA_CLASS, CKO_PUBLIC_KEY);
    put_ulong(key, CKA_KEY_TYPE, type);
}

bool key_from_spki(attrs *key, const kat_case *c, span der)
{
    const char *curve;
    span algorithm;
    span bits;
    span body;
    span n;
    span e;

    if (!spki_parts(der, &algorithm, &curve, &bits))
        return false;
    if (curve != NULL) {
        key_ec_public(key, c, curve, bits);
        return true;
    }
    if ((!is_oid(algorithm, oid_rsa, sizeof oid_rsa) &&
         !is_oid(algorithm, oid_rsa_pss, sizeof oid_rsa_pss)) ||
        !take_all(bits, TAG_SEQUENCE, &body) || !unsigned_integer(&body, &n) ||
        !unsigned_integer(&body, &e))
        return false;
    start_public(key, CKK_RSA);
    put_bytes(key, CKA_MODULUS, n.data, n.len);
    put_bytes(key, CKA_PUBLIC_EXPONENT, e.data, e.len);
    put_bool(key, CKA_VERIFY, true);
    put_bool(key, CKA_VERIFY_RECOVER, true);
    put_bool(key, CKA_ENCRYPT, true);
    return true;
}

/* RSAPrivateKey of RFC 8017, its version number already taken. */
static bool rsa_private(attrs *key, span body)
{
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS,          CKA_PUBLIC_EXPONENT,
                                               CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                               CKA_PRIME_2,          CKA_EXPONENT_1,
                                               CKA_EXPONENT_2,       CKA_COEFFICIENT };
    span numbers[ARRAY_LEN(types)];

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!unsigned_integer(&body, &numbers[i]))
            return false;
    put_ulong(key, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(key, CKA_KEY_TYPE, CKK_RSA);
    /* Some published keys come with zeros where the primes would be. */
    for (size_t i = 0; i < (numbers[3].len > 1 ? ARRAY_LEN(types) : 3); i++)
        put_bytes(key, types[i], numbers[i].data, numbers[i].len);
    put_bool(key, CKA_SIGN, true);
    put_bool(key, CKA_SIGN_RECOVER, true);
    put_bool(key, CKA_DECRYPT, true);
    put_bool(key, CKA_UNWRAP, true);
    return true;
}

static bool ec_private(attrs *key, span algorithm, span inner)
{
    const char *curve;
    span params;
    span body;
    span version;
    span d;

    if (!take_oid(&algorithm, &params))
        return false;
    curve = curve_of(params);
    if (curve == NULL || !take_all(inner, TAG_SEQUENCE, &body) ||
        !unsigned_integer(&body, &version) || !take(&body, TAG_OCTETS, &d))
        return false;
    key_ec_private(key, curve, d);
    return true;
}

bool key_from_pkcs8(attrs *key, const kat_case *c, span der)
{
    span body;
    span version;
    span algorithm;
    span oid;
    span inner;

    (void)c;
    if (!take_all(der, TAG_SEQUENCE, &body) || !unsigned_integer(&body, &version))
        return false;
    if (!take(&body, TAG_SEQUENCE, &algorithm))
        return rsa_private(key, body);
    if (!take_oid(&algorithm, &oid) || !take(&body, TAG_OCTETS, &inner))
        return false;
    if (is_oid(oid, oid_ec, sizeof oid_ec))
        return ec_private(key, algorithm, inner);
    if (curve_of(oid) != NULL && take_all(inner, TAG_OCTETS, &body)) {
        key_ec_private(key, curve_of(oid), body);
        return true;
    }
    if (!is_oid(oid, oid_rsa, sizeof oid_rsa) && !is_oid(oid, oid_rsa_pss, sizeof oid_rsa_pss))
        return false;
    return take_all(inner, TAG_SEQUENCE, &body) && unsigned_integer(&body, &version) &&
           rsa_private(key, body);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

span pem_bytes(arena *memory, const char *base64)
{
    uint8_t *out = arena_take(memory, strlen(base64) + 3);
    uint32_t bits = 0;
    size_t count = 0;
    size_t len = 0;

    for (; *base64 != '\0' && *base64 != '='; base64++) {
        if (base64_digit(*base64) < 0)
            kat_die("PEM", 0, "is not base64");
        bits = bits << 6 | (uint32_t)base64_digit(*base64);
        if (++count % 4 != 1)
            out[len++] = (uint8_t)(bits >> (6 - 2 * ((count - 1) % 4)));
    }
    return (span){ out, len };
}
