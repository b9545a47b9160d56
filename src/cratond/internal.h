/* What the files of the daemon's loop share. Everything here belongs to the loop's thread, except the
 * part of a call that a worker has while call.is_running.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_INTERNAL_H
#define HSM_CRATOND_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <stdatomic.h>

#include "base/handle.h"
#include "config/config.h"
#include "core/core.h"
#include "cratond/client.h"
#include "cratond/frame.h"
#include "cratond/grpc_status.h"
#include "cratond/h2_memory.h"
#include "cratond/handshakes.h"
#include "cratond/metrics.h"
#include "cratond/pool.h"
#include "cratond/rpc.h"
#include "cratond/timers.h"
#include "cratond/tls.h"

/* What waits in one buffer of a call, at most: an answer of the largest size has room, and others before
 * it. */
#define CALL_BUFFER_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Of one connection. */
#define CONN_WINDOW_BYTES (4 * 1024 * 1024) /* what may be on its way to us */
#define STREAM_WINDOW_BYTES (256 * 1024)    /* the same, for one call */
#define CONN_OUT_BYTES ((size_t)64 * 1024)  /* gathered before it is written */
/* Frames that do no work: so many at once, and so many more each second and with each message. */
#define NUISANCE_MAX 2000
#define NUISANCE_PER_SEC 200
#define NUISANCE_PER_CALL 8
/* Streams that the client may reset, the same. */
#define RESETS_MAX 500
#define RESETS_PER_SEC 50
/* Bytes of answers of a stream that wait to be sent, before its next part is looked at. */
#define STREAM_OUT_MAX_BYTES ((size_t)512 * 1024)

/* Calls that have ended, kept for the next ones. */
#define CALL_SPARES_MAX 256u

#define CALL_PATH_MAX_BYTES 128u

typedef struct server server;
typedef struct conn conn;
typedef struct call call;
typedef struct session_entry session_entry;

/* --- calls (call.c, call_run.c) ------------------------------------------------------------------ */

struct call {
    conn *conn; /* lives at least as long */
    call *next; /* in the connection's list */
    call *prev;
    call *next_waiting; /* for its session */
    int32_t stream_id;
    uint64_t number; /* the request's id in logs */

    char path[CALL_PATH_MAX_BYTES];
    size_t path_len;
    size_t header_bytes;
    int64_t timeout_ms; /* grpc-timeout; -1: none */
    bool is_post;
    bool is_grpc;       /* content-type */
    bool is_compressed; /* grpc-encoding other than identity */
    bool has_bad_timeout;
    bool has_started; /* the headers are complete */

    const rpc_method *method;
    uint64_t mechanism; /* that the request named */
    bool has_mechanism;
    frame_reader reader;
    hsm_buf backlog;  /* of a stream: body bytes that came while a part was worked on */
    bool has_ended;   /* the client's half */
    bool has_message; /* a complete one waits to be worked on, or is */

    loop_timer timer;
    int64_t started_ms;
    int64_t deadline_ms; /* -1: none */

    bool is_running;        /* queued, or in a worker */
    bool is_waiting;        /* for its session */
    bool is_gone;           /* the stream is closed: the call ends when nothing runs any more */
    bool is_answered;       /* an outcome is known and on its way */
    bool has_response_head; /* :status was submitted */
    bool wants_pump;        /* what waited to be sent is sent: the stream goes on */
    bool is_ending;         /* the handler's own things of a stream are being closed */
    atomic_bool is_cancelled;
    pool_job job;
    session_entry *session;
    void *request; /* decoded; NULL for the last step of a stream */
    rpc_context context;
    call_outcome outcome_run; /* of the last step */
    call_outcome outcome;     /* of the call */
    hsm_buf out;              /* framed messages, from out_at on to be sent */
    size_t out_at;
    size_t charged; /* bytes counted against the connection */
    hsm_buf result; /* what the worker made, framed */
    arena memory;   /* last: a spare call is zeroed up to here */
};

HSM_MUST_USE hsm_err call_create(conn *on, int32_t stream_id, call **out_call);
/* At the daemon's end. */
void call_free_spares(server *on);
void call_on_header(call *on, hsm_bytes name, hsm_bytes value);
void call_on_headers_end(call *on, bool is_end);
/* Body bytes; how many of them may be granted to the client again at once. */
size_t call_on_data(call *on, hsm_bytes data);
void call_on_end(call *on);
/* The stream is closed: frees the call, or has it freed when nothing runs any more. */
void call_on_close(call *on);
/* Ends a call, unless it has an outcome. */
void call_finish(call *on, call_outcome outcome);
/* Of RPC_WATCH: one more answer. */
void call_push(call *on, const ProtobufCMessage *response);
/* The session that the call waited for is its own now. */
void call_resume(call *on);
/* call_run.c: has the message that was read, or the end of a stream, worked on, in the loop or by a
 * worker. */
void call_dispatch(call *on);
/* Goes on with a stream: the next message, if there is one and the answers are not too far behind. */
void call_pump(call *on);
/* The call has ended and its stream is closed: frees it, or has that done when it can be. */
void call_settle(call *on);
/* call_reply.c: sends outcome or messages. */
void call_reply(call *on);
void call_reply_status(call *on, int http_status);
HSM_MUST_USE bool call_charge(call *on, size_t bytes);
/* Appends to a buffer of a call. errors HSM_E_LIMIT (over CALL_BUFFER_MAX_BYTES), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err call_keep(hsm_buf *buf, hsm_bytes bytes);
void call_uncharge(call *on, size_t bytes);

/* --- connections (conn.c, conn_h2.c) -------------------------------------------------------------- */

typedef enum conn_state {
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_CLOSED, /* waits for its calls' workers */
} conn_state;

/* What a descriptor in epoll belongs to. */
typedef struct loop_source {
    void (*on_event)(void *owner, uint32_t events);
    void *owner;
} loop_source;

struct conn {
    loop_source source;
    server *server;
    conn *next;
    conn *prev;
    conn *next_dirty;
    conn *next_grave;
    conn *next_unread;
    bool has_unread; /* read up to the turn's limit: goes on in the next */
    bool is_reaped;  /* closed, and its calls know */
    bool is_dirty;   /* to be flushed at the end of the turn */
    int fd;
    conn_state state;
    tls_stream *tls; /* NULL: a Unix socket */
    conn *next_shake;
    pool_job shake_job;
    tls_step shaken;  /* what the job's step came to */
    bool is_shaking;  /* a worker has `tls` or will have; the descriptor is not watched */
    bool is_reap_due; /* when that worker is through */
    bool is_counted;  /* among the handshakes that run, under this number */
    uint32_t handshake;
    nghttp2_session *h2;
    client *client; /* after the handshake */
    loop_timer timer;
    int64_t active_ms; /* when something last came or went */
    call *calls;
    uint32_t call_count;
    uint32_t answers;        /* begun since reading was */
    const uint8_t *read_end; /* of what is being read */
    bool is_paused;          /* reading goes on after a flush */
    call *recent;            /* whose frames are being read, and its stream is open; or NULL */
    size_t bytes;            /* of messages held for this connection */
    session_entry *sessions;
    bool has_pumps; /* some call wants_pump */
    hsm_buf out;    /* what the socket did not take, from out_at on */
    size_t out_at;
    bool wants_write; /* the socket was full */
    bool is_draining;
    double nuisance; /* allowance left */
    double resets;
    int64_t allowance_ms;
    uint64_t number;
};

/* Takes the descriptor over, also when it fails. peer NULL: a Unix socket. Whose address has had its
 * share of handshakes is sent away before any work is done for it. */
void conn_accept(server *on, int take_fd, const struct sockaddr *peer);
/* conn_shake.c: counts the handshake that a new connection begins and makes its `tls`; false: its address
 * has had its share (counted, and the log hears of it), or there is no memory. */
HSM_MUST_USE bool conn_shake_begin(conn *on, const struct sockaddr *peer);
/* The handshake is over, whatever came of it; once is enough. */
void conn_shake_over(conn *on);
/* conn_shake.c: the next step of the handshake, in a worker, then conn_shaken(). */
void conn_shake(conn *on);
/* Goes on with what a step came to. */
void conn_shaken(conn *on, tls_step step);
/* Has the connection flushed at the end of the turn. */
void conn_touch(conn *on);
void conn_flush(conn *on);
/* At the end of the turn: nothing is freed while events or callbacks may still name it. */
void conn_close(conn *on);
void conn_reap(conn *on);
/* Goes on reading where the last turn's limit was reached. */
void conn_read_on(server *on);
/* After a call has gone: frees a closed connection that has none left. */
void conn_settle(conn *on);
/* First step: no new streams please. Second: those that came are finished, then it is closed. */
void conn_drain_notice(conn *on);
void conn_drain(conn *on);
/* conn_h2.c */
HSM_MUST_USE hsm_err conn_h2_open(conn *on);
/* Charges a frame that does no work; false: the connection has had enough of them. */
bool conn_may_bother(conn *on, double *allowance);
/* A message was worked on, which makes up for some of them. */
void conn_earn(conn *on);

/* --- sessions (sessions.c) -------------------------------------------------------------------------- */

struct session_entry {
    CK_ULONG handle; /* what the client calls it */
    CK_SESSION_HANDLE core_handle;
    client *client;
    conn *conn; /* with which it ends; NULL when that has gone */
    session_entry *next;
    session_entry *prev;
    uint32_t slot;
    bool is_rw;
    bool is_open;    /* the core knows it */
    bool is_busy;    /* a call has it */
    bool is_closing; /* no more calls */
    call *waiting_first;
    call **waiting_last;
    pool_job close_job;
    server *server;
    hsm_core *core;
};

/* A new session that its call has; the core does not know it yet. errors HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err session_create(conn *on, session_entry **out_session);
/* After the call that opened it. */
void session_opened(session_entry *session, const rpc_context *context);
/* Resolves for this client. errors HSM_E_SESSION_HANDLE */
HSM_MUST_USE hsm_err session_find(server *on, const client *by, uint64_t handle,
                                  session_entry **out_session);
/* Gives the session to a call, now or when those before it are through: then call_resume(). */
bool session_take(session_entry *session, call *by);
/* The call is through with it. */
void session_give(session_entry *session);
/* No call finds it any more; it is closed when the one that has it is through. */
void session_close(session_entry *session);

/* --- the daemon (server.c) --------------------------------------------------------------------------- */

typedef struct watcher {
    call *call;
    struct watcher *next;
} watcher;

struct server {
    const hsm_config *config;
    hsm_core *root;
    pool *workers;
    client_table *clients;
    hsm_handle_table *sessions;
    tls_library *tls_library;
    tls_context *tls;
    metrics *metrics;
    handshakes *handshakes;
    int64_t refusal_told_ms; /* when the log last heard of an address that begins too many */
    timers timers;
    int64_t now_ms; /* one reading a turn */
    int64_t started_ms;
    int epoll_fd;
    conn *conns;
    uint32_t conn_count;
    conn *dirty;
    conn *graves; /* to be freed at the end of the turn */
    conn *unread;
    conn *shakes_first; /* that wait for a worker, by next_shake */
    conn *shakes_last;  /* valid while there is a first */
    unsigned shakes_running;
    call *spare_calls; /* by next */
    uint32_t spare_count;
    h2_memory h2_memory;
    uint64_t conn_number;
    uint64_t call_number;
    bool
        is_stopping; /* no new connections; calls on those there are, are taken until the last GOAWAY */
    atomic_uint_least64_t
        token_key_id;              /* of the daemon's own key; 0: in no token; read by workers */
    atomic_uint sessions_open;     /* read by handlers in workers */
    atomic_uint *slot_sessions;    /* by slot */
    atomic_uint *slot_rw_sessions; /* by slot */
    watcher *watchers;
    uint8_t incoming[CONN_OUT_BYTES]; /* what was read; wiped after use */
    uint8_t scratch[CONN_OUT_BYTES];  /* what is about to be written; wiped after use */
};

/* server_open() with other workers than the configuration says. */
HSM_MUST_USE hsm_err server_open_with(const hsm_config *config, const pool_options *workers,
                                      server **out_server);
/* One turn of the loop: waits for at most so long (-1: for ever), then does what there is to do.
 * errors  HSM_E_INTERNAL */
HSM_MUST_USE hsm_err server_turn(server *of, int wait_max_ms);
/* Has a descriptor watched; events 0 keeps it, quiet. errors HSM_E_INTERNAL */
HSM_MUST_USE hsm_err server_watch_fd(server *on, int fd, uint32_t events, loop_source *source);
void server_change_fd(server *on, int fd, uint32_t events, loop_source *source);
void server_unwatch_fd(server *on, int fd);
/* scrape.c: a place where metrics are read, if one is configured.
 * errors  HSM_E_CONFIG (logged), HSM_E_NO_MEMORY */
typedef struct scrape_door scrape_door;
HSM_MUST_USE hsm_err scrape_open(server *on, scrape_door **out_door);
void scrape_close(scrape_door *door);
/* One line about a call that has ended. */
void server_log_call(server *on, const call *ended);
/* health.c: whoever watches hears of every change. */
void health_watch(server *on, call *by);
void health_unwatch(server *on, const call *by);
void health_tell(server *on, bool is_serving);

#endif
