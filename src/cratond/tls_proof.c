/* OpenSSL takes an algorithm that it can't fetch for one that is not there, also when only memory was short
 * for a moment: a context made then would refuse every client for as long as it lives.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/tls_proof.h"

#include <openssl/err.h>

#include "base/log.h"

/* A flight may be larger than what has room between the two. */
#define ROUNDS_MAX 64

static void drop_ctx(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
}

static void drop_ssl(SSL **ssl)
{
    SSL_free(*ssl);
}

static bool join(SSL *client, SSL *server)
{
    BIO *near = NULL;
    BIO *far = NULL;

    if (BIO_new_bio_pair(&near, 0, &far, 0) != 1)
        return false;
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    return true;
}

static bool goes_on(SSL *ssl, int result)
{
    const int error = SSL_get_error(ssl, result);

    return result == 1 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool shake(SSL *client, SSL *server)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        const int from_client = SSL_do_handshake(client);
        if (from_client == 1)
            return true;
        if (!goes_on(client, from_client) || !goes_on(server, SSL_do_handshake(server)))
            return false;
    }
    return false;
}

static hsm_err prove_version(SSL_CTX *server_ctx, OSSL_LIB_CTX *libctx, int version)
{
    static const unsigned char h2[] = { 2, 'h', '2' };
    HSM_AUTO(drop_ctx)
    SSL_CTX *client_ctx = SSL_CTX_new_ex(libctx, NULL, TLS_client_method());

    HSM_CHECK(client_ctx != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(SSL_CTX_set_min_proto_version(client_ctx, version) == 1 &&
                  SSL_CTX_set_max_proto_version(client_ctx, version) == 1 &&
                  SSL_CTX_set_alpn_protos(client_ctx, h2, sizeof h2) == 0,
              HSM_E_NO_MEMORY);
    HSM_AUTO(drop_ssl) SSL *client = SSL_new(client_ctx);
    HSM_AUTO(drop_ssl) SSL *server = SSL_new(server_ctx);
    HSM_CHECK(client != NULL && server != NULL && join(client, server), HSM_E_NO_MEMORY);
    SSL_set_verify(server, SSL_VERIFY_NONE, NULL); /* our client has no certificate */
    return shake(client, server) ? HSM_OK : HSM_E_CRYPTO;
}

hsm_err tls_prove(SSL_CTX *server, OSSL_LIB_CTX *libctx, bool is_1_2_allowed)
{
    char reason[256];

    ERR_clear_error();
    hsm_err err = prove_version(server, libctx, TLS1_3_VERSION);
    ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
    if (err == HSM_E_CRYPTO && is_1_2_allowed)
        err = prove_version(server, libctx, TLS1_2_VERSION);
    ERR_clear_error();
    if (err == HSM_E_CRYPTO)
        hsm_log(HSM_LOG_ERROR, "no client could be served by this TLS set-up: %s", reason);
    return err;
}
