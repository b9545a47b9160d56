/* Noticing that this is a forked child, without a system call.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_FORK_H
#define HSM_OS_FORK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/scope.h"

/* Hooks at a time. */
#define HSM_FORK_HOOKS_MAX 16u

/* Gets ready, once for the process; later calls do nothing. Without it no hook is called, and the
 * first hsm_fork_generation() does it.
 * errors  HSM_E_NO_MEMORY
 * thread  any */
HSM_MUST_USE hsm_err hsm_fork_setup(void);

/* Another number in every process of a family: who keeps it at creation and finds another one later
 * is in a forked child. Also notices children of a bare clone(). Never 0.
 * thread  any; wait-free, a memory read (where the kernel lacks MADV_WIPEONFORK: a system call) */
uint64_t hsm_fork_generation(void);

/* This process's id, as getpid() gives it. The linker makes this of every getpid() of ours and of a
 * libcrypto that is linked in (--wrap), whose random generators ask before each request.
 * thread  any; wait-free, a memory read (before hsm_fork_setup(), and where the kernel lacks
 *         MADV_WIPEONFORK: a system call). Processes that share their memory (vfork(), clone() with
 *         CLONE_VM) get the same answer: they share the state of the generators as well. */
pid_t hsm_process_id(void) __asm__("__wrap_getpid");

/* Has child(arg) called in every forked child, before fork() returns there; it may do only what a
 * signal handler may. hsm_secret_after_fork() is called before all hooks, always.
 * errors  HSM_E_LIMIT
 * thread  any */
HSM_MUST_USE hsm_err hsm_fork_hook_add(void (*child)(void *arg), void *arg);
/* Undoes it; arg may be freed afterwards. Nothing happens if there is no such hook. */
void hsm_fork_hook_remove(void (*child)(void *arg), void *arg);

#endif
