/* In the module under faults OpenSSL keeps the C library's allocator, as with a copy that somebody used
 * before: our heap would hide its allocations from the shim. The heap's own failures are tested in
 * unit/base/test_secret_heap.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <stddef.h>

#include "crypto/backend_openssl.h"
#include "fault/shim.h"

/* OpenSSL waits for itself for ever when its very first allocations fail. Behind our heap they don't
 * (crypto/backend_openssl_memory.c); nor may they here. */
hsm_err hsm_ossl_memory_protect(void)
{
    fault_plan *(*control)(void) = NULL;

    *(void **)&control = dlsym(RTLD_DEFAULT, "fault_control");
    fault_plan *plan = control != NULL ? control() : NULL;
    const bool was_armed = plan != NULL && plan->is_armed;
    if (was_armed)
        plan->is_armed = false;
    const int is_ready = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                                                 OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                                             NULL);
    if (was_armed)
        plan->is_armed = true;
    return is_ready == 1 ? HSM_OK : HSM_E_CRYPTO;
}
