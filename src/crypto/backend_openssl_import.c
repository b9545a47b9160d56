/* Files of keys and certificates, by OpenSSL's own readers. What they give is written down again in one
 * form each, which our own readers then judge.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "crypto/backend_openssl.h"
#include "crypto/backend_openssl_encode.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/import.h"

/* What a question for a passphrase is answered from. */
typedef struct answer {
    hsm_bytes passphrase;
    bool was_asked;
} answer;

static int give_passphrase(char *room, int size, int is_writing, void *arg)
{
    answer *given = arg;

    (void)is_writing;
    given->was_asked = true;
    if (given->passphrase.len == 0 || given->passphrase.len > (size_t)size)
        return -1;
    memcpy(room, given->passphrase.data, given->passphrase.len);
    return (int)given->passphrase.len;
}

static int encode_public(const void *object, unsigned char **at)
{
    return i2d_PUBKEY(object, at);
}

static int encode_certificate(const void *object, unsigned char **at)
{
    return i2d_X509(object, at);
}

static int encode_name(const void *object, unsigned char **at)
{
    return i2d_X509_NAME(object, at);
}

static int encode_integer(const void *object, unsigned char **at)
{
    return i2d_ASN1_INTEGER(object, at);
}

static void info_drop(PKCS8_PRIV_KEY_INFO **info)
{
    PKCS8_PRIV_KEY_INFO_free(*info);
}

static hsm_err put_private(const EVP_PKEY *pkey, hsm_import_item *item)
{
    HSM_AUTO(info_drop) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    HSM_CHECK(info != NULL, HSM_E_DATA);
    return hsm_ossl_put_info(info, &item->pkcs8);
}

static hsm_err put_certificate(const X509 *certificate, hsm_import_item *item)
{
    HSM_TRY(hsm_ossl_put_der(encode_certificate, certificate, &item->der));
    HSM_TRY(hsm_ossl_put_der(encode_name, X509_get_subject_name(certificate), &item->subject));
    HSM_TRY(hsm_ossl_put_der(encode_name, X509_get_issuer_name(certificate), &item->issuer));
    return hsm_ossl_put_der(encode_integer, X509_get0_serialNumber(certificate), &item->serial);
}

/* Takes one thing of the file. The place is counted first, so that what is in it is cleared whatever
 * happens. */
static hsm_err take(const OSSL_STORE_INFO *info, hsm_import *import)
{
    const int type = OSSL_STORE_INFO_get_type(info);

    if (type != OSSL_STORE_INFO_PKEY && type != OSSL_STORE_INFO_PUBKEY &&
        type != OSSL_STORE_INFO_CERT)
        return HSM_OK; /* parameters, revocation lists: not for a token */
    HSM_CHECK(import->count < HSM_IMPORT_ITEMS_MAX, HSM_E_LIMIT);
    hsm_import_item *item = &import->items[import->count++];
    if (type == OSSL_STORE_INFO_PKEY) {
        item->kind = HSM_IMPORT_PRIVATE;
        return put_private(OSSL_STORE_INFO_get0_PKEY(info), item);
    }
    if (type == OSSL_STORE_INFO_PUBKEY) {
        item->kind = HSM_IMPORT_PUBLIC;
        return hsm_ossl_put_der(encode_public, OSSL_STORE_INFO_get0_PUBKEY(info), &item->der);
    }
    item->kind = HSM_IMPORT_CERTIFICATE;
    return put_certificate(OSSL_STORE_INFO_get0_CERT(info), item);
}

static void info_free(OSSL_STORE_INFO **info)
{
    OSSL_STORE_INFO_free(*info);
}

static hsm_err take_all(OSSL_STORE_CTX *store, hsm_import *import)
{
    while (!OSSL_STORE_eof(store)) {
        HSM_AUTO(info_free) OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL)
            HSM_TRY(take(info, import));
        else if (OSSL_STORE_error(store))
            return HSM_E_DATA;
    }
    return HSM_OK;
}

static void bio_drop(BIO **bio)
{
    BIO_free_all(*bio);
}

static void method_drop(UI_METHOD **method)
{
    UI_destroy_method(*method);
}

static void store_drop(OSSL_STORE_CTX **store)
{
    (void)OSSL_STORE_close(*store);
}

static hsm_err read_items(hsm_crypto *crypto, hsm_bytes content, answer *given, hsm_import *import)
{
    HSM_AUTO(bio_drop) BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
    HSM_AUTO(method_drop) UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
    HSM_CHECK(bio != NULL && method != NULL, HSM_E_NO_MEMORY);
    HSM_AUTO(store_drop)
    OSSL_STORE_CTX *store = OSSL_STORE_attach(bio, "file", hsm_ossl_of(crypto)->libctx, NULL,
                                              method, given, NULL, NULL, NULL);
    HSM_CHECK(store != NULL, HSM_E_DATA);
    return take_all(store, import);
}

/* Whether OpenSSL looked for an algorithm that the provider does not have: RC2 in old PKCS#12, DES. It does
 * so after the file's MAC has proved the passphrase. */
static bool is_unsupported(void)
{
    unsigned long error = 0;
    bool is = false;

    while ((error = ERR_get_error()) != 0)
        is =
            is || (ERR_GET_LIB(error) == ERR_LIB_EVP && ERR_GET_REASON(error) == ERR_R_UNSUPPORTED);
    return is;
}

hsm_err hsm_ossl_import_read(hsm_crypto *crypto, hsm_bytes content, hsm_bytes passphrase,
                             hsm_import *import)
{
    answer given = { .passphrase = passphrase };

    hsm_err err = read_items(crypto, content, &given, import);
    if (err == HSM_OK && import->count == 0)
        err = HSM_E_DATA;
    const bool is_foreign = is_unsupported();
    import->needs_passphrase = given.was_asked;
    if (err != HSM_E_DATA || !given.was_asked)
        return err;
    return is_foreign && passphrase.len > 0 ? HSM_E_NOT_SUPPORTED : HSM_E_ENCRYPTED_DATA;
}
