/* Threads of the program's own.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_THREAD_H
#define HSM_OS_THREAD_H

#include <pthread.h>

#include "base/scope.h"

/* Starts a thread with all signals blocked: they are for threads that know what to do with them.
 * errors  HSM_E_NO_MEMORY (the system gives no more) */
HSM_MUST_USE hsm_err hsm_thread_start(void *(*run)(void *arg), void *arg, pthread_t *out_thread);

/* Processors that may be used now; at least 1. */
unsigned hsm_processor_count(void);

#endif
