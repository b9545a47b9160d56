/* A disk that fails when told to: writes, truncations and syncs of the whole program go through it. A
 * sync costs nothing here. A test may put more of the C library's functions under disk_fails_now().
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_DISK_H
#define FAULT_DISK_H

#include <stdbool.h>

typedef struct fault_disk {
    long calls;     /* since disk_reset() */
    long fails_at;  /* 0: never */
    long fails_for; /* so many calls */
    int error;      /* errno of those that fail */
    bool is_short;  /* a write that fails has written half of the bytes */
    long looks;     /* since disk_reset(): a file's size and times were asked for */
} fault_disk;

extern fault_disk disk;

/* Works again, and counts anew. */
void disk_reset(void);

/* Counts a call; when it must fail, errno is set. */
bool disk_fails_now(void);

#endif
