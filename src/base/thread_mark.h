/* A number by which a thread picks its part of something that threads share in parts.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_THREAD_MARK_H
#define HSM_BASE_THREAD_MARK_H

#include <stdint.h>

/* Of the calling thread, always the same; threads that live at the same time have different ones, which
 * lie at least 64 apart. Allocates nothing. */
uint64_t hsm_thread_mark(void);

#endif
