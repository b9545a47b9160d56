/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_fresh.h"

#include "base/scope.h"

static HSM_THREAD_LOCAL uint64_t current;
static HSM_THREAD_LOCAL uint64_t last;

hsm_fresh hsm_fresh_begin(bool wants)
{
    const hsm_fresh fresh = { current };

    if (wants && current == 0)
        current = ++last;
    return fresh;
}

void hsm_fresh_end(const hsm_fresh *fresh)
{
    current = fresh->before;
}

uint64_t hsm_fresh_scope(void)
{
    return current;
}
