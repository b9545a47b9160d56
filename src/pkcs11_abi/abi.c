/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/thread_mark.h"
#include "core/process.h"

#define STRIPE_COUNT 64u
#define STRIPE_BITS 6u
#define CACHE_LINE_BYTES 64

/* Marks a generation whose state is being set up by one thread. */
#define SETTING_UP (UINT64_C(1) << 63)

/* Callers inside, counted by the threads that share this stripe: a cache line of their own, so that
 * threads do not slow each other down. */
typedef struct stripe {
    _Alignas(CACHE_LINE_BYTES) atomic_uint callers;
} stripe;

/* The library: the only state that is not reached through a core. */
static struct {
    stripe stripes[STRIPE_COUNT];
    _Atomic(hsm_core *) core;     /* NULL: closed */
    _Atomic(uint64_t) generation; /* process for which all this is valid; 0: none yet */
    atomic_bool is_draining;
    atomic_bool has_failed;
    pthread_mutex_t life_lock;  /* one C_Initialize or C_Finalize at a time */
    pthread_mutex_t drain_lock; /* for the condition only */
    pthread_cond_t drained;
    pthread_cond_t closed;     /* under drain_lock too */
    atomic_uint_fast64_t ends; /* how often the library was closed */
} library = {
    .life_lock = PTHREAD_MUTEX_INITIALIZER,
    .drain_lock = PTHREAD_MUTEX_INITIALIZER,
    .drained = PTHREAD_COND_INITIALIZER,
    .closed = PTHREAD_COND_INITIALIZER,
};

/* Multiplying spreads the threads over the stripes. */
static stripe *own_stripe(void)
{
    return &library.stripes[(hsm_thread_mark() >> 6) * UINT64_C(0x9e3779b97f4a7c15) >>
                            (64 - STRIPE_BITS)];
}

static bool is_anybody_inside(void)
{
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        if (atomic_load(&library.stripes[i].callers) > 0)
            return true;
    }
    return false;
}

/* In the error state nobody comes in any more. The last who leaves closes the core, which wipes the
 * keys; an application need not wait for C_Finalize. The lock is not waited for: who holds it for long
 * has taken the core, and C_Finalize waits for those who leave. */
static HSM_APART void close_if_failed(void)
{
    while (atomic_load(&library.core) != NULL && !is_anybody_inside()) {
        if (pthread_mutex_trylock(&library.life_lock) != 0) {
            (void)sched_yield();
            continue;
        }
        if (atomic_load(&library.has_failed) && !is_anybody_inside())
            hsm_core_close(atomic_exchange(&library.core, NULL));
        (void)pthread_mutex_unlock(&library.life_lock);
        return;
    }
}

static HSM_APART void tell_drain(void)
{
    (void)pthread_mutex_lock(&library.drain_lock);
    (void)pthread_cond_broadcast(&library.drained);
    (void)pthread_mutex_unlock(&library.drain_lock);
}

static void leave(stripe *mine)
{
    (void)atomic_fetch_sub(&mine->callers, 1);
    if (atomic_load(&library.has_failed))
        close_if_failed();
    /* In this order: either abi_close() sees the lower count, or we see that it waits. */
    if (atomic_load(&library.is_draining))
        tell_drain();
}

static bool is_own_process(void)
{
    return atomic_load_explicit(&library.generation, memory_order_acquire) ==
           hsm_core_process_generation();
}

hsm_core *abi_enter(void)
{
    if (!is_own_process() || atomic_load_explicit(&library.core, memory_order_relaxed) == NULL)
        return NULL;

    stripe *mine = own_stripe();
    (void)atomic_fetch_add(&mine->callers, 1);
    /* Read after we are counted: abi_close() clears the pointer before it counts. */
    hsm_core *core = atomic_load(&library.core);
    if (core != NULL && hsm_core_has_failed(core))
        atomic_store(&library.has_failed, true);
    if (core != NULL && !atomic_load(&library.has_failed))
        return core;
    leave(mine);
    return NULL;
}

void abi_leave(hsm_core **core)
{
    if (*core != NULL)
        leave(own_stripe());
}

CK_RV abi_refused(void)
{
    return is_own_process() && atomic_load(&library.has_failed) ? CKR_GENERAL_ERROR
                                                                : CKR_CRYPTOKI_NOT_INITIALIZED;
}

/* Every thread but the one that forked is gone, perhaps while it held a lock or was counted. */
static void forget_parent(void)
{
    hsm_core *inherited = atomic_exchange(&library.core, NULL);

    for (size_t i = 0; i < STRIPE_COUNT; i++)
        atomic_store(&library.stripes[i].callers, 0);
    (void)pthread_mutex_init(&library.life_lock, NULL);
    (void)pthread_mutex_init(&library.drain_lock, NULL);
    (void)pthread_cond_init(&library.drained, NULL);
    (void)pthread_cond_init(&library.closed, NULL);
    atomic_store(&library.is_draining, false);
    atomic_store(&library.has_failed, false);
    hsm_core_abandon(inherited);
}

/* Makes the state above that of this process. Lock-free up to the one thread that does it, because
 * the locks may be among what must be forgotten. */
static hsm_err adopt(void)
{
    HSM_TRY(hsm_core_process_watch());
    const uint64_t own = hsm_core_process_generation();
    uint64_t known = atomic_load(&library.generation);

    while (known != own) {
        if (known == (own | SETTING_UP)) {
            (void)sched_yield();
            known = atomic_load(&library.generation);
        } else if (atomic_compare_exchange_strong(&library.generation, &known, own | SETTING_UP)) {
            if (known != 0)
                forget_parent();
            atomic_store(&library.generation, own);
            return HSM_OK;
        }
    }
    return HSM_OK;
}

static void unlock(pthread_mutex_t **lock)
{
    (void)pthread_mutex_unlock(*lock);
}

static pthread_mutex_t *lock_life(void)
{
    (void)pthread_mutex_lock(&library.life_lock);
    return &library.life_lock;
}

static void core_drop(hsm_core **core)
{
    hsm_core_close(*core);
}

hsm_err abi_open(bool may_start_threads)
{
    HSM_TRY(adopt());
    HSM_AUTO(unlock) pthread_mutex_t *lock = lock_life();
    HSM_AUTO(core_drop) hsm_core *core = NULL;

    (void)lock;
    HSM_CHECK(!atomic_load(&library.has_failed), HSM_E_SELF_TEST);
    HSM_CHECK(atomic_load(&library.core) == NULL, HSM_E_ALREADY_INITIALIZED);
    HSM_TRY(hsm_core_open(NULL, &core));
    if (may_start_threads)
        HSM_TRY(hsm_core_allow_async(core));
    atomic_store(&library.core, HSM_MOVE(core));
    return HSM_OK;
}

/* Waits until every stripe was seen empty once: who was inside when the pointer went has left then,
 * and who comes later finds no core. */
static void drain(void)
{
    atomic_store(&library.is_draining, true);
    (void)pthread_mutex_lock(&library.drain_lock);
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        while (atomic_load(&library.stripes[i].callers) > 0)
            (void)pthread_cond_wait(&library.drained, &library.drain_lock);
    }
    (void)pthread_mutex_unlock(&library.drain_lock);
    atomic_store(&library.is_draining, false);
}

/* Lets those go who wait for the end. */
static void tell_end(void)
{
    (void)pthread_mutex_lock(&library.drain_lock);
    (void)atomic_fetch_add(&library.ends, 1);
    (void)pthread_cond_broadcast(&library.closed);
    (void)pthread_mutex_unlock(&library.drain_lock);
}

hsm_err abi_wait_for_end(void)
{
    const uint64_t ends = atomic_load(&library.ends);
    hsm_core *core = abi_enter();

    HSM_CHECK(core != NULL, HSM_E_NOT_INITIALIZED);
    abi_leave(&core); /* who waits must not be waited for */
    (void)pthread_mutex_lock(&library.drain_lock);
    while (atomic_load(&library.ends) == ends)
        (void)pthread_cond_wait(&library.closed, &library.drain_lock);
    (void)pthread_mutex_unlock(&library.drain_lock);
    return HSM_E_NOT_INITIALIZED;
}

hsm_err abi_close(void)
{
    HSM_CHECK(is_own_process(), HSM_E_NOT_INITIALIZED);
    HSM_AUTO(unlock) pthread_mutex_t *lock = lock_life();
    hsm_core *core = atomic_exchange(&library.core, NULL);

    (void)lock;
    HSM_CHECK(core != NULL || atomic_load(&library.has_failed), HSM_E_NOT_INITIALIZED);
    tell_end();
    drain();
    hsm_core_close(core);
    atomic_store(&library.has_failed, false); /* those who were inside may have met the failure */
    return HSM_OK;
}

/* What an operator must hear about. */
static bool is_serious(hsm_err err)
{
    static const hsm_err serious[] = {
        HSM_E_NO_LOCKED_MEMORY, HSM_E_CONFIG,        HSM_E_STORE_IO,   HSM_E_STORE_FULL,
        HSM_E_STORE_BUSY,       HSM_E_STORE_CORRUPT, HSM_E_STORE_LOST, HSM_E_STORE_VERSION,
        HSM_E_STORE_PERMISSION, HSM_E_SELF_TEST,     HSM_E_CRYPTO,     HSM_E_RANDOM,
        HSM_E_INTERNAL,         HSM_E_AUDIT,
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(serious); i++) {
        if (serious[i] == err)
            return true;
    }
    return false;
}

/* Also when the core knows it and this call's error says something else. */
static bool has_failed(void)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter(); /* looks at the core */

    return core == NULL && is_own_process() && atomic_load(&library.has_failed);
}

CK_RV abi_rv(hsm_err err)
{
    if (err == HSM_OK)
        return CKR_OK;
    if (err == HSM_E_SELF_TEST || err == HSM_E_INTERNAL)
        atomic_store(&library.has_failed, true);
    hsm_log(is_serious(err) ? HSM_LOG_ERROR : HSM_LOG_DEBUG, "%s", hsm_err_text(err));
    return has_failed() ? CKR_GENERAL_ERROR : hsm_err_ck_rv(err);
}
