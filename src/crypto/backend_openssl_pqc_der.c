/* Post-quantum keys as DER: RFC 9881 (ML-DSA), RFC 9909 (SLH-DSA), RFC 9935 (ML-KEM). The algorithm
 * is the OID alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_pqc.h"
#include "crypto/der.h"

#define FRAME_MAX_BYTES 64u

static void put_algorithm(hsm_der_writer *writer, const hsm_pqc_set *set)
{
    const size_t mark = hsm_der_written(writer);

    hsm_der_put(writer, hsm_bytes_of(set->oid, set->oid_len));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
}

hsm_err hsm_ossl_pqc_spki(const hsm_key *key, hsm_buf *out_der)
{
    const hsm_pqc_set *set = key->set;
    uint8_t public[HSM_PQC_PUBLIC_MAX_BYTES];
    uint8_t room[HSM_PQC_PUBLIC_MAX_BYTES + FRAME_MAX_BYTES];
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    HSM_TRY(hsm_ossl_pqc_public(key, public));
    hsm_der_put(&writer, hsm_bytes_of(public, set->public_bytes));
    hsm_der_wrap_bits(&writer, 0);
    put_algorithm(&writer, set);
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);

    hsm_buf_reset(out_der);
    return hsm_buf_append(out_der, hsm_der_view(&writer));
}

/* `name` of the key as an element with the tag; tag 0: the bare bytes. */
static hsm_err put_part(hsm_der_writer *writer, const hsm_key *key, const char *name, size_t len,
                        uint8_t tag)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *part = NULL;
    const size_t mark = hsm_der_written(writer);

    HSM_TRY(hsm_secret_create(len, &part));
    HSM_TRY(hsm_ossl_pqc_read(key->native, name, hsm_secret_data(part), len));
    hsm_der_put(writer, hsm_secret_view(part));
    if (tag != 0)
        hsm_der_wrap(writer, tag, mark);
    return HSM_OK;
}

/* CHOICE { seed [0], expandedKey OCTET STRING, both SEQUENCE { seed, expandedKey } }; SLH-DSA and
 * composites: the key itself. */
static hsm_err put_private(hsm_der_writer *writer, const hsm_key *key)
{
    const hsm_pqc_set *set = key->set;
    const uint8_t tag = set->seed_bytes == 0 ? 0 : HSM_DER_OCTET_STRING;

    if (set->composite != NULL) {
        hsm_der_put(writer, hsm_secret_view(key->value));
        return HSM_OK;
    }
    HSM_TRY(put_part(writer, key, OSSL_PKEY_PARAM_PRIV_KEY, set->private_bytes, tag));
    if (!hsm_ossl_pqc_has_seed(key->native, set))
        return HSM_OK;
    HSM_TRY(
        put_part(writer, key, OSSL_PKEY_PARAM_ML_DSA_SEED, set->seed_bytes, HSM_DER_OCTET_STRING));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, 0);
    return HSM_OK;
}

hsm_err hsm_ossl_pqc_pkcs8_encode(const hsm_key *key, hsm_secret **out_der)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *whole = NULL;

    HSM_CHECK(key->key_class == CKO_PRIVATE_KEY, HSM_E_KEY_NOT_WRAPPABLE);
    HSM_TRY(hsm_secret_create(
        key->set->private_bytes + key->set->seed_bytes + (size_t)FRAME_MAX_BYTES, &whole));
    hsm_der_writer writer = hsm_der_writer_of(hsm_secret_data(whole), hsm_secret_len(whole));
    HSM_TRY(put_private(&writer, key));
    hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, 0);
    put_algorithm(&writer, key->set);
    HSM_TRY(hsm_der_end_private_info(&writer, whole));
    *out_der = HSM_MOVE(whole);
    return HSM_OK;
}

static hsm_err read_both(hsm_bytes sequence, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(sequence);

    parts->part[HSM_PART_SEED] = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    parts->part[HSM_PART_VALUE] = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    return hsm_reader_end(&reader, HSM_E_WRAPPED_KEY);
}

static hsm_err read_choice(hsm_bytes private_key, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(private_key);

    if (hsm_der_next_is(&reader, HSM_DER_SEQUENCE))
        HSM_TRY(read_both(hsm_der_read(&reader, HSM_DER_SEQUENCE), parts));
    else if (hsm_der_next_is(&reader, HSM_DER_OCTET_STRING))
        parts->part[HSM_PART_VALUE] = hsm_der_read(&reader, HSM_DER_OCTET_STRING);
    else
        parts->part[HSM_PART_SEED] = hsm_der_read(&reader, HSM_DER_CONTEXT_0_PRIMITIVE);
    return hsm_reader_end(&reader, HSM_E_WRAPPED_KEY);
}

hsm_err hsm_ossl_pqc_read_private(const hsm_pqc_set *set, hsm_bytes private_key,
                                  hsm_key_parts *parts)
{
    parts->part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set->id, sizeof set->id);
    if (set->seed_bytes == 0)
        parts->part[HSM_PART_VALUE] = private_key;
    else
        HSM_TRY(read_choice(private_key, parts));

    const size_t seed_len = parts->part[HSM_PART_SEED].len;
    const size_t value_len = parts->part[HSM_PART_VALUE].len;
    HSM_CHECK(seed_len + value_len > 0, HSM_E_WRAPPED_KEY);
    HSM_CHECK(seed_len == 0 || seed_len == set->seed_bytes, HSM_E_WRAPPED_KEY);
    HSM_CHECK(value_len == 0 || value_len == set->private_bytes, HSM_E_WRAPPED_KEY);
    return HSM_OK;
}
