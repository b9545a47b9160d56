/* Combining: of all threads that have something to write, one leads. It takes what all of them wait with,
 * writes it at once, and answers everybody; of those who came meanwhile, the one who has waited longest
 * leads next. So many share one sync, and nobody waits for more than the rest of the write that runs and
 * the next one, as long as a write has room for all who wait.
 *
 * There is no thread of its own, unless somebody asks for a clerk.
 *
 * In a forked child a combiner is forgotten, neither used nor cleared: threads that do not exist there
 * may be inside.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_COMBINER_H
#define HSM_OS_COMBINER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

/* Items of one write, at most. */
#define HSM_COMBINER_MAX 256u

typedef struct hsm_combiner_options {
    /* Writes all of these, in the order they came in; an item has room for its own answer. One call at a
     * time, in any thread. */
    void (*write)(void *arg, void *const *items, size_t count);
    /* What is left to do once the answers are out, before anybody leads again; may be NULL. */
    void (*tidy)(void *arg);
    void *arg;        /* of both */
    size_t count_max; /* items of one write; 1 .. HSM_COMBINER_MAX */
    size_t bytes_max; /* theirs; an item with more is written alone */
    bool
        is_gathering; /* a leader waits for the companions of the last write: where a write is dear */
} hsm_combiner_options;

/* Leads in the stead of threads that may not run again for long. */
typedef struct hsm_combiner_clerk {
    pthread_t thread;
    sem_t wake;
    int nice;       /* threads above it are led for */
    bool is_there;  /* written before other threads know the combiner, and after they have left */
    bool is_ending; /* before the last time it is woken */
} hsm_combiner_clerk;

typedef struct hsm_combiner {
    hsm_combiner_options options;
    hsm_combiner_clerk clerk;
    pthread_mutex_t mutex; /* guards what follows up to is_led */
    struct hsm_combined *first;
    struct hsm_combined *last;
    size_t waiting;
    bool is_led;
    size_t last_count; /* the leader's: items of the last write */
    uint64_t last_ns;  /* the leader's: what that took */
} hsm_combiner;

/* It stays where it is. */
void hsm_combiner_init(hsm_combiner *combiner, const hsm_combiner_options *options);
/* Ends the clerk, if there is one; nobody is inside. */
void hsm_combiner_clear(hsm_combiner *combiner);

/* Starts a thread that leads in the stead of threads of lower priority than the caller's: such a one, once
 * others wait for what it writes, would keep them waiting until it may run again. Threads of the caller's
 * priority or a better one lead as before. To be called before other threads know the combiner; once is
 * enough.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_combiner_start_clerk(hsm_combiner *combiner);

/* Returns once the item is written, or could not be, as it says itself. Allocates nothing.
 * in      bytes  of the item, for bytes_max
 * thread  any number at once */
void hsm_combiner_submit(hsm_combiner *combiner, void *item, size_t bytes);
/* Items in the queue now, which nobody has begun to write. */
size_t hsm_combiner_waiting(hsm_combiner *combiner);

#endif
