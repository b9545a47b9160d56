/* Threads that compute what asynchronous sessions asked for (async.h). They are started when there is
 * something to do and not before, know no session, and take none of the core's locks: a piece of work
 * is put together by the thread that asks, computed here, and taken by the thread that asks again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_WORKERS_H
#define HSM_CORE_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/scope.h"

/* Threads; never more than the machine has processors. */
#define HSM_WORKERS_MAX 16u
/* Pieces of work that wait, are computed, or are done and not dropped yet. */
#define HSM_WORKS_MAX 1024u

/* A piece of work, part of what it is about. */
typedef struct hsm_work {
    void (*run)(struct hsm_work *work);  /* in a thread; returns soon once `stop` is true */
    void (*drop)(struct hsm_work *work); /* wipes and frees; in a thread, or with the caller */
    atomic_bool stop;                    /* nobody waits for the result any more */
    struct hsm_work *next;               /* these are the workers' own */
    bool is_waiting;
    bool is_done;
} hsm_work;

typedef struct hsm_workers hsm_workers;

/* No thread yet. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_workers_create(hsm_workers **out_workers);
/* Waits for what is being computed, which everybody must have given up, and ends the threads. NULL
 * is allowed. */
void hsm_workers_destroy(hsm_workers *workers);

/* Hands work over, until hsm_workers_drop(); on an error it stays the caller's.
 * errors  HSM_E_LIMIT (HSM_WORKS_MAX), HSM_E_NO_MEMORY (not even one thread can be started) */
HSM_MUST_USE hsm_err hsm_workers_add(hsm_workers *workers, hsm_work *work);
/* Whether the work is done, and its result the caller's to read. */
bool hsm_workers_have_done(hsm_workers *workers, const hsm_work *work);
/* Drops work: at once, or when the thread that computes it has come to its end. */
void hsm_workers_drop(hsm_workers *workers, hsm_work *work);

#endif
