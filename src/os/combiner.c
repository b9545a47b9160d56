/* SPDX-License-Identifier: Apache-2.0 */
#include "os/combiner.h"

#include <sched.h>
#include <sys/resource.h>

#include "os/clock.h"
#include "os/thread.h"

/* The longest that a leader waits for companions. */
#define GATHER_MAX_NS HSM_NS_PER_MS

/* An item that waits, on its caller's stack. */
typedef struct hsm_combined {
    void *item;
    size_t bytes;
    bool is_low;    /* of a thread that the clerk leads for */
    bool must_lead; /* woken to write for all who wait; else: it is written */
    sem_t wake;
    struct hsm_combined *next;
} hsm_combined;

/* --- leading ------------------------------------------------------------------------------------ */

/* Expects the mutex. Where several threads write, those just answered come back in a moment: a write
 * begun at once would take one item of many. Waiting costs less than half of what the write does. */
static void gather(hsm_combiner *combiner)
{
    const uint64_t half_ns = combiner->last_ns / 2;

    if (!combiner->options.is_gathering || combiner->waiting >= combiner->last_count)
        return;
    const uint64_t deadline_ns =
        hsm_clock_monotonic_ns() + (half_ns < GATHER_MAX_NS ? half_ns : GATHER_MAX_NS);
    while (combiner->waiting < combiner->last_count && hsm_clock_monotonic_ns() < deadline_ns) {
        (void)pthread_mutex_unlock(&combiner->mutex);
        (void)sched_yield();
        (void)pthread_mutex_lock(&combiner->mutex);
    }
}

/* Expects the mutex. Takes the first out of the queue, at least one; the rest goes on waiting. */
static size_t take(hsm_combiner *combiner, void **out_items)
{
    size_t count = 0;
    size_t bytes = 0;

    while (combiner->first != NULL && count < combiner->options.count_max) {
        bytes += combiner->first->bytes;
        if (count > 0 && bytes > combiner->options.bytes_max)
            break;
        out_items[count++] = combiner->first->item;
        combiner->first = combiner->first->next;
    }
    if (combiner->first == NULL)
        combiner->last = NULL;
    combiner->waiting -= count;
    return count;
}

/* Expects no lock, as answer() does: who is woken must not run into one. */
static void appoint(hsm_combiner *combiner, hsm_combined *next)
{
    if (next->is_low) {
        (void)sem_post(&combiner->clerk.wake);
        return;
    }
    next->must_lead = true;
    (void)sem_post(&next->wake);
}

/* The one who has waited longest leads, or the clerk in its stead. */
static void pass_on(hsm_combiner *combiner)
{
    (void)pthread_mutex_lock(&combiner->mutex);
    hsm_combined *next = combiner->first;
    combiner->is_led = next != NULL;
    (void)pthread_mutex_unlock(&combiner->mutex);
    if (next != NULL)
        appoint(combiner, next);
}

static void answer(hsm_combined *taken, size_t count, const hsm_combined *own)
{
    hsm_combined *next = taken;

    for (size_t i = 0; i < count; i++) {
        hsm_combined *one = next;

        next = one->next;
        if (one != own)
            (void)sem_post(&one->wake); /* from here on it may be gone */
    }
}

static void write_all(hsm_combiner *combiner, void *const *items, size_t count)
{
    const uint64_t begun_ns = combiner->options.is_gathering ? hsm_clock_monotonic_ns() : 0;

    combiner->options.write(combiner->options.arg, items, count);
    combiner->last_count = count;
    if (combiner->options.is_gathering)
        combiner->last_ns = hsm_clock_monotonic_ns() - begun_ns;
}

/* Expects the mutex, which it gives up. own: what the caller waits with, which is among what is written;
 * NULL: the caller is the clerk. */
static void lead(hsm_combiner *combiner, const hsm_combined *own)
{
    HSM_UNINITIALIZED void *items[HSM_COMBINER_MAX]; /* filled by take() */
    void (*tidy)(void *arg) = combiner->options.tidy;

    gather(combiner);
    hsm_combined *taken = combiner->first;
    const size_t count = take(combiner, items);
    (void)pthread_mutex_unlock(&combiner->mutex);

    write_all(combiner, items, count);
    if (tidy == NULL)
        pass_on(combiner); /* first: the next write may begin */
    answer(taken, count, own);
    if (tidy != NULL) {
        tidy(combiner->options.arg);
        pass_on(combiner);
    }
}

/* --- waiting ------------------------------------------------------------------------------------ */

static int nice_of_thread(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

static void wait_for(sem_t *wake)
{
    while (sem_wait(wake) != 0)
        ; /* a signal came */
}

/* Expects the mutex. */
static void enqueue(hsm_combiner *combiner, hsm_combined *own)
{
    if (combiner->last != NULL)
        combiner->last->next = own;
    else
        combiner->first = own;
    combiner->last = own;
    combiner->waiting++;
}

void hsm_combiner_submit(hsm_combiner *combiner, void *item, size_t bytes)
{
    hsm_combined own = {
        .item = item,
        .bytes = bytes,
        .is_low = combiner->clerk.is_there && nice_of_thread() > combiner->clerk.nice,
    };

    (void)sem_init(&own.wake, 0, 0);
    (void)pthread_mutex_lock(&combiner->mutex);
    enqueue(combiner, &own);
    const bool is_idle = !combiner->is_led;
    combiner->is_led = true;
    own.must_lead = is_idle && !own.is_low;
    if (!own.must_lead) {
        (void)pthread_mutex_unlock(&combiner->mutex);
        if (is_idle)
            appoint(combiner, &own);
        wait_for(&own.wake);
        if (own.must_lead)
            (void)pthread_mutex_lock(&combiner->mutex);
    }
    if (own.must_lead)
        lead(combiner, &own);
    (void)sem_destroy(&own.wake);
}

size_t hsm_combiner_waiting(hsm_combiner *combiner)
{
    (void)pthread_mutex_lock(&combiner->mutex);
    const size_t waiting = combiner->waiting;
    (void)pthread_mutex_unlock(&combiner->mutex);
    return waiting;
}

/* --- the clerk ---------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
    hsm_combiner *combiner = arg;

    for (;;) {
        wait_for(&combiner->clerk.wake);
        if (combiner->clerk.is_ending)
            return NULL;
        (void)pthread_mutex_lock(&combiner->mutex);
        lead(combiner, NULL);
    }
}

hsm_err hsm_combiner_start_clerk(hsm_combiner *combiner)
{
    hsm_combiner_clerk *clerk = &combiner->clerk;

    if (clerk->is_there)
        return HSM_OK;
    (void)sem_init(&clerk->wake, 0, 0);
    clerk->nice = nice_of_thread(); /* which the new thread inherits */
    HSM_TRY(hsm_thread_start(serve, combiner, &clerk->thread));
    clerk->is_there = true;
    return HSM_OK;
}

static void end_clerk(hsm_combiner_clerk *clerk)
{
    clerk->is_ending = true;
    (void)sem_post(&clerk->wake);
    (void)pthread_join(clerk->thread, NULL);
    (void)sem_destroy(&clerk->wake);
    clerk->is_there = false;
}

/* --- life --------------------------------------------------------------------------------------- */

void hsm_combiner_init(hsm_combiner *combiner, const hsm_combiner_options *options)
{
    *combiner = (hsm_combiner){ .options = *options };
    (void)pthread_mutex_init(&combiner->mutex, NULL);
}

void hsm_combiner_clear(hsm_combiner *combiner)
{
    if (combiner->clerk.is_there)
        end_clerk(&combiner->clerk);
    (void)pthread_mutex_destroy(&combiner->mutex);
}
