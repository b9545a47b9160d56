/* What a front door must know of its process before a core is open.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_PROCESS_H
#define HSM_CORE_PROCESS_H

#include <stdint.h>

#include "base/scope.h"

/* Starts to notice forks, once for the process; later calls do nothing. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_process_watch(void);
/* Another number in every process of a family, never 0; before the watch, one that no process has.
 * thread  any; wait-free, no system call */
uint64_t hsm_core_process_generation(void);
/* Lets CRATON_HSM_LOG decide where diagnostics go; nowhere when it is unset. */
void hsm_core_process_log(void);

#endif
