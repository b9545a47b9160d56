/* Entering and leaving the library, and the answers it gives.
 *
 * Every C_ function but those that list functions begins with
 *
 *     HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
 *     if (core == NULL)
 *         return abi_refused();
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_PKCS11_ABI_ABI_H
#define HSM_PKCS11_ABI_ABI_H

#include "core/core.h"
#include "pkcs11/pkcs11.h"

/* Opens the library: C_Initialize after its arguments were checked. Callers that come meanwhile
 * wait for the outcome. In a forked child, forgets what the parent had first.
 * in      may_start_threads  else no asynchronous session can be opened
 * errors  HSM_E_ALREADY_INITIALIZED, HSM_E_SELF_TEST (also while an earlier failure is latched), and
 *         those of hsm_core_open() */
HSM_MUST_USE hsm_err abi_open(bool may_start_threads);

/* Closes the library: turns new callers away, waits until those inside have left, then closes.
 * Also ends a latched failure.
 * errors  HSM_E_NOT_INITIALIZED */
HSM_MUST_USE hsm_err abi_close(void);

/* Waits, outside of the library, until it is closed. Gives HSM_E_NOT_INITIALIZED, then or at once. */
HSM_MUST_USE hsm_err abi_wait_for_end(void);

/* The open core, counted as used until abi_leave(); NULL if the library is not open in this process
 * or a failure is latched. No system call, no lock. */
hsm_core *abi_enter(void);
/* For HSM_AUTO; a NULL core is allowed. */
void abi_leave(hsm_core **core);
/* Why abi_enter() gave NULL. */
CK_RV abi_refused(void);

/* An error as the standard's return value. Serious ones are logged; a failed self-test and a broken
 * invariant latch: every call answers CKR_GENERAL_ERROR until C_Finalize. */
CK_RV abi_rv(hsm_err err);

#endif
