/* What a process does between its start and the signal that kills it, as a list of steps that both it
 * and who checks afterwards can compute.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KILL_ABI_LIFE_H
#define KILL_ABI_LIFE_H

#include "abi/support.h"

#define LIFE_CYCLES 16u
#define LIFE_CYCLE_STEPS 6u
#define LIFE_SIGNING_STEP 2u /* of a cycle */
#define LIFE_STEPS (LIFE_CYCLES * LIFE_CYCLE_STEPS)
#define LIFE_SIGNATURE_BYTES 64u

/* A life, as the parent knows it. */
typedef struct life {
    uint32_t number;
    uint32_t done; /* steps acknowledged; the next one may have happened or not */
    uint8_t signatures[LIFE_CYCLES][LIFE_SIGNATURE_BYTES];
} life;

/* What the process says after a step; shorter than PIPE_BUF, so whole or not at all. */
typedef struct life_ack {
    uint32_t step;
    uint8_t signature[LIFE_SIGNATURE_BYTES]; /* of steps that made a pair: made by it */
} life_ack;

/* Lives until it is killed; a result means that something was refused. */
int life_live(CK_SESSION_HANDLE session, uint32_t number, int out);
/* What is left of it; every difference is a failed check. */
void life_check(CK_SESSION_HANDLE session, const life *dead);
/* Objects on the token after all these lives, at least and at most. */
void life_count(const life *lives, size_t count, size_t *out_least, size_t *out_most);

#endif
