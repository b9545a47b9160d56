/* Keys of IKEv1 (RFC 2409) and IKEv2 (RFC 7296), over OpenSSL's HMAC and CMAC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_kdf.h"
#include "crypto/backend_openssl_pkey.h"

#define PRF_MAX_BYTES 64u
/* The most pieces of one input. */
#define PIECES_MAX 5u

static void mac_drop(EVP_MAC_CTX **p)
{
    EVP_MAC_CTX_free(*p);
}

/* What one run of the function is over, piece after piece. */
typedef struct prf_input {
    hsm_bytes piece[PIECES_MAX];
    size_t count;
} prf_input;

static void add(prf_input *input, hsm_bytes piece)
{
    if (piece.len > 0 && input->count < PIECES_MAX)
        input->piece[input->count++] = piece;
}

static size_t prf_len(const hsm_kdf *kdf)
{
    return kdf->is_cmac ? 16 : hsm_hash_get(kdf->hash)->len;
}

/* The keyed context, from its start. */
static hsm_err run(EVP_MAC_CTX *mac, const prf_input *input, uint8_t *out, size_t len)
{
    size_t written = 0;

    HSM_TRY(hsm_ossl_done(EVP_MAC_init(mac, NULL, 0, NULL), HSM_E_CRYPTO));
    for (size_t i = 0; i < input->count; i++)
        HSM_TRY(hsm_ossl_done(EVP_MAC_update(mac, input->piece[i].data, input->piece[i].len),
                              HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_MAC_final(mac, out, &written, len), HSM_E_CRYPTO);
}

static hsm_bytes seed_key(const hsm_kdf *kdf)
{
    return kdf->has_seed_key ? kdf->values[0] : hsm_bytes_none();
}

/* One run, of which out gets as much as it has room for. */
static hsm_err run_once(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes key,
                        const prf_input *input, hsm_secret *out)
{
    HSM_AUTO(mac_drop) EVP_MAC_CTX *mac = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *whole = NULL;

    HSM_TRY(hsm_secret_create(PRF_MAX_BYTES, &whole));
    HSM_TRY(hsm_ossl_prf_open(crypto, kdf, key, &mac));
    HSM_TRY(run(mac, input, hsm_secret_data(whole), prf_len(kdf)));
    HSM_CHECK(hsm_secret_len(out) <= prf_len(kdf), HSM_E_KEY_SIZE);
    memcpy(hsm_secret_data(out), hsm_secret_data(whole), hsm_secret_len(out));
    return HSM_OK;
}

/* SKEYSEED, SKEYID: prf(Ni | Nr, base), prf(base, Ni | Nr) or prf(base, new key | Ni | Nr). */
static hsm_err derive_prf(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes base, hsm_secret *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *nonces = NULL;
    prf_input input = { .count = 0 };

    if (!kdf->is_data_key) {
        add(&input, seed_key(kdf));
        add(&input, kdf->data);
        add(&input, kdf->info);
        return run_once(crypto, kdf, base, &input, out);
    }
    HSM_TRY(hsm_secret_create(kdf->data.len + kdf->info.len, &nonces));
    if (kdf->data.len > 0)
        memcpy(hsm_secret_data(nonces), kdf->data.data, kdf->data.len);
    if (kdf->info.len > 0)
        memcpy(hsm_secret_data(nonces) + kdf->data.len, kdf->info.data, kdf->info.len);
    add(&input, base);
    return run_once(crypto, kdf, hsm_secret_view(nonces), &input, out);
}

/* SKEYID_d, _a, _e: prf(SKEYID, [previous |] g^xy | CKY-I | CKY-R | number) */
static hsm_err derive_ike1(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes base, hsm_secret *out)
{
    prf_input input = { .count = 0 };

    if (kdf->has_previous)
        add(&input, kdf->values[1]);
    add(&input, seed_key(kdf));
    add(&input, kdf->data);
    add(&input, kdf->info);
    add(&input, hsm_bytes_of(&kdf->key_number, 1));
    return run_once(crypto, kdf, base, &input, out);
}

/* The input of round number `round` of those that stretch. IKEv2: T(n-1) | S | n; IKEv1: K(n-1) |
 * g^xy | extra data, where a first round without any is over a zero byte. */
static prf_input stretch_input(const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes previous,
                               const uint8_t *round)
{
    static const uint8_t zero[1];
    prf_input input = { .count = 0 };

    add(&input, previous);
    add(&input, seed_key(kdf));
    add(&input, kdf->data);
    if (mech->alg == HSM_ALG_IKE2_PRF_PLUS)
        add(&input, hsm_bytes_of(round, 1));
    else if (input.count == 0)
        add(&input, hsm_bytes_of(zero, 1));
    return input;
}

static hsm_err stretch(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                       hsm_secret *out)
{
    HSM_AUTO(mac_drop) EVP_MAC_CTX *mac = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *segment = NULL;
    const size_t unit = prf_len(kdf);
    const size_t len = hsm_secret_len(out);
    uint8_t round = 0;

    HSM_CHECK(len <= 255 * unit, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_secret_create(PRF_MAX_BYTES, &segment));
    HSM_TRY(hsm_ossl_prf_open(crypto, kdf, base, &mac));
    for (size_t at = 0; at < len; at += unit) {
        const hsm_bytes previous = hsm_bytes_of(hsm_secret_data(segment), at == 0 ? 0 : unit);
        const size_t part = len - at < unit ? len - at : unit;

        round++;
        const prf_input input = stretch_input(mech, kdf, previous, &round);
        HSM_TRY(run(mac, &input, hsm_secret_data(segment), unit));
        memcpy(hsm_secret_data(out) + at, hsm_secret_data(segment), part);
    }
    return HSM_OK;
}

/* RFC 2409, appendix B: what is not longer than the function's output is the beginning of the key. */
static hsm_err derive_extended(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                               hsm_bytes base, hsm_secret *out)
{
    if (hsm_secret_len(out) > prf_len(kdf) || kdf->has_seed_key)
        return stretch(crypto, mech, kdf, base, out);
    HSM_CHECK(hsm_secret_len(out) <= base.len, HSM_E_KEY_SIZE);
    memcpy(hsm_secret_data(out), base.data, hsm_secret_len(out));
    return HSM_OK;
}

hsm_err hsm_ossl_ike(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                     hsm_secret *out)
{
    if (mech->alg == HSM_ALG_IKE_PRF)
        return derive_prf(crypto, kdf, base, out);
    if (mech->alg == HSM_ALG_IKE1_PRF)
        return derive_ike1(crypto, kdf, base, out);
    if (mech->alg == HSM_ALG_IKE1_EXTENDED)
        return derive_extended(crypto, mech, kdf, base, out);
    return stretch(crypto, mech, kdf, base, out);
}
