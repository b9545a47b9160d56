/* Tokens as several commands show them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_TOKENS_H
#define HSM_ADMIN_TOKENS_H

#include "admin/admin.h"

/* Adds the table "tokens", a row per slot. The core is open. */
HSM_MUST_USE hsm_err hsm_admin_put_tokens(hsm_admin *admin);

#endif
