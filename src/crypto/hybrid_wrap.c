/* Wrapping under a temporary AES key that an asymmetric key carries: encrypted by RSA-OAEP, or agreed
 * with a temporary key pair by ECDH. The backend has no part in it but the operations it is made of.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hybrid_wrap.h"

#include <stdlib.h>

#define SEMIBLOCK 8u

typedef struct hybrid_state {
    hsm_crypt *outer; /* RSA-OAEP */
    hsm_crypt *inner; /* AES-KWP */
    CK_ULONG kdf;     /* ECDH */
    hsm_buf shared_data;
} hybrid_state;

static void drop(void *state)
{
    hybrid_state *hybrid = state;

    if (hybrid == NULL)
        return;
    hsm_crypt_destroy(hybrid->outer);
    hsm_crypt_destroy(hybrid->inner);
    hsm_buf_clear(&hybrid->shared_data);
    free(hybrid);
}

static bool is_rsa(const hsm_crypt *crypt)
{
    return crypt->mech->alg == HSM_ALG_RSA_AES_WRAP;
}

static hsm_err make_state(hsm_crypt *crypt)
{
    hybrid_state *hybrid = calloc(1, sizeof *hybrid);

    HSM_CHECK(hybrid != NULL, HSM_E_NO_MEMORY);
    crypt->state[HSM_FAMILY_HYBRID] = hybrid; /* dropped with crypt, whatever it lacks */
    HSM_TRY(hsm_crypt_create(crypt->crypto, &hybrid->outer));
    return hsm_crypt_create(crypt->crypto, &hybrid->inner);
}

static hsm_err begin(hsm_crypt *crypt)
{
    if (crypt->state[HSM_FAMILY_HYBRID] == NULL)
        HSM_TRY(make_state(crypt));
    hybrid_state *hybrid = crypt->state[HSM_FAMILY_HYBRID];
    HSM_CHECK(hybrid->outer != NULL && hybrid->inner != NULL, HSM_E_NO_MEMORY);
    if (is_rsa(crypt))
        return hsm_crypt_begin(hybrid->outer, crypt->op, hsm_mech_by_alg(HSM_ALG_RSA_OAEP),
                               crypt->params, crypt->key);
    HSM_CHECK(crypt->key->curve != NULL && crypt->key->curve->key_type != CKK_EC_EDWARDS,
              HSM_E_KEY_TYPE);
    hybrid->kdf = crypt->params->kdf;
    hsm_buf_reset(&hybrid->shared_data);
    if (crypt->params->shared_data.len == 0)
        return HSM_OK;
    return hsm_buf_append(&hybrid->shared_data, crypt->params->shared_data);
}

static void end(void *state)
{
    hybrid_state *hybrid = state;

    if (hybrid->outer != NULL)
        hsm_crypt_end(hybrid->outer);
    if (hybrid->inner != NULL)
        hsm_crypt_forget(hybrid->inner); /* its key was for once */
}

/* How much stands before the wrapped key: the encrypted AES key, or the temporary public key. */
static size_t head_len(const hsm_crypt *crypt)
{
    return is_rsa(crypt) ? (crypt->key->bits + 7) / 8 : crypt->key->curve->point_bytes;
}

static hsm_err agree(const hsm_crypt *crypt, hsm_key *own, hsm_bytes peer, hsm_secret **out_aes)
{
    const hybrid_state *hybrid = crypt->state[HSM_FAMILY_HYBRID];
    const hsm_mech_params params = {
        .kdf = hybrid->kdf,
        .shared_data = hsm_buf_view(&hybrid->shared_data),
        .public_data = peer,
    };

    return hsm_derive_run(crypt->crypto, hsm_mech_by_alg(HSM_ALG_ECDH), &params, own,
                          crypt->kept.aes_bits / 8, out_aes);
}

/* A pair on the same curve for this one message; its public half goes out. */
static hsm_err make_agreed(const hsm_crypt *crypt, hsm_out *head, hsm_secret **out_aes)
{
    const hsm_curve *curve = crypt->key->curve;
    const hsm_key_ops *ops = crypt->crypto->backend->key_ops(curve->key_type);
    const hsm_keygen request = { .key_type = curve->key_type,
                                 .ec_params = hsm_bytes_of(curve->oid, curve->oid_len),
                                 .pair_test = HSM_PAIR_TEST_AGREEMENT };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_CHECK(ops != NULL, HSM_E_KEY_TYPE);
    HSM_TRY(ops->generate(crypt->crypto, &request, &bundle));
    HSM_CHECK(bundle.key != NULL, HSM_E_INTERNAL);
    HSM_TRY(agree(crypt, bundle.key, hsm_bytes_of(crypt->key->point, curve->point_bytes), out_aes));
    return hsm_out_put(head, bundle.parts.part[HSM_PART_POINT]);
}

static hsm_err make_encrypted(const hsm_crypt *crypt, hsm_out *head, hsm_secret **out_aes)
{
    const hybrid_state *hybrid = crypt->state[HSM_FAMILY_HYBRID];
    HSM_AUTO(hsm_secret_drop) hsm_secret *aes = NULL;

    HSM_TRY(hsm_secret_create(crypt->kept.aes_bits / 8, &aes));
    HSM_TRY(crypt->crypto->backend->random_secret(crypt->crypto, hsm_secret_data(aes),
                                                  hsm_secret_len(aes)));
    HSM_TRY(hsm_crypt_single(hybrid->outer, hsm_secret_view(aes), head));
    *out_aes = HSM_MOVE(aes);
    return HSM_OK;
}

static hsm_err decrypt_aes(const hsm_crypt *crypt, hsm_bytes head, hsm_secret **out_aes)
{
    const hybrid_state *hybrid = crypt->state[HSM_FAMILY_HYBRID];
    HSM_AUTO(hsm_secret_drop) hsm_secret *aes = NULL;

    HSM_TRY(hsm_secret_create(head.len, &aes));
    hsm_out out = hsm_out_of(hsm_secret_data(aes), hsm_secret_len(aes));
    HSM_TRY(hsm_crypt_single(hybrid->outer, head, &out));
    HSM_CHECK(out.len == crypt->kept.aes_bits / 8, HSM_E_ENCRYPTED_DATA);
    hsm_secret_shrink(aes, out.len);
    *out_aes = HSM_MOVE(aes);
    return HSM_OK;
}

static hsm_err run_inner(const hsm_crypt *crypt, const hsm_secret *aes, hsm_bytes in, hsm_out *out)
{
    static const hsm_mech_params none;
    const hybrid_state *hybrid = crypt->state[HSM_FAMILY_HYBRID];
    hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = CKK_AES };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    parts.part[HSM_PART_VALUE] = hsm_secret_view(aes);
    HSM_TRY(hsm_key_create(crypt->crypto, &parts, &key));
    hsm_err err =
        hsm_crypt_begin(hybrid->inner, crypt->op, hsm_mech_by_alg(HSM_ALG_AES_KWP), &none, key);
    if (err == HSM_OK)
        err = hsm_crypt_single(hybrid->inner, in, out);
    hsm_crypt_forget(hybrid->inner); /* before the key goes */
    return err;
}

static hsm_err wrap(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *aes = NULL;
    hsm_out head = hsm_out_of(out->data, head_len(crypt));

    HSM_TRY(is_rsa(crypt) ? make_encrypted(crypt, &head, &aes) : make_agreed(crypt, &head, &aes));
    HSM_CHECK(head.len == head_len(crypt), HSM_E_CRYPTO);
    hsm_out rest = hsm_out_of(out->data + head.len, out->cap - head.len);
    HSM_TRY(run_inner(crypt, aes, in, &rest));
    out->len = head.len + rest.len;
    return HSM_OK;
}

static hsm_err unwrap(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *aes = NULL;

    HSM_CHECK(in.len > head_len(crypt), HSM_E_ENCRYPTED_DATA_LEN);
    const hsm_bytes head = hsm_bytes_of(in.data, head_len(crypt));
    const hsm_bytes rest = hsm_bytes_of(in.data + head.len, in.len - head.len);
    HSM_TRY(is_rsa(crypt) ? decrypt_aes(crypt, head, &aes) : agree(crypt, crypt->key, head, &aes));
    return run_inner(crypt, aes, rest, out);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    if (crypt->op == HSM_OP_WRAP)
        return wrap(crypt, in, out);
    /* One answer to whatever is wrong with it. */
    const hsm_err err = unwrap(crypt, in, out);
    return err == HSM_OK || err == HSM_E_NO_MEMORY ? err : HSM_E_ENCRYPTED_DATA;
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    const size_t head = head_len(crypt);

    (void)is_last;
    if (crypt->op == HSM_OP_WRAP)
        return head + (in_len + SEMIBLOCK - 1) / SEMIBLOCK * SEMIBLOCK + SEMIBLOCK;
    return in_len < head + SEMIBLOCK ? 0 : in_len - head - SEMIBLOCK;
}

const hsm_family hsm_hybrid_wrap = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .single = single,
    .result_len = result_len,
};
