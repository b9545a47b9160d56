/* Whose turn it is to have a PIN judged: one thread of one process at a time, over all who share a
 * store.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_LOGIN_TURN_H
#define HSM_STORE_LOGIN_TURN_H

#include <stdint.h>

#include "base/scope.h"

typedef struct hsm_login_turn hsm_login_turn;

/* in      path     lock file, made when absent; NULL: this process only (the memory driver)
 *         busy_ms  longest wait for others
 * errors  HSM_E_STORE_PERMISSION, HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_login_turn_open(const char *path, uint32_t busy_ms,
                                         hsm_login_turn **out_turn);
void hsm_login_turn_close(hsm_login_turn *turn);
/* In a forked child: gives the descriptor up; the mutex may be held by a thread that is not here. */
void hsm_login_turn_abandon(hsm_login_turn *turn);
/* errors  HSM_E_STORE_BUSY, HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_login_turn_take(hsm_login_turn *turn);
void hsm_login_turn_give(hsm_login_turn *turn);

#endif
