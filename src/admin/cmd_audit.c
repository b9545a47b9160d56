/* audit: the table of its commands, and what they share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_audit.h"

#include <stdio.h>

#include "base/log.h"

const char *hsm_admin_audit_path(const hsm_admin *admin)
{
    const char *path = hsm_admin_text(admin, "log");

    return path != NULL ? path : admin->config->audit.log_path;
}

hsm_err hsm_admin_open_audit(hsm_admin *admin, hsm_bytes public_keys, hsm_core_audit **out_audit)
{
    HSM_TRY(hsm_admin_open_config(admin));
    const hsm_core_audit_source source = {
        .config = admin->config,
        .path = hsm_admin_text(admin, "log"),
        .public_keys = public_keys,
    };
    const char *path = hsm_admin_audit_path(admin);
    if (path == NULL) {
        hsm_admin_hint(admin, "--log PATH, or audit.log_path in the configuration");
        return hsm_admin_fail(admin, HSM_E_STORE_NOT_FOUND, "no audit log is configured");
    }
    const hsm_err err = hsm_core_audit_open(&source, out_audit);
    if (err == HSM_OK)
        return HSM_OK;
    if (err == HSM_E_DATA) {
        hsm_admin_hint(admin, "craton-hsm-admin audit public-keys, where the log is written");
        return hsm_admin_fail(admin, err, "%s: not the two public keys of a log",
                              hsm_admin_text(admin, "public-key"));
    }
    return hsm_admin_fail(admin, err, "%s", path);
}

hsm_err hsm_admin_count_audit(hsm_core_audit *audit, hsm_admin_audit_count *out_count)
{
    hsm_admin_audit_count count = { 0 };
    hsm_core_audit_entry entry;
    hsm_err err;

    while ((err = hsm_core_audit_next(audit, &entry)) == HSM_OK) {
        count.lines++;
        if (!entry.is_entry)
            count.damaged++;
    }
    HSM_CHECK(err == HSM_E_NO_EVENT, err);
    *out_count = count;
    return hsm_core_audit_rewind(audit);
}

hsm_err hsm_admin_end_audit(hsm_admin *admin, const hsm_admin_audit_count *count)
{
    if (count->damaged == 0)
        return HSM_OK;
    hsm_log(HSM_LOG_WARNING,
            "%s: %llu lines are no entries; craton-hsm-admin audit verify-chain names the first",
            hsm_admin_audit_path(admin), (unsigned long long)count->damaged);
    admin->is_quiet_failure = true; /* the output is complete: only the status tells */
    return HSM_E_DATA;
}

/* --- the table --------------------------------------------------------------------------------- */

static const hsm_admin_option dump_options[] = {
    { .name = "last", .value = "N", .help = "only the last N entries", .kind = HSM_ADMIN_NUMBER },
    HSM_ADMIN_OPTION_LOG,
    { .name = NULL },
};
static const hsm_admin_option log_options[] = { HSM_ADMIN_OPTION_LOG, { .name = NULL } };
static const hsm_admin_option verify_options[] = {
    HSM_ADMIN_OPTION_PUBLIC_KEY,
    HSM_ADMIN_OPTION_LOG,
    { .name = NULL },
};
static const hsm_admin_option report_options[] = {
    { .name = "html", .value = "FILE", .help = "the page to write", .kind = HSM_ADMIN_FILE },
    HSM_ADMIN_OPTION_PUBLIC_KEY,
    HSM_ADMIN_OPTION_LOG,
    { .name = NULL },
};
static const hsm_admin_option no_options[] = { { .name = NULL } };

static const hsm_admin_command audit_commands[] = {
    {
        .name = "dump",
        .summary = "show entries of the audit log",
        .options = dump_options,
        .run = hsm_admin_run_dump,
    },
    {
        .name = "export-json",
        .summary = "write the audit log as one JSON array",
        .options = log_options,
        .run = hsm_admin_run_export_json,
    },
    {
        .name = "export-ndjson",
        .summary = "write the audit log as JSON objects, one a line",
        .text = "The lines are the log's own: what is exported can be verified as the log can.",
        .options = log_options,
        .run = hsm_admin_run_export_ndjson,
    },
    {
        .name = "export-syslog",
        .summary = "write the audit log as syslog messages (RFC 5424)",
        .text = "Facility 13, severity 6, or 4 for what failed; the message is the log's line.",
        .options = log_options,
        .run = hsm_admin_run_export_syslog,
    },
    {
        .name = "verify-chain",
        .summary = "check that the audit log is whole and authentic",
        .text = "Names the first bad entry, with exit status 6. On the machine of the store, with "
                "the\ndevice's keys; elsewhere a copy (--log) by the public keys (--public-key).",
        .options = verify_options,
        .run = hsm_admin_run_verify_chain,
    },
    {
        .name = "stats",
        .summary = "count entries by operation and result",
        .options = log_options,
        .run = hsm_admin_run_audit_stats,
    },
    {
        .name = "report",
        .summary = "write a page about the audit log",
        .text =
            "Operations over time, busiest keys, failures, logins, and whether the log is whole: "
            "one\nHTML file that loads nothing. Exit status 6 if the log is not whole.",
        .options = report_options,
        .run = hsm_admin_run_audit_report,
    },
    {
        .name = "public-keys",
        .summary = "write the public keys that checkpoints are signed by, as PEM",
        .options = no_options,
        .run = hsm_admin_run_public_keys,
    },
    {
        .name = "checkpoint",
        .summary = "sign everything in the audit log up to now",
        .options = no_options,
        .run = hsm_admin_run_checkpoint,
    },
    {
        .name = "prove",
        .operand = "INDEX",
        .summary = "write a proof that one entry is in the audit log",
        .text = "A checkpoint must cover the entry: audit checkpoint makes one.",
        .options = log_options,
        .run = hsm_admin_run_prove,
    },
    {
        .name = "check",
        .operand = "PROOF",
        .summary = "check the proof of one entry, and show the entry",
        .options = verify_options,
        .run = hsm_admin_run_check,
    },
};

const hsm_admin_group hsm_admin_audit_group = {
    .name = "audit",
    .summary = "read, export and verify the audit log",
    .commands = audit_commands,
    .command_count = HSM_ARRAY_LEN(audit_commands),
};
