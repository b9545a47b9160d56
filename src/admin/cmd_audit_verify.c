/* audit verify-chain, and what needs its keys: public-keys, checkpoint, prove, check.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cmd_audit.h"
#include "admin/terminal.h"
#include "os/file.h"

/* Two keys as PEM are 3 KiB, a proof is at most two lines and 20 hashes. */
#define KEYS_FILE_MAX_BYTES (64u * 1024u)
#define PROOF_FILE_MAX_BYTES (64u * 1024u)

hsm_err hsm_admin_read_audit_keys(hsm_admin *admin, hsm_buf *out_pem)
{
    const char *path = hsm_admin_text(admin, "public-key");

    if (path == NULL)
        return HSM_OK;
    const hsm_err err = hsm_file_read(path, HSM_FILE_ANY, KEYS_FILE_MAX_BYTES, out_pem);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s", path);
    return out_pem->len > 0 ? HSM_OK : hsm_admin_fail(admin, HSM_E_DATA, "%s is empty", path);
}

/* --- verify-chain ------------------------------------------------------------------------------ */

static bool show_progress(void *arg, uint64_t done, uint64_t all)
{
    hsm_progress_step(arg, done, all);
    return false;
}

static void put_fault(hsm_admin_report *report, const hsm_audit_verdict *verdict)
{
    hsm_admin_put_text(report, "fault", "Fault", hsm_audit_fault_name(verdict->fault));
    if (verdict->fault == HSM_AUDIT_FAULT_NONE)
        return;
    hsm_admin_put_number(report, "bad_index", "First bad entry", verdict->bad_index);
    if (verdict->bad_file[0] != '\0') {
        hsm_admin_put_text(report, "bad_file", "In file", verdict->bad_file);
        hsm_admin_put_number(report, "bad_line", "At line", verdict->bad_line);
    }
    hsm_admin_note(report, "entry %" PRIu64 ": %s", verdict->bad_index,
                   hsm_audit_fault_text(verdict->fault));
}

/* What a good verdict does not say. */
static void put_limits(hsm_admin_report *report, const hsm_audit_verdict *verdict)
{
    if (verdict->fault != HSM_AUDIT_FAULT_NONE)
        return;
    if (!verdict->is_keyed && !verdict->is_signed)
        hsm_admin_note(report, "without a key only the hashes are checked, which anybody can make "
                               "anew: give --public-key");
    if (!verdict->is_keyed && verdict->is_signed && verdict->proven < verdict->entries)
        hsm_admin_note(report,
                       "%" PRIu64 " entries after the last checkpoint are chained, but not proven",
                       verdict->entries - verdict->proven);
    if (!verdict->has_head)
        hsm_admin_note(report, "whether entries are missing at the end can't be seen here");
}

static void put_verdict(hsm_admin *admin, const hsm_audit_verdict *verdict)
{
    hsm_admin_report *report = admin->report;
    const bool is_good = verdict->fault == HSM_AUDIT_FAULT_NONE;

    hsm_admin_put_text(report, "log", "Log", hsm_admin_audit_path(admin));
    hsm_admin_put_verdict(report, "verdict", "Verdict", is_good ? HSM_ADMIN_OK : HSM_ADMIN_ERROR);
    put_fault(report, verdict);
    hsm_admin_put_number(report, "entries", "Good entries", verdict->entries);
    hsm_admin_put_number(report, "first_index", "From entry", verdict->first_index);
    hsm_admin_put_time(report, "first_time", "First", verdict->first_timestamp);
    hsm_admin_put_time(report, "last_time", "Last", verdict->last_timestamp);
    hsm_admin_put_number(report, "checkpoints", "Checkpoints", verdict->checkpoints);
    hsm_admin_put_number(report, "proven", "Proven by them", verdict->proven);
    hsm_admin_put_bool(report, "keyed", "Codes checked", verdict->is_keyed);
    hsm_admin_put_bool(report, "signed", "Signatures checked", verdict->is_signed);
    hsm_admin_put_bool(report, "end_checked", "End checked", verdict->has_head);
    put_limits(report, verdict);
}

hsm_err hsm_admin_verify_audit(hsm_core_audit *audit, hsm_audit_verdict *out_verdict)
{
    hsm_progress bar;

    hsm_progress_begin(&bar, "verifying");
    const hsm_err err = hsm_core_audit_verify(audit, show_progress, &bar, out_verdict);
    hsm_progress_end(&bar);
    return err;
}

hsm_err hsm_admin_end_verdict(hsm_admin *admin, const hsm_audit_verdict *verdict)
{
    put_verdict(admin, verdict);
    if (verdict->fault == HSM_AUDIT_FAULT_NONE)
        return HSM_OK;
    admin->is_quiet_failure = true;
    return HSM_E_DATA;
}

hsm_err hsm_admin_run_verify_chain(hsm_admin *admin)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };
    hsm_audit_verdict verdict;

    HSM_TRY(hsm_admin_read_audit_keys(admin, &pem));
    HSM_TRY(hsm_admin_open_audit(admin, hsm_buf_view(&pem), &audit));
    HSM_TRY(hsm_admin_verify_audit(audit, &verdict));
    return hsm_admin_end_verdict(admin, &verdict);
}

/* --- keys and proofs --------------------------------------------------------------------------- */

static hsm_err own_keys(hsm_admin *admin, hsm_buf *out_pem)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;

    HSM_TRY(hsm_admin_open_audit(admin, hsm_bytes_none(), &audit));
    const hsm_err err = hsm_core_audit_public_keys(audit, out_pem);
    if (err == HSM_E_STORE_NOT_FOUND)
        return hsm_admin_fail(admin, err, "the keys of %s", hsm_admin_audit_path(admin));
    return err;
}

hsm_err hsm_admin_run_public_keys(hsm_admin *admin)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };

    HSM_TRY(own_keys(admin, &pem));
    hsm_admin_put_result(admin, "pem", hsm_buf_view(&pem));
    return HSM_OK;
}

hsm_err hsm_admin_run_checkpoint(hsm_admin *admin)
{
    HSM_TRY(hsm_admin_open_core(admin));
    HSM_TRY(hsm_core_audit_checkpoint(admin->core));
    hsm_admin_put_text(admin->report, "log", "Signed", admin->config->audit.log_path);
    return HSM_OK;
}

/* The entry's number. */
static hsm_err read_index(hsm_admin *admin, uint64_t *out_index)
{
    const char *text = admin->operand;
    uint64_t index = 0;

    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || index > (UINT64_MAX - 9) / 10)
            return hsm_admin_fail(admin, HSM_E_ARG, "%s: not the number of an entry", text);
        index = index * 10 + (uint64_t)(*digit - '0');
    }
    if (text[0] == '\0')
        return hsm_admin_fail(admin, HSM_E_ARG, "the number of an entry is empty");
    *out_index = index;
    return HSM_OK;
}

static hsm_err explain_prove(hsm_admin *admin, hsm_err err)
{
    switch ((int)err) {
    case HSM_E_STORE_NOT_FOUND:
        return hsm_admin_fail(admin, err, "entry %s", admin->operand);
    case HSM_E_NO_EVENT:
        hsm_admin_hint(admin, "craton-hsm-admin audit checkpoint");
        return hsm_admin_fail(admin, err, "no checkpoint covers entry %s yet", admin->operand);
    case HSM_E_DATA:
        hsm_admin_hint(admin, "craton-hsm-admin audit verify-chain");
        return hsm_admin_fail(admin, err, "the log around entry %s", admin->operand);
    default:
        return err;
    }
}

hsm_err hsm_admin_run_prove(hsm_admin *admin)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf proof = { 0 };
    uint64_t index = 0;

    HSM_TRY(read_index(admin, &index));
    HSM_TRY(hsm_admin_open_audit(admin, hsm_bytes_none(), &audit));
    HSM_TRY(explain_prove(admin, hsm_core_audit_prove(audit, index, &proof)));
    hsm_admin_put_result(admin, "proof", hsm_buf_view(&proof));
    return HSM_OK;
}

hsm_err hsm_admin_run_check(hsm_admin *admin)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf proof = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf line = { 0 };

    HSM_TRY(hsm_admin_read_audit_keys(admin, &pem));
    if (pem.len == 0)
        HSM_TRY(own_keys(admin, &pem));
    hsm_err err = hsm_file_read(admin->operand, HSM_FILE_ANY, PROOF_FILE_MAX_BYTES, &proof);
    if (err == HSM_OK)
        err = hsm_core_audit_check_proof(hsm_buf_view(&pem), hsm_buf_view(&proof), &line);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s%s", admin->operand,
                              err == HSM_E_SIGNATURE ? ": the proof does not hold"
                              : err == HSM_E_DATA    ? ": no proof, or the keys are none"
                                                     : "");
    HSM_TRY(hsm_buf_append(&line, hsm_bytes_of_text(admin->is_json ? "" : "\n")));
    hsm_admin_put_result(admin, "entry", hsm_buf_view(&line));
    return HSM_OK;
}
