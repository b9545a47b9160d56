/* What happens between a request and its outcome: decoding, whose turn it is, the handler.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cratond/internal.h"
#include "os/clock.h"

/* Answers of this size need no allocation in the worker. */
#define RESULT_USUAL_BYTES ((size_t)256)

static int64_t clock_ms(void)
{
    return (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);
}

/* --- in a worker, or in the loop ---------------------------------------------------------------- */

/* Request, response and what hung on them. */
static void free_messages(call *on)
{
    arena_clear(&on->memory);
    on->request = NULL;
}

static hsm_err find_core(call *on)
{
    switch (on->method->place) {
    case RPC_IN_LOOP:
        return HSM_OK;
    case RPC_ON_CORE:
        on->context.core = on->context.server->root;
        return HSM_OK;
    case RPC_ON_CLIENT:
    case RPC_ON_SESSION:
    case RPC_NEW_SESSION:
    case RPC_END_SESSION:
        return client_core(on->context.client, &on->context.core);
    }
    return HSM_E_INTERNAL;
}

static call_outcome pack(call *on, const ProtobufCMessage *response)
{
    const size_t len = protobuf_c_message_get_packed_size(response);

    if (len > RPC_RESPONSE_MAX_BYTES)
        return call_outcome_fault(CALL_RESPONSE_TOO_LARGE);
    if (hsm_buf_reserve(&on->result, FRAME_PREFIX_BYTES + len) != HSM_OK)
        return call_outcome_of(HSM_E_NO_MEMORY);
    frame_prefix(len, on->result.data + on->result.len);
    (void)protobuf_c_message_pack(response, on->result.data + on->result.len + FRAME_PREFIX_BYTES);
    on->result.len += FRAME_PREFIX_BYTES + len;
    return CALL_OUTCOME_OK;
}

static call_outcome handle(call *on)
{
    const rpc_method *method = on->method;
    hsm_err err = find_core(on);

    if (err != HSM_OK)
        return call_outcome_of(err);
    ProtobufCMessage *response = arena_alloc(&on->memory, method->response->sizeof_message);
    if (response == NULL)
        return call_outcome_of(HSM_E_NO_MEMORY);
    protobuf_c_message_init(method->response, response);
    on->context.has_response = method->kind == RPC_UNARY;
    err = method->handle(&on->context, on->request, response);
    call_outcome outcome = call_outcome_of(err);
    if (err == HSM_OK && on->context.has_response)
        outcome = pack(on, response);
    return outcome;
}

/* A deadline may have passed, or the caller gone, while the job waited for its thread. */
static void execute(void *owner)
{
    call *on = owner;

    if (on->is_ending)
        on->method->end(&on->context);
    else if (atomic_load(&on->is_cancelled))
        on->outcome_run = call_outcome_fault(CALL_CANCELLED);
    else if (on->deadline_ms >= 0 && clock_ms() >= on->deadline_ms)
        on->outcome_run = call_outcome_fault(CALL_DEADLINE);
    else
        on->outcome_run = handle(on);
    free_messages(on);
}

static void take_result(call *on)
{
    if (on->result.len == 0)
        return;
    if (on->out.len == 0) {
        on->out = on->result;
        on->result = HSM_BUF_WIPED;
    } else if (call_keep(&on->out, hsm_buf_view(&on->result)) != HSM_OK) {
        on->outcome_run = call_outcome_fault(CALL_MEMORY);
    }
    hsm_buf_clear(&on->result);
}

void call_push(call *on, const ProtobufCMessage *response)
{
    on->outcome_run = pack(on, response);
    if (on->outcome_run.status == 0)
        take_result(on);
    if (on->outcome_run.status != 0)
        call_finish(on, on->outcome_run);
    else
        call_reply(on);
}

/* --- afterwards, in the loop ---------------------------------------------------------------------- */

/* A session whose opening nobody hears of is closed again. */
static void give_session_back(call *on)
{
    session_entry *session = HSM_MOVE(on->session);
    const bool is_heard = !on->is_answered && !on->is_gone;
    const bool is_ok = on->outcome_run.status == 0;

    if (session == NULL)
        return;
    if (on->method->place == RPC_NEW_SESSION && is_ok)
        session_opened(session, &on->context);
    if (on->method->place == RPC_END_SESSION && is_ok)
        session->is_open = false; /* the core knows it no more */
    if ((on->method->place == RPC_NEW_SESSION && !(is_ok && is_heard)) ||
        (on->method->place == RPC_END_SESSION && is_ok))
        session_close(session);
    session_give(session);
}

static void finished(void *owner)
{
    call *on = owner;

    on->is_running = false;
    if (on->is_ending) {
        on->context.stream = NULL;
        call_settle(on);
        return;
    }
    free_messages(on);
    conn_earn(on->conn);
    give_session_back(on);
    on->has_message = false;
    if (on->is_gone) {
        call_settle(on);
        return;
    }
    if (on->is_answered) /* by its deadline */
        return;
    if (on->outcome_run.status == 0)
        take_result(on);
    if (on->outcome_run.status != 0 || on->method->kind == RPC_UNARY || on->context.is_last) {
        if (on->outcome_run.status != 0)
            hsm_buf_clear(&on->out);
        call_finish(on, on->outcome_run);
        return;
    }
    if (on->out.len > 0)
        call_reply(on);
    call_pump(on);
}

/* --- before ------------------------------------------------------------------------------------- */

static void submit(call *on)
{
    const pool_lane lane =
        on->request != NULL ? rpc_lane_of(on->method, on->request) : on->method->lane;

    on->is_running = true;
    on->job =
        (pool_job){ .run = execute, .done = finished, .owner = on, .client = on->context.client };
    if (on->method->place == RPC_IN_LOOP) {
        execute(on);
        finished(on);
        return;
    }
    if (on->is_ending) {
        pool_add_end(on->conn->server->workers, lane, &on->job);
        return;
    }
    /* Memory of the loop's, because the loop frees it: what another thread allocated costs more. */
    if (hsm_buf_reserve(&on->result, RESULT_USUAL_BYTES) == HSM_OK &&
        pool_add(on->conn->server->workers, lane, &on->job) == HSM_OK)
        return;
    on->outcome_run = call_outcome_fault(CALL_BUSY);
    finished(on);
}

void call_resume(call *on)
{
    on->is_waiting = false;
    submit(on);
}

/* The session that the request names, or a new one. False: the call goes on later, or has failed. */
static bool find_session(call *on)
{
    server *of = on->conn->server;
    const rpc_place place = on->method->place;
    hsm_err err = HSM_OK;

    if (place == RPC_NEW_SESSION) {
        err = session_create(on->conn, &on->session);
        if (err == HSM_OK)
            on->context.wire_handle = on->session->handle;
    } else if (place == RPC_ON_SESSION || place == RPC_END_SESSION) {
        err = session_find(of, on->context.client, rpc_session_of(on->method, on->request),
                           &on->session);
    } else {
        return true;
    }
    if (err != HSM_OK) {
        on->outcome_run = call_outcome_of(err);
        finished(on);
        return false;
    }
    if (on->method->kind == RPC_STREAM) { /* it has one of its own, in the same slot */
        on->context.slot = on->session->slot;
        on->session = NULL;
        return true;
    }
    on->context.session = on->session->core_handle;
    on->context.slot = on->session->slot;
    if (place == RPC_NEW_SESSION || session_take(on->session, on)) {
        on->context.session = on->session->core_handle;
        return true;
    }
    on->is_waiting = true;
    return false;
}

static hsm_err decode(call *on)
{
    const hsm_buf *message = &on->reader.message;
    const size_t budget = ARENA_BASE_BYTES + ARENA_FACTOR * message->len;

    on->memory.budget = budget;
    on->request = protobuf_c_message_unpack(on->method->request, &on->memory.allocator,
                                            message->len, message->data);
    frame_next(&on->reader);
    call_uncharge(on, on->charged - on->backlog.len);
    return on->request != NULL ? HSM_OK : HSM_E_ARG;
}

static bool is_first(const call *on)
{
    return on->context.server == NULL;
}

void call_dispatch(call *on)
{
    if (on->is_ending) {
        submit(on);
        return;
    }
    const bool first = is_first(on);
    on->context.server = on->conn->server;
    on->context.client = on->conn->client;
    on->context.memory = &on->memory;
    on->context.is_last = frame_is_between(&on->reader);
    on->outcome_run = CALL_OUTCOME_OK;
    if (first)
        arena_init(&on->memory, 0);
    if (!on->context.is_last && decode(on) != HSM_OK) {
        call_finish(on, call_outcome_fault(CALL_MESSAGE));
        return;
    }
    on->memory.budget += ARENA_FACTOR * RPC_RESPONSE_MAX_BYTES; /* for the answer */
    if (first && on->request != NULL)
        on->has_mechanism = rpc_mechanism_of(on->request, &on->mechanism);
    if (on->method->kind == RPC_WATCH) {
        health_watch(on->conn->server, on);
        free_messages(on);
        return;
    }
    if ((first && on->request != NULL && !find_session(on)) || on->is_answered)
        return;
    submit(on);
}
