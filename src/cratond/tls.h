/* TLS of the daemon: one immutable set of certificate, key, trusted CAs and CRLs at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TLS_H
#define HSM_CRATOND_TLS_H

#include "config/config.h"
#include "core/core.h"
#include "cratond/names.h"

typedef struct tls_library tls_library;
typedef struct tls_context tls_context;
typedef struct tls_stream tls_stream;

/* OpenSSL with nothing of the host's configuration. Once for the process.
 * in      core  where the daemon's own key may live; outlives the library
 * errors  HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err tls_library_open(hsm_core *core, tls_library **out_library);
void tls_library_close(tls_library *library);

/* Reads the files that the configuration names; what is wrong is logged with the file's name. A key in
 * a token is looked for anew, with a login, unless `before` has it.
 * in      before  whose key in a token is used on; NULL: none
 * errors  HSM_E_CONFIG (a file is missing, not readable by us alone, or no certificate, key or CRL;
 *         the key is not the certificate's; no client CA where one is needed), those of
 *         token_key_open(), HSM_E_CRYPTO (no client could be served), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err tls_context_create(const tls_library *library, const hsm_config *config,
                                        const tls_context *before, tls_context **out_context);
/* When the daemon's certificate expires: seconds since 1970. */
int64_t tls_certificate_end(const tls_context *context);
/* The object that the daemon's own key is (token_key_id()); 0: it is in a file. Then a handshake is quick;
 * else it waits for the token, and the audit log's disk. */
uint64_t tls_token_key_id(const tls_context *context);
/* Streams that were made with it stay. NULL is allowed. */
void tls_context_destroy(tls_context *context);

/* The server's side of a connection on a socket; the socket stays the caller's.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err tls_stream_create(const tls_context *context, int fd, tls_stream **out_stream);
void tls_stream_destroy(tls_stream *stream);

/* What a step on a socket that does not wait came to. */
typedef enum tls_step {
    TLS_DONE,
    TLS_WANT_READ,
    TLS_WANT_WRITE,
    TLS_CLOSED, /* by the peer, in order */
    TLS_FAILED,
} tls_step;
/* thread  any, one at a time */
tls_step tls_handshake(tls_stream *stream);
tls_step tls_read(tls_stream *stream, uint8_t *data, size_t cap, size_t *out_len);
/* Whether bytes have come that tls_read() has not handed out: the socket does not tell of those. */
bool tls_has_unread(const tls_stream *stream);
tls_step tls_write(tls_stream *stream, hsm_bytes data, size_t *out_len);
/* Sends the closing alert if that is possible at once. */
void tls_say_goodbye(tls_stream *stream);

/* After the handshake: whether HTTP/2 was agreed on, and the names of the peer's certificate
 * ("anonymous" without one).
 * errors  HSM_E_DATA (no usable name in the certificate), HSM_E_NO_MEMORY */
bool tls_speaks_h2(const tls_stream *stream);
HSM_MUST_USE hsm_err tls_peer(tls_stream *stream, peer_names *out_names);
/* Whether the peer's certificate would still be accepted under another context. */
bool tls_is_still_trusted(const tls_context *context, tls_stream *stream);
/* The group of the key exchange and the reason of the last failure, for logs; borrowed. */
const char *tls_group(tls_stream *stream);
const char *tls_reason(tls_stream *stream, char *room, size_t room_len);

#endif
