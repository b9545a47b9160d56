/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/der.h"

static const struct {
    const char *label;
    const char *params; /* hex */
    CK_KEY_TYPE key_type;
    hsm_err want;
    const char *curve;
} find_cases[] = {
    { "P-256 by OID", "06082a8648ce3d030107", CKK_EC, HSM_OK, "P-256" },
    { "P-224 by OID", "06052b81040021", CKK_EC, HSM_OK, "P-224" },
    { "P-384 by OID", "06052b81040022", CKK_EC, HSM_OK, "P-384" },
    { "P-521 by OID", "06052b81040023", CKK_EC, HSM_OK, "P-521" },
    { "secp256k1 by OID", "06052b8104000a", CKK_EC, HSM_OK, "secp256k1" },
    { "brainpoolP256r1 by OID", "06092b2403030208010107", CKK_EC, HSM_OK, "brainpoolP256r1" },
    { "brainpoolP384r1 by OID", "06092b240303020801010b", CKK_EC, HSM_OK, "brainpoolP384r1" },
    { "brainpoolP512r1 by OID", "06092b240303020801010d", CKK_EC, HSM_OK, "brainpoolP512r1" },
    { "Ed25519 by OID", "06032b6570", CKK_EC_EDWARDS, HSM_OK, "ED25519" },
    { "Ed25519 by GnuPG's OID", "06092b06010401da470f01", CKK_EC_EDWARDS, HSM_OK, "ED25519" },
    { "Ed448 by OID", "06032b6571", CKK_EC_EDWARDS, HSM_OK, "ED448" },
    { "X25519 by OID", "06032b656e", CKK_EC_MONTGOMERY, HSM_OK, "X25519" },
    { "X25519 by GnuPG's OID", "060a2b060104019755010501", CKK_EC_MONTGOMERY, HSM_OK, "X25519" },
    { "X448 by OID", "06032b656f", CKK_EC_MONTGOMERY, HSM_OK, "X448" },
    { "edwards25519, the standard's example", "130c656477617264733235353139", CKK_EC_EDWARDS,
      HSM_OK, "ED25519" },
    { "edwards448", "130a65647761726473343438", CKK_EC_EDWARDS, HSM_OK, "ED448" },
    { "curve25519", "130a63757276653235353139", CKK_EC_MONTGOMERY, HSM_OK, "X25519" },
    { "curve448", "13086375727665343438", CKK_EC_MONTGOMERY, HSM_OK, "X448" },
    { "secp256r1 by name", "1309736563703235367231", CKK_EC, HSM_OK, "P-256" },
    { "any type will do", "06032b6570", HSM_KEY_TYPE_NONE, HSM_OK, "ED25519" },
    { "Ed25519 is not a CKK_EC curve", "06032b6570", CKK_EC, HSM_E_CURVE, NULL },
    { "P-256 is not Montgomery", "06082a8648ce3d030107", CKK_EC_MONTGOMERY, HSM_E_CURVE, NULL },
    { "a curve we lack (P-192)", "06082a8648ce3d030101", CKK_EC, HSM_E_CURVE, NULL },
    { "a name we lack", "13036e6f70", CKK_EC, HSM_E_CURVE, NULL },
    { "a name that only begins right", "130d65647761726473323535313930", CKK_EC_EDWARDS,
      HSM_E_CURVE, NULL },
    { "nothing", "", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "empty OID", "0600", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "implicitlyCA", "0500", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "explicit parameters", "3003020101", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "cut off", "06082a8648ce3d0301", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "a byte too many", "06082a8648ce3d03010700", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "length not minimal", "0681082a8648ce3d030107", CKK_EC, HSM_E_DOMAIN_PARAMS, NULL },
    { "UTF8String", "0c0c656477617264733235353139", CKK_EC_EDWARDS, HSM_E_DOMAIN_PARAMS, NULL },
};

static void find_takes_oids_and_names(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(find_cases); i++) {
        const hsm_curve *curve = NULL;
        blob params;

        CASE(find_cases[i].label);
        CHECK_ERR(
            hsm_curve_find(unhex(find_cases[i].params, &params), find_cases[i].key_type, &curve),
            find_cases[i].want);
        CHECK_THAT((curve != NULL) == (find_cases[i].want == HSM_OK));
        if (curve != NULL)
            CHECK_STR(curve->name, find_cases[i].curve);
    }
}

static void every_row_is_found_by_its_own_oid_and_name(void)
{
    size_t count = 0;
    const hsm_curve *rows = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        const hsm_curve *found = NULL;
        uint8_t room[64];
        hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

        CASE(rows[i].name);
        CHECK_OK(
            hsm_curve_find(hsm_bytes_of(rows[i].oid, rows[i].oid_len), rows[i].key_type, &found));
        CHECK_THAT(found == &rows[i]);

        hsm_der_put(&writer, hsm_bytes_of_text(rows[i].alias));
        hsm_der_wrap(&writer, HSM_DER_PRINTABLE_STRING, 0);
        CHECK_OK(hsm_curve_find(hsm_der_view(&writer), rows[i].key_type, &found));
        CHECK_THAT(found == &rows[i]);
    }
}

/* A point of the curve's length: raw, and as it is encoded. */
static void check_point_forms(const hsm_curve *curve, uint8_t first, uint8_t second)
{
    blob point = { .len = curve->point_bytes };
    uint8_t room[256];
    hsm_bytes raw;

    memset(point.data, 0x5a, point.len);
    point.data[0] = first;
    point.data[1] = second; /* could be the length of a DER OCTET STRING */
    CHECK_OK(hsm_curve_point_raw(curve, view(&point), &raw));
    CHECK_BYTES(raw.data, raw.len, point.data, point.len);

    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);
    hsm_der_put(&writer, view(&point));
    hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, 0);
    CHECK_OK(hsm_curve_point_raw(curve, hsm_der_view(&writer), &raw));
    CHECK_BYTES(raw.data, raw.len, point.data, point.len);

    writer = hsm_der_writer_of(room, sizeof room);
    hsm_der_put(&writer, view(&point));
    hsm_der_wrap_bits(&writer, 0);
    CHECK_OK(hsm_curve_point_raw(curve, hsm_der_view(&writer), &raw));
    CHECK_BYTES(raw.data, raw.len, point.data, point.len);
}

static void points_are_taken_raw_and_encoded(void)
{
    size_t count = 0;
    const hsm_curve *rows = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        CASE(rows[i].name);
        check_point_forms(&rows[i], 0x04, (uint8_t)(rows[i].point_bytes - 2));
        if (rows[i].key_type != CKK_EC)
            check_point_forms(&rows[i], 0x03, (uint8_t)(rows[i].point_bytes - 2));
    }
}

static const struct {
    const char *label;
    const char *curve;
    size_t len;
    uint8_t head[4];
} bad_points[] = {
    { "nothing", "P-256", 0, { 0 } },
    { "infinity", "P-256", 1, { 0x00 } },
    { "compressed", "P-256", 33, { 0x02 } },
    { "compressed, encoded", "P-256", 35, { 0x04, 0x21, 0x02 } },
    { "hybrid", "P-256", 65, { 0x06 } },
    { "one byte short", "P-256", 64, { 0x04 } },
    { "one byte long", "P-256", 66, { 0x04 } },
    { "length says less than there is", "P-256", 67, { 0x04, 0x40, 0x04 } },
    { "another curve's", "P-384", 65, { 0x04 } },
    { "P-521 with a short length form", "P-521", 135, { 0x04, 0x85, 0x04 } },
    { "Ed25519, one byte short", "ED25519", 31, { 0 } },
    { "Ed25519, encoded, one byte short", "ED25519", 33, { 0x04, 0x1f } },
    { "Ed25519, SEQUENCE", "ED25519", 34, { 0x30, 0x20 } },
    { "bits that are not whole bytes", "ED25519", 35, { 0x03, 0x21, 0x01 } },
};

static void bad_points_are_refused(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(bad_points); i++) {
        uint8_t point[160] = { 0 };
        hsm_bytes raw;

        CASE(bad_points[i].label);
        memcpy(point, bad_points[i].head, sizeof bad_points[i].head);
        CHECK_ERR(hsm_curve_point_raw(curve_named(bad_points[i].curve),
                                      hsm_bytes_of(point, bad_points[i].len), &raw),
                  HSM_E_ATTRIBUTE_VALUE);
    }
}

static const check_test tests[] = {
    CHECK_TEST(find_takes_oids_and_names),
    CHECK_TEST(every_row_is_found_by_its_own_oid_and_name),
    CHECK_TEST(points_are_taken_raw_and_encoded),
    CHECK_TEST(bad_points_are_refused),
};

CHECK_MAIN(tests)
