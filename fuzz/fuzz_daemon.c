/* The daemon from a client's first byte to its answer: HTTP/2, gRPC, the method table, the handlers and
 * the core below them, in one thread and without TLS. The input is a script of what a client sends:
 * calls whose messages are made field by field, frames right and wrong, bytes. Whatever it is, what comes
 * back is HTTP/2 and gRPC with messages of the method's form, a call made in full is answered, and
 * nothing of the client is left when it has gone.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cratond/frame.h"
#include "cratond/internal.h"
#include "daemon_world.h"
#include "fuzz.h"

enum {
    CLIENTS = 2,
    STEPS_MAX = 40,
    FIELDS_MAX = 8,
    PAYLOAD_MAX_BYTES = 300,
    OUT_MAX_BYTES = 60000, /* what the daemon reads in one turn */
    LATER_MAX_S = 60,
};

typedef struct script {
    fuzz_input *input;
    daemon_world *world;
    known known;
    peer *clients[CLIENTS];
    peer *on; /* whose turn it is */
} script;

static void settle(script *s)
{
    daemon_world_settle(s->world, s->clients, CLIENTS);
}

static hsm_bytes any_bytes(script *s)
{
    const size_t len = fuzz_below(s->input, PAYLOAD_MAX_BYTES);
    const void *data = fuzz_block(s->input, len);

    return hsm_bytes_of(data, data != NULL ? len : 0);
}

/* --- calls ---------------------------------------------------------------------------------------- */

/* After these the world is made anew, which takes long, or a PIN is derived: one time in 32. */
static bool is_rare(const rpc_method *method)
{
    static const char *const names[] = { "/Login",   "/Logout", "/InitToken",
                                         "/InitPIN", "/SetPIN", "/DestroyObject" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (strcmp(strrchr(method->path, '/'), names[i]) == 0)
            return true;
    }
    return false;
}

static const rpc_method *choose_method(script *s)
{
    size_t count = 0;
    const rpc_method *methods = rpc_table(&count);
    const rpc_method *chosen = &methods[fuzz_below(s->input, count)];

    return is_rare(chosen) && fuzz_u8(s->input) < 248 ? &methods[0] : chosen;
}

/* What clients send beside the four fields that every call has, and what none should. */
static const struct {
    const char *name;
    const char *value;
} odd_fields[] = {
    { "te", "trailers" },
    { "grpc-timeout", "1S" },
    { "grpc-timeout", "0n" },
    { "grpc-timeout", "99999999H" },
    { "grpc-timeout", "x" },
    { "grpc-encoding", "gzip" },
    { "grpc-encoding", "identity" },
    { "content-type", "text/plain" },
    { "content-type", "application/grpc+proto" },
    { "content-length", "5" },
    { "user-agent", "fuzz" },
    { "connection", "close" },
    { "Upper", "case" },
    { "x-empty", "" },
    { ":path", "/" },
    { ":authority", "localhost" },
    { ":unknown", "x" },
    { "", "no name" },
};

static size_t add_odd_fields(script *s, nghttp2_nv *fields, size_t count)
{
    size_t more = 1 + fuzz_below(s->input, FIELDS_MAX - count);

    s->on->is_odd = true;
    for (; more > 0 && count < FIELDS_MAX; more--) {
        const size_t which = fuzz_below(s->input, HSM_ARRAY_LEN(odd_fields) + 1);

        if (which < HSM_ARRAY_LEN(odd_fields)) {
            fields[count++] = peer_field(odd_fields[which].name, odd_fields[which].value);
            continue;
        }
        const hsm_bytes name = any_bytes(s);
        const hsm_bytes value = any_bytes(s);
        fields[count++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.data,
                                        .namelen = name.len,
                                        .value = (uint8_t *)(uintptr_t)value.data,
                                        .valuelen = value.len };
    }
    return count;
}

/* A block of headers in one frame, or with a CONTINUATION. */
static void put_block(script *s, int32_t id, uint8_t flags, hsm_bytes block, bool is_split)
{
    const size_t first = is_split ? fuzz_below(s->input, block.len + 1) : block.len;

    peer_put_frame(s->on, NGHTTP2_HEADERS,
                   (uint8_t)(flags | (is_split ? 0 : NGHTTP2_FLAG_END_HEADERS)), id,
                   hsm_bytes_of(block.data, first));
    if (is_split)
        peer_put_frame(s->on, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, id,
                       hsm_bytes_of(block.data + first, block.len - first));
}

enum { HEAD_ODD = 1, HEAD_SPLIT = 2, HEAD_END = 4 };

/* The headers of a call; NULL: there are too many streams. */
static peer_stream *put_head(script *s, const rpc_method *method, uint8_t how)
{
    nghttp2_nv fields[FIELDS_MAX];
    size_t count = PEER_FIELDS;
    hsm_buf block = { 0 };
    peer_stream *stream = peer_add_stream(s->on, method);

    if (stream == NULL)
        return NULL;
    peer_call_fields(method, fields);
    if ((how & HEAD_ODD) != 0)
        count = add_odd_fields(s, fields, count);
    peer_encode(s->on, fields, count, &block);
    put_block(s, stream->id, (how & HEAD_END) != 0 ? NGHTTP2_FLAG_END_STREAM : 0,
              hsm_buf_view(&block), (how & HEAD_SPLIT) != 0);
    stream->is_ended = (how & HEAD_END) != 0;
    hsm_buf_clear(&block);
    return stream;
}

enum { BODY_MANGLED = 1, BODY_SPLIT = 2, BODY_PADDED = 4, BODY_ODD_PREFIX = 8, BODY_END = 16 };

static void mangle(script *s, hsm_buf *body)
{
    const size_t at = fuzz_below(s->input, body->len < 60000 ? body->len : 60000);
    const uint8_t byte = fuzz_u8(s->input);

    if (byte == 0)
        body->len = at;
    else
        body->data[at] ^= byte;
}

static void put_data(script *s, int32_t id, uint8_t flags, hsm_bytes data, bool is_padded)
{
    hsm_buf padded = { 0 };
    const uint8_t pad = is_padded ? fuzz_u8(s->input) : 0;

    if (!is_padded) {
        peer_put_frame(s->on, NGHTTP2_DATA, flags, id, data);
        return;
    }
    FUZZ_REQUIRE(hsm_buf_reserve(&padded, data.len + 1 + pad) == HSM_OK);
    memset(padded.data, 0, data.len + 1 + pad);
    padded.data[0] = pad;
    if (data.len > 0)
        memcpy(padded.data + 1, data.data, data.len);
    padded.len = data.len + 1 + pad;
    peer_put_frame(s->on, NGHTTP2_DATA, flags | NGHTTP2_FLAG_PADDED, id, hsm_buf_view(&padded));
    hsm_buf_clear(&padded);
}

/* A framed message of the stream's method. */
static void make_body(script *s, const rpc_method *method, uint8_t how, hsm_buf *out)
{
    FUZZ_REQUIRE(hsm_buf_reserve(out, FRAME_PREFIX_BYTES) == HSM_OK);
    out->len = FRAME_PREFIX_BYTES;
    if (method != NULL)
        request_make(s->input, &s->known, method->request, out);
    frame_prefix(out->len - FRAME_PREFIX_BYTES, out->data);
    if ((how & BODY_ODD_PREFIX) != 0)
        out->data[fuzz_below(s->input, FRAME_PREFIX_BYTES)] ^= fuzz_u8(s->input);
    /* Bits that are turned make a key generation that takes seconds of one that is quick. */
    if ((how & BODY_MANGLED) != 0 && method != NULL && method->lane != POOL_SLOW)
        mangle(s, out);
}

static void put_body(script *s, peer_stream *stream, uint8_t how)
{
    const uint8_t end = (how & BODY_END) != 0 ? NGHTTP2_FLAG_END_STREAM : 0;
    const bool is_padded = (how & BODY_PADDED) != 0;
    hsm_buf body = { 0 };

    make_body(s, stream->method, how, &body);
    const size_t first = (how & BODY_SPLIT) != 0 ? fuzz_below(s->input, body.len % 60000 + 1) : 0;
    if ((how & BODY_SPLIT) != 0)
        put_data(s, stream->id, 0, hsm_bytes_of(body.data, first), is_padded);
    put_data(s, stream->id, end, hsm_bytes_of(body.data + first, body.len - first), is_padded);
    stream->is_ended = stream->is_ended || end != 0;
    hsm_buf_clear(&body);
}

/* Mostly as a client should; a byte of the input says what is different. */
static void step_call(script *s)
{
    const rpc_method *method = choose_method(s);
    const uint8_t how = fuzz_u8(s->input);
    const bool is_usual = how < 192;
    peer_stream *stream =
        put_head(s, method, is_usual ? 0 : fuzz_u8(s->input) % (HEAD_END * 2) & (HEAD_END - 1));

    if (stream != NULL)
        put_body(s, stream, is_usual ? BODY_END : (uint8_t)(fuzz_u8(s->input) | BODY_END));
}

static void step_open(script *s)
{
    (void)put_head(s, choose_method(s), fuzz_u8(s->input) % (HEAD_END * 2));
}

static peer_stream *choose_stream(script *s)
{
    const size_t count = s->on->stream_count;

    return count == 0 ? NULL : &s->on->streams[count - 1 - fuzz_below(s->input, count)];
}

static void step_data(script *s)
{
    peer_stream *stream = choose_stream(s);

    if (stream != NULL)
        put_body(s, stream, fuzz_u8(s->input) % (BODY_END * 2));
}

/* The end of a body, with nothing in it. */
static void step_end(script *s)
{
    peer_stream *stream = choose_stream(s);

    if (stream == NULL)
        return;
    put_data(s, stream->id, NGHTTP2_FLAG_END_STREAM, hsm_bytes_none(), false);
    stream->is_ended = true;
}

/* --- frames ----------------------------------------------------------------------------------------- */

static int32_t choose_id(script *s)
{
    const uint8_t choice = fuzz_u8(s->input);
    const peer_stream *stream = choice < 160 ? choose_stream(s) : NULL;

    if (stream != NULL)
        return stream->id;
    return choice < 224 ? choice % 32 : (int32_t)fuzz_u32(s->input);
}

static void put_number_frame(script *s, uint8_t type, int32_t id, uint32_t number)
{
    const uint8_t body[] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number };

    peer_put_frame(s->on, type, 0, id, hsm_bytes_of(body, sizeof body));
}

static void step_reset(script *s)
{
    peer_stream *stream = choose_stream(s);

    if (stream == NULL)
        return;
    put_number_frame(s, NGHTTP2_RST_STREAM, stream->id, fuzz_u8(s->input));
    stream->method = NULL; /* nothing is expected any more */
}

static void step_window(script *s)
{
    const int32_t id = choose_id(s);

    s->on->is_odd = true;
    put_number_frame(s, NGHTTP2_WINDOW_UPDATE, id, fuzz_u32(s->input));
}

static void step_settings(script *s)
{
    const size_t count = fuzz_below(s->input, FIELDS_MAX);
    hsm_buf body = { 0 };

    s->on->is_odd = true;
    for (size_t i = 0; i < count; i++) {
        const uint32_t number = fuzz_u32(s->input) >> (fuzz_u8(s->input) % 32);
        const uint8_t entry[] = { 0,
                                  fuzz_u8(s->input) % 10,
                                  (uint8_t)(number >> 24),
                                  (uint8_t)(number >> 16),
                                  (uint8_t)(number >> 8),
                                  (uint8_t)number };

        FUZZ_REQUIRE(hsm_buf_append(&body, hsm_bytes_of(entry, sizeof entry)) == HSM_OK);
    }
    peer_put_frame(s->on, NGHTTP2_SETTINGS, 0, 0, hsm_buf_view(&body));
    hsm_buf_clear(&body);
}

/* Any frame with a right length. */
static void step_frame(script *s)
{
    const uint8_t type = fuzz_u8(s->input);
    const uint8_t flags = fuzz_u8(s->input);
    const int32_t id = choose_id(s);

    s->on->is_odd = true;
    peer_put_frame(s->on, type < 250 ? type % 11 : type, flags, id, any_bytes(s));
}

/* Trailers, or headers where none should be. */
static void step_trailers(script *s)
{
    nghttp2_nv fields[FIELDS_MAX];
    hsm_buf block = { 0 };
    const size_t count = add_odd_fields(s, fields, 0);
    const int32_t id = choose_id(s);
    const uint8_t how = fuzz_u8(s->input);

    peer_encode(s->on, fields, count, &block);
    put_block(s, id, how & NGHTTP2_FLAG_END_STREAM, hsm_buf_view(&block), (how & 128) != 0);
    hsm_buf_clear(&block);
}

static void step_bytes(script *s)
{
    const hsm_bytes bytes = any_bytes(s);

    s->on->is_odd = true;
    peer_put(s->on, bytes.data, bytes.len);
}

static void step_settle(script *s)
{
    settle(s);
}

/* What happens when time has passed. */
static void step_later(script *s)
{
    server *of = s->world->server;

    settle(s);
    timers_run(&of->timers, of->now_ms + (int64_t)fuzz_below(s->input, LATER_MAX_S) * 1000);
}

static void step_other(script *s)
{
    s->on = s->clients[s->on == s->clients[0] ? 1 : 0];
}

/* --- the script --------------------------------------------------------------------------------------- */

static void (*const steps[])(script *s) = {
    step_call,  step_call,  step_call,     step_call,  step_call,     step_call,
    step_call,  step_call,  step_open,     step_open,  step_data,     step_data,
    step_data,  step_end,   step_reset,    step_frame, step_settle,   step_window,
    step_other, step_frame, step_settings, step_later, step_trailers, step_bytes,
};

/* Sessions of this client, whose objects go with it. */
static void open_sessions(script *s)
{
    static const uint8_t read_write[] = { 0x10, 1 };
    const rpc_method *open = rpc_find(hsm_bytes_of_text("/craton_hsm.HsmService/OpenSession"));

    s->known.session_count = 0;
    (void)peer_put_call(s->on, open, hsm_bytes_of(read_write, sizeof read_write));
    (void)peer_put_call(s->on, open, hsm_bytes_none());
    settle(s);
}

static void run_steps(script *s)
{
    for (int i = 0; i < STEPS_MAX && s->input->len > 0; i++) {
        const uint8_t step = fuzz_u8(s->input);

        steps[step % HSM_ARRAY_LEN(steps)](s);
        if (step >= 64 || s->on->out.len > OUT_MAX_BYTES) /* else with the next one */
            settle(s);
    }
    settle(s);
    for (int i = 0; i < CLIENTS; i++)
        peer_require_answers(s->clients[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = fuzz_input_of(data, size);
    script s = { .input = &input, .world = daemon_world_get() };
    const uint8_t how = fuzz_u8(&input);

    s.known = s.world->known;
    for (int i = 0; i < CLIENTS; i++) {
        s.clients[i] = daemon_world_connect(s.world, &s.known);
        if ((how & 2) == 0 || i > 0)
            peer_put_preface(s.clients[i], (how & 1) == 0);
        else
            s.clients[i]->is_odd = true;
    }
    s.on = s.clients[0];
    if ((how & 2) == 0)
        open_sessions(&s);
    run_steps(&s);
    for (int i = 0; i < CLIENTS; i++)
        peer_destroy(s.clients[i]);
    daemon_world_require_rest(s.world);
    fuzz_input_clear(&input);
    return 0;
}
