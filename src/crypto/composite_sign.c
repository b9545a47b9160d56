/* Composite signatures: ML-DSA's and a curve's over one message representative, both of which must
 * hold (the draft's sections "Sign", "Verify" and "Serialization"; docs/hybrid.md writes them out). The
 * backend has no part in it but the operations it is made of.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/composite_sign.h"

#include <stdlib.h>

#include "crypto/der.h"

#define CONTEXT_MAX_BYTES 255u
#define LABEL_MAX_BYTES 64u
#define HASH_MAX_BYTES 64u
/* Of the curve's half: P-521's r and s, and the DER around them. */
#define CURVE_SIGNATURE_MAX_BYTES 132u
#define CURVE_DER_MAX_BYTES (CURVE_SIGNATURE_MAX_BYTES + 16u)

static const char prefix[] = "CompositeAlgorithmSignatures2025";

typedef struct composite_state {
    hsm_crypt *hash; /* of the message */
    hsm_crypt *half[2];
    CK_ULONG hedge;
    size_t context_len;
    uint8_t context[CONTEXT_MAX_BYTES];
} composite_state;

/* M', what both halves sign. */
typedef struct representative {
    size_t len;
    uint8_t bytes[sizeof prefix + LABEL_MAX_BYTES + 1 + CONTEXT_MAX_BYTES + HASH_MAX_BYTES];
} representative;

static composite_state *state_of(const hsm_crypt *crypt)
{
    return crypt->state[HSM_FAMILY_COMPOSITE];
}

static void drop(void *state)
{
    composite_state *composite = state;

    if (composite == NULL)
        return;
    hsm_crypt_destroy(composite->hash);
    hsm_crypt_destroy(composite->half[HSM_COMPOSITE_LATTICE]);
    hsm_crypt_destroy(composite->half[HSM_COMPOSITE_CURVE]);
    free(composite);
}

static hsm_err make_state(hsm_crypt *crypt)
{
    composite_state *composite = calloc(1, sizeof *composite);

    HSM_CHECK(composite != NULL, HSM_E_NO_MEMORY);
    crypt->state[HSM_FAMILY_COMPOSITE] = composite; /* dropped with crypt, whatever it lacks */
    HSM_TRY(hsm_crypt_create(crypt->crypto, &composite->hash));
    HSM_TRY(hsm_crypt_create(crypt->crypto, &composite->half[HSM_COMPOSITE_LATTICE]));
    return hsm_crypt_create(crypt->crypto, &composite->half[HSM_COMPOSITE_CURVE]);
}

static void end(void *state)
{
    composite_state *composite = state;

    hsm_crypt_end(composite->hash);
    hsm_crypt_end(composite->half[HSM_COMPOSITE_LATTICE]);
    hsm_crypt_end(composite->half[HSM_COMPOSITE_CURVE]);
}

/* --- what is signed ------------------------------------------------------------------------------ */

static hsm_err open_hash(const hsm_crypt *crypt)
{
    static const hsm_mech_params none;
    const hsm_composite *of = crypt->key->set->composite;

    return hsm_crypt_begin(state_of(crypt)->hash, HSM_OP_DIGEST,
                           hsm_mech_by_hash(HSM_ALG_DIGEST, of->hash), &none, NULL);
}

/* Prefix || Label || len(ctx) || ctx || PH(M) */
static hsm_err represent(const hsm_crypt *crypt, hsm_bytes digest, representative *out)
{
    const composite_state *composite = state_of(crypt);
    const uint8_t context_len = (uint8_t)composite->context_len;
    hsm_writer writer = hsm_writer_of(out->bytes, sizeof out->bytes);

    hsm_write_raw(&writer, hsm_bytes_of_text(prefix));
    hsm_write_raw(&writer, hsm_bytes_of_text(crypt->key->set->composite->label));
    hsm_write_u8(&writer, context_len);
    hsm_write_raw(&writer, hsm_bytes_of(composite->context, composite->context_len));
    hsm_write_raw(&writer, digest);
    out->len = writer.len;
    return hsm_writer_end(&writer);
}

/* Of a message that comes whole, or, with the mechanism for it, of its hash. */
static hsm_err represent_whole(const hsm_crypt *crypt, hsm_bytes in, representative *out)
{
    const hsm_hash_info *hash = hsm_hash_get(crypt->key->set->composite->hash);
    uint8_t digest[HASH_MAX_BYTES];
    hsm_out room = hsm_out_of(digest, sizeof digest);

    if (!crypt->mech->is_multi_part) {
        HSM_CHECK(in.len == hash->len, HSM_E_DATA_LEN);
        return represent(crypt, in, out);
    }
    HSM_TRY(open_hash(crypt));
    HSM_TRY(hsm_crypt_single(state_of(crypt)->hash, in, &room));
    return represent(crypt, hsm_bytes_of(digest, room.len), out);
}

static hsm_err represent_parts(const hsm_crypt *crypt, representative *out)
{
    uint8_t digest[HASH_MAX_BYTES];
    hsm_out room = hsm_out_of(digest, sizeof digest);

    if (!crypt->has_parts)
        return represent_whole(crypt, hsm_bytes_none(), out);
    HSM_TRY(hsm_crypt_final(state_of(crypt)->hash, &room));
    return represent(crypt, hsm_bytes_of(digest, room.len), out);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    (void)out;
    if (!crypt->has_parts)
        HSM_TRY(open_hash(crypt));
    return hsm_crypt_update(state_of(crypt)->hash, in, NULL);
}

/* --- the halves ---------------------------------------------------------------------------------- */

static const hsm_key *half_key(const hsm_crypt *crypt, int half)
{
    return crypt->key->half[half];
}

static hsm_err open_half(const hsm_crypt *crypt, int half)
{
    const hsm_composite *of = crypt->key->set->composite;
    const hsm_mech_params lattice = { .context = hsm_bytes_of_text(of->label),
                                      .hedge = state_of(crypt)->hedge };
    const hsm_mech_params curve = { .hash = of->curve_hash };

    if (half == HSM_COMPOSITE_LATTICE)
        return hsm_crypt_begin(state_of(crypt)->half[half], crypt->op,
                               hsm_mech_by_hash(HSM_ALG_ML_DSA, HSM_HASH_NONE), &lattice,
                               crypt->key->half[half]);
    return hsm_crypt_begin(
        state_of(crypt)->half[half], crypt->op,
        hsm_mech_by_hash(of->curve_type == CKK_EC ? HSM_ALG_ECDSA : HSM_ALG_EDDSA, of->curve_hash),
        &curve, crypt->key->half[half]);
}

static size_t lattice_len(const hsm_crypt *crypt)
{
    return half_key(crypt, HSM_COMPOSITE_LATTICE)->set->result_bytes;
}

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3) from r and s of equal length. */
static hsm_err put_ecdsa(hsm_bytes raw, hsm_out *out)
{
    uint8_t room[CURVE_DER_MAX_BYTES];
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    hsm_der_put_uint(&writer, hsm_bytes_of(raw.data + raw.len / 2, raw.len / 2));
    hsm_der_put_uint(&writer, hsm_bytes_of(raw.data, raw.len / 2));
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);
    return hsm_out_put(out, hsm_der_view(&writer));
}

static hsm_err read_ecdsa(hsm_bytes der, size_t part_len, uint8_t *out)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader reader = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes parts[] = { hsm_der_read_uint(&reader), hsm_der_read_uint(&reader) };

    HSM_TRY(hsm_reader_end(&outer, HSM_E_SIGNATURE));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_SIGNATURE));
    memset(out, 0, 2 * part_len);
    for (size_t i = 0; i < 2; i++) {
        HSM_CHECK(parts[i].len > 0 && parts[i].len <= part_len, HSM_E_SIGNATURE);
        memcpy(out + (i + 1) * part_len - parts[i].len, parts[i].data, parts[i].len);
    }
    return HSM_OK;
}

static hsm_err begin(hsm_crypt *crypt)
{
    const hsm_bytes context = crypt->params->context;

    if (state_of(crypt) == NULL)
        HSM_TRY(make_state(crypt));
    composite_state *composite = state_of(crypt);
    HSM_CHECK(composite->half[HSM_COMPOSITE_CURVE] != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(crypt->key->set != NULL && crypt->key->set->composite != NULL, HSM_E_KEY_TYPE);
    HSM_CHECK(context.len <= CONTEXT_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    composite->hedge = crypt->params->hedge;
    composite->context_len = context.len;
    if (context.len > 0)
        memcpy(composite->context, context.data, context.len);
    HSM_TRY(open_half(crypt, HSM_COMPOSITE_LATTICE));
    return open_half(crypt, HSM_COMPOSITE_CURVE);
}

/* --- signing and verifying ----------------------------------------------------------------------- */

static hsm_err sign(const hsm_crypt *crypt, const representative *message, hsm_out *out)
{
    const hsm_bytes in = hsm_bytes_of(message->bytes, message->len);
    const size_t first_len = lattice_len(crypt);
    uint8_t raw[CURVE_SIGNATURE_MAX_BYTES];
    hsm_out first = hsm_out_of(out->data, first_len);
    hsm_out second = hsm_out_of(raw, sizeof raw);
    hsm_out rest = hsm_out_of(out->data + first_len, out->cap - first_len);

    HSM_TRY(hsm_crypt_single(state_of(crypt)->half[HSM_COMPOSITE_LATTICE], in, &first));
    HSM_TRY(hsm_crypt_single(state_of(crypt)->half[HSM_COMPOSITE_CURVE], in, &second));
    HSM_CHECK(first.len == first_len, HSM_E_CRYPTO);
    const hsm_bytes made = hsm_bytes_of(raw, second.len);
    HSM_TRY(crypt->key->set->composite->curve_type == CKK_EC ? put_ecdsa(made, &rest)
                                                             : hsm_out_put(&rest, made));
    out->len = first_len + rest.len;
    return HSM_OK;
}

static hsm_err verify_curve(const hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    const hsm_curve *curve = half_key(crypt, HSM_COMPOSITE_CURVE)->curve;
    uint8_t raw[CURVE_SIGNATURE_MAX_BYTES];

    if (curve->key_type == CKK_EC) {
        HSM_TRY(read_ecdsa(signature, curve->order_bytes, raw));
        signature = hsm_bytes_of(raw, 2 * (size_t)curve->order_bytes);
    }
    HSM_TRY(open_half(crypt, HSM_COMPOSITE_CURVE));
    const hsm_err err = hsm_crypt_verify(state_of(crypt)->half[HSM_COMPOSITE_CURVE], in, signature);
    return err == HSM_E_SIGNATURE_LEN ? HSM_E_SIGNATURE : err;
}

/* Nothing here is secret, so the first half that fails ends it. */
static hsm_err verify_both(const hsm_crypt *crypt, const representative *message,
                           hsm_bytes signature)
{
    const hsm_bytes in = hsm_bytes_of(message->bytes, message->len);
    const size_t first_len = lattice_len(crypt);

    HSM_TRY(hsm_crypt_verify(state_of(crypt)->half[HSM_COMPOSITE_LATTICE], in,
                             hsm_bytes_of(signature.data, first_len)));
    return verify_curve(crypt, in,
                        hsm_bytes_of(signature.data + first_len, signature.len - first_len));
}

static hsm_err check_len(const hsm_crypt *crypt, hsm_bytes signature)
{
    HSM_CHECK(signature.len > lattice_len(crypt) && signature.len <= crypt->key->set->result_bytes,
              HSM_E_SIGNATURE_LEN);
    return HSM_OK;
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    representative message;

    HSM_TRY(represent_whole(crypt, in, &message));
    return sign(crypt, &message, out);
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    representative message;

    HSM_TRY(represent_parts(crypt, &message));
    return sign(crypt, &message, out);
}

static hsm_err verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    representative message;

    HSM_TRY(check_len(crypt, signature));
    HSM_TRY(represent_whole(crypt, in, &message));
    return verify_both(crypt, &message, signature);
}

static hsm_err verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    representative message;

    HSM_TRY(check_len(crypt, signature));
    HSM_TRY(represent_parts(crypt, &message));
    return verify_both(crypt, &message, signature);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? crypt->key->set->result_bytes : 0;
}

const hsm_family hsm_composite_sign = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .update = update,
    .final = final,
    .single = single,
    .verify = verify,
    .verify_final = verify_final,
    .result_len = result_len,
};
