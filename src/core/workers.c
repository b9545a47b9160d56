/* SPDX-License-Identifier: Apache-2.0 */
#include "core/workers.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "os/thread.h"

struct hsm_workers {
    pthread_mutex_t lock; /* a leaf: nothing else is taken under it */
    pthread_cond_t wake;
    hsm_work *first; /* those that wait, in turn */
    hsm_work **last;
    uint32_t waiting;
    uint32_t held;  /* all that was added and is not dropped */
    uint32_t idle;  /* threads that wait */
    uint32_t count; /* threads there are */
    uint32_t count_max;
    bool is_closing;
    pthread_t threads[HSM_WORKERS_MAX];
};

hsm_err hsm_workers_create(hsm_workers **out_workers)
{
    const unsigned processors = hsm_processor_count();
    hsm_workers *workers = calloc(1, sizeof *workers);

    HSM_CHECK(workers != NULL, HSM_E_NO_MEMORY);
    (void)pthread_mutex_init(&workers->lock, NULL);
    (void)pthread_cond_init(&workers->wake, NULL);
    workers->last = &workers->first;
    workers->count_max = processors < HSM_WORKERS_MAX ? processors : HSM_WORKERS_MAX;
    *out_workers = workers;
    return HSM_OK;
}

static hsm_work *take(hsm_workers *workers)
{
    hsm_work *work = workers->first;

    workers->first = work->next;
    if (workers->first == NULL)
        workers->last = &workers->first;
    workers->waiting--;
    work->is_waiting = false;
    return work;
}

/* thread  the lock is held, and let go meanwhile */
static void compute(hsm_workers *workers, hsm_work *work)
{
    (void)pthread_mutex_unlock(&workers->lock);
    work->run(work);
    (void)pthread_mutex_lock(&workers->lock);
    if (!atomic_load(&work->stop)) {
        work->is_done = true;
        return;
    }
    /* Given up: nobody but us knows it any more. */
    workers->held--;
    (void)pthread_mutex_unlock(&workers->lock);
    work->drop(work);
    (void)pthread_mutex_lock(&workers->lock);
}

static void *serve(void *arg)
{
    hsm_workers *workers = arg;

    (void)pthread_mutex_lock(&workers->lock);
    while (!workers->is_closing) {
        if (workers->first != NULL) {
            compute(workers, take(workers));
            continue;
        }
        workers->idle++;
        (void)pthread_cond_wait(&workers->wake, &workers->lock);
        workers->idle--;
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return NULL;
}

void hsm_workers_destroy(hsm_workers *workers)
{
    if (workers == NULL)
        return;
    (void)pthread_mutex_lock(&workers->lock);
    workers->is_closing = true;
    (void)pthread_cond_broadcast(&workers->wake);
    (void)pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->count; i++)
        (void)pthread_join(workers->threads[i], NULL);
    (void)pthread_cond_destroy(&workers->wake);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers);
}

/* One more thread where those that are idle do not suffice. With one thread at least, the work is
 * done sooner or later whatever the system refuses. */
static hsm_err man(hsm_workers *workers)
{
    if (workers->waiting < workers->idle || workers->count == workers->count_max)
        return HSM_OK;
    const hsm_err err = hsm_thread_start(serve, workers, &workers->threads[workers->count]);
    if (err == HSM_OK)
        workers->count++;
    return workers->count > 0 ? HSM_OK : err;
}

static hsm_err add_locked(hsm_workers *workers, hsm_work *work)
{
    HSM_CHECK(workers->held < HSM_WORKS_MAX, HSM_E_LIMIT);
    HSM_TRY(man(workers));
    work->next = NULL;
    work->is_waiting = true;
    work->is_done = false;
    *workers->last = work;
    workers->last = &work->next;
    workers->waiting++;
    workers->held++;
    (void)pthread_cond_signal(&workers->wake);
    return HSM_OK;
}

hsm_err hsm_workers_add(hsm_workers *workers, hsm_work *work)
{
    (void)pthread_mutex_lock(&workers->lock);
    const hsm_err err = add_locked(workers, work);
    (void)pthread_mutex_unlock(&workers->lock);
    return err;
}

bool hsm_workers_have_done(hsm_workers *workers, const hsm_work *work)
{
    (void)pthread_mutex_lock(&workers->lock);
    const bool is_done = work->is_done;
    (void)pthread_mutex_unlock(&workers->lock);
    return is_done;
}

static void unlink_waiting(hsm_workers *workers, const hsm_work *work)
{
    hsm_work **at = &workers->first;

    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    if (*at == NULL)
        workers->last = at;
    workers->waiting--;
}

void hsm_workers_drop(hsm_workers *workers, hsm_work *work)
{
    (void)pthread_mutex_lock(&workers->lock);
    const bool is_ours = work->is_waiting || work->is_done;
    if (work->is_waiting)
        unlink_waiting(workers, work);
    if (is_ours)
        workers->held--;
    else
        atomic_store(&work->stop, true); /* its thread drops it */
    (void)pthread_mutex_unlock(&workers->lock);
    if (is_ours)
        work->drop(work);
}
