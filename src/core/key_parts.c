/* Key objects and parsed keys: which attribute is which part, and what follows from a key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/break.h"
#include "base/codec.h"
#include "core/internal.h"
#include "crypto/number.h"

/* Where the parts of a key lie among an object's attributes. */
static const struct {
    hsm_part part;
    CK_ATTRIBUTE_TYPE attr;
    hsm_kind_set kinds;
} part_attrs[] = {
    { HSM_PART_VALUE, CKA_VALUE, HSM_KIND_SECRET | HSM_KIND_EC_PRIVATE },
    { HSM_PART_PARAMS, CKA_EC_PARAMS, HSM_KIND_EC_PUBLIC | HSM_KIND_EC_PRIVATE },
    { HSM_PART_POINT, CKA_EC_POINT, HSM_KIND_EC_PUBLIC },
    { HSM_PART_MODULUS, CKA_MODULUS, HSM_KIND_RSA_PUBLIC | HSM_KIND_RSA_PRIVATE },
    { HSM_PART_PUBLIC_EXPONENT, CKA_PUBLIC_EXPONENT, HSM_KIND_RSA_PUBLIC | HSM_KIND_RSA_PRIVATE },
    { HSM_PART_PRIVATE_EXPONENT, CKA_PRIVATE_EXPONENT, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_PRIME_1, CKA_PRIME_1, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_PRIME_2, CKA_PRIME_2, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_EXPONENT_1, CKA_EXPONENT_1, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_EXPONENT_2, CKA_EXPONENT_2, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_COEFFICIENT, CKA_COEFFICIENT, HSM_KIND_RSA_PRIVATE },
    { HSM_PART_PARAMETER_SET, CKA_PARAMETER_SET,
      HSM_KIND_PQC_PUBLIC | HSM_KIND_LATTICE_PRIVATE | HSM_KIND_SLH_PRIVATE },
    { HSM_PART_PUBLIC, CKA_VALUE, HSM_KIND_PQC_PUBLIC | HSM_KIND_DH_PUBLIC },
    { HSM_PART_VALUE, CKA_VALUE,
      HSM_KIND_LATTICE_PRIVATE | HSM_KIND_SLH_PRIVATE | HSM_KIND_DH_PRIVATE },
    { HSM_PART_SEED, CKA_SEED, HSM_KIND_LATTICE_PRIVATE },
    { HSM_PART_PRIME, CKA_PRIME, HSM_KIND_DH_PUBLIC | HSM_KIND_DH_PRIVATE },
    { HSM_PART_BASE, CKA_BASE, HSM_KIND_DH_PUBLIC | HSM_KIND_DH_PRIVATE },
    { HSM_PART_SUBPRIME, CKA_SUBPRIME, HSM_KIND_DH_PUBLIC | HSM_KIND_DH_PRIVATE },
};

/* Elliptic curve points are kept as the standard gives them back: a DER OCTET STRING for the
 * Weierstrass curves, raw for Edwards and Montgomery. Parts are always raw. */
static hsm_err point_part(hsm_key_parts *parts)
{
    const hsm_curve *curve = NULL;
    hsm_bytes *point = &parts->part[HSM_PART_POINT];

    if (point->len == 0)
        return HSM_OK;
    HSM_TRY(hsm_curve_find(parts->part[HSM_PART_PARAMS], parts->key_type, &curve));
    return hsm_curve_point_raw(curve, *point, point);
}

typedef bool (*value_getter)(const void *from, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value);

static hsm_err collect_parts(hsm_object_kind kind, value_getter get, const void *from,
                             hsm_key_parts *parts)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(part_attrs); i++) {
        hsm_bytes value;

        if ((part_attrs[i].kinds & kind) != 0 && get(from, part_attrs[i].attr, &value))
            parts->part[part_attrs[i].part] = value;
    }
    return point_part(parts);
}

static bool draft_value(const void *from, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    return hsm_draft_get(from, type, out_value);
}

hsm_err hsm_core_draft_parts(const hsm_draft *draft, hsm_key_parts *out_parts)
{
    hsm_key_parts parts = {
        .key_class = hsm_draft_ulong(draft, CKA_CLASS, CK_UNAVAILABLE_INFORMATION),
        .key_type = hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE),
    };

    HSM_TRY(collect_parts(hsm_draft_kind(draft), draft_value, draft, &parts));
    *out_parts = parts;
    return HSM_OK;
}

/* An object with its secrets open. */
typedef struct open_object {
    const hsm_object *object;
    const hsm_object_secrets *secrets;
} open_object;

static bool object_value(const void *from, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    const open_object *open = from;
    const hsm_template secrets = { open->secrets->attrs, open->secrets->attr_count };

    if (hsm_object_get(open->object, type, out_value))
        return true;
    const hsm_attr *secret = hsm_template_get(&secrets, type);
    if (secret == NULL)
        return false;
    *out_value = secret->value;
    return true;
}

/* Parsing an EC private value computes its public half anew. Of a pair made here, that must be the one
 * that was given out when it was made (pairwise consistency; crypto/key.h, HSM_PAIR_TEST_ON_USE). */
static hsm_err compare_halves(hsm_core *core, const hsm_object *object, hsm_key *key)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf computed = { 0 };
    const hsm_bytes given = hsm_object_value(object, CKA_PUBLIC_KEY_INFO);

    if (object->object_class != CKO_PRIVATE_KEY || object->key_type != CKK_EC || given.len == 0 ||
        !hsm_object_bool(object, CKA_LOCAL, false))
        return HSM_OK;
    HSM_TRY(hsm_key_spki(key, &computed));
    if (!hsm_bytes_equal(hsm_buf_view(&computed), given) || hsm_break("pair-ec-session"))
        return hsm_crypto_fail(core->crypto, "pairwise consistency of a key pair");
    return HSM_OK;
}

static hsm_err parse(hsm_core *core, const hsm_object *object, hsm_key **out_key)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts = { .key_class = object->object_class, .key_type = object->key_type };

    HSM_TRY(hsm_object_open_secrets(object, hsm_core_serial(core, object->slot), &secrets));
    const open_object open = { .object = object, .secrets = &secrets };
    HSM_TRY(collect_parts(object->kind, object_value, &open, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key));
    HSM_TRY(compare_halves(core, object, key));
    *out_key = HSM_MOVE(key);
    return HSM_OK;
}

hsm_err hsm_core_whole_parts(hsm_core *core, const hsm_object *object, hsm_key_bundle *out_bundle)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    hsm_key_parts parts = { .key_class = object->object_class, .key_type = object->key_type };

    HSM_TRY(hsm_object_open_secrets(object, hsm_core_serial(core, object->slot), &secrets));
    const open_object open = { .object = object, .secrets = &secrets };
    HSM_TRY(collect_parts(object->kind, object_value, &open, &parts));
    return hsm_key_complete(core->crypto, &parts, out_bundle);
}

hsm_err hsm_core_key(hsm_core *core, hsm_object *object, hsm_key **out_key)
{
    hsm_key *key = atomic_load_explicit(&object->key, memory_order_acquire);

    if (key == NULL) {
        HSM_AUTO(hsm_key_drop) hsm_key *made = NULL;

        HSM_CHECK(object->key_type != HSM_KEY_TYPE_NONE, HSM_E_KEY_TYPE);
        HSM_TRY(parse(core, object, &made));
        /* Two sessions may come here at once: the first one's key stays, ours is dropped. */
        if (atomic_compare_exchange_strong(&object->key, &key, made))
            key = HSM_MOVE(made);
    }
    *out_key = key;
    return HSM_OK;
}

/* DER OCTET STRING around a Weierstrass point of at most 255 bytes. */
static hsm_err put_point(hsm_draft *draft, const hsm_key_parts *parts)
{
    const hsm_bytes point = parts->part[HSM_PART_POINT];
    uint8_t der[3 + 255];
    hsm_writer writer = hsm_writer_of(der, sizeof der);

    if (parts->key_type != CKK_EC)
        return hsm_draft_put(draft, CKA_EC_POINT, point);
    HSM_CHECK(point.len <= 255, HSM_E_CURVE);
    hsm_write_u8(&writer, 0x04);
    if (point.len >= 128)
        hsm_write_u8(&writer, 0x81);
    hsm_write_u8(&writer, (uint8_t)point.len);
    hsm_write_raw(&writer, point);
    HSM_TRY(hsm_writer_end(&writer));
    return hsm_draft_put(draft, CKA_EC_POINT, hsm_bytes_of(der, writer.len));
}

/* PKCS#11 v3.2, 6.4: a length that the caller did not ask for is what came out. */
static hsm_err put_value_bits(hsm_draft *draft, const hsm_key_parts *parts)
{
    hsm_bytes given;

    if (parts->key_type != CKK_DH || hsm_draft_kind(draft) != HSM_KIND_DH_PRIVATE ||
        hsm_draft_get(draft, CKA_VALUE_BITS, &given))
        return HSM_OK;
    return hsm_draft_put_ulong(draft, CKA_VALUE_BITS, hsm_number_bits(parts->part[HSM_PART_VALUE]));
}

hsm_err hsm_core_put_parts(hsm_draft *draft, const hsm_key_parts *parts)
{
    const hsm_object_kind kind = hsm_draft_kind(draft);

    for (size_t i = 0; i < HSM_ARRAY_LEN(part_attrs); i++) {
        const hsm_bytes value = parts->part[part_attrs[i].part];

        if ((part_attrs[i].kinds & kind) == 0 || value.len == 0)
            continue;
        if (part_attrs[i].part == HSM_PART_POINT)
            HSM_TRY(put_point(draft, parts));
        else
            HSM_TRY(hsm_draft_put(draft, part_attrs[i].attr, value));
    }
    return put_value_bits(draft, parts);
}

hsm_err hsm_core_put_domain(hsm_draft *draft)
{
    static const struct {
        CK_ATTRIBUTE_TYPE number;
        CK_ATTRIBUTE_TYPE bits;
    } lengths[] = { { CKA_PRIME, CKA_PRIME_BITS }, { CKA_SUBPRIME, CKA_SUBPRIME_BITS } };
    hsm_bytes number;

    for (size_t i = 0; i < HSM_ARRAY_LEN(lengths); i++) {
        if (hsm_draft_get(draft, lengths[i].number, &number))
            HSM_TRY(hsm_draft_put_ulong(draft, lengths[i].bits, hsm_number_bits(number)));
    }
    return HSM_OK;
}

static hsm_err put_secret_derived(hsm_core *core, hsm_draft *draft, const hsm_key_parts *parts)
{
    const hsm_bytes value = parts->part[HSM_PART_VALUE];
    uint8_t check_value[HSM_CHECK_VALUE_BYTES];
    hsm_bytes given;
    const bool is_given = hsm_draft_get(draft, CKA_CHECK_VALUE, &given);

    HSM_TRY(hsm_draft_put_ulong(draft, CKA_VALUE_LEN, value.len));
    if (!is_given && !hsm_draft_bool(draft, CKA_TOKEN, false))
        return HSM_OK; /* hsm_object_owes() */
    HSM_TRY(hsm_key_check_value(core->crypto, parts->key_type, value, check_value));
    /* A caller may bring the check value and must then bring the right one, or an empty one to
     * have none (PKCS#11 v3.2, 4.10.2). */
    if (is_given) {
        HSM_CHECK(given.len == 0 ||
                      hsm_bytes_equal(given, hsm_bytes_of(check_value, sizeof check_value)),
                  HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    }
    return hsm_draft_put(draft, CKA_CHECK_VALUE, hsm_bytes_of(check_value, sizeof check_value));
}

hsm_err hsm_core_complete_secret(hsm_core *core, hsm_draft *draft)
{
    hsm_key_parts parts = {
        .key_class = CKO_SECRET_KEY,
        .key_type = hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE),
    };

    HSM_CHECK(hsm_draft_kind(draft) == HSM_KIND_SECRET, HSM_E_KEY_TYPE);
    (void)hsm_draft_get(draft, CKA_VALUE,
                        &parts.part[HSM_PART_VALUE]); /* a secret key's one part */
    HSM_TRY(hsm_key_check_secret(core->crypto, &parts));
    return put_secret_derived(core, draft, &parts);
}

static hsm_err put_public_info(hsm_draft *draft, hsm_key *key)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf spki = { 0 };
    hsm_bytes given;

    HSM_TRY(hsm_key_spki(key, &spki));
    if (hsm_draft_get(draft, CKA_PUBLIC_KEY_INFO, &given) && given.len > 0)
        HSM_CHECK(hsm_bytes_equal(given, hsm_buf_view(&spki)), HSM_E_ATTRIBUTE_VALUE);
    return hsm_draft_put(draft, CKA_PUBLIC_KEY_INFO, hsm_buf_view(&spki));
}

hsm_err hsm_core_put_derived(hsm_core *core, hsm_draft *draft, hsm_key *known)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_bytes modulus = hsm_bytes_none();
    hsm_key_parts parts;

    if (hsm_draft_kind(draft) == HSM_KIND_SECRET)
        return hsm_core_complete_secret(core, draft);
    if (hsm_draft_kind(draft) == HSM_KIND_RSA_PUBLIC) {
        (void)hsm_draft_get(draft, CKA_MODULUS, &modulus);
        HSM_TRY(hsm_draft_put_ulong(draft, CKA_MODULUS_BITS, hsm_number_bits(modulus)));
    }
    if (known != NULL)
        return put_public_info(draft, known);
    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key));
    return put_public_info(draft, key);
}

hsm_err hsm_core_check_public_info(hsm_core *core, hsm_draft *draft, const hsm_template *changes)
{
    const hsm_attr *given = hsm_template_get(changes, CKA_PUBLIC_KEY_INFO);

    if (given == NULL || given->value.len == 0 ||
        hsm_draft_ulong(draft, CKA_CLASS, CKO_PUBLIC_KEY) != CKO_PRIVATE_KEY)
        return HSM_OK;
    return hsm_core_put_derived(core, draft, NULL);
}

hsm_err hsm_core_put_provenance(hsm_draft *draft, const hsm_provenance *provenance)
{
    HSM_TRY(hsm_draft_put_bool(draft, CKA_LOCAL, provenance->is_local));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_KEY_GEN_MECHANISM, provenance->mechanism));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_OBJECT_VALIDATION_FLAGS,
                                provenance->is_approved ? CKF_CRATON_APPROVED : 0));
    if (hsm_draft_ulong(draft, CKA_CLASS, CKO_PUBLIC_KEY) == CKO_PUBLIC_KEY)
        return HSM_OK;

    const bool is_sensitive = hsm_draft_bool(draft, CKA_SENSITIVE, true);
    const bool is_extractable = hsm_draft_bool(draft, CKA_EXTRACTABLE, false);
    HSM_TRY(hsm_draft_put_bool(draft, CKA_ALWAYS_SENSITIVE,
                               provenance->may_be_always_sensitive && is_sensitive));
    return hsm_draft_put_bool(draft, CKA_NEVER_EXTRACTABLE,
                              provenance->may_be_never_extractable && !is_extractable);
}
