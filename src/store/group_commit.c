/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group_commit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "os/clock.h"

/* How long a leader waits for the companions of the last commit, who are on their way back. */
#define GATHER_NS 100000u

/* A batch that waits, on its writer's stack. */
typedef struct request {
    hsm_batch *batch;
    struct request *next;
    bool is_done;
    pthread_cond_t changed; /* done, or first in the queue with nobody leading */
} request;

struct hsm_group_commit {
    hsm_meter meter; /* of hsm_group_commit_write() */
    hsm_storage storage;
    pthread_mutex_t lock;
    request *first;
    request *last;
    size_t waiting;
    size_t last_size; /* batches of the last commit */
    bool is_led;
};

hsm_err hsm_group_commit_create(const hsm_storage *storage, hsm_group_commit **out_group)
{
    hsm_group_commit *group = calloc(1, sizeof *group);

    HSM_CHECK(group != NULL, HSM_E_NO_MEMORY);
    (void)pthread_mutex_init(&group->lock, NULL);
    group->storage = *storage;
    *out_group = group;
    return HSM_OK;
}

void hsm_group_commit_destroy(hsm_group_commit *group)
{
    if (group == NULL)
        return;
    (void)pthread_mutex_destroy(&group->lock);
    free(group);
}

static size_t batch_bytes(const hsm_batch *batch)
{
    size_t bytes = batch->token != NULL ? batch->token->record.len : 0;

    for (size_t i = 0; i < batch->put_count; i++)
        bytes += batch->puts[i].record.len;
    return bytes;
}

/* Expects the lock. Where several threads write, those just answered come back in a moment: a commit
 * begun at once would take one batch of many. */
static void gather(hsm_group_commit *group)
{
    const uint64_t deadline = hsm_clock_monotonic_ns() + GATHER_NS;

    while (group->waiting < group->last_size && hsm_clock_monotonic_ns() < deadline) {
        (void)pthread_mutex_unlock(&group->lock);
        (void)sched_yield();
        (void)pthread_mutex_lock(&group->lock);
    }
}

/* Expects the lock. Unlinks the first requests of the queue; the rest goes on waiting. */
static size_t take(hsm_group_commit *group, request **out_requests)
{
    size_t count = 0;
    size_t bytes = 0;

    while (group->first != NULL && count < HSM_GROUP_BATCHES_MAX) {
        bytes += batch_bytes(group->first->batch);
        if (count > 0 && bytes > HSM_GROUP_BYTES_MAX)
            break;
        out_requests[count++] = group->first;
        group->first = group->first->next;
    }
    if (group->first == NULL)
        group->last = NULL;
    group->waiting -= count;
    return count;
}

/* Expects the lock, which it gives up while it writes. */
static void lead(hsm_group_commit *group)
{
    const hsm_driver *driver = group->storage.driver;
    request *requests[HSM_GROUP_BATCHES_MAX];
    hsm_batch *batches[HSM_GROUP_BATCHES_MAX];

    group->is_led = true;
    gather(group);
    const size_t count = take(group, requests);
    (void)pthread_mutex_unlock(&group->lock);

    for (size_t i = 0; i < count; i++)
        batches[i] = requests[i]->batch;
    driver->commit(group->storage.state, batches, count);

    (void)pthread_mutex_lock(&group->lock);
    group->last_size = count;
    for (size_t i = 0; i < count; i++) {
        requests[i]->is_done = true; /* from here on it may be gone, once the lock is free */
        (void)pthread_cond_signal(&requests[i]->changed);
    }
    if (driver->maintain != NULL) {
        (void)pthread_mutex_unlock(&group->lock);
        driver->maintain(group->storage.state);
        (void)pthread_mutex_lock(&group->lock);
    }
    group->is_led = false;
    if (group->first != NULL)
        (void)pthread_cond_signal(&group->first->changed);
}

/* Expects the lock. */
static void enqueue(hsm_group_commit *group, request *own)
{
    if (group->last != NULL)
        group->last->next = own;
    else
        group->first = own;
    group->last = own;
    group->waiting++;
}

hsm_err hsm_group_commit_write(hsm_group_commit *group, hsm_batch *batch)
{
    const uint64_t begun_ns = hsm_meter_begin(&group->meter);
    request own = { .batch = batch };

    (void)pthread_cond_init(&own.changed, NULL);
    (void)pthread_mutex_lock(&group->lock);
    enqueue(group, &own);
    while (!own.is_done) {
        if (group->is_led || group->first != &own)
            (void)pthread_cond_wait(&own.changed, &group->lock);
        else
            lead(group);
    }
    (void)pthread_mutex_unlock(&group->lock);
    (void)pthread_cond_destroy(&own.changed);
    hsm_meter_end(&group->meter, begun_ns);
    return batch->err;
}

hsm_meter *hsm_group_commit_meter(hsm_group_commit *group)
{
    return &group->meter;
}

size_t hsm_group_commit_waiting(hsm_group_commit *group)
{
    (void)pthread_mutex_lock(&group->lock);
    const size_t waiting = group->waiting;
    (void)pthread_mutex_unlock(&group->lock);
    return waiting;
}
