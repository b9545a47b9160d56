/* A disk that loses power: records what this process writes and syncs, and gives the states that the
 * files may be in after a cut at any point.
 *
 * Assumed durable: that a file exists, and its name. What a file holds is durable up to its last sync;
 * later writes may have arrived or not, each and in any part.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_POWER_H
#define FAULT_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POWER_FILES_MAX 4u

/* Begins to record the named files of a directory, whose content now is durable. */
bool power_record(const char *directory, const char *const *names, size_t count);
/* Ends it; the record is kept until the next power_record(). */
void power_stop(void);
/* Events so far: writes, truncations, syncs. */
size_t power_events(void);

/* A test of the test: which syncs do nothing. */
typedef enum power_lie {
    POWER_HONEST,
    POWER_FIRST_FILE_LIES, /* syncs of names[0] are ignored */
    POWER_ALL_LIE,
} power_lie;

/* Writes the files as they may be found after a cut behind `event` events; seed decides about what
 * was not durable. */
bool power_cut(const char *directory, size_t event, unsigned seed, power_lie lie);

#endif
