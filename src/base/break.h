/* Proof that the self-tests can fail: a build with -Dbreak=true lets CRATON_HSM_BREAK=NAME make one
 * thing wrong at run time (docs/self-tests.md). In every other build this is nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_BREAK_H
#define HSM_BASE_BREAK_H

#include <stdbool.h>

#ifdef HSM_BREAK
#include <stdlib.h>
#include <string.h>
#endif

/* Whether the thing of this name is to be wrong. */
static inline bool hsm_break(const char *name)
{
#ifdef HSM_BREAK
    const char *chosen = getenv("CRATON_HSM_BREAK");

    return chosen != NULL && strcmp(chosen, name) == 0;
#else
    (void)name;
    return false;
#endif
}

#endif
