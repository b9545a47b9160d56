/* The table of curves and what clients write into CKA_EC_PARAMS and CKA_EC_POINT.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "crypto/der.h"
#include "crypto/key.h"

enum {
    P224,
    P256,
    P384,
    P521,
    SECP256K1,
    BRAINPOOL_P256R1,
    BRAINPOOL_P384R1,
    BRAINPOOL_P512R1,
    ED25519,
    ED448,
    X25519,
    X448,
    CURVE_COUNT,
};

/* Uncompressed (SEC 1, 2.3.3): 04, x, y. */
#define EC_ROW(openssl, other, field_bits, field_bytes)                            \
    .name = (openssl), .alias = (other), .key_type = CKK_EC, .bits = (field_bits), \
    .order_bytes = (field_bytes), .point_bytes = 2 * (field_bytes) + 1

static const hsm_curve curves[CURVE_COUNT] = {
    [P224] = { EC_ROW("P-224", "secp224r1", 224, 28),
               .oid = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21 }, .oid_len = 7 },
    [P256] = { EC_ROW("P-256", "secp256r1", 256, 32),
               .oid = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 },
               .oid_len = 10 },
    [P384] = { EC_ROW("P-384", "secp384r1", 384, 48),
               .oid = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 }, .oid_len = 7 },
    [P521] = { EC_ROW("P-521", "secp521r1", 521, 66),
               .oid = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 }, .oid_len = 7 },
    [SECP256K1] = { EC_ROW("secp256k1", "secp256k1", 256, 32),
                    .oid = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a }, .oid_len = 7 },
    [BRAINPOOL_P256R1] = { EC_ROW("brainpoolP256r1", "brainpoolP256r1", 256, 32),
                           .oid = { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01,
                                    0x07 },
                           .oid_len = 11 },
    [BRAINPOOL_P384R1] = { EC_ROW("brainpoolP384r1", "brainpoolP384r1", 384, 48),
                           .oid = { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01,
                                    0x0b },
                           .oid_len = 11 },
    [BRAINPOOL_P512R1] = { EC_ROW("brainpoolP512r1", "brainpoolP512r1", 512, 64),
                           .oid = { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01,
                                    0x0d },
                           .oid_len = 11 },
    /* RFC 8410, 3 */
    [ED25519] = { .name = "ED25519",
                  .alias = "edwards25519",
                  .key_type = CKK_EC_EDWARDS,
                  .bits = 255,
                  .order_bytes = 32,
                  .point_bytes = 32,
                  .oid = { 0x06, 0x03, 0x2b, 0x65, 0x70 },
                  .oid_len = 5 },
    [ED448] = { .name = "ED448",
                .alias = "edwards448",
                .key_type = CKK_EC_EDWARDS,
                .bits = 448,
                .order_bytes = 57,
                .point_bytes = 57,
                .oid = { 0x06, 0x03, 0x2b, 0x65, 0x71 },
                .oid_len = 5 },
    [X25519] = { .name = "X25519",
                 .alias = "curve25519",
                 .key_type = CKK_EC_MONTGOMERY,
                 .bits = 255,
                 .order_bytes = 32,
                 .point_bytes = 32,
                 .oid = { 0x06, 0x03, 0x2b, 0x65, 0x6e },
                 .oid_len = 5 },
    [X448] = { .name = "X448",
               .alias = "curve448",
               .key_type = CKK_EC_MONTGOMERY,
               .bits = 448,
               .order_bytes = 56,
               .point_bytes = 56,
               .oid = { 0x06, 0x03, 0x2b, 0x65, 0x6f },
               .oid_len = 5 },
};

/* Names that clients use besides hsm_curve.alias. */
static const struct {
    const char *name;
    int curve;
} other_names[] = {
    { "P-224", P224 },       { "P-256", P256 },         { "P-384", P384 },
    { "P-521", P521 },       { "prime256v1", P256 },    { "Ed25519", ED25519 },
    { "ED25519", ED25519 },  { "id-Ed25519", ED25519 }, { "Ed448", ED448 },
    { "ED448", ED448 },      { "id-Ed448", ED448 },     { "X25519", X25519 },
    { "id-X25519", X25519 }, { "X448", X448 },          { "id-X448", X448 },
};

/* OIDs from before RFC 8410 that OpenSC and GnuPG still send. */
static const struct {
    uint8_t oid[12];
    uint8_t oid_len;
    int curve;
} other_oids[] = {
    /* 1.3.6.1.4.1.11591.15.1 */
    { { 0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01 }, 11, ED25519 },
    /* 1.3.6.1.4.1.3029.1.5.1 */
    { { 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01 }, 12, X25519 },
};

const hsm_curve *hsm_curve_table(size_t *out_count)
{
    *out_count = CURVE_COUNT;
    return curves;
}

static const hsm_curve *find_oid(hsm_bytes der)
{
    for (size_t i = 0; i < CURVE_COUNT; i++) {
        if (hsm_bytes_equal(hsm_bytes_of(curves[i].oid, curves[i].oid_len), der))
            return &curves[i];
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(other_oids); i++) {
        if (hsm_bytes_equal(hsm_bytes_of(other_oids[i].oid, other_oids[i].oid_len), der))
            return &curves[other_oids[i].curve];
    }
    return NULL;
}

static const hsm_curve *find_name(hsm_bytes name)
{
    for (size_t i = 0; i < CURVE_COUNT; i++) {
        if (hsm_bytes_equal(hsm_bytes_of_text(curves[i].alias), name))
            return &curves[i];
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(other_names); i++) {
        if (hsm_bytes_equal(hsm_bytes_of_text(other_names[i].name), name))
            return &curves[other_names[i].curve];
    }
    return NULL;
}

hsm_err hsm_curve_find(hsm_bytes ec_params, CK_KEY_TYPE key_type, const hsm_curve **out_curve)
{
    hsm_reader reader = hsm_reader_of(ec_params);
    const bool is_oid = hsm_der_next_is(&reader, HSM_DER_OID);
    const hsm_bytes content =
        hsm_der_read(&reader, is_oid ? HSM_DER_OID : HSM_DER_PRINTABLE_STRING);

    HSM_TRY(hsm_reader_end(&reader, HSM_E_DOMAIN_PARAMS));
    HSM_CHECK(content.len > 0, HSM_E_DOMAIN_PARAMS);

    const hsm_curve *curve = is_oid ? find_oid(ec_params) : find_name(content);
    HSM_CHECK(curve != NULL, HSM_E_CURVE);
    HSM_CHECK(key_type == HSM_KEY_TYPE_NONE || curve->key_type == key_type, HSM_E_CURVE);

    *out_curve = curve;
    return HSM_OK;
}

/* The two encodings differ in length, so a raw point whose first bytes look like DER is still told
 * apart: DER adds 2 or 3 bytes to the one length that is right. */
hsm_err hsm_curve_point_raw(const hsm_curve *curve, hsm_bytes ec_point, hsm_bytes *out_raw)
{
    hsm_bytes raw = ec_point;

    if (ec_point.len != curve->point_bytes) {
        hsm_reader reader = hsm_reader_of(ec_point);
        raw = hsm_der_next_is(&reader, HSM_DER_BIT_STRING)
                  ? hsm_der_read_bits(&reader)
                  : hsm_der_read(&reader, HSM_DER_OCTET_STRING);
        HSM_TRY(hsm_reader_end(&reader, HSM_E_ATTRIBUTE_VALUE));
        HSM_CHECK(raw.len == curve->point_bytes, HSM_E_ATTRIBUTE_VALUE);
    }
    HSM_CHECK(curve->key_type != CKK_EC || raw.data[0] == 0x04, HSM_E_ATTRIBUTE_VALUE);

    *out_raw = raw;
    return HSM_OK;
}
