/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/codec.h"

struct hsm_seal {
    atomic_uint refs;
    pthread_mutex_t lock; /* guards aead */
    hsm_aead *aead;
    hsm_crypto *crypto;
    bool is_counting;
    atomic_uint_least64_t nonces; /* used, when counting */
};

hsm_err hsm_seal_create(hsm_crypto *crypto, hsm_bytes key, hsm_seal **out_seal)
{
    HSM_CHECK(key.len == HSM_AEAD_KEY_BYTES, HSM_E_ARG);

    hsm_seal *seal = calloc(1, sizeof *seal);
    HSM_CHECK(seal != NULL, HSM_E_NO_MEMORY);
    const hsm_err err = hsm_aead_create(crypto, key, &seal->aead);
    if (err != HSM_OK) {
        free(seal);
        return err;
    }
    seal->crypto = crypto;
    atomic_init(&seal->refs, 1);
    (void)pthread_mutex_init(&seal->lock, NULL);
    *out_seal = seal;
    return HSM_OK;
}

hsm_err hsm_seal_create_counting(hsm_crypto *crypto, hsm_bytes key, hsm_seal **out_seal)
{
    HSM_TRY(hsm_seal_create(crypto, key, out_seal));
    (*out_seal)->is_counting = true;
    return HSM_OK;
}

hsm_seal *hsm_seal_acquire(hsm_seal *seal)
{
    (void)atomic_fetch_add_explicit(&seal->refs, 1, memory_order_relaxed);
    return seal;
}

void hsm_seal_release(hsm_seal *seal)
{
    if (seal == NULL || atomic_fetch_sub_explicit(&seal->refs, 1, memory_order_acq_rel) != 1)
        return;
    hsm_aead_destroy(seal->aead);
    (void)pthread_mutex_destroy(&seal->lock);
    free(seal);
}

hsm_crypto *hsm_seal_crypto(const hsm_seal *seal)
{
    return seal->crypto;
}

/* SP 800-38D, 8.2.1: a counter never repeats within the life of the key; 8.2.2: 96 random bits. */
static hsm_err fresh_nonce(hsm_seal *seal, uint8_t *nonce)
{
    if (!seal->is_counting)
        return hsm_crypto_random(seal->crypto, nonce, HSM_AEAD_NONCE_BYTES);

    hsm_writer writer = hsm_writer_of(nonce, HSM_AEAD_NONCE_BYTES);
    hsm_write_u32(&writer, 0);
    hsm_write_u64(&writer, atomic_fetch_add_explicit(&seal->nonces, 1, memory_order_relaxed));
    return HSM_OK;
}

hsm_err hsm_seal_close(hsm_seal *seal, hsm_bytes aad, hsm_bytes plain, hsm_buf *out_sealed)
{
    HSM_CHECK(plain.len <= HSM_BUF_MAX_BYTES - HSM_SEAL_OVERHEAD_BYTES, HSM_E_LIMIT);
    HSM_TRY(hsm_buf_reserve(out_sealed, plain.len + HSM_SEAL_OVERHEAD_BYTES));
    uint8_t *nonce = out_sealed->data + out_sealed->len;

    HSM_TRY(fresh_nonce(seal, nonce));
    (void)pthread_mutex_lock(&seal->lock);
    const hsm_err err = hsm_aead_seal(seal->aead, nonce, aad, plain, nonce + HSM_AEAD_NONCE_BYTES);
    (void)pthread_mutex_unlock(&seal->lock);
    HSM_TRY(err);
    out_sealed->len += plain.len + HSM_SEAL_OVERHEAD_BYTES;
    return HSM_OK;
}

/* plain has room for sealed.len - HSM_SEAL_OVERHEAD_BYTES. */
static hsm_err open_into(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed, uint8_t *plain)
{
    const hsm_bytes body =
        hsm_bytes_of(sealed.data + HSM_AEAD_NONCE_BYTES, sealed.len - HSM_AEAD_NONCE_BYTES);

    (void)pthread_mutex_lock(&seal->lock);
    const hsm_err err = hsm_aead_open(seal->aead, sealed.data, aad, body, plain);
    (void)pthread_mutex_unlock(&seal->lock);
    return err == HSM_E_ENCRYPTED_DATA ? HSM_E_STORE_CORRUPT : err;
}

hsm_err hsm_seal_open(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed, hsm_secret **out_plain)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;

    HSM_CHECK(sealed.len > HSM_SEAL_OVERHEAD_BYTES, HSM_E_STORE_CORRUPT);
    HSM_CHECK(sealed.len - HSM_SEAL_OVERHEAD_BYTES <= HSM_SECRET_MAX_BYTES, HSM_E_STORE_CORRUPT);
    HSM_TRY(hsm_secret_create(sealed.len - HSM_SEAL_OVERHEAD_BYTES, &plain));
    HSM_TRY(open_into(seal, aad, sealed, hsm_secret_data(plain)));
    *out_plain = HSM_MOVE(plain);
    return HSM_OK;
}

hsm_err hsm_seal_open_public(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed, hsm_buf *out_plain)
{
    HSM_CHECK(sealed.len >= HSM_SEAL_OVERHEAD_BYTES, HSM_E_STORE_CORRUPT);
    HSM_TRY(hsm_buf_reserve(out_plain, sealed.len - HSM_SEAL_OVERHEAD_BYTES + 1));
    HSM_TRY(open_into(seal, aad, sealed, out_plain->data + out_plain->len));
    out_plain->len += sealed.len - HSM_SEAL_OVERHEAD_BYTES;
    return HSM_OK;
}
