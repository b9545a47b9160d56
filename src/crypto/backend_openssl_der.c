/* Keys as DER: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) and PrivateKeyInfo (RFC 5958). Written and
 * read here and not by OpenSSL's encoders, so that secrets stay in hsm_secret and nothing but the one
 * strict form is taken.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_dh.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/backend_openssl_pqc.h"
#include "crypto/der.h"

/* rsaEncryption, RFC 8017, A.1 */
static const uint8_t oid_rsa[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01
};
/* id-ecPublicKey, RFC 5480, 2.1.1 */
static const uint8_t oid_ec[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t der_null[] = { HSM_DER_NULL, 0x00 };
static const uint8_t der_zero[] = { HSM_DER_INTEGER, 0x01, 0x00 };
static const uint8_t der_one[] = { HSM_DER_INTEGER, 0x01, 0x01 };

/* All tags, lengths, OIDs and versions together are shorter. */
#define FRAME_MAX_BYTES 256u
#define SPKI_MAX_BYTES (HSM_RSA_MAX_BYTES + FRAME_MAX_BYTES)

/* RSAPrivateKey, RFC 8017, A.1.2, after the version. */
static const struct {
    hsm_part part;
    const char *name;
} rsa_numbers[] = {
    { HSM_PART_MODULUS, OSSL_PKEY_PARAM_RSA_N },
    { HSM_PART_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E },
    { HSM_PART_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D },
    { HSM_PART_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1 },
    { HSM_PART_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2 },
    { HSM_PART_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
    { HSM_PART_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
    { HSM_PART_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};
#define RSA_NUMBER_COUNT HSM_ARRAY_LEN(rsa_numbers)
#define RSA_PUBLIC_COUNT 2u

static hsm_bytes curve_oid(const hsm_curve *curve)
{
    return hsm_bytes_of(curve->oid, curve->oid_len);
}

/* AlgorithmIdentifier: RFC 8017, A.1; RFC 5480, 2.1.1; RFC 8410, 3 (no parameters at all). */
static void put_algorithm(hsm_der_writer *writer, const hsm_key *key)
{
    const size_t mark = hsm_der_written(writer);

    if (key->curve == NULL) {
        hsm_der_put(writer, hsm_bytes_of(der_null, sizeof der_null));
        hsm_der_put(writer, hsm_bytes_of(oid_rsa, sizeof oid_rsa));
    } else {
        hsm_der_put(writer, curve_oid(key->curve));
        if (key->curve->key_type == CKK_EC)
            hsm_der_put(writer, hsm_bytes_of(oid_ec, sizeof oid_ec));
    }
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
}

/* The first `count` numbers of an RSA key; scratch has room for the modulus. */
static hsm_err put_rsa_numbers(hsm_der_writer *writer, const hsm_key *key, size_t count,
                               uint8_t *scratch)
{
    const size_t len = (key->bits + 7) / 8;

    for (size_t i = count; i-- > 0;) {
        HSM_TRY(hsm_ossl_pkey_number(key->native, rsa_numbers[i].name, scratch, len));
        hsm_der_put_uint(writer, hsm_bytes_of(scratch, len));
    }
    return HSM_OK;
}

hsm_err hsm_ossl_spki(hsm_key *key, hsm_buf *out_der)
{
    HSM_UNINITIALIZED uint8_t room[SPKI_MAX_BYTES];
    HSM_UNINITIALIZED uint8_t scratch[HSM_RSA_MAX_BYTES]; /* public numbers */
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    if (key->set != NULL)
        return hsm_ossl_pqc_spki(key, out_der);
    if (key->group != NULL)
        return hsm_ossl_dh_spki(key, out_der);
    HSM_CHECK(key->native != NULL, HSM_E_KEY_TYPE);
    if (key->curve == NULL) {
        HSM_TRY(put_rsa_numbers(&writer, key, RSA_PUBLIC_COUNT, scratch));
        hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    } else {
        hsm_der_put(&writer, hsm_bytes_of(key->point, key->curve->point_bytes));
    }
    hsm_der_wrap_bits(&writer, 0);
    put_algorithm(&writer, key);
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);

    hsm_buf_reset(out_der);
    return hsm_buf_append(out_der, hsm_der_view(&writer));
}

static hsm_err put_rsa_private(hsm_der_writer *writer, const hsm_key *key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *scratch = NULL;

    HSM_TRY(hsm_secret_create((key->bits + 7) / 8, &scratch));
    HSM_TRY(put_rsa_numbers(writer, key, RSA_NUMBER_COUNT, hsm_secret_data(scratch)));
    hsm_der_put(writer, hsm_bytes_of(der_zero, sizeof der_zero));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, 0);
    return HSM_OK;
}

/* ECPrivateKey (RFC 5915) with the public key and without the curve, which the algorithm names. */
static hsm_err put_ec_private(hsm_der_writer *writer, const hsm_key *key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    hsm_der_put(writer, hsm_bytes_of(key->point, key->curve->point_bytes));
    hsm_der_wrap_bits(writer, 0);
    hsm_der_wrap(writer, HSM_DER_CONTEXT_1, 0);

    HSM_TRY(hsm_secret_create(key->curve->order_bytes, &value));
    HSM_TRY(hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(value),
                                 key->curve->order_bytes));
    const size_t mark = hsm_der_written(writer);
    hsm_der_put(writer, hsm_secret_view(value));
    hsm_der_wrap(writer, HSM_DER_OCTET_STRING, mark);
    hsm_der_put(writer, hsm_bytes_of(der_one, sizeof der_one));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, 0);
    return HSM_OK;
}

/* CurvePrivateKey, RFC 8410, 7 */
static hsm_err put_raw_private(hsm_der_writer *writer, const hsm_key *key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    size_t len = key->curve->order_bytes;

    HSM_TRY(hsm_secret_create(len, &value));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_get_raw_private_key(key->native, hsm_secret_data(value), &len),
                          HSM_E_CRYPTO));
    HSM_CHECK(len == key->curve->order_bytes, HSM_E_CRYPTO);
    hsm_der_put(writer, hsm_secret_view(value));
    hsm_der_wrap(writer, HSM_DER_OCTET_STRING, 0);
    return HSM_OK;
}

static hsm_err put_private(hsm_der_writer *writer, const hsm_key *key)
{
    if (key->curve == NULL)
        return put_rsa_private(writer, key);
    return key->curve->key_type == CKK_EC ? put_ec_private(writer, key)
                                          : put_raw_private(writer, key);
}

hsm_err hsm_ossl_pkcs8_encode(hsm_key *key, hsm_secret **out_der)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *whole = NULL;

    if (key->set != NULL)
        return hsm_ossl_pqc_pkcs8_encode(key, out_der);
    if (key->group != NULL)
        return hsm_ossl_dh_pkcs8_encode(key, out_der);
    HSM_CHECK(key->native != NULL && key->key_class == CKO_PRIVATE_KEY, HSM_E_KEY_NOT_WRAPPABLE);
    /* n, d, p, q and the three CRT numbers: less than six times the modulus */
    const size_t parts_len = key->curve == NULL ? 6 * (size_t)((key->bits + 7) / 8)
                                                : HSM_EC_POINT_MAX_BYTES + HSM_EC_VALUE_MAX_BYTES;
    HSM_TRY(hsm_secret_create(parts_len + FRAME_MAX_BYTES, &whole));

    hsm_der_writer writer = hsm_der_writer_of(hsm_secret_data(whole), hsm_secret_len(whole));
    HSM_TRY(put_private(&writer, key));
    hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, 0);
    put_algorithm(&writer, key);
    HSM_TRY(hsm_der_end_private_info(&writer, whole));

    *out_der = HSM_MOVE(whole);
    return HSM_OK;
}

/* What a PrivateKeyInfo says before the key itself is read. */
typedef struct private_info {
    CK_KEY_TYPE key_type;
    const hsm_curve *curve;
    const hsm_pqc_set *set;
    hsm_key_parts domain;  /* DH, X9.42: the group */
    hsm_bytes private_key; /* content of the OCTET STRING */
    hsm_bytes public_key;  /* version 2, [1]; empty if there is none */
} private_info;

/* id-ecPublicKey says the curve in its parameters; RFC 8410's OIDs are the curve. */
static hsm_err read_algorithm(hsm_bytes sequence, private_info *info)
{
    hsm_reader reader = hsm_reader_of(sequence);
    const hsm_bytes oid = hsm_der_read_whole(&reader, HSM_DER_OID);

    if (hsm_bytes_equal(oid, hsm_bytes_of(oid_rsa, sizeof oid_rsa))) {
        const hsm_bytes none = hsm_der_read(&reader, HSM_DER_NULL);
        HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
        HSM_CHECK(none.len == 0, HSM_E_WRAPPED_KEY);
        info->key_type = CKK_RSA;
        return HSM_OK;
    }
    if (hsm_bytes_equal(oid, hsm_bytes_of(oid_ec, sizeof oid_ec))) {
        const hsm_bytes named = hsm_der_read_whole(&reader, HSM_DER_OID);
        HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
        info->key_type = CKK_EC;
        return hsm_curve_find(named, CKK_EC, &info->curve);
    }
    const hsm_err err = hsm_ossl_dh_read_algorithm(oid, reader.rest, &info->domain);
    if (err != HSM_E_KEY_TYPE) {
        info->key_type = info->domain.key_type;
        return err;
    }
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    info->set = hsm_pqc_find_oid(oid);
    if (info->set != NULL) {
        info->key_type = info->set->key_type;
        return HSM_OK;
    }
    HSM_CHECK(hsm_curve_find(oid, HSM_KEY_TYPE_NONE, &info->curve) == HSM_OK &&
                  info->curve->key_type != CKK_EC,
              HSM_E_KEY_TYPE);
    info->key_type = info->curve->key_type;
    return HSM_OK;
}

/* PrivateKeyInfo and OneAsymmetricKey, RFC 5958, 2. Attributes are skipped. */
static hsm_err read_info(hsm_bytes der, private_info *info)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes version = hsm_der_read(&reader, HSM_DER_INTEGER);
    const hsm_bytes algorithm = hsm_der_read(&reader, HSM_DER_SEQUENCE);

    info->private_key = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    if (hsm_der_next_is(&reader, HSM_DER_CONTEXT_0))
        (void)hsm_der_read(&reader, HSM_DER_CONTEXT_0);
    if (hsm_der_next_is(&reader, HSM_DER_CONTEXT_1_PRIMITIVE)) {
        const hsm_bytes bits = hsm_der_read(&reader, HSM_DER_CONTEXT_1_PRIMITIVE);
        HSM_CHECK(bits.len > 1 && bits.data[0] == 0, HSM_E_WRAPPED_KEY);
        info->public_key = hsm_bytes_of(bits.data + 1, bits.len - 1);
    }
    HSM_TRY(hsm_reader_end(&outer, HSM_E_WRAPPED_KEY));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    HSM_CHECK(version.len == 1 && version.data[0] == (info->public_key.len > 0 ? 1 : 0),
              HSM_E_WRAPPED_KEY);
    return read_algorithm(algorithm, info);
}

static hsm_err read_rsa(hsm_bytes der, hsm_key_parts *parts)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes version = hsm_der_read_uint(&reader);

    for (size_t i = 0; i < RSA_NUMBER_COUNT; i++) {
        parts->part[rsa_numbers[i].part] = hsm_der_read_uint(&reader);
        HSM_CHECK(parts->part[rsa_numbers[i].part].len > 0, HSM_E_WRAPPED_KEY);
    }
    HSM_TRY(hsm_reader_end(&outer, HSM_E_WRAPPED_KEY));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    HSM_CHECK(version.len == 0, HSM_E_WRAPPED_KEY); /* 1: more than two primes */
    return HSM_OK;
}

/* ECPrivateKey, RFC 5915, 3 */
static hsm_err read_ec(hsm_bytes der, const hsm_curve *curve, hsm_key_parts *parts)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes version = hsm_der_read_uint(&reader);
    hsm_reader inner;

    parts->part[HSM_PART_VALUE] = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    if (hsm_der_next_is(&reader, HSM_DER_CONTEXT_0)) {
        const hsm_bytes named = hsm_der_read(&reader, HSM_DER_CONTEXT_0);
        HSM_CHECK(hsm_bytes_equal(named, curve_oid(curve)), HSM_E_WRAPPED_KEY);
    }
    if (hsm_der_next_is(&reader, HSM_DER_CONTEXT_1)) {
        inner = hsm_reader_of(hsm_der_read(&reader, HSM_DER_CONTEXT_1));
        parts->part[HSM_PART_POINT] = hsm_der_read_bits(&inner);
        HSM_TRY(hsm_reader_end(&inner, HSM_E_WRAPPED_KEY));
    }
    HSM_TRY(hsm_reader_end(&outer, HSM_E_WRAPPED_KEY));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    HSM_CHECK(version.len == 1 && version.data[0] == 1, HSM_E_WRAPPED_KEY);
    HSM_CHECK(parts->part[HSM_PART_VALUE].len == curve->order_bytes, HSM_E_WRAPPED_KEY);
    return HSM_OK;
}

static hsm_err read_raw(hsm_bytes der, const private_info *info, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(der);

    parts->part[HSM_PART_VALUE] = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    parts->part[HSM_PART_POINT] = info->public_key;
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    HSM_CHECK(parts->part[HSM_PART_VALUE].len == info->curve->order_bytes, HSM_E_WRAPPED_KEY);
    return HSM_OK;
}

/* A compressed point says no more than the private value does, from which it is computed. */
static hsm_err check_point(hsm_crypto *crypto, const hsm_curve *curve, hsm_key_parts *parts)
{
    const hsm_bytes given = parts->part[HSM_PART_POINT];
    uint8_t point[HSM_EC_POINT_MAX_BYTES];

    parts->part[HSM_PART_POINT] = hsm_bytes_none();
    if (given.len == 0 || (curve->key_type == CKK_EC && given.len == curve->order_bytes + 1))
        return HSM_OK;
    HSM_TRY(hsm_ossl_ec_public(crypto, curve, parts->part[HSM_PART_VALUE], point));
    HSM_CHECK(hsm_bytes_equal(given, hsm_bytes_of(point, curve->point_bytes)), HSM_E_WRAPPED_KEY);
    return HSM_OK;
}

static hsm_err read_parts(hsm_crypto *crypto, const private_info *info, hsm_key_parts *parts)
{
    if (info->set != NULL) {
        parts->part[HSM_PART_PUBLIC] = info->public_key;
        return hsm_ossl_pqc_read_private(info->set, info->private_key, parts);
    }
    if (info->key_type == CKK_RSA)
        return read_rsa(info->private_key, parts);
    if (hsm_dh_is_type(info->key_type)) {
        parts->part[HSM_PART_PRIME] = info->domain.part[HSM_PART_PRIME];
        parts->part[HSM_PART_BASE] = info->domain.part[HSM_PART_BASE];
        parts->part[HSM_PART_SUBPRIME] = info->domain.part[HSM_PART_SUBPRIME];
        return hsm_ossl_dh_read_private(info->private_key, parts);
    }

    parts->part[HSM_PART_PARAMS] = curve_oid(info->curve);
    if (info->key_type == CKK_EC)
        HSM_TRY(read_ec(info->private_key, info->curve, parts));
    else
        HSM_TRY(read_raw(info->private_key, info, parts));
    return check_point(crypto, info->curve, parts);
}

hsm_err hsm_ossl_pkcs8_decode(hsm_crypto *crypto, hsm_bytes der, CK_KEY_TYPE wanted,
                              hsm_key_bundle *out)
{
    private_info info = { 0 };
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY };

    HSM_TRY(read_info(der, &info));
    HSM_CHECK(wanted == HSM_KEY_TYPE_NONE || info.key_type == wanted, HSM_E_KEY_TYPE);
    parts.key_type = info.key_type;
    HSM_TRY(read_parts(crypto, &info, &parts));

    /* also copies the parts, which still lie in the input, and checks their sizes */
    const hsm_key_ops *ops = hsm_ossl_key_ops(info.key_type);
    HSM_CHECK(ops != NULL, HSM_E_KEY_TYPE);
    const hsm_err err = ops->complete(crypto, &parts, out);
    return err == HSM_E_ATTRIBUTE_VALUE ? HSM_E_WRAPPED_KEY : err;
}

/* RSAPublicKey, RFC 8017, A.1.1 */
static hsm_err read_rsa_public(hsm_bytes der, hsm_key_parts *parts)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));

    for (size_t i = 0; i < RSA_PUBLIC_COUNT; i++)
        parts->part[rsa_numbers[i].part] = hsm_der_read_uint(&reader);
    HSM_TRY(hsm_reader_end(&outer, HSM_E_DATA));
    return hsm_reader_end(&reader, HSM_E_DATA);
}

/* SubjectPublicKeyInfo, RFC 5280, 4.1 */
hsm_err hsm_ossl_spki_decode(hsm_bytes der, hsm_key_parts *out_parts)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes algorithm = hsm_der_read(&reader, HSM_DER_SEQUENCE);
    const hsm_bytes bits = hsm_der_read_bits(&reader);
    hsm_key_parts parts = { .key_class = CKO_PUBLIC_KEY };
    private_info info = { 0 };

    HSM_TRY(hsm_reader_end(&outer, HSM_E_DATA));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_DATA));
    HSM_TRY(read_algorithm(algorithm, &info));
    parts.key_type = info.key_type;
    if (info.set != NULL) {
        parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&info.set->id, sizeof info.set->id);
        parts.part[HSM_PART_PUBLIC] = bits;
    } else if (info.curve != NULL) {
        parts.part[HSM_PART_PARAMS] = curve_oid(info.curve);
        parts.part[HSM_PART_POINT] = bits;
    } else if (info.key_type == CKK_RSA) {
        HSM_TRY(read_rsa_public(bits, &parts));
    } else {
        return HSM_E_KEY_TYPE;
    }
    *out_parts = parts;
    return HSM_OK;
}
