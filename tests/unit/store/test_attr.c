#include "store/object.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/attr_layout.h"
#include "support/check.h"

#define ALL_KINDS 0x1FFFFu
#define SECRET_FLAGS (HSM_ATTR_NOT_GENERATE | HSM_ATTR_NOT_UNWRAP)

/* Attributes of PKCS#11 v3.2 that belong to no class or key type we have. */
static const char *const absent[] = {
    /* attribute and WTLS certificates */
    "CKA_AC_ISSUER",
    "CKA_OWNER",
    "CKA_ATTR_TYPES",
    /* deprecated since 2.11 */
    "CKA_SECONDARY_AUTH",
    "CKA_AUTH_PIN_FLAGS",
    /* hardware features, CMS */
    "CKA_HW_FEATURE_TYPE",
    "CKA_RESET_ON_INIT",
    "CKA_HAS_RESET",
    "CKA_PIXEL_X",
    "CKA_PIXEL_Y",
    "CKA_RESOLUTION",
    "CKA_CHAR_ROWS",
    "CKA_CHAR_COLUMNS",
    "CKA_COLOR",
    "CKA_BITS_PER_PIXEL",
    "CKA_CHAR_SETS",
    "CKA_ENCODING_METHODS",
    "CKA_MIME_TYPES",
    "CKA_REQUIRED_CMS_ATTRIBUTES",
    "CKA_DEFAULT_CMS_ATTRIBUTES",
    "CKA_SUPPORTED_CMS_ATTRIBUTES",
    /* DH private keys */
    "CKA_VENDOR_DEFINED",
};
static const char *const absent_families[] = {
    "CKA_OTP_",
    "CKA_GOST",
    "CKA_X2RATCHET_",
    "CKA_HSS_",
};

static bool is_absent(const char *name)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(absent); i++) {
        if (strcmp(name, absent[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(absent_families); i++) {
        if (strncmp(name, absent_families[i], strlen(absent_families[i])) == 0)
            return true;
    }
    return false;
}

/* Every CKA_ of the standard's header is in the table or on the list above, never both. */
static void table_is_complete(void)
{
    FILE *header = fopen(STORE_PKCS11_TYPES, "r");
    char line[256];
    char name[128];
    char number[32];
    size_t seen = 0;

    REQUIRE_THAT(header != NULL);
    while (fgets(line, sizeof line, header) != NULL) {
        if (sscanf(line, "#define %127[A-Z0-9_] 0x%31[0-9a-f]", name, number) != 2 ||
            strncmp(name, "CKA_", 4) != 0)
            continue;
        seen++;
        CASE(name);
        CHECK_EQ(hsm_attr_any(strtoul(number, NULL, 16)) != NULL, !is_absent(name));
    }
    (void)fclose(header);
    CASE(NULL);
    CHECK_THAT(seen > 150);
}

static void rows_are_sound(void)
{
    size_t count;
    const hsm_attr_info *table = hsm_attr_table(&count);

    for (size_t i = 0; i < count; i++) {
        const hsm_attr_info *row = &table[i];

        CASE(row->name);
        CHECK_THAT(row->kinds != 0 && (row->kinds & ~ALL_KINDS) == 0);
        CHECK_THAT(i == 0 || row->type >= table[i - 1].type);
        CHECK_THAT(strncmp(row->name, "CKA_", 4) == 0);
        CHECK_EQ(hsm_attr_any(row->type)->kind, row->kind);
        /* Secret parts are never a caller's to give except by C_CreateObject, and have no default. */
        if ((row->flags & HSM_ATTR_SECRET) != 0) {
            CHECK_EQ(row->flags & SECRET_FLAGS, SECRET_FLAGS);
            CHECK_EQ(row->flags & (HSM_ATTR_HAS_DEFAULT | HSM_ATTR_MODIFIABLE | HSM_ATTR_INDEXED),
                     0);
            CHECK_THAT(row->kind == HSM_ATTR_BYTES || row->kind == HSM_ATTR_NUMBER);
        }
        /* What the token computes no caller ever sets or changes. */
        if ((row->flags & HSM_ATTR_COMPUTED) != 0)
            CHECK_EQ(row->flags & ~(unsigned)(HSM_ATTR_HAS_DEFAULT | HSM_ATTR_INDEXED),
                     HSM_ATTR_COMPUTED | HSM_ATTR_NOT_CREATE | SECRET_FLAGS);
        for (size_t j = i + 1; j < count && table[j].type == row->type; j++)
            CHECK_EQ(row->kinds & table[j].kinds, 0);
    }
}

/* The places for lists of attributes are enough for every kind. */
static void kinds_have_few_rows(void)
{
    size_t count;
    const hsm_attr_info *table = hsm_attr_table(&count);

    for (unsigned kind = 1; kind <= ALL_KINDS; kind <<= 1) {
        size_t open = 0;
        size_t secret = 0;

        for (size_t i = 0; i < count; i++) {
            if ((table[i].kinds & kind) != 0)
                (*((table[i].flags & HSM_ATTR_SECRET) != 0 ? &secret : &open))++;
        }
        CHECK_THAT(open + secret <= HSM_OBJECT_ATTRS_MAX);
        CHECK_THAT(secret <= HSM_ARRAY_LEN(((hsm_object_secrets *)NULL)->attrs));
    }
}

static void check_first(const hsm_layout *layout, unsigned place)
{
    const hsm_attr_info *row = hsm_layout_row(layout, place);
    const hsm_extent extent = layout->first_extents[place];
    const uint8_t *value = layout->first_bytes + extent.at;

    CHECK_THAT(extent.at + extent.len <= layout->first_len);
    if (row->kind == HSM_ATTR_BOOL)
        CHECK_THAT(extent.len == 1 && value[0] == row->default_value);
    else if (row->kind == HSM_ATTR_ULONG)
        CHECK_BYTES(value, extent.len, &row->default_value, sizeof row->default_value);
    else
        CHECK_EQ(extent.len, 0);
}

/* A layout says of a kind what the table's rows say. */
static void layouts_are_the_table(void)
{
    size_t count;
    const hsm_attr_info *table = hsm_attr_table(&count);

    for (unsigned kind = 1; kind <= ALL_KINDS; kind <<= 1) {
        const hsm_layout *layout = hsm_layout_of(kind);
        unsigned place = 0;

        CHECK_EQ(layout->kind, kind);
        CHECK_THAT(layout->first_len <= HSM_LAYOUT_FIRST_MAX_BYTES);
        for (size_t i = 0; i < count; i++) {
            if ((table[i].kinds & kind) == 0)
                continue;
            CASE(table[i].name);
            CHECK_THAT(hsm_layout_row(layout, place) == &table[i]);
            CHECK_EQ(hsm_layout_find(layout, table[i].type), place);
            for (unsigned flag = 1; flag <= HSM_ATTR_HAS_DEFAULT; flag <<= 1)
                CHECK_EQ((hsm_layout_with(layout, flag) >> place & 1) != 0,
                         (table[i].flags & flag) != 0);
            check_first(layout, place);
            place++;
        }
        CHECK_EQ(layout->count, place);
        CHECK_EQ(hsm_layout_find(layout, CKA_VENDOR_DEFINED | 1), HSM_PLACE_NONE);
    }
}

static void find_gives_the_row_of_the_kind(void)
{
    size_t count;
    const hsm_attr_info *table = hsm_attr_table(&count);

    for (size_t i = 0; i < count; i++) {
        CASE(table[i].name);
        for (unsigned kind = 1; kind <= ALL_KINDS; kind <<= 1) {
            const hsm_attr_info *found = hsm_attr_find(table[i].type, kind);

            if ((table[i].kinds & kind) != 0)
                CHECK_THAT(found == &table[i]);
            else
                CHECK_THAT(found != &table[i]);
        }
    }
    CHECK_THAT(hsm_attr_any(CKA_VENDOR_DEFINED | 1) == NULL);
    CHECK_THAT(hsm_attr_any(CK_UNAVAILABLE_INFORMATION) == NULL);
    CHECK_THAT(hsm_attr_find(CKA_MODULUS, HSM_KIND_SECRET) == NULL);
}

/* The standard's footnotes, for some rows of every table, written again from its text. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    hsm_object_kind kind;
    unsigned flags;
} notes[] = {
    { CKA_CLASS, HSM_KIND_DATA, HSM_ATTR_MUST_CREATE | HSM_ATTR_MUST_UNWRAP | HSM_ATTR_INDEXED },
    { CKA_LABEL, HSM_KIND_PROFILE, HSM_ATTR_HAS_DEFAULT | HSM_ATTR_MODIFIABLE | HSM_ATTR_INDEXED },
    { CKA_SUBJECT, HSM_KIND_CERTIFICATE, HSM_ATTR_MUST_CREATE | HSM_ATTR_INDEXED },
    { CKA_MODULUS_BITS, HSM_KIND_RSA_PUBLIC, HSM_ATTR_NOT_CREATE | HSM_ATTR_MUST_GENERATE },
    { CKA_PUBLIC_EXPONENT, HSM_KIND_RSA_PUBLIC, HSM_ATTR_MUST_CREATE },
    { CKA_PRIME_1, HSM_KIND_RSA_PRIVATE, SECRET_FLAGS | HSM_ATTR_SECRET },
    { CKA_EC_PARAMS, HSM_KIND_EC_PUBLIC, HSM_ATTR_MUST_CREATE | HSM_ATTR_MUST_GENERATE },
    { CKA_EC_PARAMS, HSM_KIND_EC_PRIVATE, HSM_ATTR_MUST_CREATE | SECRET_FLAGS },
    { CKA_VALUE, HSM_KIND_SECRET, HSM_ATTR_MUST_CREATE | SECRET_FLAGS | HSM_ATTR_SECRET },
    { CKA_VALUE_LEN, HSM_KIND_SECRET, HSM_ATTR_NOT_CREATE | HSM_ATTR_MUST_GENERATE },
    { CKA_SENSITIVE, HSM_KIND_SECRET,
      HSM_ATTR_HAS_DEFAULT | HSM_ATTR_MODIFIABLE | HSM_ATTR_STICKY_TRUE },
    { CKA_EXTRACTABLE, HSM_KIND_EC_PRIVATE,
      HSM_ATTR_HAS_DEFAULT | HSM_ATTR_MODIFIABLE | HSM_ATTR_STICKY_FALSE },
    { CKA_TRUSTED, HSM_KIND_SECRET, HSM_ATTR_HAS_DEFAULT | HSM_ATTR_SO_ONLY_TRUE },
    { CKA_WRAP_WITH_TRUSTED, HSM_KIND_RSA_PRIVATE, HSM_ATTR_HAS_DEFAULT | HSM_ATTR_STICKY_TRUE },
    { CKA_TOKEN, HSM_KIND_SECRET, HSM_ATTR_HAS_DEFAULT | HSM_ATTR_COPY_CHANGE | HSM_ATTR_INDEXED },
    { CKA_DESTROYABLE, HSM_KIND_DATA, HSM_ATTR_HAS_DEFAULT | HSM_ATTR_COPY_CHANGE },
    { CKA_BASE, HSM_KIND_DOMAIN, HSM_ATTR_MUST_CREATE | HSM_ATTR_NOT_GENERATE },
};

static void rows_have_the_standards_footnotes(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(notes); i++) {
        const hsm_attr_info *row = hsm_attr_find(notes[i].type, notes[i].kind);

        REQUIRE_THAT(row != NULL);
        CASE(row->name);
        CHECK_EQ(row->flags, notes[i].flags);
    }
}

static const struct {
    const char *label;
    CK_OBJECT_CLASS object_class;
    CK_ULONG type;
    hsm_err want;
    hsm_object_kind kind;
} kind_cases[] = {
    { "data", CKO_DATA, 0, HSM_OK, HSM_KIND_DATA },
    { "X.509", CKO_CERTIFICATE, CKC_X_509, HSM_OK, HSM_KIND_CERTIFICATE },
    { "WTLS", CKO_CERTIFICATE, CKC_WTLS, HSM_E_ATTRIBUTE_VALUE, 0 },
    { "Edwards public", CKO_PUBLIC_KEY, CKK_EC_EDWARDS, HSM_OK, HSM_KIND_EC_PUBLIC },
    { "RSA private", CKO_PRIVATE_KEY, CKK_RSA, HSM_OK, HSM_KIND_RSA_PRIVATE },
    { "ML-DSA public", CKO_PUBLIC_KEY, CKK_ML_DSA, HSM_OK, HSM_KIND_PQC_PUBLIC },
    { "ML-KEM private", CKO_PRIVATE_KEY, CKK_ML_KEM, HSM_OK, HSM_KIND_LATTICE_PRIVATE },
    { "SLH-DSA private", CKO_PRIVATE_KEY, CKK_SLH_DSA, HSM_OK, HSM_KIND_SLH_PRIVATE },
    { "HMAC", CKO_SECRET_KEY, CKK_SHA3_512_HMAC, HSM_OK, HSM_KIND_SECRET },
    { "RSA is no secret key", CKO_SECRET_KEY, CKK_RSA, HSM_E_ATTRIBUTE_VALUE, 0 },
    { "AES is no private key", CKO_PRIVATE_KEY, CKK_AES, HSM_E_ATTRIBUTE_VALUE, 0 },
    { "DH parameters", CKO_DOMAIN_PARAMETERS, CKK_DH, HSM_OK, HSM_KIND_DOMAIN },
    { "profile", CKO_PROFILE, 0, HSM_OK, HSM_KIND_PROFILE },
    { "mechanism", CKO_MECHANISM, 0, HSM_OK, HSM_KIND_MECHANISM },
    { "trust", CKO_TRUST, 0, HSM_OK, HSM_KIND_TRUST },
    { "validation", CKO_VALIDATION, 0, HSM_OK, HSM_KIND_VALIDATION },
    { "clock", CKO_HW_FEATURE, 0, HSM_E_ATTRIBUTE_VALUE, 0 },
    { "unknown", CKO_VENDOR_DEFINED | 1, 0, HSM_E_ATTRIBUTE_VALUE, 0 },
};

static void kind_cases_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(kind_cases); i++) {
        hsm_object_kind kind = 0;

        CASE(kind_cases[i].label);
        CHECK_ERR(hsm_kind_of(kind_cases[i].object_class, kind_cases[i].type, &kind),
                  kind_cases[i].want);
        CHECK_EQ(kind, kind_cases[i].kind);
    }
}

static const uint8_t big[HSM_ATTR_MAX_DATA_BYTES + 1];
#define TEXT_VALUE(text) text, sizeof text - 1

static const struct {
    const char *label;
    CK_ATTRIBUTE_TYPE type;
    const void *value;
    size_t len;
    hsm_err want;
} form_cases[] = {
    { "true", CKA_TOKEN, "\x01", 1, HSM_OK },
    { "false", CKA_TOKEN, "\x00", 1, HSM_OK },
    { "2 is no bool", CKA_TOKEN, "\x02", 1, HSM_E_ATTRIBUTE_VALUE },
    { "empty bool", CKA_TOKEN, "", 0, HSM_E_ATTRIBUTE_VALUE },
    { "long bool", CKA_TOKEN, "\x01\x00", 2, HSM_E_ATTRIBUTE_VALUE },
    { "ulong", CKA_CLASS, big, sizeof(CK_ULONG), HSM_OK },
    { "short ulong", CKA_CLASS, big, sizeof(CK_ULONG) - 1, HSM_E_ATTRIBUTE_VALUE },
    { "long ulong", CKA_CLASS, big, sizeof(CK_ULONG) + 1, HSM_E_ATTRIBUTE_VALUE },
    { "empty date", CKA_START_DATE, "", 0, HSM_OK },
    { "date", CKA_START_DATE, TEXT_VALUE("20240229"), HSM_OK },
    { "short date", CKA_START_DATE, TEXT_VALUE("2024022"), HSM_E_ATTRIBUTE_VALUE },
    { "month 13", CKA_START_DATE, TEXT_VALUE("20241301"), HSM_E_ATTRIBUTE_VALUE },
    { "month 0", CKA_START_DATE, TEXT_VALUE("20240001"), HSM_E_ATTRIBUTE_VALUE },
    { "day 32", CKA_END_DATE, TEXT_VALUE("20240132"), HSM_E_ATTRIBUTE_VALUE },
    { "day 0", CKA_END_DATE, TEXT_VALUE("20240100"), HSM_E_ATTRIBUTE_VALUE },
    { "letters", CKA_END_DATE, TEXT_VALUE("2024o101"), HSM_E_ATTRIBUTE_VALUE },
    { "empty label", CKA_LABEL, "", 0, HSM_OK },
    { "UTF-8 of each length", CKA_LABEL, TEXT_VALUE("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\x91"),
      HSM_OK },
    { "Latin-1", CKA_LABEL, TEXT_VALUE("a\xE4"), HSM_E_ATTRIBUTE_VALUE },
    { "stray continuation", CKA_LABEL, TEXT_VALUE("\x80"), HSM_E_ATTRIBUTE_VALUE },
    { "overlong", CKA_LABEL, TEXT_VALUE("\xC0\x80"), HSM_E_ATTRIBUTE_VALUE },
    { "surrogate", CKA_LABEL, TEXT_VALUE("\xED\xA0\x80"), HSM_E_ATTRIBUTE_VALUE },
    { "beyond Unicode", CKA_LABEL, TEXT_VALUE("\xF4\x90\x80\x80"), HSM_E_ATTRIBUTE_VALUE },
    { "cut off", CKA_LABEL, TEXT_VALUE("\xE2\x82"), HSM_E_ATTRIBUTE_VALUE },
    { "no mechanisms", CKA_ALLOWED_MECHANISMS, "", 0, HSM_OK },
    { "two mechanisms", CKA_ALLOWED_MECHANISMS, big, 2 * sizeof(CK_ULONG), HSM_OK },
    { "half a mechanism", CKA_ALLOWED_MECHANISMS, big, 4 + 8, HSM_E_ATTRIBUTE_VALUE },
    { "check value", CKA_CHECK_VALUE, "abc", 3, HSM_OK },
    { "no check value", CKA_CHECK_VALUE, "", 0, HSM_OK },
    { "long check value", CKA_CHECK_VALUE, "abcd", 4, HSM_E_ATTRIBUTE_VALUE },
    { "the longest id", CKA_ID, big, HSM_ATTR_MAX_BYTES, HSM_OK },
    { "one byte more", CKA_ID, big, HSM_ATTR_MAX_BYTES + 1, HSM_E_ATTRIBUTE_VALUE },
    { "the longest value", CKA_VALUE, big, HSM_ATTR_MAX_DATA_BYTES, HSM_OK },
    { "one byte more", CKA_VALUE, big, HSM_ATTR_MAX_DATA_BYTES + 1, HSM_E_ATTRIBUTE_VALUE },
    { "NULL with a length", CKA_ID, NULL, 1, HSM_E_ATTRIBUTE_VALUE },
    { "not a template", CKA_WRAP_TEMPLATE, "\x00\x01", 2, HSM_E_ATTRIBUTE_VALUE },
    { "unknown", CKA_VENDOR_DEFINED | 1, "", 0, HSM_E_ATTRIBUTE_TYPE },
};

static void form_cases_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(form_cases); i++) {
        const hsm_attr attr = { form_cases[i].type,
                                hsm_bytes_of(form_cases[i].value, form_cases[i].len) };

        if (sizeof(CK_ULONG) == 4 && form_cases[i].len == 12)
            continue; /* three mechanisms there */
        CASE(form_cases[i].label);
        CHECK_ERR(hsm_attr_check(&attr), form_cases[i].want);
    }
}

static const check_test tests[] = {
    CHECK_TEST(table_is_complete),
    CHECK_TEST(rows_are_sound),
    CHECK_TEST(kinds_have_few_rows),
    CHECK_TEST(layouts_are_the_table),
    CHECK_TEST(find_gives_the_row_of_the_kind),
    CHECK_TEST(rows_have_the_standards_footnotes),
    CHECK_TEST(kind_cases_hold),
    CHECK_TEST(form_cases_hold),
};
CHECK_MAIN(tests)
