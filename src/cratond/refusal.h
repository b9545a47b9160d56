/* What is refused by the rules for clients leaves an entry in the audit log. The loop may not wait for the
 * disk, so a worker writes it, while the refusal is on its way.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_REFUSAL_H
#define HSM_CRATOND_REFUSAL_H

#include "core/core.h"
#include "cratond/pool.h"

/* In the loop. who: the client's first name; what: what was refused; both are copied.
 * errors  HSM_E_LIMIT (the workers have too much to do), HSM_E_NO_MEMORY: no entry will be written */
HSM_MUST_USE hsm_err refusal_tell(pool *workers, hsm_core *root, const char *who, const char *what);

#endif
