/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/tls.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/key_uri.h"
#include "cratond/tls_files.h"
#include "cratond/tls_proof.h"
#include "cratond/tls_token.h"

/* Hybrid first: what is recorded today stays closed to a quantum computer. */
#define GROUPS "X25519MLKEM768:X25519:P-256:P-384"
#define CIPHERS_1_3 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
#define CIPHERS_1_2                                                                            \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:" \
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
/* Certificates between a client's and a trusted one. */
#define CHAIN_DEPTH_MAX 6

struct tls_library {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider;
    OSSL_PROVIDER *token_provider;
    hsm_core *core;
};

struct tls_context {
    SSL_CTX *ctx;
    uint64_t token_key_id; /* 0: the key is in a file */
};

struct tls_stream {
    SSL *ssl;
    unsigned long error; /* OpenSSL's, of the step that failed: the queue is the thread's */
};

/* --- the library and its contexts --------------------------------------------------------------- */

static void library_drop(tls_library **library)
{
    tls_library_close(*library);
}

hsm_err tls_library_open(hsm_core *core, tls_library **out_library)
{
    HSM_AUTO(library_drop) tls_library *library = calloc(1, sizeof *library);

    HSM_CHECK(library != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1,
              HSM_E_CRYPTO);
    library->libctx = OSSL_LIB_CTX_new();
    HSM_CHECK(library->libctx != NULL, HSM_E_NO_MEMORY);
    library->provider = OSSL_PROVIDER_load(library->libctx, "default");
    HSM_CHECK(library->provider != NULL, HSM_E_CRYPTO);
    HSM_TRY(tls_token_provider_load(library->libctx, &library->token_provider));
    library->core = core;
    *out_library = HSM_MOVE(library);
    return HSM_OK;
}

void tls_library_close(tls_library *library)
{
    if (library == NULL)
        return;
    if (library->token_provider != NULL)
        (void)OSSL_PROVIDER_unload(library->token_provider);
    if (library->provider != NULL)
        (void)OSSL_PROVIDER_unload(library->provider);
    OSSL_LIB_CTX_free(library->libctx);
    free(library);
}

/* The client must offer HTTP/2: anything else could not be answered. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char h2[] = { 2, 'h', '2' };
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, h2, sizeof h2, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A ticket would bring back a client without a look at the list of revoked certificates. */
static bool set_rules(SSL_CTX *ctx, bool is_1_2_allowed)
{
    char groups[] = GROUPS; /* the macro that takes it casts const away */
    const int version = is_1_2_allowed ? TLS1_2_VERSION : TLS1_3_VERSION;

    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT |
                                       SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1); /* not a read for each record's head and one for its body */
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, CIPHERS_1_3) == 1 &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) == 1;
}

static hsm_err set_clients(SSL_CTX *ctx, const hsm_config *config)
{
    const bool is_required = !config->daemon.allow_unauthenticated_tls;

    if (config->daemon.tls_client_ca == NULL) {
        if (!is_required)
            return HSM_OK;
        hsm_log(HSM_LOG_ERROR, "daemon.tls_client_ca must be set: it says which clients may come");
        return HSM_E_CONFIG;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
    HSM_TRY(tls_trust(ctx, config->daemon.tls_client_ca));
    return config->daemon.tls_client_crl != NULL ? tls_revoke(ctx, config->daemon.tls_client_crl)
                                                 : HSM_OK;
}

static void drop_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static hsm_err set_token_key(tls_context *context, const tls_library *library, const char *uri,
                             const tls_context *before)
{
    HSM_AUTO(drop_pkey) EVP_PKEY *pkey = NULL;
    token_key *key = NULL;

    if (before != NULL && before->token_key_id != 0) {
        pkey = SSL_CTX_get0_privatekey(before->ctx);
        HSM_CHECK(EVP_PKEY_up_ref(pkey) == 1, HSM_E_CRYPTO);
        context->token_key_id = before->token_key_id;
    } else {
        HSM_TRY(token_key_open(library->core, uri, &key));
        context->token_key_id = token_key_id(key);
        HSM_TRY(tls_token_pkey(library->libctx, key, &pkey));
    }
    return tls_use_pkey(context->ctx, pkey, "daemon.tls_key");
}

static hsm_err set_own(tls_context *context, const tls_library *library, const hsm_config *config,
                       const tls_context *before)
{
    const char *key = config->daemon.tls_key;

    if (config->daemon.tls_cert == NULL || key == NULL) {
        hsm_log(HSM_LOG_ERROR, "daemon.tls_cert and daemon.tls_key must be set");
        return HSM_E_CONFIG;
    }
    HSM_TRY(tls_use_chain(context->ctx, config->daemon.tls_cert));
    return hsm_key_uri_is(key) ? set_token_key(context, library, key, before)
                               : tls_use_key(context->ctx, library->libctx, key);
}

static void context_drop(tls_context **context)
{
    tls_context_destroy(*context);
}

hsm_err tls_context_create(const tls_library *library, const hsm_config *config,
                           const tls_context *before, tls_context **out_context)
{
    const bool is_1_2_allowed = config->daemon.tls_min_version == HSM_TLS_1_2;
    HSM_AUTO(context_drop) tls_context *context = calloc(1, sizeof *context);

    HSM_CHECK(context != NULL, HSM_E_NO_MEMORY);
    context->ctx = SSL_CTX_new_ex(library->libctx, NULL, TLS_server_method());
    HSM_CHECK(context->ctx != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(set_rules(context->ctx, is_1_2_allowed), HSM_E_CRYPTO);
    HSM_TRY(set_own(context, library, config, before));
    HSM_TRY(set_clients(context->ctx, config));
    if (context->token_key_id == 0) /* the token's would be used, and that recorded */
        HSM_TRY(tls_prove(context->ctx, library->libctx, is_1_2_allowed));
    *out_context = HSM_MOVE(context);
    return HSM_OK;
}

void tls_context_destroy(tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ctx);
    free(context);
}

int64_t tls_certificate_end(const tls_context *context)
{
    const X509 *cert = SSL_CTX_get0_certificate(context->ctx);
    struct tm end = { 0 };

    return ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1 ? (int64_t)timegm(&end) : 0;
}

uint64_t tls_token_key_id(const tls_context *context)
{
    return context->token_key_id;
}

/* --- one connection ----------------------------------------------------------------------------- */

hsm_err tls_stream_create(const tls_context *context, int fd, tls_stream **out_stream)
{
    tls_stream *stream = calloc(1, sizeof *stream);

    HSM_CHECK(stream != NULL, HSM_E_NO_MEMORY);
    stream->ssl = SSL_new(context->ctx);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1) {
        tls_stream_destroy(stream);
        return HSM_E_NO_MEMORY;
    }
    SSL_set_accept_state(stream->ssl);
    *out_stream = stream;
    return HSM_OK;
}

void tls_stream_destroy(tls_stream *stream)
{
    if (stream == NULL)
        return;
    SSL_free(stream->ssl);
    free(stream);
}

static tls_step step_of(tls_stream *stream, int result)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        stream->error = ERR_peek_last_error();
        return TLS_FAILED;
    }
}

tls_step tls_handshake(tls_stream *stream)
{
    ERR_clear_error();
    return step_of(stream, SSL_do_handshake(stream->ssl));
}

tls_step tls_read(tls_stream *stream, uint8_t *data, size_t cap, size_t *out_len)
{
    ERR_clear_error();
    return step_of(stream, SSL_read_ex(stream->ssl, data, cap, out_len));
}

bool tls_has_unread(const tls_stream *stream)
{
    return SSL_has_pending(stream->ssl) == 1;
}

tls_step tls_write(tls_stream *stream, hsm_bytes data, size_t *out_len)
{
    ERR_clear_error();
    return step_of(stream, SSL_write_ex(stream->ssl, data.data, data.len, out_len));
}

void tls_say_goodbye(tls_stream *stream)
{
    ERR_clear_error();
    (void)SSL_shutdown(stream->ssl);
    ERR_clear_error();
}

bool tls_speaks_h2(const tls_stream *stream)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(stream->ssl, &name, &len);
    return hsm_bytes_equal(hsm_bytes_of(name, len), hsm_bytes_of_text("h2"));
}

const char *tls_group(tls_stream *stream)
{
    const char *name = SSL_get0_group_name(stream->ssl);

    return name != NULL ? name : "none";
}

const char *tls_reason(tls_stream *stream, char *room, size_t room_len)
{
    const long verified = SSL_get_verify_result(stream->ssl);
    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    if (stream->error == 0)
        return "the connection was closed";
    ERR_error_string_n(stream->error, room, room_len);
    return room;
}

/* --- whose certificate it is -------------------------------------------------------------------- */

static void drop_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static void drop_bio(BIO **bio)
{
    BIO_free(*bio);
}

static hsm_err add_alternatives(const GENERAL_NAMES *names, int type, const char *kind,
                                peer_names *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != type)
            continue;
        HSM_TRY(peer_names_add(out, kind,
                               hsm_bytes_of(ASN1_STRING_get0_data(name->d.ia5),
                                            (size_t)ASN1_STRING_length(name->d.ia5))));
    }
    return HSM_OK;
}

static hsm_err add_subject(X509 *cert, peer_names *out)
{
    HSM_AUTO(drop_bio) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    HSM_CHECK(bio != NULL, HSM_E_NO_MEMORY);
    if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
                           (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)) <= 0)
        return HSM_OK; /* an empty subject is no name */
    const long len = BIO_get_mem_data(bio, &text);
    return peer_names_add(out, "subject:", hsm_bytes_of(text, (size_t)len));
}

hsm_err tls_peer(tls_stream *stream, peer_names *out_names)
{
    X509 *cert = SSL_get0_peer_certificate(stream->ssl);

    if (cert == NULL)
        return peer_names_add(out_names, "anonymous", hsm_bytes_none());
    HSM_AUTO(drop_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names != NULL) {
        HSM_TRY(add_alternatives(names, GEN_URI, "uri:", out_names));
        HSM_TRY(add_alternatives(names, GEN_DNS, "dns:", out_names));
    }
    HSM_TRY(add_subject(cert, out_names));
    return out_names->count > 0 ? HSM_OK : HSM_E_DATA;
}

static void drop_store_ctx(X509_STORE_CTX **ctx)
{
    X509_STORE_CTX_free(*ctx);
}

bool tls_is_still_trusted(const tls_context *context, tls_stream *stream)
{
    X509 *cert = SSL_get0_peer_certificate(stream->ssl);
    HSM_AUTO(drop_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (cert == NULL)
        return (SSL_CTX_get_verify_mode(context->ctx) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0;
    if (ctx == NULL || X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(context->ctx), cert,
                                           SSL_get_peer_cert_chain(stream->ssl)) != 1)
        return false;
    (void)X509_STORE_CTX_set_default(ctx, "ssl_client");
    const bool is_trusted = X509_verify_cert(ctx) == 1;
    ERR_clear_error();
    return is_trusted;
}
