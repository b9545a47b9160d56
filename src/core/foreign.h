/* What the ways share on which objects of other systems come here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_FOREIGN_H
#define HSM_CORE_FOREIGN_H

#include "base/buf.h"
#include "core/internal.h"
#include "core/migrate.h"

/* Whether an error means that this token can't have such an object. */
bool hsm_foreign_is_refusal(hsm_err err);

/* An attribute that is not as it was; what and why are constants. watch NULL: nobody is told. */
void hsm_foreign_tell(const hsm_migrate_watch *watch, const char *name, uint64_t type,
                      const char *what, const char *why);
/* Text that may be none: other bytes than UTF-8 are taken for ISO 8859-1 and rewritten into `room`.
 * after   *value is UTF-8, borrowed from itself or from room; *out_is_new says which
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_foreign_text(hsm_bytes *value, hsm_buf *room, bool *out_is_new);
#define HSM_FOREIGN_TEXT_WHY "text is UTF-8 here; the other bytes were taken for ISO 8859-1"

#endif
