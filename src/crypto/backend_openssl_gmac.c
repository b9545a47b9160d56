/* GMAC (SP 800-38D): the tag of a GCM encryption that has associated data only.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

#define TAG_BYTES HSM_AES_BLOCK_BYTES

typedef struct gmac_state {
    hsm_ossl_aes aes;
    size_t iv_len; /* the context is set to */
} gmac_state;

static void drop(void *state)
{
    gmac_state *gmac = state;

    if (gmac == NULL)
        return;
    hsm_ossl_aes_clear(&gmac->aes);
    free(gmac);
}

static hsm_err begin(hsm_crypt *crypt)
{
    gmac_state *gmac = crypt->state[HSM_FAMILY_GMAC];
    bool is_new = false;

    if (gmac == NULL) {
        gmac = calloc(1, sizeof *gmac);
        HSM_CHECK(gmac != NULL, HSM_E_NO_MEMORY);
        crypt->state[HSM_FAMILY_GMAC] = gmac;
    }
    crypt->kept.mac_len = crypt->kept.tag_bits / 8;
    HSM_TRY(hsm_ossl_aes_key(&gmac->aes, crypt, &is_new));
    if (!is_new && gmac->iv_len == crypt->kept.iv_len)
        return HSM_OK;
    gmac->iv_len = 0;
    HSM_TRY(hsm_ossl_done(
        EVP_CIPHER_CTX_ctrl(gmac->aes.ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)crypt->kept.iv_len, NULL),
        HSM_E_MECHANISM_PARAM));
    gmac->iv_len = crypt->kept.iv_len;
    return HSM_OK;
}

static hsm_err start(hsm_crypt *crypt)
{
    gmac_state *gmac = crypt->state[HSM_FAMILY_GMAC];

    return crypt->has_parts ? HSM_OK : hsm_ossl_aes_start(&gmac->aes, crypt->kept.iv);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    gmac_state *gmac = crypt->state[HSM_FAMILY_GMAC];
    size_t none = 0;

    (void)out;
    HSM_TRY(start(crypt));
    return hsm_ossl_aes_feed(&gmac->aes, in, NULL, &none);
}

static hsm_err finish(hsm_crypt *crypt, uint8_t tag[TAG_BYTES])
{
    gmac_state *gmac = crypt->state[HSM_FAMILY_GMAC];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_BYTES),
        OSSL_PARAM_construct_end(),
    };
    uint8_t rest[HSM_AES_BLOCK_BYTES];
    int none = 0;

    HSM_TRY(hsm_ossl_done(EVP_CipherFinal_ex(gmac->aes.ctx, rest, &none), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_CIPHER_CTX_get_params(gmac->aes.ctx, params), HSM_E_CRYPTO);
}

static hsm_err give(hsm_crypt *crypt, hsm_out *out)
{
    uint8_t tag[TAG_BYTES];

    HSM_TRY(finish(crypt, tag));
    memcpy(out->data, tag, crypt->kept.mac_len);
    explicit_bzero(tag, sizeof tag);
    out->len = crypt->kept.mac_len;
    return HSM_OK;
}

static hsm_err check(hsm_crypt *crypt, hsm_bytes signature)
{
    uint8_t tag[TAG_BYTES];

    HSM_CHECK(signature.len == crypt->kept.mac_len, HSM_E_SIGNATURE_LEN);
    HSM_TRY(finish(crypt, tag));
    const bool is_equal = hsm_ct_equal(hsm_bytes_of(tag, signature.len), signature);
    explicit_bzero(tag, sizeof tag);
    return is_equal ? HSM_OK : HSM_E_SIGNATURE;
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    HSM_TRY(start(crypt));
    return give(crypt, out);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_TRY(update(crypt, in, NULL));
    return give(crypt, out);
}

static hsm_err verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    HSM_TRY(update(crypt, in, NULL));
    return check(crypt, signature);
}

static hsm_err verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    HSM_TRY(start(crypt));
    return check(crypt, signature);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? crypt->kept.mac_len : 0;
}

const hsm_family hsm_ossl_gmac = {
    .drop = drop,
    .begin = begin,
    .update = update,
    .final = final,
    .single = single,
    .verify = verify,
    .verify_final = verify_final,
    .result_len = result_len,
};
