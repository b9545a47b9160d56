/* Encrypted private keys, by OpenSSL's own writers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "crypto/backend_openssl.h"
#include "crypto/backend_openssl_encode.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/export.h"

static void info_drop(PKCS8_PRIV_KEY_INFO **info)
{
    PKCS8_PRIV_KEY_INFO_free(*info);
}

static void algorithm_drop(X509_ALGOR **algorithm)
{
    X509_ALGOR_free(*algorithm);
}

static void sealed_drop(X509_SIG **sealed)
{
    X509_SIG_free(*sealed);
}

static void pkey_drop(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void certificate_drop(X509 **certificate)
{
    X509_free(*certificate);
}

static void pkcs12_drop(PKCS12 **pkcs12)
{
    PKCS12_free(*pkcs12);
}

static int encode_sealed(const void *object, unsigned char **at)
{
    return i2d_X509_SIG(object, at);
}

static int encode_pkcs12(const void *object, unsigned char **at)
{
    return i2d_PKCS12(object, at);
}

static hsm_err read_info(hsm_bytes pkcs8, PKCS8_PRIV_KEY_INFO **out_info)
{
    const unsigned char *at = pkcs8.data;

    HSM_CHECK(pkcs8.len > 0 && pkcs8.len <= HSM_SECRET_MAX_BYTES, HSM_E_DATA);
    *out_info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    HSM_CHECK(*out_info != NULL, hsm_ossl_cause(HSM_E_DATA));
    return HSM_OK;
}

hsm_err hsm_export_pkcs8(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_bytes passphrase,
                         hsm_buf *out_der)
{
    OSSL_LIB_CTX *libctx = hsm_ossl_of(crypto)->libctx;
    const EVP_CIPHER *cipher = hsm_ossl_of(crypto)->aes[HSM_ALG_AES_CBC_PAD][HSM_AES_256];
    HSM_AUTO(info_drop) PKCS8_PRIV_KEY_INFO *info = NULL;
    HSM_AUTO(algorithm_drop) X509_ALGOR *algorithm = NULL;
    HSM_AUTO(sealed_drop) X509_SIG *sealed = NULL;

    HSM_CHECK(passphrase.len > 0 && passphrase.len <= HSM_SECRET_MAX_BYTES, HSM_E_ARG);
    HSM_TRY(read_info(pkcs8, &info));
    algorithm = PKCS5_pbe2_set_iv_ex(cipher, HSM_EXPORT_ITERATIONS, NULL, 0, NULL,
                                     NID_hmacWithSHA256, libctx);
    HSM_CHECK(algorithm != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    sealed = PKCS8_set0_pbe_ex((const char *)passphrase.data, (int)passphrase.len, info, algorithm,
                               libctx, NULL);
    HSM_CHECK(sealed != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    algorithm = NULL; /* sealed has it now */
    return hsm_ossl_put_der(encode_sealed, sealed, out_der);
}

static hsm_err make_pkcs12(hsm_crypto *crypto, const hsm_export_pkcs12_request *request,
                           PKCS12 **out_pkcs12)
{
    OSSL_LIB_CTX *libctx = hsm_ossl_of(crypto)->libctx;
    const unsigned char *at = request->certificate.data;
    HSM_AUTO(info_drop) PKCS8_PRIV_KEY_INFO *info = NULL;
    HSM_AUTO(pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_AUTO(certificate_drop) X509 *certificate = X509_new_ex(libctx, NULL);

    HSM_CHECK(certificate != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(read_info(request->pkcs8, &info));
    pkey = EVP_PKCS82PKEY_ex(info, libctx, NULL);
    HSM_CHECK(pkey != NULL, hsm_ossl_cause(HSM_E_KEY_TYPE));
    HSM_CHECK(request->certificate.len > 0 && request->certificate.len <= HSM_SECRET_MAX_BYTES &&
                  d2i_X509(&certificate, &at, (long)request->certificate.len) != NULL,
              hsm_ossl_cause(HSM_E_DATA));
    HSM_CHECK(X509_check_private_key(certificate, pkey) == 1, hsm_ossl_cause(HSM_E_KEY_TYPE));
    *out_pkcs12 = PKCS12_create_ex(request->passphrase, request->name, pkey, certificate, NULL,
                                   NID_aes_256_cbc, NID_aes_256_cbc, HSM_EXPORT_ITERATIONS,
                                   HSM_EXPORT_ITERATIONS, 0, libctx, NULL);
    HSM_CHECK(*out_pkcs12 != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

hsm_err hsm_export_pkcs12(hsm_crypto *crypto, const hsm_export_pkcs12_request *request,
                          hsm_buf *out_der)
{
    HSM_AUTO(pkcs12_drop) PKCS12 *pkcs12 = NULL;

    HSM_TRY(make_pkcs12(crypto, request, &pkcs12));
    return hsm_ossl_put_der(encode_pkcs12, pkcs12, out_der);
}

static void bio_drop(BIO **bio)
{
    BIO_free_all(*bio);
}

hsm_err hsm_export_read_pem(hsm_bytes file, const char *what, hsm_buf *out_der)
{
    HSM_AUTO(bio_drop) BIO *bio = NULL;
    unsigned char *der = NULL;
    long len = 0;

    HSM_CHECK(file.len > 0 && file.len <= HSM_SECRET_MAX_BYTES, HSM_E_DATA);
    bio = BIO_new_mem_buf(file.data, (int)file.len);
    HSM_CHECK(bio != NULL, HSM_E_NO_MEMORY);
    const int done = PEM_bytes_read_bio(&der, &len, NULL, what, bio, NULL, NULL);
    ERR_clear_error();
    HSM_CHECK(done == 1 && len > 0, HSM_E_DATA);
    const hsm_err err = hsm_buf_append(out_der, hsm_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    return err;
}

hsm_err hsm_export_open_pkcs8(hsm_crypto *crypto, hsm_bytes file, hsm_bytes passphrase,
                              hsm_secret **out_pkcs8)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf der = { 0 };
    HSM_AUTO(sealed_drop) X509_SIG *sealed = NULL;
    HSM_AUTO(info_drop) PKCS8_PRIV_KEY_INFO *info = NULL;

    HSM_CHECK(file.len > 0 && file.len <= HSM_SECRET_MAX_BYTES, HSM_E_DATA);
    if (file.data[0] == '-')
        HSM_TRY(hsm_export_read_pem(file, "ENCRYPTED PRIVATE KEY", &der));
    else
        HSM_TRY(hsm_buf_append(&der, file));
    const unsigned char *at = der.data;
    sealed = d2i_X509_SIG(NULL, &at, (long)der.len);
    if (sealed != NULL)
        info = PKCS8_decrypt_ex(sealed, (const char *)passphrase.data, (int)passphrase.len,
                                hsm_ossl_of(crypto)->libctx, NULL);
    ERR_clear_error();
    HSM_CHECK(sealed != NULL, HSM_E_DATA);
    HSM_CHECK(info != NULL, HSM_E_ENCRYPTED_DATA);
    return hsm_ossl_put_info(info, out_pkcs8);
}
