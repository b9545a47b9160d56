/* What stands before PBKDF2 (linked with --wrap): PINs and passphrases cost a thousandth of what they
 * should. Two logins a try would be nearly all that a long run spends, and what can fail in one is
 * the same at every count. The product's own programs can't open such a token.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509.h>

#include "crypto/crypto.h"

#define CHEAPER 1000

hsm_err __real_hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
                                 uint32_t iterations, hsm_secret *out);
hsm_err __wrap_hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
                                 uint32_t iterations, hsm_secret *out);
X509_ALGOR *__real_PKCS5_pbe2_set_iv_ex(const EVP_CIPHER *cipher, int iterations,
                                        unsigned char *salt, int salt_len, unsigned char *iv,
                                        int prf, OSSL_LIB_CTX *libctx);
X509_ALGOR *__wrap_PKCS5_pbe2_set_iv_ex(const EVP_CIPHER *cipher, int iterations,
                                        unsigned char *salt, int salt_len, unsigned char *iv,
                                        int prf, OSSL_LIB_CTX *libctx);

hsm_err __wrap_hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
                                 uint32_t iterations, hsm_secret *out)
{
    return __real_hsm_crypto_pbkdf2(crypto, pin, salt, iterations / CHEAPER + 1, out);
}

/* Of exported keys, in whose files the count stands. */
X509_ALGOR *__wrap_PKCS5_pbe2_set_iv_ex(const EVP_CIPHER *cipher, int iterations,
                                        unsigned char *salt, int salt_len, unsigned char *iv,
                                        int prf, OSSL_LIB_CTX *libctx)
{
    return __real_PKCS5_pbe2_set_iv_ex(cipher, iterations / CHEAPER + 1, salt, salt_len, iv, prf,
                                       libctx);
}
