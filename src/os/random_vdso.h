/* The kernel's random bytes without entering the kernel: its vDSO, the code that it maps into every process,
 * has a generator of the kernel's own from Linux 6.11 on. That keeps its state in memory of this process; what it
 * gives and when it takes a new seed is the kernel's affair (docs/entropy.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_RANDOM_VDSO_H
#define HSM_OS_RANDOM_VDSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills all len bytes and says so. False: ask the system call, which also knows why; out may then hold
 * anything. So it is where the kernel or the machine has no such code, where the C library's getrandom()
 * uses it by itself (glibc 2.41), and for a call when too many others are in it.
 * thread  any number at once; never waits, but in the first call, which looks for the code */
bool hsm_random_vdso(uint8_t *out, size_t len);

/* Whether it is in use here; for tests. */
bool hsm_random_vdso_is_used(void);

#endif
