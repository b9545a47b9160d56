/* The sessions that clients know: each belongs to one client and ends with one connection.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cratond/internal.h"

hsm_err session_create(conn *on, session_entry **out_session)
{
    server *of = on->server;
    session_entry *made = calloc(1, sizeof *made);
    hsm_err err = HSM_E_NO_MEMORY;

    if (made != NULL)
        err = hsm_handle_add(of->sessions, made, &made->handle);
    if (err != HSM_OK) {
        free(made);
        return err == HSM_E_LIMIT ? HSM_E_SESSION_COUNT : err;
    }
    made->server = of;
    made->client = on->client;
    client_hold(made->client);
    made->conn = on;
    made->waiting_last = &made->waiting_first;
    made->is_busy = true;
    made->next = on->sessions;
    if (on->sessions != NULL)
        on->sessions->prev = made;
    on->sessions = made;
    *out_session = made;
    return HSM_OK;
}

static void count(session_entry *session, int step)
{
    server *of = session->server;

    (void)atomic_fetch_add(&of->sessions_open, (unsigned)step);
    (void)atomic_fetch_add(&of->slot_sessions[session->slot], (unsigned)step);
    if (session->is_rw)
        (void)atomic_fetch_add(&of->slot_rw_sessions[session->slot], (unsigned)step);
}

void session_opened(session_entry *session, const rpc_context *context)
{
    session->core = context->core;
    session->core_handle = context->session;
    session->slot = context->slot;
    session->is_rw = context->is_rw;
    session->is_open = true;
    count(session, 1);
}

hsm_err session_find(server *on, const client *by, uint64_t handle, session_entry **out_session)
{
    session_entry *found =
        handle <= (CK_ULONG)-1 ? hsm_handle_get(on->sessions, (CK_ULONG)handle) : NULL;

    /* The memory of a removed entry is gone, but so is its handle: both are the loop's. */
    HSM_CHECK(found != NULL && found->client == by && !found->is_closing, HSM_E_SESSION_HANDLE);
    *out_session = found;
    return HSM_OK;
}

bool session_take(session_entry *session, call *by)
{
    if (!session->is_busy) {
        session->is_busy = true;
        return true;
    }
    by->next_waiting = NULL;
    *session->waiting_last = by;
    session->waiting_last = &by->next_waiting;
    return false;
}

/* --- the end ------------------------------------------------------------------------------------ */

static void close_in_core(void *owner)
{
    const session_entry *session = owner;

    if (session->is_open && hsm_core_close_session(session->core, session->core_handle) != HSM_OK)
        return; /* it is gone, which is all that was asked */
}

static void free_entry(void *owner)
{
    session_entry *session = owner;

    if (session->core != NULL)
        count(session, -1);
    client_leave(session->client);
    free(session);
}

/* Nobody has it, and no call finds it. */
static void bury(session_entry *session)
{
    session->close_job = (pool_job){ .run = close_in_core, .done = free_entry, .owner = session };
    if (!session->is_open) {
        free_entry(session);
        return;
    }
    pool_add_end(session->server->workers, POOL_FAST, &session->close_job);
}

void session_give(session_entry *session)
{
    call *next = session->waiting_first;

    if (next != NULL) {
        session->waiting_first = next->next_waiting;
        if (session->waiting_first == NULL)
            session->waiting_last = &session->waiting_first;
        call_resume(next);
        return;
    }
    session->is_busy = false;
    if (session->is_closing)
        bury(session);
}

void session_close(session_entry *session)
{
    conn *on = session->conn;

    if (session->is_closing)
        return;
    session->is_closing = true;
    session->conn = NULL;
    (void)hsm_handle_remove(session->server->sessions, session->handle);
    if (session->next != NULL)
        session->next->prev = session->prev;
    if (session->prev != NULL)
        session->prev->next = session->next;
    else
        on->sessions = session->next;
    if (!session->is_busy)
        bury(session);
}
