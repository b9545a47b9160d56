/* Digests.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

typedef struct hash_state {
    EVP_MD_CTX *ctx;
    bool is_dirty; /* holds part of a message */
} hash_state;

static void drop(void *state)
{
    hash_state *hash = state;

    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->ctx);
    free(hash);
}

static hsm_err make_state(hash_state **out_state)
{
    hash_state *hash = calloc(1, sizeof *hash);

    HSM_CHECK(hash != NULL, HSM_E_NO_MEMORY);
    hash->ctx = EVP_MD_CTX_new();
    if (hash->ctx == NULL) {
        free(hash);
        return HSM_E_NO_MEMORY;
    }
    *out_state = hash;
    return HSM_OK;
}

static hsm_err begin(hsm_crypt *crypt)
{
    hash_state *hash = NULL;

    crypt->kept.mac_len = hsm_hash_get(crypt->mech->hash)->len;
    if (crypt->state[HSM_FAMILY_DIGEST] != NULL)
        return HSM_OK;
    HSM_TRY(make_state(&hash));
    crypt->state[HSM_FAMILY_DIGEST] = hash;
    return HSM_OK;
}

static void end(void *state)
{
    hash_state *hash = state;

    if (hash->is_dirty)
        (void)EVP_MD_CTX_reset(hash->ctx);
    hash->is_dirty = false;
}

/* Initialising a context with the hash it had is the cheapest way to a fresh one. */
static hsm_err start(hsm_crypt *crypt, hash_state *hash)
{
    const EVP_MD *md = hsm_ossl_of(crypt->crypto)->md[crypt->mech->hash];

    if (crypt->has_parts)
        return HSM_OK;
    return hsm_ossl_done(EVP_DigestInit_ex2(hash->ctx, md, NULL), HSM_E_CRYPTO);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    hash_state *hash = crypt->state[HSM_FAMILY_DIGEST];

    (void)out;
    HSM_TRY(start(crypt, hash));
    hash->is_dirty = true;
    return hsm_ossl_done(EVP_DigestUpdate(hash->ctx, in.data, in.len), HSM_E_CRYPTO);
}

static hsm_err finish(hsm_crypt *crypt, hsm_out *out)
{
    hash_state *hash = crypt->state[HSM_FAMILY_DIGEST];

    HSM_TRY(hsm_ossl_done(EVP_DigestFinal_ex(hash->ctx, out->data, NULL), HSM_E_CRYPTO));
    hash->is_dirty = false; /* the final step wipes */
    out->len = crypt->kept.mac_len;
    return HSM_OK;
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    HSM_TRY(start(crypt, crypt->state[HSM_FAMILY_DIGEST]));
    return finish(crypt, out);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_TRY(update(crypt, in, NULL));
    return finish(crypt, out);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? crypt->kept.mac_len : 0;
}

const hsm_family hsm_ossl_digest = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .update = update,
    .final = final,
    .single = single,
    .result_len = result_len,
};
