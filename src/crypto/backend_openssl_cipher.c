/* Ciphers without authentication: AES in ECB, CBC with and without padding, CTR, OFB, CFB; ChaCha20;
 * triple DES in ECB and CBC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

#define BLOCK HSM_AES_BLOCK_BYTES

typedef struct cipher_state {
    hsm_ossl_aes aes;
    size_t held;         /* bytes taken and not given yet: 0 .. BLOCK */
    uint64_t bytes_left; /* CTR, ChaCha20: until the counter would repeat */
    bool is_soiled;      /* the context may hold text of the last message */
} cipher_state;

static void drop(void *state)
{
    cipher_state *cipher = state;

    if (cipher == NULL)
        return;
    hsm_ossl_aes_clear(&cipher->aes);
    free(cipher);
}

static bool is_padded(const hsm_crypt *crypt)
{
    return crypt->mech->alg == HSM_ALG_AES_CBC_PAD || crypt->mech->alg == HSM_ALG_DES3_CBC_PAD;
}

static bool is_des(const hsm_crypt *crypt)
{
    const hsm_alg alg = crypt->mech->alg;

    return alg == HSM_ALG_DES3_ECB || alg == HSM_ALG_DES3_CBC || alg == HSM_ALG_DES3_CBC_PAD;
}

/* Gives a byte for each byte at once. */
static bool is_stream(const hsm_crypt *crypt)
{
    const hsm_alg alg = crypt->mech->alg;

    return alg != HSM_ALG_AES_ECB && alg != HSM_ALG_AES_CBC && alg != HSM_ALG_AES_CBC_PAD &&
           !is_des(crypt);
}

/* Of a mode that is no stream. */
static size_t block_of(const hsm_crypt *crypt)
{
    return is_des(crypt) ? BLOCK / 2 : BLOCK;
}

/* What the cipher takes as IV: the block counter, then the nonce. */
static void join_chacha_state(hsm_crypt *crypt)
{
    const hsm_mech_params *params = crypt->params;

    memcpy(crypt->kept.iv, params->context.data, params->context.len);
    memcpy(crypt->kept.iv + params->context.len, params->iv.data, params->iv.len);
    crypt->kept.iv_len = params->context.len + params->iv.len;
}

static hsm_err begin(hsm_crypt *crypt)
{
    cipher_state *cipher = crypt->state[HSM_FAMILY_CIPHER];
    bool is_new = false;

    if (cipher == NULL) {
        cipher = calloc(1, sizeof *cipher);
        HSM_CHECK(cipher != NULL, HSM_E_NO_MEMORY);
        crypt->state[HSM_FAMILY_CIPHER] = cipher;
    }
    HSM_TRY(hsm_ossl_aes_key(&cipher->aes, crypt, &is_new));
    if (is_new)
        HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_set_padding(cipher->aes.ctx, is_padded(crypt)),
                              HSM_E_CRYPTO));
    if (crypt->mech->alg == HSM_ALG_CHACHA20)
        join_chacha_state(crypt);
    return HSM_OK;
}

/* Overwrites what the context remembers of a message, keeping its key: the rest of a block, taken
 * in two parts, passes through the same place. */
static void end(void *state)
{
    static const uint8_t zeros[BLOCK];
    cipher_state *cipher = state;
    uint8_t out[2 * BLOCK];
    size_t len = 0;

    if (!cipher->is_soiled)
        return;
    if (hsm_ossl_aes_start(&cipher->aes, zeros) != HSM_OK ||
        hsm_ossl_aes_feed(&cipher->aes, hsm_bytes_of(zeros, BLOCK - 1), out, &len) != HSM_OK ||
        hsm_ossl_aes_feed(&cipher->aes, hsm_bytes_of(zeros, 1), out, &len) != HSM_OK)
        hsm_ossl_aes_clear(&cipher->aes);
    cipher->is_soiled = false;
}

/* Bytes until the lowest `bits` bits of the counter block come back to 0; the largest number where
 * that is out of reach. */
static uint64_t counter_room(const uint8_t block[BLOCK], uint32_t bits)
{
    const uint64_t most = UINT64_MAX / BLOCK;
    uint64_t to_zero = 0; /* minus the counter, modulo 2 to the power of 64 */

    for (size_t i = BLOCK - 8; i < BLOCK; i++)
        to_zero = to_zero << 8 | block[i];
    to_zero = 0 - to_zero;
    if (bits < 64) {
        to_zero &= ((uint64_t)1 << bits) - 1;
        to_zero = to_zero == 0 ? (uint64_t)1 << bits : to_zero;
        return to_zero > most ? UINT64_MAX : to_zero * BLOCK;
    }
    /* Above 64 bits the counter is near its end only if all the higher ones are set. */
    for (uint32_t bit = 64; bit < bits; bit++) {
        if ((block[BLOCK - 1 - bit / 8] >> (bit % 8) & 1) == 0)
            return UINT64_MAX;
    }
    return to_zero == 0 || to_zero > most ? UINT64_MAX : to_zero * BLOCK;
}

/* The same for ChaCha20, whose counter comes first, in little-endian. With 64 bits the end is out of
 * reach, but for a start close to it. */
static uint64_t chacha_room(const uint8_t state[BLOCK], uint32_t bits)
{
    enum { CHACHA_BLOCK = 64 };
    uint64_t counter = 0;

    for (size_t i = bits / 8; i-- > 0;)
        counter = counter << 8 | state[i];
    const uint64_t left = bits == 64 ? 0 - counter : ((uint64_t)1 << 32) - counter;
    return left == 0 || left > UINT64_MAX / CHACHA_BLOCK ? UINT64_MAX : left * CHACHA_BLOCK;
}

/* Sets the IV before the first byte. It waits until here so that a whole message can be given
 * again after a buffer that was too small. */
static hsm_err start(hsm_crypt *crypt, cipher_state *cipher)
{
    if (crypt->has_parts)
        return HSM_OK;
    cipher->held = 0;
    cipher->is_soiled = is_padded(crypt);
    if (crypt->mech->alg == HSM_ALG_AES_CTR)
        cipher->bytes_left = counter_room(crypt->kept.iv, crypt->kept.counter_bits);
    else if (crypt->mech->alg == HSM_ALG_CHACHA20)
        cipher->bytes_left = chacha_room(crypt->kept.iv, crypt->kept.counter_bits);
    else
        cipher->bytes_left = UINT64_MAX;
    return hsm_ossl_aes_start(&cipher->aes, crypt->kept.iv_len == 0 ? NULL : crypt->kept.iv);
}

static size_t held_after(const hsm_crypt *crypt, size_t total)
{
    const size_t rest = total % block_of(crypt);
    const bool keeps_last = is_padded(crypt) && !hsm_op_encrypts(crypt->op);

    if (is_stream(crypt))
        return 0;
    /* A decrypter does not know yet whether a whole block is the last one, with the padding. */
    return keeps_last && rest == 0 && total > 0 ? block_of(crypt) : rest;
}

static hsm_err feed(hsm_crypt *crypt, cipher_state *cipher, hsm_bytes in, hsm_out *out)
{
    if (is_stream(crypt)) {
        HSM_CHECK(in.len <= cipher->bytes_left, HSM_E_DATA_LEN);
        cipher->bytes_left -= in.len;
        cipher->is_soiled |= in.len % BLOCK != 0;
    }
    cipher->held = held_after(crypt, cipher->held + in.len);
    return hsm_ossl_aes_feed(&cipher->aes, in, out->data, &out->len);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    cipher_state *cipher = crypt->state[HSM_FAMILY_CIPHER];

    HSM_TRY(start(crypt, cipher));
    cipher->is_soiled = true;
    return feed(crypt, cipher, in, out);
}

/* The last block that a decrypter holds, without its padding. OpenSSL gives it as it is: its own check
 * stops at the first byte of padding that is wrong, and its time tells which. */
static hsm_err finish_padded(hsm_crypt *crypt, cipher_state *cipher, hsm_out *out)
{
    EVP_CIPHER_CTX *ctx = cipher->aes.ctx;
    const size_t block = block_of(crypt);
    uint8_t last[2 * BLOCK];
    int len = 0;

    const bool is_done = EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                         EVP_CipherFinal_ex(ctx, last, &len) == 1 && (size_t)len == block &&
                         EVP_CIPHER_CTX_set_padding(ctx, 1) == 1;
    const size_t padding = is_done ? hsm_ct_padding(last, block) : 0;
    if (padding > 0) {
        memcpy(out->data + out->len, last, block - padding);
        out->len += block - padding;
    }
    explicit_bzero(last, sizeof last);
    if (!is_done) { /* the context is in no state that is known */
        hsm_ossl_aes_clear(&cipher->aes);
        cipher->is_soiled = false;
        return hsm_ossl_cause(HSM_E_CRYPTO);
    }
    HSM_CHECK(padding > 0, HSM_E_ENCRYPTED_DATA);
    return HSM_OK;
}

/* The last block, after what out has already. */
static hsm_err finish(hsm_crypt *crypt, cipher_state *cipher, hsm_out *out)
{
    const bool encrypts = hsm_op_encrypts(crypt->op);
    int len = 0;

    if (!is_padded(crypt)) {
        HSM_CHECK(cipher->held == 0, encrypts ? HSM_E_DATA_LEN : HSM_E_ENCRYPTED_DATA_LEN);
        return HSM_OK;
    }
    HSM_CHECK(encrypts || cipher->held == block_of(crypt), HSM_E_ENCRYPTED_DATA_LEN);
    if (!encrypts)
        return finish_padded(crypt, cipher, out);
    HSM_TRY(hsm_ossl_done(EVP_CipherFinal_ex(cipher->aes.ctx, out->data + out->len, &len),
                          HSM_E_CRYPTO));
    out->len += (size_t)len;
    return HSM_OK;
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    cipher_state *cipher = crypt->state[HSM_FAMILY_CIPHER];

    HSM_TRY(start(crypt, cipher));
    out->len = 0;
    return finish(crypt, cipher, out);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    cipher_state *cipher = crypt->state[HSM_FAMILY_CIPHER];

    HSM_TRY(start(crypt, cipher));
    HSM_TRY(feed(crypt, cipher, in, out));
    return finish(crypt, cipher, out);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    const cipher_state *cipher = crypt->state[HSM_FAMILY_CIPHER];
    const size_t held = crypt->has_parts ? cipher->held : 0;
    const size_t total = held + in_len;

    if (!is_last)
        return total - held_after(crypt, total);
    if (is_stream(crypt))
        return total;
    if (!is_padded(crypt))
        return total / block_of(crypt) * block_of(crypt);
    if (hsm_op_encrypts(crypt->op))
        return (total / block_of(crypt) + 1) * block_of(crypt);
    return total == 0 ? 0 : total - 1; /* one byte of padding at least */
}

const hsm_family hsm_ossl_cipher = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .update = update,
    .final = final,
    .single = single,
    .result_len = result_len,
};
