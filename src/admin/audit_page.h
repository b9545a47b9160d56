/* The report of the audit log as one self-contained HTML page: no script, nothing from elsewhere.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_AUDIT_PAGE_H
#define HSM_ADMIN_AUDIT_PAGE_H

#include <stdio.h>

#include "admin/audit_summary.h"

typedef struct hsm_audit_page {
    const char *log;  /* its path */
    uint64_t made_at; /* nanoseconds since 1970 */
    const hsm_summary *summary;
    const hsm_audit_verdict *verdict;
} hsm_audit_page;

/* Whatever the log's texts hold, they are text on the page. The caller looks at ferror(out). */
void hsm_audit_page_write(const hsm_audit_page *page, FILE *out);

#endif
