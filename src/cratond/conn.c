/* One connection: its socket, its handshake, what it reads and writes, its end.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "cratond/internal.h"
#include "cratond/refusal.h"
#include "os/file.h"

#define MS_PER_SEC 1000
/* Reads of one connection in one turn: the others want theirs. */
#define READS_MAX 8
/* A frame has at most this: nghttp2 hands out whole ones. */
#define FRAME_ROOM_BYTES ((size_t)16 * 1024 + 256)
#define REASON_MAX_BYTES 256
#define TLS_RECORD_BYTES ((size_t)16 * 1024)

/* --- reading and writing what the socket takes -------------------------------------------------- */

static tls_step step_of_errno(void)
{
    return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : TLS_FAILED;
}

static tls_step plain_read(const conn *on, uint8_t *data, size_t cap, size_t *out_len)
{
    const ssize_t len = read(on->fd, data, cap);

    if (len < 0)
        return step_of_errno();
    *out_len = (size_t)len;
    return len == 0 ? TLS_CLOSED : TLS_DONE;
}

static tls_step plain_write(const conn *on, hsm_bytes data, size_t *out_len)
{
    const ssize_t len = send(on->fd, data.data, data.len, MSG_NOSIGNAL);

    if (len < 0)
        return step_of_errno() == TLS_FAILED ? TLS_FAILED : TLS_WANT_WRITE;
    *out_len = (size_t)len;
    return TLS_DONE;
}

static void want_events(conn *on)
{
    server_change_fd(on->server, on->fd, EPOLLIN | (on->wants_write ? EPOLLOUT : 0), &on->source);
}

/* --- end ---------------------------------------------------------------------------------------- */

static void conn_free(conn *on)
{
    server *of = on->server;

    if (on->next != NULL)
        on->next->prev = on->prev;
    if (on->prev != NULL)
        on->prev->next = on->next;
    else
        of->conns = on->next;
    of->conn_count--;
    conn_shake_over(on);
    if (on->client != NULL)
        client_leave(on->client);
    hsm_buf_clear(&on->out);
    free(on);
}

void conn_settle(conn *on)
{
    if (on->is_reaped && on->call_count == 0)
        conn_free(on);
}

void conn_close(conn *on)
{
    if (on->state == CONN_CLOSED)
        return;
    on->state = CONN_CLOSED;
    on->next_grave = on->server->graves;
    on->server->graves = on;
}

static void forget_unread(conn *on)
{
    conn **at = &on->server->unread;

    while (*at != NULL && *at != on)
        at = &(*at)->next_unread;
    if (*at != NULL)
        *at = on->next_unread;
}

void conn_reap(conn *on)
{
    call *next = NULL;

    timers_stop(&on->server->timers, &on->timer);
    on->is_reap_due = on->is_shaking;
    if (on->is_shaking)
        return;
    if (on->has_unread)
        forget_unread(on);
    if (on->tls != NULL)
        tls_say_goodbye(on->tls);
    tls_stream_destroy(on->tls);
    on->tls = NULL;
    hsm_fd_drop(&on->fd); /* epoll forgets it */
    for (call *of = on->calls; of != NULL; of = next) {
        next = of->next;
        if (!of->is_gone)
            call_on_close(of);
    }
    while (on->sessions != NULL)
        session_close(on->sessions); /* takes itself off the list */
    nghttp2_session_del(on->h2);
    on->h2 = NULL;
    on->is_reaped = true;
    conn_settle(on);
}

static void on_timer(void *owner)
{
    conn *on = owner;
    const server *of = on->server;
    const int64_t idle_ms = (int64_t)of->config->daemon.idle_timeout_secs * MS_PER_SEC;
    const int64_t stall_ms = (int64_t)of->config->daemon.request_timeout_secs * MS_PER_SEC;
    const int64_t quiet_ms = of->now_ms - on->active_ms;

    if (on->state == CONN_HANDSHAKE || (on->wants_write && quiet_ms >= stall_ms)) {
        hsm_log(HSM_LOG_INFO, "connection %llu: %s", (unsigned long long)on->number,
                on->state == CONN_HANDSHAKE ? "no handshake in time" : "takes nothing");
        conn_close(on);
        return;
    }
    if (idle_ms > 0 && on->call_count == 0 && quiet_ms >= idle_ms) {
        (void)nghttp2_session_terminate_session(on->h2, NGHTTP2_NO_ERROR);
        conn_touch(on);
        return;
    }
    if (on->wants_write)
        timers_set(&on->server->timers, &on->timer, on->active_ms + stall_ms);
    else if (idle_ms > 0)
        timers_set(&on->server->timers, &on->timer,
                   (on->call_count == 0 ? on->active_ms : of->now_ms) + idle_ms);
}

/* --- the beginning ------------------------------------------------------------------------------ */

static hsm_err find_names(conn *on, peer_names *out_names)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    char uid[16];

    if (on->tls != NULL)
        return tls_peer(on->tls, out_names);
    HSM_CHECK(getsockopt(on->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0, HSM_E_DATA);
    /* The socket's mode says the same; a descriptor can be handed on, who made it cannot. */
    HSM_CHECK(peer.uid == geteuid() || peer.uid == 0, HSM_E_ACTION_PROHIBITED);
    (void)snprintf(uid, sizeof uid, "%lu", (unsigned long)peer.uid);
    return peer_names_add(out_names, "uid:", hsm_bytes_of_text(uid));
}

static void refuse(const conn *on, const char *name, hsm_err err)
{
    hsm_log(HSM_LOG_WARNING, "%s: refused: %s", name, hsm_err_text(err));
    if (err == HSM_E_ACTION_PROHIBITED &&
        refusal_tell(on->server->workers, on->server->root, name, "a connection") != HSM_OK)
        hsm_log(HSM_LOG_WARNING, "%s: no entry of that in the audit log", name);
}

/* Who it is, and whether anybody with these names may come. */
static hsm_err establish(conn *on)
{
    HSM_AUTO(peer_names_clear) peer_names names = { 0 };

    if (on->tls != NULL)
        HSM_CHECK(tls_speaks_h2(on->tls), HSM_E_NOT_SUPPORTED);
    HSM_TRY(find_names(on, &names));
    const hsm_err err = client_enter(on->server->clients, &names, &on->client);
    if (err != HSM_OK)
        refuse(on, names.names[0], err);
    HSM_TRY(err);
    HSM_TRY(conn_h2_open(on));
    on->state = CONN_OPEN;
    conn_shake_over(on);
    on->active_ms = on->server->now_ms;
    on->allowance_ms = on->server->now_ms;
    on->nuisance = NUISANCE_MAX;
    on->resets = RESETS_MAX;
    timers_stop(&on->server->timers, &on->timer);
    if (on->server->config->daemon.idle_timeout_secs > 0)
        timers_set(&on->server->timers, &on->timer,
                   on->server->now_ms +
                       (int64_t)on->server->config->daemon.idle_timeout_secs * MS_PER_SEC);
    hsm_log(HSM_LOG_INFO, "connection %llu: %s, %s", (unsigned long long)on->number,
            on->client->name, on->tls != NULL ? tls_group(on->tls) : "socket");
    conn_touch(on);
    return HSM_OK;
}

void conn_shaken(conn *on, tls_step step)
{
    char room[REASON_MAX_BYTES];

    if (step == TLS_DONE) {
        if (establish(on) != HSM_OK)
            conn_close(on);
        return;
    }
    const bool wants_write = step == TLS_WANT_WRITE;
    if (wants_write != on->wants_write) {
        on->wants_write = wants_write;
        want_events(on);
    }
    if (step != TLS_CLOSED && step != TLS_FAILED)
        return;
    metrics_handshake_failed(on->server->metrics);
    hsm_log(HSM_LOG_INFO, "connection %llu: handshake failed: %s", (unsigned long long)on->number,
            tls_reason(on->tls, room, sizeof room));
    conn_close(on);
}

static void shake_hands(conn *on)
{
    if (on->tls == NULL)
        conn_shaken(on, TLS_DONE);
    else if (atomic_load(&on->server->token_key_id) == 0)
        conn_shaken(on, tls_handshake(on->tls));
    else
        conn_shake(on);
}

/* --- events ------------------------------------------------------------------------------------- */

/* Bytes may wait where epoll does not see them: then there is a next turn at once. */
static bool has_unread(const conn *on, size_t read_len)
{
    return on->tls != NULL ? tls_has_unread(on->tls) || read_len == TLS_RECORD_BYTES
                           : read_len == CONN_OUT_BYTES;
}

static void flush(conn *on);

/* What was read, with a flush wherever conn_h2.c pauses. False: the connection has come to its end. */
static bool take_frames(conn *on, hsm_bytes data)
{
    on->read_end = data.data + data.len;
    do {
        on->is_paused = false;
        on->answers = 0;
        const ssize_t taken = nghttp2_session_mem_recv(on->h2, data.data, data.len);
        if (taken < 0 || (!on->is_paused && taken != (ssize_t)data.len)) {
            (void)nghttp2_session_terminate_session(on->h2, NGHTTP2_PROTOCOL_ERROR);
            return false;
        }
        data = hsm_bytes_of(data.data + taken, data.len - (size_t)taken);
        if (on->is_paused && on->state == CONN_OPEN)
            flush(on);
    } while (on->is_paused && on->state == CONN_OPEN);
    return on->state == CONN_OPEN;
}

/* True: there is more. */
static bool read_some(conn *on)
{
    uint8_t *room = on->server->incoming;
    size_t len = 0;
    const tls_step step = on->tls != NULL ? tls_read(on->tls, room, CONN_OUT_BYTES, &len)
                                          : plain_read(on, room, CONN_OUT_BYTES, &len);

    if (step == TLS_CLOSED || step == TLS_FAILED)
        conn_close(on);
    if (step != TLS_DONE)
        return false;
    on->active_ms = on->server->now_ms;
    conn_touch(on);
    const bool is_good = take_frames(on, hsm_bytes_of(room, len));
    explicit_bzero(room, len);
    return is_good && has_unread(on, len);
}

static void read_turn(conn *on)
{
    int reads = 0;

    while (reads < READS_MAX && read_some(on))
        reads++;
    if (reads < READS_MAX || on->has_unread)
        return;
    on->has_unread = true;
    on->next_unread = on->server->unread;
    on->server->unread = on;
}

static void on_event(void *owner, uint32_t events)
{
    conn *on = owner;

    if (on->state == CONN_HANDSHAKE && !on->is_shaking)
        shake_hands(on);
    if (on->state != CONN_OPEN)
        return;
    if ((events & EPOLLOUT) != 0)
        conn_touch(on);
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        read_turn(on);
}

void conn_read_on(server *on)
{
    conn *at = HSM_MOVE(on->unread);

    while (at != NULL) {
        conn *next = at->next_unread;

        at->has_unread = false;
        if (at->state == CONN_OPEN)
            read_turn(at);
        at = next;
    }
}

void conn_touch(conn *on)
{
    if (on->is_dirty || on->state != CONN_OPEN)
        return;
    on->is_dirty = true;
    on->next_dirty = on->server->dirty;
    on->server->dirty = on;
}

void conn_accept(server *on, int take_fd, const struct sockaddr *peer)
{
    conn *made = calloc(1, sizeof *made);

    if (made != NULL) {
        made->server = on;
        made->fd = take_fd;
        made->out = HSM_BUF_WIPED;
    }
    if (made == NULL || (peer != NULL && !conn_shake_begin(made, peer))) {
        hsm_fd_drop(&take_fd);
        free(made);
        return;
    }
    made->number = ++on->conn_number;
    made->source = (loop_source){ .on_event = on_event, .owner = made };
    made->timer.fire = on_timer;
    made->timer.owner = made;
    made->next = on->conns;
    if (on->conns != NULL)
        on->conns->prev = made;
    on->conns = made;
    on->conn_count++;
    timers_set(&on->timers, &made->timer,
               on->now_ms + (int64_t)on->config->daemon.handshake_timeout_secs * MS_PER_SEC);
    if (server_watch_fd(on, take_fd, EPOLLIN, &made->source) != HSM_OK) {
        conn_close(made);
        return;
    }
    if (peer == NULL)
        shake_hands(made);
}

/* --- flushing ----------------------------------------------------------------------------------- */

/* False: the socket takes no more now, or has failed. */
static bool write_out(conn *on, hsm_bytes *data)
{
    while (data->len > 0) {
        size_t len = 0;
        const tls_step step =
            on->tls != NULL ? tls_write(on->tls, *data, &len) : plain_write(on, *data, &len);

        if (step == TLS_FAILED || step == TLS_CLOSED) {
            conn_close(on);
            return false;
        }
        if (step != TLS_DONE)
            return false;
        on->active_ms = on->server->now_ms;
        *data = hsm_bytes_of(data->data + len, data->len - len);
    }
    return true;
}

/* What an earlier flush could not write. */
static bool write_rest(conn *on)
{
    if (on->out.len == on->out_at)
        return true;
    hsm_bytes data = hsm_bytes_of(on->out.data + on->out_at, on->out.len - on->out_at);
    const bool is_done = write_out(on, &data);
    on->out_at = on->out.len - data.len;
    if (is_done) {
        hsm_buf_clear(&on->out);
        on->out_at = 0;
    }
    return is_done;
}

/* A frame lies in a buffer that nghttp2 keeps as long as the connection, and does not look at again. It
 * may have been a plaintext. */
static void forget_frame(const uint8_t *data, size_t len)
{
    explicit_bzero((uint8_t *)(uintptr_t)data, len);
}

/* Frames of nghttp2's into the scratch room; 0: there are none. */
static size_t gather(conn *on)
{
    uint8_t *room = on->server->scratch;
    size_t len = 0;

    while (CONN_OUT_BYTES - len >= FRAME_ROOM_BYTES) {
        const uint8_t *data = NULL;
        const ssize_t more = nghttp2_session_mem_send(on->h2, &data);

        if (more < 0 || (size_t)more > CONN_OUT_BYTES - len) {
            conn_close(on);
            return 0;
        }
        if (more == 0)
            break;
        memcpy(room + len, data, (size_t)more);
        forget_frame(data, (size_t)more);
        len += (size_t)more;
    }
    return len;
}

static bool write_frames(conn *on)
{
    for (;;) {
        const size_t len = gather(on);
        hsm_bytes data = hsm_bytes_of(on->server->scratch, len);

        if (len == 0)
            return true;
        const bool is_done = write_out(on, &data);
        if (!is_done && on->state == CONN_OPEN && hsm_buf_append(&on->out, data) != HSM_OK)
            conn_close(on);
        explicit_bzero(on->server->scratch, len);
        if (!is_done)
            return false;
    }
}

/* Streams whose answers have gone out go on. */
static void pump_streams(conn *on)
{
    call *next = NULL;

    on->has_pumps = false;
    for (call *of = on->calls; of != NULL; of = next) {
        next = of->next;
        if (of->wants_pump && on->state == CONN_OPEN) {
            of->wants_pump = false;
            call_pump(of);
        }
    }
}

static void flush(conn *on)
{
    const bool is_done = write_rest(on) && write_frames(on);
    if (on->state != CONN_OPEN)
        return;
    if (!is_done != on->wants_write) {
        on->wants_write = !is_done;
        want_events(on);
        if (on->wants_write)
            timers_set(&on->server->timers, &on->timer,
                       on->server->now_ms +
                           (int64_t)on->server->config->daemon.request_timeout_secs * MS_PER_SEC);
    }
    if (on->has_pumps)
        pump_streams(on);
    if (is_done && nghttp2_session_want_read(on->h2) == 0 &&
        nghttp2_session_want_write(on->h2) == 0)
        conn_close(on);
    if (is_done && on->is_draining && on->call_count == 0)
        conn_close(on);
}

void conn_flush(conn *on)
{
    on->is_dirty = false;
    if (on->state == CONN_OPEN)
        flush(on);
}

void conn_drain_notice(conn *on)
{
    if (on->state == CONN_HANDSHAKE)
        conn_close(on);
    if (on->state != CONN_OPEN)
        return;
    (void)nghttp2_submit_shutdown_notice(on->h2);
    conn_touch(on);
}

void conn_drain(conn *on)
{
    if (on->state != CONN_OPEN)
        return;
    on->is_draining = true;
    (void)nghttp2_submit_goaway(on->h2, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(on->h2), NGHTTP2_NO_ERROR,
                                NULL, 0);
    conn_touch(on);
}
