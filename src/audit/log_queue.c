/* The queue of those who have something to write. The first of them leads: it writes for all who wait,
 * with one sync, and the first of those who came meanwhile leads next. So nobody waits for more than the
 * rest of the sync that runs and the next one, as long as a write has room for all who wait.
 * SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/resource.h>

#include "audit/internal.h"
#include "os/clock.h"
#include "os/thread.h"

/* How long a leader waits for the companions of the last write, who are on their way back. */
#define GATHER_LEAST_NS ((uint64_t)50000)
#define GATHER_MOST_NS HSM_NS_PER_MS

/* Half of what the sync costs that is shared. */
static uint64_t gather_ns(const hsm_audit_log *log)
{
    const uint64_t half = log->sync_cost_ns / 2;

    return half < GATHER_LEAST_NS ? GATHER_LEAST_NS : half > GATHER_MOST_NS ? GATHER_MOST_NS : half;
}

/* Expects the mutex. Where several threads write, those just answered come back in a moment: a write
 * begun at once would take one event of many. */
static void gather(hsm_audit_log *log)
{
    if (log->options.is_batch || log->last_size < 2)
        return;
    const uint64_t deadline = hsm_clock_monotonic_ns() + gather_ns(log);
    while (log->waiting < log->last_size && hsm_clock_monotonic_ns() < deadline) {
        (void)pthread_mutex_unlock(&log->mutex);
        (void)sched_yield();
        (void)pthread_mutex_lock(&log->mutex);
    }
}

/* Expects the mutex. As many as the buffer surely has room for, beside the log's own entries. */
static size_t take(hsm_audit_log *log, hsm_audit_request **out_requests)
{
    size_t bytes = 2 * (size_t)HSM_LINE_MAX_BYTES;
    size_t count = 0;

    while (log->first != NULL && count < HSM_AUDIT_BATCH_MAX) {
        bytes += log->first->is_checkpoint ? HSM_LINE_MAX_BYTES
                                           : log->first->members.len + HSM_LINE_FRAME_BYTES;
        if (bytes > HSM_AUDIT_BUFFER_BYTES)
            break;
        out_requests[count++] = log->first;
        log->first = log->first->next;
    }
    if (log->first == NULL)
        log->last = NULL;
    log->waiting -= count;
    return count;
}

/* Expects no lock: who is woken must not run into one. The one who waits longest leads, or the clerk in
 * its stead. */
static void appoint(hsm_audit_log *log, hsm_audit_request *next)
{
    if (next->is_low) {
        (void)sem_post(&log->clerk.wake);
        return;
    }
    next->must_lead = true;
    (void)sem_post(&next->wake);
}

/* Expects the mutex, which it gives up while it writes and has given up in the end. The caller's request
 * is among those written; own NULL: the caller is the clerk. */
static void lead(hsm_audit_log *log, const hsm_audit_request *own)
{
    HSM_UNINITIALIZED hsm_audit_request *requests[HSM_AUDIT_BATCH_MAX]; /* filled by take() */

    gather(log);
    const size_t count = take(log, requests);
    (void)pthread_mutex_unlock(&log->mutex);
    const hsm_err err = hsm_log_take_turn(log, requests, count);
    (void)pthread_mutex_lock(&log->mutex);
    log->last_size = count;
    hsm_audit_request *next = log->first;
    log->is_led = next != NULL;
    (void)pthread_mutex_unlock(&log->mutex);

    if (next != NULL)
        appoint(log, next);
    for (size_t i = 0; i < count; i++) {
        requests[i]->err = err;
        if (requests[i] != own)
            (void)sem_post(&requests[i]->wake); /* from here on it may be gone */
    }
}

static int nice_of_thread(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

static void wait_for(sem_t *wake)
{
    while (sem_wait(wake) != 0)
        ; /* a signal came */
}

hsm_err hsm_log_submit(hsm_audit_log *log, hsm_audit_request *own)
{
    own->is_low = log->clerk.is_there && nice_of_thread() > log->clerk.nice;
    (void)sem_init(&own->wake, 0, 0);
    (void)pthread_mutex_lock(&log->mutex);
    if (log->last != NULL)
        log->last->next = own;
    else
        log->first = own;
    log->last = own;
    log->waiting++;
    const bool is_idle = !log->is_led;
    log->is_led = true;
    own->must_lead = is_idle && !own->is_low;
    if (!own->must_lead) {
        (void)pthread_mutex_unlock(&log->mutex);
        if (is_idle)
            appoint(log, own);
        wait_for(&own->wake);
        if (own->must_lead)
            (void)pthread_mutex_lock(&log->mutex);
    }
    if (own->must_lead)
        lead(log, own);
    (void)sem_destroy(&own->wake);
    return own->err == HSM_OK ? HSM_OK : HSM_E_AUDIT;
}

/* --- the clerk -------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
    hsm_audit_log *log = arg;

    for (;;) {
        wait_for(&log->clerk.wake);
        if (log->clerk.is_ending)
            return NULL;
        (void)pthread_mutex_lock(&log->mutex);
        lead(log, NULL);
    }
}

hsm_err hsm_audit_start_clerk(hsm_audit_log *log)
{
    hsm_log_clerk *clerk = &log->clerk;

    if (clerk->is_there)
        return HSM_OK;
    (void)sem_init(&clerk->wake, 0, 0);
    clerk->nice = nice_of_thread(); /* which the new thread inherits */
    HSM_TRY(hsm_thread_start(serve, log, &clerk->thread));
    clerk->is_there = true;
    return HSM_OK;
}

void hsm_log_end_clerk(hsm_audit_log *log)
{
    hsm_log_clerk *clerk = &log->clerk;

    if (!clerk->is_there)
        return;
    clerk->is_ending = true;
    (void)sem_post(&clerk->wake);
    (void)pthread_join(clerk->thread, NULL);
    (void)sem_destroy(&clerk->wake);
    clerk->is_there = false;
}
