/* The environment, as far as it may be trusted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_ENV_H
#define HSM_OS_ENV_H

#include <stdbool.h>

/* Whether the process runs with more rights than who started it (set-user-id, file capabilities):
 * its environment and current directory are then somebody else's wishes. */
bool hsm_env_is_setid(void);
/* The value of a variable; NULL when unset, empty, or in a set-id process. Borrowed until the host
 * changes its environment: copy it at once. */
const char *hsm_env_get(const char *name);

#endif
