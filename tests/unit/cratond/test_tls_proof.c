/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/tls_proof.h"

#include <openssl/ec.h>
#include <openssl/x509.h>

#include "support/check.h"

typedef struct server {
    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *cert;
} server;

/* With a P-256 key and a certificate of its own. */
static bool server_make(server *out)
{
    *out = (server){ .ctx = SSL_CTX_new_ex(NULL, NULL, TLS_server_method()),
                     .key = EVP_EC_gen("P-256"),
                     .cert = X509_new() };
    X509_NAME *name = X509_get_subject_name(out->cert);

    return CHECK_THAT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                 (const unsigned char *)"server", -1, -1, 0) == 1 &&
                      X509_set_issuer_name(out->cert, name) == 1 &&
                      X509_gmtime_adj(X509_getm_notBefore(out->cert), -60) != NULL &&
                      X509_gmtime_adj(X509_getm_notAfter(out->cert), 3600) != NULL &&
                      X509_set_pubkey(out->cert, out->key) == 1 &&
                      X509_sign(out->cert, out->key, EVP_sha256()) > 0 &&
                      SSL_CTX_use_certificate(out->ctx, out->cert) == 1 &&
                      SSL_CTX_use_PrivateKey(out->ctx, out->key) == 1);
}

static void server_clear(server *on)
{
    X509_free(on->cert);
    EVP_PKEY_free(on->key);
    SSL_CTX_free(on->ctx);
}

static void one_that_serves(void)
{
    __attribute__((cleanup(server_clear))) server on;

    REQUIRE_THAT(server_make(&on));
    SSL_CTX_set_verify(on.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    CHECK_OK(tls_prove(on.ctx, NULL, false));
    CHECK_OK(tls_prove(on.ctx, NULL, true));
}

static void one_of_an_older_version(void)
{
    __attribute__((cleanup(server_clear))) server on;

    REQUIRE_THAT(server_make(&on));
    SSL_CTX_set_verify(on.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    REQUIRE_THAT(SSL_CTX_set_max_proto_version(on.ctx, TLS1_2_VERSION) == 1);
    CHECK_OK(tls_prove(on.ctx, NULL, true));
    CHECK_ERR(tls_prove(on.ctx, NULL, false), HSM_E_CRYPTO);
}

static void one_without_what_its_key_needs(void)
{
    __attribute__((cleanup(server_clear))) server on;
    char only_rsa[] = "RSA-PSS+SHA256"; /* the macro casts const away */

    REQUIRE_THAT(server_make(&on));
    REQUIRE_THAT(SSL_CTX_set1_sigalgs_list(on.ctx, only_rsa) == 1);
    CHECK_ERR(tls_prove(on.ctx, NULL, false), HSM_E_CRYPTO);
    CHECK_ERR(tls_prove(on.ctx, NULL, true), HSM_E_CRYPTO);
}

static void one_without_a_key(void)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(NULL, NULL, TLS_server_method());

    CHECK_ERR(tls_prove(ctx, NULL, true), HSM_E_CRYPTO);
    SSL_CTX_free(ctx);
}

static const check_test tests[] = {
    CHECK_TEST(one_that_serves),
    CHECK_TEST(one_of_an_older_version),
    CHECK_TEST(one_without_what_its_key_needs),
    CHECK_TEST(one_without_a_key),
};
CHECK_MAIN(tests)
