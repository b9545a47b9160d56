/* SPDX-License-Identifier: Apache-2.0 */
#include "os/clock.h"

#include <time.h>

/* Both clocks always exist on the systems we build for, so the call can't fail. */
static uint64_t read_clock(clockid_t id)
{
    struct timespec now = { 0 };

    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * HSM_NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t hsm_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t hsm_clock_wall_secs(void)
{
    return (uint64_t)time(NULL);
}

uint64_t hsm_clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t hsm_clock_deadline_ns(uint64_t ms)
{
    const uint64_t now = hsm_clock_monotonic_ns();

    return ms > (UINT64_MAX - now) / HSM_NS_PER_MS ? UINT64_MAX : now + ms * HSM_NS_PER_MS;
}

void hsm_clock_utc(struct tm *out_time)
{
    const time_t now = (time_t)(hsm_clock_wall_ns() / HSM_NS_PER_SEC);

    if (gmtime_r(&now, out_time) == NULL)
        *out_time = (struct tm){ .tm_mday = 1 };
}
