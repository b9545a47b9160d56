/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include "base/log.h"
#include "os/env.h"
#include "os/fork.h"

hsm_err hsm_core_process_watch(void)
{
    return hsm_fork_setup();
}

uint64_t hsm_core_process_generation(void)
{
    return hsm_fork_generation();
}

void hsm_core_process_log(void)
{
    static const hsm_log_options quiet = { .sink = HSM_LOG_OFF, .level = HSM_LOG_WARNING };

    hsm_log_configure(hsm_log_parse(hsm_env_get("CRATON_HSM_LOG"), quiet));
}
