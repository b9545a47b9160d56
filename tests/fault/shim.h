/* A library to be loaded before the others (LD_PRELOAD): it stands before the C library's functions
 * that may fail, counts their calls while it is told to, and lets some of them fail.
 *
 * A program that knows nothing of it is told by the environment, from its start to its end: FAULT_KINDS,
 * FAULT_AT and FAULT_FOR are the plan's numbers; the file FAULT_CALLS gets the number of calls there were.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <stdbool.h>

/* Kinds of calls, as bits. */
#define FAULT_MEMORY 1u /* malloc and the like, mappings, locked memory: ENOMEM */
#define FAULT_FILES 2u  /* opening, making, renaming, locking: EMFILE, or EIO */
#define FAULT_READS 4u  /* EIO */
#define FAULT_WRITES 8u /* writing, growing, syncing: ENOSPC */
#define FAULT_RANDOM 16u

/* What is to fail. One thread at a time. */
typedef struct fault_plan {
    bool is_armed;
    unsigned kinds;
    long fails_at;     /* the call that fails first; 0: none */
    long fails_for;    /* so many calls */
    long calls;        /* of these kinds, since it was set to 0 */
    long failed_syncs; /* since it was set to 0 */
    long live_blocks;  /* allocations not yet freed, of all threads, armed or not */
} fault_plan;

/* The plan; found with dlsym(). */
fault_plan *fault_control(void);

#endif
