/* SPDX-License-Identifier: Apache-2.0 */
#include "core/older_parts.h"

/* --- types ---------------------------------------------------------------------------------------- */

/* Its own numbers for what had none in the standard. */
static const struct {
    CK_KEY_TYPE theirs;
    CK_KEY_TYPE ours;
} key_types[] = {
    { 0x80000001UL, CKK_ML_KEM },
    { 0x80000002UL, CKK_ML_DSA },
    { 0x80000003UL, CKK_SLH_DSA },
};

/* The parameter sets that it has, by their lengths in bytes. */
static const struct set {
    CK_KEY_TYPE key_type;
    CK_ULONG parameter_set;
    size_t public_bytes;
    size_t secret_bytes; /* as it keeps it */
    bool is_seed;
} sets[] = {
    { CKK_ML_KEM, CKP_ML_KEM_512, 800, 64, true },
    { CKK_ML_KEM, CKP_ML_KEM_768, 1184, 64, true },
    { CKK_ML_KEM, CKP_ML_KEM_1024, 1568, 64, true },
    { CKK_ML_DSA, CKP_ML_DSA_44, 1312, 32, true },
    { CKK_ML_DSA, CKP_ML_DSA_65, 1952, 32, true },
    { CKK_ML_DSA, CKP_ML_DSA_87, 2592, 32, true },
    { CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S, 32, 64, false },
    { CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S, 64, 128, false },
};

static bool is_key(CK_OBJECT_CLASS object_class)
{
    return object_class == CKO_PUBLIC_KEY || object_class == CKO_PRIVATE_KEY ||
           object_class == CKO_SECRET_KEY;
}

static CK_KEY_TYPE our_type(uint64_t theirs)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(key_types); i++) {
        if (key_types[i].theirs == theirs)
            return key_types[i].ours;
    }
    return (CK_KEY_TYPE)theirs;
}

hsm_err hsm_older_find_kind(hsm_older_making *at)
{
    const hsm_older_object *from = at->wish->from;
    CK_ULONG type = CKC_X_509; /* the only certificates that it knows */

    at->object_class = (CK_OBJECT_CLASS)from->number[HSM_OLDER_CLASS];
    at->key_type = HSM_KEY_TYPE_NONE;
    if (is_key(at->object_class)) {
        HSM_CHECK(from->has_number[HSM_OLDER_KEY_TYPE], HSM_E_TEMPLATE_INCOMPLETE);
        at->key_type = our_type(from->number[HSM_OLDER_KEY_TYPE]);
        type = at->key_type;
    }
    HSM_CHECK(is_key(at->object_class) || at->object_class == CKO_DATA ||
                  at->object_class == CKO_CERTIFICATE,
              HSM_E_KEY_TYPE);
    return hsm_kind_of(at->object_class, type, &at->kind) == HSM_OK ? HSM_OK : HSM_E_KEY_TYPE;
}

/* --- parts ---------------------------------------------------------------------------------------- */

static hsm_bytes field(const hsm_older_making *at, hsm_older_bytes which)
{
    return at->wish->from->bytes[which];
}

static void put_if_any(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    if (value.len > 0)
        hsm_older_put(at, type, value);
}

/* Made there, a key is PKCS #8; imported, its numbers are among the attributes. */
static hsm_err put_rsa(hsm_core *core, hsm_older_making *at)
{
    static const struct {
        hsm_part part;
        CK_ATTRIBUTE_TYPE type;
    } parts[] = {
        { HSM_PART_PRIVATE_EXPONENT, CKA_PRIVATE_EXPONENT },
        { HSM_PART_PRIME_1, CKA_PRIME_1 },
        { HSM_PART_PRIME_2, CKA_PRIME_2 },
        { HSM_PART_EXPONENT_1, CKA_EXPONENT_1 },
        { HSM_PART_EXPONENT_2, CKA_EXPONENT_2 },
        { HSM_PART_COEFFICIENT, CKA_COEFFICIENT },
    };
    hsm_bytes modulus = field(at, HSM_OLDER_MODULUS);
    hsm_bytes exponent = field(at, HSM_OLDER_EXPONENT);

    if (at->object_class == CKO_PRIVATE_KEY && field(at, HSM_OLDER_KEY).len > 0) {
        const hsm_err err =
            hsm_key_pkcs8_decode(core->crypto, field(at, HSM_OLDER_KEY), CKK_RSA, &at->bundle);
        HSM_CHECK(err != HSM_E_WRAPPED_KEY && err != HSM_E_DATA, HSM_E_ATTRIBUTE_VALUE);
        HSM_TRY(err);
        for (size_t i = 0; i < HSM_ARRAY_LEN(parts); i++)
            put_if_any(at, parts[i].type, at->bundle.parts.part[parts[i].part]);
        if (modulus.len == 0)
            modulus = at->bundle.parts.part[HSM_PART_MODULUS];
        if (exponent.len == 0)
            exponent = at->bundle.parts.part[HSM_PART_PUBLIC_EXPONENT];
    }
    put_if_any(at, CKA_MODULUS, modulus);
    put_if_any(at, CKA_PUBLIC_EXPONENT, exponent);
    return HSM_OK;
}

static hsm_err put_ec(hsm_older_making *at)
{
    if (!hsm_bytes_equal(at->curve, field(at, HSM_OLDER_EC_PARAMS)))
        hsm_older_tell(at, CKA_EC_PARAMS, "rewritten",
                       "the older system made the key on this curve");
    put_if_any(at, CKA_EC_PARAMS, at->curve);
    put_if_any(at, CKA_EC_POINT, field(at, HSM_OLDER_EC_POINT));
    if (at->object_class == CKO_PRIVATE_KEY)
        put_if_any(at, CKA_VALUE, field(at, HSM_OLDER_KEY));
    return HSM_OK;
}

/* Ed25519 is the only curve that it makes such keys on, and says so nowhere. */
static hsm_err put_edwards(hsm_older_making *at)
{
    static const uint8_t ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
    const hsm_bytes params = field(at, HSM_OLDER_EC_PARAMS);
    const hsm_bytes point = field(at, HSM_OLDER_EC_POINT);

    if (params.len > 0 || at->key_type == CKK_EC_MONTGOMERY) {
        put_if_any(at, CKA_EC_PARAMS, params);
    } else {
        hsm_older_put(at, CKA_EC_PARAMS, hsm_bytes_of(ed25519, sizeof ed25519));
        hsm_older_tell(at, CKA_EC_PARAMS, "added", "the older system does not say the curve");
    }
    put_if_any(at, CKA_EC_POINT, point.len > 0 ? point : field(at, HSM_OLDER_PUBLIC));
    if (at->object_class == CKO_PRIVATE_KEY)
        put_if_any(at, CKA_VALUE, field(at, HSM_OLDER_KEY));
    return HSM_OK;
}

/* The set of a key by its public half; of SLH-DSA also by the private one. */
static const struct set *find_set(const hsm_older_making *at, hsm_bytes public_key)
{
    const hsm_bytes secret = field(at, HSM_OLDER_KEY);

    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        const bool is_public = public_key.len == sets[i].public_bytes;
        const bool is_secret =
            public_key.len == 0 && !sets[i].is_seed && secret.len == sets[i].secret_bytes;

        if (sets[i].key_type == at->key_type && (is_public || is_secret))
            return &sets[i];
    }
    return NULL;
}

static hsm_err put_pqc(hsm_older_making *at)
{
    const hsm_bytes secret = field(at, HSM_OLDER_KEY);
    const bool is_private = at->object_class == CKO_PRIVATE_KEY;
    hsm_bytes public_key = field(at, HSM_OLDER_PUBLIC);

    if (!is_private && public_key.len == 0)
        public_key = secret; /* as an application gave it */
    const struct set *set = find_set(at, public_key);
    HSM_CHECK(set != NULL, HSM_E_PARAMETER_SET);
    HSM_CHECK(!is_private || secret.len == set->secret_bytes, HSM_E_ATTRIBUTE_VALUE);
    hsm_older_put_ulong(at, CKA_PARAMETER_SET, set->parameter_set);
    hsm_older_put(at, is_private && set->is_seed ? CKA_SEED : CKA_VALUE,
                  is_private ? secret : public_key);
    return HSM_OK;
}

static hsm_err put_certificate(hsm_older_making *at)
{
    hsm_older_put_ulong(at, CKA_CERTIFICATE_TYPE, CKC_X_509);
    put_if_any(at, CKA_VALUE, field(at, HSM_OLDER_KEY));
    return HSM_OK;
}

hsm_err hsm_older_put_parts(hsm_core *core, hsm_older_making *at)
{
    if (at->object_class == CKO_CERTIFICATE)
        return put_certificate(at);
    if (is_key(at->object_class))
        hsm_older_put_ulong(at, CKA_KEY_TYPE, at->key_type);
    switch (at->key_type) {
    case CKK_RSA:
        return put_rsa(core, at);
    case CKK_EC:
        return put_ec(at);
    case CKK_EC_EDWARDS:
    case CKK_EC_MONTGOMERY:
        return put_edwards(at);
    case CKK_ML_KEM:
    case CKK_ML_DSA:
    case CKK_SLH_DSA:
        return put_pqc(at);
    default:
        put_if_any(at, CKA_VALUE, field(at, HSM_OLDER_KEY));
        return HSM_OK;
    }
}

/* --- curves --------------------------------------------------------------------------------------- */

static bool has_within(hsm_bytes whole, hsm_bytes part)
{
    for (size_t i = 0; whole.len >= part.len && i <= whole.len - part.len; i++) {
        if (hsm_bytes_equal(hsm_bytes_of(whole.data + i, part.len), part))
            return true;
    }
    return false;
}

hsm_bytes hsm_older_curve(const hsm_older_object *object)
{
    static const uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static const uint8_t p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
    const hsm_bytes large = hsm_bytes_of(p384, sizeof p384);

    if (!object->has_number[HSM_OLDER_KEY_TYPE] || object->number[HSM_OLDER_KEY_TYPE] != CKK_EC)
        return hsm_bytes_none();
    return has_within(object->bytes[HSM_OLDER_EC_PARAMS], large) ? large
                                                                 : hsm_bytes_of(p256, sizeof p256);
}

/* --- halves --------------------------------------------------------------------------------------- */

static bool ends_with(hsm_bytes whole, hsm_bytes end)
{
    return whole.len >= end.len &&
           hsm_bytes_equal(hsm_bytes_of(whole.data + (whole.len - end.len), end.len), end);
}

/* A point may stand in a DER OCTET STRING. */
static hsm_err compare_point(const hsm_older_object *from, const hsm_draft *draft, hsm_bytes spki)
{
    hsm_bytes params = hsm_bytes_none();
    hsm_bytes point = from->bytes[HSM_OLDER_EC_POINT];
    const hsm_curve *curve = NULL;

    if (point.len == 0 || !hsm_draft_get(draft, CKA_EC_PARAMS, &params))
        return HSM_OK;
    HSM_TRY(hsm_curve_find(params, HSM_KEY_TYPE_NONE, &curve));
    HSM_TRY(hsm_curve_point_raw(curve, point, &point));
    HSM_CHECK(ends_with(spki, point), HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

/* Every SubjectPublicKeyInfo but RSA's ends with the public key as it is; an RSA key's numbers are compared
 * when the key is checked. */
hsm_err hsm_older_compare_halves(const hsm_older_object *from, const hsm_draft *draft)
{
    hsm_bytes spki = hsm_bytes_none();

    if (!hsm_draft_get(draft, CKA_PUBLIC_KEY_INFO, &spki) ||
        hsm_draft_ulong(draft, CKA_KEY_TYPE, CKK_RSA) == CKK_RSA)
        return HSM_OK;
    HSM_CHECK(ends_with(spki, from->bytes[HSM_OLDER_PUBLIC]), HSM_E_ATTRIBUTE_VALUE);
    return compare_point(from, draft, spki);
}
