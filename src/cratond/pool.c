/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/config.h"
#include "os/file.h"
#include "os/thread.h"

#define THREADS_MAX (HSM_DAEMON_WORKERS_MAX + HSM_DAEMON_SLOW_WORKERS_MAX)
#define SLOW_NICE 10
/* While more work waits, the loop hears of so many jobs at once: it then writes their answers at once. */
#define TELL_JOBS 8u
#define TELL_JOBS_MAX 32u
/* And looks by itself that often. */
#define LOOK_MS 1

typedef struct lane_queue {
    pthread_cond_t wake;
    pool_job *first;
    pool_job **last;
    atomic_size_t waiting; /* written under the lock */
    size_t waiting_max;
    uint32_t threads;
    uint32_t asleep;
    bool is_waking; /* a thread was woken and is not there yet: it wakes the next */
} lane_queue;

/* One thread. */
typedef struct worker {
    struct pool *pool;
    pool_lane lane;
    pthread_t thread;
    const void *client; /* whose job it has; under the pool's lock */
} worker;

struct pool {
    pthread_mutex_t lock;
    lane_queue lanes[POOL_LANES];
    bool is_closing;
    int event_fd;
    pool_job *done_first;
    pool_job **done_last;
    size_t untold; /* done, and the loop was not woken for them */
    bool is_told; /* a quick thread has woken the loop, or is about to, and it has not looked yet */
    uint32_t started;
    worker workers[THREADS_MAX];
};

/* Whether this client already holds all slow threads but one. */
static bool holds_too_many(const pool *workers, const pool_job *job)
{
    const uint32_t threads = workers->lanes[POOL_SLOW].threads;
    uint32_t held = 0;

    if (job->client == NULL || threads < 2)
        return false;
    for (uint32_t i = 0; i < workers->started; i++) {
        if (workers->workers[i].lane == POOL_SLOW && workers->workers[i].client == job->client)
            held++;
    }
    return held + 1 >= threads;
}

/* The first job that may run now, or NULL. */
static pool_job *take(pool *workers, pool_lane number)
{
    lane_queue *own = &workers->lanes[number];

    for (pool_job **at = &own->first; *at != NULL; at = &(*at)->next) {
        pool_job *job = *at;

        if (number == POOL_SLOW && !workers->is_closing && holds_too_many(workers, job))
            continue;
        *at = job->next;
        if (own->last == &job->next)
            own->last = at;
        own->waiting--;
        return job;
    }
    return NULL;
}

/* How many jobs the loop hears of at once. Half of what there is to do is enough: the other half keeps the
 * threads busy while the clients read the answers and ask again. */
static size_t together(const pool *workers)
{
    const size_t waiting = atomic_load(&workers->lanes[POOL_FAST].waiting);

    if (waiting < TELL_JOBS)
        return waiting == 0 ? 1 : TELL_JOBS;
    return waiting < TELL_JOBS_MAX ? waiting : TELL_JOBS_MAX;
}

/* Each time the loop wakes it writes to a socket, which costs more than the answer: while quick jobs wait
 * for this thread, it hears of several at once, and of no more until it has looked. A slow thread always
 * tells, and is not waited for: it may not run again for long. True: the loop is to be told now, with
 * tell(). */
static bool hand_back(pool *workers, pool_lane number, pool_job *job)
{
    job->next = NULL;
    *workers->done_last = job;
    workers->done_last = &job->next;
    workers->untold++;
    if (number == POOL_FAST && (workers->is_told || workers->untold < together(workers)))
        return false;
    workers->untold = 0;
    workers->is_told = workers->is_told || number == POOL_FAST;
    return true;
}

/* Without the lock: the loop may get this thread's processor at once, and would wait for a lock whose
 * holder, being of the slow lane, may not run again for long. */
static void tell(const pool *workers)
{
    const uint64_t one = 1;

    if (write(workers->event_fd, &one, sizeof one) < 0)
        return; /* full only if it is readable already */
}

/* Whether a thread of the lane is to be woken, without the lock as well. One after the other, as long as
 * there is work for it: those that run may be quicker. */
static bool wants_one(lane_queue *own)
{
    if (own->first == NULL || own->asleep == 0 || own->is_waking)
        return false;
    own->is_waking = true;
    return true;
}

static void sleep_until_woken(pool *workers, lane_queue *own)
{
    own->asleep++;
    (void)pthread_cond_wait(&own->wake, &workers->lock);
    own->asleep--;
    own->is_waking = false;
}

/* Expects the lock, which it gives up while the job runs, and while others hear of its end. */
static void run(worker *self, pool_job *job)
{
    pool *workers = self->pool;
    lane_queue *own = &workers->lanes[self->lane];

    const bool wakes = wants_one(own);
    self->client = job->client;
    (void)pthread_mutex_unlock(&workers->lock);
    if (wakes)
        (void)pthread_cond_signal(&own->wake);
    job->run(job->owner);
    (void)pthread_mutex_lock(&workers->lock);
    self->client = NULL;
    if (!hand_back(workers, self->lane, job))
        return;
    (void)pthread_mutex_unlock(&workers->lock);
    tell(workers);
    if (self->lane == POOL_SLOW) /* a job that this client had to hold back may go on now */
        (void)pthread_cond_broadcast(&own->wake);
    (void)pthread_mutex_lock(&workers->lock);
}

/* Expects the lock, which it gives up if nothing waits. The loop may be about to bring more: going to sleep
 * and being woken costs several times what it costs to let others run once before. */
static pool_job *take_patiently(worker *self)
{
    pool_job *job = take(self->pool, self->lane);

    if (job != NULL || self->lane == POOL_SLOW)
        return job;
    (void)pthread_mutex_unlock(&self->pool->lock);
    (void)sched_yield();
    (void)pthread_mutex_lock(&self->pool->lock);
    return take(self->pool, self->lane);
}

static void *work(void *arg)
{
    worker *self = arg;
    pool *workers = self->pool;

    if (self->lane == POOL_SLOW)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), SLOW_NICE);
    (void)pthread_mutex_lock(&workers->lock);
    for (;;) {
        pool_job *job = take_patiently(self);

        if (job == NULL && workers->is_closing)
            break;
        if (job == NULL)
            sleep_until_woken(workers, &workers->lanes[self->lane]);
        else
            run(self, job);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return NULL;
}

static hsm_err start(pool *workers, pool_lane number)
{
    worker *self = &workers->workers[workers->started];

    *self = (worker){ .pool = workers, .lane = number };
    HSM_TRY(hsm_thread_start(work, self, &self->thread));
    workers->started++;
    return HSM_OK;
}

static void pool_drop(pool **workers)
{
    pool_destroy(*workers);
    *workers = NULL;
}

uint32_t pool_threads(pool_lane lane, uint32_t configured, uint32_t processors)
{
    static const struct {
        uint32_t per_processor;
        uint32_t min;
        uint32_t max;
    } usual[POOL_LANES] = {
        [POOL_FAST] = { 2, 4, HSM_DAEMON_WORKERS_MAX },
        [POOL_SLOW] = { 1, 2, HSM_DAEMON_SLOW_WORKERS_MAX },
    };

    if (configured > 0)
        return configured;
    if (processors > usual[lane].max / usual[lane].per_processor)
        return usual[lane].max;
    const uint32_t wanted = processors * usual[lane].per_processor;
    return wanted > usual[lane].min ? wanted : usual[lane].min;
}

hsm_err pool_create(const pool_options *options, pool **out_pool)
{
    HSM_AUTO(pool_drop) pool *workers = calloc(1, sizeof *workers);

    HSM_CHECK(workers != NULL, HSM_E_NO_MEMORY);
    (void)pthread_mutex_init(&workers->lock, NULL);
    workers->done_last = &workers->done_first;
    for (int i = 0; i < POOL_LANES; i++) {
        workers->lanes[i] =
            (lane_queue){ .waiting_max = options->waiting_max[i], .threads = options->threads[i] };
        workers->lanes[i].last = &workers->lanes[i].first;
        (void)pthread_cond_init(&workers->lanes[i].wake, NULL);
    }
    workers->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    HSM_CHECK(workers->event_fd >= 0, HSM_E_INTERNAL);
    for (int i = 0; i < POOL_LANES; i++) {
        for (uint32_t k = 0; k < options->threads[i]; k++) {
            HSM_CHECK(workers->started < THREADS_MAX, HSM_E_LIMIT);
            HSM_TRY(start(workers, (pool_lane)i));
        }
    }
    *out_pool = HSM_MOVE(workers);
    return HSM_OK;
}

size_t pool_run_waiting(pool *workers)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&workers->lock);
    for (int i = 0; i < POOL_LANES; i++) {
        pool_job *job = NULL;

        while ((job = take(workers, (pool_lane)i)) != NULL) {
            (void)pthread_mutex_unlock(&workers->lock);
            job->run(job->owner);
            (void)pthread_mutex_lock(&workers->lock);
            (void)hand_back(workers, (pool_lane)i, job);
            count++;
        }
    }
    (void)pthread_mutex_unlock(&workers->lock);
    if (count > 0)
        tell(workers);
    return count;
}

void pool_destroy(pool *workers)
{
    if (workers == NULL)
        return;
    (void)pthread_mutex_lock(&workers->lock);
    workers->is_closing = true;
    for (int i = 0; i < POOL_LANES; i++)
        (void)pthread_cond_broadcast(&workers->lanes[i].wake);
    (void)pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->started; i++)
        (void)pthread_join(workers->workers[i].thread, NULL);
    while (pool_collect(workers) + pool_run_waiting(workers) > 0)
        continue; /* what done() has added since */
    hsm_fd_drop(&workers->event_fd);
    for (int i = 0; i < POOL_LANES; i++)
        (void)pthread_cond_destroy(&workers->lanes[i].wake);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers);
}

int pool_event_fd(const pool *workers)
{
    return workers->event_fd;
}

int pool_wait_ms(const pool *workers)
{
    return atomic_load(&workers->lanes[POOL_FAST].waiting) > 0 ? LOOK_MS : -1;
}

static bool add(pool *workers, pool_lane number, pool_job *job, bool is_end)
{
    lane_queue *own = &workers->lanes[number];
    bool wakes = false;

    (void)pthread_mutex_lock(&workers->lock);
    const bool has_room = is_end || own->waiting < own->waiting_max;
    if (has_room) {
        job->next = NULL;
        *own->last = job;
        own->last = &job->next;
        own->waiting++;
        wakes = wants_one(own);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    if (wakes)
        (void)pthread_cond_signal(&own->wake);
    return has_room;
}

hsm_err pool_add(pool *workers, pool_lane lane, pool_job *job)
{
    return add(workers, lane, job, false) ? HSM_OK : HSM_E_LIMIT;
}

void pool_add_end(pool *workers, pool_lane lane, pool_job *job)
{
    (void)add(workers, lane, job, true);
}

size_t pool_collect(pool *workers)
{
    uint64_t ignored = 0;
    size_t count = 0;

    if (read(workers->event_fd, &ignored, sizeof ignored) < 0)
        ignored = 0; /* nobody has told yet */
    (void)pthread_mutex_lock(&workers->lock);
    pool_job *job = workers->done_first;
    workers->done_first = NULL;
    workers->done_last = &workers->done_first;
    workers->untold = 0;
    workers->is_told = false;
    (void)pthread_mutex_unlock(&workers->lock);
    while (job != NULL) {
        pool_job *next = job->next;

        job->done(job->owner);
        job = next;
        count++;
    }
    return count;
}
