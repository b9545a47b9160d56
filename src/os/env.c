/* SPDX-License-Identifier: Apache-2.0 */
#include "os/env.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

bool hsm_env_is_setid(void)
{
    return getauxval(AT_SECURE) != 0 || getuid() != geteuid() || getgid() != getegid();
}

const char *hsm_env_get(const char *name)
{
    const char *value = hsm_env_is_setid() ? NULL : secure_getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}
