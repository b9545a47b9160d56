/* Diffie-Hellman over a prime field: key agreement (SP 800-56A rev. 3, 5.7.1.1), also as a KEM, and
 * the keys as DER (PKCS #3; RFC 3279, 2.3.3).
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_dh.h"

#include "crypto/der.h"

/* dhKeyAgreement, PKCS #3 */
static const uint8_t oid_dh[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01
};
/* dhpublicnumber, RFC 3279 */
static const uint8_t oid_x942[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01 };

/* Prime, base and order, one half of the key, and all tags, lengths, OIDs and versions. */
#define DER_MAX_BYTES (4 * HSM_DH_MAX_BYTES + 128u)

/* --- agreement ---------------------------------------------------------------------------------- */

/* The other side's key in the group of ours. */
static hsm_err read_peer(const hsm_key *base, hsm_bytes public_value, EVP_PKEY **out_peer)
{
    const size_t len = hsm_dh_bytes(base);
    const hsm_bytes trimmed = hsm_number_trim(public_value);
    uint8_t padded[HSM_DH_MAX_BYTES] = { 0 };

    HSM_CHECK(trimmed.len > 0 && trimmed.len <= len, HSM_E_MECHANISM_PARAM);
    memcpy(padded + len - trimmed.len, trimmed.data, trimmed.len);
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *peer = EVP_PKEY_new();
    HSM_CHECK(peer != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_copy_parameters(peer, base->native), HSM_E_CRYPTO));
    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_set1_encoded_public_key(peer, padded, len), HSM_E_MECHANISM_PARAM));
    const hsm_err err = hsm_ossl_dh_check_public(base->crypto, peer, base->group);
    HSM_CHECK(err != HSM_E_ATTRIBUTE_VALUE, HSM_E_MECHANISM_PARAM);
    HSM_TRY(err);
    *out_peer = HSM_MOVE(peer);
    return HSM_OK;
}

hsm_err hsm_ossl_dh_agree(const hsm_key *base, hsm_bytes public_value, hsm_secret **out_shared)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *peer = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    size_t len = hsm_dh_bytes(base);
    unsigned is_padded = 1;
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &is_padded),
                                  OSSL_PARAM_END };

    HSM_CHECK(base->group != NULL, HSM_E_KEY_TYPE);
    HSM_TRY(read_peer(base, public_value, &peer));
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(base->crypto)->libctx, base->native, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_secret_create(len, &shared));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_derive_init_ex(ctx, params), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_derive_set_peer_ex(ctx, peer, 0), HSM_E_MECHANISM_PARAM));
    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_derive(ctx, hsm_secret_data(shared), &len), HSM_E_MECHANISM_PARAM));
    HSM_CHECK(len == hsm_secret_len(shared), HSM_E_CRYPTO);
    *out_shared = HSM_MOVE(shared);
    return HSM_OK;
}

/* --- encapsulation (PKCS#11 v3.2, 6.4: the mechanisms in C_EncapsulateKey) ------------------------ */

static hsm_err make_ephemeral(const hsm_kem_use *use, hsm_key_bundle *out_bundle)
{
    const hsm_key *key = use->key;
    const size_t len = hsm_dh_bytes(key);
    uint8_t prime[HSM_DH_MAX_BYTES];
    uint8_t base[HSM_DH_MAX_BYTES];
    uint8_t order[HSM_DH_MAX_BYTES];

    HSM_TRY(hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_FFC_P, prime, len));
    HSM_TRY(hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_FFC_G, base, len));
    HSM_TRY(hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_FFC_Q, order, len));
    const hsm_keygen request = {
        .key_type = key->key_type,
        .prime = hsm_bytes_of(prime, len),
        .base = hsm_bytes_of(base, len),
        .subprime = hsm_bytes_of(order, len),
    };
    return hsm_ossl_dh_key.generate(key->crypto, &request, out_bundle);
}

hsm_err hsm_ossl_dh_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle ephemeral = { 0 };
    uint8_t public[HSM_DH_MAX_BYTES];

    HSM_CHECK(use->key->group != NULL, HSM_E_KEY_TYPE);
    HSM_TRY(hsm_ossl_dh_public(use->key, public));
    HSM_TRY(make_ephemeral(use, &ephemeral));
    HSM_TRY(hsm_ossl_kem_agree(use, ephemeral.key, hsm_bytes_of(public, hsm_dh_bytes(use->key)),
                               out_value));
    return hsm_ossl_dh_public(ephemeral.key, ciphertext);
}

/* The value comes as the ciphertext, so a bad one is not the parameter's fault. */
hsm_err hsm_ossl_dh_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext,
                                hsm_secret **out_value)
{
    HSM_CHECK(use->params->public_data.len == 0, HSM_E_MECHANISM_PARAM);
    const hsm_err err = hsm_ossl_kem_agree(use, use->key, ciphertext, out_value);
    return err == HSM_E_MECHANISM_PARAM ? HSM_E_WRAPPED_KEY : err;
}

/* --- DER ---------------------------------------------------------------------------------------- */

static hsm_err put_number(hsm_der_writer *writer, const hsm_key *key, const char *name)
{
    const size_t len = hsm_dh_bytes(key);
    uint8_t number[HSM_DH_MAX_BYTES]; /* public */

    HSM_TRY(hsm_ossl_pkey_number(key->native, name, number, len));
    hsm_der_put_uint(writer, hsm_bytes_of(number, len));
    return HSM_OK;
}

/* PKCS #3: prime, base; RFC 3279: p, g, q */
static hsm_err put_algorithm(hsm_der_writer *writer, const hsm_key *key)
{
    const bool is_x942 = key->key_type == CKK_X9_42_DH;
    const size_t mark = hsm_der_written(writer);

    if (is_x942)
        HSM_TRY(put_number(writer, key, OSSL_PKEY_PARAM_FFC_Q));
    HSM_TRY(put_number(writer, key, OSSL_PKEY_PARAM_FFC_G));
    HSM_TRY(put_number(writer, key, OSSL_PKEY_PARAM_FFC_P));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    hsm_der_put(writer, is_x942 ? hsm_bytes_of(oid_x942, sizeof oid_x942)
                                : hsm_bytes_of(oid_dh, sizeof oid_dh));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    return HSM_OK;
}

hsm_err hsm_ossl_dh_spki(const hsm_key *key, hsm_buf *out_der)
{
    uint8_t room[DER_MAX_BYTES];
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    HSM_TRY(put_number(&writer, key, OSSL_PKEY_PARAM_PUB_KEY));
    hsm_der_wrap_bits(&writer, 0);
    HSM_TRY(put_algorithm(&writer, key));
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);
    hsm_buf_reset(out_der);
    return hsm_buf_append(out_der, hsm_der_view(&writer));
}

hsm_err hsm_ossl_dh_pkcs8_encode(const hsm_key *key, hsm_secret **out_der)
{
    const size_t len = hsm_dh_bytes(key);
    HSM_AUTO(hsm_secret_drop) hsm_secret *whole = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_CHECK(key->key_class == CKO_PRIVATE_KEY, HSM_E_KEY_NOT_WRAPPABLE);
    HSM_TRY(hsm_secret_create(DER_MAX_BYTES, &whole));
    HSM_TRY(hsm_secret_create(len, &value));
    HSM_TRY(
        hsm_ossl_pkey_number(key->native, OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(value), len));
    hsm_der_writer writer = hsm_der_writer_of(hsm_secret_data(whole), hsm_secret_len(whole));
    hsm_der_put_uint(&writer, hsm_secret_view(value));
    hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, 0);
    HSM_TRY(put_algorithm(&writer, key));
    HSM_TRY(hsm_der_end_private_info(&writer, whole));
    *out_der = HSM_MOVE(whole);
    return HSM_OK;
}

/* What may follow the numbers: PKCS #3's length of private values, which we keep none of; the
 * cofactor and the seed of X9.42. */
static hsm_err read_domain(hsm_bytes sequence, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(sequence);

    parts->part[HSM_PART_PRIME] = hsm_der_read_uint(&reader);
    parts->part[HSM_PART_BASE] = hsm_der_read_uint(&reader);
    if (parts->key_type == CKK_X9_42_DH)
        parts->part[HSM_PART_SUBPRIME] = hsm_der_read_uint(&reader);
    if (hsm_der_next_is(&reader, HSM_DER_INTEGER))
        (void)hsm_der_read_uint(&reader);
    if (parts->key_type == CKK_X9_42_DH && hsm_der_next_is(&reader, HSM_DER_SEQUENCE))
        (void)hsm_der_read(&reader, HSM_DER_SEQUENCE);
    return hsm_reader_end(&reader, HSM_E_WRAPPED_KEY);
}

hsm_err hsm_ossl_dh_read_algorithm(hsm_bytes oid, hsm_bytes rest, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(rest);
    const bool is_dh = hsm_bytes_equal(oid, hsm_bytes_of(oid_dh, sizeof oid_dh));

    HSM_CHECK(is_dh || hsm_bytes_equal(oid, hsm_bytes_of(oid_x942, sizeof oid_x942)),
              HSM_E_KEY_TYPE);
    parts->key_type = is_dh ? CKK_DH : CKK_X9_42_DH;
    const hsm_bytes sequence = hsm_der_read(&reader, HSM_DER_SEQUENCE);
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    return read_domain(sequence, parts);
}

hsm_err hsm_ossl_dh_read_private(hsm_bytes private_key, hsm_key_parts *parts)
{
    hsm_reader reader = hsm_reader_of(private_key);

    parts->part[HSM_PART_VALUE] = hsm_der_read_uint(&reader);
    HSM_TRY(hsm_reader_end(&reader, HSM_E_WRAPPED_KEY));
    HSM_CHECK(parts->part[HSM_PART_VALUE].len > 0, HSM_E_WRAPPED_KEY);
    return HSM_OK;
}
