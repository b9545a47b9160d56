/* HTTP/2 of one connection: nghttp2's callbacks, and what a client may not do to us.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "cratond/internal.h"

/* Frames that nghttp2 itself answers, and SETTINGS entries, before it ends the connection. */
#define OUTBOUND_ACK_MAX 1000
#define SETTINGS_MAX 32
/* A grant that small is a way to make us send tiny frames. */
#define WINDOW_UPDATE_SMALL_BYTES 1024
/* Of one read: a write costs as much as some answers, and is not worth it for the last few. */
#define PAUSE_ANSWERS 16u
#define PAUSE_REST_BYTES 128

static double at_most(double value, double max)
{
    return value < max ? value : max;
}

bool conn_may_bother(conn *on, double *allowance)
{
    const double more_secs = (double)(on->server->now_ms - on->allowance_ms) / 1000.0;

    on->allowance_ms = on->server->now_ms;
    on->nuisance = at_most(on->nuisance + more_secs * NUISANCE_PER_SEC, NUISANCE_MAX);
    on->resets = at_most(on->resets + more_secs * RESETS_PER_SEC, RESETS_MAX);
    *allowance -= 1;
    return *allowance >= 0;
}

/* Clients send PINGs and grants along with their calls, several of them at times: work done makes up
 * for them. */
void conn_earn(conn *on)
{
    on->nuisance = at_most(on->nuisance + NUISANCE_PER_CALL, NUISANCE_MAX);
}

static int refuse_abuse(conn *on, const char *what)
{
    hsm_log(HSM_LOG_WARNING, "%s: too many %s; the connection is closed", on->client->name, what);
    (void)nghttp2_session_terminate_session(on->h2, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static call *call_of(nghttp2_session *h2, int32_t stream_id)
{
    return stream_id == 0 ? NULL : nghttp2_session_get_stream_user_data(h2, stream_id);
}

/* The same for what is read: each field of a header asks, and mostly for the call before. */
static call *reading_call(conn *on, int32_t stream_id)
{
    if (on->recent == NULL || on->recent->stream_id != stream_id)
        on->recent = call_of(on->h2, stream_id);
    return on->recent;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    conn *on = user;
    call *made = NULL;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (call_create(on, frame->hd.stream_id, &made) != HSM_OK)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    on->recent = made;
    return nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, made);
}

/* SETTINGS_MAX_HEADER_LIST_SIZE only advises; this is the limit. */
static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    call *on = reading_call(user, frame->hd.stream_id);
    const conn *of = user;

    (void)h2;
    (void)flags;
    if (on == NULL)
        return 0;
    call_on_header(on, hsm_bytes_of(name, name_len), hsm_bytes_of(value, value_len));
    return on->header_bytes <= of->server->config->daemon.max_header_bytes
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Frames that cost us and bring nothing. */
static const char *nuisance_of(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_PING:
        return "PING frames";
    case NGHTTP2_SETTINGS:
        return "SETTINGS frames";
    case NGHTTP2_PRIORITY:
        return "PRIORITY frames";
    case NGHTTP2_WINDOW_UPDATE:
        return frame->window_update.window_size_increment < WINDOW_UPDATE_SMALL_BYTES
                   ? "small WINDOW_UPDATE frames"
                   : NULL;
    case NGHTTP2_DATA:
        return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0
                   ? "empty DATA frames"
                   : NULL;
    default:
        return NULL;
    }
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    conn *on = user;
    const char *nuisance = nuisance_of(frame);
    const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)h2;
    on->active_ms = on->server->now_ms;
    if (nuisance != NULL && !conn_may_bother(on, &on->nuisance))
        return refuse_abuse(on, nuisance);
    if (frame->hd.type == NGHTTP2_RST_STREAM && !conn_may_bother(on, &on->resets))
        return refuse_abuse(on, "streams opened and reset");
    call *of = reading_call(on, frame->hd.stream_id);
    if (of == NULL || of->is_gone)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        call_on_headers_end(of, is_end);
    else if (frame->hd.type == NGHTTP2_DATA && is_end)
        call_on_end(of);
    return 0;
}

/* Whether the answers there are go out before the rest of what was read is looked at: the client works on
 * them meanwhile, where it would wait for all of them and then have us wait for its next requests. */
static bool is_time_to_write(conn *on, const uint8_t *rest)
{
    on->is_paused = on->answers >= PAUSE_ANSWERS && on->read_end - rest >= PAUSE_REST_BYTES;
    return on->is_paused;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data,
                         size_t len, void *user)
{
    conn *on = user;
    call *of = reading_call(on, stream_id);
    const size_t granted = of == NULL ? len : call_on_data(of, hsm_bytes_of(data, len));

    (void)flags;
    if (nghttp2_session_consume_connection(h2, len) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (granted > 0 && nghttp2_session_consume_stream(h2, stream_id, granted) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return is_time_to_write(on, data + len) ? NGHTTP2_ERR_PAUSE : 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t error, void *user)
{
    call *of = call_of(h2, stream_id);

    (void)error;
    (void)user;
    if (of == NULL)
        return 0;
    (void)nghttp2_session_set_stream_user_data(h2, stream_id, NULL);
    call_on_close(of);
    return 0;
}

/* A client that is answered before it has sent everything is told to stop; not before the answer has
 * gone out, because nghttp2 drops what a reset stream still had to send. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)user;
    if (!is_end || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    const call *of = call_of(h2, frame->hd.stream_id);
    if (of == NULL || of->has_ended)
        return 0;
    return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
}

static void drop_callbacks(nghttp2_session_callbacks **callbacks)
{
    nghttp2_session_callbacks_del(*callbacks);
}

static void drop_option(nghttp2_option **option)
{
    nghttp2_option_del(*option);
}

static hsm_err make_session(conn *on)
{
    HSM_AUTO(drop_callbacks) nghttp2_session_callbacks *callbacks = NULL;
    HSM_AUTO(drop_option) nghttp2_option *option = NULL;
    nghttp2_mem memory = h2_memory_functions(&on->server->h2_memory);

    HSM_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0, HSM_E_NO_MEMORY);
    HSM_CHECK(nghttp2_option_new(&option) == 0, HSM_E_NO_MEMORY);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_settings(option, SETTINGS_MAX);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACK_MAX);
    HSM_CHECK(nghttp2_session_server_new3(&on->h2, callbacks, on, option, &memory) == 0,
              HSM_E_NO_MEMORY);
    return HSM_OK;
}

hsm_err conn_h2_open(conn *on)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, on->server->config->daemon.max_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, on->server->config->daemon.max_header_bytes },
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
    };

    HSM_TRY(make_session(on));
    HSM_CHECK(
        nghttp2_submit_settings(on->h2, NGHTTP2_FLAG_NONE, settings, HSM_ARRAY_LEN(settings)) == 0,
        HSM_E_NO_MEMORY);
    HSM_CHECK(
        nghttp2_session_set_local_window_size(on->h2, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW_BYTES) == 0,
        HSM_E_NO_MEMORY);
    return HSM_OK;
}
