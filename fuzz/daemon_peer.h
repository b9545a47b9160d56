/* A client's end of a connection to the daemon: sends frames, right or wrong, and requires that what
 * comes back is HTTP/2 and gRPC.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_DAEMON_PEER_H
#define FUZZ_DAEMON_PEER_H

#include <nghttp2/nghttp2.h>

#include "cratond/rpc.h"
#include "daemon_request.h"

enum { PEER_STREAMS_MAX = 64, PEER_FIELDS = 5 };

/* A stream as the client sees it. */
typedef struct peer_stream {
    int32_t id;
    const rpc_method *method; /* NULL: of none that is known */
    hsm_buf body;             /* of the answer */
    bool has_head;            /* the answer's first headers have come */
    bool is_ended;            /* our half */
    bool is_over;             /* theirs, or the stream was reset */
    bool has_status;          /* grpc-status, the one below */
    int status;
} peer_stream;

typedef struct peer {
    int fd;
    known *known;
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    int32_t next_id;
    peer_stream streams[PEER_STREAMS_MAX];
    size_t stream_count;
    hsm_buf out;  /* gathered */
    hsm_buf in;   /* came, and is not a whole frame yet */
    bool is_over; /* the daemon has ended the connection */
    bool is_odd;  /* something was sent that may keep an answer from coming */
} peer;

/* The end of a pair of sockets; takes the descriptor over. Answers teach `of`. */
peer *peer_create(int take_fd, known *of);
/* Closes its end. NULL is allowed. */
void peer_destroy(peer *on);

/* Gathers bytes, frames, the headers of a call. */
void peer_put(peer *on, const void *data, size_t len);
void peer_put_frame(peer *on, uint8_t type, uint8_t flags, int32_t stream, hsm_bytes body);
/* The connection's first bytes: with windows that no answer fills, or the usual ones. */
void peer_put_preface(peer *on, bool is_wide);
/* The headers that every call has; they borrow the texts. */
nghttp2_nv peer_field(const char *name, const char *value);
void peer_call_fields(const rpc_method *method, nghttp2_nv out[PEER_FIELDS]);
/* A block of headers. */
void peer_encode(peer *on, const nghttp2_nv *fields, size_t count, hsm_buf *out);
/* A new stream for a call, or NULL when there are too many. */
peer_stream *peer_add_stream(peer *on, const rpc_method *method);
/* A whole call of this method with this message, not framed. */
peer_stream *peer_put_call(peer *on, const rpc_method *method, hsm_bytes message);

/* Sends what is gathered, as far as it is taken. */
void peer_send(peer *on);
/* Reads and checks what has come; true: there was something. */
bool peer_receive(peer *on);
/* Requires that every call that was made in full is answered. */
void peer_require_answers(const peer *on);

#endif
