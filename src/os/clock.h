/* Time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_CLOCK_H
#define HSM_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define HSM_NS_PER_MS 1000000ULL
#define HSM_NS_PER_SEC 1000000000ULL

/* Nanoseconds since 1970-01-01 UTC; may step backwards. */
uint64_t hsm_clock_wall_ns(void);
/* Whole seconds of it: one read of memory, and no system call on any machine. */
uint64_t hsm_clock_wall_secs(void);
/* The wall clock as a UTC date and time. */
void hsm_clock_utc(struct tm *out_time);

/* Nanoseconds since some fixed moment; never steps backwards. */
uint64_t hsm_clock_monotonic_ns(void);
/* The monotonic time `ms` from now; saturates. */
uint64_t hsm_clock_deadline_ns(uint64_t ms);

#endif
