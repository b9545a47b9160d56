/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread_mark.h"

#include "base/scope.h"

uint64_t hsm_thread_mark(void)
{
    static HSM_THREAD_LOCAL char here; /* its place is the number */

    return (uint64_t)(uintptr_t)&here;
}
