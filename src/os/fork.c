/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/secret_heap.h"

/* One page. The kernel zeroes it in a child, so a zero generation means: forked, not numbered, and a
 * zero id: not asked for yet. */
typedef struct wiped_page {
    atomic_uint_least64_t generation;
    atomic_long pid;
} wiped_page;

typedef struct hook {
    void (*_Atomic child)(void *arg);
    void *arg;
} hook;

/* Process-wide, as a process is what forks. */
static struct {
    pthread_mutex_t lock; /* setup and hooks */
    _Atomic(wiped_page *) page;
    atomic_uint_least64_t last; /* the newest generation of this family line */
    atomic_long pid;            /* of the process that `last` numbers; only without wiping */
    atomic_bool is_wiped_by_kernel;
    hook hooks[HSM_FORK_HOOKS_MAX];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* getpid() itself may come to hsm_process_id(). */
static long ask_pid(void)
{
    return syscall(SYS_getpid);
}

/* Numbers this process if nobody has yet; whether it was this call. */
static bool number_process(wiped_page *page)
{
    uint_least64_t none = 0;
    const uint_least64_t next = atomic_fetch_add(&state.last, 1) + 1;

    return atomic_compare_exchange_strong(&page->generation, &none, next);
}

static void in_child(void)
{
    const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    wiped_page *page = atomic_load(&state.page);

    hsm_secret_after_fork();
    hsm_secret_heap_after_fork();
    memcpy(&state.lock, &fresh, sizeof fresh); /* another thread may have held it */
    atomic_store(&page->generation, 0);
    atomic_store(&page->pid, 0);
    atomic_store(&state.pid, ask_pid());
    (void)number_process(page);
    for (size_t i = 0; i < HSM_FORK_HOOKS_MAX; i++) {
        void (*child)(void *arg) = atomic_load(&state.hooks[i].child);

        if (child != NULL)
            child(state.hooks[i].arg);
    }
}

/* Expects the lock. */
static hsm_err setup_page(void)
{
    const size_t len = (size_t)sysconf(_SC_PAGESIZE);

    if (atomic_load(&state.page) != NULL)
        return HSM_OK;
    void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HSM_CHECK(map != MAP_FAILED, HSM_E_NO_MEMORY);
    if (pthread_atfork(NULL, NULL, in_child) != 0) {
        (void)munmap(map, len);
        return HSM_E_NO_MEMORY;
    }
    wiped_page *page = map;
    atomic_store(&state.is_wiped_by_kernel, madvise(map, len, MADV_WIPEONFORK) == 0);
    atomic_store(&state.pid, ask_pid());
    (void)number_process(page);
    atomic_store(&state.page, page);
    return HSM_OK;
}

hsm_err hsm_fork_setup(void)
{
    (void)pthread_mutex_lock(&state.lock);
    const hsm_err err = setup_page();
    (void)pthread_mutex_unlock(&state.lock);
    return err;
}

/* A child that no handler ran in (clone() called directly): number it now. */
static void notice_bare_child(wiped_page *page)
{
    if (number_process(page)) {
        hsm_secret_after_fork();
        hsm_secret_heap_after_fork();
    }
}

/* The first call, and the first one in a child; without wiping, every call. */
static HSM_APART uint64_t look_closer(void)
{
    wiped_page *page = atomic_load_explicit(&state.page, memory_order_acquire);

    if (page == NULL) {
        if (hsm_fork_setup() != HSM_OK)
            return UINT64_MAX;
        page = atomic_load(&state.page);
    }
    if (!atomic_load_explicit(&state.is_wiped_by_kernel, memory_order_relaxed)) {
        long before = atomic_load(&state.pid);
        const long now = ask_pid();

        if (before != now && atomic_compare_exchange_strong(&state.pid, &before, now))
            atomic_store(&page->generation, 0);
    }
    uint64_t generation = atomic_load_explicit(&page->generation, memory_order_relaxed);
    if (generation == 0) {
        notice_bare_child(page);
        generation = atomic_load(&page->generation);
    }
    return generation;
}

uint64_t hsm_fork_generation(void)
{
    const wiped_page *page = atomic_load_explicit(&state.page, memory_order_acquire);
    const bool is_wiped = atomic_load_explicit(&state.is_wiped_by_kernel, memory_order_relaxed);
    const uint64_t known = page != NULL && is_wiped
                               ? atomic_load_explicit(&page->generation, memory_order_relaxed)
                               : 0;

    return known != 0 ? known : look_closer();
}

pid_t hsm_process_id(void)
{
    wiped_page *page = atomic_load_explicit(&state.page, memory_order_acquire);

    if (page == NULL || !atomic_load_explicit(&state.is_wiped_by_kernel, memory_order_relaxed))
        return (pid_t)ask_pid();
    long known = atomic_load_explicit(&page->pid, memory_order_relaxed);
    if (known == 0) {
        known = ask_pid();
        atomic_store_explicit(&page->pid, known, memory_order_relaxed);
    }
    return (pid_t)known;
}

hsm_err hsm_fork_hook_add(void (*child)(void *arg), void *arg)
{
    hsm_err err = HSM_E_LIMIT;

    (void)pthread_mutex_lock(&state.lock);
    for (size_t i = 0; i < HSM_FORK_HOOKS_MAX && err != HSM_OK; i++) {
        if (atomic_load(&state.hooks[i].child) != NULL)
            continue;
        state.hooks[i].arg = arg;
        atomic_store(&state.hooks[i].child, child); /* last: a fork may come at any moment */
        err = HSM_OK;
    }
    (void)pthread_mutex_unlock(&state.lock);
    return err;
}

void hsm_fork_hook_remove(void (*child)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&state.lock);
    for (size_t i = 0; i < HSM_FORK_HOOKS_MAX; i++) {
        if (atomic_load(&state.hooks[i].child) == child && state.hooks[i].arg == arg) {
            atomic_store(&state.hooks[i].child, NULL);
            break;
        }
    }
    (void)pthread_mutex_unlock(&state.lock);
}
