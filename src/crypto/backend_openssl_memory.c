/* Where OpenSSL keeps what it makes of keys: expanded AES keys, numbers of RSA and EC keys, HMAC
 * states, ... Its own secure heap (CRYPTO_secure_malloc_init) takes only part of these; so all of its
 * memory comes from ours.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <pthread.h>

#include "base/log.h"
#include "base/secret_heap.h"
#include "crypto/backend_openssl.h"

/* A sanitizer looks at blocks of its own making only. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifndef IS_SANITIZED

static void *alloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return hsm_secret_heap_alloc(len);
}

static void *resize(void *block, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return hsm_secret_heap_resize(block, len);
}

static void release(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    hsm_secret_heap_free(block);
}

/* OpenSSL takes other functions only before its first allocation: with a copy that the process
 * shares, somebody may have been here before. */
static void install(void)
{
    if (CRYPTO_set_mem_functions(alloc, resize, release) != 1)
        hsm_log(HSM_LOG_WARNING,
                "OpenSSL was in use before: its copies of keys are in plain memory");
}

/* OpenSSL waits for itself for ever when its very first allocations fail: to report that, it sets up
 * what it is setting up already. So there is a chunk of our heap before. */
static hsm_err have_first_memory(void)
{
    void *first = hsm_secret_heap_alloc(1);

    HSM_CHECK(first != NULL, HSM_E_NO_MEMORY);
    hsm_secret_heap_free(first);
    return HSM_OK;
}

#else

static void install(void)
{
}

static hsm_err have_first_memory(void)
{
    return HSM_OK;
}

#endif

hsm_err hsm_ossl_memory_protect(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install);
    return have_first_memory();
}
