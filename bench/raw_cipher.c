/* Encryption and key wrapping by OpenSSL.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "bench/raw.h"

enum { TAG_BYTES = 16, NONCE_BYTES = 12 };

typedef struct cipher {
    CK_MECHANISM_TYPE mechanism;
    const char *name;
    bool has_tag;
    bool wants_length; /* CCM: before the data */
} cipher;

static const cipher *cipher_of(CK_MECHANISM_TYPE mechanism)
{
    static const cipher ciphers[] = {
        { CKM_AES_GCM, "AES-256-GCM", true, false },
        { CKM_AES_CCM, "AES-256-CCM", true, true },
        { CKM_AES_CTR, "AES-256-CTR", false, false },
        { CKM_CHACHA20_POLY1305, "ChaCha20-Poly1305", true, false },
        { CKM_AES_KEY_WRAP, "AES-256-WRAP", false, false },
        { CKM_AES_KEY_WRAP_KWP, "AES-256-WRAP-PAD", false, false },
        { CKM_RSA_AES_KEY_WRAP, "AES-256-WRAP-PAD", false, false },
    };

    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        if (ciphers[i].mechanism == mechanism)
            return &ciphers[i];
    }
    return NULL;
}

static bool set_up(raw_loop *loop, const cipher *c, bool is_encryption)
{
    EVP_CIPHER *fetched = EVP_CIPHER_fetch(loop->state->libctx, c->name, NULL);
    bool is_good = false;

    loop->cipher = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX_set_flags(loop->cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    is_good = EVP_CipherInit_ex2(loop->cipher, fetched, NULL, NULL, is_encryption, NULL) == 1;
    if (c->wants_length)
        is_good =
            is_good &&
            EVP_CIPHER_CTX_ctrl(loop->cipher, EVP_CTRL_AEAD_SET_IVLEN, NONCE_BYTES, NULL) == 1 &&
            EVP_CIPHER_CTX_ctrl(loop->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, NULL) == 1;
    is_good =
        is_good && EVP_CipherInit_ex2(loop->cipher, NULL, raw_data, NULL, is_encryption, NULL) == 1;
    EVP_CIPHER_free(fetched);
    return is_good;
}

static bool set_oaep(EVP_PKEY_CTX *pkey, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(pkey, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(pkey, md) == 1;
}

static bool prepare_rsa(raw_loop *loop)
{
    loop->pkey =
        EVP_PKEY_CTX_new_from_pkey(loop->state->libctx, loop->state->key[loop->row->key], NULL);
    return EVP_PKEY_encrypt_init(loop->pkey) == 1 && set_oaep(loop->pkey, loop->md);
}

bool raw_prepare_encrypt(raw_loop *loop)
{
    const cipher *c = cipher_of(loop->row->mechanism);

    return c == NULL ? prepare_rsa(loop) : set_up(loop, c, true);
}

bool raw_encrypt(raw_loop *loop)
{
    const cipher *c = cipher_of(loop->row->mechanism);
    const int data_len = (int)loop->row->data_bytes;
    uint8_t tag[TAG_BYTES];
    int len = 0;

    if (c == NULL) {
        loop->result_len = sizeof loop->result;
        return EVP_PKEY_encrypt(loop->pkey, loop->result, &loop->result_len, raw_data,
                                loop->row->data_bytes) == 1;
    }
    return EVP_EncryptInit_ex2(loop->cipher, NULL, NULL, raw_data, NULL) == 1 &&
           (!c->wants_length || EVP_EncryptUpdate(loop->cipher, NULL, &len, NULL, data_len) == 1) &&
           EVP_EncryptUpdate(loop->cipher, loop->result, &len, raw_data, data_len) == 1 &&
           EVP_EncryptFinal_ex(loop->cipher, loop->result + len, &len) == 1 &&
           (!c->has_tag ||
            EVP_CIPHER_CTX_ctrl(loop->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1);
}

bool raw_prepare_decrypt(raw_loop *loop)
{
    return prepare_rsa(loop) && raw_encrypt(loop) && EVP_PKEY_decrypt_init(loop->pkey) == 1 &&
           set_oaep(loop->pkey, loop->md);
}

bool raw_decrypt(raw_loop *loop)
{
    uint8_t out[512];
    size_t len = sizeof out;

    return EVP_PKEY_decrypt(loop->pkey, out, &len, loop->result, loop->result_len) == 1;
}

/* --- wrapping: with RSA, a fresh AES key under OAEP and the key under that one ------------------ */

static bool is_rsa_wrap(const raw_loop *loop)
{
    return loop->row->mechanism == CKM_RSA_AES_KEY_WRAP;
}

bool raw_prepare_wrap(raw_loop *loop)
{
    return set_up(loop, cipher_of(loop->row->mechanism), true) &&
           (!is_rsa_wrap(loop) || prepare_rsa(loop));
}

bool raw_wrap(raw_loop *loop)
{
    uint8_t fresh[BENCH_SECRET_BYTES];
    const uint8_t *key = NULL;
    int len = 0;
    size_t at = 0;

    if (is_rsa_wrap(loop)) {
        at = sizeof loop->result;
        if (RAND_priv_bytes_ex(loop->state->libctx, fresh, sizeof fresh, 0) != 1 ||
            EVP_PKEY_encrypt(loop->pkey, loop->result, &at, fresh, sizeof fresh) != 1)
            return false;
        key = fresh;
    }
    const bool is_good =
        EVP_EncryptInit_ex2(loop->cipher, NULL, key, NULL, NULL) == 1 &&
        EVP_EncryptUpdate(loop->cipher, loop->result + at, &len, raw_data, BENCH_SECRET_BYTES) == 1;
    loop->result_len = at + (size_t)len;
    return is_good;
}

bool raw_prepare_unwrap(raw_loop *loop)
{
    if (!raw_prepare_wrap(loop) || !raw_wrap(loop))
        return false;
    EVP_CIPHER_CTX_free(loop->cipher);
    return set_up(loop, cipher_of(loop->row->mechanism), false) &&
           (!is_rsa_wrap(loop) ||
            (EVP_PKEY_decrypt_init(loop->pkey) == 1 && set_oaep(loop->pkey, loop->md)));
}

bool raw_unwrap(raw_loop *loop)
{
    uint8_t fresh[512];
    uint8_t out[64];
    size_t fresh_len = sizeof fresh;
    size_t at = 0;
    int len = 0;

    if (is_rsa_wrap(loop)) {
        at = (size_t)EVP_PKEY_get_size(loop->state->key[loop->row->key]);
        if (EVP_PKEY_decrypt(loop->pkey, fresh, &fresh_len, loop->result, at) != 1)
            return false;
    }
    return EVP_DecryptInit_ex2(loop->cipher, NULL, at > 0 ? fresh : NULL, NULL, NULL) == 1 &&
           EVP_DecryptUpdate(loop->cipher, out, &len, loop->result + at,
                             (int)(loop->result_len - at)) == 1;
}
