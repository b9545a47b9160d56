/* AES key wrap: KW (RFC 3394), KWP (RFC 5649), and KW over PKCS #7 padding, a whole message at a
 * time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

#define SEMIBLOCK 8u
#define KW_MIN_BYTES (2 * SEMIBLOCK) /* SP 800-38F, 5.3.1: two semiblocks */
#define TEXT_MAX_BYTES ((size_t)1 << 30)

static const uint8_t kw_iv[SEMIBLOCK] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6 };
static const uint8_t kwp_iv[4] = { 0xa6, 0x59, 0x59, 0xa6 };

static void drop(void *state)
{
    hsm_ossl_aes *aes = state;

    if (aes == NULL)
        return;
    hsm_ossl_aes_clear(aes);
    free(aes);
}

static bool is_padded(const hsm_crypt *crypt)
{
    return crypt->mech->alg == HSM_ALG_AES_KWP;
}

static hsm_err begin(hsm_crypt *crypt)
{
    hsm_ossl_aes *aes = crypt->state[HSM_FAMILY_KEYWRAP];
    bool is_new = false;

    if (aes == NULL) {
        aes = calloc(1, sizeof *aes);
        HSM_CHECK(aes != NULL, HSM_E_NO_MEMORY);
        crypt->state[HSM_FAMILY_KEYWRAP] = aes;
    }
    return hsm_ossl_aes_key(aes, crypt, &is_new);
}

/* The context remembers an IV it was given once, so the default is given too. */
static hsm_err start(const hsm_crypt *crypt, hsm_ossl_aes *aes)
{
    if (crypt->kept.iv_len > 0)
        return hsm_ossl_aes_start(aes, crypt->kept.iv);
    return hsm_ossl_aes_start(aes, is_padded(crypt) ? kwp_iv : kw_iv);
}

static size_t round_up(size_t len)
{
    return (len + SEMIBLOCK - 1) / SEMIBLOCK * SEMIBLOCK;
}

static hsm_err run(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out, hsm_err otherwise)
{
    hsm_ossl_aes *aes = crypt->state[HSM_FAMILY_KEYWRAP];
    int len = 0;

    HSM_TRY(start(crypt, aes));
    HSM_TRY(hsm_ossl_done(EVP_CipherUpdate(aes->ctx, out->data, &len, in.data, (int)in.len),
                          otherwise));
    out->len = (size_t)len;
    return HSM_OK;
}

/* KW as an encryption takes whole semiblocks; a key is filled up with zeros (PKCS#11 v3.2,
 * AES key wrap). */
static hsm_err wrap_filled(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *filled = NULL;

    HSM_CHECK(in.len <= HSM_SECRET_MAX_BYTES - SEMIBLOCK, HSM_E_DATA_LEN);
    HSM_TRY(hsm_secret_create(round_up(in.len), &filled));
    memcpy(hsm_secret_data(filled), in.data, in.len);
    return run(crypt, hsm_secret_view(filled), out, HSM_E_CRYPTO);
}

/* KW over a text padded to whole semiblocks, always by one byte at least (PKCS#11 v3.2,
 * CKM_AES_KEY_WRAP_PKCS7). */
static hsm_err wrap_pkcs7(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *padded = NULL;

    HSM_CHECK(in.len >= SEMIBLOCK && in.len <= HSM_SECRET_MAX_BYTES - SEMIBLOCK, HSM_E_DATA_LEN);
    const size_t pad = SEMIBLOCK - in.len % SEMIBLOCK;
    HSM_TRY(hsm_secret_create(in.len + pad, &padded));
    memcpy(hsm_secret_data(padded), in.data, in.len);
    memset(hsm_secret_data(padded) + in.len, (int)pad, pad);
    return run(crypt, hsm_secret_view(padded), out, HSM_E_CRYPTO);
}

/* The wrapping is authenticated, so that the padding tells nothing that the sender did not write. */
static hsm_err unwrap_pkcs7(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_TRY(run(crypt, in, out, HSM_E_ENCRYPTED_DATA));
    HSM_CHECK(out->len >= SEMIBLOCK, HSM_E_ENCRYPTED_DATA);
    const uint8_t pad = out->data[out->len - 1];
    unsigned wrong = pad == 0 || pad > SEMIBLOCK;

    for (size_t i = 1; i <= SEMIBLOCK; i++)
        wrong |= i <= pad && out->data[out->len - i] != pad;
    HSM_CHECK(wrong == 0, HSM_E_ENCRYPTED_DATA);
    explicit_bzero(out->data + out->len - pad, pad);
    out->len -= pad;
    return HSM_OK;
}

static hsm_err wrap(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_CHECK(in.len >= 1 && in.len <= TEXT_MAX_BYTES, HSM_E_DATA_LEN);
    if (crypt->mech->alg == HSM_ALG_AES_KW_PKCS7)
        return wrap_pkcs7(crypt, in, out);
    if (is_padded(crypt))
        return run(crypt, in, out, HSM_E_CRYPTO);
    HSM_CHECK(round_up(in.len) >= KW_MIN_BYTES, HSM_E_DATA_LEN);
    if (in.len % SEMIBLOCK == 0)
        return run(crypt, in, out, HSM_E_CRYPTO);
    HSM_CHECK(crypt->op == HSM_OP_WRAP, HSM_E_DATA_LEN);
    return wrap_filled(crypt, in, out);
}

static hsm_err unwrap(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    const size_t min_len = SEMIBLOCK + (is_padded(crypt) ? SEMIBLOCK : KW_MIN_BYTES);

    HSM_CHECK(in.len >= min_len && in.len % SEMIBLOCK == 0 && in.len <= TEXT_MAX_BYTES,
              HSM_E_ENCRYPTED_DATA_LEN);
    return crypt->mech->alg == HSM_ALG_AES_KW_PKCS7 ? unwrap_pkcs7(crypt, in, out)
                                                    : run(crypt, in, out, HSM_E_ENCRYPTED_DATA);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    return hsm_op_encrypts(crypt->op) ? wrap(crypt, in, out) : unwrap(crypt, in, out);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)is_last;
    if (hsm_op_encrypts(crypt->op))
        return round_up(in_len + (crypt->mech->alg == HSM_ALG_AES_KW_PKCS7)) + SEMIBLOCK;
    return in_len < SEMIBLOCK ? 0 : in_len - SEMIBLOCK;
}

const hsm_family hsm_ossl_keywrap = {
    .drop = drop,
    .begin = begin,
    .single = single,
    .result_len = result_len,
};
