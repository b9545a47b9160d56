/* SP 800-108 rev. 1: counter, feedback and double pipeline mode. OpenSSL's KBKDF fixes the order of
 * the input; PKCS#11 leaves it to the caller, so the loop is here, over OpenSSL's HMAC and CMAC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_kdf.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"

#define PRF_MAX_BYTES 64u

static void mac_drop(EVP_MAC_CTX **p)
{
    EVP_MAC_CTX_free(*p);
}

/* A run of the loop. */
typedef struct loop {
    const hsm_kdf *kdf;
    hsm_alg mode;
    EVP_MAC_CTX *mac;
    size_t prf_len;
    uint64_t dkm_bits[2]; /* of the keys, of the segments */
    uint64_t round;       /* i, from 1 on */
    hsm_secret *previous; /* K(i-1) or A(i); NULL in counter mode */
    size_t previous_len;
} loop;

static hsm_err open_hmac(const hsm_ossl *ossl, hsm_hash hash, hsm_bytes key, EVP_MAC_CTX **out_mac)
{
    HSM_CHECK(ossl->hmac_with[hash] != NULL, HSM_E_MECHANISM_PARAM);
    HSM_AUTO(mac_drop) EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(ossl->hmac_with[hash]);

    HSM_CHECK(mac != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_MAC_init(mac, key.data, key.len, NULL), HSM_E_CRYPTO));
    *out_mac = HSM_MOVE(mac);
    return HSM_OK;
}

static hsm_err open_cmac(const hsm_ossl *ossl, hsm_bytes key, EVP_MAC_CTX **out_mac)
{
    static const char *const ciphers[HSM_AES_SIZES] = { "AES-128-CBC", "AES-192-CBC",
                                                        "AES-256-CBC" };
    HSM_AUTO(mac_drop) EVP_MAC_CTX *mac = EVP_MAC_CTX_new(ossl->cmac);

    HSM_CHECK(mac != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(key.len == 16 || key.len == 24 || key.len == 32, HSM_E_KEY_SIZE);
    const char *name = ciphers[hsm_aes_size((uint32_t)key.len * 8)];
    const OSSL_PARAM params[] = {
        hsm_ossl_text(OSSL_MAC_PARAM_CIPHER, name),
        OSSL_PARAM_construct_end(),
    };
    HSM_TRY(hsm_ossl_done(EVP_MAC_init(mac, key.data, key.len, params), HSM_E_CRYPTO));
    *out_mac = HSM_MOVE(mac);
    return HSM_OK;
}

hsm_err hsm_ossl_prf_open(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes base,
                          EVP_MAC_CTX **out_mac)
{
    const hsm_ossl *ossl = hsm_ossl_of(crypto);

    return kdf->is_cmac ? open_cmac(ossl, base, out_mac)
                        : open_hmac(ossl, kdf->hash, base, out_mac);
}

static hsm_err put(const loop *l, hsm_bytes bytes)
{
    return hsm_ossl_done(EVP_MAC_update(l->mac, bytes.data, bytes.len), HSM_E_CRYPTO);
}

static hsm_err put_number(const loop *l, const hsm_kdf_segment *segment, uint64_t number)
{
    uint8_t bytes[8];

    HSM_CHECK(segment->width == 8 || number >> (8 * segment->width) == 0, HSM_E_KEY_SIZE);
    for (size_t i = 0; i < segment->width; i++) {
        const size_t at = segment->is_little_endian ? i : segment->width - 1 - i;

        bytes[at] = (uint8_t)(number >> (8 * i));
    }
    return put(l, hsm_bytes_of(bytes, segment->width));
}

static hsm_err put_segment(const loop *l, const hsm_kdf_segment *segment)
{
    switch (segment->piece) {
    case HSM_KDF_ITERATION:
        if (l->mode == HSM_ALG_KBKDF_COUNTER)
            return put_number(l, segment, l->round);
        return put(l, hsm_bytes_of(hsm_secret_view(l->previous).data, l->previous_len));
    case HSM_KDF_COUNTER:
        return put_number(l, segment, l->round);
    case HSM_KDF_LENGTH:
        return put_number(l, segment, l->dkm_bits[segment->counts_segments]);
    case HSM_KDF_BYTES:
        return put(l, segment->data);
    case HSM_KDF_KEY:
        return put(l, l->kdf->values[segment->handle]);
    }
    return HSM_E_INTERNAL;
}

static hsm_err restart(const loop *l)
{
    return hsm_ossl_done(EVP_MAC_init(l->mac, NULL, 0, NULL), HSM_E_CRYPTO);
}

static hsm_err finish(const loop *l, uint8_t *out)
{
    size_t len = 0;

    return hsm_ossl_done(EVP_MAC_final(l->mac, out, &len, l->prf_len), HSM_E_CRYPTO);
}

/* One segment of output. */
static hsm_err run_prf(const loop *l, uint8_t *out)
{
    HSM_TRY(restart(l));
    for (size_t i = 0; i < l->kdf->segment_count; i++)
        HSM_TRY(put_segment(l, &l->kdf->segments[i]));
    return finish(l, out);
}

/* A(1) is made from the fixed input, which takes the place of A(0). */
static hsm_err next_pipeline(loop *l)
{
    HSM_TRY(restart(l));
    if (l->round > 1) {
        HSM_TRY(put(l, hsm_bytes_of(hsm_secret_view(l->previous).data, l->previous_len)));
    } else {
        for (size_t i = 0; i < l->kdf->segment_count; i++) {
            const hsm_kdf_piece piece = l->kdf->segments[i].piece;

            if (piece != HSM_KDF_ITERATION && piece != HSM_KDF_COUNTER)
                HSM_TRY(put_segment(l, &l->kdf->segments[i]));
        }
    }
    l->previous_len = l->prf_len;
    return finish(l, hsm_secret_data(l->previous));
}

/* Room for K(i-1) or A(i), and what K(0) is. */
static hsm_err open_previous(loop *l)
{
    const size_t iv_len = l->mode == HSM_ALG_KBKDF_FEEDBACK ? l->kdf->iv.len : 0;

    HSM_TRY(hsm_secret_create(iv_len > PRF_MAX_BYTES ? iv_len : PRF_MAX_BYTES, &l->previous));
    if (iv_len > 0)
        memcpy(hsm_secret_data(l->previous), l->kdf->iv.data, iv_len);
    l->previous_len = iv_len;
    return HSM_OK;
}

/* The segment that ends the output, of which there is room for a part only. */
static hsm_err run_cut(const loop *l, uint8_t *out, size_t len)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *segment = NULL;

    HSM_TRY(hsm_secret_create(PRF_MAX_BYTES, &segment));
    HSM_TRY(run_prf(l, hsm_secret_data(segment)));
    memcpy(out, hsm_secret_data(segment), len);
    return HSM_OK;
}

static hsm_err fill(loop *l, hsm_secret *out)
{
    const size_t len = hsm_secret_len(out);

    for (size_t at = 0; at < len; at += l->prf_len) {
        uint8_t *const to = hsm_secret_data(out) + at;

        l->round++;
        if (l->mode == HSM_ALG_KBKDF_PIPELINE)
            HSM_TRY(next_pipeline(l));
        if (len - at < l->prf_len)
            return run_cut(l, to, len - at);
        HSM_TRY(run_prf(l, to));
        if (l->mode != HSM_ALG_KBKDF_FEEDBACK)
            continue;
        memcpy(hsm_secret_data(l->previous), to, l->prf_len);
        l->previous_len = l->prf_len;
    }
    return HSM_OK;
}

static void loop_clear(loop *l)
{
    EVP_MAC_CTX_free(l->mac);
    hsm_secret_destroy(l->previous);
}

hsm_err hsm_ossl_kbkdf(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                       hsm_secret *out)
{
    HSM_AUTO(loop_clear) loop l = { .kdf = kdf, .mode = mech->alg };

    l.prf_len = kdf->is_cmac ? 16 : hsm_hash_get(kdf->hash)->len;
    const size_t segments = (hsm_secret_len(out) + l.prf_len - 1) / l.prf_len;
    l.dkm_bits[0] = (uint64_t)kdf->keys_len * 8;
    l.dkm_bits[1] = (uint64_t)segments * l.prf_len * 8;
    HSM_TRY(hsm_ossl_prf_open(crypto, kdf, base, &l.mac));
    if (mech->alg != HSM_ALG_KBKDF_COUNTER) /* whose iteration is the round */
        HSM_TRY(open_previous(&l));
    return fill(&l, out);
}
