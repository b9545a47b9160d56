/* How often something is done, and how long it takes: for whoever watches a process, and nothing to
 * anybody else. All threads may use one at the same time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_METER_H
#define HSM_OS_METER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "os/clock.h"

typedef struct hsm_meter {
    atomic_bool is_on; /* off: not even the clock is read */
    atomic_uint_least64_t count;
    atomic_uint_least64_t ns;
} hsm_meter;

typedef struct hsm_meter_reading {
    uint64_t count;
    uint64_t ns; /* all of them together */
} hsm_meter_reading;

static inline void hsm_meter_start(hsm_meter *meter)
{
    atomic_store(&meter->is_on, true);
}

/* What hsm_meter_end() wants to know. */
static inline uint64_t hsm_meter_begin(const hsm_meter *meter)
{
    return atomic_load_explicit(&meter->is_on, memory_order_relaxed) ? hsm_clock_monotonic_ns() : 0;
}

static inline void hsm_meter_end(hsm_meter *meter, uint64_t begun_ns)
{
    if (begun_ns == 0)
        return;
    (void)atomic_fetch_add_explicit(&meter->count, 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&meter->ns, hsm_clock_monotonic_ns() - begun_ns,
                                    memory_order_relaxed);
}

static inline hsm_meter_reading hsm_meter_read(const hsm_meter *meter)
{
    return (hsm_meter_reading){ .count = atomic_load(&meter->count),
                                .ns = atomic_load(&meter->ns) };
}

#endif
