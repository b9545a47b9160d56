/* One connection of the load client: TLS, HTTP/2, and a new request for each that is answered.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define ROOM_BYTES ((size_t)64 * 1024)
#define FRAME_ROOM_BYTES ((size_t)16 * 1024 + 256)
#define WINDOW_BYTES (16 * 1024 * 1024)
/* A loopback address has that many ports; every so many connections come from another one. */
#define PER_ADDRESS 20000u

/* One stream at a time; when it is answered, the next. */
typedef struct load_slot {
    load_conn *conn;
    const load_message *message;
    size_t sent;
    size_t reply_bytes;
    bool is_ok;
    double start;
} load_slot;

struct load_conn {
    const load_options *options;
    load_tally *tally;
    int fd;
    SSL *ssl;
    nghttp2_session *h2;
    bool has_settings;
    load_slot *slots;
    uint8_t out[ROOM_BYTES]; /* from out_at on to be written */
    size_t out_len;
    size_t out_at;
};

/* --- requests ----------------------------------------------------------------------------------- */

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .namelen = strlen(name),
        .value = (uint8_t *)(uintptr_t)value,
        .valuelen = strlen(value),
    };
}

static ssize_t read_message(nghttp2_session *h2, int32_t stream_id, uint8_t *room, size_t room_len,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    load_slot *of = source->ptr;
    const size_t left = of->message->len - of->sent;
    const size_t take = left < room_len ? left : room_len;

    (void)h2;
    (void)stream_id;
    (void)user;
    memcpy(room, of->message->data + of->sent, take);
    of->sent += take;
    if (of->sent == of->message->len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)take;
}

static void ask(load_slot *of)
{
    load_conn *on = of->conn;
    const nghttp2_nv fields[] = {
        field(":method", "POST"),          field(":scheme", "https"),
        field(":path", on->options->path), field(":authority", "localhost"),
        field("te", "trailers"),           field("content-type", "application/grpc"),
    };
    const nghttp2_data_provider body = { .source = { .ptr = of }, .read_callback = read_message };

    of->sent = 0;
    of->reply_bytes = 0;
    of->is_ok = false;
    of->start = load_now(CLOCK_MONOTONIC);
    if (nghttp2_submit_request(on->h2, NULL, fields, sizeof fields / sizeof fields[0], &body, of) <
        0)
        load_fail("can't ask");
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    load_slot *of = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

    (void)flags;
    (void)user;
    if (of != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
        of->is_ok = value_len == 1 && value[0] == '0';
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t len, void *user)
{
    load_slot *of = nghttp2_session_get_stream_user_data(h2, stream_id);

    (void)flags;
    (void)data;
    (void)user;
    if (of != NULL)
        of->reply_bytes += len;
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    load_conn *on = user;

    (void)h2;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        on->has_settings = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        load_fail("the server goes away");
    return 0;
}

static void count(load_tally *tally, const load_slot *of)
{
    const double us = (load_now(CLOCK_MONOTONIC) - of->start) * 1e6;

    if (!of->is_ok || of->reply_bytes < of->conn->options->reply_min_bytes) {
        tally->failed++;
        return;
    }
    if (!tally->is_counting)
        return;
    tally->done++;
    tally->latency[us < LOAD_LATENCY_MAX_US - 1 ? (size_t)us : LOAD_LATENCY_MAX_US - 1]++;
}

static int on_close(nghttp2_session *h2, int32_t stream_id, uint32_t error, void *user)
{
    load_slot *of = nghttp2_session_get_stream_user_data(h2, stream_id);

    (void)error;
    (void)user;
    if (of == NULL)
        return 0;
    count(of->conn->tally, of);
    if (!of->conn->tally->is_over)
        ask(of);
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------ */

SSL_CTX *load_tls(const load_options *options)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_locations(ctx, options->ca, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(ctx, options->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, options->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\2h2", 3) != 0)
        load_fail("can't use the certificates");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static int connect_from(uint16_t port, unsigned number)
{
    static const int yes = 1;
    const struct sockaddr_in from = { .sin_family = AF_INET,
                                      .sin_addr.s_addr =
                                          htonl(INADDR_LOOPBACK + 1 + number / PER_ADDRESS) };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        load_fail("no socket (ulimit -n)");
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
        load_fail("can't connect");
    return fd;
}

static void open_h2(load_conn *on)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
    };
    nghttp2_session_callbacks *callbacks = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        load_fail("no memory");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    if (nghttp2_session_client_new(&on->h2, callbacks, on) != 0 ||
        nghttp2_submit_settings(on->h2, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(on->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) != 0)
        load_fail("no HTTP/2");
    nghttp2_session_callbacks_del(callbacks);
}

load_conn *load_conn_open(const load_options *options, load_tally *tally, SSL_CTX *ctx,
                          unsigned number)
{
    load_conn *on = calloc(1, sizeof *on);

    if (on == NULL)
        load_fail("no memory");
    on->options = options;
    on->tally = tally;
    on->fd = connect_from(options->port, number);
    on->ssl = SSL_new(ctx);
    if (on->ssl == NULL || SSL_set_fd(on->ssl, on->fd) != 1 || SSL_connect(on->ssl) != 1)
        load_fail("no handshake");
    open_h2(on);
    on->slots = calloc(options->streams, sizeof *on->slots);
    if (on->slots == NULL || fcntl(on->fd, F_SETFL, O_NONBLOCK) != 0)
        load_fail("no memory");
    for (unsigned i = 0; i < options->streams && options->message_count > 0; i++) {
        const size_t index = ((size_t)number * options->streams + i) % options->message_count;

        on->slots[i] = (load_slot){ .conn = on, .message = &options->messages[index] };
    }
    return on;
}

int load_conn_fd(const load_conn *on)
{
    return on->fd;
}

void load_conn_start(load_conn *on)
{
    for (unsigned i = 0; i < on->options->streams; i++)
        ask(&on->slots[i]);
}

void load_conn_close(load_conn *on)
{
    nghttp2_session_del(on->h2);
    SSL_free(on->ssl);
    (void)close(on->fd);
    free(on->slots);
    free(on);
}

/* --- reading and writing ------------------------------------------------------------------------ */

/* False: there is no more for now. */
static bool is_waiting(const load_conn *on, int result)
{
    const int error = SSL_get_error(on->ssl, result);

    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        load_fail("the server closed a connection");
    return true;
}

static void read_all(load_conn *on)
{
    static uint8_t room[ROOM_BYTES];

    for (;;) {
        size_t len = 0;
        const int result = SSL_read_ex(on->ssl, room, sizeof room, &len);

        if (result != 1 && is_waiting(on, result))
            return;
        if (nghttp2_session_mem_recv(on->h2, room, len) != (ssize_t)len)
            load_fail("that is no HTTP/2");
    }
}

static void gather(load_conn *on)
{
    while (ROOM_BYTES - on->out_len >= FRAME_ROOM_BYTES) {
        const uint8_t *data = NULL;
        const ssize_t more = nghttp2_session_mem_send(on->h2, &data);

        if (more < 0)
            load_fail("can't write HTTP/2");
        if (more == 0)
            return;
        memcpy(on->out + on->out_len, data, (size_t)more);
        on->out_len += (size_t)more;
    }
}

/* True: the socket is full. */
static bool write_all(load_conn *on)
{
    for (;;) {
        if (on->out_at == on->out_len) {
            on->out_at = on->out_len = 0;
            gather(on);
            if (on->out_len == 0)
                return false;
        }
        size_t len = 0;
        const int result =
            SSL_write_ex(on->ssl, on->out + on->out_at, on->out_len - on->out_at, &len);
        if (result != 1 && is_waiting(on, result))
            return true;
        on->out_at += len;
    }
}

bool load_conn_turn(load_conn *on)
{
    read_all(on);
    return write_all(on);
}

void load_conn_settle(load_conn *on)
{
    uint8_t room[4096];

    (void)write_all(on);
    if (fcntl(on->fd, F_SETFL, 0) != 0)
        load_fail("can't wait");
    while (!on->has_settings) {
        size_t len = 0;

        if (SSL_read_ex(on->ssl, room, sizeof room, &len) != 1 ||
            nghttp2_session_mem_recv(on->h2, room, len) != (ssize_t)len)
            load_fail("no SETTINGS");
    }
    (void)write_all(on);
    if (fcntl(on->fd, F_SETFL, O_NONBLOCK) != 0)
        load_fail("can't wait");
}
