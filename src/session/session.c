/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>

#include "base/utf8.h"

#define SLOTS_MAX 256u
#define SESSIONS_MAX 1000000u
#define HANDLES_MAX (sizeof(CK_ULONG) > 4 ? (size_t)16777215 : (size_t)1048575)
#define LIST_FIRST_CAP 16u
#define CACHE_LINE_BYTES 64u

/* One slot's sessions: the first open_count of `all` are open, the others wait to be used again.
 * Opening and closing move the border, so that the struct closed last is opened next, warm in the
 * cache, and a walk needs no links. */
typedef struct slot_list {
    pthread_mutex_t lock;
    hsm_session **all;
    uint32_t cap;
    uint32_t made_count;
    uint32_t open_count;
    uint32_t rw_count;
} slot_list;

struct hsm_session_table {
    hsm_session_limits limits;
    hsm_handle_table *handles;
    uint32_t slots_ready; /* lists whose lock is made */
    slot_list slots[];
};

hsm_err hsm_session_table_create(const hsm_session_limits *limits, hsm_session_table **out_table)
{
    HSM_CHECK(limits->slot_count >= 1 && limits->slot_count <= SLOTS_MAX, HSM_E_ARG);
    HSM_CHECK(limits->sessions_max >= 1 && limits->sessions_max <= SESSIONS_MAX, HSM_E_ARG);
    HSM_CHECK(limits->rw_sessions_max <= limits->sessions_max, HSM_E_ARG);

    HSM_AUTO(hsm_session_table_drop)
    hsm_session_table *table =
        calloc(1, sizeof *table + limits->slot_count * sizeof table->slots[0]);
    HSM_CHECK(table != NULL, HSM_E_NO_MEMORY);
    table->limits = *limits;
    for (; table->slots_ready < limits->slot_count; table->slots_ready++)
        HSM_CHECK(pthread_mutex_init(&table->slots[table->slots_ready].lock, NULL) == 0,
                  HSM_E_NO_MEMORY);

    const uint64_t wanted = (uint64_t)limits->slot_count * limits->sessions_max;
    HSM_TRY(hsm_handle_table_create(wanted < HANDLES_MAX ? (size_t)wanted : HANDLES_MAX,
                                    &table->handles));
    *out_table = HSM_MOVE(table);
    return HSM_OK;
}

/* Leaves a session's struct as a new session finds it: keys and searches gone, the operations'
 * contexts there but empty. */
static void empty_session(hsm_session *session)
{
    hsm_session_forget_keys(session, false);
    if (session->search.is_open || session->search.ids.data != NULL)
        hsm_search_end(&session->search);
    free(session->client);
    session->client = NULL;
    session->application = NULL;
    session->notify = NULL;
    session->has_objects = false;
    session->is_async = false;
    session->last_was_approved = false;
}

static void free_session(hsm_session *session)
{
    empty_session(session);
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++)
        hsm_operation_clear(&session->operation[i]);
    hsm_crypt_destroy(session->wrapping);
    (void)pthread_mutex_destroy(&session->lock);
    free(session);
}

void hsm_session_table_destroy(hsm_session_table *table)
{
    if (table == NULL)
        return;
    for (uint32_t slot = 0; slot < table->slots_ready; slot++) {
        slot_list *list = &table->slots[slot];

        for (uint32_t i = 0; i < list->made_count; i++)
            free_session(list->all[i]);
        free(list->all);
        (void)pthread_mutex_destroy(&list->lock);
    }
    hsm_handle_table_destroy(table->handles);
    free(table);
}

static hsm_err grow_list(slot_list *list)
{
    const uint32_t cap = list->cap == 0 ? LIST_FIRST_CAP : list->cap * 2; /* below 2 SESSIONS_MAX */
    hsm_session **all = realloc(list->all, cap * sizeof *all);

    HSM_CHECK(all != NULL, HSM_E_NO_MEMORY);
    list->all = all;
    list->cap = cap;
    return HSM_OK;
}

/* Adds a closed session to the list. On cache lines of its own: neighbours' locks do not collide.
 * thread  the list's lock is held */
static hsm_err make_session(slot_list *list)
{
    const size_t bytes =
        (sizeof(hsm_session) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;

    if (list->made_count == list->cap)
        HSM_TRY(grow_list(list));
    hsm_session *session = aligned_alloc(CACHE_LINE_BYTES, bytes);
    HSM_CHECK(session != NULL, HSM_E_NO_MEMORY);
    memset(session, 0, bytes);
    if (pthread_mutex_init(&session->lock, NULL) != 0) {
        free(session);
        return HSM_E_NO_MEMORY;
    }
    session->position = list->made_count;
    list->all[list->made_count++] = session;
    return HSM_OK;
}

/* Counts one more session of the slot and gives its struct, still without a handle. */
static hsm_err take_session(hsm_session_table *table, slot_list *list, bool is_rw,
                            hsm_session **out_session)
{
    HSM_CHECK(list->open_count < table->limits.sessions_max, HSM_E_SESSION_COUNT);
    HSM_CHECK(!is_rw || list->rw_count < table->limits.rw_sessions_max, HSM_E_SESSION_COUNT);
    if (list->open_count == list->made_count)
        HSM_TRY(make_session(list));

    *out_session = list->all[list->open_count++];
    list->rw_count += is_rw ? 1 : 0;
    return HSM_OK;
}

static void put_back(slot_list *list, hsm_session *session, bool is_rw)
{
    (void)pthread_mutex_lock(&list->lock);
    hsm_session *last = list->all[--list->open_count];
    list->rw_count -= is_rw ? 1 : 0;
    list->all[session->position] = last;
    last->position = session->position;
    list->all[list->open_count] = session;
    session->position = list->open_count;
    (void)pthread_mutex_unlock(&list->lock);
}

hsm_err hsm_session_open(hsm_session_table *table, uint32_t slot, bool is_rw, bool is_so,
                         CK_SESSION_HANDLE *out_handle)
{
    HSM_CHECK(slot < table->limits.slot_count, HSM_E_SLOT);
    HSM_CHECK(is_rw || !is_so, HSM_E_SESSION_SO_EXISTS);

    slot_list *list = &table->slots[slot];
    hsm_session *session = NULL;
    (void)pthread_mutex_lock(&list->lock);
    hsm_err err = take_session(table, list, is_rw, &session);
    (void)pthread_mutex_unlock(&list->lock);
    HSM_TRY(err);

    /* The handle resolves from the moment it is added; who guesses it that early waits for the
     * lock. */
    CK_SESSION_HANDLE handle = HSM_HANDLE_NONE;
    (void)pthread_mutex_lock(&session->lock);
    session->slot = slot;
    session->is_rw = is_rw;
    err = hsm_handle_add(table->handles, session, &handle);
    session->handle = handle;
    (void)pthread_mutex_unlock(&session->lock);
    if (err != HSM_OK) {
        put_back(list, session, is_rw);
        return err == HSM_E_LIMIT ? HSM_E_SESSION_COUNT : err;
    }
    *out_handle = handle;
    return HSM_OK;
}

hsm_err hsm_session_get(hsm_session_table *table, CK_SESSION_HANDLE handle,
                        hsm_session **out_session)
{
    hsm_session *session = hsm_handle_get(table->handles, handle);

    HSM_CHECK(session != NULL, HSM_E_SESSION_HANDLE);
    (void)pthread_mutex_lock(&session->lock);
    if (session->handle != handle) { /* closed since the look-up, perhaps opened again */
        (void)pthread_mutex_unlock(&session->lock);
        return HSM_E_SESSION_HANDLE;
    }
    *out_session = session;
    return HSM_OK;
}

hsm_err hsm_session_set_client(hsm_session *session, const char *client)
{
    char *copy = NULL;

    if (client != NULL) {
        HSM_CHECK(strnlen(client, HSM_CLIENT_MAX_BYTES + 1) <= HSM_CLIENT_MAX_BYTES, HSM_E_ARG);
        HSM_CHECK(hsm_utf8_is_valid(hsm_bytes_of_text(client)), HSM_E_ARG);
        copy = hsm_text_dup(client);
        HSM_CHECK(copy != NULL, HSM_E_NO_MEMORY);
    }
    free(session->client);
    session->client = copy;
    return HSM_OK;
}

void hsm_session_release(hsm_session **session)
{
    if (*session == NULL)
        return;
    (void)pthread_mutex_unlock(&(*session)->lock);
    *session = NULL;
}

void hsm_session_close(hsm_session_table *table, hsm_session **session)
{
    hsm_session *closing = HSM_MOVE(*session);

    (void)hsm_handle_remove(table->handles, closing->handle);
    closing->handle = HSM_HANDLE_NONE;
    empty_session(closing);
    /* Still locked: whoever is given the struct waits until we have let go of it. */
    put_back(&table->slots[closing->slot], closing, closing->is_rw);
    (void)pthread_mutex_unlock(&closing->lock);
}

hsm_session_counts hsm_session_count(hsm_session_table *table, uint32_t slot)
{
    if (slot >= table->limits.slot_count)
        return (hsm_session_counts){ .sessions = 0, .rw_sessions = 0 };

    slot_list *list = &table->slots[slot];
    (void)pthread_mutex_lock(&list->lock);
    const hsm_session_counts counts = { .sessions = list->open_count,
                                        .rw_sessions = list->rw_count };
    (void)pthread_mutex_unlock(&list->lock);
    return counts;
}

/* The open session before place *at, which moves there; NULL at the beginning. */
static hsm_session *step_down(slot_list *list, uint32_t *at)
{
    hsm_session *session = NULL;

    (void)pthread_mutex_lock(&list->lock);
    if (*at > list->open_count)
        *at = list->open_count;
    if (*at > 0)
        session = list->all[--*at];
    (void)pthread_mutex_unlock(&list->lock);
    return session;
}

void hsm_session_each(hsm_session_table *table, uint32_t slot,
                      void (*visit)(hsm_session **session, void *arg), void *arg)
{
    if (slot >= table->limits.slot_count)
        return;

    /* Downwards: closing a session moves only the last one, and only to a lower place, so that
     * none which stays open escapes. */
    uint32_t at = UINT32_MAX;
    hsm_session *session = NULL;
    while ((session = step_down(&table->slots[slot], &at)) != NULL) {
        (void)pthread_mutex_lock(&session->lock);
        if (session->handle == HSM_HANDLE_NONE) /* being opened or closed by another thread */
            hsm_session_release(&session);
        else
            visit(&session, arg);
        hsm_session_release(&session);
    }
}
