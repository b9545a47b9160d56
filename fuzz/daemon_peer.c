/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cratond/frame.h"
#include "fuzz.h"

enum {
    HEAD_BYTES = 9,
    FRAME_MAX_BYTES = 16384, /* nobody is told of more */
    READ_BYTES = 65536,
    WINDOW_WIDE = 0x7fffffff - 65535,
    STATUS_MAX = 16,
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

peer *peer_create(int take_fd, known *of)
{
    peer *made = calloc(1, sizeof *made);

    FUZZ_REQUIRE(made != NULL);
    made->fd = take_fd;
    made->known = of;
    made->next_id = 1;
    FUZZ_REQUIRE(nghttp2_hd_deflate_new(&made->deflater, NGHTTP2_DEFAULT_HEADER_TABLE_SIZE) == 0);
    FUZZ_REQUIRE(nghttp2_hd_inflate_new(&made->inflater) == 0);
    return made;
}

void peer_destroy(peer *on)
{
    if (on == NULL)
        return;
    (void)close(on->fd);
    nghttp2_hd_deflate_del(on->deflater);
    nghttp2_hd_inflate_del(on->inflater);
    for (size_t i = 0; i < on->stream_count; i++)
        hsm_buf_clear(&on->streams[i].body);
    hsm_buf_clear(&on->out);
    hsm_buf_clear(&on->in);
    free(on);
}

/* --- out ------------------------------------------------------------------------------------------ */

void peer_put(peer *on, const void *data, size_t len)
{
    if (len > 0)
        FUZZ_REQUIRE(hsm_buf_append(&on->out, hsm_bytes_of(data, len)) == HSM_OK);
}

void peer_put_frame(peer *on, uint8_t type, uint8_t flags, int32_t stream, hsm_bytes body)
{
    const uint32_t id = (uint32_t)stream;
    const uint8_t head[HEAD_BYTES] = {
        (uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8), (uint8_t)body.len,  type,        flags,
        (uint8_t)(id >> 24),       (uint8_t)(id >> 16),      (uint8_t)(id >> 8), (uint8_t)id,
    };

    peer_put(on, head, sizeof head);
    peer_put(on, body.data, body.len);
}

void peer_put_preface(peer *on, bool is_wide)
{
    static const uint8_t settings[] = { 0,   NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff,
                                        0xff };
    static const uint8_t more[] = { WINDOW_WIDE >> 24, WINDOW_WIDE >> 16 & 0xff,
                                    WINDOW_WIDE >> 8 & 0xff, WINDOW_WIDE & 0xff };

    peer_put(on, preface, sizeof preface - 1);
    peer_put_frame(on, NGHTTP2_SETTINGS, 0, 0,
                   hsm_bytes_of(settings, is_wide ? sizeof settings : 0));
    if (is_wide)
        peer_put_frame(on, NGHTTP2_WINDOW_UPDATE, 0, 0, hsm_bytes_of(more, sizeof more));
    else
        on->is_odd = true;
}

void peer_encode(peer *on, const nghttp2_nv *fields, size_t count, hsm_buf *out)
{
    const size_t max = nghttp2_hd_deflate_bound(on->deflater, fields, count);

    FUZZ_REQUIRE(hsm_buf_reserve(out, max) == HSM_OK);
    const ssize_t len =
        nghttp2_hd_deflate_hd(on->deflater, out->data + out->len, max, fields, count);
    FUZZ_REQUIRE(len >= 0);
    out->len += (size_t)len;
}

static peer_stream *stream_of(peer *on, int32_t id)
{
    for (size_t i = 0; i < on->stream_count; i++) {
        if (on->streams[i].id == id)
            return &on->streams[i];
    }
    return NULL;
}

static peer_stream *add_stream(peer *on, int32_t id, const rpc_method *method)
{
    if (on->stream_count == PEER_STREAMS_MAX)
        return NULL;
    peer_stream *made = &on->streams[on->stream_count++];
    *made = (peer_stream){ .id = id, .method = method };
    return made;
}

peer_stream *peer_add_stream(peer *on, const rpc_method *method)
{
    peer_stream *made = add_stream(on, on->next_id, method);

    if (made != NULL)
        on->next_id += 2;
    return made;
}

/* nghttp2 does not change them; its type is not const. */
nghttp2_nv peer_field(const char *name, const char *value)
{
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
                         .namelen = strlen(name),
                         .value = (uint8_t *)(uintptr_t)value,
                         .valuelen = strlen(value) };
}

void peer_call_fields(const rpc_method *method, nghttp2_nv out[PEER_FIELDS])
{
    out[0] = peer_field(":method", "POST");
    out[1] = peer_field(":scheme", "http");
    out[2] = peer_field(":authority", "localhost");
    out[3] = peer_field(":path", method->path);
    out[4] = peer_field("content-type", "application/grpc");
}

peer_stream *peer_put_call(peer *on, const rpc_method *method, hsm_bytes message)
{
    nghttp2_nv fields[PEER_FIELDS];
    peer_stream *stream = peer_add_stream(on, method);
    hsm_buf body = { 0 };

    FUZZ_REQUIRE(stream != NULL);
    peer_call_fields(method, fields);
    peer_encode(on, fields, PEER_FIELDS, &body);
    peer_put_frame(on, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream->id, hsm_buf_view(&body));
    hsm_buf_reset(&body);
    FUZZ_REQUIRE(hsm_buf_reserve(&body, FRAME_PREFIX_BYTES) == HSM_OK);
    frame_prefix(message.len, body.data);
    body.len = FRAME_PREFIX_BYTES;
    FUZZ_REQUIRE(hsm_buf_append(&body, message) == HSM_OK);
    peer_put_frame(on, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream->id, hsm_buf_view(&body));
    stream->is_ended = true;
    hsm_buf_clear(&body);
    return stream;
}

void peer_send(peer *on)
{
    if (on->out.len == 0)
        return;
    const ssize_t sent = send(on->fd, on->out.data, on->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != (ssize_t)on->out.len)
        on->is_over = true; /* it takes no more */
    hsm_buf_reset(&on->out);
}

/* --- in ------------------------------------------------------------------------------------------- */

static int number_of(const nghttp2_nv *field)
{
    int number = 0;

    FUZZ_REQUIRE(field->valuelen >= 1 && field->valuelen <= 3);
    for (size_t i = 0; i < field->valuelen; i++) {
        FUZZ_REQUIRE(field->value[i] >= '0' && field->value[i] <= '9');
        number = number * 10 + (field->value[i] - '0');
    }
    return number;
}

static bool is_named(const nghttp2_nv *field, const char *name)
{
    return field->namelen == strlen(name) && memcmp(field->name, name, field->namelen) == 0;
}

/* No answer's header has anything but printable ASCII in it. */
static void take_header(peer_stream *stream, const nghttp2_nv *field)
{
    for (size_t i = 0; i < field->valuelen; i++)
        FUZZ_REQUIRE(field->value[i] >= 0x20 && field->value[i] <= 0x7e);
    if (is_named(field, ":status")) {
        FUZZ_REQUIRE(!stream->has_head && number_of(field) >= 200);
        stream->has_head = true;
    } else if (is_named(field, "grpc-status")) {
        FUZZ_REQUIRE(!stream->has_status);
        stream->status = number_of(field);
        stream->has_status = true;
        FUZZ_REQUIRE(stream->status <= STATUS_MAX);
    }
}

/* Of a stream that is not known, only the decoder's state matters. */
static void take_headers(peer *on, peer_stream *stream, hsm_bytes block)
{
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        const ssize_t used =
            nghttp2_hd_inflate_hd2(on->inflater, &field, &flags, block.data, block.len, 1);

        FUZZ_REQUIRE(used >= 0);
        block = hsm_bytes_of(block.data + used, block.len - (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && stream != NULL)
            take_header(stream, &field);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            break;
    }
    FUZZ_REQUIRE(nghttp2_hd_inflate_end_headers(on->inflater) == 0);
    FUZZ_REQUIRE(stream == NULL || stream->has_head);
}

/* Whole messages of the method's form, as many as its kind has. */
static void check_body(peer *on, const peer_stream *stream)
{
    hsm_bytes body = hsm_buf_view(&stream->body);
    size_t count = 0;

    for (; body.len > 0; count++) {
        FUZZ_REQUIRE(body.len >= FRAME_PREFIX_BYTES && body.data[0] == 0);
        const size_t len = (size_t)body.data[1] << 24 | (size_t)body.data[2] << 16 |
                           (size_t)body.data[3] << 8 | body.data[4];
        FUZZ_REQUIRE(len <= RPC_RESPONSE_MAX_BYTES && len <= body.len - FRAME_PREFIX_BYTES);
        ProtobufCMessage *message = protobuf_c_message_unpack(stream->method->response, NULL, len,
                                                              body.data + FRAME_PREFIX_BYTES);
        FUZZ_REQUIRE(message != NULL);
        known_learn(on->known, message);
        protobuf_c_message_free_unpacked(message, NULL);
        body =
            hsm_bytes_of(body.data + FRAME_PREFIX_BYTES + len, body.len - FRAME_PREFIX_BYTES - len);
    }
    if (stream->method->kind == RPC_UNARY)
        FUZZ_REQUIRE(count == (stream->status == 0 ? 1 : 0));
}

/* The daemon's half has ended. */
static void end_stream(peer *on, peer_stream *stream)
{
    stream->is_over = true;
    if (stream->method != NULL && stream->has_status)
        check_body(on, stream);
    hsm_buf_clear(&stream->body);
}

static void take_data(peer_stream *stream, hsm_bytes body)
{
    FUZZ_REQUIRE(stream->has_head);
    if (stream->method != NULL)
        FUZZ_REQUIRE(hsm_buf_append(&stream->body, body) == HSM_OK);
}

static void take_frame(peer *on, const uint8_t *head, hsm_bytes body)
{
    const int32_t id = (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                                 (uint32_t)head[7] << 8 | head[8]);
    const uint8_t type = head[3];
    peer_stream *stream = id != 0 ? stream_of(on, id) : NULL;

    /* Neither of these is the daemon's to send; our answers' headers fit one frame. */
    FUZZ_REQUIRE(type <= NGHTTP2_WINDOW_UPDATE && type != NGHTTP2_PUSH_PROMISE &&
                 type != NGHTTP2_PRIORITY);
    if (type == NGHTTP2_GOAWAY)
        on->is_odd = true;
    if (type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) {
        FUZZ_REQUIRE(id % 2 == 1 && (stream == NULL || !stream->is_over));
        if (type == NGHTTP2_HEADERS)
            take_headers(on, stream, body);
        else if (stream != NULL)
            take_data(stream, body);
        if (stream != NULL && (head[4] & NGHTTP2_FLAG_END_STREAM) != 0)
            end_stream(on, stream);
    }
    if (type == NGHTTP2_RST_STREAM && stream != NULL)
        stream->is_over = true;
}

static void take_frames(peer *on)
{
    size_t at = 0;

    while (on->in.len - at >= HEAD_BYTES) {
        const uint8_t *head = on->in.data + at;
        const size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

        FUZZ_REQUIRE(len <= FRAME_MAX_BYTES);
        if (on->in.len - at - HEAD_BYTES < len)
            break;
        take_frame(on, head, hsm_bytes_of(head + HEAD_BYTES, len));
        at += HEAD_BYTES + len;
    }
    if (at > 0)
        memmove(on->in.data, on->in.data + at, on->in.len - at);
    on->in.len -= at;
}

bool peer_receive(peer *on)
{
    FUZZ_REQUIRE(hsm_buf_reserve(&on->in, READ_BYTES) == HSM_OK);
    const ssize_t len = recv(on->fd, on->in.data + on->in.len, READ_BYTES, MSG_DONTWAIT);

    if (len == 0 || (len < 0 && errno != EAGAIN))
        on->is_over = true;
    if (len <= 0)
        return false;
    on->in.len += (size_t)len;
    take_frames(on);
    return true;
}

void peer_require_answers(const peer *on)
{
    if (on->is_over || on->is_odd)
        return;
    for (size_t i = 0; i < on->stream_count; i++) {
        const peer_stream *stream = &on->streams[i];

        if (stream->is_ended && stream->method != NULL && stream->method->kind != RPC_WATCH)
            FUZZ_REQUIRE(stream->is_over);
    }
}
