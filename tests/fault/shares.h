/* Work by number, done by several processes side by side: each takes the next number that nobody took.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_SHARES_H
#define FAULT_SHARES_H

#include <stddef.h>

#define SHARES_MAX 256u /* a number is a byte */

/* Runs worker(arg) in child processes, one for each processor, until all have ended; how many of them
 * ended with another status than 0. Each, and every program that it starts, finds the numbers from
 * `first` to before `end` with shares_next(). */
unsigned shares_run(size_t first, size_t end, int (*worker)(void *arg), void *arg);
/* The next number, or -1 when all are taken. */
int shares_next(void);

/* Where a worker is. In a file, so that it outlives a worker that is killed. */
typedef struct shares_note {
    char what[64];
    long n;
    long tried; /* in all */
} shares_note;

/* The note in a directory, shared by all who ask for it; NULL if it can't be had. */
shares_note *shares_note_in(const char *directory);

#endif
