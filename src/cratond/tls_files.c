/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "os/file.h"

static hsm_err refuse(const char *path, const char *reason)
{
    ERR_clear_error();
    hsm_log(HSM_LOG_ERROR, "%s: %s", path, reason);
    return HSM_E_CONFIG;
}

static hsm_err refuse_file(const char *path, unsigned checks, hsm_err err)
{
    char why[HSM_FILE_WHY_BYTES];

    hsm_file_why(path, checks, err, why, sizeof why);
    hsm_log(HSM_LOG_ERROR, "%s: can't be read: %s", path, why);
    return HSM_E_CONFIG;
}

static void drop_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void drop_cert(X509 **cert)
{
    X509_free(*cert);
}

static void drop_crl(X509_CRL **crl)
{
    X509_CRL_free(*crl);
}

static void drop_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static hsm_err read_public(const char *path, hsm_buf *out)
{
    const hsm_err err = hsm_file_read(path, HSM_FILE_ANY, TLS_FILE_MAX_BYTES, out);

    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    return err == HSM_OK ? HSM_OK : refuse_file(path, HSM_FILE_ANY, err);
}

/* No pass phrase is ever asked for: there is nobody to answer. */
static int no_password(char *room, int size, int is_writing, void *arg)
{
    (void)room;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

/* Calls `use` for each certificate of a PEM file. */
static hsm_err each_certificate(const char *path,
                                hsm_err (*use)(X509 *cert, size_t index, void *arg), void *arg)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    size_t index = 0;

    HSM_TRY(read_public(path, &text));
    HSM_AUTO(drop_bio) BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    HSM_CHECK(bio != NULL, HSM_E_NO_MEMORY);
    for (;; index++) {
        HSM_AUTO(drop_cert) X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);

        if (cert == NULL)
            break;
        if (use(cert, index, arg) != HSM_OK)
            return refuse(path, "holds a certificate that can't be used");
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return refuse(path, "holds something that is no certificate");
    ERR_clear_error();
    return index > 0 ? HSM_OK : refuse(path, "holds no certificate");
}

static hsm_err use_in_chain(X509 *cert, size_t index, void *arg)
{
    SSL_CTX *ctx = arg;
    const long used =
        index == 0 ? SSL_CTX_use_certificate(ctx, cert) : SSL_CTX_add1_chain_cert(ctx, cert);

    return used == 1 ? HSM_OK : HSM_E_CONFIG;
}

/* No error: this machine's clock may be what is wrong, and who looks at the date is the client. */
static void tell_validity(const SSL_CTX *ctx, const char *path)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        hsm_log(HSM_LOG_WARNING, "%s: has expired: clients will not accept it", path);
    else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        hsm_log(HSM_LOG_WARNING, "%s: is not valid yet: clients will not accept it", path);
}

hsm_err tls_use_chain(SSL_CTX *ctx, const char *path)
{
    HSM_TRY(each_certificate(path, use_in_chain, ctx));
    tell_validity(ctx, path);
    return HSM_OK;
}

hsm_err tls_use_key(SSL_CTX *ctx, OSSL_LIB_CTX *libctx, const char *path)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *text = NULL;
    const hsm_err err = hsm_file_read_secret(path, HSM_FILE_PRIVATE, TLS_KEY_MAX_BYTES, &text);

    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    if (err != HSM_OK)
        return refuse_file(path, HSM_FILE_PRIVATE, err);
    HSM_AUTO(drop_bio) BIO *bio = BIO_new_mem_buf(hsm_secret_data(text), (int)hsm_secret_len(text));
    HSM_CHECK(bio != NULL, HSM_E_NO_MEMORY);
    HSM_AUTO(drop_key)
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, no_password, NULL, libctx, NULL);
    if (key == NULL)
        return refuse(path, "holds no private key without a pass phrase");
    return tls_use_pkey(ctx, key, path);
}

hsm_err tls_use_pkey(SSL_CTX *ctx, EVP_PKEY *key, const char *name)
{
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return refuse(name, "is not the key of the certificate");
    return HSM_OK;
}

/* What OpenSSL could not make of it, for want of memory too, it keeps to itself, and trusts nobody then. */
static bool is_understood(X509 *cert)
{
    return X509_check_purpose(cert, -1, 0) == 1 && X509_get0_pubkey(cert) != NULL;
}

static hsm_err trust(X509 *cert, size_t index, void *arg)
{
    SSL_CTX *ctx = arg;

    (void)index;
    HSM_CHECK(is_understood(cert), HSM_E_CONFIG);
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) != 1)
        return HSM_E_CONFIG;
    return SSL_CTX_add_client_CA(ctx, cert) == 1 ? HSM_OK : HSM_E_CONFIG;
}

hsm_err tls_trust(SSL_CTX *ctx, const char *path)
{
    return each_certificate(path, trust, ctx);
}

/* A list with a wrong signature would keep out all clients of its issuer. Those of unknown issuers do
 * nothing. */
static bool is_of_its_issuer(X509_STORE *trusted, X509_CRL *crl)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(trusted);
    bool is_known = false;

    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

        if (cert == NULL ||
            X509_NAME_cmp(X509_get_subject_name(cert), X509_CRL_get_issuer(crl)) != 0)
            continue;
        if (X509_CRL_verify(crl, X509_get0_pubkey(cert)) == 1)
            return true;
        is_known = true;
    }
    return !is_known;
}

static hsm_err add_crl(SSL_CTX *ctx, X509_CRL *crl)
{
    HSM_CHECK(is_of_its_issuer(SSL_CTX_get_cert_store(ctx), crl), HSM_E_CONFIG);
    return X509_STORE_add_crl(SSL_CTX_get_cert_store(ctx), crl) == 1 ? HSM_OK : HSM_E_CONFIG;
}

static hsm_err revoke_pem(SSL_CTX *ctx, hsm_bytes text, size_t *out_count)
{
    HSM_AUTO(drop_bio) BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);

    HSM_CHECK(bio != NULL, HSM_E_NO_MEMORY);
    for (;;) {
        HSM_AUTO(drop_crl) X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);

        if (crl == NULL)
            break;
        HSM_TRY(add_crl(ctx, crl));
        (*out_count)++;
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? HSM_OK : HSM_E_CONFIG;
}

static hsm_err revoke_der(SSL_CTX *ctx, hsm_bytes der, size_t *out_count)
{
    const unsigned char *at = der.data;
    HSM_AUTO(drop_crl) X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);

    HSM_CHECK(crl != NULL && at == der.data + der.len, HSM_E_CONFIG);
    HSM_TRY(add_crl(ctx, crl));
    (*out_count)++;
    return HSM_OK;
}

hsm_err tls_revoke(SSL_CTX *ctx, const char *path)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    size_t count = 0;

    HSM_TRY(read_public(path, &text));
    hsm_err err = revoke_pem(ctx, hsm_buf_view(&text), &count);
    ERR_clear_error();
    if (err == HSM_OK && count == 0)
        err = revoke_der(ctx, hsm_buf_view(&text), &count);
    if (err != HSM_OK)
        return refuse(path, "holds no list of revoked certificates signed by its issuer");
    ERR_clear_error();
    return X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_CRL_CHECK) == 1
               ? HSM_OK
               : HSM_E_CRYPTO;
}
