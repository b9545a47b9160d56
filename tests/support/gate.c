/* SPDX-License-Identifier: Apache-2.0 */
#include "support/gate.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"

void gate_pass(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    if (g->is_shut && g->come < GATE_COMERS_MAX) {
        const unsigned own = g->come++;

        g->who[own] = gettid();
        (void)pthread_cond_broadcast(&g->moved);
        while (g->is_shut && g->let <= own)
            (void)pthread_cond_wait(&g->moved, &g->lock);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

void gate_shut(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->is_shut = true;
    g->come = 0;
    g->let = 0;
    (void)pthread_mutex_unlock(&g->lock);
}

void gate_let_one(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->let++;
    (void)pthread_cond_broadcast(&g->moved);
    (void)pthread_mutex_unlock(&g->lock);
}

void gate_open(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->is_shut = false;
    (void)pthread_cond_broadcast(&g->moved);
    (void)pthread_mutex_unlock(&g->lock);
}

static struct timespec end_of_patience(void)
{
    struct timespec end = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += GATE_PATIENCE_S;
    return end;
}

/* One wait of several; expects the lock. */
static void wait_until(pthread_cond_t *moved, pthread_mutex_t *lock, const struct timespec *end,
                       const char *what)
{
    if (pthread_cond_clockwait(moved, lock, CLOCK_MONOTONIC, end) == ETIMEDOUT)
        check_give_up(what, GATE_PATIENCE_S);
}

pid_t gate_wait(gate *g, unsigned comers)
{
    const struct timespec end = end_of_patience();

    (void)pthread_mutex_lock(&g->lock);
    while (g->come < comers)
        wait_until(&g->moved, &g->lock, &end, "nobody has come to a gate");
    const pid_t who = g->who[comers - 1];
    (void)pthread_mutex_unlock(&g->lock);
    return who;
}

void bell_ring(bell *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->is_rung = true;
    (void)pthread_cond_broadcast(&b->moved);
    (void)pthread_mutex_unlock(&b->lock);
}

void bell_wait(bell *b, const char *what)
{
    const struct timespec end = end_of_patience();

    (void)pthread_mutex_lock(&b->lock);
    while (!b->is_rung)
        wait_until(&b->moved, &b->lock, &end, what);
    (void)pthread_mutex_unlock(&b->lock);
}
