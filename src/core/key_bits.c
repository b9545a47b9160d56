/* SPDX-License-Identifier: Apache-2.0 */
#include "core/key_bits.h"

#include "crypto/key.h"
#include "crypto/number.h"
#include "crypto/pqc.h"

static uint32_t bits_of_number(const hsm_object *object, CK_ATTRIBUTE_TYPE type)
{
    return (uint32_t)hsm_number_bits(hsm_object_value(object, type));
}

static uint32_t modulus_bits(const hsm_object *object)
{
    return bits_of_number(object, CKA_MODULUS);
}

static uint32_t prime_bits(const hsm_object *object)
{
    return bits_of_number(object, CKA_PRIME);
}

static uint32_t field_bits(const hsm_object *object)
{
    const hsm_bytes params = hsm_object_value(object, CKA_EC_PARAMS);
    const hsm_curve *curve = NULL;

    if (hsm_curve_find(params, object->key_type, &curve) != HSM_OK)
        return 0;
    return curve->bits;
}

static uint32_t public_bits(const hsm_object *object)
{
    const CK_ULONG id = hsm_object_ulong(object, CKA_PARAMETER_SET, CK_UNAVAILABLE_INFORMATION);
    const hsm_pqc_set *set = NULL;

    return hsm_pqc_find(object->key_type, id, &set) == HSM_OK ? 8 * set->public_bytes : 0;
}

static uint32_t value_bits(const hsm_object *object)
{
    return 8 * (uint32_t)hsm_object_ulong(object, CKA_VALUE_LEN, 0);
}

static const struct {
    hsm_kind_set kinds;
    uint32_t (*bits)(const hsm_object *object);
} families[] = {
    { HSM_KIND_SECRET, value_bits },
    { HSM_KIND_RSA_PUBLIC | HSM_KIND_RSA_PRIVATE, modulus_bits },
    { HSM_KIND_EC_PUBLIC | HSM_KIND_EC_PRIVATE, field_bits },
    { HSM_KIND_PQC_PUBLIC | HSM_KIND_LATTICE_PRIVATE | HSM_KIND_SLH_PRIVATE, public_bits },
    { HSM_KIND_DH_PUBLIC | HSM_KIND_DH_PRIVATE, prime_bits },
};

uint32_t hsm_core_key_bits(const hsm_object *object)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(families); i++) {
        if ((families[i].kinds & object->kind) != 0)
            return families[i].bits(object);
    }
    return 0;
}
