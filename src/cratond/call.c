/* One call from its headers to its end, as the loop sees it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "cratond/internal.h"
#include "cratond/refusal.h"

#define MS_PER_SEC 1000
/* RFC 7541, 4.1: what a header costs beside its bytes. */
#define HEADER_OVERHEAD_BYTES 32u
/* The largest TimeoutValue is eight digits (gRPC over HTTP2). */
#define TIMEOUT_DIGITS_MAX 8u

/* --- life --------------------------------------------------------------------------------------- */

static void on_timer(void *owner)
{
    call *on = owner;

    if (!on->is_answered) {
        call_finish(on, call_outcome_fault(CALL_DEADLINE));
        return;
    }
    /* The answer was not taken in time. */
    (void)nghttp2_submit_rst_stream(on->conn->h2, NGHTTP2_FLAG_NONE, on->stream_id, NGHTTP2_CANCEL);
    conn_touch(on->conn);
}

/* A zeroed one; the room of its messages is zero from its last use on. */
static call *take_spare(server *on)
{
    call *spare = on->spare_calls;

    if (spare == NULL)
        return calloc(1, sizeof *spare);
    on->spare_calls = spare->next;
    on->spare_count--;
    memset(spare, 0, offsetof(call, memory));
    return spare;
}

static void keep_spare(server *on, call *old)
{
    if (on->spare_count == CALL_SPARES_MAX) {
        free(old);
        return;
    }
    old->next = on->spare_calls;
    on->spare_calls = old;
    on->spare_count++;
}

void call_free_spares(server *on)
{
    while (on->spare_calls != NULL) {
        call *next = on->spare_calls->next;

        free(on->spare_calls);
        on->spare_calls = next;
    }
}

hsm_err call_create(conn *on, int32_t stream_id, call **out_call)
{
    call *made = take_spare(on->server);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    made->conn = on;
    made->stream_id = stream_id;
    made->number = ++on->server->call_number;
    made->timeout_ms = -1;
    made->deadline_ms = -1;
    made->started_ms = on->server->now_ms;
    made->timer.fire = on_timer;
    made->timer.owner = made;
    made->reader.message = HSM_BUF_WIPED;
    made->backlog = HSM_BUF_WIPED;
    made->out = HSM_BUF_WIPED;
    made->result = HSM_BUF_WIPED;
    made->next = on->calls;
    if (on->calls != NULL)
        on->calls->prev = made;
    on->calls = made;
    on->call_count++;
    *out_call = made;
    return HSM_OK;
}

static void call_free(call *on)
{
    conn *of = on->conn;

    timers_stop(&of->server->timers, &on->timer);
    if (on->next != NULL)
        on->next->prev = on->prev;
    if (on->prev != NULL)
        on->prev->next = on->next;
    else
        of->calls = on->next;
    of->call_count--;
    hsm_buf_clear(&on->reader.message);
    hsm_buf_clear(&on->backlog);
    hsm_buf_clear(&on->out);
    hsm_buf_clear(&on->result);
    arena_clear(&on->memory);
    call_uncharge(on, on->charged);
    keep_spare(of->server, on);
    conn_settle(of);
}

void call_settle(call *on)
{
    if (!on->is_gone || on->is_running || on->is_waiting)
        return;
    if (on->context.stream != NULL && on->method->end != NULL) {
        on->is_ending = true;
        call_dispatch(on);
        return;
    }
    call_free(on);
}

bool call_charge(call *on, size_t bytes)
{
    if (bytes > on->conn->server->config->daemon.max_connection_bytes - on->conn->bytes)
        return false;
    on->conn->bytes += bytes;
    on->charged += bytes;
    return true;
}

hsm_err call_keep(hsm_buf *buf, hsm_bytes bytes)
{
    HSM_CHECK(bytes.len <= CALL_BUFFER_MAX_BYTES - buf->len, HSM_E_LIMIT);
    return hsm_buf_append(buf, bytes);
}

void call_uncharge(call *on, size_t bytes)
{
    if (bytes > on->charged)
        bytes = on->charged;
    on->charged -= bytes;
    on->conn->bytes -= bytes;
}

void call_finish(call *on, call_outcome outcome)
{
    server *of = on->conn->server;
    size_t row_count = 0;

    if (on->is_answered)
        return;
    on->is_answered = true;
    on->outcome = outcome;
    atomic_store(&on->is_cancelled, true);
    metrics_call(of->metrics, on->method != NULL ? (int)(on->method - rpc_table(&row_count)) : -1,
                 outcome.status, (of->now_ms - on->started_ms) * 1000);
    if (on->has_mechanism)
        metrics_mechanism(of->metrics, on->mechanism, outcome.status == 0,
                          (of->now_ms - on->started_ms) * 1000);
    server_log_call(of, on);
    hsm_buf_clear(&on->backlog);
    frame_next(&on->reader);
    if (on->method != NULL && on->method->kind == RPC_WATCH)
        health_unwatch(of, on);
    /* The answer has to be taken in the time a request may take. */
    timers_set(&of->timers, &on->timer,
               of->now_ms + (int64_t)of->config->daemon.request_timeout_secs * MS_PER_SEC);
    call_reply(on);
}

void call_on_close(call *on)
{
    on->is_gone = true;
    if (on->conn->recent == on)
        on->conn->recent = NULL;
    if (!on->is_answered) {
        on->stream_id = -1; /* nobody is there to be answered */
        call_finish(on, call_outcome_fault(CALL_CANCELLED));
    }
    timers_stop(&on->conn->server->timers, &on->timer);
    call_settle(on);
}

/* --- headers ------------------------------------------------------------------------------------ */

static bool is_text(hsm_bytes bytes, const char *text)
{
    return hsm_bytes_equal(bytes, hsm_bytes_of_text(text));
}

/* "100m": up to eight digits and a unit, in milliseconds; rounded up. */
static bool read_timeout(hsm_bytes value, int64_t *out_ms)
{
    static const struct {
        char unit;
        int64_t per; /* of these make */
        int64_t ms;  /* so many milliseconds */
    } units[] = {
        { 'H', 1, 3600000 }, { 'M', 1, 60000 }, { 'S', 1, 1000 },
        { 'm', 1, 1 },       { 'u', 1000, 1 },  { 'n', 1000000, 1 },
    };
    int64_t number = 0;

    if (value.len < 2 || value.len > TIMEOUT_DIGITS_MAX + 1)
        return false;
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        number = number * 10 + (value.data[i] - '0');
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(units); i++) {
        if ((char)value.data[value.len - 1] == units[i].unit) {
            *out_ms = (number + units[i].per - 1) / units[i].per * units[i].ms;
            return true;
        }
    }
    return false;
}

static void take_path(call *on, hsm_bytes value)
{
    if (value.len <= sizeof on->path)
        memcpy(on->path, value.data, value.len);
    on->path_len = value.len <= sizeof on->path ? value.len : 0; /* too long for any of ours */
}

static void take_method(call *on, hsm_bytes value)
{
    on->is_post = is_text(value, "POST");
}

/* With or without a message format: "application/grpc+proto". */
static void take_content_type(call *on, hsm_bytes value)
{
    static const char content_type[] = "application/grpc";
    const size_t len = sizeof content_type - 1;

    on->is_grpc = value.len >= len &&
                  hsm_bytes_equal(hsm_bytes_of(value.data, len), hsm_bytes_of(content_type, len)) &&
                  (value.len == len || value.data[len] == '+' || value.data[len] == ';');
}

static void take_encoding(call *on, hsm_bytes value)
{
    on->is_compressed = !is_text(value, "identity");
}

static void take_timeout(call *on, hsm_bytes value)
{
    on->has_bad_timeout = !read_timeout(value, &on->timeout_ms);
}

void call_on_header(call *on, hsm_bytes name, hsm_bytes value)
{
#define NAMED(text) .name = (text), .len = sizeof(text) - 1
    static const struct {
        const char *name;
        size_t len;
        void (*take)(call *on, hsm_bytes value);
    } known[] = {
        { NAMED(":path"), take_path },
        { NAMED(":method"), take_method },
        { NAMED("content-type"), take_content_type },
        { NAMED("grpc-encoding"), take_encoding },
        { NAMED("grpc-timeout"), take_timeout },
    };
#undef NAMED

    on->header_bytes += name.len + value.len + HEADER_OVERHEAD_BYTES;
    for (size_t i = 0; i < HSM_ARRAY_LEN(known); i++) {
        if (hsm_bytes_equal(name, hsm_bytes_of(known[i].name, known[i].len))) {
            known[i].take(on, value);
            return;
        }
    }
}

/* What speaks against the call before its body; false: nothing. */
static bool find_fault(const call *on, call_fault *out_fault)
{
    const struct {
        bool is_met;
        call_fault fault;
    } faults[] = {
        { on->method == NULL, CALL_UNKNOWN_METHOD },
        { on->has_bad_timeout, CALL_TIMEOUT_HEADER },
        { on->is_compressed, CALL_ENCODING },
        { !client_may_request(on->conn->client, on->conn->server->now_ms), CALL_RATE },
        { on->method != NULL &&
              !client_may(on->conn->client, on->method->roles, on->method->operation),
          CALL_REFUSED },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(faults); i++) {
        if (faults[i].is_met) {
            *out_fault = faults[i].fault;
            return true;
        }
    }
    return false;
}

/* What the client may not do it is told when it is sure to be told of. */
static call_fault refuse(const call *on)
{
    const server *of = on->conn->server;
    const char *slash = strrchr(on->method->path, '/');
    const hsm_err err =
        refusal_tell(of->workers, of->root, on->conn->client->name, slash != NULL ? slash + 1 : "");

    return err == HSM_OK ? CALL_REFUSED : err == HSM_E_LIMIT ? CALL_BUSY : CALL_MEMORY;
}

/* The caller's deadline, but no later than ours. A stream's starts anew with each message. */
static void set_deadline(call *on)
{
    const server *of = on->conn->server;
    const int64_t own_ms = (int64_t)of->config->daemon.request_timeout_secs * MS_PER_SEC;
    int64_t due_ms = of->now_ms + own_ms;

    if (on->timeout_ms >= 0)
        on->deadline_ms = on->started_ms + on->timeout_ms;
    if (on->method->kind == RPC_WATCH)
        due_ms = INT64_MAX;
    if (on->deadline_ms >= 0 && on->deadline_ms < due_ms)
        due_ms = on->deadline_ms;
    if (due_ms != INT64_MAX)
        timers_set(&on->conn->server->timers, &on->timer, due_ms);
}

void call_on_headers_end(call *on, bool is_end)
{
    call_fault fault = CALL_UNKNOWN_METHOD;

    if (on->has_started) { /* trailers of the client, which mean nothing here */
        if (is_end)
            call_on_end(on);
        return;
    }
    on->has_started = true;
    on->has_ended = is_end;
    if (!on->is_post || !on->is_grpc) {
        call_reply_status(on, !on->is_post ? 405 : 415);
        return;
    }
    on->method = rpc_find(hsm_bytes_of(on->path, on->path_len));
    if (find_fault(on, &fault)) {
        call_finish(on, call_outcome_fault(fault == CALL_REFUSED ? refuse(on) : fault));
        return;
    }
    on->reader.max_len =
        rpc_request_max(on->method, on->conn->server->config->daemon.max_request_bytes);
    set_deadline(on);
    if (is_end)
        call_on_end(on);
}

/* --- body --------------------------------------------------------------------------------------- */

static void refuse_frame(call *on, frame_result result)
{
    switch (result) {
    case FRAME_COMPRESSED:
        call_finish(on, call_outcome_fault(CALL_ENCODING));
        return;
    case FRAME_TOO_LARGE:
        call_finish(on, call_outcome_fault(CALL_TOO_LARGE));
        return;
    case FRAME_NO_MEMORY:
        call_finish(on, call_outcome_fault(CALL_MEMORY));
        return;
    case FRAME_BAD_FLAG:
    case FRAME_MORE:
    case FRAME_COMPLETE:
        call_finish(on, call_outcome_fault(CALL_FRAMING));
        return;
    }
}

/* One message and no more; it is worked on at the end of the body. */
static void read_unary(call *on, hsm_bytes data)
{
    if (on->has_message) {
        call_finish(on, call_outcome_fault(CALL_FRAMING));
        return;
    }
    const frame_result result = frame_read(&on->reader, &data);
    if (result == FRAME_COMPLETE && data.len == 0)
        on->has_message = true;
    else if (result != FRAME_MORE)
        refuse_frame(on, result);
}

/* Moves what came to the reader; true: a message is complete. */
static bool read_backlog(call *on)
{
    hsm_bytes data = hsm_bytes_of(on->backlog.data, on->backlog.len);
    const frame_result result = frame_read(&on->reader, &data);
    const size_t taken = on->backlog.len - data.len;

    if (result != FRAME_MORE && result != FRAME_COMPLETE) {
        refuse_frame(on, result);
        return false;
    }
    if (data.len > 0)
        memmove(on->backlog.data, data.data, data.len);
    explicit_bzero(on->backlog.data + data.len, taken);
    on->backlog.len = data.len;
    if (taken > 0 && !on->is_gone) {
        (void)nghttp2_session_consume_stream(on->conn->h2, on->stream_id, taken);
        conn_touch(on->conn); /* the client hears of its room */
    }
    return result == FRAME_COMPLETE;
}

void call_pump(call *on)
{
    if (on->is_answered || on->is_gone || on->has_message ||
        on->out.len - on->out_at > STREAM_OUT_MAX_BYTES)
        return;
    if (on->backlog.len > 0 && read_backlog(on)) {
        on->has_message = true;
        set_deadline(on);
        call_dispatch(on);
        return;
    }
    if (!on->has_ended || on->is_answered)
        return;
    if (!frame_is_between(&on->reader)) {
        call_finish(on, call_outcome_fault(CALL_FRAMING));
        return;
    }
    on->has_message = true;
    call_dispatch(on);
}

size_t call_on_data(call *on, hsm_bytes data)
{
    if (on->is_answered)
        return data.len;
    if (!call_charge(on, data.len)) {
        call_finish(on, call_outcome_fault(CALL_MEMORY));
        return data.len;
    }
    if (on->method->kind != RPC_STREAM) {
        read_unary(on, data);
        return data.len;
    }
    if (call_keep(&on->backlog, data) != HSM_OK) {
        call_finish(on, call_outcome_fault(CALL_MEMORY));
        return data.len;
    }
    call_pump(on);
    return 0;
}

void call_on_end(call *on)
{
    on->has_ended = true;
    if (on->is_answered)
        return;
    if (on->method->kind == RPC_STREAM)
        call_pump(on);
    else if (on->has_message)
        call_dispatch(on);
    else
        call_finish(on, call_outcome_fault(CALL_FRAMING));
}
