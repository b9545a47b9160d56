/* Worker threads in two lanes: what takes microseconds never waits behind what takes seconds.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_POOL_H
#define HSM_CRATOND_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

typedef enum pool_lane {
    POOL_FAST,
    POOL_SLOW, /* key generation, PIN derivation, hash-based signatures; of lower priority */
    POOL_LANES,
} pool_lane;

/* Work for a thread, part of what it is about. */
typedef struct pool_job {
    struct pool_job *next;
    void (*run)(void *owner);  /* in a worker */
    void (*done)(void *owner); /* in the loop, afterwards */
    void *owner;
    const void *client; /* whose work it is: one client never holds all slow threads; or NULL */
} pool_job;

typedef struct pool pool;

typedef struct pool_options {
    uint32_t threads[POOL_LANES]; /* 0: only pool_run_waiting() runs the lane's jobs */
    size_t waiting_max[POOL_LANES];
} pool_options;

/* How many threads a lane has: as configured, or, with 0, by the number of processors, within what may be
 * configured. */
uint32_t pool_threads(pool_lane lane, uint32_t configured, uint32_t processors);
/* Starts the threads, with all signals blocked. errors HSM_E_NO_MEMORY, HSM_E_INTERNAL */
HSM_MUST_USE hsm_err pool_create(const pool_options *options, pool **out_pool);
/* Waits for running jobs; those that still wait, and those that done() adds, are run as well. NULL is
 * allowed. */
void pool_destroy(pool *workers);
/* Readable when jobs are done; while others wait, not for each of them. */
int pool_event_fd(const pool *workers);
/* In the loop: after so many milliseconds pool_collect() is to be called although nothing was readable;
 * -1: that is not necessary. */
int pool_wait_ms(const pool *workers);
/* errors  HSM_E_LIMIT (the lane is full) */
HSM_MUST_USE hsm_err pool_add(pool *workers, pool_lane lane, pool_job *job);
/* The same without a limit: for what puts an end to something. */
void pool_add_end(pool *workers, pool_lane lane, pool_job *job);
/* Runs what waits, lane by lane, in this thread: the one way without threads of the pool's, where the
 * order is then always the same. Returns how many; pool_collect() is still to be called. */
size_t pool_run_waiting(pool *workers);
/* In the loop: calls done() for all that are. Returns how many. */
size_t pool_collect(pool *workers);

#endif
