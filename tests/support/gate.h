/* A gate that holds threads up until a test lets them pass, so that who waits for whom is certain.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_GATE_H
#define SUPPORT_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* Who waits for what never comes, gives up: a test that has failed says so before its time limit does, and
 * then ends the program, whose threads nobody can free. */
#define GATE_PATIENCE_S 40

/* Threads that come while it is shut, at most; others pass. */
#define GATE_COMERS_MAX 16u

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_shut;
    unsigned come; /* since it was shut */
    unsigned let;  /* of them */
    pid_t who[GATE_COMERS_MAX];
} gate;

/* Open. */
#define GATE_INIT                                                            \
    {                                                                        \
        .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER \
    }

/* What is held up calls this. */
void gate_pass(gate *g);
void gate_shut(gate *g);
/* The one who has come first, or comes next, passes. */
void gate_let_one(gate *g);
/* All pass. */
void gate_open(gate *g);
/* Waits until so many have come since it was shut; the last of them. Ends the program when they do not. */
pid_t gate_wait(gate *g, unsigned comers);

/* A bell that is rung once: by a thread, when it has come through. */
typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_rung;
} bell;

#define BELL_INIT                                                            \
    {                                                                        \
        .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER \
    }

void bell_ring(bell *b);
/* Waits until it is rung. Ends the program when it is not, and says that `what` has not happened. */
void bell_wait(bell *b, const char *what);

#endif
