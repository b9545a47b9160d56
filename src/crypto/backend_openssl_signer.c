/* The keyed context of a signing operation, kept for the next one with the same key: a new
 * EVP_PKEY_CTX costs two per cent of a P-256 signature.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_pkey.h"

bool hsm_ossl_signer_fits(const hsm_ossl_signer *signer, const hsm_crypt *crypt)
{
    return signer->ctx != NULL && signer->key_serial == crypt->key->serial &&
           signer->mech == crypt->mech && signer->op == crypt->op;
}

hsm_err hsm_ossl_signer_renew(hsm_ossl_signer *signer, const hsm_crypt *crypt)
{
    hsm_ossl_signer_forget(signer);
    signer->ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(crypt->crypto)->libctx, crypt->key->native, NULL);
    HSM_CHECK(signer->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    signer->key_serial = crypt->key->serial;
    signer->mech = crypt->mech;
    signer->op = crypt->op;
    return HSM_OK;
}

void hsm_ossl_signer_forget(hsm_ossl_signer *signer)
{
    EVP_PKEY_CTX_free(signer->ctx);
    signer->ctx = NULL;
}

void hsm_ossl_signer_end(hsm_ossl_signer *signer)
{
    if (!signer->is_hashing)
        return;
    (void)EVP_MD_CTX_reset(signer->md); /* also wipes what was hashed so far */
    signer->is_hashing = false;
}

void hsm_ossl_signer_clear(hsm_ossl_signer *signer)
{
    hsm_ossl_signer_forget(signer);
    EVP_MD_CTX_free(signer->md);
    signer->md = NULL;
    signer->is_hashing = false;
}

hsm_err hsm_ossl_signer_hash(hsm_ossl_signer *signer, const hsm_crypt *crypt, hsm_bytes in)
{
    if (!signer->is_hashing) {
        const EVP_MD *md = hsm_ossl_of(crypt->crypto)->md[crypt->mech->hash];

        HSM_CHECK(md != NULL, HSM_E_NOT_SUPPORTED);
        if (signer->md == NULL)
            signer->md = EVP_MD_CTX_new();
        HSM_CHECK(signer->md != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
        HSM_TRY(hsm_ossl_done(EVP_DigestInit_ex2(signer->md, md, NULL), HSM_E_CRYPTO));
        signer->is_hashing = true;
    }
    return hsm_ossl_done(EVP_DigestUpdate(signer->md, in.data, in.len), HSM_E_CRYPTO);
}

hsm_err hsm_ossl_signer_finish(hsm_ossl_signer *signer, const hsm_crypt *crypt,
                               uint8_t out[HSM_HASH_MAX_BYTES])
{
    if (!signer->is_hashing) /* no part came: the empty message */
        HSM_TRY(hsm_ossl_signer_hash(signer, crypt, hsm_bytes_none()));
    signer->is_hashing = false;
    return hsm_ossl_done(EVP_DigestFinal_ex(signer->md, out, NULL), HSM_E_CRYPTO);
}

hsm_err hsm_ossl_signer_digest(hsm_ossl_signer *signer, const hsm_crypt *crypt, hsm_bytes in,
                               uint8_t room[HSM_HASH_MAX_BYTES], hsm_bytes *out_digest)
{
    if (crypt->mech->hash == HSM_HASH_NONE) {
        *out_digest = in;
        return HSM_OK;
    }
    HSM_TRY(hsm_ossl_signer_hash(signer, crypt, in));
    HSM_TRY(hsm_ossl_signer_finish(signer, crypt, room));
    *out_digest = hsm_bytes_of(room, hsm_hash_get(crypt->mech->hash)->len);
    return HSM_OK;
}
