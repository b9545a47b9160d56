/* SPDX-License-Identifier: Apache-2.0 */
#include "support/gate.h"

#include <unistd.h>

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

pid_t gate_wait(gate *g, unsigned comers)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->come < comers)
        (void)pthread_cond_wait(&g->moved, &g->lock);
    const pid_t who = g->who[comers - 1];
    (void)pthread_mutex_unlock(&g->lock);
    return who;
}
