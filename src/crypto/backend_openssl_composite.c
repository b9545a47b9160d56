/* Composite keys: a lattice key and a curve's in one, for encapsulation (draft-ietf-lamps-pq-composite-kem)
 * or signatures (draft-ietf-lamps-pq-composite-sigs); the composite KEM itself. docs/hybrid.md
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_pqc.h"
#include "crypto/der.h"
#include "crypto/kem.h"

#define SECRET_BYTES 32u
#define LABEL_MAX_BYTES 32u
enum { LATTICE = HSM_COMPOSITE_LATTICE, CURVE = HSM_COMPOSITE_CURVE };

static const uint8_t der_one[] = { HSM_DER_INTEGER, 0x01, 0x01 };

static const hsm_curve *curve_of(const hsm_pqc_set *set)
{
    size_t count = 0;
    const hsm_curve *curves = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (curves[i].key_type == set->composite->curve_type &&
            strcmp(curves[i].alias, set->composite->curve) == 0)
            return &curves[i];
    }
    return NULL;
}

static hsm_err lattice_set_of(const hsm_pqc_set *set, const hsm_pqc_set **out_set)
{
    return hsm_pqc_find(set->composite->lattice_type, set->composite->lattice_set, out_set);
}

static hsm_err set_of(const hsm_key_parts *parts, const hsm_pqc_set **out_set)
{
    const hsm_bytes bytes = parts->part[HSM_PART_PARAMETER_SET];
    CK_ULONG id = 0;

    HSM_CHECK(bytes.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(bytes.len == sizeof id, HSM_E_ATTRIBUTE_VALUE);
    memcpy(&id, bytes.data, sizeof id);
    return hsm_pqc_find(parts->key_type, id, out_set);
}

/* ECPrivateKey with the curve's name and without the public key; X25519's and Ed25519's keys are bare. */
static hsm_err read_scalar(const hsm_curve *curve, hsm_bytes encoded, hsm_bytes *out_value)
{
    hsm_reader outer = hsm_reader_of(encoded);

    if (curve->key_type != CKK_EC) {
        *out_value = encoded;
        return HSM_OK;
    }
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes version = hsm_der_read_uint(&reader);
    const hsm_bytes value = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    const hsm_bytes named = hsm_der_read(&reader, HSM_DER_CONTEXT_0);
    HSM_TRY(hsm_reader_end(&outer, HSM_E_ATTRIBUTE_VALUE));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_ATTRIBUTE_VALUE));
    HSM_CHECK(version.len == 1 && version.data[0] == 1 && value.len == curve->order_bytes &&
                  hsm_bytes_equal(named, hsm_bytes_of(curve->oid, curve->oid_len)),
              HSM_E_ATTRIBUTE_VALUE);
    *out_value = value;
    return HSM_OK;
}

/* The seed, then the curve's key; out has set->private_bytes. */
static hsm_err write_private(const hsm_pqc_set *set, const hsm_curve *curve, hsm_bytes seed,
                             hsm_bytes value, uint8_t *out)
{
    hsm_der_writer writer = hsm_der_writer_of(out, set->private_bytes);

    if (curve->key_type != CKK_EC) {
        hsm_der_put(&writer, value);
    } else {
        hsm_der_put(&writer, hsm_bytes_of(curve->oid, curve->oid_len));
        hsm_der_wrap(&writer, HSM_DER_CONTEXT_0, 0);
        const size_t mark = hsm_der_written(&writer);
        hsm_der_put(&writer, value);
        hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, mark);
        hsm_der_put(&writer, hsm_bytes_of(der_one, sizeof der_one));
        hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    }
    hsm_der_put(&writer, seed);
    HSM_CHECK(!writer.is_failed && hsm_der_written(&writer) == set->private_bytes, HSM_E_INTERNAL);
    return HSM_OK;
}

static hsm_err create_halves(hsm_key *key, const hsm_key_parts *lattice, const hsm_key_parts *curve)
{
    HSM_TRY(hsm_key_create(key->crypto, lattice, &key->half[LATTICE]));
    return hsm_key_create(key->crypto, curve, &key->half[CURVE]);
}

static hsm_err create_private(const hsm_pqc_set *set, const hsm_curve *curve, hsm_bytes value,
                              hsm_key *key)
{
    const hsm_pqc_set *lattice_set = NULL;
    hsm_key_parts lattice = { .key_class = CKO_PRIVATE_KEY,
                              .key_type = set->composite->lattice_type };
    hsm_key_parts ec = { .key_class = CKO_PRIVATE_KEY, .key_type = curve->key_type };

    HSM_CHECK(value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(value.len == set->private_bytes, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(lattice_set_of(set, &lattice_set));
    const size_t seed_len = lattice_set->seed_bytes;
    lattice.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&lattice_set->id, sizeof lattice_set->id);
    lattice.part[HSM_PART_SEED] = hsm_bytes_of(value.data, seed_len);
    ec.part[HSM_PART_PARAMS] = hsm_bytes_of(curve->oid, curve->oid_len);
    HSM_TRY(read_scalar(curve, hsm_bytes_of(value.data + seed_len, value.len - seed_len),
                        &ec.part[HSM_PART_VALUE]));
    HSM_TRY(create_halves(key, &lattice, &ec));
    return hsm_secret_dup(value, &key->value);
}

static hsm_err create_public(const hsm_pqc_set *set, const hsm_curve *curve, hsm_bytes public,
                             hsm_key *key)
{
    const hsm_pqc_set *lattice_set = NULL;
    hsm_key_parts lattice = { .key_class = CKO_PUBLIC_KEY,
                              .key_type = set->composite->lattice_type };
    hsm_key_parts ec = { .key_class = CKO_PUBLIC_KEY, .key_type = curve->key_type };

    HSM_CHECK(public.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(public.len == set->public_bytes, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(lattice_set_of(set, &lattice_set));
    lattice.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&lattice_set->id, sizeof lattice_set->id);
    lattice.part[HSM_PART_PUBLIC] = hsm_bytes_of(public.data, lattice_set->public_bytes);
    ec.part[HSM_PART_PARAMS] = hsm_bytes_of(curve->oid, curve->oid_len);
    ec.part[HSM_PART_POINT] =
        hsm_bytes_of(public.data + lattice_set->public_bytes, curve->point_bytes);
    return create_halves(key, &lattice, &ec);
}

hsm_err hsm_ossl_pqc_public(const hsm_key *key, uint8_t *out)
{
    if (key->set->composite == NULL)
        return hsm_ossl_pqc_read(key->native, OSSL_PKEY_PARAM_PUB_KEY, out, key->set->public_bytes);

    const hsm_key *lattice = key->half[LATTICE];
    const hsm_key *ec = key->half[CURVE];
    HSM_TRY(hsm_ossl_pqc_read(lattice->native, OSSL_PKEY_PARAM_PUB_KEY, out,
                              lattice->set->public_bytes));
    memcpy(out + lattice->set->public_bytes, ec->point, ec->curve->point_bytes);
    return HSM_OK;
}

static hsm_err composite_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    const hsm_bytes given = parts->part[HSM_PART_PUBLIC];
    uint8_t public[HSM_PQC_PUBLIC_MAX_BYTES];

    (void)crypto;
    HSM_TRY(set_of(parts, &key->set));
    const hsm_curve *curve = curve_of(key->set);
    HSM_CHECK(curve != NULL, HSM_E_INTERNAL);
    key->bits = key->set->public_bytes * 8;
    if (parts->key_class == CKO_PUBLIC_KEY)
        return create_public(key->set, curve, given, key);
    HSM_TRY(create_private(key->set, curve, parts->part[HSM_PART_VALUE], key));
    HSM_TRY(hsm_ossl_pqc_public(key, public));
    HSM_CHECK(given.len == 0 ||
                  hsm_bytes_equal(given, hsm_bytes_of(public, key->set->public_bytes)),
              HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

static hsm_err composite_check(hsm_key *key)
{
    HSM_TRY(hsm_key_check(key->half[LATTICE]));
    return hsm_key_check(key->half[CURVE]);
}

static hsm_err pack(const hsm_key *key, hsm_key_bundle *out)
{
    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    const hsm_pqc_set *set = key->set;
    uint8_t *room = NULL;

    HSM_TRY(hsm_ossl_packer_init(&packer, key->key_class, key->key_type,
                                 sizeof set->id + set->public_bytes + set->private_bytes));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_PARAMETER_SET,
                                hsm_bytes_of(&set->id, sizeof set->id)));
    HSM_TRY(hsm_ossl_packer_room(&packer, HSM_PART_PUBLIC, set->public_bytes, &room));
    HSM_TRY(hsm_ossl_pqc_public(key, room));
    if (key->value != NULL)
        HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_VALUE, hsm_secret_view(key->value)));
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

static hsm_err composite_complete(hsm_crypto *crypto, const hsm_key_parts *parts,
                                  hsm_key_bundle *out)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_TRY(hsm_key_create(crypto, parts, &key));
    return pack(key, out);
}

static hsm_err composite_generate(hsm_crypto *crypto, const hsm_keygen *request,
                                  hsm_key_bundle *out)
{
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle lattice = { 0 };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle ec = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    const hsm_pqc_set *set = NULL;

    HSM_TRY(hsm_pqc_find(request->key_type, request->parameter_set, &set));
    const hsm_curve *curve = curve_of(set);
    HSM_CHECK(curve != NULL, HSM_E_INTERNAL);
    const hsm_keygen lattice_request = { .key_type = set->composite->lattice_type,
                                         .parameter_set = set->composite->lattice_set };
    const hsm_keygen ec_request = { .key_type = curve->key_type,
                                    .ec_params = hsm_bytes_of(curve->oid, curve->oid_len),
                                    .pair_test = set->composite->lattice_type == CKK_ML_KEM
                                                     ? HSM_PAIR_TEST_AGREEMENT
                                                     : HSM_PAIR_TEST_NOW };
    HSM_TRY(hsm_ossl_pqc_key.generate(crypto, &lattice_request, &lattice));
    HSM_TRY(hsm_ossl_ec_key.generate(crypto, &ec_request, &ec));
    HSM_TRY(hsm_secret_create(set->private_bytes, &value));
    HSM_TRY(write_private(set, curve, lattice.parts.part[HSM_PART_SEED],
                          ec.parts.part[HSM_PART_VALUE], hsm_secret_data(value)));

    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = request->key_type };
    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set->id, sizeof set->id);
    parts.part[HSM_PART_VALUE] = hsm_secret_view(value);
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    return pack(key, out);
}

const hsm_key_ops hsm_ossl_composite_key = {
    .create = composite_create,
    .check = composite_check,
    .complete = composite_complete,
    .generate = composite_generate,
};

/* --- Encapsulation -------------------------------------------------------------------------------- */

/* The halves' own mechanisms: all that their functions look at. */
static const hsm_mech kem_mech = { .alg = HSM_ALG_ML_KEM };
static const hsm_mech curve_mech = { .alg = HSM_ALG_ECDH };
static const hsm_mech_params no_params = { .kdf = CKD_NULL };

static hsm_kem_use half_of(const hsm_kem_use *use, int half)
{
    return (hsm_kem_use){ .mech = half == LATTICE ? &kem_mech : &curve_mech,
                          .params = &no_params,
                          .key = use->key->half[half] };
}

/* SHA3-256(mlkemSS || tradSS || tradCT || tradPK || Label), section 4.4 of the draft. */
static hsm_err combine(const hsm_kem_use *use, const hsm_secret *kem, const hsm_secret *trad,
                       hsm_bytes trad_ciphertext, hsm_secret **out_value)
{
    const hsm_key *ec = use->key->half[CURVE];
    const hsm_bytes label = hsm_bytes_of_text(use->key->set->composite->label);
    uint8_t public_input[2 * HSM_EC_POINT_MAX_BYTES + LABEL_MAX_BYTES];
    hsm_writer writer = hsm_writer_of(public_input, sizeof public_input);
    HSM_AUTO(hsm_secret_drop) hsm_secret *all = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    hsm_write_raw(&writer, trad_ciphertext);
    hsm_write_raw(&writer, hsm_bytes_of(ec->point, ec->curve->point_bytes));
    hsm_write_raw(&writer, label);
    HSM_TRY(hsm_writer_end(&writer));
    const size_t kem_len = hsm_secret_len(kem);
    const size_t trad_len = hsm_secret_len(trad);
    HSM_TRY(hsm_secret_create(kem_len + trad_len + writer.len, &all));
    uint8_t *at = hsm_secret_data(all);
    memcpy(at, hsm_secret_view(kem).data, kem_len);
    memcpy(at + kem_len, hsm_secret_view(trad).data, trad_len);
    memcpy(at + kem_len + trad_len, public_input, writer.len);
    HSM_TRY(hsm_secret_create(SECRET_BYTES, &value));
    HSM_TRY(hsm_ossl_done(EVP_Digest(at, hsm_secret_len(all), hsm_secret_data(value), NULL,
                                     hsm_ossl_of(use->key->crypto)->md[HSM_HASH_SHA3_256], NULL),
                          HSM_E_CRYPTO));
    *out_value = HSM_MOVE(value);
    return HSM_OK;
}

static hsm_err check_len(const hsm_kem_use *use)
{
    HSM_CHECK(use->value_len == 0 || use->value_len == SECRET_BYTES, HSM_E_KEY_SIZE);
    return HSM_OK;
}

hsm_err hsm_ossl_composite_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext,
                                       hsm_secret **out_value)
{
    const hsm_kem_use kem = half_of(use, LATTICE);
    const hsm_kem_use trad = half_of(use, CURVE);
    const size_t kem_len = hsm_kem_ciphertext_len(&kem);
    HSM_AUTO(hsm_secret_drop) hsm_secret *kem_secret = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *trad_secret = NULL;

    HSM_TRY(check_len(use));
    HSM_TRY(hsm_ossl_encapsulate(&kem, ciphertext, &kem_secret));
    HSM_TRY(hsm_ossl_encapsulate(&trad, ciphertext + kem_len, &trad_secret));
    return combine(use, kem_secret, trad_secret,
                   hsm_bytes_of(ciphertext + kem_len, hsm_kem_ciphertext_len(&trad)), out_value);
}

hsm_err hsm_ossl_composite_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext,
                                       hsm_secret **out_value)
{
    const hsm_kem_use kem = half_of(use, LATTICE);
    const hsm_kem_use trad = half_of(use, CURVE);
    const size_t kem_len = hsm_kem_ciphertext_len(&kem);
    const hsm_bytes trad_ciphertext =
        hsm_bytes_of(ciphertext.data + kem_len, ciphertext.len - kem_len);
    HSM_AUTO(hsm_secret_drop) hsm_secret *kem_secret = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *trad_secret = NULL;

    HSM_TRY(check_len(use));
    HSM_TRY(hsm_ossl_decapsulate(&kem, hsm_bytes_of(ciphertext.data, kem_len), &kem_secret));
    HSM_TRY(hsm_ossl_decapsulate(&trad, trad_ciphertext, &trad_secret));
    return combine(use, kem_secret, trad_secret, trad_ciphertext, out_value);
}
