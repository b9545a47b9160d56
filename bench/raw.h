/* Raw OpenSSL being measured; for raw*.c only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <openssl/evp.h>

#include "bench/rows.h"

typedef struct raw {
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *key[BENCH_KEY_COUNT];
} raw;

/* One operation, repeated: contexts are made once and used again. */
typedef struct raw_loop {
    const raw *state;
    const bench_row *row;
    EVP_PKEY_CTX *pkey;
    EVP_MD *md; /* SHA-256 */
    EVP_MD_CTX *md_ctx;
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
    EVP_KDF_CTX *kdf;
    uint8_t point[200]; /* the peer's */
    size_t point_len;
    uint8_t result[BENCH_SIGNATURE_ROOM]; /* a signature, a ciphertext, a wrapped key */
    size_t result_len;
} raw_loop;

extern const uint8_t raw_data[4096];

/* Each pair: what is made ready once (false: not supported), and one operation. */
bool raw_prepare_signature(raw_loop *loop);
bool raw_sign(raw_loop *loop);
bool raw_verify(raw_loop *loop);

bool raw_prepare_encrypt(raw_loop *loop);
bool raw_prepare_decrypt(raw_loop *loop);
bool raw_encrypt(raw_loop *loop);
bool raw_decrypt(raw_loop *loop); /* RSA only */

bool raw_prepare_wrap(raw_loop *loop);
bool raw_prepare_unwrap(raw_loop *loop);
bool raw_wrap(raw_loop *loop);
bool raw_unwrap(raw_loop *loop);

bool raw_prepare_derive(raw_loop *loop);
bool raw_derive(raw_loop *loop);
bool raw_prepare_encapsulate(raw_loop *loop);
bool raw_prepare_decapsulate(raw_loop *loop);
bool raw_encapsulate(raw_loop *loop);
bool raw_decapsulate(raw_loop *loop);

#endif
