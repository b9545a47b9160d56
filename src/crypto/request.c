/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/request.h"

#include "crypto/key.h"
#include "crypto/pqc.h"

/* Around info and signature: three headers, an AlgorithmIdentifier, zero bytes before numbers. */
#define AROUND_BYTES 128u

static const uint8_t oid_rsa[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01
};
static const uint8_t oid_ec[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t oid_ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t oid_ed448[] = { 0x06, 0x03, 0x2b, 0x65, 0x71 };
/* RFC 8017, A.2: sha256WithRSAEncryption has NULL as its parameter. */
static const uint8_t rsa_sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                      0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00 };
/* RFC 5758, 3.2: ecdsa-with-SHA256 and its sisters have none. */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t ecdsa_sha384[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 };
static const uint8_t ecdsa_sha512[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x04 };
static const uint8_t extension_request[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                             0xf7, 0x0d, 0x01, 0x09, 0x0e };
static const uint8_t subject_alt_name[] = { 0x06, 0x03, 0x55, 0x1d, 0x11 };

#define SPAN(array) hsm_bytes_of((array), sizeof(array))

/* --- how it is signed --------------------------------------------------------------------------- */

static const struct {
    uint32_t bits_max; /* of the curve's field */
    hsm_hash hash;
    hsm_bytes algorithm;
} curve_schemes[] = {
    { 256, HSM_HASH_SHA256, { ecdsa_sha256, sizeof ecdsa_sha256 } },
    { 384, HSM_HASH_SHA384, { ecdsa_sha384, sizeof ecdsa_sha384 } },
    { UINT32_MAX, HSM_HASH_SHA512, { ecdsa_sha512, sizeof ecdsa_sha512 } },
};

static hsm_err scheme_of_curve(hsm_bytes params, hsm_request_scheme *out_scheme)
{
    const hsm_curve *curve = NULL;
    size_t row = 0;

    HSM_TRY(hsm_curve_find(params, CKK_EC, &curve));
    while (curve->bits > curve_schemes[row].bits_max)
        row++;
    *out_scheme = (hsm_request_scheme){
        .mech = hsm_mech_by_hash(HSM_ALG_ECDSA, curve_schemes[row].hash),
        .algorithm = curve_schemes[row].algorithm,
        .has_numbers = true,
    };
    return HSM_OK;
}

/* The algorithm whose signatures have the name of its keys. */
static hsm_err scheme_of_key(hsm_bytes oid, hsm_bytes algorithm, hsm_request_scheme *out_scheme)
{
    static const struct {
        CK_KEY_TYPE key_type;
        hsm_alg alg;
    } signers[] = {
        { CKK_ML_DSA, HSM_ALG_ML_DSA },
        { CKK_SLH_DSA, HSM_ALG_SLH_DSA },
    };
    const hsm_pqc_set *set = hsm_pqc_find_oid(oid);
    const hsm_mech *mech = NULL;

    if (hsm_bytes_equal(oid, SPAN(oid_ed25519)) || hsm_bytes_equal(oid, SPAN(oid_ed448)))
        mech = hsm_mech_by_alg(HSM_ALG_EDDSA);
    for (size_t i = 0; set != NULL && i < HSM_ARRAY_LEN(signers); i++) {
        if (signers[i].key_type == set->key_type)
            mech = hsm_mech_by_hash(signers[i].alg, HSM_HASH_NONE);
    }
    HSM_CHECK(mech != NULL, HSM_E_KEY_TYPE);
    *out_scheme = (hsm_request_scheme){ .mech = mech, .algorithm = algorithm };
    return HSM_OK;
}

hsm_err hsm_request_scheme_of(hsm_bytes spki, hsm_request_scheme *out_scheme)
{
    hsm_reader outer = hsm_reader_of(spki);
    hsm_reader inner = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes algorithm = hsm_der_read_whole(&inner, HSM_DER_SEQUENCE);
    hsm_reader whole = hsm_reader_of(algorithm);
    hsm_reader parts = hsm_reader_of(hsm_der_read(&whole, HSM_DER_SEQUENCE));
    const hsm_bytes oid = hsm_der_read_whole(&parts, HSM_DER_OID);

    HSM_CHECK(!outer.is_failed && !inner.is_failed && !whole.is_failed && !parts.is_failed,
              HSM_E_DATA);
    if (hsm_bytes_equal(oid, SPAN(oid_ec)))
        return scheme_of_curve(parts.rest, out_scheme);
    if (!hsm_bytes_equal(oid, SPAN(oid_rsa)))
        return scheme_of_key(oid, algorithm, out_scheme);
    *out_scheme = (hsm_request_scheme){
        .mech = hsm_mech_by_hash(HSM_ALG_RSA_PKCS, HSM_HASH_SHA256),
        .algorithm = SPAN(rsa_sha256),
    };
    return HSM_OK;
}

/* --- what is signed ------------------------------------------------------------------------------ */

/* RFC 2986, 4.1 and RFC 2985, 5.4.2: [0], with an extensionRequest when there is something to ask for. */
static hsm_err put_attributes(hsm_der_writer *writer, const char *alt_names)
{
    const size_t mark = hsm_der_written(writer);

    if (alt_names != NULL) {
        HSM_TRY(hsm_request_put_alt_names(writer, alt_names));
        hsm_der_wrap(writer, HSM_DER_OCTET_STRING, mark);
        hsm_der_put(writer, SPAN(subject_alt_name));
        hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark); /* Extension */
        hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark); /* Extensions */
        hsm_der_wrap(writer, HSM_DER_SET, mark);
        hsm_der_put(writer, SPAN(extension_request));
        hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    }
    hsm_der_wrap(writer, HSM_DER_CONTEXT_0, mark);
    return HSM_OK;
}

hsm_err hsm_request_info(const hsm_request_content *content, hsm_buf *out_der)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf room = { 0 };

    HSM_TRY(hsm_buf_reserve(&room, HSM_REQUEST_INFO_MAX_BYTES));
    hsm_der_writer writer = hsm_der_writer_of(room.data, HSM_REQUEST_INFO_MAX_BYTES);
    HSM_TRY(put_attributes(&writer, content->alt_names));
    hsm_der_put(&writer, content->spki);
    HSM_TRY(hsm_request_put_subject(&writer, content->subject));
    hsm_der_put_uint(&writer, hsm_bytes_none()); /* version 1 is number 0 */
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_LIMIT);
    return hsm_buf_append(out_der, hsm_der_view(&writer));
}

/* --- the request --------------------------------------------------------------------------------- */

static void put_numbers(hsm_der_writer *writer, hsm_bytes signature)
{
    const size_t mark = hsm_der_written(writer);
    const size_t half = signature.len / 2;

    hsm_der_put_uint(writer, hsm_bytes_of(signature.data + half, half));
    hsm_der_put_uint(writer, hsm_bytes_of(signature.data, half));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
}

hsm_err hsm_request_finish(const hsm_request_scheme *scheme, hsm_bytes info, hsm_bytes signature,
                           hsm_buf *out_der)
{
    const size_t cap = info.len + signature.len + AROUND_BYTES;
    HSM_AUTO(hsm_buf_clear) hsm_buf room = { 0 };

    HSM_CHECK(!scheme->has_numbers || (signature.len > 0 && signature.len % 2 == 0),
              HSM_E_INTERNAL);
    HSM_TRY(hsm_buf_reserve(&room, cap));
    hsm_der_writer writer = hsm_der_writer_of(room.data, cap);
    if (scheme->has_numbers)
        put_numbers(&writer, signature);
    else
        hsm_der_put(&writer, signature);
    hsm_der_wrap_bits(&writer, 0);
    hsm_der_put(&writer, scheme->algorithm);
    hsm_der_put(&writer, info);
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);
    return hsm_buf_append(out_der, hsm_der_view(&writer));
}
