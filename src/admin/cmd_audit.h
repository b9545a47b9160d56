/* What the commands of the group "audit" share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_CMD_AUDIT_H
#define HSM_ADMIN_CMD_AUDIT_H

#include "admin/admin.h"
#include "core/audit_log.h"

/* The log that is read, unless it is the configuration's. */
#define HSM_ADMIN_OPTION_LOG                                                               \
    {                                                                                      \
        .name = "log", .value = "PATH", .help = "this log instead of the configuration's", \
        .kind = HSM_ADMIN_FILE,                                                            \
    }
#define HSM_ADMIN_OPTION_PUBLIC_KEY                                                 \
    {                                                                               \
        .name = "public-key", .value = "FILE",                                      \
        .help = "public keys of the checkpoints, as audit public-keys writes them", \
        .kind = HSM_ADMIN_FILE,                                                     \
    }

/* Opens the log of --log, or of the configuration; public_keys may be empty.
 * errors  as of hsm_core_audit_open(), with hints */
HSM_MUST_USE hsm_err hsm_admin_open_audit(hsm_admin *admin, hsm_bytes public_keys,
                                          hsm_core_audit **out_audit);
/* The path that is opened by it; borrowed. */
const char *hsm_admin_audit_path(const hsm_admin *admin);

/* The file of --public-key; nothing when it is not given. */
HSM_MUST_USE hsm_err hsm_admin_read_audit_keys(hsm_admin *admin, hsm_buf *out_pem);
/* As hsm_core_audit_verify(), with a progress bar. */
HSM_MUST_USE hsm_err hsm_admin_verify_audit(hsm_core_audit *audit, hsm_audit_verdict *out_verdict);
/* Reports a verdict; gives the error to end with: HSM_E_DATA (a fault) or HSM_OK. */
HSM_MUST_USE hsm_err hsm_admin_end_verdict(hsm_admin *admin, const hsm_audit_verdict *verdict);

/* What a log holds, counted in one pass; the log may grow behind it. */
typedef struct hsm_admin_audit_count {
    uint64_t lines;
    uint64_t damaged; /* of them: no entries */
} hsm_admin_audit_count;
/* Reads the log to its end and begins again. errors HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_admin_count_audit(hsm_core_audit *audit, hsm_admin_audit_count *out_count);
/* For a log with damaged lines, all of which was shown: says so on standard error and gives the error to
 * end with; else HSM_OK. */
hsm_err hsm_admin_end_audit(hsm_admin *admin, const hsm_admin_audit_count *count);

/* cmd_audit_export.c */
hsm_err hsm_admin_run_dump(hsm_admin *admin);
hsm_err hsm_admin_run_export_json(hsm_admin *admin);
hsm_err hsm_admin_run_export_ndjson(hsm_admin *admin);
hsm_err hsm_admin_run_export_syslog(hsm_admin *admin);
/* cmd_audit_report.c */
hsm_err hsm_admin_run_audit_report(hsm_admin *admin);
/* cmd_audit_stats.c */
hsm_err hsm_admin_run_audit_stats(hsm_admin *admin);
/* cmd_audit_verify.c */
hsm_err hsm_admin_run_verify_chain(hsm_admin *admin);
hsm_err hsm_admin_run_public_keys(hsm_admin *admin);
hsm_err hsm_admin_run_checkpoint(hsm_admin *admin);
hsm_err hsm_admin_run_prove(hsm_admin *admin);
hsm_err hsm_admin_run_check(hsm_admin *admin);

#endif
