/* In the module under faults OpenSSL keeps the C library's allocator, as with a copy that somebody used
 * before: our heap would hide its allocations from the shim. The heap's own failures are tested in
 * unit/base/test_secret_heap.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl.h"

hsm_err hsm_ossl_memory_protect(void)
{
    return HSM_OK;
}
